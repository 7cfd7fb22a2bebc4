// reader.test.mjs - a page goes in with the tool, and readers use it in a real browser: with
// JavaScript on and two of them side by side, with it off by forms alone, and by keyboard only.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startBrowser } from '../support/browser.mjs';
import { startSystem, waitFor } from '../support/system.mjs';
import { plain, samplePage } from '../support/text.mjs';
import { bar, box, fault, flat, hasFocus, message, option, sees, text, texts, total, vote } from './parts.mjs';

const sample = samplePage(); // the one beside the checkout, or the one built into text.mjs

let system;
let browser;
let article;
let poll;
let path;

before(async () => {
  system = await startSystem();
  browser = await startBrowser(system);
  const file = join(system.folder, 'page.json');
  await writeFile(file, JSON.stringify(sample));
  const loaded = await system.cli(['load', file]);
  assert.equal(loaded.code, 0, loaded.err);
  article = (await system.api('GET', '/api/v1/articles')).json.items[0];
  poll = (await system.api('GET', `/api/v1/polls/${article.poll_id}`)).json;
  path = `/articles/${article.slug}`;
});
after(async () => {
  await browser?.close();
  await system?.stop();
});

// -- what the tests share ------------------------------------------------------------------------

let named = 0;

// A poll of its own on an article of its own, for a test that moves things.
async function freshArticle({ question = `Question ${++named}?`, options = ['Red', 'Green', 'Blue'], ...rest } = {}) {
  const asked = await system.make('/api/v1/polls', {
    question, options: options.map((text) => ({ text })), kind: 'single', results: 'always', ...rest,
  });
  const written = await system.make('/api/v1/articles', {
    title: `Piece ${++named}`, body_markdown: 'A paragraph.', status: 'published', poll_id: asked.id,
  });
  return { poll: asked, article: written, path: `/articles/${written.slug}` };
}

const tally = async (id) => (await system.api('GET', `/api/v1/polls/${id}/results`)).json;

// Somebody else votes, by the API.
async function otherVote(asked, option, key = `somebody ${++named}`) {
  const got = await system.api('POST', `/api/v1/polls/${asked.id}/ballots`, {
    body: { choices: [asked.options[option].id] }, headers: { 'idempotency-key': key },
  });
  assert.equal(got.status, 201, got.text);
}

async function stored(id = article.id) {
  const got = await system.api('GET', `/api/v1/articles/${id}/comments?limit=100&sort=oldest`);
  const all = (list) => list.flatMap((each) => [each, ...all(each.replies ?? [])]);
  return all(got.json.items);
}

const thread = (reader) => reader.page.locator('#thread');
const form = (reader) => reader.page.locator('[data-comment-form]');
const post = (reader) => form(reader).getByRole('button', { name: 'Post comment' });
const comment = (reader, body) => reader.page.locator('.comment').filter({ has: reader.page.locator(':scope > .said', { hasText: body }) });

async function write(reader, { name, email, body }) {
  if (name !== undefined) await form(reader).getByLabel('Name').fill(name);
  if (email !== undefined) await form(reader).getByLabel('Email').fill(email);
  await form(reader).getByLabel('Comment').fill(body);
}

// What is on a page that ought to be nowhere.
const inline = (reader) => reader.page.evaluate(() => [...document.querySelectorAll('*')].flatMap((each) => [
  ...(each.matches('script:not([src]), style') ? [each.outerHTML] : []),
  ...[...each.attributes].filter(({ name, value }) => /^on|^style$/.test(name) || /^\s*javascript:/i.test(value))
    .map(({ name, value }) => `${each.tagName} ${name}=${value}`),
]));

