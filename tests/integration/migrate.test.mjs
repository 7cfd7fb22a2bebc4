// migrate.test.mjs - what an update leaves behind: records of an older schema, which are read, and
// rewritten by voxpop migrate while people vote; function libraries of versions that are gone, which
// are deleted after a day. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { assertCounted, choicesText, makePoll, recountOf, resultsOf } from '../support/ballots.mjs';
import { startSystem, waitFor } from '../support/system.mjs';

const password = 'a long enough password';
const dayMs = 24 * 3600 * 1000;

let system;
before(async () => { system = await startSystem({ services: ['articles', 'comments', 'polls', 'polls#2'] }); });
after(() => system?.stop());

const cast = (poll, key, choices) => system.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body: { choices }, headers: { 'idempotency-key': key } });

// A poll as schema 1 had it: fewer fields, a tally without marks, and voters in 4,096 hashes by other
// bits than now.
const toFirst = `
  local poll, call = KEYS[1], redis.call
  call('HSET', poll, 'schema', 1)
  call('HDEL', poll, 'voting', 'cap', 'article', 'owner', 'edited', 'codes', 'last', 'folded')
  call('HDEL', poll .. ':tally', 'marks', 'master')
  local moved = 0
  for n = 0, 15 do
    local flat = call('HGETALL', poll .. ':u:' .. n)
    call('DEL', poll .. ':u:' .. n)
    for i = 1, #flat, 2 do
      local a, b = string.byte(flat[i], 1, 2)
      call('HSET', poll .. ':v:' .. (a * 16 + b % 16), flat[i], flat[i + 1])
      moved = moved + 1
    end
  end
  return moved`;

// Strangers who voted in schema 1: voters, tally and journal. So many at once: a script that takes a
// busy machine a second makes services give Redis up.
const atOnce = 1000;
const crowd = `
  local poll, call, from, n = KEYS[1], redis.call, tonumber(ARGV[1]), tonumber(ARGV[2])
  for at = from, from + n - 1 do
    local voter = string.sub(redis.sha1hex('voter ' .. at), 1, 24):gsub('%x%x', function(x) return string.char(tonumber(x, 16)) end)
    local a, b = string.byte(voter, 1, 2)
    call('HSET', poll .. ':v:' .. (a * 16 + b % 16), voter, 'request.')
  end
  for at = 1, n, 100 do
    local entry = call('XADD', poll .. ':journal', '*', '1', string.rep('x', 1000))
    call('HSET', poll .. ':tally', 'entry', entry)
  end
  for _, name in ipairs{'voters', 'votes', '1'} do call('HINCRBY', poll .. ':tally', name, n) end
  return n`;

const schemaOf = (poll) => system.redis('HGET', `poll:{${poll.id}}`, 'schema');

// {poll, said: key → answer} of schema 1, with so many voters.
async function oldPoll(voters, options = {}) {
  const poll = Object.assign(await makePoll(system, { options: 3, ...options }), { model: new Map(), said: new Map() });
  for (let i = 0; i < voters; i++) {
    const choices = [String(1 + i % 3)];
    const got = await cast(poll, `voter ${i}`, choices);
    assert.equal(got.status, 201, got.text);
    poll.said.set(`voter ${i}`, { choices, id: got.json.ballot_id });
    poll.model.set(got.json.ballot_id, choicesText(choices));
  }
  assert.equal(await system.redis('EVAL', toFirst, 1, `poll:{${poll.id}}`), voters);
  return poll;
}

// Who has voted gets the same answer again, and no second vote.
async function assertKnown(poll) {
  for (const [key, { choices, id }] of poll.said) {
    const again = await cast(poll, key, choices);
    assert.deepEqual([again.status, again.json.ballot_id], [201, id], `${key} asks again: ${again.text}`);
    const other = await cast(poll, key, [choices[0] === '1' ? '2' : '1']);
    assert.equal(other.status, 409, `${key} wants something else: ${other.text}`);
  }
}

