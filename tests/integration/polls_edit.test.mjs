// polls_edit.test.mjs - changing, closing, opening again, archiving and deleting polls, as people
// do it who are clumsy, late, or not to be trusted. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { assertCounted, makePoll } from '../support/ballots.mjs';
import { Chance, newSeed } from '../support/random.mjs';
import { slow, startSystem, waitFor } from '../support/system.mjs';

const password = 'a long enough password';
const unknown = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const soon = (ms) => new Date(Date.now() + ms).toISOString();
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

const read = async (poll) => {
  const got = await system.admin('GET', pathOf(poll));
  assert.equal(got.status, 200, got.text);
  return got.json;
};
const etag = (revision) => ({ 'if-match': `"${revision}.7"` });
const patch = async (poll, body, { revision, headers = {}, ...rest } = {}) => system.admin('PATCH', pathOf(poll),
  { body, headers: { ...etag(revision ?? (await read(poll)).revision), ...headers }, ...rest });
const changed = async (poll, body, options) => {
  const got = await patch(poll, body, options);
  assert.equal(got.status, 200, `${JSON.stringify(body)}: ${got.text}`);
  return got.json;
};
const refused = async (poll, body, status, pointer, options) => {
  const was = await read(poll);
  const got = await patch(poll, body, options);
  assert.equal(got.status, status, `${JSON.stringify(body)}: ${got.text}`);
  const { errors = [] } = got.problem;
  if (pointer) assert.ok(errors.some((e) => e.pointer === pointer), `${JSON.stringify(body)}: ${pointer} in ${got.text}`);
  assert.deepEqual(await read(poll), was, `${JSON.stringify(body)} has changed nothing`);
};
const move = (poll, word, { body, ...rest } = {}) => system.admin('POST', pathOf(poll, `/${word}`), { body, ...rest });
const moved = async (poll, word, body) => {
  const got = await move(poll, word, { body });
  assert.equal(got.status, 200, `${word}: ${got.text}`);
  return got.json;
};
const vote = (poll, key, choices = ['1'], options = {}) =>
  system.api('POST', pathOf(poll, '/ballots'), { body: { choices }, headers: { 'idempotency-key': key }, ...options });
const voted = async (poll, key, choices) => {
  const got = await vote(poll, key, choices);
  assert.equal(got.status, 201, got.text);
  return got;
};
const texts = (poll) => poll.options.map(({ id, text }) => `${id} ${text}`);
const historyOf = async (poll) => {
  const got = await system.api('GET', pathOf(poll, '/history'));
  assert.equal(got.status, 200, got.text);
  return got.json.items;
};
// All keys with the poll's hash tag.
async function keysOf(poll) {
  const keys = [];
  for (let cursor = '0', first = true; first || cursor !== '0'; first = false) {
    const [next, found] = await system.redis('SCAN', cursor, 'MATCH', `poll:{${poll.id}}*`, 'COUNT', 10000);
    cursor = next;
    keys.push(...found);
  }
  return keys.map((key) => key.replace(`poll:{${poll.id}}`, '')).sort();
}

