// load.mjs - what ./dev bench load prints: 1,000 connections at a gateway that ask again as soon as they
// are answered, and 5,000 through the edge that together ask for 0.7 of what it can do, with a new
// reader every 50 ms; three times as much as either can do; and speed afterwards. BENCH_SECONDS (8) is
// the length of one measurement; BENCH_ONLY=busy or over: one of the tables.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { resultsOf } from '../support/ballots.mjs';
import { startEdge } from '../support/edge.mjs';
import { held } from '../support/samples.mjs';
import { buildFolder, startSystem, waitFor } from '../support/system.mjs';
import { machine, round1, row } from './measure.mjs';

const seconds = Number(process.env.BENCH_SECONDS ?? 8);
const times = 3; // what can be done
const share = 0.7; // of it, where it is not to be too much
const few = 200; // connections that measure what can be done
const execute = promisify(execFile);
const NEW_READER_MS = 1000; // 99 of 100 new readers are answered within this
const SPEED_AFTER = 0.9;

let run = 0;
async function load(settings) {
  const argv = Object.entries({ seconds, key: `run${run++}`, ...settings }).filter(([, value]) => value !== undefined);
  const { stdout } = await execute(join(buildFolder, 'http-load'), argv.map(([name, value]) => `${name}=${value}`));
  return JSON.parse(stdout);
}

// Looks at all processes ten times a second; the largest resident memory of each, in MiB.
class Memory {
  most = {};
  constructor(pids) {
    this.timer = setInterval(() => {
      for (const [name, pid] of Object.entries(pids())) this.most[name] = Math.max(this.most[name] ?? 0, (held(pid)?.rss ?? 0) / 1024);
    }, 100);
  }

  stop() { clearInterval(this.timer); }
}

const failures = (got) => got.failed + got.unanswered + got.probes_failed
  + Object.entries({ ...got.status }).reduce((sum, [status, n]) => sum + (/^2|503/.test(status) ? 0 : n), 0);
const ms = (hist) => `${round1(hist.p50)}, ${round1(hist.p99)}`;

const missed = [];
function must(good, what) {
  if (!good) missed.push(what);
}

function tellBusy(name, got, asked = '') {
  row([name, got.connections, asked, Math.round(got.rate), ms(got.good), got.good.max, got.status[503] ?? 0, failures(got), got.probe.n, ms(got.probe), got.probe.max]);
  must(failures(got) === 0 && !got.status[503], `${name}: no errors`);
  must(got.probe.p99 < NEW_READER_MS, `${name}: new readers within ${NEW_READER_MS} ms`);
}

function tellOver(name, before, over, after, memory) {
  row([name, Math.round(before.rate), times * Math.round(before.rate), Math.round(over.rate), ms(over.good), Math.round(over.shed_rate), ms(over.shed),
    over.unsent, failures(over), over.without_retry_after, ms(over.probe), (after.rate / before.rate).toFixed(2),
    Object.entries(memory.most).map(([process, mib]) => `${process} ${Math.round(mib)}`).join(' ')]);
  must(failures(over) === 0, `${name}: each request is answered, with success or 503`);
  must(over.without_retry_after === 0, `${name}: Retry-After`);
  must(after.rate >= SPEED_AFTER * before.rate, `${name}: full speed afterwards`);
}

// The same once more until it is as fast as before, for a few seconds.
async function recover(how, rate) {
  let got;
  for (let i = 0; i < 3; i++) {
    got = await load(how);
    if (got.rate >= SPEED_AFTER * rate) break;
  }
  return got;
}

async function assertTally(system, poll, acknowledged, lost) {
  const { voters } = await resultsOf(system, poll);
  console.log(`\nvoters in the tally ${voters}, acknowledged ${acknowledged}, answers that were not read ${lost}`);
  assert.ok(voters >= acknowledged && voters <= acknowledged + lost, 'tally and acknowledged votes');
}

async function main() {
  const system = await startSystem({ services: ['articles', 'comments', 'polls'],
    args: { gateway: ['--http-threads', '1024', '--trusted-proxies', '127.0.0.1/32'] } });
  const edge = await startEdge({ gateways: [{ port: system.ports.gateway, admin: system.ports.admin }], env: { VOXPOP_EDGE_CONNECTIONS: '8000' } });
  const article = await system.make('/api/v1/articles', { title: 'Read by many', body_markdown: 'word '.repeat(84), status: 'published' });
  const poll = await system.make('/api/v1/polls', { question: 'Which?', kind: 'single', results: 'always', options: [{ text: 'This' }, { text: 'That' }] });
  const pids = () => ({ ...system.pids, edge: edge.pid });
  const reads = { path: `/api/v1/articles/${article.id}` };
  const pages = { path: `/articles/${article.slug}` };
  const votes = { path: `/api/v1/polls/${poll.id}/ballots`, body: '{"choices":["1"]}' };
  const gateway = { port: system.ports.gateway, connections: 1000 };
  const door = { port: edge.ports.https, tls: 1, connections: 5000 };
  let acknowledged = 0;
  let lost = 0;
  const count = (got) => {
    acknowledged += got.status[201] ?? 0;
    lost += got.failed + got.unanswered + got.again;
    return got;
  };

  console.log(`${machine()}\n${seconds} s each, clients of 64 addresses, a new connection every 50 ms meanwhile\n`);
  const only = process.env.BENCH_ONLY;
  if (!only || only.includes('busy')) {
    row(['what', 'connections', 'asked for each second', 'answers/s', 'p50, p99 ms', 'max ms', '503', 'errors', 'new connections', 'p50, p99 ms', 'max ms']);
    row(Array(11).fill('---'));
    for (const [name, how] of [['article read', reads], ['article page', pages], ['ballot', votes]]) {
      tellBusy(`${name}, at the gateway`, count(await load({ ...gateway, ...how })));
      const can = count(await load({ ...door, ...how, connections: few }));
      const rate = Math.round(share * can.rate);
      tellBusy(`${name}, through the edge`, count(await load({ ...door, ...how, rate })), rate);
    }
    console.log('');
  }
  if (!only || only.includes('over')) {
    row(['what', 'can do, answers/s', 'asked for', 'answered', 'p50, p99 ms', '503 each second', 'p50, p99 ms', 'never sent', 'errors', '503 without Retry-After', 'new connections p50, p99 ms', 'speed afterwards', 'resident MiB at most']);
    row(Array(13).fill('---'));
    for (const [name, at, how] of [['article page, at the gateway', gateway, pages], ['ballot, at the gateway', gateway, votes],
      ['article page, through the edge', door, pages], ['ballot, through the edge', door, votes]]) {
      const usual = { ...at, ...how, connections: few };
      const before = count(await load(usual));
      const memory = new Memory(pids);
      const over = count(await load({ ...at, ...how, connections: 5000, rate: times * Math.round(before.rate) }));
      memory.stop();
      const after = count(await recover(usual, before.rate));
      tellOver(name, before, over, after, memory);
    }
  }
  await assertTally(system, poll, acknowledged, lost);
  await waitFor(async () => (await edge.api('GET', '/')).status === 200, { what: 'the edge serves' });
  await edge.stop();
  await system.stop();
  for (const what of missed) console.log(`MISS ${what}`);
  process.exitCode = missed.length ? 1 : 0;
}

await main();
