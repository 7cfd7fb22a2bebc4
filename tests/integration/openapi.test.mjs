// openapi.test.mjs - docs/openapi.json against a running system: it is served, it is OpenAPI 3.1, it
// names what is routed and nothing else, and answers look as it says. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { request, root, startSystem } from '../support/system.mjs';

const text = readFileSync(`${root}docs/openapi.json`, 'utf8');
const doc = JSON.parse(text);
const fake = { id: '01ARZ3NDEKTSV4RRFFQ69G5FAV', handle: 'nobody-here' };
const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

// [{method, path, op, item}] of all operations.
const operations = Object.entries(doc.paths).flatMap(([path, item]) =>
  methods.filter((method) => item[method]).map((method) => ({ method, path, op: item[method], item })));
const ofGateway = operations.filter(({ item }) => !item.servers);

function resolve(value) {
  while (value?.$ref) {
    assert.match(value.$ref, /^#\//);
    value = value.$ref.slice(2).split('/').reduce((at, name) => {
      assert.ok(at && name in at, `${value.$ref} leads somewhere`);
      return at[name];
    }, doc);
  }
  return value;
}

function each(value, seen, at = '') {
  if (value === null || typeof value !== 'object') return;
  seen(value, at);
  for (const [name, inner] of Object.entries(value)) each(inner, seen, `${at}/${name}`);
}

// What is wrong with a value, as a list; a member that the schema does not name is wrong too.
function faults(value, schema, at = '') {
  const s = resolve(schema);
  const type = value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;
  const found = [];
  const wrong = (what) => found.push(`${at || '/'}: ${what}`);
  if (s.oneOf) {
    const tried = s.oneOf.map((one) => faults(value, one, at));
    if (tried.filter((one) => !one.length).length !== 1) wrong(`not one of: ${tried.flat().join('; ')}`);
  }
  if (s.type && ![s.type].flat().includes(type)) wrong(`${type} in place of ${s.type}`);
  if (s.enum && !s.enum.includes(value)) wrong(`${value} is none of ${s.enum}`);
  if ('const' in s && value !== s.const) wrong(`not ${s.const}`);
  if (type === 'string' && s.pattern && !new RegExp(s.pattern, 'u').test(value)) wrong(`${value} is not ${s.pattern}`);
  if (type === 'string' && s.format === 'date-time' && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)) wrong(`${value} is no time`);
  if (type === 'string' && ([...value].length < (s.minLength ?? 0) || [...value].length > (s.maxLength ?? Infinity))) wrong('its length');
  if (type === 'integer' && (value < (s.minimum ?? -Infinity) || value > (s.maximum ?? Infinity))) wrong('its size');
  if (type === 'array' && s.items) {
    if (value.length < (s.minItems ?? 0) || value.length > (s.maxItems ?? Infinity)) wrong('its length');
    value.forEach((item, i) => found.push(...faults(item, s.items, `${at}/${i}`)));
  }
  if (type === 'object' && (s.properties || s.additionalProperties)) {
    for (const name of s.required ?? []) if (!(name in value)) wrong(`has no ${name}`);
    for (const [name, inner] of Object.entries(value)) {
      const known = s.properties?.[name] ?? s.additionalProperties;
      if (known) found.push(...faults(inner, known, `${at}/${name}`));
      else wrong(`${name} is not described`);
    }
  }
  return found;
}

