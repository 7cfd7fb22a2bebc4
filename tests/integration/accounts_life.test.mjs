// accounts_life.test.mjs - accounts that change and go, sessions and tokens that are listed and ended,
// scopes, and the audit log; also as somebody who means no good. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startSystem, waitFor } from '../support/system.mjs';

const password = 'a long enough password';
let system;
let made = 0;

before(async () => { system = await startSystem({ live: false }); });
after(() => system?.stop());

// An account of its own for each test: {id, login, token, cookie}.
async function account(role, body = {}) {
  const login = `${role}-${made++}`;
  const got = await system.admin('POST', '/api/v1/accounts', { body: { login, password, role, ...body } });
  assert.equal(got.status, 201, got.text);
  const cookie = await system.signIn(login, password);
  const token = (await withCookie(cookie, 'POST', '/api/v1/tokens', { body: { name: 'test' } })).json.token;
  return { id: got.json.account.id, login, token, cookie };
}
const withCookie = (cookie, method, path, options = {}) =>
  system.api(method, path, { cookie, ...options, headers: { origin: system.urls.site, ...options.headers } });
const change = async (id, body, match = '*') =>
  system.admin('PATCH', `/api/v1/accounts/${id}`, { body, headers: match ? { 'if-match': match } : {} });
const remove = (id, match = '*') => system.admin('DELETE', `/api/v1/accounts/${id}`, { headers: match ? { 'if-match': match } : {} });
const me = (how) => system.api('GET', '/api/v1/me', how);

