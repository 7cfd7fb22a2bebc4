// measure.mjs - what the measurements share: a run of wrk, medians, and rows of a table.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpus, release } from 'node:os';

export const connections = 64;

export function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const milliseconds = (text) => parseFloat(text) * (text.endsWith('us') ? 1e-3 : text.endsWith('ms') ? 1 : 1e3);

// One run of wrk: requests per second, latencies in ms, and how many answers came.
export function wrk(url, seconds, extra = []) {
  const run = spawnSync('wrk', ['-t1', `-c${connections}`, `-d${seconds}`, '--latency', ...extra.slice(0, 2), url, ...extra.slice(2)],
    { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  const field = (pattern) => run.stdout.match(pattern)?.[1];
  return {
    rate: Number(field(/Requests\/sec:\s+([\d.]+)/)),
    p50: milliseconds(field(/^\s+50%\s+(\S+)/m)),
    p99: milliseconds(field(/^\s+99%\s+(\S+)/m)),
    answers: Number(field(/(\d+) requests in/)),
    bad: Number(field(/Non-2xx or 3xx responses: (\d+)/) ?? 0),
  };
}

export function machine() {
  const cpu = cpus();
  return `${cpu.length} x ${cpu[0].model.trim()}, Linux ${release()}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`;
}

export const row = (cells) => console.log(`| ${cells.join(' | ')} |`);
export const round1 = (x) => (Math.round(x * 10) / 10).toFixed(1);
