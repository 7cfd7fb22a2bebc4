// roles.test.mjs - who may do what: every operation that the programs print (--operations), as every
// role, with one's own record and with another's. An operation without a row here fails, and so does
// a row without an operation. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { buildFolder, startSystem } from '../support/system.mjs';

const programs = ['gateway', 'articles', 'comments', 'polls'];
const all = programs.flatMap((name) =>
  JSON.parse(execFileSync(join(buildFolder, `voxpop-${name}`), ['--operations'], { encoding: 'utf8' })).map((each) => ({ ...each, program: name })));
const operations = all.filter((each) => each.may !== 'inside');

const roles = ['anonymous', 'author', 'moderator', 'editor', 'admin'];
const anyone = roles;
const signedIn = roles.slice(1);
const authors = ['author', 'editor', 'admin'];
const editors = ['editor', 'admin'];
const admins = ['admin'];
const nobody = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const password = 'a long enough password';
const any = { 'if-match': '*' };

let system;
let made = 0;
const who = {}; // role → {id, login, token, handle}

// -- records ---------------------------------------------------------------------------------------

// As a person of `who`; fails unless it is done.
async function as(person, method, path, body, headers = {}) {
  const got = await system.api(method, path, { token: person.token, body, headers });
  assert.ok(got.status < 300, `${method} ${path}: ${got.status} ${got.text}`);
  return got.text && got.json;
}

const poll = (more = {}) => (owner) => as(owner, 'POST', '/api/v1/polls', {
  question: `Which? ${made++}`, options: [{ text: 'A' }, { text: 'B' }], kind: 'single', results: 'always', ...more,
});
const movedPoll = (more, ...words) => async (owner) => {
  const one = await poll(more)(owner);
  for (const word of words) await as(owner, 'POST', `/api/v1/polls/${one.id}/${word}`, {});
  return one;
};
const article = (more = {}) => (owner, named = {}) => as(owner, 'POST', '/api/v1/articles', {
  title: `T ${made++}`, body_markdown: 'Text.', status: 'published', ...more, ...named,
});
const edited = async (owner, named) => {
  const one = await article()(owner, named);
  await as(owner, 'PUT', `/api/v1/articles/${one.id}/edit`, { title: 'New' }, any);
  return one;
};
const deleted = async (owner, named) => {
  const one = await article()(owner, named);
  await as(owner, 'DELETE', `/api/v1/articles/${one.id}`, undefined, any);
  return one;
};
const saved = async (owner, named) => ({ ...await article()(owner, named), n: 1 });
const comment = async (owner) => {
  const on = await article()(owner);
  return { ...await as(owner, 'POST', `/api/v1/articles/${on.id}/comments`, { author_name: 'Zoë', body_markdown: 'Yes.' }), on: on.id };
};
const account = async () => {
  const login = `made-${made++}`;
  return (await as(who.admin, 'POST', '/api/v1/accounts', { login, password, role: 'author' })).account;
};
const token = (owner) => as(owner, 'POST', '/api/v1/tokens', { name: 'x' });
const session = async (owner) => {
  const cookie = await system.signIn(owner.login, password);
  const list = (await system.api('GET', '/api/v1/sessions', { cookie })).json.items;
  return { id: list.find((each) => each.current).id, cookie };
};
const resetLink = async () => as(who.admin, 'POST', `/api/v1/accounts/${(await account()).id}/reset`);
const contributor = async (owner) => {
  const handle = owner.handle ?? `person-${made++}`;
  if (!owner.handle) await as(who.admin, 'PUT', `/api/v1/contributors/${handle}`, { display_name: 'X' });
  return { handle };
};

// -- the table -------------------------------------------------------------------------------------
// may: who gets in, whatever record it is; or own and foreign, who gets in with a record of their own
// and of another author's; then named is who gets in with an article that names them. Others get
// `out`, or else 401 without an account and 403 with one.
// record: makes what the path is about (its id, handle, n). send: {body, headers, query} from the
// record and who asks. gives: statuses of those who get in, if they are not 2xx.

