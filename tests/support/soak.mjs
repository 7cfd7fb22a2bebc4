// soak.mjs - the whole system under an everyday load at a third of what it can do, while its
// memory, descriptors, threads and latencies are written down; and what must be true of them.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import tls from 'node:tls';

import { startEdge } from './edge.mjs';
import { Everyday } from './everyday.mjs';
import { Line } from './line.mjs';
import { makeStage } from './mixed.mjs';
import { growth, held, quantile } from './samples.mjs';
import { request, startSystem, waitFor } from './system.mjs';

const SHARE = 1 / 3; // of what it can do
const CALIBRATE_MS = 4000;
const THREADS = 1024; // of a gateway
const WARM_TIMES = 3; // so often each of them serves a page before it begins
const WARM_AT_ONCE = 16;
const SETTLE_MS = 3000; // idle connections have ended by then

// What counts as flat in the second half. A process that kept one byte of each request would
// gain a few MiB in an hour of this load; threads that wake for the first time, and memory that
// is kept by the C library, come in steps of less than this.
const FLAT_KIB = 1024;
const FLAT_SHARE = 0.03; // or so much of its mean, where that is more
const FLAT_FDS = 5;
const FLAT_FDS_SHARE = 0.1; // connections come and go
const IDLE_FDS = 4; // more than before the load, when it is over

// Two of each process that readers meet first; one of those that nobody waits for.
const services = ['articles', 'comments', 'polls', 'polls#2'];
const doors = { gateway: ['gateway', 'gateway#2'], live: ['live#2', 'live#3'] };
export const ours = [...doors.gateway, ...doors.live, ...services, 'edge'];

const trusted = ['--trusted-proxies', '127.0.0.1'];

export class Soak {
  samples = []; // {s, rate, p50_ms, p99_ms, failures, watchers, redis_used_kib, redis_rss_kib, NAME_rss_kib, NAME_fds, NAME_threads}
  capacity = 0;
  #system;
  #edge;
  #load;
  #signing;
  #idle; // descriptors of each process before the load

