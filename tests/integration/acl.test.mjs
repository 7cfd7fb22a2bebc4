// acl.test.mjs - the users of deploy/redis-acl.conf: a whole system works with them and is refused
// nothing, and none of them reaches what is another's. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Redis } from '../support/redis.mjs';
import { freePort, root, startSystem, waitFor } from '../support/system.mjs';
import { samplePage } from '../support/text.mjs';

const processes = ['gateway', 'live', 'articles', 'comments', 'polls'];
const password = (user) => `secret-of-${user}`;

// The users as a file for Redis; own: as they are at a Redis of one service alone, by the command that
// stands in the template's head.
function usersFile(folder, own = false) {
  const file = join(folder, own ? 'own.acl' : 'users.acl');
  const template = readFileSync(join(root, 'deploy/redis-acl.conf'), 'utf8');
  const change = /^# (sed '.*')\. /m.exec(template)[1];
  const users = template.replace(/^#.*\n/gm, '').replace(/@(\w+)@/g, (_, user) => createHash('sha256').update(password(user)).digest('hex'));
  writeFileSync(file, own ? execFileSync('sh', ['-c', change], { input: users }) : users);
  return file;
}

// Commands as this user, on a connection of its own.
async function commandsAs(socket, user, ...commands) {
  const redis = new Redis(socket);
  try {
    if (user) await redis.command('AUTH', user, password(user));
    const replies = [];
    for (const command of commands) replies.push(await redis.command(...command).catch((error) => error.message));
    return replies;
  } finally {
    redis.close();
  }
}

describe('Redis users', () => {
  let folder;
  let system;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'voxpop-acl-'));
    const file = usersFile(folder);
    const port = await freePort();
    const url = (user) => ['--redis-url', `redis://${user}:${password(user)}@127.0.0.1:${port}`];
    system = await startSystem({
      redisArgs: ['--port', String(port), '--aclfile', file],
      redisLogin: ['operator', password('operator')],
      args: Object.fromEntries(processes.map((name) => [name, url(name)])),
    });
  });
  after(async () => {
    await system?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const as = (user, ...commands) => commandsAs(system.redisSocket, user, ...commands);

  test('all that readers and editors do works', async () => {
    const page = samplePage();
    const file = join(folder, 'page.json');
    writeFileSync(file, JSON.stringify(page));
    const loaded = await system.cli(['load', file]);
    assert.equal(loaded.code, 0, loaded.err);
    const article = (await system.api('GET', '/api/v1/articles')).json.items[0];
    assert.equal((await system.page(`/articles/${article.slug}`)).status, 200);
    const said = await system.api('POST', `/api/v1/articles/${article.id}/comments`, { body: { author_name: 'Zoë', body_markdown: 'Hello' } });
    assert.equal(said.status, 201, said.text);
    await waitFor(async () => (await system.api('GET', `/api/v1/articles/${article.id}`)).json.comment_count === page.recent_comments.length + 1,
      { what: 'the article counts its comments' });
    assert.equal((await system.admin('PUT', '/api/v1/contributors/zoe', { body: { display_name: 'Zoë' }, headers: { 'if-none-match': '*' } })).status < 500, true);

    for (const voting of ['open', 'limited', 'account', 'code']) {
      const poll = await system.make('/api/v1/polls', {
        question: `Which? ${voting}`, options: [{ text: 'A' }, { text: 'B' }], kind: 'single', results: 'always', voting, changeable: voting === 'open',
      });
      const code = voting === 'code' ? (await system.make(`/api/v1/polls/${poll.id}/codes`, { count: 1 })).codes[0] : undefined;
      const watcher = await system.sse(`poll:${poll.id}`);
      const cast = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, {
        body: { choices: [poll.options[0].id], code }, token: voting === 'account' ? system.token : undefined, headers: { 'idempotency-key': voting },
      });
      assert.equal(cast.status, 201, cast.text);
      await watcher.next((each) => each.data.voters === 1);
      watcher.close();
      assert.equal((await system.api('GET', `/api/v1/polls/${poll.id}/results`)).json.voters, 1);
      for (const [method, what, body] of [['GET', '/history'], ['GET', '/series'], ['GET', '/export'], ['GET', '/ballots'], ['POST', '/recount', {}],
        ['POST', '/close', {}], ['POST', '/reopen', {}], ['POST', '/close', {}], ['POST', '/archive', {}]]) {
        const got = await system.admin(method, `/api/v1/polls/${poll.id}${what}`, { body });
        assert.equal(got.status, 200, `${what}: ${got.text}`);
      }
    }
    assert.equal((await system.admin('PUT', '/api/v1/polls/placement', { body: { mode: 'random' } })).status, 200);
    assert.ok((await system.api('GET', '/api/v1/polls?q=which')).json.items.length > 0);
    assert.equal((await system.cli(['status'])).code, 0);
    const body = { login: 'eva', password: 'long enough it is', role: 'editor' };
    const { id } = (await system.make('/api/v1/accounts', body)).account;
    const { token } = await system.make(`/api/v1/accounts/${id}/reset`, {});
    assert.equal((await system.api('POST', '/api/v1/password-resets', { body: { token, password: body.password } })).status, 204);
    const cookie = await system.signIn('eva', body.password);
    const as = (method, path, more) => system.api(method, `/api/v1/${path}`, { cookie, headers: { origin: system.urls.site }, body: more });
    assert.equal((await as('PUT', 'me/password', { old: body.password, new: 'another password' })).status, 204);
    assert.equal((await as('POST', 'tokens', { name: 'x', scopes: ['read'] })).status, 201);
    for (const path of ['sessions', 'tokens', 'me']) assert.equal((await as('GET', path)).status, 200, path);
    assert.equal((await as('DELETE', 'sessions')).status, 204);
    assert.equal((await system.admin('GET', '/api/v1/audit')).status, 200);
    assert.equal((await system.admin('DELETE', `/api/v1/accounts/${id}`, { headers: { 'if-match': '*' } })).status, 204);
    const login = await system.signIn();
    assert.equal((await system.api('GET', '/api/v1/me', { cookie: login })).status, 200);
  });

  test('an instance that starts again finds its functions and leaves cleanly', async () => {
    for (const name of ['articles', 'comments', 'polls', 'live']) await system.restart(name);
    const got = await system.cli(['status']);
    assert.equal(got.code, 0, got.err);
  });

  test('what was written is there when Redis starts again', async () => {
    const all = async () => (await system.redis('KEYS', '*')).filter((key) => !/^(instance|once|wait)/.test(key) && !/^polls?:.*(sweep|:[uvw]:\d+)$/.test(key)).sort(); // voters of archived polls go by and by
    const before = await all();
    assert.ok(before.length > 20, before.join(' '));
    await system.kill('redis');
    system.launch('redis');
    await system.ready('redis');
    assert.deepEqual(await all(), before);
    await waitFor(async () => (await system.page('/')).status === 200, { deadline: 10000, what: 'the front page' });
  });

  test('nothing that a process does is refused', async () => {
    const [log] = await as('operator', ['ACL', 'LOG']);
    assert.deepEqual(log, []);
  });

  test('none reaches what is another\'s, and none may do what concerns all', async () => {
    const keys = {
      gateway: 'account:x', articles: 'article:{x}', comments: 'comment:{x}', polls: 'poll:{x}', live: 'site:key',
    };
    for (const user of processes) {
      const foreign = Object.entries(keys).filter(([owner]) => owner !== user && !(owner === 'live' && user !== 'live'));
      const replies = await as(user, ...foreign.flatMap(([, key]) => [['GET', key], ['SET', key, 'x']]),
        ['KEYS', '*'], ['SCAN', '0'], ['FLUSHALL'], ['CONFIG', 'GET', '*'], ['SHUTDOWN'], ['REPLICAOF', 'NO', 'ONE'], ['ACL', 'LIST'],
        ['EVAL', 'return 1', '0'], ['FUNCTION', 'FLUSH'], ['MONITOR'], ['CLIENT', 'LIST']);
      for (const reply of replies) assert.match(String(reply), /^NOPERM/, `${user}: ${reply}`);
    }
    assert.deepEqual((await as(null, ['PING'], ['GET', 'site:key'])).map((each) => each.slice(0, 6)), ['NOAUTH', 'NOAUTH'], 'without a name nothing');
    const [ping, get] = await as('probe', ['PING'], ['GET', 'site:key']);
    assert.equal(ping, 'PONG');
    assert.match(get, /^NOPERM/);
    assert.match((await as('comments', ['SET', 'fact:article:x', 'y']))[0], /^NOPERM/, 'facts of others are read only');
    const [event, scan] = await as('reader', ['XREVRANGE', 'events:articles', '+', '-', 'COUNT', '1'], ['SCAN', '0']);
    assert.equal(event.length, 1);
    assert.equal(scan.length, 2);
    for (const reply of await as('reader', ['GET', 'site:key'], ['SET', 'fact:article:x', 'y'], ['DEL', 'events:articles'], ['XADD', 'events:articles', '*', 'a', 'b'])) {
      assert.match(String(reply), /^NOPERM/, 'a reader reads facts and events alone');
    }
    assert.match((await as('replica', ['GET', 'site:key']))[0], /^NOPERM/);
    assert.match((await as('sentinel', ['GET', 'site:key']))[0], /^NOPERM/);
  });
});

