// curve.test.mjs - keys between the processes: with them everything works, without them nobody gets
// in anywhere, and whoever tries disturbs nobody. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { makePoll } from '../support/ballots.mjs';
import { buildFolder, freePort, slow, startSystem, waitFor, within } from '../support/system.mjs';

const HANDSHAKE_MS = 3000; // after it who has not shown a key is cut, and may try again
const SILENCE_MS = 700; // a probe that gets nothing within it is shut out; an answer takes 10
const BODY_MAX = 4 * 1024 * 1024;

// Ends by itself or is ended: gives {code, out, err}.
async function run(program, args, { deadline = 20000 } = {}) {
  const child = spawn(join(buildFolder, program), args);
  const text = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (more) => { text.out += more; });
  child.stderr.setEncoding('utf8').on('data', (more) => { text.err += more; });
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  const code = await within(ended, deadline, `${program} ends`).finally(() => child.kill('SIGKILL'));
  return { code, ...text };
}

describe('keys between the processes', () => {
  let system;
  let poll;
  let gatewayKey; // the secret
  let ballots = 0;

  before(async () => {
    const at = async () => `tcp://127.0.0.1:${await freePort()}`;
    system = await startSystem({ curve: true, args: { polls: ['--bind', await at(), '--publish', await at()] } });
    gatewayKey = readFileSync(system.keyFile('gateway'), 'utf8').trim();
    poll = await makePoll(system);
  });
  after(() => system?.stop());

  const records = async () => {
    const ids = await system.redis('ZRANGE', 'instances', '0', '-1');
    const texts = await Promise.all(ids.map((id) => system.redis('GET', `instance:${id}`)));
    return texts.filter(Boolean).map((text) => JSON.parse(text)).filter((each) => each.routes.length); // those that are called
  };
  const recordOf = async (service) => (await records()).find((each) => each.service === service);
  const probe = async (endpoint, { server, secret, ...rest } = {}) => {
    const args = [endpoint];
    if (server) args.push('--server', server);
    if (secret) args.push('--secret', secret);
    for (const [name, value] of Object.entries(rest)) args.push(`--${name}`, `${value}`);
    const got = await run('zprobe', args);
    assert.ok(got.code === 0 || got.code === 1, `zprobe: ${got.code} ${got.err}`);
    return got.code === 0;
  };
  const vote = async () => {
    const got = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body: { choices: ['1'] }, headers: { 'idempotency-key': `vote ${ballots + 1}` } });
    assert.equal(got.status, 201, got.text);
    return ++ballots;
  };
  const watcherSees = async (watcher, voters) => watcher.next((each) => each.event === 'tally' && each.data.voters >= voters);
  // Nobody was disturbed: the same processes serve, over the wire and for readers.
  const assertUnharmed = async (before, record) => {
    assert.ok(await probe(record.endpoint, { server: record.curve, secret: gatewayKey }), 'a good key is served');
    await vote();
    assert.deepEqual(system.pids, before);
  };

  test('every endpoint over TCP has a key', async () => {
    const found = await records();
    assert.ok(found.length >= 3);
    for (const each of found) assert.match(each.curve, /^[\x21-\x7e]{40}$/, JSON.stringify(each));
    assert.equal(new Set(found.map((each) => each.curve)).size, found.length, 'each process has its own');
  });

  test('articles are read, votes counted and seen live', async () => {
    const article = await system.make('/api/v1/articles', { title: 'Behind keys', body_markdown: 'All of it.', status: 'published' });
    assert.equal((await system.page(`/articles/${article.slug}`)).status, 200);
    const watcher = await system.sse(`poll:${poll.id}`);
    await watcher.next((each) => each.event === 'snapshot');
    await watcherSees(watcher, await vote());
    watcher.close();
  });

  for (const service of ['polls', 'articles']) {
    test(`${service}: only known keys are served, whatever the others send`, async () => {
      const record = await recordOf(service);
      const before = { ...system.pids };
      const { endpoint, curve: server } = record;
      const other = (await recordOf('comments')).curve;
      assert.ok(await probe(endpoint, { server, secret: gatewayKey }));
      const out = {
        'an unknown key': { server },
        'no key': {},
        'no key, garbage': { garbage: 200 },
        'no key, a huge frame': { huge: 2 * BODY_MAX },
        'an unknown key, garbage': { server, garbage: 200 },
        'a key that is meant for another server': { server: other, secret: gatewayKey },
      };
      const served = await Promise.all(Object.values(out).map((each) => probe(endpoint, { wait: SILENCE_MS * slow, ...each })));
      assert.deepEqual(Object.keys(out).filter((_, i) => served[i]), []);
      await assertUnharmed(before, record);
    });
  }

  test('states are published to known keys only', async () => {
    const { publish, curve: server } = await recordOf('polls');
    const wait = HANDSHAKE_MS * slow;
    const heard = Promise.all([
      probe(publish, { sub: 'poll:', wait: 20000, server, secret: gatewayKey }),
      probe(publish, { sub: '', wait, server }),
      probe(publish, { sub: '', wait }),
      probe(publish, { sub: '', wait, server: gatewayKey.replace(/./, '1'), secret: gatewayKey }),
    ]);
    let done = false;
    heard.finally(() => { done = true; });
    await waitFor(async () => { await vote(); return done; }, { deadline: 20000, every: 100, what: 'the probes end' });
    assert.deepEqual(await heard, [true, false, false, false]);
  });

  test('a known key that sends garbage or too much is cut, and nobody else', async () => {
    const record = await recordOf('polls');
    const before = { ...system.pids };
    const good = { server: record.curve, secret: gatewayKey };
    assert.ok(await probe(record.endpoint, { ...good, garbage: 500 }), 'garbage is dropped, a ping answered');
    await probe(record.endpoint, { ...good, huge: BODY_MAX }); // as large as may be
    await probe(record.endpoint, { ...good, huge: 2 * BODY_MAX, wait: SILENCE_MS * slow });
    await assertUnharmed(before, record);
  });

  test('raw bytes and silence on every port are cut off in time', async () => {
    const before = { ...system.pids };
    const ports = (await records()).flatMap((each) => [each.endpoint, each.publish]).filter(Boolean)
      .map((endpoint) => Number(endpoint.split(':').at(-1)));
    const greeting = Buffer.from('ff00000000000000017f03014355525645000000000000000000000000000000000000', 'hex');
    const openings = [
      Buffer.alloc(0),
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      greeting.subarray(0, 11),
      Buffer.concat([greeting, Buffer.alloc(64 - greeting.length)]),
      Buffer.concat([greeting, Buffer.alloc(64 - greeting.length), Buffer.from('06ffffffffffffffff', 'hex')]), // a command of 2^64 bytes
      Buffer.concat([greeting, Buffer.alloc(64 - greeting.length), Buffer.from('04c80548454c4c4f', 'hex'), Buffer.alloc(194)]), // HELLO of zeros
      Buffer.alloc(100000, 0xff),
    ];
    const cut = (port, bytes) => new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
      socket.on('error', () => {});
      socket.on('close', resolve);
      socket.resume();
    });
    const all = ports.flatMap((port) => openings.map((bytes) => cut(port, bytes)));
    await within(Promise.all(all), 3 * HANDSHAKE_MS, `${all.length} connections are cut`);
    await assertUnharmed(before, await recordOf('polls'));
  });

  test('the list is read again: a new key gets in, an old one no more', async () => {
    const { endpoint, curve: server } = await recordOf('polls');
    const list = readFileSync(system.allowFile, 'utf8');
    const fresh = system.makeKey('visitor'); // which also stands in the list now
    writeFileSync(system.allowFile, list);
    const asks = (wait) => probe(endpoint, { server, secret: fresh.secret, wait });
    await waitFor(async () => !await asks(SILENCE_MS * slow), { deadline: 10000, what: 'it is not served yet' });
    const early = asks(30000); // one connection, from before
    writeFileSync(system.allowFile, `${list}# a visitor\n${fresh.public} visitor\n`);
    assert.ok(await early, 'who waits gets in by itself');
    assert.ok(await asks(10000));
    writeFileSync(system.allowFile, list);
    await waitFor(async () => !await asks(SILENCE_MS * slow), { deadline: 10000, what: 'it is not served any more' });
  });

  test('a service with a new key at its old endpoints is found again, live too', async () => {
    system.makeKey('polls');
    const old = await recordOf('polls');
    await system.restart('polls');
    const now = await waitFor(async () => (await records()).find((each) => each.service === 'polls' && each.id !== old.id), { what: 'its record' });
    assert.equal(now.endpoint, old.endpoint);
    assert.notEqual(now.curve, old.curve);
    await waitFor(async () => (await system.api('GET', `/api/v1/polls/${poll.id}`)).status === 200, { deadline: 10000, what: 'the poll is there' });
    // The state must come by the socket: the catch-up, which would bring it too, takes longer.
    await waitFor(async () => {
      const watcher = await system.sse(`poll:${poll.id}`);
      try {
        await watcher.next((each) => each.event === 'snapshot');
        const voters = await vote();
        const answered = performance.now();
        return (await watcherSees(watcher, voters)).at - answered < 400 * slow;
      } finally {
        watcher.close();
      }
    }, { deadline: 15000, every: 200, what: 'votes are seen at once' });
  });

  test('whoever has no key in the list is not called, and that is told once', async () => {
    const taken = [];
    const server = net.createServer((socket) => { taken.push(socket); socket.destroy(); });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const endpoint = `tcp://127.0.0.1:${server.address().port}`;
    const model = await recordOf('polls');
    const liars = [['01JDXEXAMP1E00000000000001', ''], ['01JDXEXAMP1E00000000000002', 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7']];
    const told = (name) => system.log(name).split('\n').filter((line) => line.includes(endpoint)).length;
    const announce = async () => {
      for (const [id, curve] of liars) {
        await system.redis('SET', `instance:${id}`, JSON.stringify({ ...model, id, endpoint, publish: endpoint, curve }), 'PX', '5000');
        await system.redis('ZADD', 'instances', `${Date.now()}`, id);
      }
    };
    const until = performance.now() + 3000; // several looks of both, which are every 125 ms and every second
    await waitFor(async () => { await announce(); return performance.now() > until; }, { every: 200, what: 'they had time' });
    for (const [id] of liars) await system.redis('ZREM', 'instances', id);
    server.close();
    assert.equal(taken.length, 0, 'nobody came');
    assert.equal(told('gateway'), 2);
    assert.equal(told('live'), 2, 'calls and states have one memory');
    await vote();
  });
});

