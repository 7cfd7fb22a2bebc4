// polls_codes.test.mjs - invitation codes from the first to the last, as somebody who has none, an
// old one, or somebody else's; and which poll stands on the front page.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { makePoll } from '../support/ballots.mjs';
import { slow, startSystem, waitFor } from '../support/system.mjs';

const password = 'a long enough password';
const unknown = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const pathOf = (poll, rest = '') => `/api/v1/polls/${poll.id}${rest}`;

let system;
const tokens = {};
before(async () => {
  system = await startSystem({ services: ['articles', 'comments', 'polls', 'polls#2'], live: false });
  for (const [login, role] of [['ann', 'author'], ['bob', 'author'], ['eva', 'editor'], ['mod', 'moderator']]) {
    await system.make('/api/v1/accounts', { login, password, role });
    tokens[login] = await system.tokenFor(login, password);
  }
});
after(() => system?.stop());

const byCode = (rest = {}) => makePoll(system, { voting: 'code', ...rest });
const issue = (poll, count, options = {}) => system.admin('POST', pathOf(poll, '/codes'), { body: { count }, ...options });
const issued = async (poll, count, options) => {
  const got = await issue(poll, count, options);
  assert.equal(got.status, 201, got.text);
  assert.equal(got.headers['cache-control'], 'private, no-store');
  assert.equal(got.json.codes.length, count);
  return got.json.codes;
};
const list = async (poll) => {
  const all = [];
  for (let cursor = ''; cursor !== null;) {
    const got = await system.admin('GET', pathOf(poll, `/codes?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`));
    assert.equal(got.status, 200, got.text);
    assert.equal(got.headers['cache-control'], 'private, no-store');
    all.push(...got.json.items);
    cursor = got.json.next_cursor;
  }
  return all;
};
const vote = (poll, code, choices = ['1'], options = {}) => system.api('POST', pathOf(poll, '/ballots'), { body: { choices, code }, ...options });
const move = async (poll, word) => {
  const got = await system.admin('POST', pathOf(poll, `/${word}`));
  assert.equal(got.status, 200, got.text);
};