describe('changing accounts', () => {
  test('a role changes at once, also for a token that is in use', async () => {
    const ann = await account('author');
    const read = await system.admin('GET', `/api/v1/accounts/${ann.id}`);
    assert.equal(read.headers.etag, '"1"');
    assert.equal((await change(ann.id, { role: 'editor' }, null)).status, 428);
    assert.equal((await change(ann.id, { role: 'editor' }, '"7"')).status, 412);
    const changed = await change(ann.id, { role: 'editor', contributor_handle: 'ann' }, '"1"');
    assert.equal(changed.status, 200, changed.text);
    assert.equal(changed.headers.etag, '"2"');
    assert.deepEqual([changed.json.account.role, changed.json.account.contributor_handle, changed.json.account.revision], ['editor', 'ann', 2]);
    assert.equal((await system.api('GET', '/api/v1/status', { token: ann.token })).status, 200, 'an editor now');
    assert.equal((await change(ann.id, { role: 'author' }, '"1"')).status, 412, 'the first revision is stale');
    assert.equal((await change(ann.id, { role: 'author', contributor_handle: null })).json.account.contributor_handle, null);
    assert.equal((await system.api('GET', '/api/v1/status', { token: ann.token })).status, 403);
    assert.equal((await change(ann.id, { role: 'author' })).json.account.revision, 3, 'nothing changed');
    assert.equal((await change(ann.id, { role: 'king' })).status, 422);
    assert.equal((await change('01ARZ3NDEKTSV4RRFFQ69G5FAV', { role: 'author' })).status, 404);
  });

  test('whoever is disabled is out at once, and comes back without old keys', async () => {
    const bob = await account('editor');
    assert.equal((await me({ token: bob.token })).status, 200);
    const disabled = await change(bob.id, { disabled: true });
    assert.equal(disabled.json.account.disabled, true);
    assert.equal((await me({ token: bob.token })).status, 401);
    assert.equal((await me({ cookie: bob.cookie })).status, 401);
    const refused = await system.api('POST', '/api/v1/sessions', { body: { login: bob.login, password } });
    const unknown = await system.api('POST', '/api/v1/sessions', { body: { login: 'nobody', password } });
    assert.deepEqual([refused.status, refused.text], [401, unknown.text], 'no hint');
    assert.equal((await change(bob.id, { disabled: false })).status, 200);
    assert.equal((await me({ token: bob.token })).status, 401, 'the token has ended');
    assert.equal((await me({ cookie: bob.cookie })).status, 401);
    assert.ok(await system.signIn(bob.login, password));
  });

  test('an account goes with its sessions and tokens, and its login is free', async () => {
    const eve = await account('author');
    assert.equal((await remove(eve.id, null)).status, 428);
    assert.equal((await remove(eve.id, '"9"')).status, 412);
    assert.equal((await remove(eve.id, '"1"')).status, 204);
    assert.equal((await me({ token: eve.token })).status, 401);
    assert.equal((await me({ cookie: eve.cookie })).status, 401);
    assert.equal((await remove(eve.id)).status, 404);
    assert.equal((await system.admin('GET', `/api/v1/accounts/${eve.id}`)).status, 404);
    const again = await system.admin('POST', '/api/v1/accounts', { body: { login: eve.login, password, role: 'author' } });
    assert.equal(again.status, 201, again.text);
    assert.notEqual(again.json.account.id, eve.id);
    const left = (await system.redis('KEYS', `*${eve.id}*`)).filter((key) => !key.startsWith('once:'));
    assert.deepEqual(left, []);
  });

  test('there is always an admin, also when two try to be the last one out', async () => {
    const first = (await system.admin('GET', '/api/v1/accounts?login=admin')).json.items[0];
    for (const got of [await change(first.id, { role: 'editor' }), await change(first.id, { disabled: true }), await remove(first.id)]) {
      assert.equal(got.status, 409, got.text);
    }
    await system.redis('DEL', 'accounts:admins'); // as an older version leaves it
    const second = await account('admin');
    const both = await Promise.all([
      change(first.id, { role: 'editor' }),
      system.api('PATCH', `/api/v1/accounts/${second.id}`, { token: second.token, body: { role: 'editor' }, headers: { 'if-match': '*' } }),
    ]);
    assert.deepEqual(both.map((got) => got.status).sort(), [200, 409], 'one of the two stays');
    const admin = both[0].status === 200 ? second : first;
    const token = both[0].status === 200 ? second.token : system.token;
    const promote = admin === first ? second.id : first.id;
    assert.equal((await system.api('PATCH', `/api/v1/accounts/${promote}`, { token, body: { role: 'admin' }, headers: { 'if-match': '*' } })).status, 200);
    assert.equal((await remove(second.id)).status, 204);
    assert.equal((await remove(first.id)).status, 409);
  });
});