const owned = { own: authors, foreign: editors };
const ofArticle = { own: authors, foreign: editors, named: authors };
const table = {
  'accounts.list': { may: admins },
  'accounts.get': { may: admins, record: account },
  'accounts.change': { may: admins, record: account, send: () => ({ body: { role: 'editor' }, headers: any }) },
  'accounts.remove': { may: admins, record: account, send: () => ({ headers: any }) },
  'accounts.reset': { may: admins, record: account, send: () => ({ body: {} }) },
  'accounts.create': { may: admins, send: () => ({ body: { login: `made-${made++}`, password, role: 'author' } }) },
  'accounts.me': { may: signedIn },
  // Somebody else is always refused: the old password is asked for.
  'accounts.change-password': { may: signedIn, gives: [422], send: () => ({ body: { old: 'x', new: 'short' } }) },
  'accounts.use-reset': { may: anyone, record: resetLink, send: (link) => ({ body: { token: link.token, password } }) },
  'sessions.create': { may: anyone, record: account, send: (its) => ({ body: { login: its.login, password } }) },
  'sessions.list': { may: signedIn },
  // What is another's is not there.
  'sessions.end': { own: signedIn, foreign: [], out: 404, record: session },
  'sessions.end-others': { may: signedIn },
  'sessions.end-current': { may: [], out: 401 }, // a token is no session
  'tokens.list': { may: signedIn },
  'tokens.create': { may: signedIn, send: () => ({ body: { name: 'x' } }) },
  'tokens.end': { own: signedIn, foreign: [], out: 404, record: token },
  'audit.list': { may: admins },
  ...Object.fromEntries(['accounts', 'articles', 'comments', 'polls'].flatMap((service) => [
    [`${service}.export-all`, { may: admins }],
    [`${service}.import-all`, { may: admins, send: () => ({ body: { items: [{ kind: 'none', id: nobody, parts: {} }] } }) }],
  ])),
  'service.migrate': { may: admins, send: () => ({ body: { dry_run: true } }) },
  'instances.status': { may: editors },
  'instances.drain': { may: admins, gives: [404], record: () => ({ id: nobody }), send: () => ({ body: {} }) },

  'articles.create': { may: authors, send: () => ({ body: { title: 'T', body_markdown: 'x', status: 'draft' } }) },
  'articles.get': [
    { may: anyone, record: article() },
    { ...ofArticle, out: 404, record: article({ status: 'draft' }) },
  ],
  'articles.patch': { ...ofArticle, record: article(), send: () => ({ body: { title: 'New' }, headers: any }) },
  'articles.delete': { ...ofArticle, record: article(), send: () => ({ headers: any }) },
  'articles.undelete': { ...ofArticle, record: deleted, send: () => ({ headers: any }) },
  'articles.edit-put': { ...ofArticle, record: article(), send: () => ({ body: { title: 'New' }, headers: any }) },
  'articles.edit-get': { ...ofArticle, record: edited },
  'articles.autosave-get': { ...ofArticle, gives: [200, 404], record: article() },
  'articles.autosave-put': { ...ofArticle, record: article(), send: () => ({ body: { title: 'New' } }) },
  'articles.autosave-delete': { ...ofArticle, record: article() },
  'articles.preview': { ...ofArticle, record: article({ status: 'draft' }), send: () => ({ body: {} }) },
  'articles.revisions': { ...ofArticle, record: article() },
  'articles.revision': { ...ofArticle, record: saved },
  'articles.diff': { ...ofArticle, record: saved, send: () => ({ query: '?to=1' }) },
  'articles.edit-delete': { ...ofArticle, record: edited, send: () => ({ headers: any }) },
  'articles.edit-publish': { ...ofArticle, record: edited, send: () => ({ headers: any }) },
  'articles.restore': { ...ofArticle, record: saved, send: () => ({ headers: any }) },
  'articles.list': { may: anyone },
  'articles.tags': { may: anyone },
  'articles.sections': { may: anyone },
  'articles.related': { may: anyone, record: article() },
  'contributors.list': { may: anyone },
  'contributors.get': { may: anyone, record: contributor },
  // An account's own is the one that an admin has given it.
  'contributors.put': { own: authors, foreign: editors, record: contributor, send: () => ({ body: { display_name: 'Y' }, headers: any }) },

  'comments.post': { may: anyone, record: article(), send: () => ({ body: { author_name: 'Z', body_markdown: 'x' } }) },
  'comments.thread': { may: anyone, record: article() },
  'comments.get': { may: anyone, record: comment },
  'comments.replies': { may: anyone, record: comment },
  'comments.recent': { may: anyone },
  'comments.counts': { may: anyone, record: article(), send: (its) => ({ query: `?article_id=${its.id}` }) },

  'polls.create': { may: authors, send: () => ({ body: { question: 'Q?', options: [{ text: 'A' }, { text: 'B' }], kind: 'single', results: 'always' } }) },
  'polls.list': { may: anyone },
  'polls.current': { may: anyone, record: poll() },
  'polls.placement': { may: anyone },
  'polls.place': { may: editors, send: () => ({ body: { mode: 'newest' } }) },
  'polls.get': { may: anyone, record: poll() },
  'polls.edit': { ...owned, record: poll(), send: () => ({ body: { question: 'What?' }, headers: any }) },
  'polls.delete': { ...owned, record: poll(), send: () => ({ headers: any }) },
  'polls.history': { may: anyone, record: poll() },
  'polls.close': { ...owned, record: poll() },
  'polls.reopen': { ...owned, record: movedPoll({}, 'close') },
  'polls.archive': { ...owned, record: movedPoll({}, 'close') },
  'polls.results': [
    { may: anyone, record: poll() },
    // Numbers that only staff may see are null for others; see polls_secret.test.mjs.
    { may: anyone, record: poll({ results: 'staff' }) },
  ],
  'polls.series': { may: anyone, record: poll() },
  'polls.export': { may: editors, record: poll() },
  'polls.journal': { may: editors, record: poll() },
  'polls.recount': { may: editors, record: poll() },
  'polls.issue': { ...owned, record: poll({ voting: 'code' }), send: () => ({ body: { count: 1 } }) },
  'polls.codes': { ...owned, record: poll({ voting: 'code' }) },
  'polls.cast': [
    { may: anyone, record: poll(), send: () => ({ body: { choices: ['1'] }, headers: { 'idempotency-key': `k${made++}` } }) },
    { may: signedIn, record: poll({ voting: 'account' }), send: () => ({ body: { choices: ['1'] } }) },
  ],
  'polls.mine': [
    { may: anyone, gives: [404], record: poll({ changeable: true }) },
    { may: signedIn, gives: [404], record: poll({ changeable: true, voting: 'account' }) },
  ],
  'polls.withdraw': { may: anyone, gives: [404], record: poll({ changeable: true }), send: () => ({ headers: { 'idempotency-key': `k${made++}` } }) },
};

