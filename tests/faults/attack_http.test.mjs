// attack_http.test.mjs - what strangers do to the doors: thousands of connections that say nothing or
// never end what they say, messages whose end is in doubt, requests made of noise. Beside each of them
// somebody reads, and is served: at the bare gateway within a request's time-out, behind the edge as
// if there was nothing. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import tls from 'node:tls';

import { fuzz, fuzzArgs } from '../fuzz/http.mjs';
import { edgeMissing, startEdge } from '../support/edge.mjs';
import { newSeed } from '../support/random.mjs';
import { freePort, request, slow, startSystem, waitFor } from '../support/system.mjs';

const REQUEST_MS = 3000; // the gateway's time-out of a head
const SLACK_MS = 3000; // of a machine that also has to open thousands of connections
const NOTICE_MS = 2000; // a reader behind the edge who waits for longer has noticed something
const MANY = 10000;

// The hard limit of descriptors, which processes raise theirs to by themselves.
const descriptors = Number(/^Max open files +\S+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024);

// Connections to one port, from as many addresses as are asked for.
class Crowd {
  open = 0;
  closed = 0;
  text = {}; // how often which status was the first
  #sockets = [];
  #connect;

  constructor(connect) { this.#connect = connect; }

  // n more, which send these bytes, from 127.0.1.1, 127.0.2.1 … : networks of their own for the edge.
  // deaf: what comes is not read.
  async add(n, { bytes = '', addresses = 40, deaf = false, at = 1 } = {}) {
    for (let i = 0; i < n; i++) {
      const socket = this.#connect(`127.0.${1 + i % addresses}.${at}`);
      socket.on('error', () => {});
      socket.once(socket.encrypted ? 'secureConnect' : 'connect', () => {
        this.open++;
        if (bytes) socket.write(bytes);
        if (deaf) socket.pause();
      });
      socket.once('close', () => { this.closed++; });
      if (!deaf) {
        socket.once('data', (data) => {
          const status = /^HTTP\/1\.1 (\d+)/.exec(data.toString('latin1'))?.[1];
          this.text[status] = (this.text[status] ?? 0) + 1;
        });
        socket.resume();
      }
      this.#sockets.push(socket);
      if (i % 50 === 49) await turn();
    }
  }

  // Until all are connected, or were ended already.
  settled(what) {
    return waitFor(() => this.open + this.closed >= this.#sockets.length, { deadline: 30000, what });
  }

  end() { for (const socket of this.#sockets) socket.destroy(); }
}

// Asks again and again, each time on a new connection, until it is told to stop.
class Reader {
  ms = [];
  #over = false;
  #running;

  constructor(ask, limit) {
    this.#running = this.#run(ask, limit);
    this.#running.catch(() => {});
  }

  async #run(ask, limit) {
    while (!this.#over) {
      const began = performance.now();
      const got = await ask();
      const ms = performance.now() - began;
      assert.equal(got.status, 200, got.text);
      assert.ok(ms < limit * slow, `a reader waited for ${Math.round(ms)} ms`);
      this.ms.push(ms);
      await pause(20);
    }
  }

  served(n) {
    const before = this.ms.length;
    return Promise.race([this.#running, waitFor(() => this.ms.length >= before + n, { deadline: 60000, what: 'the reader goes on' })]);
  }

  async stop() {
    this.#over = true;
    await this.#running;
  }
}

const half = 'GET / HTTP/1.1\r\nHost: x\r\n';
const noBody = 'POST /api/v1/polls/01ARZ3NDEKTSV4RRFFQ69G5FAV/ballots HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{';

describe('at the bare gateway', () => {
  let system;
  let path;
  before(async () => {
    system = await startSystem({ live: false, args: { gateway: ['--http-threads', '128'] } });
    const article = await system.make('/api/v1/articles', { title: 'Quiet', body_markdown: 'Text.', status: 'published' });
    path = `/articles/${article.slug}`;
  });
  after(() => system?.stop());

  const connect = (localAddress) => net.connect({ port: system.ports.gateway, host: '127.0.0.1', localAddress });
  const ask = () => system.api('GET', path, { agent: false, timeout: 60000 });
  const hurried = async () => Number(/^voxpop_gateway_refused_total\{reason="silent"\} (\d+)/m.exec((await request('GET', `${system.urls.admin}/metrics`, { agent: false })).text)[1]);

  for (const [what, bytes, n] of [
    ['connections that say nothing', '', MANY], ['heads that never end', half, MANY], ['bodies that never come', noBody, 500],
  ]) {
    test(`${n} ${what}: others are served within a request's time-out`, async () => {
      const crowd = new Crowd(connect);
      const reader = new Reader(ask, REQUEST_MS + SLACK_MS);
      try {
        await reader.served(1);
        await crowd.add(Math.min(n, descriptors - 500), { bytes });
        await reader.served(20);
      } finally {
        await reader.stop().finally(() => crowd.end());
      }
      assert.ok(crowd.open > 128, 'more than there are threads');
    });
  }

  test('only while all threads are taken: otherwise who is slow has all the time', async () => {
    const before = await hurried();
    const crowd = new Crowd(connect);
    await crowd.add(100);
    const slowly = connect('127.0.0.1');
    await new Promise((resolve) => { slowly.once('connect', resolve); });
    slowly.write('GET /polls HTTP/1.1\r\n');
    await pause(1500); // six times as long as it may be silent in a crowd
    slowly.write('Host: x\r\n\r\n');
    assert.match(String(await new Promise((resolve) => { slowly.once('data', resolve); slowly.once('close', () => resolve('nothing')); })), /^HTTP\/1\.1 200 /);
    slowly.destroy();
    crowd.end();
    assert.equal(await hurried(), before);
  });
});

describe('noise', () => {
  let system;
  before(async () => { system = await startSystem({ args: fuzzArgs }); });
  after(() => system?.stop());

  test('20 s of odd requests: nobody dies, nothing of them comes back, a reader is served', async (t) => {
    const seed = newSeed();
    t.diagnostic(`seed ${seed}`);
    const seen = await fuzz(system, { seconds: 20, seed });
    t.diagnostic(JSON.stringify(seen));
    assert.ok(seen.connections > 100);
    assert.ok(seen.reader.asked > 10);
  });
});