describe('what is not to be read', () => {
  test('is a 422 that names the field', async () => {
    const poll = await makePoll(system, { options: 2, kind: 'multiple' });
    const two = [{ id: '1', text: 'A' }, { id: '2', text: 'B' }];
    const rows = [
      [{ question: '' }, '/question'], [{ question: 'x'.repeat(301) }, '/question'], [{ question: ['x'] }, '/question'],
      [{ options: [] }, '/options'], [{ options: two.slice(1) }, '/options'], [{ options: { 1: 'A' } }, '/options'],
      [{ options: Array.from({ length: 25 }, (_, i) => ({ text: `o${i}` })) }, '/options'],
      [{ options: ['A', 'B'] }, '/options/0'], [{ options: [{ id: '1' }, two[1]] }, '/options/0/text'],
      [{ options: [{ id: '1', text: 'B ' }, two[1]] }, '/options/1/text'],
      [{ options: [{ id: '3', text: 'C' }, two[1]] }, '/options/0/id'], [{ options: [{ id: 1, text: 'C' }, two[1]] }, '/options/0/id'],
      [{ options: [{ id: '1', text: 'C' }, { id: '1', text: 'D' }] }, '/options/1/id'],
      [{ kind: 'triple' }, '/kind'], [{ min_choices: 3 }, '/min_choices'], [{ max_choices: 3 }, '/max_choices'], [{ max_choices: '2' }, '/max_choices'],
      [{ kind: 'single', min_choices: 2 }, '/min_choices'], [{ results: 'never' }, '/results'], [{ changeable: 'no' }, '/changeable'],
      [{ closes_at: 'tomorrow' }, '/closes_at'], [{ closes_at: '2020-01-01T00:00:00Z' }, '/closes_at'],
      [{ voting: 'all' }, '/voting'], [{ address_cap: 5 }, '/address_cap'], [{ voting: 'limited', address_cap: 0 }, '/address_cap'],
      [{ article_id: 'x' }, '/article_id'],
    ];
    for (const [body, pointer] of rows) await refused(poll, body, 422, pointer);
    for (const [body, status] of [['{', 400], ['[]', 422], ['', 400], ['{"a":1,"a":2}', 400]]) {
      const got = await patch(poll, body);
      assert.equal(got.status, status, `${body}: ${got.text}`);
    }
    assert.equal((await patch(poll, '{}', { headers: { 'content-type': 'application/xml' } })).status, 415);
    assert.equal((await patch(poll, { question: 'x'.repeat(70000) })).status, 413);
  });

  test('a wrong If-Match, or none', async () => {
    const poll = await makePoll(system);
    for (const method of ['PATCH', 'DELETE']) {
      const send = (headers) => system.admin(method, pathOf(poll), { body: method === 'PATCH' ? { question: 'Who?' } : undefined, headers });
      assert.equal((await send({})).status, 428, method);
      for (const tag of ['"0.1"', '"2.1"', '"9"', 'W/"1.1"', '1.1', '"x.1"', '""', '"1.1", "2.1"']) {
        assert.equal((await send({ 'if-match': tag })).status, 412, `${method} ${tag}`);
      }
    }
    assert.deepEqual(await read(poll), poll);
  });

  test('polls that are not there', async () => {
    for (const id of [unknown, 'current', 'x', unknown.toLowerCase()]) {
      for (const [method, rest, body] of [['PATCH', '', {}], ['DELETE', ''], ['GET', '/history'], ['POST', '/close'], ['POST', '/reopen'], ['POST', '/archive']]) {
        if (id === 'current' && !rest && method === 'PATCH') continue;
        const got = await system.admin(method, `/api/v1/polls/${id}${rest}`, { body, headers: { 'if-match': '*' } });
        assert.ok(got.status === 404 || (id === 'current' && got.status === 405), `${method} ${id}${rest}: ${got.status} ${got.text}`);
      }
    }
  });
});

describe('who may', () => {
  test('change a poll: whoever made it, editors and admins', async () => {
    const made = await system.api('POST', '/api/v1/polls', { token: tokens.ann,
      body: { question: 'Mine?', options: [{ text: 'Yes' }, { text: 'No' }], kind: 'single', results: 'always' } });
    assert.equal(made.status, 201, made.text);
    const poll = made.json;
    const calls = [['PATCH', '', { question: 'Ours?' }], ['PATCH', '', {}], ['POST', '/close'], ['POST', '/reopen'], ['POST', '/archive'], ['DELETE', '']];
    for (const [method, rest, body] of calls) {
      const by = (token) => system.api(method, pathOf(poll, rest), { token, body, headers: { 'if-match': '"1.1"' } });
      for (const [who, status] of [['bob', 403], ['mod', 403], [null, 401]]) {
        const got = await by(who ? tokens[who] : undefined);
        assert.equal(got.status, status, `${method} ${rest} by ${who}: ${got.text}`);
      }
    }
    assert.deepEqual(await read(poll), poll);
    assert.equal((await patch(poll, { question: 'Still mine?' }, { token: tokens.ann })).status, 200);
    assert.equal((await patch(poll, { question: 'Mine now?' }, { token: tokens.eva })).status, 200);
    assert.equal((await move(poll, 'close', { token: tokens.eva })).status, 200);
    assert.equal((await move(poll, 'reopen', { token: tokens.ann })).status, 200);
    assert.deepEqual((await historyOf(poll)).map(({ by, before: from, after: to }) => [by, from, to]),
      [['ann', 'Mine?', 'Still mine?'], ['eva', 'Still mine?', 'Mine now?']]);
    assert.equal((await system.api('DELETE', pathOf(poll), { token: tokens.ann, headers: { 'if-match': '*' } })).status, 204);
    assert.equal((await system.api('GET', pathOf(poll))).status, 404);
  });
});

