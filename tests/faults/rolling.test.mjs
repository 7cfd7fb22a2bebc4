// rolling.test.mjs - every instance is replaced while people read, write, vote and watch: a new one
// is started, and when it is seen the old one drains. No request fails, nothing that was written is
// lost or there twice, every watcher ends on the last state. VOXPOP_LONG=1: each 20 times, with 500
// watchers; and through the edge, where gateways and lives are replaced, too.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';

import { edgeMissing, startEdge } from '../support/edge.mjs';
import { Line } from '../support/line.mjs';
import { assertNothingLost, longForm, makeStage, Mixed, watch } from '../support/mixed.mjs';
import { request, startSystem, waitFor } from '../support/system.mjs';

const times = longForm ? 20 : 2;
const watchersMany = longForm ? 500 : 50;

// A call that is lost fails all the same, and one that only waits on a busy machine does not; less
// than what the edge waits.
const patient = ['--service-ms', '4500'];

// Processes of one kind that take turns: all run but one, which is the next to be started.
class Turns {
  constructor(...names) {
    this.running = names;
    this.next = this.running.pop();
  }

  // Starts the next one and ends the one that has run for longest.
  async turn(system, { isSeen, end }) {
    const old = this.running.shift();
    system.launch(this.next);
    await system.ready(this.next);
    await waitFor(() => isSeen(this.next), { deadline: 10000, what: `${this.next} is seen` });
    assert.equal(await end(old), 0, `${old} ended cleanly`);
    this.running.push(this.next);
    this.next = old;
  }
}

