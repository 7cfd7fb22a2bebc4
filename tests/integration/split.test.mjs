// split.test.mjs - a Redis per service: what services know of each other arrives by streams, whatever is
// away for a while, lost, trimmed, late or there twice. Where thousands of articles change, that is written
// as svc-articles' functions write it. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { freePort, request, startSystem, waitFor } from '../support/system.mjs';

const MANY = 1000;
const ulid = (n) => `01HZZZZZZZ${String(n).padStart(16, '0')}`;

describe('a Redis per service', () => {
  let system;
  let article;

  before(async () => {
    system = await startSystem({ ownRedis: ['articles', 'comments', 'polls'], services: ['articles', 'comments', 'comments#2', 'polls'] });
    article = await publish('The first');
  });
  after(() => system?.stop());

  const consumers = ['comments', 'comments#2'];
  const publish = (title) => system.make('/api/v1/articles', { title, body_markdown: 'Text.', status: 'published', contributors: [] });
  const say = (id, text = 'Hello') => system.api('POST', `/api/v1/articles/${id}/comments`, { body: { author_name: 'Zoë', body_markdown: text } });
  const fact = (text) => (revision, title = 'The title') => `${revision} ${text} 1 a-slug ${title}`;
  const published = fact('published');
  const draft = fact('draft');

  // What svc-articles' functions do when an article changes: [id, fact] each.
  async function change(changes) {
    const done = [];
    for (const [id, text] of changes) {
      done.push(system.redisOf('articles', 'MULTI'), system.redisOf('articles', 'SET', `fact:article:${id}`, text), tell(id, text), system.redisOf('articles', 'EXEC'));
    }
    await Promise.all(done);
  }
  const tell = (id, text) => system.redisOf('articles', 'XADD', 'events:articles', 'MAXLEN', '~', '50000', '0-*',
    'type', 'article.updated', 'id', id, 'revision', text.split(' ')[0], 'at', String(Date.now()), 'fact', text);
  const known = (id) => system.redisOf('comments', 'GET', `fact:article:${id}`);
  const isKnown = (id, text) => waitFor(async () => await known(id) === text, { deadline: 10000, what: `the comments know ${text}` });
  const many = (text) => Array.from({ length: MANY }, (_, n) => [ulid(n), text]);
  const allKnown = (text, deadline = 20000) => waitFor(async () => {
    const values = await system.redisOf('comments', 'MGET', ...many(text).map(([id]) => `fact:article:${id}`));
    return values.every((value) => value === text);
  }, { deadline, what: `the comments know all of ${text}` });

  async function metric(name) {
    const { text } = await request('GET', `${system.urls.admin}/metrics/services`);
    const rows = text.split('\n').filter((row) => row.startsWith(`${name}{`) && /service="comments"/.test(row));
    return rows.reduce((sum, row) => sum + Number(row.split(' ').pop()), 0);
  }
  const scans = () => metric('voxpop_service_source_scans_total');

  async function stopConsumers(signal = 'SIGTERM') {
    for (const name of consumers) await system.kill(name, signal);
  }
  async function startConsumers() {
    for (const name of consumers) system.launch(name);
    for (const name of consumers) await system.ready(name);
  }

  test('each service keeps its keys in its own Redis, and what is for all is in the registry', async () => {
    const names = async (service) => [...new Set((await system.redisOf(service, 'KEYS', '*')).map((key) => key.split(':')[0]))];
    await waitFor(async () => (await names('polls')).length > 0, { what: 'the polls have written' });
    for (const service of ['articles', 'comments', 'polls']) {
      const found = await names(service);
      for (const name of ['site', 'instances', 'instance', 'accounts', 'account']) assert.ok(!found.includes(name), `${service} has ${name}`);
    }
    const registry = await names('registry');
    for (const name of ['site', 'instances', 'instance', 'accounts']) assert.ok(registry.includes(name), name);
    for (const name of ['article', 'articles', 'comment', 'poll', 'fact', 'events', 'follow']) assert.ok(!registry.includes(name), name);
  });

  test('an article can be read and commented on in the moment of its publishing', async () => {
    for (let i = 0; i < 20; i++) {
      const { id } = await publish(`At once ${i}`);
      const [said, thread] = await Promise.all([say(id), system.api('GET', `/api/v1/articles/${id}/comments`)]);
      assert.equal(said.status, 201, said.text);
      assert.equal(thread.status, 200, thread.text);
    }
  });

  test('comments are counted where the article is shown', async () => {
    const { id } = await publish('Counted');
    for (let i = 0; i < 10; i++) assert.equal((await say(id, `The ${i}th`)).status, 201);
    const counted = await waitFor(async () => {
      const got = await system.api('GET', `/api/v1/articles/${id}`);
      return got.json.comment_count === 10 && got;
    }, { what: 'the article counts its comments' });
    assert.equal((await system.api('GET', `/api/v1/articles/${id}`, { headers: { 'if-none-match': counted.headers.etag } })).status, 304);
    assert.equal((await say(id)).status, 201);
    await waitFor(async () => (await system.api('GET', `/api/v1/articles/${id}`, { headers: { 'if-none-match': counted.headers.etag } })).status === 200,
      { what: 'another ETag' });
  });

  test('what is not there is not there: 404, at once', async () => {
    assert.equal((await say(ulid(999999))).status, 404);
    assert.equal((await system.api('GET', `/api/v1/articles/${ulid(999999)}/comments`)).status, 404);
    await waitFor(async () => await metric('voxpop_service_source_asked_total') >= 2, { what: 'the articles were asked' });
  });

  test('unpublished closes comments; published again opens them in that moment', async () => {
    const { id } = await publish('Up and down');
    const becomes = async (body) => {
      const got = await system.admin('PATCH', `/api/v1/articles/${id}`, { body, headers: { 'if-match': '*' } });
      assert.equal(got.status, 200, got.text);
    };
    const says = (status) => waitFor(async () => (await say(id)).status === status, { what: `a comment is ${status}` });
    assert.equal((await say(id)).status, 201);
    for (let i = 0; i < 5; i++) {
      await becomes({ status: 'draft' });
      await says(404);
      await becomes({ status: 'published' });
      assert.equal((await say(id)).status, 201, 'without waiting');
      await becomes({ comments_open: false });
      await says(409);
      await becomes({ comments_open: true });
      assert.equal((await say(id)).status, 201, 'without waiting');
    }
    await becomes({ status: 'archived' });
    await says(409);
    assert.equal((await system.admin('DELETE', `/api/v1/articles/${id}`, { headers: { 'if-match': '*' } })).status, 204);
    await says(404);
  });

  test('a contributor\'s new name is shown, and nobody else has to know', async () => {
    const put = async (name, match) => {
      const got = await system.admin('PUT', '/api/v1/contributors/renamed', { body: { display_name: name }, headers: match ? { 'if-match': match } : {} });
      assert.ok(got.status < 300, got.text);
    };
    await put('The old name');
    const { id } = await system.make('/api/v1/articles', { title: 'By her', body_markdown: 'Text.', status: 'published', contributors: ['renamed'] });
    const events = await system.redisOf('articles', 'XLEN', 'events:articles');
    await put('The new name', '*');
    await waitFor(async () => (await system.api('GET', `/api/v1/articles/${id}`)).json.contributors[0].display_name === 'The new name', { what: 'the article shows it' });
    assert.equal(await system.redisOf('articles', 'XLEN', 'events:articles'), events);
  });

  test('an older event changes nothing, nor does one that comes twice', async () => {
    const id = ulid(500000);
    await change([[id, published(7)]]);
    await isKnown(id, published(7));
    await tell(id, draft(6));
    await tell(id, published(7));
    await tell(id, draft(5));
    await change([[ulid(500001), published(1)]]);
    await isKnown(ulid(500001), published(1)); // and so all before it was read
    assert.equal(await known(id), published(7));
    assert.equal((await say(id)).status, 201);
  });

  test('what a look through all facts saw does not stand against an event that came meanwhile', async () => {
    const [library] = await system.redisOf('comments', 'FUNCTION', 'LIST', 'LIBRARYNAME', 'comments_1_*');
    const name = library[library.indexOf('library_name') + 1];
    const call = (which, ...args) => system.redisOf('comments', 'FCALL', `${name}_${which}`, '0', 'follow:articles:test', ...args);
    const [open, shut] = [`5 published 1 a-slug Text`, `5 published 0 a-slug Text`]; // of one revision
    const [id, other] = [ulid(600000), ulid(600001)];
    const follow = (from, to, before, behind, ...facts) => call('follow', 'fact:article:', '1', from, to, before, behind, ...facts);
    assert.deepEqual(await call('begin', '', ''), []);
    assert.deepEqual(await call('begin', '', '7'), ['7', '0']);
    assert.deepEqual(await call('begin', '', '9'), ['7', '0'], 'another instance was first');
    assert.deepEqual(await follow('7', '8', '', '', id, open), ['8', '0']);
    assert.deepEqual(await follow('8', '9', '', '', id, shut), ['9', '0']);
    assert.deepEqual(await follow('7', '8', '', '', id, open), ['9', '0']);
    assert.equal(await known(id), shut, 'an event that was taken already is passed over');
    assert.deepEqual(await follow('', '', '0', '17', other, published(3)), ['9', '17']);
    assert.deepEqual(await follow('', '', '0', '18', other, published(3)), ['9', '17'], 'another instance was first');
    assert.deepEqual(await follow('', '', '17', '', id, open), ['7', ''], 'the events are taken again');
    assert.deepEqual(await follow('7', '9', '', '', id, open, id, shut), ['9', '']);
    assert.equal(await known(id), shut);
    await system.redisOf('comments', 'FCALL', `${name}_learn`, '0', 'fact:article:', '1', id, open);
    assert.equal(await known(id), shut);
    await system.redisOf('comments', 'FCALL', `${name}_learn`, '0', 'fact:article:', '1', id, published(6));
    assert.equal(await known(id), published(6));
    assert.deepEqual(await follow('12', '13', '', '', other, published(4)), ['9', ''], 'there is a gap: taken, not moved');
    assert.equal(await known(other), published(4));
    assert.deepEqual(await call('begin', '8', '20'), ['9', ''], 'somebody has begun anew already');
    assert.deepEqual(await call('begin', '9', '20'), ['20', '0']);
    await system.redisOf('comments', 'DEL', 'follow:articles:test');
    assert.deepEqual(await follow('20', '21', '', '', other, published(9)), []);
  });

  test('what is no event, or not for us, is passed over', async () => {
    await system.redisOf('articles', 'XADD', 'events:articles', '0-*', 'type', 'something.else');
    await system.redisOf('articles', 'XADD', 'events:articles', '0-*', 'type', 'article.updated', 'id', '../../x', 'fact', published(1));
    await change([[ulid(500002), published(1)]]);
    await isKnown(ulid(500002), published(1));
    assert.deepEqual((await system.redisOf('comments', 'KEYS', 'fact:article:*')).filter((key) => !/^fact:article:[0-9A-Z]{26}$/.test(key)), []);
  });

  test('the comments are away while a thousand articles change, and catch up without looking through all', async () => {
    await change(many(published(1)));
    await allKnown(published(1));
    await stopConsumers();
    await change(many(draft(2)));
    await change(many(published(3)));
    await startConsumers();
    await allKnown(published(3));
    await waitFor(async () => await metric('voxpop_service_events_total') >= MANY, { what: 'the gateway sees what they count' });
    assert.equal(await scans(), 0);
    assert.equal((await say(ulid(17))).status, 201);
  });

  test('events that were trimmed meanwhile: all facts are looked through', async () => {
    await stopConsumers();
    await change(many(published(4)));
    await system.redisOf('articles', 'XTRIM', 'events:articles', 'MAXLEN', '3');
    await change([[ulid(500003), published(1)]]);
    await startConsumers();
    await allKnown(published(4));
    await isKnown(ulid(500003), published(1));
    await waitFor(async () => await scans() > 0, { what: 'a scan is counted' });
    await change([[ulid(500003), published(2)]]);
    await isKnown(ulid(500003), published(2));
  });

  test('a stream that was lost altogether', async () => {
    await system.redisOf('articles', 'MULTI');
    await system.redisOf('articles', 'DEL', 'events:articles');
    for (const [id, text] of many(published(5))) await system.redisOf('articles', 'SET', `fact:article:${id}`, text);
    await system.redisOf('articles', 'EXEC');
    await allKnown(published(5));
    await change(many(published(6)));
    await allKnown(published(6));
  });

  test('copies that were deleted, with the place to read on: all is made anew', async () => {
    const gone = await system.redisOf('comments', 'KEYS', 'f*:article*');
    assert.ok(gone.length > MANY && gone.some((key) => key.startsWith('follow:articles:')));
    await system.redisOf('comments', 'DEL', ...gone);
    await allKnown(published(6));
  });

  test('the articles\' Redis starts again: nothing that it says is missed', async () => {
    await system.kill('redis-articles');
    system.launch('redis-articles');
    await system.ready('redis-articles');
    await change(many(published(7)));
    await allKnown(published(7));
    await waitFor(async () => (await system.api('GET', `/api/v1/articles/${article.id}`)).status === 200, { what: 'the articles are back' });
  });

  test('instances that follow are killed in the middle of it', async () => {
    const all = change(many(published(8)));
    await stopConsumers('SIGKILL');
    const half = change(many(published(9)));
    await startConsumers();
    await waitFor(async () => await known(ulid(0)) !== published(7), { deadline: 20000, what: 'they have begun' });
    await stopConsumers('SIGKILL');
    await all;
    await half;
    await change(many(published(10)));
    await startConsumers();
    await allKnown(published(10));
  });

  test('the comments\' own Redis is killed in the middle of it', async () => {
    const all = change(many(published(11)));
    await system.kill('redis-comments');
    await all;
    system.launch('redis-comments');
    await system.ready('redis-comments');
    await allKnown(published(11));
    await waitFor(async () => (await say(ulid(3))).status === 201, { what: 'comments are taken again' });
  });

  test('the articles\' Redis is away: comments go on with what is known, and do not guess', async () => {
    const { id } = await publish('Known before');
    assert.equal((await say(id)).status, 201);
    await system.kill('redis-articles');
    await waitFor(async () => (await say(ulid(888888))).status === 503, { what: 'an article that nobody knows of is neither there nor not' });
    const unknown = await say(ulid(888888));
    assert.equal(unknown.status, 503);
    assert.ok(unknown.headers['retry-after']);
    for (let i = 0; i < 5; i++) assert.equal((await say(id)).status, 201);
    assert.equal((await system.api('GET', `/api/v1/articles/${id}/comments`)).json.comment_count, 6);
    assert.equal((await system.api('GET', '/api/v1/comments/recent')).status, 200);
    system.launch('redis-articles');
    await system.ready('redis-articles');
    await waitFor(async () => (await say(ulid(888888))).status === 404, { deadline: 10000, what: 'it is asked again' });
    await waitFor(async () => (await system.api('GET', `/api/v1/articles/${id}`)).json.comment_count === 6, { deadline: 10000, what: 'the article counts what came meanwhile' });
  });

  test('the articles\' Redis is frozen: comments on what is known are not held up', async () => {
    const { id } = await publish('Known and frozen');
    assert.equal((await say(id)).status, 201);
    await isKnown(id, await system.redisOf('articles', 'GET', `fact:article:${id}`));
    await system.freeze('redis-articles');
    try {
      const waiting = say(ulid(777777));
      for (let i = 0; i < 5; i++) assert.equal((await say(id)).status, 201);
      const { status } = await waiting;
      assert.ok(status === 503 || status === 504, `${status}`); // 504: on a busy machine
    } finally {
      await system.thaw('redis-articles');
    }
    await waitFor(async () => (await say(ulid(777777))).status === 404, { deadline: 10000, what: 'it is asked again' });
  });

  test('the registry\'s Redis is away: comments and votes go on', async () => {
    const poll = await system.make('/api/v1/polls', { question: 'Which?', options: [{ text: 'A' }, { text: 'B' }], kind: 'single', results: 'always' });
    const vote = (key) => system.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body: { choices: [poll.options[0].id] }, headers: { 'idempotency-key': key } });
    assert.equal((await vote('before')).status, 201);
    await system.kill('redis');
    for (let i = 0; i < 5; i++) {
      assert.equal((await vote(`while it is away ${i}`)).status, 201);
      assert.equal((await say(article.id)).status, 201);
    }
    system.launch('redis');
    await system.ready('redis');
    await system.ready('gateway');
    await waitFor(async () => (await system.cli(['status'])).code === 0, { deadline: 10000, what: 'all are announced again' });
    assert.equal((await system.api('GET', `/api/v1/polls/${poll.id}/results`)).json.voters, 6);
  });

  test('an instance that starts while the registry is away serves when it is back', async () => {
    await system.kill('comments#2', 'SIGTERM');
    await system.kill('redis');
    system.launch('comments#2');
    await waitFor(async () => (await system.redisOf('comments', 'CLIENT', 'LIST')).includes('cmd='), { what: 'it has found its own Redis' });
    assert.ok(!/\bready\b/.test(system.log('comments#2').split('stopped').pop()), 'without the site\'s key it does not serve');
    system.launch('redis');
    await system.ready('redis');
    await system.ready('comments#2');
    await system.ready('gateway');
  });
});

