// kill.test.mjs - behind an edge, while people read, write, vote and watch, every 2 s a process is
// killed, any but the last of its kind, and started again. Nothing that was acknowledged is lost or
// there twice; at most one request in a thousand gets a 502, 503 or 504, and none of them later than
// 1 s after a death. VOXPOP_LONG=1: 2 minutes and 500 watchers. VOXPOP_SEED: the same order again.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import tls from 'node:tls';

import { edgeMissing, startEdge } from '../support/edge.mjs';
import { Line } from '../support/line.mjs';
import { assertNothingLost, longForm, makeStage, Mixed, watch } from '../support/mixed.mjs';
import { Chance, newSeed } from '../support/random.mjs';
import { slow, startSystem, waitFor } from '../support/system.mjs';

const seconds = longForm ? 120 : 20;
const watchersMany = longForm ? 500 : 50;
const everyMs = 2000;
const recoveryMs = 1000 * slow;
const kinds = {
  articles: ['articles', 'articles#2'],
  comments: ['comments', 'comments#2'],
  polls: ['polls', 'polls#2', 'polls#3'],
  gateway: ['gateway', 'gateway#2'],
  live: ['live#2', 'live#3'],
};
const seed = newSeed();

describe(`a process is killed every ${everyMs / 1000} s, seed ${seed}`, { skip: edgeMissing }, () => {
  let system;
  let edge;
  let mixed;
  let watchers = [];
  before(async () => {
    const trusted = ['--trusted-proxies', '127.0.0.1'];
    system = await startSystem({
      services: [...kinds.articles, ...kinds.comments, ...kinds.polls], live: false, spare: ['gateway#2', ...kinds.live],
      args: { gateway: [...trusted, '--connections-per-address', '0'], live: [...trusted, '--streams-per-address', '0'] },
    });
    for (const name of ['gateway#2', ...kinds.live]) system.launch(name);
    for (const name of ['gateway#2', ...kinds.live]) await system.ready(name);
    edge = await startEdge({
      gateways: [{ port: system.ports.gateway, admin: system.ports.admin }, { port: system.ports['gateway#2'], admin: system.ports['admin:gateway#2'] }],
      lives: kinds.live.map((name) => ({ port: system.ports[name], admin: system.ports[`admin:${name}`] })),
    });
  });
  after(async () => {
    await mixed?.stop().catch(() => {});
    await Promise.all(watchers.map((each) => each.close()));
    await edge?.stop();
    await system?.stop();
  });

  test('acknowledged is acknowledged', async (t) => {
    const chance = new Chance(seed);
    const stage = await makeStage(system);
    const door = { sse: (topic, { lastEventId, ...rest } = {}) => edge.sse(topic, { ...rest, headers: lastEventId ? { 'last-event-id': lastEventId } : {} }) };
    const secure = ({ port, host }) => tls.connect({ port, host, ca: edge.ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
    watchers = watch(stage, watchersMany, [door]);
    mixed = new Mixed({ stage, newLine: () => new Line(edge.ports.https, undefined, secure), again: true, seed: `k${seed}` });
    await waitFor(() => mixed.acknowledged > 20 && watchers.every((each) => each.last), { deadline: 20000, what: 'all is in motion' });

    const deaths = [];
    const starting = new Map(); // name → until it is ready
    const end = performance.now() + seconds * 1000;
    for (let next = performance.now(); next < end; next += everyMs) {
      await pause(Math.max(0, next - performance.now()));
      const names = chance.pick(Object.values(kinds));
      const name = chance.pick(names);
      await Promise.all(names.map((each) => starting.get(each))); // one of a kind at a time
      deaths.push({ at: performance.now(), name });
      await system.kill(name);
      system.launch(name);
      starting.set(name, system.ready(name));
      starting.get(name).catch(() => {});
    }
    await Promise.all(starting.values());
    const until = mixed.acknowledged + 20;
    await waitFor(() => mixed.acknowledged > until, { deadline: 20000, what: 'it goes on' });
    await mixed.stop();

    t.diagnostic(`${deaths.length} deaths; ${mixed.told()}`);
    const since = (at) => {
      const death = deaths.filter((each) => each.at <= at).at(-1);
      return death ? `${Math.round(at - death.at)} ms after the death of ${death.name}` : 'before the first death';
    };
    for (const { began, ms, what } of mixed.slow.sort((a, b) => b.ms - a.ms).slice(0, 10)) t.diagnostic(`${Math.round(ms)} ms, from ${since(began)}: ${what}`);
    for (const { at, what } of mixed.failures) t.diagnostic(`${since(at)}: ${what}`);
    const late = mixed.failures.filter(({ at }) => !deaths.some((death) => at >= death.at && at - death.at <= recoveryMs + 2 * mixed.longestStall));
    assert.deepEqual(late.map((each) => each.what), [], 'failures only within a second of a death');
    assert.ok(mixed.failures.length <= mixed.asked / 1000, `${mixed.failures.length} of ${mixed.asked} failed`);
    // On a machine that is busy with other things, times say nothing about ours.
    const timed = mixed.longestStall < 1000;
    if (!timed) t.diagnostic('the machine was too busy to measure recoveries');
    for (const { at, name } of timed ? deaths : []) {
      for (const kind of ['page', 'vote', 'comment']) {
        const first = mixed.done.find((each) => each.kind === kind && each.began >= at);
        assert.ok(first && first.ended - at < recoveryMs + 2 * mixed.longestStall, `${name} died: a ${kind} after ${first && Math.round(first.ended - at)} ms`);
      }
    }
    await assertNothingLost(system, stage, watchers);
  });
});
