// keeping.test.mjs - voxpop export and import: all records of one system in another one, exported again
// as they were; nothing is written twice, nothing that differs is written over; and what restore
// --verify says of records and lists. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import { makePoll } from '../support/ballots.mjs';
import { contentsOf } from '../support/keys.mjs';
import { startSystem } from '../support/system.mjs';
import { samplePage } from '../support/text.mjs';

const atOnce = ['--repl-diskless-sync-delay', '0'];
const later = new Date(Date.now() + 86400000).toISOString().replace(/\.\d+/, '');
const lines = (file) => readFileSync(file, 'utf8').trimEnd().split('\n');
const items = (file) => lines(file).slice(1, -1).map((line) => JSON.parse(line));

describe('voxpop export and import', () => {
  let from;
  let to;
  let file;
  const polls = {};

  before(async () => {
    [from, to] = await Promise.all([startSystem({ live: false, redisArgs: atOnce }), startSystem({ live: false, redisArgs: atOnce })]);
    file = join(from.folder, 'all.jsonl');
    await fillArticles();
    await fillPolls();
  });
  after(async () => {
    await to?.stop();
    await from?.stop();
  });

  const run = async (system, ...args) => {
    const got = await system.cli(args);
    assert.equal(got.code, 0, `${args.join(' ')}: ${got.out}${got.err}`);
    return got.out;
  };

  async function fillArticles() {
    const page = join(from.folder, 'page.json');
    writeFileSync(page, JSON.stringify(samplePage()));
    await run(from, 'load', page);
    const put = await from.admin('PUT', '/api/v1/contributors/zoe', { body: { display_name: 'Zoë “Z” <b>', bio_markdown: 'A *bio*', links: [] } });
    assert.equal(put.status, 201, put.text);
    await from.make('/api/v1/articles', { title: 'Draft of nobody', body_markdown: 'Not yet.', status: 'draft' });
    await from.make('/api/v1/articles', { title: 'Scheduled', body_markdown: 'Soon.', status: 'scheduled', publish_at: later, contributors: ['zoe'] });
    const article = await from.make('/api/v1/articles', { title: 'Täg & Nacht', body_markdown: '# Hi\n\n`code`', status: 'published', contributors: ['zoe'], tags: ['Nächte', 'C'] });
    const { headers } = await from.admin('GET', `/api/v1/articles/${article.id}`);
    const edited = await from.admin('PATCH', `/api/v1/articles/${article.id}`, { body: { slug: 'another-slug', body_markdown: '# Hello' }, headers: { 'if-match': headers.etag } });
    assert.equal(edited.status, 200, edited.text);
    const bin = await from.make('/api/v1/articles', { title: 'For the bin', body_markdown: 'No.', status: 'draft' });
    const gone = await from.admin('DELETE', `/api/v1/articles/${bin.id}`, { headers: { 'if-match': '*' } });
    assert.ok(gone.status < 300, gone.text);
    let parent;
    for (let i = 0; i < 110; i++) {
      const said = await from.api('POST', `/api/v1/articles/${article.id}/comments`, {
        body: { author_name: `Reader ${i}`, author_email: 'r@example.org', body_markdown: `Nr. ${i} \u{1F600}`, ...(i % 3 === 2 ? { parent_id: parent } : {}) },
      });
      assert.equal(said.status, 201, said.text);
      parent = said.json.id;
    }
    const added = await from.cli(['account', 'add', 'eva', '--role', 'editor', '--handle', 'zoe'], { env: { VOXPOP_PASSWORD: 'a long enough password' } });
    assert.equal(added.code, 0, added.err);
  }

  async function fillPolls() {
    const vote = async (poll, choices, key, more = {}) => {
      const got = await from.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body: { choices, ...more }, headers: { 'idempotency-key': key } });
      assert.equal(got.status, 201, got.text);
    };
    const move = async (poll, word) => assert.equal((await from.admin('POST', `/api/v1/polls/${poll.id}/${word}`, { body: {} })).status, 200, word);
    polls.open = await makePoll(from);
    polls.changeable = await makePoll(from, { changeable: true, kind: 'multiple', max_choices: 2 });
    polls.hidden = await makePoll(from, { results: 'staff' });
    polls.closed = await makePoll(from, { results: 'after_close' });
    polls.archived = await makePoll(from);
    polls.scheduled = await makePoll(from, { opens_at: later });
    polls.empty = await makePoll(from);
    polls.code = await makePoll(from, { voting: 'code' });
    const codes = (await from.make(`/api/v1/polls/${polls.code.id}/codes`, { count: 3 })).codes;
    await vote(polls.code, ['1'], 'code', { code: codes[0] });
    for (let i = 0; i < 130; i++) await vote(polls.open, [String(1 + i % 4)], `open ${i}`);
    for (const name of ['hidden', 'closed', 'archived']) for (let i = 0; i < 3; i++) await vote(polls[name], ['2'], `${name} ${i}`);
    for (let i = 0; i < 4; i++) await vote(polls.changeable, ['1', '2'], `changeable ${i}`);
    const first = await from.api('POST', `/api/v1/polls/${polls.changeable.id}/ballots`, { body: { choices: ['3'] }, headers: { 'idempotency-key': 'mind' } });
    const changed = await from.api('POST', `/api/v1/polls/${polls.changeable.id}/ballots`, { body: { choices: ['4'] }, cookie: first.cookies, headers: { origin: from.urls.site } });
    assert.equal(changed.status, 201, changed.text);
    const { headers } = await from.admin('GET', `/api/v1/polls/${polls.open.id}`);
    const edited = await from.admin('PATCH', `/api/v1/polls/${polls.open.id}`, { body: { question: 'Which one?' }, headers: { 'if-match': headers.etag } });
    assert.equal(edited.status, 200, edited.text);
    await move(polls.closed, 'close');
    await move(polls.archived, 'close');
    await move(polls.archived, 'archive');
    assert.equal((await from.admin('PUT', '/api/v1/polls/placement', { body: { mode: 'random' } })).status, 200);
  }

  // What an export says after the way through another system: a poll that has votes is archived.
  const arrived = (item) => {
    if (item.kind !== 'poll' || item.parts.tally.hash.voters === '0') return item;
    return { ...item, parts: { ...item.parts, record: { hash: { ...item.parts.record.hash, status: 'archived' } } } };
  };
  const withoutAccounts = (list) => list.filter(({ service }) => service !== 'accounts');

  test('all of it is exported, without secrets', async () => {
    const said = await run(from, 'export', file);
    assert.match(said, /all\.jsonl: \d+ records, \d+ bytes/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual([existsSync(`${file}.part`), existsSync(`${file}.part.at`)], [false, false]);
    const kinds = {};
    for (const { kind } of items(file)) kinds[kind] = (kinds[kind] ?? 0) + 1;
    const page = samplePage();
    assert.deepEqual({ ...kinds, journal: kinds.journal > 6 }, {
      account: 2, contributor: 2, article: 5, revision: 7, poll: 9, journal: true, placement: 1, comment: 110 + page.recent_comments.length,
    });
    const text = readFileSync(file, 'utf8');
    assert.ok(!text.includes('argon2'), 'no hash of a password');
    assert.ok(JSON.parse(lines(file).at(-1)).lines === items(file).length);
    const again = join(from.folder, 'secrets.jsonl');
    await run(from, 'export', again, '--with-passwords');
    assert.equal(readFileSync(again, 'utf8').split('argon2id').length - 1, 2);
  });

  test('an export that was cut short goes on', async () => {
    const half = join(from.folder, 'half.jsonl');
    const first = (await from.admin('GET', '/api/v1/export/comments')).json;
    assert.ok(first.next_cursor && first.items.length >= 90);
    const before = lines(file).slice(0, 1 + items(file).findIndex(({ service }) => service === 'comments'));
    const text = [...before, ...first.items.map((item) => JSON.stringify(item)), ''].join('\n');
    writeFileSync(`${half}.part`, `${text}{"half a li`);
    const place = (url) => writeFileSync(`${half}.part.at`, `${url} plain\n3 ${Buffer.byteLength(text)} ${before.length - 1 + first.items.length} ${first.next_cursor}\n`);
    place(from.urls.site);
    await run(from, 'export', half);
    assert.deepEqual(lines(half).map((line) => JSON.parse(line)), lines(file).map((line) => JSON.parse(line)));
    const other = `${half}.other`; // what is there of another system's is not gone on with
    writeFileSync(`${other}.part`, text);
    writeFileSync(`${other}.part.at`, `http://other.example plain\n3 ${Buffer.byteLength(text)} 9 x\n`);
    await run(from, 'export', other);
    assert.deepEqual(readFileSync(other, 'utf8'), readFileSync(file, 'utf8'));
    const refused = await from.cli(['export', half]);
    assert.match(refused.err, /is there already/);
  });

  test('an import that was cut short is completed by the next one', async () => {
    const cut = join(from.folder, 'cut.jsonl');
    writeFileSync(cut, `${lines(file).slice(0, 100).join('\n')}\n`);
    const short = await to.cli(['import', cut]);
    assert.equal(short.code, 1);
    assert.match(short.err, /is cut short/);
    const whole = await to.cli(['import', file]);
    // The admin of this system has the login that the other one's has.
    assert.equal(whole.code, 1, whole.out);
    assert.match(whole.err, /^left as it is: account \w{26}$/m);
    assert.match(whole.err, /1 were left as they are/);
    assert.match(whole.out, /^accounts +0 +1 +1 +0$/m);
    assert.match(whole.out, /^comments +\d+ +\d+ +0 +0$/m);
  });

  test('exported again it is what it was', async () => {
    const again = join(from.folder, 'again.jsonl');
    await run(to, 'export', again);
    assert.deepEqual(withoutAccounts(items(again)), withoutAccounts(items(file)).map(arrived));
  });

  test('imported again it changes nothing', async () => {
    const ours = /^(article|articles|tags|contributor|contributors|comment|comments|thread|fact|poll|polls|account|accounts)\b/;
    const all = () => contentsOf((...args) => to.redis(...args), (key) => ours.test(key));
    // What services do by themselves may come between, though not each time.
    for (let tries = 1; ; tries++) {
      const before = await all();
      const got = await to.cli(['import', file]);
      assert.match(got.out, /^articles +0 +14 +0 +0$/m, got.err);
      assert.match(got.out, /^comments +0 +\d+ +0 +0$/m);
      assert.match(got.out, /^polls +0 +\d+ +0 +0$/m);
      const found = await all();
      if (isDeepStrictEqual(found, before)) return;
      if (tries === 5) assert.deepEqual(found, before);
    }
  });

  test('readers see the same', async () => {
    const same = async (path, pick = (json) => json, as = 'api') => {
      const [a, b] = [await from[as]('GET', path), await to[as]('GET', path)];
      assert.deepEqual([b.status, pick(b.json)], [a.status, pick(a.json)], path);
      return b.json;
    };
    const list = await same('/api/v1/articles', ({ items: all }) => all.map(({ id, comment_count: n }) => [id, n]));
    for (const { id } of list.items) {
      await same(`/api/v1/articles/${id}`, ({ revision, ...rest }) => rest);
      await same(`/api/v1/articles/${id}/comments?limit=100`);
    }
    await same('/api/v1/tags');
    assert.equal((await to.page('/articles/tag-nacht')).status, (await from.page('/articles/tag-nacht')).status, 'a former slug');
    await same('/api/v1/comments/recent');
    for (const [name, poll] of Object.entries(polls)) {
      await same(`/api/v1/polls/${poll.id}/results`, ({ counts, voters, votes }) => ({ counts, voters, votes }), 'admin');
      await same(`/api/v1/polls/${poll.id}/series`, undefined, 'admin');
      await same(`/api/v1/polls/${poll.id}/history`);
      const recount = await to.admin('POST', `/api/v1/polls/${poll.id}/recount`, { body: {} });
      assert.equal(recount.json.equal, true, `${name}: ${recount.text}`);
    }
  });

  test('what nobody had voted in goes on, what has votes does not', async () => {
    const status = async (poll) => (await to.admin('GET', `/api/v1/polls/${poll.id}`)).json.status;
    const found = {};
    for (const [name, poll] of Object.entries(polls)) found[name] = await status(poll);
    assert.deepEqual(found, {
      open: 'archived', changeable: 'archived', hidden: 'archived', closed: 'archived', archived: 'archived', code: 'archived', scheduled: 'scheduled', empty: 'open',
    });
    const vote = (poll) => to.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body: { choices: ['1'] }, headers: { 'idempotency-key': `new ${poll.id}` } });
    assert.equal((await vote(polls.empty)).status, 201);
    assert.equal((await vote(polls.open)).status, 409);
    // It has gone its own way now, and is left alone.
    const got = await to.cli(['import', file]);
    assert.equal(got.code, 1);
    assert.match(got.err, new RegExp(`left as it is: poll ${polls.empty.id}`));
    assert.equal((await to.admin('GET', `/api/v1/polls/${polls.empty.id}/results`)).json.voters, 1);
    const signIn = await to.api('POST', '/api/v1/sessions', { body: { login: 'eva', password: 'a long enough password' } });
    assert.equal(signIn.status, 401, 'an account without a password lets nobody in');
  });

  test('passwords come along when they are asked for', async () => {
    const eva = items(join(from.folder, 'secrets.jsonl')).find(({ kind, parts }) => kind === 'account' && parts.record.hash.login === 'eva');
    await to.redis('DEL', `account:${eva.id}`, 'account:login:eva');
    await to.redis('ZREM', 'accounts', eva.id);
    await to.cli(['import', join(from.folder, 'secrets.jsonl')]);
    const signIn = await to.api('POST', '/api/v1/sessions', { body: { login: 'eva', password: 'a long enough password' } });
    assert.equal(signIn.status, 201, signIn.text);
  });

  test('only an admin may, and only records are taken', async () => {
    const token = await to.tokenFor('eva', 'a long enough password');
    for (const service of ['accounts', 'articles', 'comments', 'polls']) {
      assert.equal((await to.api('GET', `/api/v1/export/${service}`)).status, 401);
      assert.equal((await to.api('GET', `/api/v1/export/${service}`, { token })).status, 403);
      assert.equal((await to.api('POST', `/api/v1/import/${service}`, { token, body: { items: [] } })).status, 403);
      assert.equal((await to.admin('GET', `/api/v1/export/${service}?cursor=xyz`)).status, 400);
    }
    const give = (service, ...all) => to.admin('POST', `/api/v1/import/${service}`, { body: { items: all } });
    const good = { kind: 'comment', id: '01ARZ3NDEKTSV4RRFFQ69G5FAV', parts: { record: { hash: { a: 'b' } } } };
    for (const bad of [{}, { ...good, id: 'x}:y' }, { ...good, kind: undefined }, { ...good, parts: { record: { hash: { a: 1 } } } },
      { ...good, parts: { record: { set: [] } } }, { ...good, parts: { record: { hash: { a: { base64: '?' } } } } }, { ...good, parts: { record: { list: new Array(1000).fill('x') } } }]) {
      const got = await give('comments', good, bad);
      assert.equal(got.status, 422, JSON.stringify(bad));
      assert.equal(got.problem.errors[0].pointer, '/items/1');
    }
    const id = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
    for (const [service, item] of [['comments', good], ['comments', { ...good, kind: 'nothing' }], ['articles', { ...good, kind: 'article' }], ['polls', { ...good, kind: 'poll' }],
      ['polls', { kind: 'journal', id, parts: { entries: { stream: [['x', { 1: 'y' }]] } } }], ['accounts', { ...good, kind: 'account' }]]) {
      const got = await give(service, item);
      assert.deepEqual([got.status, got.json], [200, { added: 0, same: 0, conflicts: 0, refused: 1, left: [`${item.kind} ${id}`] }], got.text);
    }
    // One that no request may hold stays away; the others come.
    const large = { service: 'comments', ...good, parts: { record: { hash: { a: 'x'.repeat(1100000) } } } };
    const mixed = join(from.folder, 'mixed.jsonl');
    writeFileSync(mixed, `${lines(file)[0]}\n${JSON.stringify(large)}\n${lines(file).at(-2)}\n{"lines":2}\n`);
    const said = await to.cli(['import', mixed]);
    assert.match(said.err, /^left as it is: comment \w{26} \(too large\)$/m);
    assert.match(said.out, /^comments +0 +1 +0 +1$/m);
    const nothing = join(from.folder, 'nothing.jsonl');
    for (const text of ['', '{"voxpop":"export","version":2}\n', `${lines(file)[0]}\n{"service":"../x"}\n`, `${lines(file)[0]}\nno JSON\n`]) {
      writeFileSync(nothing, text);
      assert.equal((await to.cli(['import', nothing])).code, 1, text);
    }
  });

  test('restore --verify looks at every record and list', async () => {
    const kept = join(to.folder, 'to.backup');
    await run(to, 'backup', kept, '--redis-url', to.urls.redis);
    const said = await run(to, 'restore', kept, '--verify');
    for (const row of [/^articles +articles +5 +0$/m, /^articles +contributors +2 +0$/m, /^comments +comments +11\d +0$/m, /^comments +threads +2 +0$/m,
      /^polls +polls +9 +0$/m, /^polls +tally = journal +9 +0$/m]) assert.match(said, row);
    const comment = items(file).find(({ kind }) => kind === 'comment').id;
    const article = items(file).find(({ kind }) => kind === 'article').id;
    await to.redis('DEL', `comment:{${comment}}`);
    await to.redis('DEL', `article:{${article}}:body`);
    await to.redis('ZREM', 'polls:list:archived', polls.open.id);
    const harmed = join(to.folder, 'harmed.backup');
    await run(to, 'backup', harmed, '--redis-url', to.urls.redis);
    const found = await to.cli(['restore', harmed, '--verify']);
    assert.equal(found.code, 1, found.out);
    assert.match(found.err, new RegExp(`article ${article} has no body`));
    for (const row of [/^articles +articles +5 +1$/m, /^comments +comments +11\d +1$/m, /^polls +polls +9 +1$/m]) assert.match(found.out, row);
  });
});
