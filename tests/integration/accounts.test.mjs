// accounts.test.mjs - accounts, sessions and tokens, also as somebody who means no good.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { startSystem, waitFor } from '../support/system.mjs';

describe('accounts', () => {
  let system;
  before(async () => { system = await startSystem({ services: ['articles', 'comments', 'polls'], live: false }); });
  after(() => system?.stop());

  const password = 'a long enough password';
  const make = (body, options = {}) => system.admin('POST', '/api/v1/accounts', { body: { password, ...body }, ...options });

  test('the first-account secret works once only, and its file goes', async () => {
    const again = await system.cli(['account', 'add', 'second', '--role', 'admin', '--secret-file',
      `${system.folder}/secrets/first-account`], { env: { VOXPOP_PASSWORD: password }, token: '' });
    assert.notEqual(again.code, 0);
    const guessed = await system.api('POST', '/api/v1/accounts', { body: { login: 'x', password, role: 'admin' }, headers: { 'x-first-account': 'A'.repeat(43) } });
    assert.equal(guessed.status, 401);
  });

  test('only an admin makes accounts, and what is made is what was meant', async () => {
    const made = await make({ login: ' ann ', role: ' author ', contributor_handle: ' ann-b_c ' });
    assert.equal(made.status, 201, made.text);
    const { id, created_at: created, ...rest } = made.json.account;
    assert.deepEqual(rest, { login: 'ann', role: 'author', contributor_handle: 'ann-b_c', disabled: false, revision: 1 });
    assert.ok(id && created);
    const token = await system.tokenFor('ann', password);
    assert.equal((await system.api('GET', '/api/v1/me', { token })).json.account.role, 'author');
    assert.equal((await system.api('POST', '/api/v1/accounts', { token, body: { login: 'b', password, role: 'author' } })).status, 403);
    assert.equal((await system.api('GET', '/api/v1/accounts', { token })).status, 403);
    assert.equal((await system.api('GET', '/api/v1/accounts')).status, 401);
    assert.equal((await system.api('GET', '/api/v1/status', { token })).status, 403);
    assert.ok((await system.admin('GET', '/api/v1/accounts')).json.items.some((a) => a.login === 'ann'));
  });

  test('bad fields are named', async () => {
    const rows = [
      [{ login: 'Ann', role: 'author' }, '/login'],
      [{ login: 'a b', role: 'author' }, '/login'],
      [{ login: 'a'.repeat(65), role: 'author' }, '/login'],
      [{ login: 'c', role: 'king' }, '/role'],
      [{ login: 'c', role: 'author', contributor_handle: '../x' }, '/contributor_handle'],
      [{ login: 'c', role: 'author', password: 'short' }, '/password'],
      [{ login: 'c', role: 'author', password: 7 }, '/password'],
    ];
    for (const [body, pointer] of rows) {
      const got = await make(body);
      assert.equal(got.status, 422, got.text);
      assert.ok(got.json.errors.some((e) => e.pointer === pointer), `${JSON.stringify(body)}: ${got.text}`);
    }
    assert.equal((await make({ login: 'admin', role: 'author' })).status, 409);
  });

  test('a session begins and ends; a wrong password and an unknown login look the same', async () => {
    const signIn = (body) => system.api('POST', '/api/v1/sessions', { body });
    const wrong = await signIn({ login: 'admin', password: 'not this one' });
    const unknown = await signIn({ login: 'nobody', password: 'not this one' });
    assert.equal(wrong.status, 401);
    assert.equal(unknown.status, 401);
    assert.equal(wrong.json.detail, unknown.json.detail);
    const good = await signIn({ login: 'admin', password: system.password });
    assert.equal(good.status, 201);
    const [set] = [good.headers['set-cookie']].flat();
    assert.match(set, /^voxpop_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/);
    const headers = { cookie: set.split(';')[0], origin: system.urls.site };
    assert.equal((await system.api('GET', '/api/v1/me', { headers })).json.account.login, 'admin');
    assert.equal((await system.api('DELETE', '/api/v1/sessions/current', { headers })).status, 204);
    assert.equal((await system.api('GET', '/api/v1/me', { headers })).status, 401);
    assert.equal((await system.api('GET', '/api/v1/me', { headers: { cookie: 'voxpop_session=guess' } })).status, 401);
  });

  test('secrets are not stored', async () => {
    const keys = await system.redis('KEYS', '*');
    assert.ok(!keys.some((key) => key.includes(system.token)));
    for (const key of keys.filter((k) => k.startsWith('tokens:'))) {
      assert.ok(!JSON.stringify(await system.redis('HGETALL', key)).includes(system.token));
    }
  });

  test('a token is made, listed without its secret, and ended', async () => {
    const made = (await system.admin('POST', '/api/v1/tokens', { body: { name: 'for a test' } })).json;
    assert.equal((await system.api('GET', '/api/v1/me', { token: made.token })).status, 200);
    const list = await system.admin('GET', '/api/v1/tokens');
    assert.ok(list.json.items.some((t) => t.id === made.id && t.name === 'for a test'));
    assert.ok(!list.text.includes(made.token));
    assert.equal((await system.admin('DELETE', `/api/v1/tokens/${made.id}`)).status, 204);
    assert.equal((await system.api('GET', '/api/v1/me', { token: made.token })).status, 401);
    assert.equal((await system.admin('DELETE', `/api/v1/tokens/${made.id}`)).status, 404);
  });

  test('a name of spaces, and more tokens than an account may have', async () => {
    const padded = await system.admin('POST', '/api/v1/tokens', { body: { name: `a${' '.repeat(3900)}` } });
    assert.equal(padded.status, 201, padded.text); /* the gateway ended here once */
    assert.equal(padded.json.name, 'a');
    assert.equal((await system.admin('POST', '/api/v1/tokens', { body: { name: ' '.repeat(50) } })).status, 422);
    let got;
    for (let i = 0; i < 64; i++) got = await system.admin('POST', '/api/v1/tokens', { body: { name: `${i}` } });
    assert.equal(got.status, 409, got.text);
  });
});

describe('the first account', () => {
  let system;
  before(async () => { system = await startSystem({ live: false, admin: false }); });
  after(() => system?.stop());

  test('is an admin, or nobody could make another', async () => {
    const file = `${system.folder}/secrets/first-account`;
    const secret = await waitFor(() => existsSync(file) && readFileSync(file, 'utf8'), { what: 'the secret is there' });
    const make = (role) => system.api('POST', '/api/v1/accounts', {
      body: { login: 'first', password: 'a long enough password', role }, headers: { 'x-first-account': secret },
    });
    const refused = await make('author');
    assert.equal(refused.status, 422, refused.text);
    assert.ok(refused.json.errors.some((e) => e.pointer === '/role'), refused.text);
    assert.equal((await make('admin')).status, 201);
  });
});
