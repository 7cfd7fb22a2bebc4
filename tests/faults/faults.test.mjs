// faults.test.mjs - a service that is gone or frozen costs its own part only, Redis away fails
// fast, and all is well again without a restart. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { request, slow, startSystem, waitFor } from '../support/system.mjs';

let made = 0;

// An article with a poll and a comment that nobody has read yet, so that no cache has it.
async function freshPage(system) {
  const name = `Piece ${++made}`;
  const poll = await system.make('/api/v1/polls', {
    question: `Question ${made}?`, options: [{ text: 'Yes' }, { text: 'No' }], kind: 'single', results: 'always',
  });
  const article = await system.make('/api/v1/articles', {
    title: name, body_markdown: `The text of ${name}.`, status: 'published', poll_id: poll.id,
  });
  const comment = await say(system, article, `A word on ${name}.`);
  assert.equal(comment.status, 201, comment.text);
  return { article, poll, path: `/articles/${article.slug}`, text: `The text of ${name}.`, said: `A word on ${name}.` };
}

const say = (system, article, text) => system.api('POST', `/api/v1/articles/${article.id}/comments`, {
  body: { author_name: 'Reader', body_markdown: text },
});
const vote = (system, poll, key, choice = 0) => system.api('POST', `/api/v1/polls/${poll.id}/ballots`, {
  body: { choices: [poll.options[choice].id] }, headers: { 'idempotency-key': key },
});

function unavailable(got, statuses = [503]) {
  assert.ok(statuses.includes(got.status), `${got.status} ${got.text}`);
  assert.match(got.headers['content-type'], /^application\/problem\+json/);
  assert.ok(Number(got.headers['retry-after']) >= 1, 'Retry-After');
}

const away = { // what the page says in the place of a part
  comments: /comments cannot be reached right now/,
  poll: /poll cannot be reached right now/,
  recent: /Recent comments cannot be reached right now/,
};

async function pageIsWhole(system, { path, text, said, poll }) {
  return waitFor(async () => {
    const page = await system.page(path);
    return page.status === 200 && page.text.includes(text) && page.text.includes(said) &&
      page.text.includes(poll.question) && !Object.values(away).some((words) => words.test(page.text)) && page;
  }, { deadline: 10000, what: 'the page is whole' });
}

describe('a service is gone', () => {
  let system;
  before(async () => { system = await startSystem(); });
  beforeEach(() => system.heal());
  after(() => system?.stop());

  test('comments', async () => {
    const fresh = await freshPage(system);
    await system.kill('comments');
    const page = await waitFor(async () => {
      const got = await system.page(fresh.path);
      return away.comments.test(got.text) && got;
    }, { what: 'the page says that the comments are away' });
    assert.equal(page.status, 200);
    assert.ok(page.text.includes(fresh.text), 'the article is there');
    assert.ok(page.text.includes(fresh.poll.question), 'the poll is there');
    assert.match(page.text, away.recent);
    unavailable(await system.api('GET', `/api/v1/comments/recent?limit=7`));
    unavailable(await say(system, fresh.article, 'Into the void'));
    assert.equal((await vote(system, fresh.poll, 'meanwhile')).status, 201);
    assert.equal((await system.api('GET', `/api/v1/articles/${fresh.article.id}`)).status, 200);

    await system.restart('comments', { ready: false });
    await pageIsWhole(system, fresh);
    assert.equal((await say(system, fresh.article, 'It is back.')).status, 201);
  });

  test('polls', async () => {
    const fresh = await freshPage(system);
    await system.kill('polls');
    const page = await waitFor(async () => {
      const got = await system.page(fresh.path);
      return away.poll.test(got.text) && got;
    }, { what: 'the page says that the poll is away' });
    assert.equal(page.status, 200);
    assert.ok(page.text.includes(fresh.text) && page.text.includes(fresh.said), 'article and comments are there');
    unavailable(await vote(system, fresh.poll, 'nobody counts'));
    await system.restart('polls', { ready: false });
    await pageIsWhole(system, fresh);
    const counted = await vote(system, fresh.poll, 'somebody counts');
    assert.equal(counted.status, 201, counted.text);
    assert.equal(counted.json.results.voters, 1);
  });

  test('articles', async () => {
    const fresh = await freshPage(system);
    await system.kill('articles');
    await waitFor(async () => (await system.page(fresh.path)).status === 503, { what: 'no article, no page' });
    assert.equal((await vote(system, fresh.poll, 'still')).status, 201);
    await system.restart('articles', { ready: false });
    await pageIsWhole(system, fresh);
  });

  test('live: watchers come back to the new one', async () => {
    const fresh = await freshPage(system);
    const watcher = await system.sse(`poll:${fresh.poll.id}`);
    const { id } = await watcher.next((each) => each.event === 'snapshot');
    await system.restart('live');
    await waitFor(() => watcher.closed, { what: 'the stream ended' });
    const again = await system.sse(`poll:${fresh.poll.id}`, { lastEventId: id });
    await again.next((each) => each.event === 'reset');
    await again.next((each) => each.event === 'snapshot');
    assert.equal((await vote(system, fresh.poll, 'after')).status, 201);
    await again.next((each) => each.data.voters === 1);
    again.close();
  });

  test('the publisher of a topic: the next one is heard', async () => {
    const fresh = await freshPage(system);
    const watcher = await system.sse(`poll:${fresh.poll.id}`);
    await watcher.next((each) => each.event === 'snapshot');
    await system.kill('polls');
    await system.restart('polls');
    await waitFor(async () => (await vote(system, fresh.poll, 'by the next')).status === 201, { what: 'a vote is taken' });
    await watcher.next((each) => each.data.voters === 1, { deadline: 5000 });
    watcher.close();
  });
});