describe('a service moves to a Redis of its own', () => {
  let system;
  let port;

  before(async () => {
    port = await freePort();
    system = await startSystem({
      ownRedis: ['comments'], redisArgs: ['--port', String(port)], spare: ['comments#2', 'articles#2'],
      // The first instances are from before the move.
      args: (urls) => ({
        comments: ['--redis-url', urls.redis, '--articles-redis-url='], articles: ['--comments-redis-url='], 'comments#2': [], 'articles#2': [],
      }),
    });
  });
  after(() => system?.stop());

  const info = async (service, name) => new RegExp(`^${name}:(.*)$`, 'm').exec(await system.redisOf(service, 'INFO', 'replication'))?.[1].trim();
  const belongs = (key) => /^(comment:|comments:|thread:|fact:thread:|events:comments$|audit:comments$|libraries:comments$|once:)/.test(key);
  const remove = async (service, wanted) => {
    const gone = (await system.redisOf(service, 'KEYS', '*')).filter(wanted);
    if (gone.length) await system.redisOf(service, 'DEL', ...gone);
    return gone.length;
  };

  test('by replication, as OPERATIONS says: nothing is lost, and the rest goes on meanwhile', async () => {
    const { id } = await system.make('/api/v1/articles', { title: 'Here and there', body_markdown: 'Text.', status: 'published', contributors: [] });
    const say = (text) => system.api('POST', `/api/v1/articles/${id}/comments`, { body: { author_name: 'Zoë', body_markdown: text }, headers: { 'idempotency-key': text } });
    const read = () => system.api('GET', `/api/v1/articles/${id}`);
    const first = await say('Before');
    assert.equal(first.status, 201);
    assert.equal((await read()).json.comment_count, 1);

    await system.redisOf('comments', 'REPLICAOF', '127.0.0.1', port);
    await waitFor(async () => await info('comments', 'master_link_status') === 'up', { deadline: 15000, what: 'the replica is in sync' });
    assert.equal((await say('Beside the copying')).status, 201);
    await system.kill('comments', 'SIGTERM');
    const written = Number(await info('registry', 'master_repl_offset'));
    await waitFor(async () => Number(await info('comments', 'slave_repl_offset')) >= written, { what: 'the replica has all' });
    await system.redisOf('comments', 'REPLICAOF', 'NO', 'ONE');
    assert.equal((await read()).status, 200, 'the articles have not stopped');
    system.launch('comments#2');
    await system.ready('comments#2');
    system.launch('articles#2');
    await system.ready('articles#2');
    await system.kill('articles', 'SIGTERM');

    await waitFor(async () => (await say('Before')).status === 201, { what: 'comments are taken again' });
    assert.equal((await say('Before')).json.id, first.json.id, 'what was remembered has moved along');
    assert.equal((await say('Behind')).status, 201);
    await waitFor(async () => (await read()).json.comment_count === 3, { deadline: 10000, what: 'the article counts them' });

    assert.ok(await remove('comments', (key) => !belongs(key) && !/^(fact|follow|wait):/.test(key)) > 0);
    assert.ok(await remove('registry', (key) => belongs(key) && !/^(once|fact):/.test(key)) > 0);
    assert.equal((await say('At the end')).status, 201);
    await waitFor(async () => (await read()).json.comment_count === 4, { deadline: 10000, what: 'the article counts the last one' });
    const thread = await system.api('GET', `/api/v1/articles/${id}/comments?sort=oldest`);
    assert.deepEqual(thread.json.items.map((each) => each.body_html.replace(/<[^>]*>/g, '').trim()), ['Before', 'Beside the copying', 'Behind', 'At the end']);
    await system.make('/api/v1/articles', { title: 'A later one', body_markdown: 'Text.', status: 'published', contributors: [] })
      .then((later) => system.api('POST', `/api/v1/articles/${later.id}/comments`, { body: { author_name: 'Zoë', body_markdown: 'At once' } }))
      .then((said) => assert.equal(said.status, 201, said.text));
  });
});