// -- what is tried ---------------------------------------------------------------------------------

// With whose record: [relation, who gets in, how the record is made].
function relations(row, role) {
  if (row.may) return [['any', row.may, row.record && (() => row.record(who.other))]];
  const list = [['foreign', row.foreign, () => row.record(who.other)]];
  if (row.own.includes(role)) list.push(['own', row.own, () => row.record(who[role])]);
  if (row.named?.includes(role) && who[role].handle) list.push(['named', row.named, () => row.record(who.other, { contributors: [who[role].handle] })]);
  return list;
}

const pathOf = (operation, record) => operation.pattern.replace(/\{(\w+)\}/g, (_, name) => record[name] ?? assert.fail(`${operation.name} needs ${name}`));

async function attempt(operation, row, role, make) {
  const record = await make?.() ?? {};
  const { body, headers, query = '' } = row.send?.(record, who[role]) ?? {};
  return system.api(operation.method, pathOf(operation, record) + query, { token: who[role]?.token, body, headers });
}

function expected(row, role, allowed) {
  if (allowed.includes(role)) return row.gives ?? '2xx';
  return [role === 'anonymous' ? (row.out === 404 && !row.may && row.foreign?.length ? 404 : 401) : row.out ?? 403];
}

async function check(operation, row, role) {
  for (const [relation, allowed, make] of relations(row, role)) {
    const got = await attempt(operation, row, role, make);
    const wanted = expected(row, role, allowed);
    const fine = wanted === '2xx' ? got.status >= 200 && got.status < 300 : wanted.includes(got.status);
    assert.ok(fine, `${operation.name} (${relation}) as ${role}: ${got.status} in place of ${wanted}: ${got.text.slice(0, 300)}`);
  }
}

