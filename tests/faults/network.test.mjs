// network.test.mjs - processes on machines of their own, and the network between them cut: both ways or
// one way only, while people read, write, vote and watch, and then healed. Nothing that was acknowledged
// is lost or there twice; while another instance is there, nobody notices once the silence has been
// noticed. VOXPOP_LONG=1: longer, and three times. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { longForm, resultsOf } from '../support/ballots.mjs';
import { Line } from '../support/line.mjs';
import { assertNothingLost, makeStage, Mixed, watch } from '../support/mixed.mjs';
import { makeNet, netMissing } from '../support/net.mjs';
import { Redis } from '../support/redis.mjs';
import { slow, startSystem, waitFor } from '../support/system.mjs';

const cutMs = longForm ? 8000 : 3000; // longer than any silence is borne
const rounds = longForm ? 3 : 1;
const silenceMs = 1500; // on the wire, until an instance is given up
const redisMs = 1000; // at Redis
const noticedMs = 500; // and no more, until calls go elsewhere
const healedMs = 2500; // a connection that was being made in vain is given up, and the next one made
const services = ['articles', 'articles#2', 'comments', 'comments#2', 'polls', 'polls#2'];
const doors = ['gateway', 'live'];
const password = 'of-the-store';

// One Redis on a machine of its own.
class Store {
  #child;
  #redis;

  constructor(net) {
    this.host = net.hosts.redis;
    this.#child = spawn(...this.#line(net), { stdio: 'ignore' });
    this.#redis = new Redis({ host: this.host, port: 6379 }, ['default', password]);
    process.on('exit', () => this.stop());
  }

  #line(net) {
    const [first, ...rest] = [...net.wrap('redis'), 'redis-server', '--bind', this.host, '--requirepass', password, '--protected-mode', 'no',
      '--save', '', '--appendonly', 'no', '--tcp-keepalive', '60'];
    return [first, rest];
  }

  args() { return ['--redis-url', `redis://:${password}@${this.host}:6379`]; }
  command(...args) { return this.#redis.command(...args); }
  stop() {
    this.#redis.close();
    this.#child.kill('SIGKILL');
  }
}

const reason = netMissing && `, left out: ${netMissing}`;

