// accounts_passwords.test.mjs - passwords: what may be one, changing and resetting them, and how often
// they may be guessed. Networks are those of X-Forwarded-For. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { startSystem } from '../support/system.mjs';

const password = 'a long enough password';
let system;
let made = 0;

before(async () => {
  system = await startSystem({ live: false, args: { gateway: ['--trusted-proxies', '127.0.0.1'] } });
});
after(() => system?.stop());

let networks = 0;
const network = () => `203.${Math.floor(networks / 250)}.${networks++ % 250}.7`; // a /24 of its own each time
async function account(role = 'author', own = password) {
  const login = `${role}-${made++}`;
  const got = await system.admin('POST', '/api/v1/accounts', { body: { login, password: own, role } });
  assert.equal(got.status, 201, got.text);
  return { id: got.json.account.id, login };
}
const signIn = (login, given = password, from = network()) =>
  system.api('POST', '/api/v1/sessions', { body: { login, password: given }, headers: { 'x-forwarded-for': from } });
const me = (how) => system.api('GET', '/api/v1/me', how);
const sha1 = (text) => createHash('sha1').update(text).digest('hex');

describe('a password', () => {
  test('has 10 to 256 characters, of any script, and every one counts', async () => {
    const good = ['0123456789', 'ÄÖÜäöüß€đ€', '🗳️'.repeat(128), '🗳'.repeat(256), 'pass with  two spaces', '密码密码密码密码密码', `"\\\\\t'<&>${'x'.repeat(240)}`];
    for (const each of good) {
      const ann = await account('author', each);
      assert.equal((await signIn(ann.login, each)).status, 201, each.slice(0, 20));
      const almost = [...each].slice(0, -1).join('');
      assert.equal((await signIn(ann.login, almost)).status, 401, `not all of ${each.slice(0, 20)}`);
    }
    for (const bad of ['123456789', '🗳'.repeat(9), 'x'.repeat(257), '🗳'.repeat(257), '', null, 7]) {
      const got = await system.admin('POST', '/api/v1/accounts', { body: { login: 'x', password: bad, role: 'author' } });
      assert.equal(got.status, 422, String(bad).slice(0, 20));
      assert.ok(got.json.errors.some((each) => each.pointer === '/password'), got.text);
    }
  });

  test('is changed by who knows it, and all other sessions end', async () => {
    const ann = await account();
    const [here, there] = [await signIn(ann.login), await signIn(ann.login)].map((got) => got.cookies);
    const put = (body, cookie = here, more = {}) => system.api('PUT', '/api/v1/me/password', { body, cookie, headers: { origin: system.urls.site, ...more } });
    assert.equal((await put({ old: 'not the old one', new: 'the new password' })).status, 403);
    assert.equal((await put({ old: password, new: 'short' })).status, 422);
    assert.equal((await put({ old: password })).status, 422);
    assert.equal((await put({ old: password, new: 'the new password' }, '')).status, 401);
    assert.equal((await put({ old: password, new: 'the new password' }, here, { origin: 'https://evil.example' })).status, 403);
    assert.equal((await me({ cookie: there })).status, 200);
    assert.equal((await put({ old: password, new: 'the new password' })).status, 204);
    assert.equal((await me({ cookie: here })).status, 200, 'the one that changed it stays');
    assert.equal((await me({ cookie: there })).status, 401);
    assert.equal((await signIn(ann.login)).status, 401);
    assert.equal((await signIn(ann.login, 'the new password')).status, 201);
  });

  test('changed twice at once is changed once', async () => {
    const ann = await account();
    const cookie = (await signIn(ann.login)).cookies;
    const both = await Promise.all(['the first new one', 'the second new one'].map((each) =>
      system.api('PUT', '/api/v1/me/password', { body: { old: password, new: each }, cookie, headers: { origin: system.urls.site } })));
    assert.equal(both.filter((got) => got.status === 204).length, 1, both.map((got) => got.status).join());
    assert.ok(both.every((got) => [204, 403, 409].includes(got.status)));
  });
});