describe('Redis users, a Redis per service', () => {
  const own = ['articles', 'comments', 'polls'];
  let folder;
  let system;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'voxpop-acl-'));
    const [users, ownUsers] = [usersFile(folder), usersFile(folder, true)];
    const url = (at, user) => at.replace('unix://', `unix://${user}:${password(user)}@`);
    const args = (urls) => Object.fromEntries(processes.map((name) => [name, ['--redis-url', url(urls[`redis-${name}`] ?? urls.redis, name),
      '--registry-url', url(urls.redis, name),
      ...({ articles: ['--comments-redis-url', url(urls['redis-comments'], 'reader')], comments: ['--articles-redis-url', url(urls['redis-articles'], 'reader')] }[name] ?? [])]]));
    system = await startSystem({
      ownRedis: own, redisArgs: ['--aclfile', users], ownRedisArgs: ['--aclfile', ownUsers], redisLogin: ['operator', password('operator')], args,
    });
  });
  after(async () => {
    await system?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test('all goes its way, with events and with all facts looked through', async () => {
    const file = join(folder, 'page.json');
    writeFileSync(file, JSON.stringify(samplePage()));
    const loaded = await system.cli(['load', file]);
    assert.equal(loaded.code, 0, loaded.err);
    const { id, poll_id: poll } = (await system.api('GET', '/api/v1/articles')).json.items[0];
    const counts = (n) => waitFor(async () => (await system.api('GET', `/api/v1/articles/${id}`)).json.comment_count === n, { deadline: 10000, what: `${n} comments are counted` });
    const say = () => system.api('POST', `/api/v1/articles/${id}/comments`, { body: { author_name: 'Zoë', body_markdown: 'Hello' } });
    const before = samplePage().recent_comments.length;
    assert.equal((await say()).status, 201);
    await counts(before + 1);
    for (const name of own) await system.restart(name);
    await system.kill('redis-comments');
    system.launch('redis-comments');
    await system.ready('redis-comments');
    await waitFor(async () => (await say()).status === 201, { deadline: 10000, what: 'comments are taken again' });
    await counts(before + 2);
    const option = await waitFor(async () => (await system.api('GET', `/api/v1/polls/${poll}`)).json.options?.[0].id, { deadline: 10000, what: 'polls has been seen again' });
    assert.equal((await system.api('POST', `/api/v1/polls/${poll}/ballots`, { body: { choices: [option] }, headers: { 'idempotency-key': 'a reader' } })).status, 201);
  });

  test('nothing that a process does is refused, and others\' records stay theirs', async () => {
    for (const name of ['redis', ...own.map((each) => `redis-${each}`)]) {
      const socket = join(system.folder, `${name}.sock`);
      assert.deepEqual(await commandsAs(socket, 'operator', ['ACL', 'LOG']), [[]], name);
      for (const reply of await commandsAs(socket, 'comments', ['GET', 'article:{x}'], ['SET', 'fact:poll:x', 'y'], ['XADD', 'events:articles', '*', 'a', 'b'])) {
        assert.match(String(reply), /^NOPERM/, name);
      }
    }
  });
});