describe('a change', () => {
  test('needs the newest revision, which votes do not touch', async () => {
    const poll = await makePoll(system);
    for (let i = 0; i < 3; i++) await voted(poll, `v${i}`);
    const first = await changed(poll, { question: 'Which one?' }, { revision: poll.revision });
    assert.equal(first.revision, poll.revision + 1);
    assert.equal(first.results.votes, 3);
    assert.equal((await patch(poll, { question: 'Late?' }, { revision: poll.revision })).status, 412);
    assert.equal((await patch(poll, {}, { revision: poll.revision })).status, 412);
    assert.equal((await patch(poll, { question: 'Any?' }, { headers: { 'if-match': '*' } })).json.revision, poll.revision + 2);
  });

  test('of nothing is none, also with all that was shown sent back', async () => {
    const poll = await makePoll(system, { voting: 'limited', address_cap: 9, closes_at: soon(3600000) });
    await voted(poll, 'one');
    const { results, ...shown } = await read(poll);
    assert.equal(results.votes, 1);
    for (const body of [{}, shown, { question: ' Which? ' }, { unknown: true }]) {
      const same = await changed(poll, body);
      assert.equal(same.revision, poll.revision);
      assert.equal(same.edited, false);
    }
    assert.deepEqual(await historyOf(poll), []);
  });

  test('takes effect once, however often it is sent', async () => {
    const poll = await makePoll(system);
    const send = (options) => patch(poll, { options: [...poll.options, { text: 'More' }] }, { revision: poll.revision, headers: { 'idempotency-key': 'edit-once' }, ...options });
    const all = await Promise.all(Array.from({ length: 8 }, () => send()));
    assert.deepEqual(all.map((got) => got.status), Array(8).fill(200), all.map((got) => got.text).join('\n'));
    const now = await read(poll);
    assert.equal(now.revision, poll.revision + 1);
    assert.equal(now.options.length, poll.options.length + 1);
    assert.equal((await patch(poll, { question: 'x' }, { revision: poll.revision, headers: { 'idempotency-key': 'edit-once' } })).status, 422);
    // Without a key only one of many gets through.
    const many = await Promise.all(Array.from({ length: 8 }, (_, i) => patch(poll, { question: `Which ${i}?` }, { revision: now.revision })));
    assert.equal(many.filter((got) => got.status === 200).length, 1);
    assert.equal(many.filter((got) => got.status === 412).length, 7);
    // With * all do, one after the other.
    const any = await Promise.all(Array.from({ length: 3 }, (_, i) => patch(poll, { question: `Any ${i}?` }, { headers: { 'if-match': '*' } })));
    assert.deepEqual(any.map((got) => got.status), [200, 200, 200]);
    assert.equal((await read(poll)).revision, now.revision + 4);
  });

  test('of the wording is told to everybody', async () => {
    const poll = await makePoll(system, { options: 3 });
    await voted(poll, 'one', ['2']);
    assert.equal(poll.edited, false);
    const now = await changed(poll, { question: 'Wich <one>?', options: [poll.options[2], { id: '2', text: 'Ünique word' }, poll.options[0]] });
    assert.deepEqual(texts(now), ['3 Option 3', '2 Ünique word', '1 Option 1'], 'also in another order');
    assert.equal(now.edited, true);
    assert.deepEqual(now.results.counts, { 1: 0, 2: 1, 3: 0 });
    await changed(poll, { question: 'Which <one>?' });
    const items = await historyOf(poll);
    assert.deepEqual(items.map(({ at, ...rest }) => rest), [
      { by: 'admin', what: 'question', option_id: null, before: 'Which?', after: 'Wich <one>?' },
      { by: 'admin', what: 'option', option_id: '2', before: 'Option 2', after: 'Ünique word' },
      { by: 'admin', what: 'question', option_id: null, before: 'Wich <one>?', after: 'Which <one>?' },
    ]);
    for (const { at } of items) assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60000, at);
    const found = await system.api('GET', `/api/v1/polls?q=${encodeURIComponent('UNIQUE')}`);
    assert.deepEqual(found.json.items.map(({ id }) => id), [poll.id], 'and found by its new words');
    const got = await system.api('GET', pathOf(poll, '/history'));
    assert.equal((await system.api('GET', pathOf(poll, '/history'), { headers: { 'if-none-match': got.headers.etag } })).status, 304);
  });

  test('of the wording is made 500 times at most', async () => {
    const poll = await makePoll(system, { options: 24, kind: 'multiple' });
    let revision = poll.revision;
    for (let round = 0; round < 20; round++) {
      const options = poll.options.map(({ id }) => ({ id, text: `${round} ${id}` }));
      revision = (await changed(poll, { question: `Round ${round}?`, options }, { revision })).revision;
    }
    assert.equal((await historyOf(poll)).length, 500);
    await refused(poll, { question: 'Once more?' }, 409);
    await changed(poll, { closes_at: soon(3600000) });
  });

  test('adds options that are voted for at once, and never gives an id again', async () => {
    const poll = await makePoll(system, { options: 2 });
    await voted(poll, 'one', ['1']);
    let now = await changed(poll, { options: [...poll.options, { text: 'Third' }, { id: null, text: 'Fourth' }] });
    assert.deepEqual(texts(now), ['1 Option 1', '2 Option 2', '3 Third', '4 Fourth']);
    await voted(poll, 'two', ['3']);
    await refused(poll, { options: now.options.filter(({ id }) => id !== '3') }, 409);
    now = await changed(poll, { options: now.options.filter(({ id }) => id !== '4' && id !== '2') });
    assert.equal((await vote(poll, 'three', ['4'])).status, 422);
    now = await changed(poll, { options: [...now.options, { text: 'Fourth' }] });
    assert.deepEqual(texts(now), ['1 Option 1', '3 Third', '5 Fourth']);
    await refused(poll, { options: [now.options[0], { id: '4', text: 'Fourth' }, now.options[1]] }, 422, '/options/1/id');
    await voted(poll, 'four', ['5']);
    const results = (await read(poll)).results;
    assert.deepEqual(results.counts, { 1: 1, 3: 1, 5: 1 });
    assert.deepEqual(Object.keys((await system.api('GET', pathOf(poll, '/results'))).json.counts), ['1', '3', '5']);
  });

  test('passes no vote on to another option', async () => {
    const poll = await makePoll(system, { options: 3 });
    const [one, two, three] = poll.options;
    await voted(poll, 'one', ['1']);
    await refused(poll, { options: [{ id: '1', text: two.text }, { id: '2', text: one.text }, three] }, 409, '/options/0/text');
    await refused(poll, { options: [{ id: '1', text: two.text }, { id: '2', text: 'New' }, three] }, 409, '/options/0/text');
    // Nor in two steps.
    const now = await changed(poll, { options: [one, { id: '2', text: 'Second' }, { id: '3', text: 'Third' }] });
    await refused(poll, { options: [{ id: '1', text: 'Option 3' }, ...now.options.slice(1)] }, 409, '/options/0/text');
    // Its own words it may have again.
    await changed(poll, { options: [one, two, { id: '3', text: 'Third' }] });
    // Before the first vote all is free.
    const fresh = await makePoll(system, { options: 3 });
    await changed(fresh, { options: [{ id: '1', text: two.text }, { id: '2', text: one.text }, three] });
    await changed(fresh, { options: [one, two, three] });
  });

  test('of the rules ends with the first vote, also one that was taken back', async () => {
    const poll = await makePoll(system, { options: 3, kind: 'multiple', changeable: true });
    const rows = [
      [{ kind: 'single' }, '/kind'], [{ min_choices: 2 }, '/min_choices'], [{ max_choices: 2 }, '/max_choices'],
      [{ changeable: false }, '/changeable'], [{ voting: 'account' }, '/voting'], [{ results: 'staff' }, '/results'],
    ];
    for (const [body] of rows) {
      await changed(poll, body);
      await changed(poll, { kind: 'multiple', min_choices: 1, max_choices: 3, changeable: true, voting: 'open', results: 'always' });
    }
    const first = await voted(poll, 'one', ['1', '2']);
    for (const [body, pointer] of rows) await refused(poll, body, 409, pointer);
    const origin = { origin: system.urls.site };
    const back = await system.api('DELETE', pathOf(poll, '/ballots/mine'), { cookie: first.cookies, headers: origin });
    assert.equal(back.status, 200, back.text);
    assert.equal((await read(poll)).results.voters, 0);
    for (const [body, pointer] of rows) await refused(poll, body, 409, pointer);
    await changed(poll, { options: poll.options.slice(1) });
    assert.equal((await read(poll)).max_choices, 2, 'no more than there are');
    await refused(poll, { kind: 'single', results: 'staff', question: 'x' }, 409, '/kind');
  });

  test('of the way to vote brings what belongs to it', async () => {
    const poll = await makePoll(system);
    assert.deepEqual([poll.voting, poll.address_cap], ['open', null]);
    assert.equal((await changed(poll, { voting: 'limited' })).address_cap, 500);
    assert.equal((await changed(poll, { address_cap: 2 })).address_cap, 2);
    await voted(poll, 'one');
    await voted(poll, 'two');
    assert.equal((await vote(poll, 'three')).status, 429);
    await changed(poll, { address_cap: 3 });
    await voted(poll, 'three');
    const other = await makePoll(system, { voting: 'limited', address_cap: 9 });
    assert.equal((await changed(other, { voting: 'account' })).address_cap, null);
    assert.equal((await vote(other, 'nobody')).status, 401);
    // Whatever the instances remember of how it was, it is as it is now.
    for (const voting of ['code', 'open', 'account', 'limited', 'code', 'account', 'open']) {
      await changed(other, { voting, results: 'after_vote', changeable: true });
      const wanted = { account: 401, code: 422 }[voting];
      if (wanted) for (let i = 0; i < 6; i++) assert.equal((await vote(other, 'nobody')).status, wanted, voting);
    }
    const all = await Promise.all(Array.from({ length: 6 }, (_, i) => vote(other, `open ${i}`, ['2'])));
    for (const got of all) {
      assert.equal(got.status, 201, got.text);
      for (let i = 0; i < 3; i++) {
        assert.equal((await system.api('GET', pathOf(other, '/results'), { cookie: got.cookies })).json?.voters, 6);
        assert.deepEqual((await system.api('GET', pathOf(other, '/ballots/mine'), { cookie: got.cookies })).json.choices, ['2']);
      }
    }
    assert.equal((await changed(other, { article_id: unknown })).article_id, unknown);
    assert.equal((await changed(other, { article_id: null })).article_id, null);
  });
});