// The whole page as it was loaded, for both kinds of reader.
async function readsIt(reader) {
  assert.equal(await reader.goto(path), 200);
  const { page } = reader;
  assert.equal(await text(page.getByRole('heading', { level: 1 })), sample.article.title);
  assert.deepEqual(await texts(page.locator('.prose p')), sample.article.paragraphs.map(flat));
  for (const each of await page.locator('.prose p').all()) assert.ok(await each.isVisible());

  const contributor = page.getByRole('complementary', { name: sample.contributor.box });
  assert.ok(await contributor.getByRole('link', { name: sample.contributor.display_name, exact: true }).isVisible());
  const twitter = contributor.getByRole('link', { name: sample.contributor.twitter });
  assert.match(await twitter.getAttribute('href'), new RegExp(`^https://.*/${sample.contributor.twitter}$`));
  assert.match(await twitter.getAttribute('rel'), /nofollow/);

  const said = await thread(reader).locator(':scope > .comment').evaluateAll((list) =>
    list.map((each) => [each.querySelector('.who').textContent, each.querySelector('.said').textContent.trim()]));
  const loaded = sample.recent_comments.map((each) => [each.author, each.excerpt]);
  for (const each of loaded) assert.ok(said.some((one) => one[0] === each[0] && one[1] === each[1]), `${each} is in the thread`);
  assert.ok(await page.getByRole('heading', { name: 'Leave a Reply' }).isVisible());

  assert.ok(await box(reader).getByRole('heading', { name: 'Have Your Say' }).isVisible());
  assert.ok(await box(reader).getByRole('group', { name: sample.poll.question }).isVisible());
  assert.deepEqual(await texts(box(reader).locator('.option')), sample.poll.options);
  assert.ok(await box(reader).getByRole('link', { name: 'View Results' }).isVisible());
  assert.ok(await page.getByRole('heading', { name: 'Recent comments' }).isVisible());
}

// -- with JavaScript -----------------------------------------------------------------------------