async function migrated(service, { dry = false } = {}) {
  const found = {};
  let rewritten = 0;
  for (let cursor, calls = 1; ; calls++) {
    const got = await waitFor(async () => { // as the tool does it: "not now" is asked again
      const answer = await system.admin('POST', `/api/v1/migrate/${service}`, { body: { cursor, dry_run: dry } });
      return ![503, 504].includes(answer.status) && answer;
    }, { deadline: 20000, what: 'a piece of the migration' });
    assert.equal(got.status, 200, got.text);
    rewritten += got.json.rewritten;
    for (const [schema, n] of Object.entries(got.json.found ?? {})) found[schema] = (found[schema] ?? 0) + n;
    cursor = got.json.next_cursor;
    if (cursor === null) return { found, rewritten, calls };
  }
}

describe('a poll of schema 1', () => {
  test('knows its voters, takes new ones, and is rewritten while they vote', async () => {
    const poll = await oldPoll(40);
    const unvoted = await oldPoll(0);
    const current = await makePoll(system, { changeable: true });
    const vote = async (key) => {
      const got = await cast(poll, key, ['2']);
      assert.equal(got.status, 201, got.text);
      poll.said.set(key, { choices: ['2'], id: got.json.ballot_id });
      poll.model.set(got.json.ballot_id, '2');
    };
    await assertKnown(poll);
    await vote('a new one');
    await assertKnown(poll);
    await assertCounted(system, poll, poll.model, 'as it is');

    const before = await system.cli(['migrate', '--dry-run']);
    assert.equal(before.code, 0, before.err);
    assert.match(before.out, /^accounts: account: schema 1 is the only one yet\narticles: article: none; .*\narticles: contributor: .*\ncomments: comment: .*\npolls: poll: 2 of schema 1, 1 of schema 2; 2 would be rewritten to schema 2\n$/);
    assert.deepEqual([await schemaOf(poll), await schemaOf(unvoted), await schemaOf(current)], ['1', '1', '2']);

    let over = false;
    const voting = (async () => { for (let i = 0; !over; i++) await vote(`meanwhile ${i}`); })();
    const done = await system.cli(['migrate', 'polls']).finally(() => { over = true; });
    await voting;
    assert.equal(done.code, 0, done.err);
    assert.match(done.out, /^polls: poll: .*; [0-2] rewritten to schema 2\n$/); // fewer when an answer was lost
    assert.deepEqual([await schemaOf(poll), await schemaOf(unvoted), await schemaOf(current)], ['2', '2', '2']);
    await assertKnown(poll);
    await vote('a late one');
    await assertKnown(poll);
    await assertCounted(system, poll, poll.model, 'rewritten');
    assert.deepEqual(await migrated('polls'), { found: { 2: 3 }, rewritten: 0, calls: 1 }, 'again: there is nothing to do');

    const { headers } = await system.admin('GET', `/api/v1/polls/${unvoted.id}`);
    const edited = await system.admin('PATCH', `/api/v1/polls/${unvoted.id}`, { body: { kind: 'multiple', max: 2 }, headers: { 'if-match': headers.etag } });
    assert.equal(edited.status, 200, `nobody has voted, and that is known: ${edited.text}`);
  });

  test('that said it was changeable was not', async () => {
    const poll = await oldPoll(5);
    await system.redis('HSET', `poll:{${poll.id}}`, 'changeable', '1');
    for (const when of ['before', 'after']) {
      await assertKnown(poll);
      assert.equal((await system.admin('GET', `/api/v1/polls/${poll.id}`)).json.changeable, false, when);
      await assertCounted(system, poll, poll.model, when);
      if (when === 'before') await migrated('polls');
    }
  });

  test('with very many voters is rewritten in pieces, by any instance', async () => {
    const poll = await oldPoll(20);
    const many = 15000;
    const name = `poll:{${poll.id}}`;
    for (let from = 1; from <= many; from += atOnce) assert.equal(await system.redis('EVAL', crowd, 1, name, from, atOnce), atOnce);
    const { rewritten, calls } = await migrated('polls');
    assert.ok(rewritten <= 1); // 0: that answer was lost, and it was asked for again
    assert.equal(await schemaOf(poll), '2');
    assert.ok(calls > 1, `${calls} call for ${many} voters`);
    await assertKnown(poll);
    const sums = [0, 0];
    for (let from = 0; from < 4096; from += 256) {
      const [n, wrong] = await system.redis('EVAL', `
      local n, wrong = 0, 0
      for at = tonumber(ARGV[1]), ARGV[1] + 255 do
        local voters = redis.call('HKEYS', KEYS[1] .. ':v:' .. at)
        n = n + #voters
        for _, voter in ipairs(voters) do
          local a, b = string.byte(voter, 1, 2)
          if (a * 256 + b) % 4096 ~= at then wrong = wrong + 1 end
        end
      end
      return {n, wrong}`, 1, name, from);
      sums[0] += n;
      sums[1] += wrong;
    }
    assert.deepEqual(sums, [many + 20, 0], 'each voter is there, once, where it is looked for');
    assert.equal((await resultsOf(system, poll)).voters, many + 20);
    assert.equal((await recountOf(system, poll)).equal, true);
  });
});