describe('a closed poll', () => {
  test('is closed once, keeps its options, and may be corrected', async () => {
    const poll = await makePoll(system, { results: 'after_vote', voting: 'limited', closes_at: soon(3600000) });
    await voted(poll, 'one');
    const closed = await moved(poll, 'close');
    assert.equal(closed.status, 'closed');
    assert.equal(closed.revision, poll.revision + 1);
    assert.ok(Date.parse(closed.closes_at) <= Date.now() + 1000);
    assert.deepEqual(await moved(poll, 'close', { anything: true }), closed, 'twice is once');
    assert.equal((await vote(poll, 'two')).status, 409);
    assert.equal((await vote(poll, 'one')).status, 201, 'a retry of what was counted is answered');
    const rows = [
      [{ options: [...poll.options, { text: 'More' }] }, '/options'], [{ options: poll.options.slice(0, 3) }, '/options'],
      [{ closes_at: null }, '/closes_at'], [{ closes_at: soon(3600000) }, '/closes_at'], [{ address_cap: 8 }, '/address_cap'],
      [{ opens_at: '2020-01-01T00:00:00Z' }, '/opens_at'], [{ kind: 'multiple' }, '/kind'],
    ];
    for (const [body, pointer] of rows) await refused(poll, body, 409, pointer);
    await refused(poll, { opens_at: null }, 422, '/opens_at');
    await changed(poll, { question: 'Which was it?', results: 'always' });
    assert.equal((await system.api('GET', pathOf(poll, '/results'))).json.votes, 1);
  });

  test('opens again for those who have not voted, until it closes', async () => {
    const poll = await makePoll(system);
    await voted(poll, 'one');
    const tooSoon = await move(poll, 'reopen');
    assert.equal(tooSoon.status, 409, tooSoon.text);
    await moved(poll, 'close');
    for (const [body, status] of [[{ closes_at: '2020-01-01T00:00:00Z' }, 422], [{ closes_at: '1970-01-01T00:00:00Z' }, 422], [{ closes_at: 7 }, 422], ['[', 400]]) {
      assert.equal((await move(poll, 'reopen', { body })).status, status, JSON.stringify(body));
    }
    let now = await moved(poll, 'reopen');
    assert.deepEqual([now.status, now.closes_at], ['open', null]);
    assert.equal((await vote(poll, 'one', ['2'])).status, 409, 'who has voted has voted');
    await voted(poll, 'two', ['2']);
    await moved(poll, 'close');
    now = await moved(poll, 'reopen', { closes_at: soon(1200) });
    const { revision } = now;
    await waitFor(async () => (await read(poll)).status === 'closed', { deadline: 1200 / slow + 1500, what: 'it closes again' });
    assert.equal((await read(poll)).revision, revision + 1);
    assert.deepEqual((await read(poll)).results.counts, { 1: 1, 2: 1, 3: 0, 4: 0 });
  });

  test('of two who open it, one does', async () => {
    const poll = await makePoll(system);
    await moved(poll, 'close');
    const both = await Promise.all([move(poll, 'reopen'), move(poll, 'reopen')]);
    assert.deepEqual(both.map((got) => got.status).sort(), [200, 409]);
    const key = { 'idempotency-key': 'again' };
    await moved(poll, 'close');
    const same = await Promise.all([move(poll, 'reopen', { headers: key }), move(poll, 'reopen', { headers: key })]);
    assert.deepEqual(same.map((got) => got.status), [200, 200], 'the same request has the same answer');
  });
});

