// run.mjs - what ./dev bench prints: reads and ballots through the whole path, as ratios to
// CivetWeb alone with an answer of the same size, in interleaved rounds on this machine.
// BENCH_SECONDS (4) is the length of one measurement, BENCH_ROUNDS (5) how often.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { buildFolder, freePort, request, root, startSystem, waitFor } from '../support/system.mjs';
import { connections, machine, median, round1, row, wrk } from './measure.mjs';

const seconds = Number(process.env.BENCH_SECONDS ?? 4);
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const options = 6;
const ballotIdBytes = 10;

async function startCeiling(bytes) {
  const port = await freePort();
  const child = spawn(join(buildFolder, 'bench-ceiling'), [String(port), String(bytes)], { stdio: 'inherit' });
  const url = `http://127.0.0.1:${port}/`;
  await waitFor(async () => (await request('GET', url, { agent: false })).status === 200, { what: 'the ceiling answers' });
  return { url, stop: () => child.kill() };
}

function residentMiB(pid) {
  return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]) / 1024;
}
const memory = (system) => Object.fromEntries(Object.entries(system.pids).map(([name, pid]) => [name, residentMiB(pid)]));

// The journal, added up, against the tally and the answers: each acknowledged ballot once.
async function check(system, poll, acknowledged) {
  const results = (await system.api('GET', `/api/v1/polls/${poll.id}/results`)).json;
  const script = `local n = 0
    for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
      for i = 2, #entry[2], 2 do n = n + #entry[2][i] end
    end
    return n`;
  const journal = await system.redis('EVAL', script, '1', `poll:{${poll.id}}:journal`) / ballotIdBytes;
  return { voters: results.voters, journal, acknowledged };
}

// wrk stops with up to one request of each connection in flight: those may be counted unanswered.
function assertExact({ voters, journal, acknowledged }, runs) {
  assert.equal(voters, journal, 'tally and journal');
  assert.ok(voters >= acknowledged && voters <= acknowledged + runs * connections,
    `tally ${voters}, acknowledged ${acknowledged}`);
}

function printRates(rows) {
  row(['what', 'requests/s', 'CivetWeb alone', 'ratio', 'ratios of the rounds', 'p50 ms', 'p99 ms']);
  row(['---', '---', '---', '---', '---', '---', '---']);
  for (const { name, runs } of rows) {
    const ratios = runs.map((r) => r.ours.rate / r.ceiling.rate);
    row([name, Math.round(median(runs.map((r) => r.ours.rate))), Math.round(median(runs.map((r) => r.ceiling.rate))),
      median(ratios).toFixed(2), ratios.map((x) => x.toFixed(2)).join(' '),
      round1(median(runs.map((r) => r.ours.p50))), round1(median(runs.map((r) => r.ours.p99)))]);
  }
}

function printMemory(idle, loaded) {
  console.log('');
  row(['resident MiB', ...Object.keys(idle), 'our five together']);
  row(['---', ...Object.keys(idle).map(() => '---'), '---']);
  for (const [name, values] of [['idle', idle], ['after the load', loaded]]) {
    const ours = Object.entries(values).filter(([process]) => process !== 'redis').reduce((sum, [, mib]) => sum + mib, 0);
    row([name, ...Object.values(values).map(round1), round1(ours)]);
  }
}

async function main() {
  // As many threads as a person gets, not the tests' few.
  const system = await startSystem({ args: { gateway: ['--http-threads', '1024'] } });
  const article = await system.make('/api/v1/articles', { title: 'A read of eight hundred bytes', body_markdown: 'word '.repeat(84) });
  const poll = await system.make('/api/v1/polls', { question: 'Which?', kind: 'single', results: 'always',
    options: Array.from({ length: options }, (_, i) => ({ text: `Option ${i + 1}` })) });
  const read = await system.api('GET', `/api/v1/articles/${article.id}`);
  const ballot = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body: { choices: ['1'] }, headers: { 'idempotency-key': 'first' } });
  assert.equal(ballot.status, 201, ballot.text);
  const idle = memory(system);

  const urls = { read: `${system.urls.site}/api/v1/articles/${article.id}`, ballot: `${system.urls.site}/api/v1/polls/${poll.id}/ballots` };
  const rows = [
    { name: `article read, ${read.text.length} bytes`, runs: [], bytes: read.text.length, run: () => wrk(urls.read, seconds) },
    { name: `ballot, fsync always, ${ballot.text.length} bytes`, runs: [], bytes: ballot.text.length,
      run: (i) => wrk(urls.ballot, seconds, ['-s', join(root, 'tests/bench/cast.lua'), '--', `round${i}`, String(options)]) },
  ];
  let acknowledged = 1;
  for (let i = 0; i < rounds; i++) {
    for (const one of rows) {
      const ceiling = await startCeiling(one.bytes);
      const alone = wrk(ceiling.url, seconds);
      ceiling.stop();
      const ours = one.run(i);
      assert.equal(ours.bad, 0, `${one.name}: ${ours.bad} answers were no success`);
      one.runs.push({ ceiling: alone, ours });
      if (one.name.startsWith('ballot')) acknowledged += ours.answers;
    }
  }
  const loaded = memory(system);
  const counted = await check(system, poll, acknowledged);
  assertExact(counted, rounds);

  console.log(`${machine()}\n${connections} connections, ${rounds} rounds of ${seconds} s each, medians\n`);
  printRates(rows);
  printMemory(idle, loaded);
  console.log(`\nvoters in the tally ${counted.voters}, ballots in the journal ${counted.journal}, acknowledged ${counted.acknowledged}`);
  await system.stop();
}

await main();