describe('migrate', () => {
  test('is for admins', async () => {
    await system.make('/api/v1/accounts', { login: 'eva', password, role: 'editor' });
    const eva = await system.tokenFor('eva', password);
    for (const service of ['accounts', 'articles', 'comments', 'polls']) {
      for (const [token, status] of [[undefined, 401], [eva, 403], [system.token, 200]]) {
        const got = await system.api('POST', `/api/v1/migrate/${service}`, { token, body: { dry_run: true } });
        assert.equal(got.status, status, got.text);
      }
    }
  });

  test('goes on only where it was', async () => {
    for (const cursor of ['x', ':', '1:', '7:', '-1:', '0', `0:${'Z'.repeat(65)}`]) {
      const got = await system.admin('POST', '/api/v1/migrate/polls', { body: { cursor } });
      assert.ok([400, 422].includes(got.status), `${cursor}: ${got.text}`);
    }
    const wrong = await system.cli(['migrate', 'pages']);
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /a service is accounts, articles, comments or polls/);
  });
});

describe('function libraries', () => {
  const libraries = async () => (await system.redis('FUNCTION', 'LIST')).map((row) => row[row.indexOf('library_name') + 1]);
  const load = (name) => system.redis('FUNCTION', 'LOAD', `#!lua name=${name}\nredis.register_function('${name}_x', function() return 1 end)`);
  const said = async (name) => system.redis('ZSCORE', 'libraries:polls', name).then((score) => score && Number(score));

  test('that nobody has used for a day are deleted, others stay', async () => {
    const own = (await libraries()).find((name) => name.startsWith('polls_'));
    await waitFor(() => said(own), { what: 'the instances say what they use' });
    const names = { gone: 'polls_1_00000000', other: 'polls_1_00000001', fresh: 'polls_1_00000002', theirs: 'pollsters_1_00000000' };
    for (const name of Object.values(names)) await load(name);
    const now = Date.now();
    await system.redis('ZADD', 'libraries:polls', now - dayMs - 60000, names.gone);
    await system.redis('ZADD', 'libraries:polls', now - dayMs + 600000, names.other);
    await system.redis('ZADD', 'libraries:polls', now - 3 * dayMs, 'polls_1_00000009'); // whose library is not there
    await system.restart('polls');
    await waitFor(async () => !(await libraries()).includes(names.gone), { what: 'the library is deleted' });
    await waitFor(async () => await said(names.fresh) >= now, { what: 'one that nobody spoke of begins its day' });
    const left = await libraries();
    for (const name of [own, names.other, names.fresh, names.theirs]) assert.ok(left.includes(name), `${name} is there`);
    assert.equal(await said(names.gone), null);
    assert.equal(await said('polls_1_00000009'), null);
    assert.ok(await said(own) >= now);
  });

  test('that are in use all the same are loaded again', async () => {
    const poll = await makePoll(system);
    const own = (await libraries()).find((name) => /^polls_1_[0-9a-f]{8}$/.test(name) && !/_0000000\d$/.test(name));
    await system.redis('FUNCTION', 'DELETE', own);
    assert.equal((await cast(poll, 'after it', ['1'])).status, 201);
    assert.ok((await libraries()).includes(own));
  });
});