describe('sessions', () => {
  test('are listed, and end one by one or all others', async () => {
    const ann = await account('author');
    const cookies = [ann.cookie];
    for (const agent of ['Browser/1 <b>', 'B'.repeat(300)]) {
      const got = await system.api('POST', '/api/v1/sessions', { body: { login: ann.login, password }, headers: { 'user-agent': agent } });
      cookies.push(got.cookies);
    }
    const list = (await withCookie(cookies[1], 'GET', '/api/v1/sessions')).json.items;
    assert.equal(list.length, 3);
    assert.deepEqual(list.filter((each) => each.current).map((each) => each.agent), ['Browser/1 <b>']);
    assert.ok(list.some((each) => each.agent === 'B'.repeat(100)));
    assert.ok(list.every((each) => each.created_at && each.last_seen_at));
    const longest = list.find((each) => each.agent === 'B'.repeat(100));
    const bob = await account('author');
    assert.equal((await system.api('DELETE', `/api/v1/sessions/${longest.id}`, { token: bob.token })).status, 404, 'another\'s');
    assert.equal((await me({ cookie: cookies[2] })).status, 200);
    assert.equal((await withCookie(cookies[1], 'DELETE', `/api/v1/sessions/${longest.id}`)).status, 204);
    assert.equal((await me({ cookie: cookies[2] })).status, 401);
    assert.equal((await withCookie(cookies[1], 'DELETE', `/api/v1/sessions/${longest.id}`)).status, 404);
    assert.equal((await withCookie(cookies[1], 'DELETE', '/api/v1/sessions')).status, 204);
    assert.equal((await me({ cookie: cookies[0] })).status, 401);
    assert.equal((await me({ cookie: cookies[1] })).status, 200, 'the one that asked stays');
    assert.equal((await me({ token: ann.token })).status, 200, 'tokens are no sessions');
    assert.equal((await withCookie(cookies[1], 'DELETE', '/api/v1/sessions/current')).status, 204);
    assert.equal((await system.api('GET', '/api/v1/sessions', { token: ann.token })).json.items.length, 0);
  });

  test('a cookie that was there before is not taken, and the one that was good ends', async () => {
    const ann = await account('author');
    const planted = `voxpop_session=${'A'.repeat(43)}`;
    const signIn = (cookie) => system.api('POST', '/api/v1/sessions', { body: { login: ann.login, password }, cookie, headers: { origin: system.urls.site } });
    const first = await signIn(planted);
    assert.equal(first.status, 201, first.text);
    assert.notEqual(first.cookies, planted);
    assert.equal((await me({ cookie: planted })).status, 401);
    const second = await signIn(first.cookies);
    assert.equal((await me({ cookie: first.cookies })).status, 401);
    assert.equal((await me({ cookie: second.cookies })).status, 200);
  });

  test('an account has at most 100', async () => {
    const ann = await account('author');
    const key = `sessions:${ann.id}`;
    const now = Date.now();
    const old = Array.from({ length: 99 }, (_, i) => [`OLD${i}`, `hash${i} ${now - 1000000 + i} ${now} x`]);
    await system.redis('HSET', key, ...old.flat());
    for (let i = 0; i < 99; i++) await system.redis('SET', `session:hash${i}`, `${ann.id} OLD${i}`);
    assert.ok(await system.signIn(ann.login, password));
    const list = (await system.api('GET', '/api/v1/sessions', { token: ann.token })).json.items;
    assert.equal(list.length, 100);
    assert.ok(!list.some((each) => each.id === 'OLD0'), 'the oldest has gone');
    assert.equal(await system.redis('EXISTS', 'session:hash0'), 0);
  });

  test('one that an older version made is good, and ends with the password', async () => {
    const ann = await account('author');
    const record = (await system.redis('HGETALL', `sessions:${ann.id}`));
    const [hash] = record[1].split(' ');
    await system.redis('SET', `session:${hash}`, ann.id);
    assert.equal((await me({ cookie: ann.cookie })).status, 200);
    const put = await system.api('PUT', '/api/v1/me/password', { token: ann.token, body: { old: password, new: 'another good password' } });
    assert.equal(put.status, 204, put.text);
    assert.equal((await me({ cookie: ann.cookie })).status, 401);
  });
});

