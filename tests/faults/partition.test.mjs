// partition.test.mjs - three Redis nodes with a Sentinel each on machines of their own, and the master's
// cut off: from the other nodes alone, so that all can still reach it, or from everybody. Another one
// becomes the master; what was acknowledged is there, once. VOXPOP_LONG=1: three times each.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { longForm } from '../support/ballots.mjs';
import { Line } from '../support/line.mjs';
import { assertNothingLost, makeStage, Mixed, watch } from '../support/mixed.mjs';
import { makeNet, netMissing } from '../support/net.mjs';
import { startSentinels } from '../support/sentinels.mjs';
import { startSystem, waitFor } from '../support/system.mjs';

const rounds = longForm ? 3 : 1;
const services = ['articles', 'comments', 'polls', 'polls#2'];
const processes = ['gateway', 'live', ...services];
const nodes = ['node-1', 'node-2', 'node-3'];

describe(`the master is cut off${netMissing ? `, left out: ${netMissing}` : ''}`, { skip: netMissing }, () => {
  let net;
  let redis;
  let system;
  before(async () => {
    net = await makeNet([...processes, ...nodes]);
    redis = await startSentinels({
      hosts: nodes.map((name) => net.hosts[name]), ports: { redis: 6379, sentinel: 26379 }, wrap: (name) => net.wrap(name.replace(/^.*-/, 'node-')),
    });
    const bind = (name) => ['--bind', `tcp://${net.hosts[name]}:*`, '--publish', `tcp://${net.hosts[name]}:*`];
    system = await startSystem({
      services, curve: true, store: redis, hosts: net.hosts, wrap: (name) => net.wrap(name),
      args: { ...Object.fromEntries(services.map((name) => [name, bind(name)])), gateway: ['--durability', 'replica', '--connections-per-address', '0'] },
    });
  });
  beforeEach(() => redis.whole(60000));
  after(async () => {
    net?.heal();
    await system?.stop();
    await redis?.stop();
    net?.end();
  });

  const polls = async () => {
    const got = await system.admin('GET', '/api/v1/status');
    return got.status === 200 ? got.json.instances.filter((each) => each.service === 'polls' && each.ready).map((each) => each.id) : [];
  };

  async function isolated(t, from, during = async () => {}) {
    const stage = await makeStage(system);
    const watchers = watch(stage, 4, [system]);
    const mixed = new Mixed({
      stage, newLine: () => new Line(system.ports.gateway, undefined, net.open('gateway')), again: true, perSecond: 100, seed: `${t.name}-${Date.now()}`,
      token: system.token, kinds: ['vote', 'page', 'comment', 'results', 'vote', 'article'],
    });
    try {
      for (let round = 0; round < rounds; round++) {
        const master = await redis.whole(60000);
        await waitFor(() => mixed.acknowledged > 20, { deadline: 20000, what: 'all is in motion' });
        const since = performance.now();
        net.cut(nodes[master], from(nodes[master]));
        await waitFor(async () => await redis.master() !== master, { deadline: 60000, what: 'another one is the master' });
        const named = performance.now();
        const begun = mixed.acknowledged;
        await waitFor(() => mixed.acknowledged > begun + 20, { deadline: 30000, what: 'writes go on' });
        t.diagnostic(`another master after ${Math.round(named - since)} ms, 20 more writes after ${Math.round(performance.now() - since)} ms`);
        await during();
        net.heal();
      }
      await mixed.stop();
      t.diagnostic(mixed.told());
      await assertNothingLost(system, stage, watchers, { unsaid: true });
    } finally {
      net.heal();
      await mixed.stop().catch(() => {});
      await Promise.all(watchers.map((each) => each.close()));
    }
  }

  test('from the other nodes: those who still reach it leave it', async (t) => {
    await isolated(t, (master) => nodes.filter((each) => each !== master), async () => {
      const before = await waitFor(async () => {
        const found = await polls();
        return found.length === 2 && found;
      }, { deadline: 20000, what: 'who is there is told' });
      const since = performance.now();
      await system.restart('polls#2');
      await waitFor(async () => (await polls()).some((id) => !before.includes(id)), { deadline: 30000, what: 'an instance that started meanwhile is found' });
      t.diagnostic(`an instance that started meanwhile is found after ${Math.round(performance.now() - since)} ms`);
    });
  });

  test('from everybody', async (t) => {
    await isolated(t, (master) => [...processes, ...nodes.filter((each) => each !== master)]);
    const found = await Promise.all(nodes.map((_, i) => redis.ask(`redis-${i + 1}`, 'ROLE').then(([role]) => role)));
    assert.ok(found.includes('slave'), `roles ${found}`);
  });
});