describe('codes', () => {
  test('are made for whoever may have them', async () => {
    const made = await system.api('POST', '/api/v1/polls', { token: tokens.ann,
      body: { question: 'Mine?', options: [{ text: 'Yes' }, { text: 'No' }], kind: 'single', results: 'always', voting: 'code' } });
    assert.equal(made.status, 201, made.text);
    const poll = made.json;
    for (const [who, status] of [[null, 401], ['mod', 403], ['bob', 403], ['ann', 201], ['eva', 201]]) {
      const token = who ? tokens[who] : undefined;
      const got = await issue(poll, 1, { token });
      assert.equal(got.status, status, `${who}: ${got.text}`);
      for (const format of ['json', 'csv']) {
        const seen = await system.api('GET', pathOf(poll, `/codes?format=${format}`), { token });
        assert.equal(seen.status, status === 201 ? 200 : status, `${who}: ${seen.text}`);
      }
    }
    assert.equal((await list(poll)).length, 2);
  });

  test('are asked for properly', async () => {
    const poll = await byCode();
    const rows = [[{}, 422], [{ count: 0 }, 422], [{ count: -1 }, 422], [{ count: 10001 }, 422], [{ count: '5' }, 422], [{ count: 1.5 }, 422], ['', 400], ['{', 400], ['[5]', 422]];
    for (const [body, status] of rows) assert.equal((await issue(poll, 0, { body })).status, status, JSON.stringify(body));
    for (const query of ['limit=0', 'limit=101', 'cursor=x', 'format=xml', `cursor=${Buffer.from('ix').toString('base64url')}`]) {
      assert.equal((await system.admin('GET', pathOf(poll, `/codes?${query}`))).status, 400, query);
    }
    for (const id of [unknown, 'x']) {
      assert.equal((await system.admin('POST', `/api/v1/polls/${id}/codes`, { body: { count: 1 } })).status, 404);
      assert.equal((await system.admin('GET', `/api/v1/polls/${id}/codes`)).status, 404);
    }
    assert.deepEqual(await list(poll), []);
    const open = await makePoll(system);
    assert.equal((await issue(open, 1)).status, 409);
    assert.equal((await system.admin('GET', pathOf(open, '/codes'))).status, 409);
  });

  test('are all different, the same each time they are looked at, and kept nowhere', async () => {
    const poll = await byCode();
    const codes = [...await issued(poll, 250), ...await issued(poll, 3)];
    assert.equal(new Set(codes).size, 253);
    for (const code of codes) assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$/);
    assert.deepEqual((await list(poll)).map(({ code }) => code), codes);
    const csv = await system.admin('GET', pathOf(poll, '/codes?format=csv'));
    assert.equal(csv.headers['content-type'], 'text/csv; charset=utf-8');
    assert.equal(csv.headers['content-disposition'], `attachment; filename="codes-${poll.id}.csv"`);
    assert.equal(csv.headers['cache-control'], 'private, no-store');
    assert.equal(csv.text, `code,used\r\n${codes.map((code) => `${code},no\r\n`).join('')}`);
    const more = await issue(poll, 2, { headers: { accept: 'text/csv' } });
    assert.equal(more.status, 201, more.text);
    assert.match(more.text, /^code,used\r\n(?:[0-9A-Z]{4}-[0-9A-Z]{5}-[0-9A-Z]{5},no\r\n){2}$/);
    const record = await system.redis('HGETALL', `poll:{${poll.id}}`);
    assert.equal(record[record.indexOf('codes') + 1], '255');
    assert.ok(!codes.some((code) => record.join(' ').includes(code)));
  });

  test('are made once for one Idempotency-Key', async () => {
    const poll = await byCode();
    const headers = { 'idempotency-key': 'codes-once' };
    const all = await Promise.all(Array.from({ length: 5 }, () => issued(poll, 4, { headers })));
    for (const codes of all) assert.deepEqual(codes, all[0]);
    assert.equal((await issue(poll, 5, { headers })).status, 422);
    assert.equal((await list(poll)).length, 4);
  });

  test('are good for one ballot, however they are written', async () => {
    const poll = await byCode();
    const other = await byCode();
    const codes = await issued(poll, 5);
    const [foreign] = await issued(other, 1);
    assert.equal((await vote(poll, undefined)).status, 422);
    assert.equal((await vote(poll, '')).status, 422);
    const bent = codes[0].slice(0, -1) + (codes[0].endsWith('0') ? '1' : '0');
    for (const wrong of ['x', foreign, bent, '0001-00000-00000', codes[0].slice(1), `${codes[0]}0`]) {
      const got = await vote(poll, wrong);
      assert.equal(got.status, 403, `${wrong}: ${got.text}`);
    }
    assert.equal((await vote(poll, 7)).status, 422);
    const first = await vote(poll, codes[0], ['1'], { headers: { 'idempotency-key': 'k' } });
    assert.equal(first.status, 201, first.text);
    assert.equal(first.headers['set-cookie'], undefined, 'a code needs no cookie');
    const again = await vote(poll, codes[0].toLowerCase(), ['1'], { headers: { 'idempotency-key': 'k' } });
    assert.deepEqual([again.status, again.json.ballot_id], [201, first.json.ballot_id], 'a retry is answered');
    assert.equal((await vote(poll, codes[0], ['2'])).status, 409);
    assert.equal((await vote(poll, ` ${codes[1].replaceAll('-', ' ').toLowerCase()} `)).status, 201);
    const both = await Promise.all(['1', '2'].map((choice, i) => vote(poll, codes[2], [choice], { headers: { 'idempotency-key': `b${i}` } })));
    assert.deepEqual(both.map((got) => got.status).sort(), [201, 409], 'of two at once one is counted');
    assert.deepEqual((await list(poll)).map(({ used }) => used), [true, true, true, false, false]);
    const { text } = await system.admin('GET', pathOf(poll, '/codes?format=csv'));
    assert.equal(text, `code,used\r\n${codes.map((code, i) => `${code},${i < 3 ? 'yes' : 'no'}\r\n`).join('')}`);
    assert.equal((await system.admin('GET', pathOf(poll))).json.results.voters, 3);
  });

  test('end when the poll is archived, also those of a poll that opens again do not', async () => {
    const poll = await byCode();
    const [one, two, three] = await issued(poll, 3);
    assert.equal((await vote(poll, one)).status, 201);
    await move(poll, 'close');
    assert.equal((await vote(poll, two)).status, 409);
    assert.equal((await list(poll)).length, 3);
    await move(poll, 'reopen');
    assert.equal((await vote(poll, two)).status, 201);
    assert.equal((await vote(poll, one, ['2'])).status, 409);
    await move(poll, 'close');
    await move(poll, 'archive');
    assert.equal((await vote(poll, three)).status, 409);
    assert.equal((await issue(poll, 1)).status, 409);
    for (const format of ['json', 'csv']) assert.equal((await system.admin('GET', pathOf(poll, `/codes?format=${format}`))).status, 409);
  });

  test('are 100,000 at most, and all of them hold nobody up', async () => {
    const poll = await byCode();
    const seen = new Set();
    const rounds = slow > 1 ? 2 : 10; // with a sanitizer fewer have to do
    for (let i = 0; i < rounds; i++) for (const code of await issued(poll, 10000)) seen.add(code);
    assert.equal(seen.size, 10000 * rounds);
    const [some] = seen;
    assert.equal((await vote(poll, some)).status, 201);
    let worst = 0;
    let done = false;
    const others = (async () => {
      while (!done) worst = Math.max(worst, (await system.api('GET', '/api/v1/polls/placement')).ms);
    })();
    const csv = await system.admin('GET', pathOf(poll, '/codes?format=csv'));
    done = true;
    await others;
    assert.equal(csv.status, 200, csv.text.slice(0, 300));
    const lines = csv.text.trimEnd().split('\r\n').slice(1);
    assert.equal(lines.length, seen.size);
    assert.deepEqual(lines.filter((line) => line.endsWith(',yes')), [`${some},yes`]);
    assert.ok(worst < 500 * slow, `others waited ${worst} ms`);
    await system.redis('HSET', `poll:{${poll.id}}`, 'codes', 99999);
    assert.equal((await issue(poll, 2)).status, 409);
    await issued(poll, 1);
    assert.equal((await issue(poll, 1)).status, 409);
  });
});