describe('with JavaScript', () => {
  test('the page has everything', () => browser.scene(async (open) => {
    const ada = await open();
    await readsIt(ada);
    const recent = await texts(ada.page.locator('.recent li'));
    for (const each of sample.recent_comments) {
      assert.ok(recent.some((one) => one.includes(each.author) && one.includes(each.excerpt.slice(0, 40))), each.excerpt);
    }
  }));

  test('a vote goes without a reload, and the other reader sees it arrive', () => browser.scene(async (open) => {
    const [ada, ben] = [await open(), await open()];
    await Promise.all([ada.goto(path), ben.goto(path)]);
    await box(ben).getByRole('link', { name: 'View Results' }).click();
    await bar(ben, 2).waitFor();
    const beforehand = await tally(poll.id);
    assert.equal(await text(total(ben)), `${beforehand.voters} voters`);
    assert.ok(await box(ben).locator('form').isHidden());
    const seen = await text(bar(ben, 2));

    await option(ada, sample.poll.options[2]).check();
    await vote(ada).click();
    await sees(message(ada), /^Thank you\. Your vote is counted\.$/);
    assert.ok(await hasFocus(message(ada)), 'the answer has the focus');
    assert.ok(await bar(ada, 2).evaluate((each) => each.classList.contains('leading')));
    assert.equal(await text(bar(ada, 2)), `${sample.poll.options[2]} 100% 1 vote`);
    assert.ok(await box(ada).locator('form').isHidden());
    assert.ok(await box(ada).getByText(sample.poll.question).last().isVisible(), 'the question stays');

    await waitFor(async () => await text(bar(ben, 2)) !== seen, { deadline: 2500, what: 'the vote arrives at the other reader' });
    assert.equal(await text(bar(ben, 2)), `${sample.poll.options[2]} 100% 1 vote`);
    assert.equal(await bar(ben, 2).locator('.fill').getAttribute('width'), '100');
    assert.equal(await text(total(ben)), '1 voter');
    assert.deepEqual([ada.loads, ben.loads], [1, 1], 'nothing was loaded again');

    // Ben, who looks at the results, goes back and votes too.
    await box(ben).getByRole('button', { name: 'Back to the vote' }).click();
    await option(ben, sample.poll.options[0]).check();
    await vote(ben).click();
    await sees(message(ben), /^Thank you/);
    await sees(total(ada), /^2 voters$/);
    assert.deepEqual(await texts(box(ada).locator('.results b')), ['50%', '0%', '50%', '0%', '0%', '0%']);
    assert.deepEqual([ada.loads, ben.loads], [1, 1]);
    assert.deepEqual(await ben.cookies().then((all) => all.map((each) => [each.name, each.httpOnly, each.sameSite])),
      [['voxpop_voter', true, 'Lax']]);
  }));

  test('a reload remembers the vote; a second one is answered, not counted', () => browser.scene(async (open) => {
    const ada = await open();
    const fresh = await freshArticle();
    await ada.goto(fresh.path);
    await option(ada, 'Green').check();
    await vote(ada).click();
    await sees(message(ada), /^Thank you/);
    await ada.page.reload();
    await sees(message(ada), /^You have voted in this poll\.$/);
    await bar(ada, 1).waitFor();
    assert.ok(await box(ada).locator('form').isHidden());

    await ada.page.evaluate(() => localStorage.clear());
    await ada.page.reload();
    await option(ada, 'Red').check();
    ada.allow(409);
    await vote(ada).click();
    await sees(message(ada), /already voted/);
    await bar(ada, 1).waitFor();
    assert.equal(await text(bar(ada, 1)), 'Green 100% 1 vote');
    assert.equal((await tally(fresh.poll.id)).voters, 1);
  }));

  test('a vote whose answer was lost is repeated under its key and counted once', () => browser.scene(async (open) => {
    const ada = await open();
    const fresh = await freshArticle();
    await ada.goto(fresh.path);
    const keys = [];
    await ada.context.route('**/ballots', async (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      if (keys.length === 1) return route.fulfill({ status: 503, contentType: 'application/problem+json', headers: { 'retry-after': '0' }, body: '{}' });
      if (keys.length > 2) return route.continue();
      await route.fetch(); // it arrives and is counted
      return route.abort();
    });
    ada.allow(503, /net::ERR_FAILED/);
    await option(ada, 'Blue').check();
    await vote(ada).click();
    await waitFor(async () => /^Thank you/.test(await text(message(ada))), { deadline: 10000, what: 'the vote is counted' });
    assert.equal(keys.length, 3);
    assert.ok(keys[0]);
    assert.equal(new Set(keys).size, 1, 'one key');
    assert.equal((await tally(fresh.poll.id)).voters, 1);
  }));

  test('a poll without a choice, and results that wait for the vote', () => browser.scene(async (open) => {
    const [ada, ben] = [await open(), await open()];
    const fresh = await freshArticle({ kind: 'multiple', max_choices: 2, results: 'after_vote' });
    await Promise.all([ada.goto(fresh.path), ben.goto(fresh.path)]);
    assert.equal(await box(ada).getByRole('link', { name: 'View Results' }).count(), 0);
    await vote(ada).click();
    await sees(fault(ada), /^Choose an option first\.$/);
    assert.ok(await hasFocus(option(ada, 'Red')), 'the field has the focus');
    for (const each of ['Red', 'Green', 'Blue']) await option(ada, each).check();
    ada.allow(422);
    await vote(ada).click();
    await sees(fault(ada), /^Your choice must be 1 to 2 options\.$/);
    assert.match(await box(ada).getByRole('group').getAttribute('aria-describedby'), new RegExp(await fault(ada).getAttribute('id')));
    await option(ada, 'Blue').uncheck();
    await vote(ada).click();
    await sees(message(ada), /^Thank you/);
    assert.deepEqual(await texts(box(ada).locator('.results b')), ['50%', '50%', '0%']);
    assert.equal(await box(ben).locator('.results').count(), 0);
    assert.equal((await system.api('GET', `/api/v1/polls/${fresh.poll.id}`)).json.results, null);
  }));

  test('updates can be paused, and a poll that closes says so at once', () => browser.scene(async (open) => {
    const ada = await open();
    const fresh = await freshArticle();
    await ada.goto(fresh.path);
    await box(ada).getByRole('link', { name: 'View Results' }).click();
    await otherVote(fresh.poll, 0);
    await sees(total(ada), /^1 voter$/);
    await box(ada).getByRole('button', { name: 'Pause updates' }).click();
    const [, frame] = [await otherVote(fresh.poll, 0), await system.sse(`poll:${fresh.poll.id}`)];
    await frame.next((each) => each.data.voters === 2);
    frame.close();
    assert.equal(await text(total(ada)), '1 voter');
    await box(ada).getByRole('button', { name: 'Resume updates' }).click();
    await sees(total(ada), /^2 voters$/);
    await box(ada).getByRole('button', { name: 'Back to the vote' }).click();
    await box(ada).locator('form').waitFor();
    const closed = await system.admin('POST', `/api/v1/polls/${fresh.poll.id}/close`);
    assert.ok(closed.status < 300, closed.text);
    await sees(message(ada), /^This poll is closed\.$/);
    await bar(ada, 0).waitFor();
    assert.ok(await box(ada).locator('form').isHidden());
    assert.equal(ada.loads, 1);
  }));

  test('tabs share one stream, and pass it on', () => browser.scene(async (open) => {
    const ada = await open();
    const fresh = await freshArticle();
    const streams = () => ada.requests.filter(({ url }) => url.startsWith(system.urls.live)).length;
    await ada.goto(`/polls/${fresh.poll.id}?view=results`);
    await waitFor(() => streams() === 1, { what: 'the stream is opened' });
    const tab = await ada.context.newPage();
    await tab.goto(`${system.urls.site}/polls/${fresh.poll.id}?view=results`);
    const second = tab.locator('.results .total > :first-child');
    await waitFor(() => streams() === 2, { what: 'it is opened anew, with what the second tab wants' });
    await otherVote(fresh.poll, 1);
    await Promise.all([sees(total(ada), /^1 voter$/), sees(second, /^1 voter$/)]);
    assert.equal(streams(), 2);
    await ada.page.close();
    await otherVote(fresh.poll, 1);
    await sees(second, /^2 voters$/);
  }));

  test('without a stream the page asks', () => browser.scene(async (open) => {
    const ada = await open();
    const fresh = await freshArticle();
    ada.allow(503);
    await ada.context.route(`${system.urls.live}?*`, (route) => route.fulfill({ status: 503, body: '' }));
    await ada.page.clock.install();
    await ada.goto(`/polls/${fresh.poll.id}?view=results`);
    const tried = () => ada.requests.some(({ url }) => url.startsWith(system.urls.live));
    await waitFor(async () => {
      await ada.page.clock.runFor(250);
      return tried();
    }, { what: 'the stream is tried' });
    await otherVote(fresh.poll, 2);
    await waitFor(async () => {
      await ada.page.clock.runFor(2000);
      return await text(total(ada)) === '1 voter';
    }, { what: 'the vote is asked for' });
  }));

  test('a comment and a reply appear in their places, and the other reader hears of them', () => browser.scene(async (open) => {
    const [ada, ben] = [await open(), await open()];
    await Promise.all([ada.goto(path), ben.goto(path)]);
    const count = (await stored()).length;
    const said = 'Said *aloud* & at once';
    await write(ada, { name: 'Ada 🦊', email: 'ada@example.org', body: said });
    await post(ada).click();
    const mine = thread(ada).locator(':scope > .comment').last();
    await sees(mine.locator('.said'), /^Said aloud & at once$/);
    assert.equal(await text(mine.locator('.who')), 'Ada 🦊');
    assert.equal(await mine.locator('em').count(), 1);
    assert.ok(await hasFocus(mine), 'the new comment has the focus');
    assert.equal(await form(ada).getByLabel('Comment').inputValue(), '');
    assert.equal(await text(ada.page.locator('#comments-title')), `${count + 1} comments`);
    await ben.page.getByRole('button', { name: '1 new comment – show' }).waitFor();

    const [first] = sample.recent_comments;
    await comment(ada, first.excerpt).getByRole('link', { name: `Reply to ${first.author}` }).click();
    assert.match(await text(form(ada).locator('.replying')), new RegExp(`^Replying to ${first.author}`));
    assert.ok(await hasFocus(form(ada).getByLabel('Comment')));
    await write(ada, { body: 'I have heard that before.' });
    await post(ada).click();
    await sees(comment(ada, first.excerpt).locator('.replies .said'), /^I have heard that before\.$/);
    assert.equal(await text(ada.page.locator('#comments-title')), `${count + 2} comments`);
    assert.equal(await ada.page.locator('.fresh').count(), 0, 'one’s own is no news');
    assert.ok(await form(ada).locator('.replying').isHidden());
    assert.equal(ada.loads, 1);
    assert.deepEqual(await ada.cookies(), [], 'writing needs no cookie');

    const news = ben.page.getByRole('button', { name: '2 new comments – show' });
    assert.equal(await ben.leads(() => news.click()), 200);
    await sees(comment(ben, first.excerpt).locator('.replies .said'), /^I have heard that before\.$/);
    await comment(ben, 'Said aloud').waitFor();
  }));

  test('what is refused is said beside its field, and nothing typed is lost', () => browser.scene(async (open) => {
    const ada = await open();
    await ada.goto(path);
    const count = (await stored()).length;
    ada.allow(422);
    await write(ada, { name: '   ', email: 'ada@localhost', body: 'Kept as it was' });
    await post(ada).click();
    const name = form(ada).getByLabel('Name');
    await sees(form(ada).locator('#e-author_name'), /^Your name .+\.$/);
    assert.equal(await name.getAttribute('aria-invalid'), 'true');
    assert.ok(await hasFocus(form(ada).locator('.errors')));
    assert.equal(await form(ada).getByLabel('Comment').inputValue(), 'Kept as it was');
    assert.equal((await stored()).length, count);

    await form(ada).locator('.errors a').first().click();
    assert.ok(await hasFocus(name), 'the list leads to the field');
    await write(ada, { name: 'Ada', email: '', body: 'Kept as it was' });
    await post(ada).click();
    await comment(ada, 'Kept as it was').waitFor();
    assert.ok(await form(ada).locator('.errors').isHidden());
    assert.equal(await name.getAttribute('aria-invalid'), null);
    assert.equal((await stored()).length, count + 1);
    assert.equal(ada.loads, 1);
  }));

  test('markup and script come out inert', () => browser.scene(async (open) => {
    const ada = await open();
    const fresh = await freshArticle({ options: ['<b>Red</b>', '<img src=x onerror=alert(1)>', 'Blue'] });
    await ada.goto(fresh.path);
    await write(ada, { name: '<script>alert(2)</script>', body: '<img src=x onerror=alert(3)> [link](javascript:alert(4)) <script>alert(5)</script>' });
    await post(ada).click();
    await sees(thread(ada).locator('.who'), /^<script>alert\(2\)<\/script>$/);
    assert.deepEqual(await inline(ada), []);
    await ada.page.reload();
    assert.deepEqual(await texts(box(ada).locator('.option')), fresh.poll.options.map((each) => each.text));
    assert.deepEqual(await inline(ada), []);
    assert.equal(await ada.page.locator('#thread img, #thread script, .poll img').count(), 0);
  }));
});