describe('an archived poll', () => {
  test('forgets its voters and is never changed again', async () => {
    const poll = await makePoll(system, { results: 'after_vote', voting: 'limited' });
    const first = await voted(poll, 'one');
    await voted(poll, 'two', ['2']);
    assert.equal((await move(poll, 'archive')).status, 409, 'not while it is open');
    await moved(poll, 'close');
    assert.ok((await keysOf(poll)).some((key) => /^:u:/.test(key)));
    const now = await moved(poll, 'archive');
    assert.equal(now.status, 'archived');
    assert.deepEqual(await moved(poll, 'archive'), now, 'twice is once');
    await waitFor(async () => !(await keysOf(poll)).some((key) => /^:[uvwa]:|^:key$/.test(key)), { deadline: 8000, what: 'the voters are forgotten' });
    assert.deepEqual(await keysOf(poll), ['', ':journal', ':series', ':tally']);
    for (const choices of [['1'], ['2'], ['99'], ['x'], ['1', '1']]) {
      for (const key of ['one', 'three']) assert.equal((await vote(poll, key, choices)).status, 409, `${key} ${choices}`);
    }
    assert.equal((await vote(poll, 'one', [])).status, 422);
    const look = await system.api('GET', pathOf(poll, '/results'), { cookie: first.cookies });
    assert.equal(look.text, 'null', 'nobody is known as one who has voted');
    for (const body of [{ question: 'x' }, { results: 'always' }, { closes_at: null }, { options: poll.options.slice(1) }, { article_id: unknown }]) {
      await refused(poll, body, 409);
    }
    assert.equal((await move(poll, 'close')).status, 409);
    assert.equal((await move(poll, 'reopen')).status, 409);
    assert.equal((await read(poll)).results.votes, 2);
    const deleted = await system.admin('DELETE', pathOf(poll), { headers: etag(now.revision) });
    assert.equal(deleted.status, 204, deleted.text);
    assert.deepEqual(await keysOf(poll), []);
  });
});