describe('tokens', () => {
  const scoped = async (who, scopes, more = {}) => {
    const got = await system.api('POST', '/api/v1/tokens', { token: who.token, body: { name: scopes?.join('+') ?? 'all', scopes, ...more } });
    assert.equal(got.status, 201, got.text);
    return got.json;
  };

  test('scopes narrow what a role may, and nothing widens them', async () => {
    const admin = await account('admin');
    const poll = { question: 'Which?', options: [{ text: 'A' }, { text: 'B' }], kind: 'single', results: 'always' };
    const requests = {
      readPolls: ['GET', '/api/v1/polls'], headPolls: ['HEAD', '/api/v1/polls'], makePoll: ['POST', '/api/v1/polls', poll],
      readArticles: ['GET', '/api/v1/articles'], makeArticle: ['POST', '/api/v1/articles', { title: 'T', body_markdown: 'x' }],
      contributors: ['PUT', '/api/v1/contributors/x-y', { display_name: 'X' }],
      recent: ['GET', '/api/v1/comments/recent'],
      accounts: ['GET', '/api/v1/accounts'], encoded: ['GET', '/api/v1/%61ccounts'], tokens: ['GET', '/api/v1/tokens'],
      sessions: ['DELETE', '/api/v1/sessions'], audit: ['GET', '/api/v1/audit'], status: ['GET', '/api/v1/status'],
      exporting: ['GET', '/api/v1/export/comments'], exportingEncoded: ['GET', '/api/v1/%65xport/comments'],
      me: ['GET', '/api/v1/me'], elsewhere: ['GET', '/api/v1/nothing'], makeToken: ['POST', '/api/v1/tokens', { name: 'more' }],
      makeTokenEncoded: ['POST', '/api/v1/%74okens', { name: 'more' }],
    };
    const own = ['accounts', 'encoded', 'tokens', 'sessions', 'audit', 'status', 'elsewhere', 'exporting', 'exportingEncoded'];
    const rows = [
      [['read'], ['readPolls', 'headPolls', 'readArticles', 'recent', 'me']],
      [['polls'], ['readPolls', 'headPolls', 'makePoll', 'me']],
      [['articles'], ['readArticles', 'makeArticle', 'contributors', 'me']],
      [['comments', 'read'], ['readPolls', 'headPolls', 'readArticles', 'recent', 'me']],
      [['admin'], [...own, 'me']],
      [undefined, Object.keys(requests)],
    ];
    for (const [scopes, may] of rows) {
      const { token } = await scoped(admin, scopes);
      for (const [name, [method, path, body]] of Object.entries(requests)) {
        const got = await system.api(method, path, { token, body });
        assert.equal(got.status === 403, !may.includes(name), `${scopes} ${name}: ${got.status} ${got.text}`);
      }
    }
  });

  test('one with an end ends, and cannot make another that does not', async () => {
    const ann = await account('author');
    const soon = new Date(Date.now() + 600000).toISOString();
    const short = await scoped(ann, undefined, { expires_at: soon });
    assert.equal((await me({ token: short.token })).status, 200);
    assert.equal((await system.api('POST', '/api/v1/tokens', { token: short.token, body: { name: 'x' } })).status, 403);
    for (const at of [new Date(Date.now() - 1000).toISOString(), '1970-01-01T00:00:00Z', 'soon']) {
      const got = await system.api('POST', '/api/v1/tokens', { token: ann.token, body: { name: 'x', expires_at: at } });
      assert.equal(got.status, 422, `${at}: ${got.text}`);
    }
    const hash = (await system.redis('HGET', `tokens:${ann.id}`, short.id)).split(' ')[0];
    const left = await system.redis('PTTL', `token:${hash}`);
    assert.ok(left > 0 && left <= 600000, `${left} ms are left`);
    await system.redis('PEXPIRE', `token:${hash}`, 1);
    await waitFor(async () => (await me({ token: short.token })).status === 401, { what: 'the token has ended' });
    assert.ok(!(await system.api('GET', '/api/v1/tokens', { token: ann.token })).json.items.some((each) => each.id === short.id));
  });

  test('are listed with what they are for, and only one\'s own', async () => {
    const ann = await account('author');
    const bob = await account('author');
    const one = await scoped(ann, ['polls', 'read', 'polls']);
    assert.deepEqual(one.scopes, ['read', 'polls']);
    assert.equal((await system.api('GET', '/api/v1/polls', { token: one.token })).status, 200);
    const seen = (await system.api('GET', '/api/v1/tokens', { token: ann.token })).json.items.find((each) => each.id === one.id);
    assert.deepEqual(seen.scopes, ['read', 'polls']);
    assert.ok(seen.created_at && seen.last_used_at && seen.expires_at === null);
    assert.equal((await system.api('DELETE', `/api/v1/tokens/${one.id}`, { token: bob.token })).status, 404);
    assert.equal((await me({ token: one.token })).status, 200);
    for (const scopes of [[], ['everything'], 'read', [7]]) {
      assert.equal((await system.api('POST', '/api/v1/tokens', { token: ann.token, body: { name: 'x', scopes } })).status, 422, JSON.stringify(scopes));
    }
  });

  test('one that an older version made is good', async () => {
    const ann = await account('author');
    const [hash] = (await system.redis('HVALS', `tokens:${ann.id}`))[0].split(' ');
    await system.redis('DEL', `token:${hash}`);
    await system.redis('SET', `token:${hash}`, ann.id);
    assert.equal((await me({ token: ann.token })).json.account.login, ann.login);
    const [item] = (await system.api('GET', '/api/v1/tokens', { token: ann.token })).json.items;
    assert.deepEqual([item.name, item.scopes, item.created_at], ['test', null, null]);
  });
});

