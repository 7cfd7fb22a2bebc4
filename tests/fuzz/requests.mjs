// requests.mjs - requests that nobody should send, made of those that everybody sends: each operation
// of docs/openapi.json, each page and form, spoiled in its values, its head, its framing and its bytes.
// The same chance and the same known records make the same request. SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';

import { root } from '../support/system.mjs';

const openapi = JSON.parse(readFileSync(`${root}docs/openapi.json`, 'utf8'));

// What would be seen in an answer if it got through.
export const SCRIPT = '<script>fuzz(1)</script>';
export const FIELD = 'x-injected';

const LONG = 70000;
const CRLF = '\r\n';
const EMPTY = Buffer.alloc(0);

// -- values ---------------------------------------------------------------------------------------

const texts = ['a', 'Two words', 'Ünïcödé ✓ 日本', SCRIPT, `"><img src=x onerror=fuzz(1)>`, '{{{body}}} {{#a}}{{/a}}',
  `line${CRLF}${FIELD}: 1${CRLF}`, '../../etc/passwd', "' OR 1=1 --", '%00%0d%0a', '\u202Eabc', '\u{1F600}'.repeat(20), ' ', '',
  '[a](javascript:fuzz(1)) ![b](data:text/html,x)', '#'.repeat(200), '*_`~'.repeat(60), '> '.repeat(300), '\uFEFFx', 'null', '-0'];

const oddOnes = [null, true, false, 0, -1, 1e308, 1e-320, 9007199254740993, -9223372036854775808, '', [], {}, [[]], { a: { b: {} } }, 'x'.repeat(300)];

const odd = (chance) => structuredClone(chance.pick(oddOnes)); // it may be changed further

function deref(schema) {
  return schema?.$ref ? deref(schema.$ref.slice(2).split('/').reduce((at, name) => at[name], openapi)) : schema ?? {};
}

// A value as the schema has it, or nearly so: lengths are not minded.
function valueOf(chance, known, schema_) {
  const schema = deref(schema_);
  if (schema_.$ref?.endsWith('/Id')) return chance.pick([...known.polls.map((each) => each.id), ...known.comments]);
  if (schema_.$ref?.endsWith('/Handle')) return chance.pick(known.handles);
  if (schema.enum) return chance.pick(schema.enum);
  if (schema.oneOf ?? schema.anyOf) return valueOf(chance, known, chance.pick(schema.oneOf ?? schema.anyOf));
  const type = Array.isArray(schema.type) ? chance.pick(schema.type) : schema.type;
  switch (type) {
    case 'object': return Object.fromEntries(Object.entries(schema.properties ?? {})
      .filter(([name]) => schema.required?.includes(name) || chance.holds(0.4)).map(([name, each]) => [name, valueOf(chance, known, each)]));
    case 'array': return Array.from({ length: (schema.minItems ?? 0) + chance.below(3) }, () => valueOf(chance, known, schema.items ?? {}));
    case 'integer': case 'number': return (schema.minimum ?? 0) + chance.below(3);
    case 'boolean': return chance.holds(0.5);
    case 'null': return null;
    default:
      if (schema.format === 'date-time') return new Date(Date.now() + (chance.below(200) - 100) * 86400000).toISOString();
      if (schema.pattern === '^[1-9][0-9]?$') return String(1 + chance.below(3));
      return chance.pick(texts) || 'x';
  }
}

const deep = (n, value = 1) => `${'['.repeat(n)}${value}${']'.repeat(n)}`;

// One place of a value is changed for something else.
function spoilValue(chance, value) {
  if (value && typeof value === 'object' && Object.keys(value).length && chance.holds(0.8)) {
    const key = chance.pick(Object.keys(value));
    if (chance.holds(0.15)) delete value[key];
    else if (chance.holds(0.1)) value[chance.pick(['__proto__', 'constructor', 'x'.repeat(500), '', 'ä'])] = odd(chance);
    else value[key] = spoilValue(chance, value[key]);
    return value;
  }
  if (typeof value === 'string' && chance.holds(0.4)) return chance.pick(['x'.repeat(LONG), value.repeat(50), chance.pick(texts), `${value}\0`]);
  if (Array.isArray(value) && chance.holds(0.3)) return Array(3000).fill(odd(chance));
  return odd(chance);
}