describe('a link that resets a password', () => {
  const link = async (ann, how = {}) => system.admin('POST', `/api/v1/accounts/${ann.id}/reset`, how);
  const use = (token, given = 'after the reset') => system.api('POST', '/api/v1/password-resets', { body: { token, password: given } });

  test('works once, and whoever was in is out', async () => {
    const ann = await account();
    const cookie = (await signIn(ann.login)).cookies;
    const { token } = (await system.api('POST', '/api/v1/tokens', { body: { name: 'x' }, cookie, headers: { origin: system.urls.site } })).json;
    const got = await link(ann);
    assert.equal(got.status, 201, got.text);
    assert.equal(got.json.url, `${system.urls.site}/account/reset?token=${got.json.token}`);
    assert.ok(Math.abs(Date.parse(got.json.expires_at) - Date.now() - 3600000) < 60000);
    assert.equal((await use(got.json.token, 'short')).status, 422);
    assert.equal((await use(got.json.token)).status, 204);
    for (const again of [got.json.token, 'guessed', 'A'.repeat(43)]) assert.equal((await use(again)).status, 404);
    assert.equal((await me({ cookie })).status, 401);
    assert.equal((await me({ token })).status, 401);
    assert.equal((await signIn(ann.login)).status, 401);
    assert.equal((await signIn(ann.login, 'after the reset')).status, 201);
  });

  test('is not kept as it is, ends by itself, and with a newer one', async () => {
    const ann = await account();
    const old = (await link(ann)).json.token;
    const keys = await system.redis('KEYS', 'reset:*');
    assert.equal(keys.length, 1);
    assert.ok(!keys[0].includes(old));
    const left = await system.redis('TTL', keys[0]);
    assert.ok(left > 3500 && left <= 3600);
    const newer = (await link(ann)).json.token;
    assert.equal((await use(old)).status, 404);
    await system.redis('PEXPIRE', (await system.redis('KEYS', 'reset:*'))[0], 1);
    assert.equal((await use(newer)).status, 404);
    const third = (await link(ann)).json.token;
    assert.equal((await system.api('PUT', '/api/v1/me/password', { body: { old: password, new: 'a new password' }, cookie: (await signIn(ann.login)).cookies, headers: { origin: system.urls.site } })).status, 204);
    assert.equal((await use(third)).status, 404, 'its owner has found a password');
  });

  test('used twice at once sets one password', async () => {
    for (let round = 0; round < 3; round++) {
      const ann = await account();
      const { token } = (await link(ann)).json;
      const words = ['the first of two', 'the second of two'];
      const both = await Promise.all(words.map((each) => use(token, each)));
      assert.deepEqual(both.map((got) => got.status).sort(), [204, 404]);
      const won = both.findIndex((got) => got.status === 204);
      assert.equal((await signIn(ann.login, words[won])).status, 201);
      assert.equal((await signIn(ann.login, words[1 - won])).status, 401);
    }
  });

  test('leads to a page that works without JavaScript', async () => {
    const ann = await account();
    const { url, token } = (await link(ann)).json;
    const path = url.slice(system.urls.site.length);
    for (let i = 0; i < 2; i++) {
      const got = await system.page(path);
      assert.equal(got.status, 200, 'looking uses nothing up');
      assert.equal(got.headers['cache-control'], 'private, no-store');
      assert.equal(got.headers['referrer-policy'], 'same-origin');
      assert.match(got.text, new RegExp(`<input type="hidden" name="token" value="${token}">`));
      assert.match(got.text, /<meta name="robots" content="noindex/);
      assert.ok(!got.text.includes(ann.login), 'no hint whose link it is');
    }
    const post = (form, headers = {}) => system.api('POST', '/account/reset', { form, headers: { origin: system.urls.site, ...headers } });
    const short = await post({ token, password: 'short' });
    assert.equal(short.status, 422);
    assert.match(short.text, /role="alert"[^]*10 to 256 characters/);
    assert.match(short.text, new RegExp(`value="${token}"`));
    assert.ok(!short.text.includes('value="short"'), 'a password is not sent back');
    assert.equal((await post({ token, password: 'long enough it is' }, { origin: 'https://evil.example' })).status, 403);
    const done = await post({ token, password: 'long enough it is' });
    assert.deepEqual([done.status, done.headers.location], [303, '/account/reset?done=1']);
    assert.match((await system.page('/account/reset?done=1')).text, /role="status"/);
    assert.equal((await signIn(ann.login, 'long enough it is')).status, 201);
    assert.equal((await post({ token, password: 'long enough it is' })).status, 404);
    assert.equal((await system.page('/account/reset')).status, 404);
    const odd = await system.page('/account/reset?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E');
    assert.ok(!odd.text.includes('<script>alert'));
    assert.equal((await post({ password: 'long enough it is' })).status, 422);
  });

  test('is made by admins only, and for accounts that are there', async () => {
    const ann = await account();
    for (const role of ['editor', 'author', 'moderator']) {
      const who = await account(role);
      const cookie = (await signIn(who.login)).cookies;
      assert.equal((await system.api('POST', `/api/v1/accounts/${ann.id}/reset`, { cookie, headers: { origin: system.urls.site } })).status, 403, role);
    }
    assert.equal((await link({ id: '01ARZ3NDEKTSV4RRFFQ69G5FAV' })).status, 404);
  });
});

describe('guessing', () => {
  const counters = () => system.redis('KEYS', 'signin:*');
  const forget = async () => { for (const key of await counters()) await system.redis('DEL', key); };

  test('is over after ten from one network, and goes on from no other login or network', async () => {
    const ann = await account();
    const bob = await account();
    const thief = network();
    for (let i = 0; i < 10; i++) assert.equal((await signIn(ann.login, 'a wrong password', thief)).status, 401, `guess ${i}`);
    const shut = await signIn(ann.login, 'a wrong password', thief);
    assert.equal(shut.status, 429, shut.text);
    const wait = Number(shut.headers['retry-after']);
    assert.ok(wait > 800 && wait <= 900, `Retry-After ${wait}`);
    assert.equal((await signIn(ann.login, password, thief)).status, 429, 'also with the right one');
    assert.equal((await signIn(ann.login, password, thief.replace(/7$/, '200'))).status, 429, 'a neighbour in its network');
    assert.equal((await signIn(bob.login, password, thief)).status, 201, 'another account');
    assert.equal((await signIn(ann.login)).status, 201, 'its owner, from elsewhere');
    await forget();
    assert.equal((await signIn(ann.login, password, thief)).status, 201, 'later');
  });

  test('an unknown login is treated as a known one', async () => {
    const thief = network();
    const answers = [];
    for (let i = 0; i < 11; i++) answers.push(await signIn('nobody-at-all', 'a wrong password', thief));
    assert.deepEqual(answers.map((got) => got.status), [...Array(10).fill(401), 429]);
    const ann = await account();
    const known = [];
    for (let i = 0; i < 11; i++) known.push(await signIn(ann.login, 'a wrong password', thief.replace('203', '204')));
    const shape = (got) => ({ status: got.status, text: got.text, headers: Object.keys(got.headers).sort() });
    assert.deepEqual(answers.map(shape), known.map(shape), 'word for word');
    for (const odd of ['a\nb', '\u0001', 'x'.repeat(64), '🗳'.repeat(64), 'Admin', '*']) assert.equal((await signIn(odd)).status, 401, JSON.stringify(odd));
  });

  test('the right password clears what was counted', async () => {
    const ann = await account();
    const home = network();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 6; i++) assert.equal((await signIn(ann.login, 'mistyped password', home)).status, 401);
      assert.equal((await signIn(ann.login, password, home)).status, 201);
    }
  });

  test('thirty at once are no more than ten', async () => {
    const ann = await account();
    const thief = network();
    const all = await Promise.all(Array.from({ length: 30 }, () => signIn(ann.login, 'a wrong password', thief)));
    const n = (status) => all.filter((got) => got.status === status).length;
    assert.equal(n(401) + n(429) + n(503), 30);
    assert.ok(n(401) <= 10 && n(401) > 0 && n(429) >= 15, all.map((got) => got.status).join());
  });

  test('of one login from many networks is slowed down, and its owner still comes in', async () => {
    const ann = await account();
    await system.redis('SET', `signin:l:${sha1(ann.login)}`, 50, 'EX', 900);
    const thief = network();
    for (let i = 0; i < 3; i++) assert.equal((await signIn(ann.login, 'a wrong password', thief)).status, 401);
    assert.equal((await signIn(ann.login, 'a wrong password', thief)).status, 429);
    assert.equal((await signIn(ann.login)).status, 201);
    assert.equal(Number(await system.redis('GET', `signin:l:${sha1(ann.login)}`)), 53, 'the owner is not counted');
  });

  test('of many logins from one network is slowed down, and then over', async () => {
    const ann = await account();
    const thief = network();
    await signIn('somebody', 'a wrong password', thief);
    const key = (await counters()).find((each) => each.startsWith(`signin:p:${sha1('somebody')}:`)).split(':')[3];
    await system.redis('SET', `signin:n:${key}`, 100, 'EX', 900);
    for (let i = 0; i < 3; i++) assert.equal((await signIn('somebody-else', 'a wrong password', thief)).status, 401);
    assert.equal((await signIn('somebody-else', 'a wrong password', thief)).status, 429);
    assert.equal((await signIn(ann.login, password, thief)).status, 201, 'whoever knows the password');
    await system.redis('SET', `signin:n:${key}`, 1000, 'EX', 900);
    assert.equal((await signIn(ann.login, password, thief)).status, 429);
    assert.equal((await signIn(ann.login)).status, 201);
  });

  test('the old password by a session that was left open is guessing, too', async () => {
    const ann = await account();
    const home = network();
    const cookie = (await signIn(ann.login, password, home)).cookies;
    const put = () => system.api('PUT', '/api/v1/me/password', { body: { old: 'a wrong password', new: 'the new password' }, cookie, headers: { origin: system.urls.site, 'x-forwarded-for': home } });
    for (let i = 0; i < 10; i++) assert.equal((await put()).status, 403);
    assert.equal((await put()).status, 429);
  });

  test('leaves no address and no login behind, and nothing for long', async () => {
    await signIn('a-login-to-look-for', 'a wrong password', '198.51.100.77');
    const keys = await counters();
    assert.ok(keys.length > 2);
    for (const key of keys) {
      assert.match(key, /^signin:(p:[0-9a-f]{40}:[\w-]{22}|l:[0-9a-f]{40}|n:[\w-]{22})$/);
      assert.ok(await system.redis('TTL', key) <= 900);
    }
  });
});