// -- without JavaScript --------------------------------------------------------------------------

describe('without JavaScript', () => {
  const withoutScript = { javaScript: false };

  test('the page has everything', () => browser.scene(async (open) => {
    await readsIt(await open(withoutScript));
  }));

  test('a comment, and a reply to it', () => browser.scene(async (open) => {
    const ada = await open(withoutScript);
    const fresh = await freshArticle();
    await ada.goto(fresh.path);
    await write(ada, { name: 'Ada', body: 'By a **form** alone.' });
    assert.equal(await ada.leads(() => post(ada).click()), 200);
    const mine = thread(ada).locator('.comment');
    assert.equal(await text(mine.locator('.said')), 'By a form alone.');
    assert.equal(await text(ada.page.locator('#comments-title')), '1 comment');
    assert.equal(new URL(ada.page.url()).hash, `#${await mine.getAttribute('id')}`, 'at the place that changed');
    assert.ok(await mine.evaluate((each) => each.matches(':target')));

    assert.equal(await ada.leads(() => mine.getByRole('link', { name: 'Reply to Ada' }).click()), 200);
    assert.match(await text(form(ada).locator('.replying')), /^Replying to Ada\. Cancel/);
    await write(ada, { name: 'Ben', body: 'Under it.' });
    assert.equal(await ada.leads(() => post(ada).click()), 200);
    assert.equal(await text(comment(ada, 'By a form alone').locator('.replies .said')), 'Under it.');
    const [first, second] = await stored(fresh.article.id);
    assert.deepEqual([first.author.name, second.author.name, second.parent_id], ['Ada', 'Ben', first.id]);
    assert.deepEqual(await ada.cookies(), []);

    // Everybody else gets it as well.
    const ben = await open(withoutScript);
    await ben.goto(fresh.path);
    assert.equal(await text(comment(ben, 'By a form alone').locator('.replies .said')), 'Under it.');
  }));

  test('a long thread goes on behind a link, and so does a long row of replies', () => browser.scene(async (open) => {
    const ada = await open(withoutScript);
    const fresh = await freshArticle();
    const say = async (body, parent) => {
      const got = await system.api('POST', `/api/v1/articles/${fresh.article.id}/comments`, {
        body: { author_name: 'Many', body_markdown: body, ...(parent && { parent_id: parent }) },
      });
      assert.equal(got.status, 201, got.text);
      return got.json.id;
    };
    const first = await say('Comment 1.');
    for (let i = 1; i <= 5; i++) await say(`Reply ${i}.`, first);
    for (let i = 2; i <= 60; i++) await say(`Comment ${i}.`);
    await ada.goto(fresh.path);
    const more = ada.page.getByRole('link', { name: 'More comments' });
    const found = [];
    for (;;) {
      found.push(...await texts(thread(ada).locator(':scope > .comment > .said')));
      assert.equal(await text(ada.page.locator('#comments-title')), '65 comments');
      if (!await more.count()) break;
      assert.equal(await ada.leads(() => more.click()), 200);
    }
    assert.deepEqual(found, Array.from({ length: 60 }, (_, i) => `Comment ${i + 1}.`));

    await ada.goto(fresh.path);
    assert.equal(await ada.leads(() => comment(ada, 'Comment 1.').first().getByRole('link', { name: 'more replies' }).click()), 200);
    const replies = await texts(ada.page.locator(`#comment-${first} > .replies > .comment > .said`));
    assert.deepEqual(replies, Array.from({ length: 5 }, (_, i) => `Reply ${i + 1}.`));
  }));

  test('a comment that is refused comes back with what was typed', () => browser.scene(async (open) => {
    const ada = await open(withoutScript);
    const fresh = await freshArticle();
    await ada.goto(fresh.path);
    const body = '\n  First & "second"\n</textarea>';
    await write(ada, { name: '   ', email: 'ada@example.org', body });
    ada.allow(422);
    assert.equal(await ada.leads(() => post(ada).click()), 422);
    assert.match(await text(form(ada).locator('#e-author_name')), /^Your name .+\.$/);
    assert.equal(await form(ada).getByLabel('Name').getAttribute('aria-invalid'), 'true');
    assert.match(await text(form(ada).getByRole('alert')), /not posted yet.*Your name/);
    assert.equal(await form(ada).getByLabel('Comment').inputValue(), body);
    assert.equal(await form(ada).getByLabel('Email').inputValue(), 'ada@example.org');
    assert.ok(await ada.page.locator('.story').isVisible(), 'the article is still there');
    assert.equal((await stored(fresh.article.id)).length, 0);
    await form(ada).getByLabel('Name').fill('Ada');
    assert.equal(await ada.leads(() => post(ada).click()), 200);
    assert.equal((await stored(fresh.article.id)).length, 1);
  }));

  test('a form that is sent twice stores one comment', () => browser.scene(async (open) => {
    const ada = await open(withoutScript);
    const fresh = await freshArticle();
    await ada.goto(fresh.path);
    await write(ada, { name: 'Ada', body: 'Only once.' });
    await post(ada).dblclick();
    await thread(ada).locator('.comment').waitFor();
    ada.page = await ada.context.newPage(); // and once more, from another tab
    await ada.goto(fresh.path);
    await write(ada, { name: 'Ada', body: 'Only once.' });
    assert.equal(await ada.leads(() => post(ada).click()), 200);
    assert.deepEqual(await texts(thread(ada).locator('.said')), ['Only once.']);
    assert.equal((await stored(fresh.article.id)).length, 1);
  }));

  test('a vote sets the cookie and shows the results; a second is answered, not counted', () => browser.scene(async (open) => {
    const ada = await open(withoutScript);
    const fresh = await freshArticle();
    await otherVote(fresh.poll, 0);
    await ada.goto(fresh.path);
    assert.deepEqual(await ada.cookies(), [], 'reading needs no cookie');
    await option(ada, 'Green').check();
    assert.equal(await ada.leads(() => vote(ada).click()), 200);
    assert.equal(new URL(ada.page.url()).hash, `#poll-${fresh.poll.id}`);
    assert.ok(ada.path.startsWith(`${fresh.path}?`), 'on the page where the poll stood');
    assert.equal(await text(message(ada)), 'Thank you. Your vote is counted.');
    assert.deepEqual(await texts(box(ada).locator('.results b')), ['50%', '50%', '0%']);
    assert.equal(await text(total(ada)), '2 voters');
    const [cookie, ...others] = await ada.cookies();
    assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite, others.length], ['voxpop_voter', true, 'Lax', 0]);

    await ada.goto(fresh.path);
    await option(ada, 'Blue').check();
    assert.equal(await ada.leads(() => vote(ada).click()), 200);
    assert.match(await text(message(ada)), /already voted/);
    assert.deepEqual(await texts(box(ada).locator('.results b')), ['50%', '50%', '0%']);
    assert.equal((await tally(fresh.poll.id)).voters, 2);
    assert.equal((await ada.cookies())[0].value, cookie.value);
  }));

  test('results without voting, and back', () => browser.scene(async (open) => {
    const ada = await open(withoutScript);
    const fresh = await freshArticle();
    await otherVote(fresh.poll, 1);
    await ada.goto(fresh.path);
    assert.equal(await ada.leads(() => box(ada).getByRole('link', { name: 'View Results' }).click()), 200);
    assert.equal(await text(bar(ada, 1)), 'Green 100% 1 vote');
    assert.equal(await text(total(ada)), '1 voter');
    assert.equal(await ada.leads(() => box(ada).getByRole('link', { name: 'Back to the vote' }).click()), 200);
    assert.ok(await vote(ada).isVisible());
    assert.deepEqual(await ada.cookies(), []);
  }));

  test('too few choices and too many are explained', () => browser.scene(async (open) => {
    const ada = await open(withoutScript);
    const fresh = await freshArticle({ kind: 'multiple', max_choices: 2 });
    await ada.goto(`/polls/${fresh.poll.id}`);
    assert.equal(await text(box(ada).locator('.hint')), 'Choose up to 2');
    assert.equal(await ada.leads(() => vote(ada).click()), 200);
    assert.match(await text(box(ada).getByRole('alert')), /Nothing was chosen\. Choose up to 2/);
    for (const each of ['Red', 'Green', 'Blue']) await option(ada, each).check();
    assert.equal(await ada.leads(() => vote(ada).click()), 200);
    assert.match(await text(box(ada).getByRole('alert')), /Choose up to 2/);
    assert.equal((await tally(fresh.poll.id)).voters, 0);
    for (const each of ['Red', 'Blue']) await option(ada, each).check();
    assert.equal(await ada.leads(() => vote(ada).click()), 200);
    assert.match(await text(message(ada)), /^Thank you/);
    assert.equal((await tally(fresh.poll.id)).voters, 1);
  }));

  test('a browser that takes no cookies is told why it cannot vote', () => browser.scene(async (open) => {
    const ada = await open({ ...withoutScript, cookies: false });
    const fresh = await freshArticle();
    await ada.goto(fresh.path);
    await option(ada, 'Green').check();
    ada.allow(403);
    assert.equal(await ada.leads(() => vote(ada).click()), 403);
    assert.equal(await text(ada.page.getByRole('heading', { level: 1 })), 'Voting needs a cookie');
    assert.equal(await ada.leads(() => ada.page.getByRole('link', { name: 'Back to the poll' }).click()), 200);
    assert.ok(await vote(ada).isVisible());
    assert.deepEqual(await ada.cookies(), []);
    assert.equal((await tally(fresh.poll.id)).voters, 0);
  }));
});

