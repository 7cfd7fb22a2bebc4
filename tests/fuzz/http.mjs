// http.mjs - odd requests for as long as asked, at a whole system, with a reader beside them who has
// to be served. It ends at the first process that dies, answer with 500, or text of ours that comes
// back as script or header; the connections before it are kept in a folder.
//   node tests/fuzz/http.mjs SECONDS [FOLDER]         VOXPOP_SEED=N: the same choices again
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

import { makePoll } from '../support/ballots.mjs';
import { Line, requestBytes } from '../support/line.mjs';
import { Chance, newSeed } from '../support/random.mjs';
import { freePort, slow, startSystem } from '../support/system.mjs';
import { FIELD, Maker, SCRIPT } from './requests.mjs';

const AT_ONCE = 32;
const KEPT = 400; // connections that are kept for a finding
const QUIET_MS = 15; // an answer that is followed by nothing for so long is over
const SILENT_MS = 150; // so long an answer is waited for: most of these requests get none
const CLOSED_MS = 12000; // and so long for the other side to close: its longest time-out, doubled
const ANSWER_MAX = 4 << 20;
const FRESH = 3000; // connections after which there are new polls, for the old ones are closed by now
const READER_MS = 5000; // a reader has an answer within; stretched where processes are slow

export const fuzzArgs = { gateway: ['--http-threads', '256', '--trusted-proxies', '127.0.0.9'] };

// The records that requests are about; those of the reader are not among them.
async function prepare(system) {
  const known = { articles: [], polls: [], comments: [], handles: ['ann', 'bo'], site: system.urls.site };
  known.token = await system.tokenFor('admin', system.password);
  known.cookie = await system.signIn();
  for (const handle of known.handles) {
    const put = await system.admin('PUT', `/api/v1/contributors/${handle}`, { body: { display_name: handle } });
    assert.ok(put.status < 300, put.text);
  }
  const article = () => system.make('/api/v1/articles', { title: 'Odd', body_markdown: 'Text.', status: 'published', contributors: ['ann'], tags: ['x'] });
  known.articles = [await article(), await article()];
  for (const each of known.articles) {
    const said = await system.api('POST', `/api/v1/articles/${each.id}/comments`, { body: { author_name: 'A', body_markdown: 'b' } });
    known.comments.push(said.json.id);
  }
  await renew(system, known);
  return known;
}

async function renew(system, known) {
  const kinds = [{}, { kind: 'multiple', changeable: true }, { voting: 'code' }, { results: 'after_close' }];
  const polls = [];
  for (const kind of kinds) polls.push(await makePoll(system, kind));
  known.polls = polls;
}

// Somebody who only wants to read and vote; everything is answered, or it is a finding.
class Reader {
  asked = 0;
  busy = 0; // 503 and 504, which say when to come again
  slowest = 0;
  #line;
  #over = false;
  #running;

  constructor(system, article, poll, found) {
    this.#line = new Line(system.ports.gateway, '127.0.0.1');
    const wanted = [
      [requestBytes('GET', `/articles/${article.slug}`), 200],
      [requestBytes('GET', '/static/site.css'), 200],
      [requestBytes('GET', `/api/v1/polls/${poll.id}/results`), 200],
      [() => requestBytes('POST', `/api/v1/polls/${poll.id}/ballots`, { body: '{"choices":["1"]}', headers: { 'idempotency-key': `reader ${this.asked}` } }), 201],
    ];
    this.#running = this.#run(wanted).catch((error) => found(`the reader: ${error.message}`));
  }

  async #run(wanted) {
    let since = performance.now();
    while (!this.#over) {
      const [bytes, status] = wanted[this.asked % wanted.length];
      const got = await this.#ask(typeof bytes === 'function' ? bytes() : bytes);
      const ms = performance.now() - since;
      if (ms > READER_MS * slow) throw new Error(`served only after ${Math.round(ms)} ms`);
      if (got.status === 503 || got.status === 504) {
        this.busy++;
        await pause(200);
        continue;
      }
      if (got.status !== status) throw new Error(`${got.status} ${got.text.slice(0, 300)}`);
      this.slowest = Math.max(this.slowest, ms);
      this.asked++;
      await pause(20);
      since = performance.now();
    }
  }

  // A kept connection may end just as it is used again.
  async #ask(bytes) {
    try {
      return await this.#line.ask(bytes);
    } catch {
      return this.#line.ask(bytes);
    }
  }

  async stop() {
    this.#over = true;
    await this.#running;
    this.#line.close();
  }
}

// Sends what was made; gives the text of all answers.
function send(plan, port) {
  return new Promise((resolve) => {
    let got = '';
    let limit;
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: plan.from, allowHalfOpen: true, noDelay: true });
    const end = (why) => {
      clearTimeout(limit);
      socket.destroy();
      resolve({ text: got, why });
    };
    const wait = (ms) => { clearTimeout(limit); limit = setTimeout(() => end('time'), ms); };
    wait(CLOSED_MS * slow);
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    socket.on('close', () => end('closed'));
    socket.on('end', () => end('closed'));
    if (plan.ending !== 'mute') {
      socket.on('data', (text) => {
        got += text;
        if (plan.ending !== 'stay' || got.length > ANSWER_MAX) wait(QUIET_MS);
      });
    }
    socket.once('connect', async () => {
      for (const [i, part] of plan.parts.entries()) {
        if (plan.pauses[i]) await pause(plan.pauses[i]); else if (i) await turn();
        if (socket.destroyed) return;
        socket.write(part);
      }
      if (plan.ending === 'half') socket.end();
      if (plan.ending === 'drop') return end('dropped');
      if (plan.ending === 'reset') { socket.resetAndDestroy(); return end('dropped'); }
      if (plan.ending !== 'stay' && !got) wait(SILENT_MS * slow);
    });
  });
}