// JSON as text, perhaps with what JSON.stringify would never write.
function spoilJson(chance, text) {
  const at = chance.below(text.length + 1);
  const piece = chance.pick([deep(40), deep(3000), '\\ud800', '\\u0000', '"', '\xff\xfe', '\xc0\xaf', '{', '},{', ',', '1e999999', '-', '0x1',
    'NaN', '/*', '\t\n ', '9'.repeat(5000), '\xed\xa0\x80', '\xf4\x90\x80\x80', ':null', '"a":1,"a":2,']);
  return text.slice(0, at) + piece + text.slice(at);
}

// -- what is really sent --------------------------------------------------------------------------

const json = [['Content-Type', 'application/json']];
const form = [['Content-Type', 'application/x-www-form-urlencoded']];
const utf8 = (text) => Buffer.from(text, 'utf8');

function operations() {
  const all = [];
  for (const [path, item] of Object.entries(openapi.paths)) {
    for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
      const op = item[method];
      if (!op) continue;
      const slow = /sessions$|tokens$|accounts$/.test(path) && method === 'post'; // a password is checked: 64 MiB
      const parameters = [...(op.parameters ?? []), ...(item.parameters ?? [])].map(deref);
      all.push({ path, method: method.toUpperCase(), parameters, body: op.requestBody?.content?.['application/json']?.schema, often: slow ? 0.03 : 1 });
    }
  }
  return all;
}

const pages = [
  ['GET', '/'], ['GET', '/articles/{slug}'], ['GET', '/articles/{slug}?changing=1'], ['GET', '/polls'], ['GET', '/polls?q=a&status=open'],
  ['GET', '/polls/{poll}'], ['GET', '/polls/{poll}/results'], ['GET', '/polls/{poll}/embed'], ['GET', '/tags/x'], ['GET', '/people/{handle}'],
  ['GET', '/static/site.css'], ['GET', '/static/../main.c'], ['GET', '/robots.txt'], ['GET', '/favicon.ico'],
  ['POST', '/articles/{slug}/comments', { author_name: 'Reader', author_email: 'a@example.org', body_markdown: 'A word.', parent_id: '', website: '' }],
  ['POST', '/articles/{id}/comments', { author_name: 'Reader', body_markdown: 'A word.' }],
  ['POST', '/polls/{poll}/ballots', { choices: '1', idempotency_key: 'abc', return_to: '/polls', embed: '1', code: '' }],
  ['POST', '/polls/{poll}/ballots', { choices: '2', changing: '1' }],
];

export class Maker {
  #operations = operations();
  known; // {articles: [{id, slug}], polls: [{id}], comments: [id], handles: [], token, cookie, site}

  constructor(known) { this.known = known; }