  // warm: memory that a gateway's threads keep is there before it begins; else it comes with the
  // first page of each of them, for many minutes.
  async start({ warm = false } = {}) {
    this.#system = await startSystem({
      services, live: false, spare: ['gateway#2', ...doors.live],
      args: { gateway: [...trusted, '--connections-per-address', '0', '--http-threads', `${THREADS}`, '--service-ms', '4500'],
        live: [...trusted, '--streams-per-address', '0'] },
    });
    for (const name of ['gateway#2', ...doors.live]) this.#system.launch(name);
    for (const name of ['gateway#2', ...doors.live]) await this.#system.ready(name);
    const at = (name) => ({ port: this.#system.ports[name], admin: this.#system.ports[name === 'gateway' ? 'admin' : `admin:${name}`] });
    this.#edge = await startEdge({ gateways: doors.gateway.map(at), lives: doors.live.map(at) });
    const edge = this.#edge;
    const secure = ({ port, host }) => tls.connect({ port, host, ca: edge.ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
    const newLine = () => new Line(edge.ports.https, undefined, secure);
    const door = { sse: (topic, { lastEventId, ...rest } = {}) => edge.sse(topic, { ...rest, headers: lastEventId ? { 'last-event-id': lastEventId } : {} }) };
    this.#load = new Everyday({ system: this.#system, newLine, door });
    this.#signing = newLine();
    if (warm) for (const name of doors.gateway) await this.#warm(this.#system.ports[name]);
    await pause(SETTLE_MS);
    this.#idle = Object.fromEntries(ours.map((name) => [name, this.#held(name).fds]));
  }

  // Each connection goes to the thread that has waited for longest.
  async #warm(port) {
    const { article } = await makeStage(this.#system);
    let left = THREADS * WARM_TIMES;
    await Promise.all(Array.from({ length: WARM_AT_ONCE }, async () => {
      while (left-- > 0) assert.equal((await request('GET', `http://127.0.0.1:${port}/articles/${article.slug}`, { agent: false })).status, 200);
    }));
  }

  // stageMs: how long a poll is open. onSample is told of each, every sampleMs.
  async run({ seconds, sampleMs, stageMs, onSample = () => {} }) {
    await this.#load.start();
    await this.#calibrate();
    const began = performance.now();
    let staged = began;
    let next = Promise.resolve();
    let busy = false;
    for (let due = began + sampleMs; performance.now() < began + seconds * 1000; due += sampleMs) {
      await pause(Math.max(0, due - performance.now()));
      // Checking a password takes 64 MiB for a moment: never while memory is looked at.
      const sample = await this.#sample(began, sampleMs);
      this.samples.push(sample);
      onSample(sample);
      await this.#load.signIn(this.#signing);
      if (busy || performance.now() - staged < stageMs) continue;
      staged = performance.now();
      busy = true;
      next = next.then(() => this.#load.nextStage()).finally(() => { busy = false; });
      next.catch(() => {});
    }
    await next;
    await this.#load.stop();
    this.#signing.close();
  }

  // As fast as it goes for a while, then a third of that.
  async #calibrate() {
    const { asked } = this.#load;
    await pause(CALIBRATE_MS);
    this.capacity = Math.round((this.#load.asked - asked) * 1000 / CALIBRATE_MS);
    this.#load.perSecond = this.capacity * SHARE;
    this.#load.takeTimes();
  }

  #held(name) {
    const got = held(name === 'edge' ? this.#edge.pid : this.#system.pids[name]);
    if (!got) throw new Error(`${name} has gone`);
    return got;
  }

  async #sample(began, sampleMs) {
    const times = this.#load.takeTimes();
    const info = await this.#system.redis('INFO', 'memory');
    const bytes = (field) => Math.round(Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)[1]) / 1024);
    const sample = {
      s: Math.round((performance.now() - began) / 100) / 10, rate: Math.round(times.length * 1000 / sampleMs),
      p50_ms: Math.round(quantile(times, 0.5) * 10) / 10, p99_ms: Math.round(quantile(times, 0.99) * 10) / 10,
      failures: this.#load.failures.length, watchers: this.#load.watching,
      redis_used_kib: bytes('used_memory'), redis_rss_kib: bytes('used_memory_rss'),
    };
    for (const name of ours) {
      const { rss, fds, threads } = this.#held(name);
      Object.assign(sample, { [`${name}_rss_kib`]: rss, [`${name}_fds`]: fds, [`${name}_threads`]: threads });
    }
    return sample;
  }

  told() {
    const load = this.#load;
    return `${load.asked} requests at a third of ${this.capacity}/s, ${load.streams} streams; ${load.stages} polls closed and counted; `
      + `${load.acknowledged} writes acknowledged, ${load.counted} found; ${load.failures.length} failures`;
  }

  // How each process grew in the second half: [{name, what, mean, grown, perHour, bound}].
  grown() {
    const rows = [];
    const hours = (this.samples.at(-1).s - this.samples[Math.floor(this.samples.length / 2)].s) / 3600;
    const add = (name, what, field, least, share) => {
      const { grown, mean } = growth(this.samples.map((each) => [each.s, each[field]]));
      rows.push({ name, what, mean, grown, perHour: grown / hours, bound: Math.max(least, share * mean) });
    };
    for (const name of ours) {
      add(name, 'memory, KiB', `${name}_rss_kib`, FLAT_KIB, FLAT_SHARE);
      add(name, 'descriptors', `${name}_fds`, FLAT_FDS, FLAT_FDS_SHARE);
    }
    return rows;
  }

  assertNothingFailed() {
    const load = this.#load;
    assert.deepEqual(load.failures.slice(0, 10), [], `${load.failures.length} failures`);
    assert.equal(load.counted, load.acknowledged, 'what was acknowledged is there');
  }

  // Each process has the descriptors that it had before the load.
  async assertIdle() {
    for (const name of ours) {
      await waitFor(() => this.#held(name).fds <= this.#idle[name] + IDLE_FDS, { deadline: 30000, every: 200, what: `${name} has its ${this.#idle[name]} descriptors again` })
        .catch((error) => { throw new Error(`${error.message}, but ${this.#held(name).fds}`); });
    }
  }

  async stop() {
    await this.#load?.abandon();
    await this.#edge?.stop();
    await this.#system?.stop();
  }
}