describe('a service is frozen', () => {
  const SERVICE_MS = 1000;
  let system;
  // A call that failed may still be done until its deadline has passed, and never after that.
  const pastDeadline = (since) => waitFor(() => performance.now() - since > SERVICE_MS + 300, { what: 'the deadline has passed' });
  before(async () => { system = await startSystem({ args: { gateway: ['--service-ms', String(SERVICE_MS)] } }); });
  beforeEach(() => system.heal());
  after(() => system?.stop());

  test('comments', async () => {
    const fresh = await freshPage(system);
    await system.freeze('comments');
    const page = await system.page(fresh.path);
    assert.equal(page.status, 200);
    assert.match(page.text, away.comments);
    assert.ok(page.text.includes(fresh.text));
    assert.ok(page.ms < 2500 * slow, `the page took ${page.ms} ms`);
    const refused = performance.now();
    unavailable(await say(system, fresh.article, 'Too late'), [503, 504]);
    const quick = await vote(system, fresh.poll, 'not held up');
    assert.equal(quick.status, 201);
    assert.ok(quick.ms < 500 * slow, `a vote took ${quick.ms} ms`);
    // Once the silence is noticed, nobody waits any more.
    await waitFor(async () => (await system.api('GET', `/api/v1/comments/${fresh.article.id}`)).ms < 100 * slow, {
      deadline: 10000, what: 'calls to the frozen service fail at once',
    });

    await pastDeadline(refused);
    await system.thaw('comments');
    await pageIsWhole(system, fresh);
    const list = await system.api('GET', `/api/v1/articles/${fresh.article.id}/comments`);
    assert.ok(!list.text.includes('Too late'), 'what was refused is not done later');
    assert.equal((await say(system, fresh.article, 'In time')).status, 201);
  });

  test('polls: a ballot that was given up is not counted when the service wakes', async () => {
    const fresh = await freshPage(system);
    await system.freeze('polls');
    const refused = performance.now();
    unavailable(await vote(system, fresh.poll, 'given up'), [503, 504]);
    assert.match((await system.page(fresh.path)).text, away.poll);
    await pastDeadline(refused);
    await system.thaw('polls');
    await pageIsWhole(system, fresh);
    const counted = await waitFor(async () => {
      const got = await vote(system, fresh.poll, 'afterwards');
      return got.status === 201 && got;
    }, { what: 'a vote is taken' });
    assert.equal(counted.json.results.voters, 1);
  });
});

describe('two instances of a service', () => {
  let system;
  before(async () => { system = await startSystem({ services: ['articles', 'comments', 'polls', 'polls#2'] }); });
  beforeEach(() => system.heal());
  after(() => system?.stop());

  test('one dies under votes: each is counted once', async () => {
    const { poll } = await freshPage(system);
    const votes = Array.from({ length: 300 }, (_, i) => i);
    const answers = [];
    const voter = async () => {
      for (let i; (i = votes.shift()) !== undefined;) {
        answers.push(await vote(system, poll, `voter ${i}`, i % 2));
        if (answers.length === 100) await system.kill('polls#2');
      }
    };
    await Promise.all(Array.from({ length: 16 }, voter));
    const refused = answers.filter((got) => got.status !== 201);
    assert.deepEqual(refused.map((got) => `${got.status} ${got.text}`), [], 'every call went to the other one');
    const results = await system.api('GET', `/api/v1/polls/${poll.id}/results`);
    assert.equal(results.json.voters, 300);
  });

  test('one is told to end under votes: it does so cleanly, and each is counted once', async () => {
    const { poll } = await freshPage(system);
    const votes = Array.from({ length: 300 }, (_, i) => i);
    const answers = [];
    let ended;
    const voter = async () => {
      for (let i; (i = votes.shift()) !== undefined;) {
        answers.push(await vote(system, poll, `voter ${i}`, i % 2));
        if (answers.length === 100) ended = system.kill('polls#2', 'SIGTERM');
      }
    };
    await Promise.all(Array.from({ length: 16 }, voter));
    assert.equal(await ended, 0, 'ended cleanly');
    const refused = answers.filter((got) => got.status !== 201);
    assert.deepEqual(refused.map((got) => `${got.status} ${got.text}`), [], 'every call was answered');
    const results = await system.api('GET', `/api/v1/polls/${poll.id}/results`);
    assert.equal(results.json.voters, 300);
  });

  test('all are told to end while they are still pinged: cleanly', async () => {
    const names = ['articles', 'comments', 'polls', 'polls#2'];
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(await Promise.all(names.map((name) => system.kill(name, 'SIGTERM'))), [0, 0, 0, 0]);
      await system.heal();
    }
  });
});