  // One connection's worth: {port: 'gateway' | 'live' | 'admin', from, parts, pauses, ending}.
  make(chance) {
    const port = chance.holds(0.08) ? 'live' : chance.holds(0.02) ? 'admin' : 'gateway';
    const n = chance.holds(0.15) ? 2 + chance.below(5) : 1; // pipelined
    let bytes = Buffer.concat(Array.from({ length: n }, () => this.#request(chance, port)));
    if (chance.holds(0.12)) bytes = spoilBytes(chance, bytes);
    const parts = cut(chance, bytes);
    return {
      port,
      from: `127.0.0.${chance.holds(0.2) ? 9 : 10 + chance.below(200)}`, // 9: a trusted proxy
      parts,
      pauses: parts.map(() => (chance.holds(0.1) ? chance.below(60) : 0)),
      // wait: for the answer; half: our side is closed behind the request; drop, reset: the connection
      // is; mute: the answer is not read; stay: until the other side closes.
      ending: chance.holds(0.7) ? 'wait' : chance.pick(['half', 'half', 'drop', 'reset', 'mute', chance.holds(0.1) ? 'stay' : 'half']),
    };
  }

  #request(chance, port) {
    const r = port === 'live' ? this.#live(chance) : port === 'admin' ? this.#admin(chance) : this.#real(chance);
    const times = chance.holds(0.35) ? 0 : 1 + chance.below(3);
    for (let i = 0; i < times; i++) this.#spoil(chance, r);
    return serialize(chance, r);
  }

  #fill(chance, path) {
    const { articles, polls, comments, handles } = this.known;
    const article = chance.pick(articles);
    const id = /\/articles\//.test(path) ? article.id : /\/comments\//.test(path) ? chance.pick(comments) : chance.pick(polls).id;
    const unknown = '01ARZ3NDEKTSV4RRFFQ69G5FAV'; // also the only instance that is ever told to drain
    return path.replaceAll('{slug}', article.slug).replaceAll('{poll}', chance.pick(polls).id).replaceAll('{handle}', chance.pick(handles))
      .replaceAll('{id}', /instances|tokens/.test(path) || chance.holds(0.1) ? unknown : id);
  }

  #real(chance) {
    if (chance.holds(0.3)) {
      const [method, path, fields] = chance.pick(pages);
      const headers = [['Origin', this.known.site], ...(fields ? form : [])];
      const body = fields ? utf8(new URLSearchParams(fields).toString()) : null;
      return { method, path: this.#fill(chance, path), headers, body, fields: fields && { ...fields }, version: 'HTTP/1.1' };
    }
    let op;
    do op = chance.pick(this.#operations); while (!chance.holds(op.often));
    const value = op.body ? valueOf(chance, this.known, op.body) : undefined;
    const query = op.parameters.filter((each) => each.in === 'query' && chance.holds(0.4))
      .map((each) => `${each.name}=${encodeURIComponent(valueOf(chance, this.known, each.schema ?? {}))}`);
    const headers = op.parameters.filter((each) => each.in === 'header' && chance.holds(0.5))
      .map((each) => [each.name, chance.pick(['"abc"', '*', 'W/"1"', 'abc', String(chance.below(1e6))])]);
    if (chance.holds(0.5)) headers.push(['Authorization', `Bearer ${this.known.token}`]);
    else if (chance.holds(0.5)) headers.push(['Cookie', this.known.cookie], ['Origin', this.known.site]);
    if (value !== undefined) headers.push(...json);
    return { method: op.method, path: this.#fill(chance, op.path) + (query.length ? `?${query.join('&')}` : ''), headers, value,
      body: value === undefined ? null : utf8(JSON.stringify(value)), version: 'HTTP/1.1' };
  }

  #live(chance) {
    const topic = () => chance.pick([`poll:${chance.pick(this.known.polls).id}`, `article:${chance.pick(this.known.articles).id}`, 'poll:x', 'x'.repeat(200), SCRIPT]);
    const query = Array.from({ length: 1 + chance.below(3) }, () => `topic=${encodeURIComponent(topic())}`);
    if (chance.holds(0.2)) query.push(`ticket=${'A'.repeat(chance.below(300))}`);
    if (chance.holds(0.2)) query.push('last_event_id=abc-1');
    return { method: chance.pick(['GET', 'GET', 'HEAD', 'OPTIONS', 'POST']), path: `${chance.pick(['/live', '/live', '/livez', '/'])}?${query.join('&')}`,
      headers: [['Accept', 'text/event-stream'], ['Last-Event-ID', chance.pick(['1', '', 'x'.repeat(100), '99999999999999999999-1'])]], body: null, version: 'HTTP/1.1' };
  }

