// fleet.mjs - a system with several of each process, behind an edge if wanted, under a mixed load:
// for tests in which processes are replaced or killed while people read, write, vote and watch.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import tls from 'node:tls';

import { startEdge } from './edge.mjs';
import { Line } from './line.mjs';
import { assertNothingLost, makeStage, Mixed, watch } from './mixed.mjs';
import { request, startSystem, waitFor } from './system.mjs';

export const services = ['articles', 'comments', 'polls'];
const doors = ['gateway', 'live'];
const STARTED_MS = 20000;

// The plain live has no admin port, which an edge needs.
const nameOf = (kind, i) => (kind === 'live' ? `live#${i + 2}` : i ? `${kind}#${i + 1}` : kind);

// of: kind → how many of it there are; rest: how many of these, the last ones, do not run at first.
// Without an edge there is one gateway and one live, which are not of the fleet. programs(kind, i):
// the folder with the programs of the i-th of a kind.
export async function startFleet({ of, rest = 0, edge = true, args = {}, programs }) {
  const fleet = new Fleet();
  try {
    await fleet.start({ of, rest, edge, args, programs });
  } catch (error) {
    await fleet.stop().catch(() => {});
    throw error;
  }
  return fleet;
}

class Fleet {
  names = {}; // kind → all names
  running = {}; // kind → names, the one that has run for longest first
  resting = {};
  watchers = [];
  #ends = 0;

  async start({ of, rest, edge, args, programs }) {
    const kinds = [...services, ...(edge ? doors : [])];
    const folders = {};
    for (const kind of kinds) {
      this.names[kind] = Array.from({ length: of[kind] ?? of.each }, (_, i) => nameOf(kind, i));
      this.names[kind].forEach((name, i) => { if (programs) folders[name] = programs(kind, i); });
      this.running[kind] = this.names[kind].slice(0, this.names[kind].length - rest);
      this.resting[kind] = this.names[kind].slice(this.names[kind].length - rest);
    }
    const trusted = edge ? ['--trusted-proxies', '127.0.0.1'] : [];
    this.system = await startSystem({
      services: services.flatMap((kind) => this.running[kind]), live: !edge, programs: folders,
      spare: [...services.flatMap((kind) => this.resting[kind]), ...(edge ? [...this.names.gateway.slice(1), ...this.names.live] : [])],
      args: { gateway: [...trusted, ...(args.gateway ?? []), '--connections-per-address', '0'], live: [...trusted, '--streams-per-address', '0'] },
    });
    if (!edge) return;
    const others = [...this.running.gateway.slice(1), ...this.running.live];
    for (const name of others) this.system.launch(name);
    for (const name of others) await this.system.ready(name);
    this.edge = await startEdge({ gateways: this.names.gateway.map((name) => this.#server(name)), lives: this.names.live.map((name) => this.#server(name)) });
  }

  #server(name) {
    const { ports } = this.system;
    return { port: ports[name], admin: ports[name === 'gateway' ? 'admin' : `admin:${name}`] };
  }

  // The mixed load begins, and so many watch.
  async load({ watchers, ...options }) {
    const { system, edge } = this;
    this.stage = await makeStage(system);
    const door = edge ? { sse: (topic, { lastEventId, ...rest } = {}) => edge.sse(topic, { ...rest, headers: lastEventId ? { 'last-event-id': lastEventId } : {} }) } : system;
    const secure = ({ port, host }) => tls.connect({ port, host, ca: edge.ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
    this.watchers = watch(this.stage, watchers, [door]);
    this.mixed = new Mixed({ stage: this.stage, newLine: () => (edge ? new Line(edge.ports.https, undefined, secure) : new Line(system.ports.gateway)), ...options });
    await waitFor(() => this.mixed.acknowledged > 20 && this.watchers.every((each) => each.last), { deadline: STARTED_MS, what: 'all is in motion' });
  }

  // So many more writes are acknowledged.
  async writes(n) {
    const until = this.mixed.acknowledged + n;
    await waitFor(() => this.mixed.acknowledged >= until, { deadline: 60000, what: `${n} more writes` });
  }

  #endpointOf(name) {
    return this.system.log(name).match(/ready at [a-z]+:\/\/\S+?(?=["/ ]|$)/gm).at(-1).slice('ready at '.length);
  }

  // Whether all gateways call it, or the edge does. While one of them is away this rejects.
  async isSeen(kind, name) {
    if (doors.includes(kind)) {
      return await this.edge.metric('haproxy_server_status', [`proxy="${kind}"`, `server="${kind}-${this.names[kind].indexOf(name) + 1}"`, 'state="UP"']) === 1;
    }
    const endpoint = this.#endpointOf(name);
    for (const gateway of this.running.gateway ?? ['gateway']) {
      const got = await request('GET', `http://127.0.0.1:${this.system.ports[gateway]}/api/v1/status`, { token: this.system.token, agent: false });
      if (got.status !== 200 || !got.json.instances.some((each) => each.endpoint === endpoint && each.ready)) return false;
    }
    return true;
  }

  // A service one time by the command, the next time by the signal.
  async #end(kind, name) {
    const { system } = this;
    if (kind === 'gateway') system.urls.site = `http://127.0.0.1:${system.ports[this.running.gateway.find((each) => each !== name)]}`;
    if (doors.includes(kind) || this.#ends++ % 2) return system.kill(name, 'SIGTERM');
    const endpoint = this.#endpointOf(name);
    const { id } = (await system.admin('GET', '/api/v1/status')).json.instances.find((each) => each.endpoint === endpoint);
    const ended = system.expectEnd(name);
    const told = await system.admin('POST', `/api/v1/instances/${id}/drain`);
    assert.equal(told.status, 202, told.text);
    return ended;
  }

  // The next one that rests is started and, when it is seen, the one that has run for longest ended.
  async replace(kind) {
    const fresh = this.resting[kind].shift();
    this.system.launch(fresh);
    await this.system.ready(fresh);
    await waitFor(() => this.isSeen(kind, fresh), { deadline: 20000, what: `${fresh} is seen` });
    this.running[kind].push(fresh);
    const old = this.running[kind].shift();
    assert.equal(await this.#end(kind, old), 0, `${old} ended cleanly`);
    this.resting[kind].push(old);
    if (this.mixed?.failures.length) throw new Error(`after ${this.mixed.asked} requests, ${fresh} in place of ${old}: ${this.mixed.failures[0].what}`);
  }

  // The load ends; no request has failed, and nothing is lost.
  async finish(t) {
    await this.mixed.stop();
    t.diagnostic(this.mixed.told());
    assert.deepEqual(this.mixed.failures, []);
    await this.assertNothingLost();
  }

  assertNothingLost() { return assertNothingLost(this.system, this.stage, this.watchers); }

  async stop() {
    await this.mixed?.stop().catch(() => {});
    await Promise.all(this.watchers.map((each) => each.close()));
    await this.edge?.stop();
    await this.system?.stop();
  }
}
