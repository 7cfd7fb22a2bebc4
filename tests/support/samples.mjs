// samples.mjs - what a process holds, from /proc, and whether a row of numbers grows.
// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs';

// {rss (KiB), fds, threads}, or null when it has gone.
export function held(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const number = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]);
    return { rss: number('VmRSS'), threads: number('Threads'), fds: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return null;
  }
}

// Seconds of processor time that a process has used.
export function used(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100; // ticks, 100 a second on every Linux
}

export function quantile(sorted, q) {
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] : 0;
}

// The straight line through points [x, y] with the least squares: {slope, mean}.
export function line(points) {
  const n = points.length;
  const mean = (at) => points.reduce((sum, point) => sum + point[at], 0) / n;
  const [x, y] = [mean(0), mean(1)];
  let across = 0;
  let along = 0;
  for (const point of points) {
    across += (point[0] - x) * (point[1] - y);
    along += (point[0] - x) ** 2;
  }
  return { slope: along ? across / along : 0, mean: y };
}

// How much the line through the second half of points rises from its beginning to its end, and its mean.
export function growth(points) {
  const half = points.slice(Math.floor(points.length / 2));
  const { slope, mean } = line(half);
  return { grown: slope * (half.at(-1)[0] - half[0][0]), mean };
}
