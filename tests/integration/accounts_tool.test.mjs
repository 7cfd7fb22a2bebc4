// accounts_tool.test.mjs - voxpop account, token, session and audit. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startSystem } from '../support/system.mjs';

describe('voxpop', () => {
  const password = 'a long enough password';
  let system;
  before(async () => {
    system = await startSystem({ live: false });
    await tool('account add eva --role editor', { env: { VOXPOP_PASSWORD: password } });
  });
  after(() => system?.stop());

  async function tool(line, options) {
    const got = await system.cli(line.split(' '), options);
    assert.equal(got.code, 0, `voxpop ${line}: ${got.err}`);
    return got.out.trimEnd();
  }
  async function fails(line, why, options) {
    const got = await system.cli(line.split(' '), options);
    assert.notEqual(got.code, 0, got.out);
    assert.match(got.err, why);
  }
  const me = async (token) => (await system.api('GET', '/api/v1/me', { token })).status;

  test('account list, set, disable, enable', async () => {
    const [head, ...rows] = (await tool('account list')).split('\n');
    assert.match(head, /^LOGIN +ROLE +DISABLED +CONTRIBUTOR +CREATED +ID$/);
    assert.equal(rows.length, 2);
    assert.equal(JSON.parse(await tool('account list --json'))[1].login, 'eva');
    assert.equal(await tool('account set eva --role author --handle eva-e'), 'account eva  role author  contributor eva-e');
    assert.equal(await tool('account set eva --handle -'), 'account eva  role author');
    const token = await system.tokenFor('eva', password);
    assert.equal(await tool('account disable eva'), 'account eva  role author  disabled');
    assert.equal(await me(token), 401);
    await fails('token add --login eva', /wrong/, { env: { VOXPOP_PASSWORD: password } });
    assert.equal(await tool('account enable eva'), 'account eva  role author');
    await fails('account set eva', /--role, --handle/);
    await fails('account set nobody --role author', /there is no account nobody/);
    await fails('account set a&b --role author', /there is no account a&b/);
    await fails('account set admin --role author', /last admin/);
    await fails('account disable admin', /last admin/);
    await fails('account remove admin', /last admin/);
  });

  test('account reset prints a link that works, and account remove ends it all', async () => {
    const url = new URL(await tool('account reset eva'));
    assert.equal(url.pathname, '/account/reset');
    const body = { token: url.searchParams.get('token'), password: 'another good password' };
    assert.equal((await system.api('POST', '/api/v1/password-resets', { body })).status, 204);
    const token = await system.tokenFor('eva', body.password);
    await tool('account add gone --role author', { env: { VOXPOP_PASSWORD: password } });
    assert.equal(await tool('account remove gone'), 'account gone is gone');
    await fails('account remove gone', /there is no account gone/);
    await fails('account list', /403|may not/, { token });
  });

  test('token add with scopes and an end, token list, token end', async () => {
    const env = { VOXPOP_PASSWORD: password };
    await tool('account add tim --role author', { env });
    const token = await tool('token add --login tim --name reader --scope read --scope polls --days 30', { env });
    assert.equal(await me(token), 200);
    assert.equal((await system.api('POST', '/api/v1/articles', { token, body: { title: 'T', body_markdown: 'x' } })).status, 403);
    const all = await system.tokenFor('tim', password);
    const list = JSON.parse(await tool('token list --json', { token: all }));
    const one = list.find((each) => each.name === 'reader');
    assert.deepEqual(one.scopes, ['read', 'polls']);
    const days = (Date.parse(one.expires_at) - Date.now()) / 86400000;
    assert.ok(days > 29.9 && days < 30.1, `${days} days`);
    assert.match(await tool('token list', { token: all }), /^ID +NAME +FOR +CREATED +ENDS +LAST USED\n(.*\n)?.* reader +read polls /m);
    assert.equal(await tool(`token end ${one.id}`, { token: all }), 'ended');
    assert.equal(await me(token), 401);
    await fails(`token end ${one.id}`, /no such token/, { token: all });
    await fails('token end x', /an id is/, { token: all });
    await fails('token add --login tim --scope everything', /not acceptable|none of/, { env });
    await fails('token add --login tim --days 0', /--days/, { env });
  });

  test('session list and session end', async () => {
    const cookies = [await system.signIn('tim', password), await system.signIn('tim', password)];
    const token = await system.tokenFor('tim', password);
    const list = JSON.parse(await tool('session list --json', { token }));
    assert.equal(list.length, 2, 'that of token add has ended');
    assert.match(await tool('session list', { token }), /^ID +SINCE +LAST SEEN +BROWSER\n/);
    assert.equal(await tool(`session end ${list[0].id}`, { token }), 'ended');
    assert.equal(await tool('session end others', { token }), 'ended');
    for (const cookie of cookies) assert.equal((await system.api('GET', '/api/v1/me', { cookie })).status, 401);
  });

  test('audit', async () => {
    const [head, ...rows] = (await tool('audit --account admin --action accounts')).split('\n');
    assert.match(head, /^AT +BY +ACTION +OBJECT +DETAIL$/);
    assert.ok(rows.length > 5 && rows.every((row) => / admin +accounts\./.test(row)), rows.join('\n'));
    assert.equal((await tool('audit --count 2')).split('\n').length, 3);
    const lines = (await tool('audit --format jsonl')).split('\n').map((line) => JSON.parse(line));
    assert.ok(lines.length > 20);
    assert.equal(lines.at(-1).action, 'accounts.create', 'the first act of all');
    assert.equal((await tool('audit --json --count 3')).split('\n').length, 3);
    await fails('audit --format xml', /--format must be jsonl/);
    await fails('audit', /may not/, { token: await system.tokenFor('tim', password) });
  });
});