  #admin(chance) {
    return { method: chance.pick(['GET', 'HEAD', 'POST']), path: chance.pick(['/livez', '/readyz', '/metrics', '/metrics/services', '/']), headers: [], body: null, version: 'HTTP/1.1' };
  }

  #spoil(chance, r) {
    if (r.value !== undefined && chance.holds(0.65)) {
      if (chance.holds(0.7)) r.value = spoilValue(chance, r.value);
      let text = utf8(JSON.stringify(r.value) ?? 'null').toString('latin1');
      if (chance.holds(0.35)) text = spoilJson(chance, text);
      r.body = Buffer.from(text, 'latin1');
    } else if (r.fields && chance.holds(0.5)) {
      r.body = Buffer.from(spoilForm(chance, r.fields), 'latin1');
    } else {
      chance.pick(spoilers)(chance, r);
    }
  }
}

function spoilForm(chance, fields) {
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  const piece = chance.pick(['%', '%0', '%zz', '%00', '=', '&&&', `a=${'b'.repeat(LONG)}`, '+', `author_name=${encodeURIComponent(SCRIPT)}`, 'choices=1&choices=2&choices=1',
    '&'.repeat(3000), 'a&'.repeat(3000), '%F0%9F', 'body_markdown=%0d%0a%0d%0a', `return_to=//evil.example/%0d%0a${FIELD}:%201`, 'return_to=javascript:fuzz(1)',
    `body_markdown=${encodeURIComponent(chance.pick(texts).repeat(20))}`, 'parent_id=../x', 'idempotency_key=%ff']);
  pairs.splice(chance.below(pairs.length + 1), chance.below(2), piece);
  return pairs.join('&');
}

const names = ['Host', 'Cookie', 'Authorization', 'Idempotency-Key', 'If-None-Match', 'If-Match', 'Origin', 'Sec-Fetch-Site', 'Accept', 'X-Forwarded-For',
  'traceparent', 'X-Voxpop-Edge-Id', 'X-First-Account', 'Content-Type', 'Range', 'Expect', 'Connection', 'Upgrade', 'TE', 'Trailer', 'Transfer-Encoding',
  'Content-Length', 'Accept-Encoding', 'HTTP2-Settings', 'Last-Event-ID', 'X-HTTP-Method-Override', 'Sec-WebSocket-Key', 'Referer', 'Forwarded'];
const values = ['', ' ', '\t', 'x', '*', '"', '""', 'a,b,,c', 'close', 'keep-alive, Upgrade', 'websocket', 'h2c', '100-continue', 'chunked', 'gzip, chunked', '0', '5', '-1', '+5', '0x5',
  '99999999999999999999', 'bytes=0-1', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '0'.repeat(32), 'voxpop_voter=x', 'voxpop_session=x; voxpop_voter=y; =; ;;',
  '127.0.0.1, 10.0.0.1', '::1', '[::1]:80', ', , ,', '203.0.113.7', 'Bearer', 'Bearer ', 'Basic YTpi', 'Bearer \xff', 'application/json; charset=x', 'text/plain',
  'multipart/form-data; boundary=x', 'same-origin', 'cross-site', 'null', 'http://127.0.0.1', 'localhost:1', 'a b', '[::', '\x01', '\x7f', 'ä', '\xff\xfe', 'x'.repeat(8000), SCRIPT,
  `a${CRLF} folded`, `a\n${FIELD}: 1`, 'a\0b', `%0d%0a${FIELD}: 1`];