// The answers of one connection: {status, head, body}. One to HEAD has no body, whatever its length.
function answersIn(text) {
  const all = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n\r\n', at);
    const head = text.slice(at, end < 0 ? text.length : end + 2);
    const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) /.exec(head)?.[1]);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? (status >= 200 && status !== 204 && status !== 304 ? Infinity : 0));
    at += head.length + 2;
    const body = text.startsWith('HTTP/1.1 ', at) ? '' : text.slice(at, at + length);
    all.push({ status, head, body });
    at += body.length;
  }
  return all;
}

// What must never be in an answer; undefined when all is well.
function wrongIn(answers) {
  for (const { status, head, body } of answers) {
    if (!status) return 'an answer that is none';
    if (status === 500) return 'an answer with 500';
    if (new RegExp(`\\n${FIELD}:`, 'i').test(head)) return 'a header field of ours in an answer';
    if (body.includes(SCRIPT) && /\ncontent-type: text\/html/i.test(head)) return 'a script of ours in a page';
  }
  return undefined;
}

const memoryOf = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

// Runs for so many seconds; resolves with what was seen, rejects with the first finding.
export async function fuzz(system, { seconds, seed, folder, atOnce = AT_ONCE, log = () => {} }) {
  const known = await prepare(system);
  const maker = new Maker(known);
  const chance = new Chance(seed);
  const before = { ...system.pids };
  const statuses = {};
  const recent = []; // the last ones, also those that are on their way
  let connections = 0;
  let finding;
  const found = (what) => { finding ??= what; };
  const reader = new Reader(system, await system.make('/api/v1/articles', { title: 'Quiet', body_markdown: 'Read.', status: 'published' }), await makePoll(system), found);
  const until = performance.now() + seconds * 1000;
  const memory = () => ['gateway', 'live'].map((name) => `${name} ${Math.round(memoryOf(before[name]))} MB`).join(', ');
  const atFirst = memory();

  const attack = async () => {
    while (!finding && performance.now() < until) {
      if (++connections % FRESH === 0) await renew(system, known);
      const plan = maker.make(chance.branch());
      const place = { at: connections, plan };
      recent.push(place);
      if (recent.length > KEPT) recent.shift();
      const got = await send(plan, system.ports[plan.port]);
      const answers = answersIn(got.text);
      for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1;
      if (!answers.length) statuses[got.why] = (statuses[got.why] ?? 0) + 1;
      const wrong = wrongIn(answers);
      if (wrong) found(`connection ${place.at}: ${wrong}:\n${got.text.slice(0, 600)}`);
      if (plan.ending === 'stay' && plan.port !== 'live' && got.why === 'time') found(`connection ${place.at}: is never closed`);
    }
  };
  const watch = async () => {
    while (!finding && performance.now() < until) {
      for (const name in before) if (system.pids[name] !== before[name]) found(`${name} has ended`);
      await pause(200);
    }
  };
  const report = setInterval(() => log(`${connections} connections; the reader was served ${reader.asked} times`), 30000);
  await Promise.all([watch(), ...Array.from({ length: atOnce }, attack)]).catch((error) => found(error.message));
  clearInterval(report);
  await reader.stop();
  for (const name in before) if (system.pids[name] !== before[name]) found(`${name} has ended`);
  const seen = { connections, statuses, reader: { asked: reader.asked, busy: reader.busy, slowest: Math.round(reader.slowest) }, memory: `${atFirst} at first, ${finding ? '?' : memory()} at last` };
  if (finding) throw new Error(`seed ${seed}: ${finding}\n${keep(folder, seed, recent)}`);
  return seen;
}

// Each connection's bytes in a file, what was done with them beside it.
function keep(folder, seed, recent) {
  if (!folder) return '';
  const place = join(folder, String(seed));
  mkdirSync(place, { recursive: true });
  for (const { at, plan } of recent) {
    writeFileSync(join(place, `${at}.bytes`), Buffer.concat(plan.parts));
    writeFileSync(join(place, `${at}.json`), JSON.stringify({ ...plan, parts: plan.parts.map((each) => each.length) }));
  }
  return `the last ${recent.length} connections are in ${place}`;
}

async function main() {
  const seconds = Number(process.argv[2]);
  const seed = newSeed();
  const log = (text) => console.log(`${new Date().toISOString().slice(11, 19)} ${text}`);
  console.log(`seed ${seed}; ${seconds} s`);
  const liveAdmin = await freePort();
  const system = await startSystem({ args: { ...fuzzArgs, live: ['--admin-listen', `127.0.0.1:${liveAdmin}`] } });
  try {
    const seen = await fuzz(system, { seconds, seed, folder: process.argv[3], log });
    console.log(JSON.stringify(seen, null, 1));
  } catch (error) {
    console.error(`A finding. ${error.message}${system.logTails(60)}`);
    process.exitCode = 1;
  }
  await system.stop(); // throws when a process does not end well, or a sanitizer has spoken
  console.log('all processes ended well');
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error) => { console.error(error.message); process.exit(1); });
}