describe('a deleted poll', () => {
  test('was never voted in, and leaves nothing', async () => {
    const poll = await makePoll(system, { voting: 'limited', changeable: true, opens_at: soon(3600000) });
    await changed(poll, { question: 'Gone?', opens_at: null });
    await waitFor(async () => (await read(poll)).status === 'open', { what: 'it opens' });
    const { revision } = await read(poll);
    const first = await voted(poll, 'one');
    for (const tag of [`"${revision}.0"`, '*']) {
      const got = await system.admin('DELETE', pathOf(poll), { headers: { 'if-match': tag } });
      assert.equal(got.status, 409, got.text);
    }
    await system.api('DELETE', pathOf(poll, '/ballots/mine'), { cookie: first.cookies, headers: { origin: system.urls.site } });
    assert.equal((await system.admin('DELETE', pathOf(poll), { headers: { 'if-match': '*' } })).status, 409, 'nor one whose votes were taken back');

    const empty = await makePoll(system);
    const send = () => system.admin('DELETE', pathOf(empty), { headers: { ...etag(empty.revision), 'idempotency-key': 'delete-once' } });
    const both = await Promise.all([send(), send()]);
    assert.deepEqual(both.map((got) => [got.status, got.text]), [[204, ''], [204, '']]);
    assert.deepEqual(await keysOf(empty), []);
    for (const rest of ['', '/results', '/history']) assert.equal((await system.api('GET', pathOf(empty, rest))).status, 404, rest);
    assert.equal((await vote(empty, 'late')).status, 404);
    assert.ok(!(await system.api('GET', '/api/v1/polls?limit=100')).json.items.some(({ id }) => id === empty.id));
    assert.equal(await system.redis('ZSCORE', 'polls:due', empty.id), null);
  });
});