describe('the placement', () => {
  const place = (body, options = {}) => system.admin('PUT', '/api/v1/polls/placement', { body, ...options });
  const current = async () => {
    const got = await system.api('GET', '/api/v1/polls/current');
    return got.status === 404 ? null : got.json.id;
  };

  test('is changed by editors, and properly', async () => {
    const now = await system.api('GET', '/api/v1/polls/placement');
    assert.deepEqual([now.status, now.json], [200, { mode: 'newest', poll_id: null }]);
    assert.equal((await system.api('GET', '/api/v1/polls/placement', { headers: { 'if-none-match': now.headers.etag } })).status, 304);
    const poll = await makePoll(system);
    const rows = [[{}, '/mode'], [{ mode: 'oldest' }, '/mode'], [{ mode: 7 }, '/mode'], [{ mode: 'fixed' }, '/poll_id'], [{ mode: 'fixed', poll_id: null }, '/poll_id'],
      [{ mode: 'fixed', poll_id: 'x' }, '/poll_id'], [{ mode: 'fixed', poll_id: unknown }, '/poll_id'], [{ mode: 'newest', poll_id: poll.id }, '/poll_id']];
    for (const [body, pointer] of rows) {
      const got = await place(body);
      assert.equal(got.status, 422, `${JSON.stringify(body)}: ${got.text}`);
      assert.deepEqual(got.problem.errors.map((e) => e.pointer), [pointer]);
    }
    for (const [who, status] of [[null, 401], ['mod', 403], ['ann', 403], ['eva', 200]]) {
      assert.equal((await place({ mode: 'newest' }, { token: who ? tokens[who] : undefined })).status, status, who);
    }
    assert.equal((await system.admin('POST', '/api/v1/polls/placement', { body: {} })).status, 405);
    assert.deepEqual((await system.api('GET', '/api/v1/polls/placement')).json, { mode: 'newest', poll_id: null });
  });

  test('newest, fixed and random', async () => {
    const [one, two, three] = [await makePoll(system), await makePoll(system), await makePoll(system)];
    assert.equal(await current(), three.id);
    const got = await place({ mode: 'fixed', poll_id: one.id });
    assert.deepEqual([got.status, got.json], [200, { mode: 'fixed', poll_id: one.id }]);
    assert.equal(got.headers['cache-control'], 'private, no-store');
    assert.equal(await current(), one.id);
    await move(one, 'close');
    assert.equal(await current(), three.id, 'while it is open only');
    await move(one, 'reopen');
    assert.equal(await current(), one.id);
    await system.admin('DELETE', pathOf(one), { headers: { 'if-match': '*' } });
    assert.equal(await current(), three.id, 'nor when it is gone');

    await place({ mode: 'random' });
    const chosen = await current();
    const all = await Promise.all(Array.from({ length: 40 }, current));
    assert.ok(all.every((id) => id === chosen), 'the same all day, whichever instance answers');
    await move({ id: chosen }, 'close');
    const next = await current();
    assert.ok(next !== chosen);
    await move({ id: chosen }, 'reopen');
    assert.equal(await current(), chosen);
    await place({ mode: 'newest' });
    await move(three, 'close');
    assert.equal(await current(), two.id);
  });

  test('of nothing is nothing', async () => {
    const open = (await system.api('GET', '/api/v1/polls?status=open&limit=100')).json.items;
    for (const poll of open) await move(poll, 'close');
    for (const body of [{ mode: 'random' }, { mode: 'fixed', poll_id: open[0].id }, { mode: 'newest' }]) {
      assert.equal((await place(body)).status, 200);
      assert.equal(await current(), null);
    }
    await waitFor(async () => (await system.api('GET', '/')).status === 200, { what: 'the front page goes without' });
  });
});