describe('the time that it takes', () => {
  test('tells not whether there is such an account', async () => {
    const ann = await account();
    const off = await account();
    assert.equal((await system.admin('PATCH', `/api/v1/accounts/${off.id}`, { body: { disabled: true }, headers: { 'if-match': '*' } })).status, 200);
    const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
    let last;
    for (let round = 0; round < 4; round++) { // on a busy machine one round may mislead
      const ms = { known: [], unknown: [], disabled: [] };
      for (let i = 0; i < 7; i++) {
        for (const [kind, login] of [['known', ann.login], ['unknown', 'there-is-no-such'], ['disabled', off.login]]) {
          const got = await signIn(login, 'a wrong password');
          assert.equal(got.status, 401, got.text);
          ms[kind].push(got.ms);
        }
      }
      last = Object.values(ms).map(median);
      if (Math.max(...last) < 1.6 * Math.min(...last)) return;
    }
    assert.fail(`medians of known, unknown and disabled: ${last.map((each) => each.toFixed(1)).join(', ')} ms`);
  });

  test('is bounded when many come at once: they are told to come again', async () => {
    let busy = [];
    let statuses;
    for (let round = 0; round < 3 && !busy.length; round++) {
      const all = await Promise.all(Array.from({ length: 62 }, (_, i) => signIn(`somebody-${round}-${i}`)));
      statuses = all.map((got) => got.status);
      assert.ok(statuses.every((status) => [401, 503].includes(status)), statuses.join());
      busy = all.filter((got) => got.status === 503);
    }
    assert.ok(busy.length, statuses.join());
    assert.ok(busy.every((got) => got.headers['retry-after'] === '1'));
    assert.equal((await me({ token: system.token })).status, 200);
  });
});
