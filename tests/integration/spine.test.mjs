// spine.test.mjs - one page goes in at one end and comes out at the other: loaded with the tool,
// read back exactly, commented, voted on, and the vote seen on /live. With one Redis, and with one
// for each service. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { slow, startSystem, waitFor } from '../support/system.mjs';
import { paragraphs, part, plain, samplePage } from '../support/text.mjs';

const page = samplePage();

const eachOwn = ['articles', 'comments', 'polls'];

for (const ownRedis of [[], eachOwn]) describe(`the spine, ${ownRedis.length ? 'a Redis per service' : 'one Redis'}`, () => {
  let system;
  let article;
  let poll;

  before(async () => { system = await startSystem({ ownRedis }); });
  after(() => system?.stop());

  const comments = async () => (await system.api('GET', `/api/v1/articles/${article.id}/comments?limit=100&sort=oldest`)).json.items;

  test('voxpop load puts the page in through the services', async () => {
    const file = join(system.folder, 'page.json');
    await writeFile(file, JSON.stringify(page));
    const loaded = await system.cli(['load', file]);
    assert.equal(loaded.code, 0, loaded.err);
  });

  test('the article is read back exactly', async () => {
    const list = await system.api('GET', '/api/v1/articles');
    assert.equal(list.status, 200, list.text);
    assert.equal(list.json.items.length, 1);
    const read = () => system.api('GET', `/api/v1/articles/${list.json.items[0].id}`);
    const got = ownRedis.length ? await waitFor(async () => {
      const each = await read();
      return each.json.comment_count === page.recent_comments.length && each;
    }, { what: 'the article counts its comments' }) : await read();
    assert.equal(got.status, 200, got.text);
    article = got.json;
    assert.equal(article.title, page.article.title);
    assert.equal(article.status, 'published');
    assert.deepEqual(paragraphs(article.body_html), page.article.paragraphs);
    assert.equal(article.comment_count, page.recent_comments.length);
    const bySlug = await system.api('GET', `/api/v1/articles/${article.slug}`);
    assert.equal(bySlug.json.id, article.id);
  });

  test('its contributor is there with the links', async () => {
    assert.equal(article.contributors.length, 1);
    assert.equal(article.contributors[0].display_name, page.contributor.display_name);
    const got = await system.api('GET', `/api/v1/contributors/${article.contributors[0].handle}`);
    assert.equal(got.status, 200, got.text);
    assert.equal(got.json.display_name, page.contributor.display_name);
    assert.ok(got.json.links.some((link) => link.href.endsWith(page.contributor.twitter)), got.text);
  });

  test('each comment is there', async () => {
    const found = (await comments()).map((each) => [each.author.name, plain(each.body_html).trim()]);
    const loaded = page.recent_comments.map((each) => [each.author, each.excerpt]);
    assert.deepEqual(found.sort(), loaded.sort());
    const recent = await system.api('GET', '/api/v1/comments/recent');
    assert.equal(recent.json.items.length, loaded.length);
  });

  test('the poll is there with its options, in order', async () => {
    const got = await system.api('GET', `/api/v1/polls/${article.poll_id}`);
    assert.equal(got.status, 200, got.text);
    poll = got.json;
    assert.equal(poll.question, page.poll.question);
    assert.deepEqual(poll.options.map((each) => each.text), page.poll.options);
    assert.equal(poll.status, 'open');
    assert.equal(poll.results.voters, 0);
  });

  test('the page has it all', async () => {
    const got = await system.page(`/articles/${article.slug}`);
    assert.equal(got.status, 200);
    assert.match(got.headers['content-type'], /^text\/html; *charset=utf-8/i);
    const text = plain(got.text);
    for (const paragraph of page.article.paragraphs) assert.ok(text.includes(paragraph), paragraph);
    for (const each of page.recent_comments) assert.ok(text.includes(each.excerpt), each.excerpt);
    for (const option of page.poll.options) assert.ok(text.includes(option), option);
    assert.ok(text.includes(page.contributor.display_name));
    assert.ok(text.includes('Leave a Reply'));
    assert.ok(text.includes('View Results'));
  });

  test('a comment and a reply are posted and read back', async () => {
    const said = await system.api('POST', `/api/v1/articles/${article.id}/comments`, {
      body: { author_name: 'Zoë 🦊', body_markdown: 'First *line*.\n\nSecond & last.' },
    });
    assert.equal(said.status, 201, said.text);
    assert.ok(said.json.edit_token);
    assert.equal(said.json.status, 'approved');
    const reply = await system.api('POST', `/api/v1/articles/${article.id}/comments`, {
      body: { author_name: 'Ole', body_markdown: 'I disagree.', parent_id: said.json.id },
    });
    assert.equal(reply.status, 201, reply.text);

    const root = (await comments()).find((each) => each.id === said.json.id);
    assert.equal(root.author.name, 'Zoë 🦊');
    assert.deepEqual(paragraphs(root.body_html), ['First line.', 'Second & last.']);
    assert.match(root.body_html, /<em>line<\/em>/);
    assert.equal(root.reply_count, 1);
    assert.deepEqual(root.replies.map((each) => [each.id, each.parent_id, each.depth]), [[reply.json.id, said.json.id, 1]]);
    assert.ok(!JSON.stringify(root).includes('edit_token'), 'an edit token is shown once');

    const shown = await system.page(`/articles/${article.slug}`);
    assert.ok(part(shown.text, 'li', `id="comment-${reply.json.id}"`).includes('I disagree.'), 'the page shows the reply at once');
    await waitFor(async () => {
      const got = await system.api('GET', `/api/v1/articles/${article.id}`);
      return got.json.comment_count === page.recent_comments.length + 2;
    }, { what: 'the article counts them' });
  });

  test('a comment posted twice with one Idempotency-Key is one comment', async () => {
    const say = (text) => system.api('POST', `/api/v1/articles/${article.id}/comments`, {
      body: { author_name: 'Twice', body_markdown: text }, headers: { 'idempotency-key': 'one-key' },
    });
    const [first, second] = await Promise.all([say('Only once'), say('Only once')]);
    assert.equal(first.status, 201, first.text);
    assert.equal(second.status, 201, second.text);
    assert.equal(first.json.id, second.json.id);
    assert.equal((await say('Something else')).status, 422);
    assert.equal((await comments()).filter((each) => each.author.name === 'Twice').length, 1);
  });

  test('a vote is counted, and /live shows it within 500 ms', async () => {
    const watcher = await system.sse(`poll:${poll.id}`);
    try {
      assert.equal(watcher.status, 200);
      const snapshot = await watcher.next((each) => each.event === 'snapshot');
      assert.equal(snapshot.data.topic, `poll:${poll.id}`);
      assert.equal(snapshot.data.voters, 0);

      const choice = poll.options[2].id;
      const vote = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, {
        body: { choices: [choice] }, headers: { 'idempotency-key': 'a reader of the spine' },
      });
      const answered = performance.now();
      assert.equal(vote.status, 201, vote.text);
      assert.ok(vote.json.ballot_id);
      assert.equal(vote.json.results.counts[choice], 1);

      const seen = await watcher.next((each) => each.event === 'tally' && each.data.voters === 1);
      assert.ok(seen.at - answered < 500 * slow, `the frame came ${seen.at - answered} ms after the answer`);
      assert.equal(seen.data.counts[choice], 1);
      assert.ok(seen.data.version > snapshot.data.version);
      assert.ok(seen.id !== snapshot.id);
    } finally {
      watcher.close();
    }
    const results = await system.api('GET', `/api/v1/polls/${poll.id}/results`);
    assert.equal(results.json.voters, 1);
    const unchanged = await system.api('GET', `/api/v1/polls/${poll.id}/results?after=${results.json.version}`);
    assert.equal(unchanged.status, 304);
    const shown = await system.page(`/articles/${article.slug}`);
    assert.equal(shown.status, 200);
  });

  test('a reconnect with Last-Event-ID gets only what is newer, a foreign id a reset', async () => {
    const topic = `poll:${poll.id}`;
    const first = await system.sse(topic);
    const { id } = await first.next((each) => each.event === 'snapshot');
    first.close();
    const vote = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, {
      body: { choices: [poll.options[0].id] }, headers: { 'idempotency-key': 'another reader' },
    });
    assert.equal(vote.status, 201, vote.text);
    const again = await system.sse(topic, { lastEventId: id });
    await again.next((each) => each.data.voters === 2);
    assert.ok(!again.events.some((each) => each.data.voters === 1), 'nothing old');
    again.close();
    const foreign = await system.sse(topic, { lastEventId: '1-1' });
    await foreign.next((each) => each.event === 'reset');
    await foreign.next((each) => each.event === 'snapshot' && each.data.voters === 2);
    foreign.close();
  });

  test('an unknown topic is a problem on the stream, and too many are refused', async () => {
    const watcher = await system.sse(['poll:01ARZ3NDEKTSV4RRFFQ69G5FAV', `poll:${poll.id}`]);
    await watcher.next((each) => each.event === 'problem');
    await watcher.next((each) => each.event === 'snapshot');
    watcher.close();
    const many = await system.sse(Array.from({ length: 33 }, (_, i) => `poll:01ARZ3NDEKTSV4RRFFQ69G5F${String(i).padStart(2, '0')}`));
    assert.equal(many.status, 400);
    many.close();
  });

  test('conditional reads: ETag, 304, HEAD', async () => {
    const path = `/api/v1/articles/${article.id}`;
    const got = await system.api('GET', path);
    assert.match(got.headers.etag, /^"/);
    assert.match(got.headers['cache-control'], /public/);
    assert.ok(got.headers['x-request-id']);
    const same = await system.api('GET', path, { headers: { 'if-none-match': got.headers.etag } });
    assert.equal(same.status, 304);
    assert.equal(same.text, '');
    const head = await system.api('HEAD', path);
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
    assert.equal(head.headers['content-length'], String(got.bytes.length));
  });

  test('If-None-Match is of reading: a write answers with the record', async () => {
    const made = await system.make('/api/v1/polls', {
      question: 'Ends?', options: [{ text: 'Yes' }, { text: 'No' }], kind: 'single', results: 'always',
    });
    const closed = await system.admin('POST', `/api/v1/polls/${made.id}/close`, { headers: { 'if-none-match': '*' } });
    assert.equal(closed.status, 200, closed.text);
    assert.equal(closed.json.status, 'closed');
  });

  test('voxpop status names the instances', async () => {
    const got = await system.cli(['status']);
    assert.equal(got.code, 0, got.err);
    for (const name of ['articles', 'comments', 'polls']) assert.match(got.out, new RegExp(name));
  });
});