describe('the schedule', () => {
  // Watches the poll until it has the status; gives what it was like then, and how late that was.
  const until = async (poll, status, due) => {
    await waitFor(async () => (await read(poll)).status === status, { deadline: Math.max(0, due - Date.now()) / slow + 1000, every: 25, what: `it is ${status} within 1 s` });
    return read(poll);
  };

  test('opens and closes within a second, and once, whoever looks', async () => {
    const opens = Date.now() + 1500;
    const closes = opens + 1500;
    const poll = await makePoll(system, { opens_at: new Date(opens).toISOString(), closes_at: new Date(closes).toISOString() });
    assert.equal(poll.status, 'scheduled');
    assert.equal((await vote(poll, 'early')).status, 409);
    const open = await until(poll, 'open', opens);
    assert.ok(Date.now() >= opens - 50, 'not too early');
    assert.deepEqual([open.revision, open.results.version], [poll.revision + 1, poll.results.version + 1]);
    await voted(poll, 'one');
    const closed = await until(poll, 'closed', closes);
    assert.deepEqual([closed.revision, closed.results.version], [open.revision + 1, open.results.version + 2]);
    assert.equal((await vote(poll, 'late')).status, 409);
    assert.equal(await system.redis('ZSCORE', 'polls:due', poll.id), null);
  });

  test('can be moved while it is to come', async () => {
    const poll = await makePoll(system, { opens_at: soon(3600000), closes_at: soon(7200000) });
    await refused(poll, { opens_at: soon(9999999) }, 422, '/opens_at');
    const opens = Date.now() + 1200;
    await changed(poll, { opens_at: new Date(opens).toISOString() });
    const open = await until(poll, 'open', opens);
    await refused(poll, { opens_at: soon(60000) }, 409, '/opens_at');
    const closes = Date.now() + 1200;
    await changed(poll, { closes_at: new Date(closes).toISOString() });
    assert.equal((await until(poll, 'closed', closes)).revision, open.revision + 2);
    const never = await makePoll(system, { closes_at: soon(900) });
    assert.equal((await changed(never, { closes_at: null })).closes_at, null);
    const past = await makePoll(system, { opens_at: soon(3600000) });
    await changed(past, { opens_at: '2020-01-01T00:00:00Z' });
    await until(past, 'open', Date.now());
    assert.equal((await read(never)).status, 'open');
  });

  test('a scheduled poll that is closed never opened', async () => {
    const poll = await makePoll(system, { opens_at: soon(800) });
    const closed = await moved(poll, 'close');
    assert.ok(Date.parse(closed.opens_at) <= Date.parse(closed.closes_at));
    await moved(poll, 'reopen');
    assert.equal((await read(poll)).status, 'open');
    await voted(poll, 'one');
  });

  test('is made good once when nobody was there at the time', async () => {
    const opening = await makePoll(system, { opens_at: soon(1000) });
    const both = await makePoll(system, { opens_at: soon(1000), closes_at: soon(1300) });
    await system.kill('polls');
    await system.kill('polls#2');
    await waitFor(() => Date.now() > Date.parse(opening.opens_at) + 1500, { deadline: 4000, what: 'the time is over' });
    for (const name of ['polls', 'polls#2']) system.launch(name);
    await system.heal();
    const open = await until(opening, 'open', Date.now());
    assert.deepEqual([open.revision, open.results.version % 1048576], [2, 2]);
    const closed = await until(both, 'closed', Date.now());
    assert.deepEqual([closed.revision, closed.results.version % 1048576], [3, 3]);
  });
});

