// crowd.mjs - thousands of connections that are nobody's, and somebody beside them who wants to be
// served. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';

import { slow, waitFor } from './wait.mjs';

// The hard limit of descriptors, which processes raise theirs to by themselves.
export const descriptors = Number(/^Max open files +\S+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024);

// Connections to one port, from as many addresses as are asked for.
export class Crowd {
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
export class Reader {
  ms = [];
  limit;
  #over = false;
  #running;

  constructor(ask, limit) {
    this.limit = limit;
    this.#running = this.#run(ask);
    this.#running.catch(() => {});
  }

  async #run(ask) {
    while (!this.#over) {
      const began = performance.now();
      const got = await ask();
      const ms = performance.now() - began;
      assert.equal(got.status, 200, got.text);
      assert.ok(ms < this.limit * slow, `a reader waited for ${Math.round(ms)} ms`);
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

export const halfHead = 'GET / HTTP/1.1\r\nHost: x\r\n';
export const noBody = 'POST /api/v1/polls/01ARZ3NDEKTSV4RRFFQ69G5FAV/ballots HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{';