describe('the audit log', () => {
  const entries = async (query = '') => {
    const got = await system.admin('GET', `/api/v1/audit${query}`);
    assert.equal(got.status, 200, got.text);
    return got.json;
  };

  test('has what was done, by whom and to what, of all services', async () => {
    const eva = await account('editor');
    const poll = (await system.api('POST', '/api/v1/polls', {
      token: eva.token, body: { question: 'Which?', options: [{ text: 'A' }, { text: 'B' }], kind: 'single', results: 'always' },
    })).json;
    const etag = (await system.api('GET', `/api/v1/polls/${poll.id}`)).headers.etag;
    const key = { 'idempotency-key': 'once-only' };
    for (const [method, what, body, headers] of [['PATCH', '', { question: 'Which one?' }, { 'if-match': etag }], ['POST', '/close', {}, key],
      ['POST', '/close', {}, key], ['POST', '/archive', {}], ['DELETE', '', undefined, { 'if-match': '*' }]]) {
      const got = await system.api(method, `/api/v1/polls/${poll.id}${what}`, { token: eva.token, body, headers });
      assert.ok(got.status < 300, `${what} ${got.text}`);
    }
    await change(eva.id, { role: 'author' });
    const acts = (await entries(`?account=${eva.id}&limit=100`)).items;
    assert.deepEqual(acts.map((each) => each.action),
      ['polls.delete', 'polls.archive', 'polls.close', 'polls.edit', 'polls.create', 'tokens.create', 'sessions.create'], 'newest first, and what was sent twice once');
    assert.ok(acts.every((each) => each.actor.id === eva.id && each.actor.login === eva.login && each.at && each.id));
    assert.equal(acts[3].object, `poll:${poll.id}`);
    assert.match(acts[3].detail, /question/);
    assert.deepEqual(acts, (await entries(`?account=${eva.login}&limit=100`)).items, 'by login, too');
    const [changed] = (await entries(`?action=accounts.change&object=account:${eva.id}`)).items;
    assert.equal(changed.actor.login, 'admin');
    assert.equal(changed.detail, `${eva.login}: role editor > author`);
    const polls = (await entries('?action=polls&limit=100')).items;
    assert.ok(polls.length >= 5 && polls.every((each) => each.action.startsWith('polls.')));
    assert.deepEqual((await entries('?action=poll')).items, []);
  });

  test('has what went out and came in as a whole', async () => {
    for (const service of ['accounts', 'articles', 'comments', 'polls']) {
      const all = await system.admin('GET', `/api/v1/export/${service}?secrets=yes&limit=100`);
      assert.equal(all.status, 200, all.text);
      assert.deepEqual((await entries(`?account=admin&action=${service}.export-all`)).items.map((each) => [each.actor.login, each.detail]), [['admin', 'with secrets']]);
    }
    const { items } = (await system.admin('GET', '/api/v1/export/accounts')).json;
    assert.equal((await system.admin('POST', '/api/v1/import/accounts', { body: { items } })).status, 200);
    assert.deepEqual((await entries('?action=accounts.import-all')).items.map((each) => each.detail), [`0 of ${items.length} added`]);
  });

  test('page by page it is what it is in one piece', async () => {
    const whole = (await entries('?limit=60')).items;
    assert.ok(new Set(whole.map((each) => each.action.split('.')[0])).size > 2);
    const times = whole.map((each) => Number(each.id.split('-')[0]));
    assert.deepEqual(times, [...times].sort((a, b) => b - a));
    for (const limit of [1, 7]) {
      const pages = [];
      let cursor = '';
      while (pages.length < 60) {
        const page = await entries(`?limit=${limit}${cursor}`);
        assert.ok(page.items.length <= limit);
        pages.push(...page.items);
        if (!page.next_cursor) break;
        cursor = `&cursor=${page.next_cursor}`;
      }
      assert.deepEqual(pages.slice(0, whole.length), whole.slice(0, pages.length), `limit ${limit}`);
    }
  });

  test('entries of one moment in several services are all there', async () => {
    for (const service of ['accounts', 'polls']) {
      for (const n of [0, 1]) {
        await system.redis('XADD', `audit:${service}`, `99999999999999-${n}`, 'at', '99999999999999', 'actor', 'X', 'login', 'moment', 'action', `${service}.x${n}`, 'object', '', 'detail', '');
      }
    }
    const seen = [];
    for (let cursor = ''; ;) {
      const page = await entries(`?account=moment&limit=1${cursor}`);
      seen.push(...page.items.map((each) => each.action));
      if (!page.next_cursor) break;
      cursor = `&cursor=${page.next_cursor}`;
    }
    assert.deepEqual(seen, ['accounts.x1', 'polls.x1', 'accounts.x0', 'polls.x0']);
    for (const service of ['accounts', 'polls']) await system.redis('XDEL', `audit:${service}`, '99999999999999-0', '99999999999999-1');
  });

  test('is exported line by line, and only to admins', async () => {
    const got = await system.admin('GET', '/api/v1/audit?format=jsonl');
    assert.equal(got.status, 200);
    assert.match(got.headers['content-type'], /^application\/jsonl/);
    const lines = got.text.trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.ok(lines.length > 20 && lines.every((each) => each.id && each.action));
    assert.ok(!got.headers.link, 'that was all');
    const two = await system.admin('GET', '/api/v1/audit?format=jsonl&limit=2&action=accounts');
    assert.match(two.headers.link, /^<\/api\/v1\/audit\?format=jsonl&limit=2&cursor=[^&]+&action=accounts>; rel="next"$/);
    for (const role of ['editor', 'author', 'moderator']) {
      assert.equal((await system.api('GET', '/api/v1/audit', { token: (await account(role)).token })).status, 403, role);
    }
    assert.equal((await system.api('GET', '/api/v1/audit')).status, 401);
    for (const query of ['?cursor=x', '?limit=0', '?limit=101', '?format=xml', '?account=%00', '?action=a%0Ab']) {
      assert.equal((await system.admin('GET', `/api/v1/audit${query}`)).status, 400, query);
    }
    assert.equal((await system.admin('POST', '/api/v1/audit', { body: {} })).status, 405);
  });

  test('a part that cannot be read is told, not left out', async () => {
    await system.kill('polls');
    const got = await waitFor(async () => {
      const each = await system.admin('GET', '/api/v1/audit');
      return each.status !== 200 && each;
    }, { deadline: 10000, what: 'the log says that polls is away' });
    assert.equal(got.status, 503);
    assert.match(got.json.detail, /polls/);
    system.launch('polls');
    await system.ready('polls');
    await waitFor(async () => (await system.admin('GET', '/api/v1/audit')).status === 200, { deadline: 10000, what: 'the log is whole again' });
  });

  test('is bounded', async () => {
    const kept = await system.redis('XLEN', 'audit:accounts');
    assert.ok(kept > 20 && kept < 110000);
  });
});