// Each changes a request that is not bytes yet.
const spoilers = [
  (chance, r) => { r.method = chance.pick(['get', 'GETT', '', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'PATCH', 'DELETE', 'PRI', 'PROPFIND', 'G\0T', 'X'.repeat(300), 'POST', 'PUT']); },
  (chance, r) => { r.path = chance.pick(['*', '', '/', '//', '/./../', 'http://x/polls', 'http://x', '/%', '/%zz', '/%00', '/a%2f..%2fb', '/\xff', '/a b', '/#a', '/?', '/?&=&', '\\', '/polls?q=%ff%fe',
    `/polls?q=${encodeURIComponent(chance.pick(texts))}`, `/polls?limit=${odd(chance)}`, `/${'a/'.repeat(2000)}`, `/${'x'.repeat(16000)}`, '/api/v1/../../x', '/api/v1/articles/', '/polls/%2e%2e/results']); },
  (chance, r) => { const at = chance.below(r.path.length + 1); r.path = r.path.slice(0, at) + chance.pick(['%00', '%', '/', '?', '&', '=', '\xe4', '..', 'x'.repeat(3000), SCRIPT, ' ', '\t', `%0d%0a${FIELD}:%201`]) + r.path.slice(at); },
  (chance, r) => { r.version = chance.pick(['HTTP/1.0', 'HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.', 'http/1.1', '', 'HTTP/1.1 ', 'HTTP/11', 'HTTP/1.1\t', 'X']); },
  (chance, r) => { r.headers.push([chance.pick(names), chance.pick(values)]); },
  (chance, r) => { r.headers.push([chance.pick(names), chance.pick(values)]); },
  (chance, r) => { r.headers.push([chance.pick([`${chance.pick(names)} `, ` ${chance.pick(names)}`, '', ':', 'a b', '\xe4', 'x'.repeat(5000), 'a\0', chance.pick(names).toUpperCase()]), chance.pick(values)]); },
  (chance, r) => { if (r.headers.length) r.headers.push(chance.pick(r.headers)); },
  (chance, r) => { for (let i = 55 + chance.below(20); i > 0; i--) r.headers.push(['X-A', 'b']); },
  (chance, r) => { r.host = chance.pick([null, '', 'x', 'x:99999', 'a,b', '127.0.0.1\x00', '[::1]', SCRIPT, 'x'.repeat(300), 'user@x', 'x/y']); },
  (chance, r) => { r.eol = chance.pick(['\n', '\r', '\n\n', ' \r\n', '\r\n ']); },
  (chance, r) => { r.framing = chance.pick(['none', 'more', 'less', 'huge', 'minus', 'plus', 'hex', 'twice', 'list', 'space', 'chunked', 'chunked', 'chunked', 'both', 'chunked10', 'te', 'expect']); },
  (chance, r) => { r.framing = 'chunked'; r.chunk = chance.pick(['sized', 'ext', 'trailer', 'plus', 'hex', 'minus', 'huge', 'lf', 'nocrlf', 'noend', 'zeros', 'long', 'space', 'empty', 'tiny']); },
  (chance, r) => { r.body = chance.pick([EMPTY, Buffer.alloc(chance.below(LONG), 0x61), Buffer.alloc(chance.below(600000), 0x20), Buffer.from(`GET / HTTP/1.1${CRLF}Host: x${CRLF}${CRLF}`)]); },
];

// -- bytes ------------------------------------------------------------------------------------------

const lengthLines = {
  none: () => '', more: (n) => `Content-Length: ${n + 7}`, less: (n) => `Content-Length: ${n >> 1}`, huge: () => 'Content-Length: 999999999999', minus: () => 'Content-Length: -5',
  plus: (n) => `Content-Length: +${n}`, hex: (n) => `Content-Length: 0x${n.toString(16)}`, twice: (n) => `Content-Length: ${n}${CRLF}Content-Length: ${n >> 1}`,
  list: (n) => `Content-Length: ${n}, ${n}`, space: (n) => `Content-Length : ${n}`, both: (n) => `Content-Length: ${n}${CRLF}Transfer-Encoding: chunked`,
  chunked: () => 'Transfer-Encoding: chunked', chunked10: () => 'Transfer-Encoding: chunked', te: () => 'Transfer-Encoding: xchunked', expect: (n) => `Content-Length: ${n}${CRLF}Expect: 100-continue`,
};

