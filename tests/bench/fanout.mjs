// fanout.mjs - voxpop-live with many watchers of one poll at two frames a second: memory of each,
// lost frames, and lateness, beside the reference programs where they are at hand.
//   VOXPOP_BUILD=build node tests/bench/fanout.mjs [--watchers 10000] [--seconds 10] [--rounds 3]
//     [--reference ../shared/measured]
// Programs take turns; the table has the median of the rounds. SPDX-License-Identifier: MIT
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const build = resolve(root, process.env.VOXPOP_BUILD ?? 'build');
const { values } = parseArgs({ options: {
  watchers: { type: 'string', default: '10000' },
  seconds: { type: 'string', default: process.env.VOXPOP_BENCH_SECONDS ?? '10' },
  rounds: { type: 'string', default: '3' },
  reference: { type: 'string', default: resolve(root, '../shared/measured') },
} });
const topic = 'poll:01ARZ3NDEKTSV4RRFFQ69G5FAV';
const folder = mkdtempSync(join(tmpdir(), 'voxpop-fanout-'));
const execute = promisify(execFile);
const running = new Set();
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VOXPOP_')));
const limits = { bytes: 5 * 1024, times: 1.2 };
let started = 0;

function start(name, argv) {
  const log = join(folder, `${name}-${started++}.log`);
  const fd = openSync(log, 'a');
  const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', fd, fd], env: environment });
  const one = { name, child, read: () => readFileSync(log, 'utf8'), ended: null };
  running.add(one);
  one.over = new Promise((done) => {
    const end = (how) => { one.ended = how; running.delete(one); done(); };
    child.once('error', (error) => end(error.message));
    child.once('exit', (code, signal) => end(signal ?? code));
  });
  return one;
}

async function stop(one) {
  one.child.kill('SIGTERM');
  await one.over;
}

// Asks until the answer is yes; a process that has ended cannot give it any more.
async function until(what, one, answer) {
  for (const by = performance.now() + 10000; performance.now() < by; await pause(20)) {
    if (one.ended !== null) throw new Error(`${one.name} ended (${one.ended}): ${one.read()}`);
    if (await answer()) return;
  }
  throw new Error(`${what}: not within 10 s`);
}

const listens = (port) => new Promise((done) => {
  const socket = net.connect(port, '127.0.0.1');
  socket.once('connect', () => { socket.destroy(); done(true); });
  socket.once('error', () => done(false));
});