describe('roles', () => {
  before(async () => {
    system = await startSystem({ live: false });
    who.admin = { login: 'admin', token: system.token };
    for (const role of ['author', 'moderator', 'editor', 'admin', 'other']) {
      const handle = role === 'author' ? 'author-h' : undefined;
      if (handle) await as(who.admin, 'PUT', `/api/v1/contributors/${handle}`, { display_name: 'H' });
      const login = `the-${role}`;
      const body = { login, password, role: role === 'other' ? 'author' : role, contributor_handle: handle };
      const { id } = (await as(who.admin, 'POST', '/api/v1/accounts', body)).account;
      who[role] = { id, login, handle, token: await system.tokenFor(login, password) };
    }
  });
  after(() => system?.stop());

  test('every operation has a row, and every row an operation', () => {
    assert.ok(operations.length > 50, 'the programs have printed theirs');
    const names = operations.map((each) => each.name);
    assert.deepEqual(names.filter((name) => !table[name]), [], 'operations that this table says nothing of');
    assert.deepEqual(Object.keys(table).filter((name) => !names.includes(name)), [], 'rows of no operation');
    const own = all.filter((each) => !each.name.startsWith('service.')); // those that every loop has
    assert.equal(new Set(own.map((each) => each.name)).size, own.length, 'names are told apart');
    assert.equal(new Set(operations.map((each) => `${each.method} ${each.pattern}`)).size, operations.length, 'routes, too');
  });

  test('what the services announce is what they print', async () => {
    const records = await Promise.all((await system.redis('ZRANGE', 'instances', '0', '-1')).map((id) => system.redis('GET', `instance:${id}`)));
    for (const record of records.filter(Boolean).map((text) => JSON.parse(text)).filter((each) => each.routes.length)) {
      const printed = all.filter((each) => each.program === record.service).map((each) => `${each.method} ${each.pattern}`);
      assert.deepEqual(record.routes.map(([method, pattern]) => `${method} ${pattern}`).sort(), printed.sort(), record.service);
    }
  });

  test('what only processes may ask is there for nobody else', async () => {
    const known = operations.map((each) => each.pattern);
    for (const { method, pattern } of all.filter((each) => each.may === 'inside')) {
      for (const path of [pattern, `/api/v1${pattern}`].filter((each) => !known.includes(each))) {
        for (const verb of [method, 'GET', 'POST']) {
          const got = await system.admin(verb, path).catch(() => ({ status: 0 })); // a method that HTTP has not may end the connection
          assert.ok(![200, 201, 202, 204].includes(got.status), `${verb} ${path}: ${got.status}`);
        }
      }
    }
  });

  for (const operation of operations) {
    for (const [i, row] of [table[operation.name] ?? []].flat().entries()) {
      test(`${operation.name}${i ? `, case ${i + 1}` : ''}: ${operation.method} ${operation.pattern}`, async () => {
        for (const role of roles) await check(operation, row, role);
      });
    }
  }
});