describe(`the network is cut for ${cutMs / 1000} s${reason || ''}`, { skip: netMissing }, () => {
  let net;
  let store;
  let system;
  before(async () => {
    net = await makeNet([...doors, 'gateway#2', ...services, 'redis']);
    store = new Store(net);
    await waitFor(() => store.command('PING'), { what: 'Redis answers' });
    const bind = (name) => ['--bind', `tcp://${net.hosts[name]}:*`, '--publish', `tcp://${net.hosts[name]}:*`];
    system = await startSystem({
      services, spare: ['gateway#2'], curve: true, store, hosts: net.hosts, wrap: (name) => net.wrap(name),
      args: { ...Object.fromEntries(services.map((name) => [name, bind(name)])), gateway: ['--connections-per-address', '0'], live: ['--streams-per-address', '0'] },
    });
    await waitFor(async () => (await instances()).filter((each) => each.ready).length >= services.length, { what: 'all instances answer' });
  });
  after(async () => {
    net?.heal();
    await system?.stop();
    store?.stop();
    net?.end();
  });

  const openFiles = () => Object.fromEntries(services.map((name) => [name, readdirSync(`/proc/${system.pids[name]}/fd`).length]));
  const instances = async () => (await system.admin('GET', '/api/v1/status')).json.instances;
  const isReady = async (name) => (await instances()).some((each) => each.ready && each.endpoint.startsWith(`tcp://${net.hosts[name]}:`));

  // The load, while `cut` has cut something for a while; `during` looks at what is seen meanwhile. noticed: so
  // long after the cut calls may fail. Answers that should not be, by when they came.
  async function underLoad(t, { cut, during = async () => {}, noticed, back = async () => true }) {
    const stage = await makeStage(system);
    const watchers = watch(stage, 8, [system]);
    const mixed = new Mixed({ stage, newLine: () => new Line(system.ports.gateway, undefined, net.open('gateway')), again: true, perSecond: 200, seed: `${t.name}-${Date.now()}` });
    const told = [];
    try {
      await waitFor(() => mixed.acknowledged > 20 && watchers.every((each) => each.last), { deadline: 20000, what: 'all is in motion' });
      for (let round = 0; round < rounds; round++) {
        const begun = performance.now();
        cut();
        await during(stage);
        await pause(Math.max(0, cutMs - (performance.now() - begun)));
        const healed = performance.now();
        net.heal();
        await waitFor(() => back({ stage, watchers }), { deadline: 20000, what: 'all is as it was' });
        const backAt = performance.now();
        const until = mixed.acknowledged + 20;
        await waitFor(() => mixed.acknowledged > until, { deadline: 20000, what: 'it goes on' });
        told.push({ begun, healed, backAt });
        t.diagnostic(`as it was ${Math.round(backAt - healed)} ms after healing`);
      }
      await mixed.stop();
      t.diagnostic(mixed.told());
      await assertNothingLost(system, stage, watchers);
    } finally {
      net.heal();
      await mixed.stop().catch(() => {});
      await Promise.all(watchers.map((each) => each.close()));
    }
    const slack = 2 * mixed.longestStall;
    const since = (at) => told.filter((each) => each.begun <= at).map((each) => Math.round(at - each.begun)).at(-1);
    for (const { at, what } of mixed.failures.slice(0, 10)) t.diagnostic(`${since(at)} ms after a cut: ${what}`);
    const late = mixed.failures.filter(({ at }) => !told.some(({ begun, healed, backAt }) =>
      at >= begun && (at <= begun + (noticed + noticedMs) * slow + slack || (noticed === Infinity && at <= Math.min(backAt, healed + healedMs * slow) + slack))));
    // A client that is held up itself loses kept connections, and times say nothing.
    if (mixed.longestStall >= 1000) t.diagnostic('the machine was too busy to say when calls failed');
    else assert.deepEqual(late.map(({ at, what }) => `${since(at)} ms: ${what}`), [], 'failures only until the silence is noticed');
  }

  const cuts = {
    both: (these, other) => net.cut(these, other),
    'one way, to it': (these, other) => net.drop(these.map((one) => [other, one])),
    'one way, from it': (these, other) => net.drop(these.map((one) => [one, other])),
  };

  for (const [how, apply] of Object.entries(cuts)) {
    test(`an instance of each service and the gateway: ${how}`, async (t) => {
      const names = ['articles', 'comments', 'polls'];
      await underLoad(t, {
        cut: () => apply(names, 'gateway'),
        noticed: silenceMs,
        back: async () => (await Promise.all(names.map(isReady))).every(Boolean),
      });
    });

    test(`an instance of each service and Redis: ${how}`, async (t) => {
      const names = ['articles', 'comments', 'polls'];
      await underLoad(t, {
        cut: () => apply(names, 'redis'),
        noticed: redisMs,
        back: async () => (await Promise.all(names.map(isReady))).every(Boolean),
      });
    });
  }

  test('the doors and Redis: they go on from memory', async (t) => {
    await underLoad(t, {
      cut: () => net.cut('redis', doors),
      noticed: 0,
      during: async () => {
        const ready = () => fetch(`${system.urls.admin}/readyz`).then((got) => got.status);
        await waitFor(async () => await ready() === 503, { what: 'the gateway is not ready' });
        const got = await system.admin('GET', '/api/v1/status');
        assert.ok([503, 504].includes(got.status), `who asks cannot be found out: ${got.status}`);
      },
      back: async () => (await fetch(`${system.urls.admin}/readyz`)).status === 200,
    });
  });

  test('live and the services: watchers catch up', async (t) => {
    let counted; // when it was healed
    await underLoad(t, {
      cut: () => {
        counted = null;
        net.cut('live', services);
      },
      noticed: 0,
      back: async ({ stage, watchers }) => {
        counted ??= (await resultsOf(system, stage.poll)).version;
        return watchers.every((each) => !each.topic.startsWith('poll:') || each.last.version >= counted);
      },
    });
  });

  test('Redis and everybody: calls fail at once, and all comes back', async (t) => {
    await underLoad(t, {
      cut: () => net.cut('redis', [...services, ...doors]),
      noticed: Infinity,
      during: async (stage) => {
        await waitFor(async () => {
          const got = await system.api('GET', `/api/v1/polls/${stage.poll.id}/results`);
          return got.status === 503 && got.ms < 300 * slow;
        }, { what: 'calls fail at once' });
      },
      back: async () => (await Promise.all(services.map(isReady))).every(Boolean),
    });
  });

  // Who is cut off when it ends cannot say that it hangs up.
  test('a machine that is gone leaves no connection', async (t) => {
    const first = openFiles();
    const more = () => {
      const now = openFiles();
      return services.map((name) => now[name] - first[name]);
    };
    system.launch('gateway#2');
    await system.ready('gateway#2');
    await waitFor(() => more().every((n) => n > 0), { what: 'it has a connection to each instance' });
    net.cut('gateway#2', [...services, 'redis']);
    await system.kill('gateway#2');
    await net.remove('gateway#2'); // and so the kernel cannot say it either
    const since = performance.now();
    await waitFor(() => more().every((n) => n <= 0), { deadline: 30000, every: 100, what: 'its connections are gone' });
    t.diagnostic(`after ${Math.round(performance.now() - since)} ms`);
    net.heal();
  });
});