const sizes = { plus: (n) => `+${n}`, hex: (n) => `0x${n}`, minus: () => '-1', huge: () => 'ffffffffffffffff', ext: (n) => `${n};a=b`, zeros: (n) => `${'0'.repeat(20)}${n}`,
  long: (n) => `${n};${'x'.repeat(20000)}`, space: (n) => ` ${n} `, empty: () => '' };

function chunked(chance, body, how) {
  const pieces = [];
  const step = how === 'tiny' ? 1 : 1 + chance.below(4000);
  for (let at = 0; at < body.length && pieces.length < 2000; at += step) {
    const piece = body.subarray(at, at + step);
    const size = (sizes[how] ?? ((n) => n))(piece.length.toString(16));
    const end = how === 'lf' ? '\n' : CRLF;
    pieces.push(Buffer.from(size + end), piece, Buffer.from(how === 'nocrlf' ? '' : end));
  }
  if (how !== 'noend') pieces.push(Buffer.from(how === 'trailer' ? `0${CRLF}X-Trailer: a${CRLF}Content-Length: 5${CRLF}${CRLF}` : `0${CRLF}${CRLF}`));
  return Buffer.concat(pieces);
}

function serialize(chance, r) {
  const eol = r.eol ?? CRLF;
  const lines = [`${r.method} ${r.path} ${r.framing === 'chunked10' ? 'HTTP/1.0' : r.version}`];
  if (r.host !== null) lines.push(`Host: ${r.host ?? '127.0.0.1'}`);
  let body = r.body ?? EMPTY;
  const length = r.framing ?? (body.length || !/^(GET|HEAD|OPTIONS)$/.test(r.method) ? 'fit' : 'none');
  const line = length === 'fit' ? `Content-Length: ${body.length}` : lengthLines[length](body.length);
  if (line) lines.push(line);
  if (/chunked/.test(length) || (length === 'both' && chance.holds(0.5))) body = chunked(chance, body, r.chunk);
  for (const [name, value] of r.headers) lines.splice(1 + chance.below(lines.length), 0, `${name}: ${value}`);
  return Buffer.concat([Buffer.from(`${lines.join(eol)}${eol}${eol}`, 'latin1'), body]);
}

function spoilBytes(chance, bytes) {
  let out = Buffer.from(bytes);
  for (let i = 1 + chance.below(8); i > 0; i--) {
    // The head is where most is to be had.
    const at = chance.below(chance.holds(0.7) ? Math.min(out.length, 400) + 1 : out.length + 1);
    const n = 1 + chance.below(chance.holds(0.8) ? 4 : 500);
    const noise = Buffer.from(Array.from({ length: n }, () => chance.below(256)));
    out = chance.pick([
      () => { if (at < out.length) out[at] ^= 1 << chance.below(8); return out; },
      () => Buffer.concat([out.subarray(0, at), noise, out.subarray(at)]),
      () => Buffer.concat([out.subarray(0, at), out.subarray(at + n)]),
      () => Buffer.concat([out.subarray(0, at), out.subarray(at, at + n), out.subarray(at)]),
      () => out.subarray(0, at),
      () => Buffer.concat([out.subarray(0, at), Buffer.from(chance.pick([CRLF, '\n', '\0', ':', ' ', CRLF + CRLF, '\r'])), out.subarray(at)]),
    ])();
  }
  return out;
}

// Into segments, mostly one.
function cut(chance, bytes) {
  if (bytes.length < 2 || chance.holds(0.6)) return [bytes];
  const places = [...new Set(Array.from({ length: 1 + chance.below(chance.holds(0.1) ? 60 : 5) }, () => 1 + chance.below(bytes.length - 1)))].sort((a, b) => a - b);
  return [...places, bytes.length].map((end, i) => bytes.subarray(i ? places[i - 1] : 0, end));
}
