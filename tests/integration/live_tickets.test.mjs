// live_tickets.test.mjs - streams with tickets: what they open, what they do not, when they end; how
// many watch; the admin's door of voxpop-live. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { derive, sign, ticketBytes } from '../support/seal.mjs';
import { request, slow, startSystem, waitFor, Watcher } from '../support/system.mjs';

const CENSUS_MS = 5000; // the hub counts its watchers every 5 s
const HUB_LIFE_MS = 15000; // and is counted for so long after its last word
const hex = "return (redis.call('GET', 'site:key'):gsub('.', function(c) return string.format('%02x', c:byte()) end))";

describe('tickets', () => {
  let system;
  let key;
  const open = [];
  before(async () => {
    system = await startSystem({ args: { live: ['--admin-listen', '127.0.0.1:0'] } });
    key = await ticketKey();
    await untilKeyIsKnown(await makePoll());
  });
  beforeEach(() => { while (open.length) open.pop().close(); });
  after(() => {
    for (const each of open) each.close();
    return system?.stop();
  });

  const makePoll = (results = 'staff') => system.make('/api/v1/polls', {
    question: 'Which?', kind: 'single', results, options: [{ text: 'One' }, { text: 'Another' }],
  });
  const resultsOf = async (poll) => {
    const got = await system.admin('GET', `/api/v1/polls/${poll.id}/results`);
    assert.equal(got.status, 200, got.text);
    return got.json;
  };
  const ticketKey = async () => derive(Buffer.from(await system.redis('EVAL', hex, '0'), 'hex'), 'ticket');
  const ticket = (poll, { left = 600000, of = key } = {}) => sign(of, ticketBytes(poll.id, Date.now() + left));
  const topicOf = (poll) => `poll:${poll.id}`;
  const watch = async (topics, tickets = [], { lastEventId } = {}) => {
    const query = new URLSearchParams([...[topics].flat().map((topic) => ['topic', topic]), ...[tickets].flat().map((each) => ['ticket', each])]);
    const watcher = await Watcher.open(`${system.urls.live}?${query}`, { headers: lastEventId ? { 'last-event-id': lastEventId } : {} });
    open.push(watcher);
    return watcher;
  };
  const vote = async (poll, name, choice = '1') => {
    const got = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body: { choices: [choice] }, headers: { 'idempotency-key': `${poll.id} ${name}` } });
    assert.equal(got.status, 201, got.text);
    return got.json;
  };
  const snapshot = (poll) => (each) => each.event === 'snapshot' && each.data.topic === topicOf(poll);
  const refused = (each) => each.event === 'problem' && each.data.ticket === 'refused';
  const states = (watcher) => watcher.events.filter((each) => each.event === 'snapshot' || each.event === 'tally' || each.event === 'closed');
  // Nothing of a poll whose results are hidden but that it is open.
  const assertPublic = (watcher, poll) => {
    for (const each of states(watcher)) {
      if (each.data.topic === topicOf(poll)) assert.deepEqual(each.data, { topic: topicOf(poll), closed: false });
    }
  };
  // The hub has the key when a good ticket is.
  const untilKeyIsKnown = (poll, of = key) => waitFor(async () => {
    const watcher = await watch(topicOf(poll), ticket(poll, { of }));
    const first = await watcher.next();
    watcher.close();
    return first.event === 'snapshot' && first.data.counts;
  }, { every: 100, what: 'the hub knows the key' });

  test('who has one sees what is hidden from others, within 500 ms', async () => {
    const poll = await makePoll();
    const plain = await watch(topicOf(poll));
    await plain.next(snapshot(poll));
    const { ticket: mine } = await resultsOf(poll);
    const sealed = await watch(topicOf(poll), mine);
    const first = await sealed.next(snapshot(poll));
    assert.equal(first.data.voters, 0);
    for (let n = 1; n <= 3; n++) {
      await vote(poll, n);
      const answered = performance.now();
      const seen = await sealed.next((each) => each.event === 'tally' && each.data.voters === n);
      assert.ok(seen.at - answered < 500 * slow, `the frame came ${seen.at - answered} ms after the answer`);
      assert.equal(seen.data.topic, topicOf(poll));
      assert.equal(seen.data.counts['1'], n);
    }
    assertPublic(plain, poll);
    assert.equal(states(plain).length, 1, 'others are not even told that something changed');
  });

  test('a voter gets one with the vote', async () => {
    const poll = await makePoll('after_vote');
    const voted = await vote(poll, 'first', '2');
    const watcher = await watch(topicOf(poll), voted.ticket);
    assert.equal((await watcher.next(snapshot(poll))).data.counts['2'], 1);
    await vote(poll, 'second', '2');
    await watcher.next((each) => each.event === 'tally' && each.data.counts['2'] === 2);
  });

  test('it opens its own poll and no other', async () => {
    const [poll, other] = [await makePoll(), await makePoll()];
    await vote(poll, 'one');
    await vote(other, 'one');
    const both = await watch([topicOf(other), topicOf(poll)], ticket(poll));
    assert.equal((await both.next(snapshot(poll))).data.voters, 1);
    await both.next(snapshot(other));
    assertPublic(both, other);
    const foreign = await watch(topicOf(other), ticket(poll));
    await foreign.next(refused);
    await foreign.next(snapshot(other));
    assertPublic(foreign, other);
    const two = await watch([topicOf(other), topicOf(poll)], [ticket(poll), ticket(other)]);
    assert.equal((await two.next(snapshot(poll))).data.voters, 1);
    assert.equal((await two.next(snapshot(other))).data.voters, 1);
  });

  test('a bad or an old one: a problem, and the public state', async () => {
    const poll = await makePoll();
    await vote(poll, 'one');
    const good = ticket(poll);
    const bad = ['', 'x', good.slice(0, -1), `${good}A`, good.replace('.', 'A'), good.slice(0, -2) + (good.at(-2) === 'A' ? 'B' : 'A') + good.at(-1),
      ticket(poll, { of: Buffer.alloc(32, 7) })];
    for (const each of bad) {
      const watcher = await watch(topicOf(poll), each);
      const problem = await watcher.next(refused);
      assert.equal(problem.data.status, 403);
      assert.equal(problem.data.topic, undefined);
      await watcher.next(snapshot(poll));
      assertPublic(watcher, poll);
    }
    const old = await watch(topicOf(poll), ticket(poll, { left: -1 }));
    const problem = await old.next(refused);
    assert.equal(problem.data.topic, topicOf(poll), 'an old one was signed: its poll is known');
    await old.next(snapshot(poll));
    assertPublic(old, poll);
    const among = await watch(topicOf(poll), [...bad, good]);
    assert.equal((await among.next(snapshot(poll))).data.voters, 1);
    assert.equal(among.events.filter(refused).length, bad.length);
    const tooMany = await watch(topicOf(poll), Array(33).fill(good));
    assert.equal(tooMany.status, 400);
  });

  test('a sealed name is no topic for browsers', async () => {
    const poll = await makePoll();
    await vote(poll, 'one');
    const sealed = await watch(topicOf(poll), ticket(poll));
    assert.equal((await sealed.next(snapshot(poll))).data.voters, 1);
    for (const tickets of [[], [ticket(poll)]]) {
      const watcher = await watch(`~${topicOf(poll)}`, tickets);
      assert.equal((await watcher.next((each) => each.event === 'problem' && each.data.status === 404)).data.topic, `~${topicOf(poll)}`);
      await vote(poll, `another ${tickets.length}`);
      await sealed.next((each) => each.data.voters === 2 + tickets.length);
      assert.deepEqual(states(watcher), []);
    }
  });

  test('Last-Event-ID opens nothing, and hides nothing', async () => {
    const [poll, shown] = [await makePoll(), await makePoll('always')];
    const topics = [topicOf(poll), topicOf(shown)];
    const sealed = await watch(topics, ticket(poll));
    await vote(poll, 'one');
    await sealed.next((each) => each.data.voters === 1 && each.data.topic === topicOf(poll));
    await vote(shown, 'one');
    const { id } = await sealed.next((each) => each.data.voters === 1 && each.data.topic === topicOf(shown));
    assert.ok(id);
    assert.ok(sealed.events.every((each) => each.data.topic !== topicOf(poll) || each.id === undefined), 'what is sealed has no number');
    const plain = await watch(topics, [], { lastEventId: id });
    await vote(shown, 'two');
    await plain.next((each) => each.data.voters === 2);
    assertPublic(plain, poll);
    const back = await watch(topics, ticket(poll), { lastEventId: id });
    assert.equal((await back.next(snapshot(poll))).data.voters, 1);
    await back.next(snapshot(shown));
    const old = await watch(topics, ticket(poll, { left: -1 }), { lastEventId: id });
    await old.next(snapshot(poll));
    assertPublic(old, poll);
  });

  test('the stream ends with its ticket, and others go on', async () => {
    const poll = await makePoll();
    await untilKeyIsKnown(poll);
    const began = performance.now();
    const left = 2000 * slow;
    const short = await watch(topicOf(poll), [ticket(poll, { left }), ticket(poll)]);
    const long = await watch(topicOf(poll), ticket(poll));
    const plain = await watch(topicOf(poll));
    for (const each of [short, long, plain]) await each.next(snapshot(poll));
    const last = await short.next((each) => each.data.ticket === 'expired', { deadline: 10000 });
    assert.equal(last.event, 'problem');
    assert.equal(last.data.status, 403);
    await waitFor(() => short.closed, { what: 'the stream has ended' });
    const after = performance.now() - began;
    assert.ok(after > left - 500 && after < left + 5000 * slow, `it ended after ${after} ms`);
    await vote(poll, 'later');
    await long.next((each) => each.data.voters === 1);
    assert.ok(!long.closed && !plain.closed);
    assertPublic(plain, poll);
  });

  test('without a key a ticket is not checked; another key is learned', async () => {
    const poll = await makePoll();
    assert.equal(await system.kill('polls', 'SIGTERM'), 0);
    await system.restart('live');
    const watcher = await watch(topicOf(poll), ticket(poll));
    const problem = await watcher.next((each) => each.data.ticket === 'unchecked');
    assert.equal(problem.event, 'problem');
    assert.equal(problem.data.status, 503);
    system.launch('polls');
    await system.ready('polls');
    await watcher.next(snapshot(poll));
    assertPublic(watcher, poll);
    await untilKeyIsKnown(poll);

    // As when Redis is restored from a backup of another site.
    await system.redis('SET', 'site:key', Buffer.alloc(32, 9));
    await system.restart('polls');
    const fresh = await ticketKey();
    await waitFor(async () => (await resultsOf(poll)).ticket, { what: 'polls answers' });
    await untilKeyIsKnown(poll, fresh);
    const stale = await watch(topicOf(poll), ticket(poll));
    await stale.next(refused);
    key = fresh;
  });

  // -- how many watch ---------------------------------------------------------------------------

  const number = (poll, n) => (each) => each.event === 'watchers' && each.data.topic === topicOf(poll) && each.data.watchers === n;
  const heard = { deadline: 2 * CENSUS_MS };

  test('how many watch is told to all of them, when it changes', async () => {
    const poll = await makePoll();
    const plain = await watch(topicOf(poll));
    await plain.next(number(poll, 1), heard);
    const sealed = await watch([topicOf(poll), topicOf(await makePoll('always'))], ticket(poll));
    const seen = await sealed.next(number(poll, 2), heard);
    assert.deepEqual(seen.data, { topic: topicOf(poll), watchers: 2 });
    assert.equal(seen.id, undefined);
    await plain.next(number(poll, 2), heard);
    const first = sealed.events.findIndex((each) => each.data.topic === topicOf(poll));
    assert.equal(sealed.events[first].event, 'snapshot', 'a topic begins with its snapshot');
    plain.close();
    await sealed.next(number(poll, 1), heard);
    const late = await watch(topicOf(poll));
    await late.next(number(poll, 2), heard);
    sealed.close();
    await late.next(number(poll, 1), heard);
    const told = late.events.filter((each) => each.event === 'watchers').map((each) => each.data.watchers);
    assert.deepEqual(told, [2, 1], 'each number once');
  });

  test('numbers are of all hubs, and one that died is soon not counted', async () => {
    const poll = await makePoll('always');
    const lost = await watch(topicOf(poll));
    await lost.next(number(poll, 1), heard);
    await system.kill('live');
    system.launch('live');
    await system.ready('live');
    const watcher = await watch(topicOf(poll));
    await watcher.next(number(poll, 2), heard);
    await watcher.next(number(poll, 1), { deadline: HUB_LIFE_MS + 2 * CENSUS_MS });
  });

  // -- the admin's door -------------------------------------------------------------------------

  test('/metrics and /readyz have a door of their own', async () => {
    const door = [...system.log('live').matchAll(/admin at (http:\/\/[0-9.:]+)/g)].at(-1)[1];
    const get = (url, options) => request('GET', url, { agent: false, ...options });
    await waitFor(async () => (await get(`${door}/readyz`)).status === 200, { what: 'live is ready' });
    const metrics = await get(`${door}/metrics`);
    assert.equal(metrics.status, 200);
    assert.match(metrics.headers['content-type'], /^text\/plain; version=0\.0\.4/);
    assert.equal(metrics.headers['access-control-allow-origin'], undefined, 'no site may read it');
    for (const name of ['voxpop_live_watchers ', 'voxpop_live_tickets_total{is="good"} ', 'voxpop_live_expired_total ', 'voxpop_bus_calls_total ', 'process_resident_memory_bytes ']) {
      assert.ok(metrics.text.includes(`\n${name}`), `${name} is in\n${metrics.text}`);
    }
    assert.equal((await get(`${door}/livez`)).status, 200);
    assert.equal((await get(`${door}/live?topic=poll:x`)).status, 404);
    assert.equal((await request('POST', `${door}/metrics`, { agent: false })).status, 405);
    for (const path of ['/metrics', '/readyz']) assert.equal((await get(system.urls.live.replace('/live', path))).status, 404);
  });
});
