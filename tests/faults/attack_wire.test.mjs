// attack_wire.test.mjs - what comes to the ports between the processes from somebody who is no process
// of ours, or one that has gone mad: messages that never end, frames that are too large, half of a
// handshake, keys that nobody knows. It is cut off in little memory, while readers read, vote and watch.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { longForm, makePoll } from '../support/ballots.mjs';
import { Reader } from '../support/crowd.mjs';
import { buildFolder, slow, startSystem, waitFor, within } from '../support/system.mjs';
import { frame, greeting, header, ready, Wire } from '../support/zmtp.mjs';

const PATIENCE_MS = 5000; // of a reader beside an attack, on a machine that is busy with it
const CUT_MS = 10000; // a connection that has sent too much is cut within
const HANDSHAKE_MS = 3000;
const MEMORY_MAX = 400e6; // what floods may cost a service at most: they come in frames of no bytes, too
const services = ['articles', 'comments', 'polls'];

const memoryOf = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

// What a process listens at: TCP ports.
function portsOf(pid) {
  const sockets = new Set(readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]];
    } catch {
      return [];
    }
  }));
  return ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/net/${name}`, 'utf8').trim().split('\n').slice(1).map((line) => line.trim().split(/\s+/)))
    .filter((row) => row[3] === '0A' && sockets.has(row[9])).map((row) => parseInt(row[1].split(':').at(-1), 16));
}

async function recordsOf(system) {
  const ids = await system.redis('ZRANGE', 'instances', '0', '-1');
  const texts = await Promise.all(ids.map((id) => system.redis('GET', `instance:${id}`)));
  return texts.filter(Boolean).map((text) => JSON.parse(text)).filter((each) => services.includes(each.service));
}

const tcp = (system) => system.records.flatMap((each) => [each.endpoint, each.publish]).filter(Boolean);

// While the work goes on somebody reads and votes, and somebody watches; afterwards all processes are
// the same as before.
async function beside(system, work) {
  const before = { ...system.pids };
  const watcher = await system.sse(`poll:${system.poll.id}`);
  const vote = async () => {
    const got = await system.api('POST', `/api/v1/polls/${system.poll.id}/ballots`, { body: { choices: ['1'] }, headers: { 'idempotency-key': `vote ${++system.votes}` } });
    return got.status === 201 ? { status: 200 } : got;
  };
  const read = () => system.api('GET', `/api/v1/articles/${system.article.id}/comments?limit=${1 + system.votes++ % 100}`);
  const readers = [vote, read].map((ask) => new Reader(ask, PATIENCE_MS));
  try {
    await work();
    await Promise.all(readers.map((each) => each.served(3)));
  } finally {
    for (const each of readers) await each.stop();
  }
  const { voters } = (await system.api('GET', `/api/v1/polls/${system.poll.id}/results`)).json;
  await watcher.next((each) => each.data.voters >= voters, { what: 'the watcher sees the last vote' });
  watcher.close();
  assert.deepEqual(system.pids, before);
}

async function start(options) {
  const system = await startSystem(options);
  system.poll = await makePoll(system);
  system.article = await system.make('/api/v1/articles', { title: 'Quiet', body_markdown: 'Text.', status: 'published' });
  system.votes = 0;
  system.records = await recordsOf(system);
  return system;
}

describe('without keys, from the same machine', () => {
  let system;
  before(async () => { system = await start(); });
  after(() => system?.stop());

  test('gateway and live listen for HTTP alone, services for two kinds of messages', () => {
    assert.deepEqual(portsOf(system.pids.gateway).sort(), [system.ports.gateway, system.ports.admin].sort());
    assert.deepEqual(portsOf(system.pids.live), [system.ports.live]);
    const announced = tcp(system).map((endpoint) => Number(endpoint.split(':').at(-1)));
    assert.deepEqual(services.flatMap((name) => portsOf(system.pids[name])).sort(), announced.sort());
  });

  const big = frame(Buffer.alloc(1 << 20), { more: true });
  const none = Buffer.concat(Array(4000).fill(frame(Buffer.alloc(0), { more: true })));
  // Millions of frames take ZeroMQ long, so those are for the ports of subscriptions, which have enough
  // of them sooner; in the long form for all.
  for (const [name, bytes, total, all] of [['of a megabyte', big, 1e9, true], ['of nothing', none, 1e8, longForm]]) {
    test(`a message whose frames ${name} never end is cut`, () => beside(system, async () => {
      const memory = Object.fromEntries(services.map((each) => [each, memoryOf(system.pids[each])]));
      const ports = system.records.flatMap((each) => [[each.endpoint, 'DEALER'], [each.publish, 'SUB']]).filter(([endpoint, type]) => endpoint && (all || type === 'SUB'));
      for (const [endpoint, type] of ports) {
        const wire = await Wire.open(endpoint, type);
        await wire.pour(bytes, total);
        assert.ok(await wire.closes(CUT_MS), `${Math.round(wire.sent / 1e6)} MB were taken`);
        assert.ok(wire.sent >= 1 << 20 && wire.sent < total, `${wire.sent} bytes`);
      }
      for (const each of services) {
        const more = memoryOf(system.pids[each]) - memory[each];
        assert.ok(more < MEMORY_MAX * slow, `${each} has ${Math.round(more / 1e6)} MB more than before`);
      }
    }));
  }

  test('twenty of them at once, together, get no more than some', () => beside(system, async () => {
    const { endpoint } = system.records.find((each) => each.service === 'polls');
    const before = memoryOf(system.pids.polls);
    const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.open(endpoint, 'DEALER')));
    await Promise.all(wires.map((wire) => wire.pour(big, 2e8)));
    for (const wire of wires) assert.ok(await wire.closes(CUT_MS), 'each is cut');
    assert.ok(memoryOf(system.pids.polls) - before < MEMORY_MAX * slow, `${Math.round((memoryOf(system.pids.polls) - before) / 1e6)} MB more than before`);
  }));

  test('who sends whole messages, also large ones, is not', () => beside(system, async () => {
    const { endpoint } = system.records.find((each) => each.service === 'polls');
    const wire = await Wire.open(endpoint, 'DEALER');
    const call = Buffer.concat([frame(header(1), { more: true }), frame(Buffer.alloc(0), { more: true }), frame(Buffer.alloc(0), { more: true }), frame(Buffer.alloc(4 << 20))]);
    await wire.pour(call, 20 * call.length);
    const answered = wire.got;
    await wire.pour(frame(header(3)), wire.sent + 1);
    await waitFor(() => wire.got > answered, { what: 'a ping is answered' });
    assert.ok(!wire.closed);
    wire.destroy();
  }));

  test('frames that are too large, and what is no handshake, end the connection, at each port', () => beside(system, async () => {
    const large = (size) => [greeting(), ready('DEALER'), frame(Buffer.alloc(1000), { size })];
    const sent = {
      'a frame of 2^63 bytes': large(2n ** 63n), 'a frame of 2^64 - 1 bytes': large(2n ** 64n - 1n), 'a frame of 5 MB': large(5 << 20),
      'a command of 2^32 bytes': [greeting(), frame(Buffer.alloc(1000), { command: true, size: 2n ** 32n })],
      'a command that is cut short': [greeting(), frame(Buffer.from('\x05READY\x0bSocket-Type\xff\xff\xff\xffx', 'latin1'), { command: true })],
      'messages before the handshake': [greeting(), frame(header(3)), frame(header(3))],
      'a type that does not fit': [greeting(), ready('PUSH')],
      'a mechanism that is none': [greeting('CURVE'), ready('DEALER')],
      'half a greeting': [greeting().subarray(0, 30)],
      'HTTP': [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
      nothing: [],
    };
    const all = tcp(system).flatMap((endpoint) => Object.entries(sent).map(([name, bytes]) => ({ name, endpoint, wire: new Wire(endpoint, ...bytes) })));
    const left = [];
    for (const { name, endpoint, wire } of all) {
      if (!await wire.closes(3 * HANDSHAKE_MS)) left.push(`${name} at ${endpoint}`);
      wire.destroy();
    }
    assert.deepEqual(left, []);
  }));

  test('a name that somebody else has already takes nothing from him', () => beside(system, async () => {
    for (const { endpoint } of system.records) {
      const first = await Wire.open(endpoint, 'DEALER', 'same');
      const others = await Promise.all(Array.from({ length: 20 }, () => Wire.open(endpoint, 'DEALER', 'same')));
      const before = first.got;
      await first.pour(frame(header(3)), 1);
      await waitFor(() => first.got > before, { what: 'the first is answered' });
      for (const wire of [first, ...others]) wire.destroy();
    }
  }));
});

describe('with keys', () => {
  let system;
  before(async () => { system = await start({ curve: true }); });
  after(() => system?.stop());

  async function probe(endpoint, options) {
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    const child = spawn(join(buildFolder, 'zprobe'), [endpoint, ...args], { stdio: 'ignore' });
    const code = await within(new Promise((resolve) => { child.once('close', resolve); }), 30000, 'zprobe ends').finally(() => child.kill('SIGKILL'));
    assert.ok(code === 0 || code === 1, `zprobe: ${code}`);
    return code === 0;
  }

  test('no port talks to a key that it does not know, or to none', () => beside(system, async () => {
    const answered = [];
    for (const { service, endpoint, publish, curve } of system.records) {
      const wait = 1000 * slow;
      const tries = [[endpoint, { server: curve, wait }], [endpoint, { wait }], [endpoint, { server: curve, huge: 8 << 20, wait }], [endpoint, { garbage: 100, wait }]];
      if (publish) tries.push([publish, { sub: '', server: curve, wait }], [publish, { sub: '', wait }]);
      const got = await Promise.all(tries.map(([where, options]) => probe(where, options)));
      got.forEach((each, i) => { if (each) answered.push(`${service} ${JSON.stringify(tries[i])}`); });
    }
    assert.deepEqual(answered, []);
  }));

  test('a known key whose message has a million frames is cut, and may come again', () => beside(system, async () => {
    const secret = readFileSync(system.keyFile('gateway'), 'utf8').trim();
    for (const { service, endpoint, curve } of system.records.filter((each) => longForm || each.service === 'polls')) {
      const cut = () => (system.log(service).match(/cut a connection/g) ?? []).length;
      const before = cut();
      await probe(endpoint, { server: curve, secret, frames: 1000000, wait: 20000 });
      await waitFor(() => cut() > before, { what: `${service} has cut it` });
      assert.ok(await probe(endpoint, { server: curve, secret }), 'it may come again');
    }
  }));
});