describe('Redis has lost the functions', () => {
  let system;
  before(async () => { system = await startSystem(); });
  after(() => system?.stop());

  test('they are loaded again, once, and no vote or comment fails', async () => {
    const fresh = await freshPage(system);
    const loads = async () => Number(/cmdstat_function\|load:calls=(\d+)/.exec(await system.redis('INFO', 'commandstats'))[1]);
    const before = await loads();
    await system.redis('FUNCTION', 'FLUSH');
    const votes = Array.from({ length: 32 }, (_, i) => vote(system, fresh.poll, `voter ${i}`));
    const answers = [...await Promise.all(votes), await say(system, fresh.article, 'A word.')];
    assert.deepEqual(answers.filter((got) => got.status !== 201).map((got) => `${got.status} ${got.text}`), []);
    const results = await system.api('GET', `/api/v1/polls/${fresh.poll.id}/results`);
    assert.equal(results.json.voters, 32);
    // articles, comments, polls and the accounts; a batch that was on its way may load once more.
    assert.ok(await loads() - before <= 8, `${await loads() - before} loads`);
  });
});

describe('Redis is frozen', () => {
  let system;
  before(async () => { system = await startSystem({ live: false }); });
  after(() => system?.stop());

  test('a service without calls gives up the connection, and has it again', async () => {
    const gone = (name) => /no reply in time/.test(system.log(name));
    await system.freeze('redis');
    for (const name of ['articles', 'comments', 'polls']) {
      await waitFor(() => gone(name), { deadline: 10000, what: `${name} has given up` });
    }
    await system.thaw('redis');
    await pageIsWhole(system, await waitFor(() => freshPage(system).catch(() => null), { deadline: 10000, what: 'a page is made' }));
  });
});

describe('Redis is gone', () => {
  let system;
  before(async () => { system = await startSystem(); });
  beforeEach(() => system.heal());
  after(() => system?.stop());

  test('requests fail within 100 ms with 503, and work again when it returns', async () => {
    const fresh = await freshPage(system);
    const counted = await vote(system, fresh.poll, 'before');
    assert.equal(counted.status, 201);
    await system.kill('redis');
    const quickly = async (ask) => {
      const got = await ask();
      unavailable(got);
      assert.ok(got.ms < 100 * slow, `it took ${got.ms} ms`);
    };
    await quickly(() => system.api('GET', '/api/v1/articles?limit=3')); // a list that no cache has
    await quickly(() => vote(system, fresh.poll, 'while away'));
    await quickly(() => say(system, fresh.article, 'while away'));
    await quickly(() => system.api('GET', `/api/v1/polls/${fresh.poll.id}/results`));
    const page = await system.page(fresh.path);
    assert.ok(page.ms < 100 * slow, `a page took ${page.ms} ms`);
    assert.equal((await request('GET', `${system.urls.admin}/livez`)).status, 200);
    await waitFor(async () => (await request('GET', `${system.urls.admin}/readyz`)).status === 503, { what: 'not ready' });

    system.launch('redis');
    await system.ready('redis');
    await waitFor(async () => (await vote(system, fresh.poll, 'afterwards')).status === 201, { what: 'a vote is taken' });
    await pageIsWhole(system, fresh);
    const results = await system.api('GET', `/api/v1/polls/${fresh.poll.id}/results`);
    assert.equal(results.json.voters, 2, 'what was acknowledged is there, what was refused is not');
    assert.equal((await say(system, fresh.article, 'And on.')).status, 201);
    for (const name of ['articles', 'comments', 'polls', 'gateway', 'live']) assert.ok(system.pids[name], `${name} lives`);
  });
});
