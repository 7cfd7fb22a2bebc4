// curve.mjs - what ./dev bench curve prints: the same requests with and without keys between the
// processes, as ratios, in interleaved rounds on this machine; and the processor time of all processes
// for one, which says the same on a machine that has other work. BENCH_SECONDS (4), BENCH_ROUNDS (5).
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { used } from '../support/samples.mjs';
import { root, startSystem } from '../support/system.mjs';
import { connections, machine, median, round1, row, wrk } from './measure.mjs';

const seconds = Number(process.env.BENCH_SECONDS ?? 4);
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);

// A system, and what is asked of it: [{name, run(round)}].
async function start(curve) {
  const system = await startSystem({ curve, args: { gateway: ['--http-threads', '1024'] } });
  const article = await system.make('/api/v1/articles', { title: 'A read of eight hundred bytes', body_markdown: 'word '.repeat(84), status: 'published' });
  const poll = await system.make('/api/v1/polls', { question: 'Which?', kind: 'single', results: 'always', options: [{ text: 'This' }, { text: 'That' }] });
  const cast = ['-s', join(root, 'tests/bench/cast.lua'), '--'];
  const { site } = system.urls;
  return { system, loads: [
    { name: 'article read', run: () => wrk(`${site}/api/v1/articles/${article.id}`, seconds) },
    { name: 'article page', run: () => wrk(`${site}/articles/${article.slug}`, seconds) },
    { name: 'ballot', run: (i) => wrk(`${site}/api/v1/polls/${poll.id}/ballots`, seconds, [...cast, `round${i}`, '2']) },
  ] };
}

// With how much of the processors' time for each answer, in microseconds.
function measured({ system, loads }, k, round) {
  const all = () => Object.values(system.pids).reduce((sum, pid) => sum + used(pid), 0);
  const before = all();
  const got = loads[k].run(round);
  return { ...got, us: (all() - before) * 1e6 / got.answers };
}

const plain = await start(false);
const curve = await start(true);
const runs = plain.loads.map(() => []);
for (let i = 0; i < rounds; i++) {
  for (const k of runs.keys()) {
    const pair = [plain, curve].map((each) => measured(each, k, i));
    for (const got of pair) assert.equal(got.bad, 0, `${plain.loads[k].name}: ${got.bad} answers were no success`);
    runs[k].push(pair);
  }
}
console.log(`${machine()}\n${connections} connections, ${rounds} rounds of ${seconds} s each, medians\n`);
row(['what', 'without keys, requests/s', 'with keys, requests/s', 'ratio', 'ratios of the rounds', 'p99 ms, without and with', 'processor µs each, without and with', 'ratio']);
row(Array(8).fill('---'));
for (const [k, pairs] of runs.entries()) {
  const rate = (which) => median(pairs.map((pair) => pair[which].rate));
  const ratios = pairs.map(([without, with_]) => with_.rate / without.rate);
  row([plain.loads[k].name, Math.round(rate(0)), Math.round(rate(1)), median(ratios).toFixed(2), ratios.map((x) => x.toFixed(2)).join(' '),
    [0, 1].map((which) => round1(median(pairs.map((pair) => pair[which].p99)))).join(', '),
    [0, 1].map((which) => Math.round(median(pairs.map((pair) => pair[which].us)))).join(', '), median(pairs.map(([without, with_]) => with_.us / without.us)).toFixed(2)]);
}
for (const { system } of [plain, curve]) await system.stop();