describe('without keys', () => {
  const refused = async (args, words) => {
    const got = await run('voxpop-polls', ['--redis-url', 'redis://127.0.0.1:1', ...args]);
    assert.equal(got.code, 1, got.err);
    assert.match(got.err, words);
    assert.equal(got.err.trim().split('\n').filter((line) => line.startsWith('voxpop-polls:')).length, 1, got.err);
  };

  test('a service does not listen beyond its machine, unless it is forced', async () => {
    await refused(['--bind', 'tcp://0.0.0.0:*'], /tcp:\/\/0\.0\.0\.0:\*: TCP beyond this machine needs curve-secret-key and curve-allow, or allow-plain-tcp/);
    await refused(['--publish', 'tcp://*:*'], /TCP beyond this machine needs/);
    const forced = await startSystem({
      services: ['polls'], gateway: false, live: false, admin: false,
      args: { polls: ['--bind', 'tcp://0.0.0.0:*', '--allow-plain-tcp'] },
    });
    await forced.stop();
  });

  test('settings that are no keys stop the start, and are not repeated', async () => {
    await refused(['--curve-secret-key', 'hunter2', '--curve-allow', '/dev/null'], /^voxpop-polls: curve-secret-key: no key of 40 characters$/m);
    await refused(['--curve-allow', '/dev/null'], /curve-allow means nothing without curve-secret-key/);
    await refused(['--curve-secret-key-file', '/nowhere', '--curve-allow', '/dev/null'], /--curve-secret-key-file \(flag\): the file cannot be opened/);
  });
});

