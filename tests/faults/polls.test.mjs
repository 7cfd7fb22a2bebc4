// polls.test.mjs - a steady stream of votes while one process after another is killed and started
// again: what was acknowledged is counted, once, and watchers end on the last state. Each voter
// asks with the same Idempotency-Key until there is an answer. VOXPOP_LONG=1: each instance of
// svc-polls, the gateway and voxpop-live ten times, and Redis five times. VOXPOP_SEED: the same
// order again. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { assertCounted, longForm, makePoll, resultsOf } from '../support/ballots.mjs';
import { Follower } from '../support/follower.mjs';
import { Lines } from '../support/line.mjs';
import { Chance, newSeed } from '../support/random.mjs';
import { slow, startSystem, waitFor } from '../support/system.mjs';
import { Voters } from '../support/voters.mjs';

const perSecond = 2000 / slow;
const connections = 96;
const instances = ['polls', 'polls#2', 'polls#3'];
const kills = longForm ? { polls: 10, 'polls#2': 10, 'polls#3': 10, gateway: 10, live: 10, redis: 5 }
  : { polls: 2, 'polls#2': 1, 'polls#3': 1, gateway: 2, live: 2, redis: 2 };

const seed = newSeed();

describe(`processes are killed under ${perSecond} votes a second, seed ${seed}`, () => {
  let system;
  let lines;
  const watchers = [];
  let load;
  before(async () => {
    system = await startSystem({ services: ['articles', 'comments', ...instances],
      args: { gateway: ['--http-threads', '128', '--connections-per-address', '0'] } });
    lines = new Lines(system.ports.gateway, connections);
  });
  after(async () => {
    lines?.close();
    await load?.stop();
    await Promise.all(watchers.map((each) => each.close()));
    await system?.stop();
  });

  const make = async (rest) => Object.assign(await makePoll(system, rest), { model: new Map() });

  // The next one may be killed while the one before is not yet there, but not before it is started.
  const killAll = async (chance, t) => {
    const order = chance.sample(Object.entries(kills).flatMap(([name, n]) => Array(n).fill(name)), Object.values(kills).reduce((a, b) => a + b));
    const starting = new Map();
    for (const name of order) {
      const later = load.answered + chance.below(perSecond * (chance.holds(0.3) ? 0.2 : 1.5));
      await waitFor(() => load.answered >= later, { deadline: 30000, what: 'votes are counted again' });
      await starting.get(name);
      t.diagnostic(`${name} after ${load.answered} answers`);
      await system.kill(name);
      system.launch(name);
      starting.set(name, system.ready(name));
      starting.get(name).catch(() => {});
      if (load.failures.length) throw load.failures[0];
    }
    await Promise.all(starting.values());
  };

  test('each acknowledged vote is counted once', async (t) => {
    const chance = new Chance(seed);
    const polls = { fixed: await make({ options: 6 }), changeable: await make({ options: 3, changeable: true }) };
    for (const poll of Object.values(polls)) {
      for (let i = 0; i < 3; i++) watchers.push(new Follower(system, `poll:${poll.id}`));
    }
    load = new Voters(lines, { chance: chance.branch(), polls, perSecond, seed });
    await killAll(chance, t);
    const until = load.answered + perSecond;
    await waitFor(() => load.answered > until, { deadline: 30000, what: 'votes are counted at the end' });
    await load.stop();
    if (load.failures.length) throw load.failures[0];
    t.diagnostic(`${load.started} voters, ${load.answered} requests answered, ${load.rate} a second, ${load.retries} retries, ${load.again} asked again; slowest ${Math.round(load.slowest)} ms`);
    for (const [name, poll] of Object.entries(polls)) {
      const { version } = await resultsOf(system, poll);
      const own = watchers.filter((each) => each.topic === `poll:${poll.id}`);
      await Promise.all(own.map((each) => each.reaches(version)));
      const counted = await assertCounted(system, poll, poll.model, name);
      for (const each of own) {
        assert.deepEqual(each.wrong, [], 'a watcher saw time go back');
        assert.deepEqual([each.last.voters, each.last.votes], [counted.voters, counted.votes]);
        t.diagnostic(`${name}: a watcher saw ${each.states} states in ${each.streams} streams`);
      }
    }
  });
});