describe('the document', () => {
  test('is OpenAPI 3.1 in its outline', () => {
    assert.match(doc.openapi, /^3\.1\.\d+$/);
    assert.ok(doc.info.title && doc.info.version);
    assert.ok(doc.servers.every(({ url }) => url));
    const keys = ['openapi', 'info', 'jsonSchemaDialect', 'servers', 'paths', 'webhooks', 'components', 'security', 'tags', 'externalDocs'];
    for (const key of Object.keys(doc)) assert.ok(keys.includes(key), key);
    const parts = ['schemas', 'responses', 'parameters', 'examples', 'requestBodies', 'headers', 'securitySchemes', 'links', 'callbacks', 'pathItems'];
    for (const [part, named] of Object.entries(doc.components)) {
      assert.ok(parts.includes(part), part);
      for (const name of Object.keys(named)) assert.match(name, /^[a-zA-Z0-9._-]+$/);
    }
  });

  test('has no reference that leads nowhere and no component that nobody uses', () => {
    const used = new Set();
    each(doc, (value) => {
      if (typeof value.$ref !== 'string') return;
      resolve(value);
      used.add(value.$ref);
    });
    for (const part of ['schemas', 'responses', 'parameters', 'headers']) {
      for (const name of Object.keys(doc.components[part])) assert.ok(used.has(`#/components/${part}/${name}`), `${part}/${name} is used`);
    }
  });

  test('has whole operations', () => {
    const tags = doc.tags.map(({ name }) => name);
    const ids = new Set();
    for (const { method, path, op } of operations) {
      const at = `${method} ${path}`;
      assert.match(path, /^\//, at);
      assert.ok(op.operationId && !ids.has(op.operationId), `${at} has an operationId of its own`);
      ids.add(op.operationId);
      assert.ok(op.tags.every((tag) => tags.includes(tag)), at);
      const params = (op.parameters ?? []).map(resolve);
      for (const p of params) {
        assert.ok(p.name && ['path', 'query', 'header', 'cookie'].includes(p.in) && p.schema, `${at}: ${p.name}`);
        if (p.in === 'path') assert.equal(p.required, true, `${at}: ${p.name}`);
      }
      const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      assert.deepEqual(params.filter((p) => p.in === 'path').map((p) => p.name).sort(), named.sort(), at);
      assert.equal(new Set(params.map((p) => `${p.in} ${p.name}`)).size, params.length, at);
      assert.ok(Array.isArray(op.security), `${at} says who may`);
      for (const way of op.security) for (const name of Object.keys(way)) assert.ok(doc.components.securitySchemes[name], `${at}: ${name}`);
      if (op.requestBody) assert.ok(op.requestBody.content['application/json'].schema, at);
      assert.ok(Object.keys(op.responses).some((status) => /^2/.test(status)) && op.responses.default, at);
      for (const [status, response] of Object.entries(op.responses)) {
        assert.match(status, /^([1-5]\d\d|default)$/, at);
        assert.ok(resolve(response).description, `${at} ${status}`);
      }
    }
  });

  test('has schemas whose words are known', () => {
    const words = new Set(['type', 'description', 'enum', 'const', 'oneOf', 'pattern', 'format', 'minLength', 'maxLength', 'minimum',
      'maximum', 'items', 'minItems', 'maxItems', 'uniqueItems', 'properties', 'required', 'additionalProperties', 'default', 'examples', '$ref']);
    const walk = (schema, at) => {
      for (const word of Object.keys(schema)) assert.ok(words.has(word), `${at}: ${word}`);
      if (schema.pattern) assert.ok(new RegExp(schema.pattern, 'u'), at);
      for (const name of schema.required ?? []) assert.ok(schema.properties[name], `${at}: required ${name}`);
      for (const [name, inner] of Object.entries(schema.properties ?? {})) walk(inner, `${at}/${name}`);
      for (const inner of [schema.items, schema.additionalProperties, ...(schema.oneOf ?? [])]) if (inner) walk(inner, at);
    };
    for (const [name, schema] of Object.entries(doc.components.schemas)) walk(schema, name);
    each(doc.paths, (value, at) => { if (value.schema) walk(value.schema, at); });
  });
});

describe('the system beside it', () => {
  let system;
  const call = ({ method, path }, options) =>
    system.admin(method.toUpperCase(), path.replace(/\{(\w+)\}/g, (_, name) => fake[name]), options);

  before(async () => { system = await startSystem(); });
  after(() => system?.stop());

  test('serves it from memory, with a strong ETag', async () => {
    const got = await system.api('GET', '/api/v1/openapi.json');
    assert.equal(got.status, 200);
    assert.equal(got.headers['content-type'], 'application/json');
    assert.equal(got.headers['cache-control'], 'public, max-age=300');
    assert.match(got.headers.etag, /^"[^"]+"$/);
    assert.equal(got.text, text);
    const same = await system.api('GET', '/api/v1/openapi.json', { headers: { 'if-none-match': got.headers.etag } });
    assert.equal(same.status, 304);
    assert.equal((await system.api('POST', '/api/v1/openapi.json', { body: {} })).status, 405);
  });

  test('routes every operation of it', async () => {
    for (const each of ofGateway) {
      const got = await call(each, each.op.requestBody ? { body: {} } : {});
      const at = `${each.method} ${each.path}: ${got.status} ${got.text.slice(0, 200)}`;
      assert.ok(got.status !== 405 && got.status < 500, at);
      if (got.status >= 400) {
        assert.notEqual(got.problem.detail, 'Nothing is here.', at);
        assert.deepEqual(faults(got.problem, doc.components.schemas.Problem), [], at);
      }
      assert.ok(got.headers['x-request-id'], at);
    }
    for (const [url, path] of [[system.urls.live, ''], [system.urls.live, 'z'], [`${system.urls.admin}/live`, 'z']]) {
      assert.equal((await request('HEAD', url + path)).status, 200, url + path);
    }
  });

  test('announces no operation that is not in it, with the same caps', async () => {
    const records = await Promise.all((await system.redis('ZRANGE', 'instances', '0', '-1')).map((id) => system.redis('GET', `instance:${id}`)));
    const routes = records.filter(Boolean).flatMap((record) => JSON.parse(record).routes);
    assert.ok(routes.length > 15, 'the services have announced themselves');
    for (const [method, path, cap] of routes.filter(([name]) => !['SYNC', 'LOOK', 'ACT'].includes(name))) {
      const op = doc.paths[path]?.[method.toLowerCase()];
      assert.ok(op, `${method} ${path} is described`);
      assert.equal(op['x-body-max'] ?? 0, cap, `the cap of ${method} ${path}`);
    }
  });

  test('answers as it says', async () => {
    const look = (got, method, path) => {
      const response = resolve(doc.paths[path][method].responses[got.status]);
      assert.ok(response, `${method} ${path}: ${got.status} ${got.text.slice(0, 300)}`);
      for (const name of Object.keys(response.headers ?? {})) {
        if (!['Link', 'Set-Cookie'].includes(name)) assert.ok(got.headers[name.toLowerCase()], `${method} ${path}: ${name}`);
      }
      if (!response.content) {
        assert.equal(got.text, '', `${method} ${path}: no body`);
        return null;
      }
      const type = Object.keys(response.content).find((one) => got.headers['content-type'].split(';')[0] === one.split(';')[0]);
      assert.ok(type, `${method} ${path}: ${got.headers['content-type']}`);
      if (!/json$/.test(type)) return got.text;
      assert.deepEqual(faults(got.json, response.content[type].schema), [], `${method} ${path}`);
      return got.json;
    };
    const get = async (path, at = path, options = {}) => look(await system.api('GET', at, options), 'get', path);
    const token = system.token;
    const send = async (method, path, body, at = path, options = {}) =>
      look(await system.api(method.toUpperCase(), at, { body, token, ...options }), method, path);

    const handle = '/api/v1/contributors/{handle}';
    await send('put', handle, { display_name: 'Ada', bio_markdown: 'A *bio*.', links: [{ rel: 'site', href: 'https://example.org/' }] }, '/api/v1/contributors/ada');
    await send('put', handle, { display_name: 'Ada' }, '/api/v1/contributors/ada');
    await send('put', handle, { display_name: 'Ada L.' }, '/api/v1/contributors/ada', { headers: { 'if-match': '"1.0"' } });
    await get(handle, '/api/v1/contributors/ada');
    await get(handle, '/api/v1/contributors/ada', { token });
    await get('/api/v1/contributors');

    const poll = await send('post', '/api/v1/polls', { question: 'Which?', options: [{ text: 'One' }, { text: 'Two' }], kind: 'single', results: 'always' });
    const hidden = await send('post', '/api/v1/polls', { question: 'Who?', options: [{ text: 'A' }, { text: 'B' }], kind: 'multiple', results: 'after_vote', opens_at: '2026-01-01T00:00:00+01:00' });
    await send('post', '/api/v1/polls', { question: 'x', options: [{ text: 'One' }], kind: 'odd' });
    const article = await send('post', '/api/v1/articles', { title: 'A title', body_markdown: 'Text.', contributors: ['ada'], tags: ['Tea', 'tea'], poll_id: poll.id });
    await send('post', '/api/v1/articles', { title: 'Draft', body_markdown: 'Text.', slug: 'draft', status: 'draft', summary: 'S', language: 'pt-BR' });
    await send('post', '/api/v1/articles', { title: 'Draft', body_markdown: 'Text.', slug: 'draft' });
    for (const at of ['', '?view=summary', '?tag=tea&contributor=ada', '?limit=0', '?sort=odd']) await get('/api/v1/articles', `/api/v1/articles${at}`);
    await get('/api/v1/articles/{id}', `/api/v1/articles/${article.slug}`);
    await get('/api/v1/articles/{id}', '/api/v1/articles/draft', { token });
    await get('/api/v1/articles/{id}', '/api/v1/articles/draft');
    await get('/api/v1/tags');
    for (const at of ['?section=x&language=en&from=2026-01-01', '?sort=-reads', '?sort=-comments', '?sort=-reads&tag=x', '?from=x', '?status=draft']) await get('/api/v1/articles', `/api/v1/articles${at}`);
    for (const status of ['draft', 'published', 'odd']) await get('/api/v1/articles', `/api/v1/articles?status=${status}`, { token });
    for (const at of [`${article.id}/related`, `${article.id}/related?limit=0`, 'no-such-article/related']) await get('/api/v1/articles/{id}/related', `/api/v1/articles/${at}`);
    const piece = '/api/v1/articles/{id}';
    const ofPiece = (rest = '') => `/api/v1/articles/${article.id}${rest}`;
    const match = (revision) => ({ headers: revision ? { 'if-match': revision === '*' ? '*' : `"${revision}.0"` } : {} });
    for (const [body, revision] of [
      [{ section: 'News', hero: { url: '/a.png', alt: 'A' }, slug: 'another', comments_policy: 'days', comments_days: 7 }, 1],
      [{ title: 'X' }, 1], [{ title: 'X' }], [{ title: '' }, '*'], [{ contributors: ['nobody'] }, '*'], [{ slug: 'draft' }, '*'], [{ status: 'scheduled', publish_at: '2096-01-01T00:00:00Z' }, '*'],
    ]) await send('patch', piece, body, ofPiece(), match(revision));
    await get(piece, '/api/v1/articles/a-title'); // 301
    await get('/api/v1/sections');
    await get(`${piece}/edit`, ofPiece('/edit'), { token }); // 404
    for (const revision of [undefined, 1, 2]) await send('put', `${piece}/edit`, { title: 'Next' }, ofPiece('/edit'), match(revision));
    for (const options of [{ token }, {}]) await get(`${piece}/edit`, ofPiece('/edit'), options);
    for (const body of [undefined, { expires_at: 'never' }]) await send('post', `${piece}/preview`, body, ofPiece('/preview'));
    await get(piece, ofPiece('?preview=odd'));
    const slot = `${piece}/autosave`;
    await get(slot, ofPiece('/autosave'), { token }); // 404
    for (const body of [{ title: 'Un', tags: ['x'] }, { title: 7 }]) await send('put', slot, body, ofPiece('/autosave'));
    await get(slot, ofPiece('/autosave'), { token });
    await send('delete', slot, undefined, ofPiece('/autosave'));
    for (const query of ['', '?limit=1', '?limit=x']) await get(`${piece}/revisions`, ofPiece(`/revisions${query}`), { token });
    await get(`${piece}/revisions`, ofPiece('/revisions')); // 401
    for (const n of [1, 3, 99]) await get(`${piece}/revisions/{n}`, ofPiece(`/revisions/${n}`), { token });
    for (const n of ['1/diff?to=3', '1/diff', '1/diff?to=99']) await get(`${piece}/revisions/{n}/diff`, ofPiece(`/revisions/${n}`), { token });
    for (const revision of [undefined, 1, 3, 4]) await send('post', `${piece}/edit/publish`, undefined, ofPiece('/edit/publish'), match(revision));
    await send('put', `${piece}/edit`, { title: 'Never' }, ofPiece('/edit'), match('*'));
    for (const revision of [undefined, 1, '*', '*']) await send('delete', `${piece}/edit`, undefined, ofPiece('/edit'), match(revision));
    for (const [n, revision] of [[1, undefined], [1, 1], [99, '*'], [1, '*']]) await send('post', `${piece}/revisions/{n}/restore`, undefined, ofPiece(`/revisions/${n}/restore`), match(revision));
    for (const revision of [undefined, 1, '*']) await send('delete', piece, undefined, '/api/v1/articles/draft', match(revision));
    for (const _ of [1, 2]) await send('post', `${piece}/undelete`, undefined, '/api/v1/articles/draft/undelete');

    const thread = '/api/v1/articles/{id}/comments';
    const said = await send('post', thread, { author_name: 'Zoë', body_markdown: 'Yes.' }, `/api/v1/articles/${article.id}/comments`, { token: undefined });
    await send('post', thread, { author_name: 'Ole', author_email: 'ole@example.org', body_markdown: 'No.', parent_id: said.id }, `/api/v1/articles/${article.id}/comments`);
    await send('post', thread, { author_name: '' }, `/api/v1/articles/${article.id}/comments`);
    await get(thread, `/api/v1/articles/${article.id}/comments?sort=top`);
    await get('/api/v1/comments/{id}', `/api/v1/comments/${said.id}`);
    await get('/api/v1/comments/{id}/replies', `/api/v1/comments/${said.id}/replies`);
    await get('/api/v1/comments/recent', '/api/v1/comments/recent?limit=1');
    await get('/api/v1/comments/counts', `/api/v1/comments/counts?article_id=${article.id}&article_id=${fake.id}`);

    const ballots = '/api/v1/polls/{id}/ballots';
    const vote = (id, key, choices) => send('post', ballots, { choices }, `/api/v1/polls/${id}/ballots`, { token: undefined, headers: key ? { 'idempotency-key': key } : {} });
    await vote(poll.id, 'one', ['1']);
    await vote(hidden.id, 'one', ['1', '2']);
    await vote(poll.id, 'one', ['2']); // 409
    await vote(poll.id, 'two', ['7']); // 422
    await vote(poll.id, '', ['1']); // 403
    for (const id of [poll.id, hidden.id]) {
      await get('/api/v1/polls/{id}', `/api/v1/polls/${id}`);
      await get('/api/v1/polls/{id}/results', `/api/v1/polls/${id}/results`);
      await get('/api/v1/polls/{id}/results', `/api/v1/polls/${id}/results`, { token });
    }
    await get('/api/v1/polls/{id}/results', `/api/v1/polls/${poll.id}/results?after=x`);
    await get('/api/v1/polls', '/api/v1/polls?status=open');
    await get('/api/v1/polls', '/api/v1/polls?status=odd');
    await get('/api/v1/polls/current');
    const front = '/api/v1/polls/placement';
    await send('put', front, { mode: 'fixed', poll_id: poll.id });
    await send('put', front, { mode: 'fixed' }); // 422
    await get(front);
    const coded = await send('post', '/api/v1/polls', { question: 'Invited?', options: [{ text: 'A' }, { text: 'B' }], kind: 'single', results: 'staff', voting: 'code' });
    const codes = '/api/v1/polls/{id}/codes';
    await send('post', codes, { count: 3 }, `/api/v1/polls/${coded.id}/codes`);
    await send('post', codes, { count: 2 }, `/api/v1/polls/${coded.id}/codes`, { headers: { accept: 'text/csv' } });
    await send('post', codes, { count: 0 }, `/api/v1/polls/${coded.id}/codes`); // 422
    await send('post', codes, { count: 1 }, `/api/v1/polls/${poll.id}/codes`); // 409
    for (const query of ['', '?limit=2', '?format=csv', '?format=odd']) await get(codes, `/api/v1/polls/${coded.id}/codes${query}`, { token });
    const one = '/api/v1/polls/{id}';
    const at = (rest = '') => `/api/v1/polls/${poll.id}${rest}`;
    const edit = (body, match) => send('patch', one, body, at(), { headers: match ? { 'if-match': match } : {} });
    await edit({ question: 'Which one?', options: [...poll.options, { text: 'Three' }], article_id: article.id }, '"1.9"');
    await edit({ question: 'Which one?' }, '"1.9"'); // 412
    await edit({ question: 'Which one?' }); // 428
    await edit({ question: 7, options: [{ id: '9', text: '' }] }, '*'); // 422
    await edit({ kind: 'multiple' }, '*'); // 409
    await get(`${one}/history`, at('/history'));
    for (const id of [poll.id, hidden.id]) await get(`${one}/series`, `/api/v1/polls/${id}/series`);
    for (const query of ['?from=2026-01-01T00:00:00Z', '?from=x']) await get(`${one}/series`, at(`/series${query}`), { token });
    for (const query of ['', '?format=csv', '?format=odd']) await get(`${one}/export`, at(`/export${query}`), { token });
    for (const query of ['', '?limit=1', '?cursor=x']) await get(ballots, at(`/ballots${query}`), { token });
    for (const body of [undefined, { repair: true }, { run: fake.id }, { run: 7 }]) await send('post', `${one}/recount`, body, at('/recount'));
    for (const service of ['accounts', 'articles', 'comments', 'polls']) {
      for (const body of [undefined, { dry_run: true }, { cursor: 'x' }, { cursor: 7 }]) await send('post', `/api/v1/migrate/${service}`, body);
    }
    for (const service of ['accounts', 'articles', 'comments', 'polls']) {
      const path = `/api/v1/export/${service}`;
      const { items } = await get(path, path, { token });
      for (const query of ['?cursor=x', '?secrets=yes']) await get(path, `${path}${query}`, { token });
      for (const body of [{ items: items.slice(0, 1) }, { items: [{ ...items[0], kind: 'odd' }] }, { items: [{}] }, {}]) await send('post', `/api/v1/import/${service}`, body);
    }
    await get(ballots, at('/ballots')); // 401
    for (const word of ['archive', 'reopen', 'close', 'close', 'reopen', 'close', 'archive', 'reopen']) await send('post', `${one}/${word}`, undefined, at(`/${word}`));
    await send('delete', one, undefined, at(), { headers: { 'if-match': '*' } });
    await send('delete', one, undefined, at(), { headers: { 'if-match': '*' } }); // 404

    const free = await send('post', '/api/v1/polls', { question: 'Maybe?', options: [{ text: 'A' }, { text: 'B' }], kind: 'single', results: 'after_close', changeable: true, voting: 'limited', address_cap: 1 });
    const own = `/api/v1/polls/${free.id}/ballots`;
    const cast = await system.api('POST', own, { body: { choices: ['1'] }, headers: { 'idempotency-key': 'mine' } });
    const voter = { token: undefined, cookie: cast.cookies, headers: { origin: system.urls.site } };
    await send('post', ballots, { choices: ['2'] }, own, voter);
    await send('post', ballots, { choices: ['2'] }, own, { token: undefined, headers: { 'idempotency-key': 'another' } }); // 429
    await get(`${ballots}/mine`, `${own}/mine`, voter);
    await get(`${ballots}/mine`, `${own}/mine`, {}); // 404
    await send('delete', `${ballots}/mine`, undefined, `${own}/mine`, voter);
    await send('delete', `${ballots}/mine`, undefined, `${own}/mine`, voter); // 404

    await send('post', '/api/v1/sessions', { login: 'admin', password: system.password }, '/api/v1/sessions', { token: undefined });
    await send('post', '/api/v1/sessions', { login: 'admin', password: 'wrong' }, '/api/v1/sessions', { token: undefined });
    await send('post', '/api/v1/accounts', { login: 'eva', password: 'long enough it is', role: 'author', contributor_handle: 'ada' });
    await send('post', '/api/v1/accounts', { login: 'eva', password: 'long enough it is', role: 'author' }); // 409
    await send('post', '/api/v1/accounts', { login: 'E', password: 'short', role: 'odd' });
    await send('post', '/api/v1/tokens', { name: 'test' });
    await send('post', '/api/v1/tokens', { name: 'test', scopes: ['read', 'polls'], expires_at: '2099-01-01T00:00:00Z' });
    await send('post', '/api/v1/tokens', { name: 'test', scopes: ['odd'] }); // 422
    const eva = (await system.admin('GET', '/api/v1/accounts?login=eva')).json.items[0];
    const account = '/api/v1/accounts/{id}';
    const her = (rest = '') => `/api/v1/accounts/${eva.id}${rest}`;
    await get(account, her(), { token });
    await get(account, her());
    for (const [match, body] of [['"1"', { role: 'editor', contributor_handle: null }], ['"1"', { disabled: true }], [undefined, {}], ['*', { role: 'odd' }], ['*', { disabled: false }]]) {
      await send('patch', account, body, her(), { headers: match ? { 'if-match': match } : {} });
    }
    const link = await send('post', `${account}/reset`, undefined, her('/reset'));
    for (const given of ['short', 'long enough again', 'long enough again']) await send('post', '/api/v1/password-resets', { token: link.token, password: given }, '/api/v1/password-resets', { token: undefined });
    const signedIn = { token: undefined, cookie: await system.signIn('eva', 'long enough again'), headers: { origin: system.urls.site } };
    await get('/api/v1/sessions', '/api/v1/sessions', signedIn);
    await send('put', '/api/v1/me/password', { old: 'not the old one', new: 'long enough once more' }, '/api/v1/me/password', signedIn); // 403
    await send('put', '/api/v1/me/password', { old: 'long enough again', new: 'long enough once more' }, '/api/v1/me/password', signedIn);
    await send('delete', '/api/v1/sessions/{id}', undefined, `/api/v1/sessions/${fake.id}`, signedIn); // 404
    await send('delete', '/api/v1/sessions', undefined, '/api/v1/sessions', signedIn);
    for (const query of ['', '?limit=1', '?format=jsonl', '?format=odd']) await get('/api/v1/audit', `/api/v1/audit${query}`, { token });
    await send('delete', account, undefined, her(), { headers: { 'if-match': '"1"' } }); // 412
    await send('delete', account, undefined, her(), { headers: { 'if-match': '*' } });
    await send('delete', account, undefined, her(), { headers: { 'if-match': '*' } }); // 404
    for (let i = 0; i < 11; i++) await send('post', '/api/v1/sessions', { login: 'nobody', password: 'wrong' }, '/api/v1/sessions', { token: undefined }); // 429
    for (const path of ['accounts', 'tokens', 'me', 'status', 'sessions', 'audit']) {
      await get(`/api/v1/${path}`, `/api/v1/${path}`, { token });
      await get(`/api/v1/${path}`);
    }

    const drain = '/api/v1/instances/{id}/drain';
    const { instances } = (await system.api('GET', '/api/v1/status', { token })).json;
    const of = (service) => `/api/v1/instances/${instances.find((each) => each.service === service)?.id}/drain`;
    await send('post', drain, undefined, of('comments'), { token: undefined }); // 401
    await send('post', drain, undefined, `/api/v1/instances/${fake.id}/drain`); // 404
    await send('post', drain, undefined, of('gateway')); // 409
    await send('post', drain, undefined, of('accounts')); // 409
    system.expectEnd('comments');
    await send('post', drain, undefined, of('comments'));
  });
});