// Whatever is asked in whatever order: the answer is the one that the rules give, and what was voted
// for stays what it was.
describe('any changes', () => {
  test('keep the rules', async () => {
    const seed = newSeed();
    const chance = new Chance(seed);
    for (let i = 0; i < 3; i++) await walk(chance.branch(), `VOXPOP_SEED=${seed}, walk ${i}`);
  });

  // What a body asks of a poll like m, as 200, 409 or 422.
  function judge(m, body) {
    const next = { ...m, options: body.options ?? m.options };
    const n = next.options.length;
    const ids = new Set(m.options.map(({ id }) => id));
    if (body.options?.some(({ id }) => id !== undefined && !ids.has(id))) return 422;
    if (new Set(next.options.map(({ text }) => text)).size < n) return 422;
    const kind = body.kind ?? m.kind;
    const fresh = kind !== m.kind;
    const max = body.max_choices ?? (fresh ? (kind === 'single' ? 1 : n) : Math.min(m.max, n));
    const min = body.min_choices ?? (fresh ? 1 : m.min);
    if (max > n || min > max || (kind === 'single' && (max !== 1 || min !== 1))) return 422;
    const has = m.voted > 0;
    const closed = m.status === 'closed';
    const anything = kind !== m.kind || min !== m.min || max !== m.max || (body.results && body.results !== m.results) ||
      JSON.stringify(next.options) !== JSON.stringify(m.options) || (body.question && body.question !== m.question);
    if (!anything) return 200;
    if (m.status === 'archived') return 409;
    const kept = new Set(next.options.map(({ id }) => id));
    const lost = m.options.filter(({ id }) => !kept.has(id));
    if (closed && (lost.length || next.options.some(({ id }) => id === undefined))) return 409;
    if (lost.some(({ id }) => m.counts[id])) return 409;
    const limits = min !== m.min || (max !== m.max && !(max === n && m.max > n));
    if (has && (fresh || limits)) return 409;
    if (has && !closed && body.results && body.results !== m.results) return 409;
    for (const { id, text } of next.options) {
      const was = m.options.find((o) => o.id === id);
      if (!was || was.text === text || !has) continue;
      if (m.options.some((o) => o.id !== id && o.text === text) || m.had.some((o) => o.id !== id && o.text === text)) return 409;
    }
    return 200;
  }

  function draw(chance, m) {
    const body = {};
    const word = () => chance.pick(['Tea', 'Coffee', 'Milk', 'Water', 'Juice', 'Beer', 'Wine', 'Mate']);
    if (chance.holds(0.2)) body.question = chance.pick(['Which?', 'What?', 'Who?']);
    if (chance.holds(0.1)) body.kind = chance.pick(['single', 'multiple']);
    if (chance.holds(0.1)) body.min_choices = 1 + chance.below(3);
    if (chance.holds(0.1)) body.max_choices = 1 + chance.below(4);
    if (chance.holds(0.15)) body.results = chance.pick(['always', 'after_vote', 'after_close', 'staff']);
    if (chance.holds(0.6)) {
      body.options = chance.sample(m.options, m.options.length - (chance.holds(0.3) ? 1 : 0));
      body.options = body.options.map((o) => chance.holds(0.25) ? { id: o.id, text: word() } : o);
      if (chance.holds(0.4)) body.options.push({ text: word() });
      if (chance.holds(0.03)) body.options.push({ id: '99', text: 'None' });
      if (body.options.length < 2) delete body.options;
    }
    return body;
  }

  async function walk(chance, what) {
    const poll = await makePoll(system, { options: 3, kind: chance.pick(['single', 'multiple']) });
    const m = { question: poll.question, kind: poll.kind, min: poll.min_choices, max: poll.max_choices, results: 'always', status: 'open',
      options: poll.options, counts: {}, voted: 0, had: [], meant: {}, revision: poll.revision };
    for (let step = 0; step < 60; step++) {
      const at = `${what}, step ${step}`;
      if (m.status === 'open' && chance.holds(0.15)) {
        const choices = chance.sample(m.options, m.min + chance.below(m.max - m.min + 1)).map(({ id }) => id);
        await voted(poll, `${poll.id} ${step}`, choices);
        for (const id of choices) m.counts[id] = (m.counts[id] ?? 0) + 1;
        m.voted++;
      }
      const next = { open: ['close', 'closed'], closed: chance.holds(0.2) ? ['archive', 'archived'] : ['reopen', 'open'] }[m.status];
      if (next && chance.holds(0.06)) {
        await moved(poll, next[0]);
        m.status = next[1];
        m.revision++;
      }
      const body = draw(chance, m);
      const got = await patch(poll, body, { revision: m.revision });
      assert.equal(got.status, judge(m, body), `${at}: ${JSON.stringify(body)} of ${JSON.stringify(m)}: ${got.text}`);
      const now = await read(poll);
      if (got.status === 200) {
        for (const o of m.options) if (now.options.some(({ id, text }) => id === o.id && text !== o.text)) m.had.push(o);
        Object.assign(m, { question: now.question, kind: now.kind, min: now.min_choices, max: now.max_choices, results: now.results_visibility, options: now.options });
        assert.ok(now.revision === m.revision || now.revision === m.revision + 1, at);
        m.revision = now.revision;
        for (const [name, value] of Object.entries(body)) if (name !== 'options') assert.equal(now[name === 'results' ? 'results_visibility' : name], value, `${at}: ${name}`);
        if (body.options) assert.deepEqual(now.options.map(({ text }) => text), body.options.map(({ text }) => text), at);
      }
      assert.equal(now.revision, m.revision, at);
      assert.deepEqual(now.options, m.options, at);
      assert.deepEqual(Object.fromEntries(Object.entries(now.results.counts).filter(([, n]) => n)), m.counts, `${at}: what was voted for`);
    }
  }
});