// -- quiet pages, and the keyboard ---------------------------------------------------------------

describe('every reader', () => {
  test('leaves no trace by reading, and pages hold no inline script or style', () => browser.scene(async (open) => {
    const ada = await open();
    for (const each of ['/', path, '/polls', `/polls/${poll.id}`, `/polls/${poll.id}?view=results`, `/polls/${poll.id}/results`,
      `/embed/polls/${poll.id}`, '/polls?q=which&status=open']) {
      assert.equal(await ada.goto(each), 200, each);
      await ada.page.waitForFunction(() => !document.body.dataset.topics || document.body.classList.contains('live'));
      assert.deepEqual(await inline(ada), [], each);
      assert.deepEqual(await ada.page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length]), ['', 0, 0], each);
    }
    ada.allow(404);
    assert.equal(await ada.goto('/nowhere'), 404);
    assert.deepEqual(await inline(ada), []);
    assert.deepEqual(await ada.cookies(), []);
    for (const { url, headers } of ada.requests) assert.equal(headers.cookie, undefined, url);
  }));

  test('is told when something is not as it should be: the harness sees it', async () => {
    const spoilt = (spoil) => browser.scene(async (open) => {
      const ada = await open();
      await ada.goto('/polls');
      await ada.page.evaluate(spoil);
      await waitFor(() => ada.troubles.length, { what: 'the trouble is seen' });
    });
    await assert.rejects(spoilt(() => document.body.append(Object.assign(document.createElement('script'), { textContent: '1' }))), /Content Security Policy/);
    await assert.rejects(spoilt(() => document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:9/x.png' }))), /127\.0\.0\.1:9/);
    await assert.rejects(spoilt(() => { setTimeout(() => { throw new Error('thrown in the page'); }); }), /thrown in the page/);
    await assert.rejects(spoilt(() => { setTimeout(() => alert('hello')); }), /a dialog: hello/);
  });

  test('can do everything by keyboard, and see where they are', () => browser.scene(async (open) => {
    const ada = await open();
    const fresh = await freshArticle();
    await ada.goto(fresh.path);
    const { keyboard } = ada.page;
    const focused = () => ada.page.evaluate(() => {
      const at = document.activeElement, style = getComputedStyle(at), place = at.getBoundingClientRect();
      return {
        name: at.name || at.dataset.reply && 'reply' || at.className || at.tagName, value: at.value, type: at.type, text: at.textContent.trim(),
        outlined: at.matches(':focus-visible') && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        onScreen: place.bottom > 0 && place.top < innerHeight && place.right > 0 && place.left < innerWidth,
      };
    });
    const tabTo = async (found, what) => {
      for (let i = 0; i < 60; i++) {
        await keyboard.press('Tab');
        const at = await focused();
        assert.ok(at.outlined, `the focus is seen on ${at.name} ${at.text}`);
        assert.ok(at.onScreen, `${at.name} ${at.text} is on the screen`);
        if (found(at)) return at;
      }
      return assert.fail(`no way by Tab to ${what}`);
    };

    await keyboard.press('Tab');
    assert.equal((await focused()).name, 'skip', 'the first stop leads to the content');
    await keyboard.press('Enter');
    assert.equal(await ada.page.evaluate(() => document.activeElement.id), 'content');

    await tabTo((at) => at.name === 'choices', 'the poll');
    await keyboard.press('Space');
    assert.ok(await option(ada, 'Red').isChecked());
    await keyboard.press('ArrowDown');
    assert.ok(await option(ada, 'Green').isChecked());
    assert.ok((await focused()).outlined);
    await keyboard.press('Enter');
    await sees(message(ada), /^Thank you/);
    assert.equal(await text(bar(ada, 1)), 'Green 100% 1 vote');

    await tabTo((at) => at.name === 'author_name', 'the form');
    await keyboard.type('Ada');
    await tabTo((at) => at.name === 'body_markdown', 'the comment');
    await keyboard.type('Without a mouse.');
    await tabTo((at) => at.type === 'submit', 'the button');
    await keyboard.press('Enter');
    await comment(ada, 'Without a mouse.').waitFor();
    assert.equal(ada.loads, 1);
    assert.equal(plain((await stored(fresh.article.id))[0].body_html).trim(), 'Without a mouse.');
  }));
});
