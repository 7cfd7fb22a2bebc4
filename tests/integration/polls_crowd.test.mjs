// polls_crowd.test.mjs - very many at once: one voter counts once however often and whichever way
// the same request comes, and many voters count each; also where an address has a cap, where an
// account votes, and where a code does. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { assertCounted, castBytes, choicesText, insist, makePoll, resultsOf } from '../support/ballots.mjs';
import { Lines, requestBytes } from '../support/line.mjs';
import { slow, startSystem, waitFor } from '../support/system.mjs';
import { part, plain } from '../support/text.mjs';

const connections = 128;
const crowd = Math.ceil(10000 / slow);
const voters = Math.ceil(5000 / slow);
const told = (got) => `${got.status} ${got.text}`;
const times = (n, make) => Promise.all(Array.from({ length: n }, (_, i) => make(i)));

// How many answers had each status: {201: 1, 409: 199}.
function tallyStatuses(answers) {
  const counts = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

// All were counted as the same ballot. Gives its id.
function assertSame(answers) {
  const wrong = answers.filter((got) => got.status !== 201).map(told);
  assert.deepEqual(wrong.slice(0, 3), [], `${wrong.length} of ${answers.length} were not counted`);
  const ids = new Set(answers.map((got) => got.json.ballot_id));
  assert.equal(ids.size, 1);
  return [...ids][0];
}

describe('a crowd', () => {
  let system;
  let lines;
  before(async () => {
    system = await startSystem({ live: false, services: ['articles', 'comments', 'polls', 'polls#2'],
      args: { gateway: ['--http-threads', String(connections + 32), '--trusted-proxies', '127.0.0.1'] } });
    lines = new Lines(system.ports.gateway, connections);
  });
  after(() => {
    lines?.close();
    return system?.stop();
  });

  let keys = 0;
  const key = () => `crowd ${++keys}`;
  const ask = (bytes) => lines.ask(bytes);
  const one = (poll, got, choices) => assertCounted(system, poll, new Map([[got, choicesText(choices)]]));
  const cookie = async () => {
    const got = await ask(castBytes(await makePoll(system), ['1'], { key: key() }));
    assert.match(got.cookie, /^voxpop_voter=/, told(got));
    return got.cookie;
  };

  describe('of one voter', () => {
    test('with a cookie', async () => {
      const poll = await makePoll(system);
      const bytes = castBytes(poll, ['2'], { cookie: await cookie() });
      await one(poll, assertSame(await times(crowd, () => insist(lines, bytes))), ['2']);
    });

    test('without a cookie, with an Idempotency-Key', async () => {
      const poll = await makePoll(system);
      const bytes = castBytes(poll, ['3'], { key: key() });
      const answers = await times(crowd, () => insist(lines, bytes));
      await one(poll, assertSame(answers), ['3']);
      assert.equal(new Set(answers.map((got) => got.cookie)).size, 1, 'one voter, one cookie');
    });

    test('on a changeable poll', async () => {
      const poll = await makePoll(system, { changeable: true });
      const bytes = castBytes(poll, ['3'], { key: key() });
      const { entries } = await one(poll, assertSame(await times(crowd, () => insist(lines, bytes))), ['3']);
      assert.equal(entries, 1, 'and nothing was taken back');
    });

    test('who wants different things: one of them counts', async () => {
      const poll = await makePoll(system);
      const own = await cookie();
      const answers = await times(crowd / 10, (i) => insist(lines, castBytes(poll, [String(1 + i % 4)], { cookie: own, key: key() })));
      const counts = tallyStatuses(answers);
      assert.deepEqual(counts, { 201: 1, 409: answers.length - 1 });
      const { ballot_id: id, results } = answers.find((got) => got.status === 201).json;
      await one(poll, id, Object.keys(results.counts).filter((option) => results.counts[option]));
    });

    test('whose answer is lost: the retry counts nothing more', async () => {
      const poll = await makePoll(system);
      const model = new Map();
      await times(200 / slow, async (i) => {
        const choices = [String(1 + i % 4)];
        const bytes = castBytes(poll, choices, { key: key() });
        await lines.abandon(bytes);
        const got = await insist(lines, bytes);
        assert.equal(got.status, 201, told(got));
        model.set(got.json.ballot_id, choicesText(choices));
      });
      assert.equal(model.size, 200 / slow);
      await assertCounted(system, poll, model);
    });

    test('whose answer is lost after it was counted', async () => {
      const poll = await makePoll(system);
      const bytes = castBytes(poll, ['1'], { key: key() });
      await lines.abandon(bytes);
      await waitFor(async () => (await resultsOf(system, poll)).voters === 1, { what: 'the vote is counted' });
      await one(poll, assertSame([await ask(bytes)]), ['1']);
    });
  });

  describe('by forms', () => {
    const form = (poll, own, query = '') => requestBytes('POST', `/polls/${poll.id}/ballots${query}`, {
      body: 'choices=2', cookie: own,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...(own ? {} : { origin: 'http://127.0.0.1' }) },
    });

    test('first without the cookie, then with it, then very often', async () => {
      const poll = await makePoll(system);
      const invited = await ask(form(poll));
      assert.equal(invited.status, 307, told(invited));
      assert.match(invited.cookie, /^voxpop_voter=/);
      const to = new URL(invited.header('location'), system.urls.site);
      assert.equal(to.pathname, `/polls/${poll.id}/ballots`);
      assert.equal((await resultsOf(system, poll)).voters, 0, 'nothing is counted yet');
      const answers = await times(crowd / 10, () => insist(lines, form(poll, invited.cookie, to.search)));
      assert.deepEqual(tallyStatuses(answers), { 303: answers.length });
      const results = await resultsOf(system, poll);
      assert.deepEqual([results.voters, results.votes, results.counts['2']], [1, 1, 1]);
    });

    test('without the cookie on the second try: the page says that one is needed', async () => {
      const poll = await makePoll(system);
      const invited = await ask(form(poll));
      const to = new URL(invited.header('location'), system.urls.site);
      const answers = await times(20, () => ask(form(poll, undefined, to.search)));
      assert.deepEqual(tallyStatuses(answers), { 403: 20 });
      assert.match(plain(part(answers[0].text, 'main', '')), /cookie/);
      assert.equal((await resultsOf(system, poll)).voters, 0);
    });
  });

  test('different voters within one second: each is counted', async (t) => {
    const poll = await makePoll(system, { options: 6 });
    const model = new Map();
    let shed = 0;
    const began = performance.now();
    await times(voters, async (i) => {
      const choices = [String(1 + i % 6)];
      const bytes = castBytes(poll, choices, { key: key() });
      for (;;) {
        const got = await ask(bytes);
        if (got.status === 503) { // shed on purpose says when to come again
          assert.ok(Number(got.header('retry-after')) >= 1, told(got));
          shed++;
          continue;
        }
        assert.equal(got.status, 201, told(got));
        assert.ok(!model.has(got.json.ballot_id));
        model.set(got.json.ballot_id, choicesText(choices));
        return;
      }
    });
    t.diagnostic(`${voters} voters in ${Math.round(performance.now() - began)} ms, ${shed} times "later"`);
    assert.equal(model.size, voters);
    await assertCounted(system, poll, model);
  });

  describe('of one address, with a cap', () => {
    const from = (poll, address, own = {}) => {
      const bytes = castBytes(poll, ['1'], { key: key(), ...own });
      return bytes.replace('\r\n\r\n', `\r\nX-Forwarded-For: ${address}\r\n\r\n`);
    };

    test('as many as the cap count; then 429, but the same answer to those who are counted', async () => {
      const poll = await makePoll(system, { voting: 'limited', address_cap: 5 });
      assert.equal(poll.address_cap, 5);
      const all = Array.from({ length: 60 }, (_, i) => from(poll, `203.0.113.${i}`));
      const answers = await Promise.all(all.map((bytes) => insist(lines, bytes)));
      assert.deepEqual(tallyStatuses(answers), { 201: 5, 429: 55 });
      for (const got of answers.filter((each) => each.status === 429)) assert.ok(Number(got.header('retry-after')) >= 1, told(got));
      const again = await Promise.all(all.map((bytes) => insist(lines, bytes)));
      assert.deepEqual(again.map((got) => got.status), answers.map((got) => got.status));
      const ids = (list) => list.filter((got) => got.status === 201).map((got) => got.json.ballot_id);
      assert.deepEqual(ids(again), ids(answers));
      const model = new Map(ids(answers).map((id) => [id, '1']));
      const elsewhere = ['203.0.114.1', '2001:db8:1::1', '2001:db8:2::1'];
      for (const address of elsewhere) {
        const got = await ask(from(poll, address));
        assert.equal(got.status, 201, `${address}: ${told(got)}`);
        model.set(got.json.ballot_id, '1');
      }
      await assertCounted(system, poll, model);
    });

    test('a /48 of IPv6 is one', async () => {
      const poll = await makePoll(system, { voting: 'limited', address_cap: 2 });
      const answers = await times(10, (i) => ask(from(poll, `2001:db8:7:${i}::${i}`)));
      assert.deepEqual(tallyStatuses(answers), { 201: 2, 429: 8 });
      assert.equal((await resultsOf(system, poll)).voters, 2);
    });

    test('where no address is capped, none is', async () => {
      const poll = await makePoll(system);
      assert.equal(poll.address_cap ?? null, null);
      assert.deepEqual(tallyStatuses(await times(60, () => ask(from(poll, '203.0.113.9')))), { 201: 60 });
    });

    test('who changes a choice is not one more', async () => {
      const poll = await makePoll(system, { voting: 'limited', address_cap: 1, changeable: true });
      const first = await ask(from(poll, '203.0.113.1'));
      assert.equal(first.status, 201, told(first));
      const changed = await times(5, async (i) => {
        const bytes = castBytes(poll, [String(1 + i % 4)], { key: key(), cookie: first.cookie });
        return insist(lines, bytes.replace('\r\n\r\n', '\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n'));
      });
      assert.deepEqual(tallyStatuses(changed), { 201: 5 });
      assert.equal((await ask(from(poll, '203.0.113.2'))).status, 429);
      assert.equal((await resultsOf(system, poll)).voters, 1);
    });
  });

  describe('of accounts', () => {
    const password = 'a long enough password';
    const account = async (login) => {
      const made = await system.admin('POST', '/api/v1/accounts', { body: { login, password, role: 'author' } });
      assert.equal(made.status, 201, made.text);
      return [await system.tokenFor(login, password), await system.tokenFor(login, password)];
    };
    const cast = (poll, token, choice, options) => requestBytes('POST', `/api/v1/polls/${poll.id}/ballots`, {
      token, body: JSON.stringify({ choices: [choice] }), headers: { 'idempotency-key': key() }, ...options,
    });

    test('one account, one ballot, whatever its cookies, tokens and keys', async () => {
      const poll = await makePoll(system, { voting: 'account' });
      const model = new Map();
      const nobody = [cast(poll, undefined, '1'), cast(poll, undefined, '1', { cookie: await cookie() })];
      for (const bytes of nobody) assert.equal((await ask(bytes)).status, 401);
      for (const login of ['ann', 'ben']) {
        const tokens = await account(login);
        const own = await cookie();
        const answers = await times(100, (i) => insist(lines, cast(poll, tokens[i % 2], String(1 + i % 4), i % 3 ? {} : { cookie: own })));
        assert.deepEqual(tallyStatuses(answers), { 201: 1, 409: 99 });
        const { ballot_id: id } = answers.find((got) => got.status === 201).json;
        model.set(id, String(1 + answers.findIndex((got) => got.status === 201) % 4));
      }
      await assertCounted(system, poll, model);
    });

    test('the same request again has the same answer', async () => {
      const poll = await makePoll(system, { voting: 'account' });
      const [token] = await account('cleo');
      const bytes = cast(poll, token, '2');
      await one(poll, assertSame(await times(crowd / 10, () => insist(lines, bytes))), ['2']);
    });
  });

  describe('with codes', () => {
    const codesOf = async (poll, count) => {
      const got = await system.admin('POST', `/api/v1/polls/${poll.id}/codes`, { body: { count } });
      assert.equal(got.status, 201, got.text);
      assert.equal(new Set(got.json.codes).size, count);
      return got.json.codes;
    };
    const used = async (poll) => {
      const got = await system.admin('GET', `/api/v1/polls/${poll.id}/codes?limit=100`);
      return got.json.items.filter((each) => each.used).map((each) => each.code);
    };

    test('a code counts once, whoever has it', async () => {
      const poll = await makePoll(system, { voting: 'code' });
      const [code, other] = await codesOf(poll, 5);
      const requests = Array.from({ length: 200 }, (_, i) => castBytes(poll, [String(1 + i % 4)], { key: key(), code }));
      const answers = await Promise.all(requests.map((bytes) => insist(lines, bytes)));
      assert.deepEqual(tallyStatuses(answers), { 201: 1, 409: 199 });
      const winner = answers.findIndex((got) => got.status === 201);
      const { ballot_id: id } = answers[winner].json;
      assert.equal(assertSame(await times(50, () => insist(lines, requests[winner]))), id);
      await one(poll, id, [String(1 + winner % 4)]);
      assert.deepEqual(await used(poll), [code]);
      assert.equal((await ask(castBytes(poll, ['1'], { key: key(), code: other }))).status, 201);
    });

    test('one request with a code, very often', async () => {
      const poll = await makePoll(system, { voting: 'code' });
      const [code] = await codesOf(poll, 1);
      const bytes = castBytes(poll, ['4'], { key: key(), code });
      await one(poll, assertSame(await times(crowd / 10, () => insist(lines, bytes))), ['4']);
    });

    test('wrong, missing, malformed and another poll\'s codes', async () => {
      const poll = await makePoll(system, { voting: 'code' });
      const elsewhere = await makePoll(system, { voting: 'code' });
      const [code] = await codesOf(poll, 2);
      const [foreign] = await codesOf(elsewhere, 1);
      const cast = (body) => ask(requestBytes('POST', `/api/v1/polls/${poll.id}/ballots`, {
        body: JSON.stringify({ choices: ['1'], ...body }), headers: { 'idempotency-key': key() },
      }));
      const flipped = code.slice(0, -1) + (code.endsWith('2') ? '3' : '2');
      for (const wrong of [foreign, flipped, `${code}2`, code.slice(1), 'x', '0'.repeat(code.length)]) {
        assert.equal((await cast({ code: wrong })).status, 403, wrong);
      }
      for (const body of [{}, { code: '' }, { code: null }]) {
        const got = await cast(body);
        assert.equal(got.status, 422, told(got));
        assert.ok(got.json.errors.some((each) => each.pointer === '/code'), told(got));
      }
      for (const bad of [7, ['x'], { a: 1 }]) assert.equal((await cast({ code: bad })).status, 422);
      assert.equal((await cast({ code: 'x'.repeat(3000) })).status < 500, true);
      assert.deepEqual([(await resultsOf(system, poll)).voters, await used(poll)], [0, []]);
      // A choice that is not allowed does not use the code up.
      assert.equal((await ask(castBytes(poll, ['77'], { key: key(), code }))).status, 422);
      assert.equal((await ask(castBytes(poll, ['1'], { key: key(), code }))).status, 201);
    });
  });
});