describe('voxpop keygen', () => {
  const folder = mkdtempSync(join(tmpdir(), 'voxpop-keygen-'));
  const name = join(folder, 'gateway');
  const keygen = (...args) => run('voxpop', ['keygen', ...args]);
  after(() => rmSync(folder, { recursive: true }));

  test('the secret goes to a file of its owner, the public key to a line of an allow-list', async () => {
    const made = await keygen(name);
    assert.equal(made.code, 0, made.err);
    assert.match(made.out, /^[!-~]{40} gateway\n$/);
    assert.equal(statSync(`${name}.key`).mode & 0o777, 0o600);
    assert.equal(readFileSync(`${name}.pub`, 'utf8'), made.out);
    const secret = readFileSync(`${name}.key`, 'utf8');
    assert.match(secret, /^[!-~]{40}\n$/);
    assert.ok(!made.out.includes(secret.trim()) && !made.err);
    const shown = await keygen('--public', `${name}.key`);
    assert.equal(`${shown.out.trim()} gateway\n`, made.out, shown.err);
  });

  test('nothing is overwritten, and what fails leaves nothing', async () => {
    const before = readFileSync(`${name}.key`, 'utf8');
    const again = await keygen(name);
    assert.equal(again.code, 1);
    assert.match(again.err, /gateway\.key is there already/);
    assert.equal(readFileSync(`${name}.key`, 'utf8'), before);
    rmSync(`${name}.key`);
    assert.match((await keygen(name)).err, /gateway\.pub is there already/);
    assert.deepEqual(readdirSync(folder), ['gateway.pub']);
    assert.match((await keygen('--public', `${name}.pub`)).err, /holds no secret/);
    for (const args of [[], ['x', '--public', 'y'], [join(folder, 'a b')], ['']]) assert.notEqual((await keygen(...args)).code, 0);
    assert.deepEqual(readdirSync(folder), ['gateway.pub']);
  });
});