const endpointOf = (system, name) => system.log(name).match(/ready at [a-z]+:\/\/\S+?(?=["/ ]|$)/gm).at(-1).slice('ready at '.length);

// Whether the gateways at these ports call it.
async function isSeenBy(system, ports, name) {
  const endpoint = endpointOf(system, name);
  for (const port of ports) {
    const got = await request('GET', `http://127.0.0.1:${port}/api/v1/status`, { token: system.token, agent: false });
    if (got.status !== 200 || !got.json.instances.some((each) => each.endpoint === endpoint && each.ready)) return false;
  }
  return true;
}

// One time by the command, the next time by the signal.
let ends = 0;
async function endService(system, name) {
  if (ends++ % 2) return system.kill(name, 'SIGTERM');
  const endpoint = endpointOf(system, name);
  const { id } = (await system.admin('GET', '/api/v1/status')).json.instances.find((each) => each.endpoint === endpoint);
  const ended = system.expectEnd(name);
  const told = await system.admin('POST', `/api/v1/instances/${id}/drain`);
  assert.equal(told.status, 202, told.text);
  return ended;
}

// What is the same with and without an edge.
async function replaceAll(t, { system, stage, mixed, watchers, services, doors = [] }) {
  await waitFor(() => mixed.acknowledged > 20 && watchers.every((each) => each.last), { deadline: 20000, what: 'all is in motion' });
  for (let i = 0; i < times; i++) {
    for (const { turns, count, isSeen, end } of [...services, ...doors]) {
      for (let k = 0; k < count; k++) await turns.turn(system, { isSeen, end });
      if (mixed.failures.length) throw new Error(`after ${mixed.asked} requests: ${mixed.failures[0].what}`);
    }
  }
  const until = mixed.acknowledged + 20;
  await waitFor(() => mixed.acknowledged > until, { deadline: 20000, what: 'it goes on' });
  await mixed.stop();
  t.diagnostic(mixed.told());
  assert.deepEqual(mixed.failures, []);
  await assertNothingLost(system, stage, watchers);
}

describe(`every service is replaced ${times} times`, () => {
  let system;
  let mixed;
  let watchers = [];
  before(async () => {
    system = await startSystem({ services: ['articles', 'comments', 'polls', 'polls#2'], spare: ['articles#2', 'comments#2', 'polls#3'],
      args: { gateway: [...patient, '--connections-per-address', '0'], live: ['--streams-per-address', '0'] } });
  });
  after(async () => {
    await mixed?.stop().catch(() => {});
    await Promise.all(watchers.map((each) => each.close()));
    await system?.stop();
  });

  test('nobody notices', async (t) => {
    const stage = await makeStage(system);
    watchers = watch(stage, watchersMany, [system]);
    mixed = new Mixed({ stage, newLine: () => new Line(system.ports.gateway) });
    const isSeen = (name) => isSeenBy(system, [system.ports.gateway], name);
    const end = (name) => endService(system, name);
    const services = [new Turns('articles', 'articles#2'), new Turns('comments', 'comments#2'), new Turns('polls', 'polls#2', 'polls#3')]
      .map((turns) => ({ turns, count: turns.running.length, isSeen, end }));
    await replaceAll(t, { system, stage, mixed, watchers, services });
  });
});

const skip = longForm ? edgeMissing : 'the long form only';
describe(`every process behind an edge is replaced ${times} times`, { skip }, () => {
  const gateways = ['gateway', 'gateway#2', 'gateway#3'];
  const lives = ['live#2', 'live#3', 'live#4'];
  let system;
  let edge;
  let mixed;
  let watchers = [];
  before(async () => {
    const trusted = ['--trusted-proxies', '127.0.0.1'];
    system = await startSystem({
      services: ['articles', 'articles#2', 'comments', 'comments#2', 'polls', 'polls#2'], live: false,
      spare: ['articles#3', 'comments#3', 'polls#3', ...gateways.slice(1), ...lives],
      args: { gateway: [...trusted, ...patient, '--connections-per-address', '0'], live: [...trusted, '--streams-per-address', '0'] },
    });
    for (const name of ['gateway#2', 'live#2', 'live#3']) system.launch(name);
    for (const name of ['gateway#2', 'live#2', 'live#3']) await system.ready(name);
    edge = await startEdge({
      gateways: gateways.map((name) => ({ port: system.ports[name], admin: system.ports[name === 'gateway' ? 'admin' : `admin:${name}`] })),
      lives: lives.map((name) => ({ port: system.ports[name], admin: system.ports[`admin:${name}`] })),
    });
  });
  after(async () => {
    await mixed?.stop().catch(() => {});
    await Promise.all(watchers.map((each) => each.close()));
    await edge?.stop();
    await system?.stop();
  });

  test('nobody notices', async (t) => {
    const stage = await makeStage(system);
    const door = { sse: (topic, { lastEventId, ...rest } = {}) => edge.sse(topic, { ...rest, headers: lastEventId ? { 'last-event-id': lastEventId } : {} }) };
    const secure = ({ port, host }) => tls.connect({ port, host, ca: edge.ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
    watchers = watch(stage, watchersMany, [door]);
    mixed = new Mixed({ stage, newLine: () => new Line(edge.ports.https, undefined, secure) });
    const turnsOfGateways = new Turns(...gateways);
    const isUp = (backend, name, names) => edge.metric('haproxy_server_status',
      [`proxy="${backend}"`, `server="${backend}-${names.indexOf(name) + 1}"`, 'state="UP"']).then((up) => up === 1);
    const isSeen = (name) => isSeenBy(system, turnsOfGateways.running.map((each) => system.ports[each]), name);
    const end = (name) => endService(system, name);
    const kill = (name) => {
      const other = [...turnsOfGateways.running, turnsOfGateways.next].find((each) => each !== name && system.pids[each]);
      system.urls.site = `http://127.0.0.1:${system.ports[other]}`; // the one that the test itself asks
      return system.kill(name, 'SIGTERM');
    };
    await replaceAll(t, { system, stage, mixed, watchers,
      services: ['articles', 'comments', 'polls'].map((name) => ({ turns: new Turns(name, `${name}#2`, `${name}#3`), count: 2, isSeen, end })),
      doors: [{ turns: turnsOfGateways, count: 2, isSeen: (name) => isUp('gateway', name, gateways), end: kill },
        { turns: new Turns(...lives), count: 2, isSeen: (name) => isUp('live', name, lives), end: kill }] });
  });
});