function freePort() {
  return new Promise((done) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

// -- the programs that are measured: each gives {pid, port, path, stop} ----------------------------

async function startVoxpop() {
  const socket = join(folder, 'redis.sock');
  const url = ['--redis-url', `unix://${socket}`];
  const redis = start('redis', ['redis-server', '--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder]);
  await until('redis listens', redis, () => existsSync(socket));
  const source = start('source', [join(build, 'fanout-source'), ...url]);
  await until('the source is ready', source, () => source.read().includes('ready'));
  const live = start('live', [join(build, 'voxpop-live'), ...url, '--listen', '127.0.0.1:0', '--streams-per-address', '0']);
  const address = /ready at http:\/\/127\.0\.0\.1:(\d+)\/live/;
  await until('voxpop-live is ready', live, () => address.test(live.read()));
  return {
    pid: live.child.pid, port: Number(address.exec(live.read())[1]), path: `/live?topic=${topic}`,
    stop: async () => { for (const one of [live, source, redis]) await stop(one); },
  };
}

async function startReference() {
  const port = await freePort();
  const one = start('reference', [join(folder, 'fanout-libevent'), String(port)]);
  await until('the reference listens', one, () => listens(port));
  return { pid: one.child.pid, port, path: '/', stop: () => stop(one) };
}

// -- the loads --------------------------------------------------------------------------------------

async function steady({ pid, port, path }) {
  const argv = [port, path, values.watchers, values.seconds, pid].map(String);
  const { stdout } = await execute(join(build, 'fanout-load'), argv).catch((error) => error);
  return JSON.parse(stdout);
}

// Counts from the first connection on, so what waits while the others connect is late too.
async function fromTheStart({ port, path }) {
  const { stdout, stderr } = await execute(join(folder, 'sseload'), ['127.0.0.1', String(port), path, values.watchers, values.seconds]);
  const number = (name, text = stdout) => Number(new RegExp(`${name} ([\\d.]+)`).exec(text)[1]);
  return {
    watchers: number('conns'), closed: number('closed'), frames: number('events'), p50_ms: number('p50'),
    p99_ms: number('p99'), max_ms: number('max'), connect_s: number('in', stderr),
  };
}

async function compile(name, ...libraries) {
  await execute('cc', ['-O2', '-w', join(values.reference, `${name}.c`), '-o', join(folder, name), ...libraries]);
}

// -- the table --------------------------------------------------------------------------------------

const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
const middle = (rounds) => Object.fromEntries(Object.keys(rounds[0]).map((key) => [key, median(rounds.map((each) => each[key]))]));
const columns = [
  ['program', (r) => r.program], ['measured', (r) => r.load], ['watchers', (r) => r.watchers], ['closed', (r) => r.closed],
  ['frames', (r) => r.frames], ['missing', (r) => r.missing ?? '-'], ['B/watcher', (r) => r.bytes_per_watcher ?? '-'],
  ['connect s', (r) => r.connect_s], ['p50 ms', (r) => r.p50_ms], ['p99 ms', (r) => r.p99_ms], ['max ms', (r) => r.max_ms],
];

function print(rows) {
  const lines = [columns.map(([name]) => name), ...rows.map((row) => columns.map(([, of]) => String(of(row))))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  for (const line of lines) console.log(line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '));
}

function judge(rows) {
  const [mine, other] = ['voxpop-live', 'fanout-libevent'].map((program) => rows.find((r) => r.program === program && r.load === 'steady'));
  const { bytes, times } = limits;
  const says = [
    [mine.bytes_per_watcher <= bytes, `memory of a watcher: ${mine.bytes_per_watcher} bytes, at most ${bytes}`],
    [mine.closed === 0 && mine.missing === 0, `lost: ${mine.closed} watchers, ${mine.missing} frames`],
  ];
  if (other) says.push([mine.p99_ms <= times * other.p99_ms, `p99: ${(mine.p99_ms / other.p99_ms).toFixed(2)} of fanout-libevent's, at most ${times}`]);
  for (const [good, text] of says) console.log(`${good ? 'ok  ' : 'MISS'} ${text}`);
  return says.every(([good]) => good);
}

async function measure() {
  const programs = { 'voxpop-live': startVoxpop };
  const loads = { steady };
  if (existsSync(join(values.reference, 'fanout-libevent.c'))) {
    await compile('fanout-libevent', '-levent');
    await compile('sseload');
    programs['fanout-libevent'] = startReference;
    loads['from the start'] = fromTheStart;
  } else {
    console.log(`${values.reference} is not there: no reference to compare with.`);
  }
  const results = new Map();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [load, run] of Object.entries(loads)) {
      for (const [program, begin] of Object.entries(programs)) {
        const server = await begin();
        const key = `${program}\n${load}`;
        results.set(key, [...(results.get(key) ?? []), await run(server)]);
        await server.stop();
      }
    }
  }
  return [...results].map(([key, rounds]) => {
    const [program, load] = key.split('\n');
    return { program, load, ...middle(rounds) };
  });
}

try {
  console.log(`${values.watchers} watchers of one poll, 2 frames/s, ${values.seconds} s, median of ${values.rounds} rounds, ${cpus().length} processors`);
  const rows = await measure();
  print(rows);
  process.exitCode = judge(rows) ? 0 : 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  for (const one of [...running]) await stop(one);
  rmSync(folder, { recursive: true, force: true });
}
