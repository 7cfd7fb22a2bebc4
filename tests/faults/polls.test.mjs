// polls.test.mjs - a steady stream of votes while one process after another is killed and started
// again: what was acknowledged is counted, once, and watchers end on the last state. Each voter
// asks with the same Idempotency-Key until there is an answer. VOXPOP_LONG=1: each instance of
// svc-polls, the gateway and voxpop-live ten times, and Redis five times. VOXPOP_SEED: the same
// order again. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { assertCounted, castBytes, choicesText, insist, longForm, makePoll, resultsOf, withdrawBytes } from '../support/ballots.mjs';
import { Follower } from '../support/follower.mjs';
import { Lines } from '../support/line.mjs';
import { Chance, newSeed } from '../support/random.mjs';
import { slow, startSystem, waitFor } from '../support/system.mjs';

const perSecond = 2000 / slow;
const tickMs = 5;
const connections = 96;
const pendingMost = 2 * perSecond; // voters without an answer: a machine that is slower gets no more
const instances = ['polls', 'polls#2', 'polls#3'];
const kills = longForm ? { polls: 10, 'polls#2': 10, 'polls#3': 10, gateway: 10, live: 10, redis: 5 }
  : { polls: 2, 'polls#2': 1, 'polls#3': 1, gateway: 2, live: 2, redis: 2 };

const seed = newSeed();
const told = (got) => `${got.status} ${got.text}`;

// Votes at a steady rate, however long the answers take.
class Load {
  started = 0; // voters
  planned = 0; // their requests
  answered = 0;
  retries = 0;
  again = 0;
  slowest = 0;
  failures = [];
  #began = performance.now();
  #pending = new Set();
  #timer;

  constructor(lines, chance, polls) {
    Object.assign(this, { lines, chance, ...polls });
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  #tick() {
    const due = Math.floor((performance.now() - this.#began) / 1000 * perSecond);
    while (this.planned < due) {
      if (this.#pending.size >= pendingMost) {
        this.planned = due;
        return;
      }
      const voter = ++this.started % 8 ? this.#once() : this.#changing();
      this.#pending.add(voter);
      voter.catch((error) => this.failures.push(error)).finally(() => this.#pending.delete(voter));
    }
  }

  async #ask(bytes, statuses) {
    const began = performance.now();
    const got = await insist(this.lines, bytes, { onRetry: () => { this.retries++; } });
    this.answered++;
    this.slowest = Math.max(this.slowest, performance.now() - began);
    assert.ok(statuses.includes(got.status), `${told(got)} to ${bytes}`);
    return got;
  }

  // One who votes, and perhaps asks again much later, or again at once with the cookie.
  async #once() {
    const { chance, fixed } = this;
    this.planned++;
    const choices = [chance.pick(fixed.options).id];
    const key = `${seed}-${this.started}`;
    const got = await this.#ask(castBytes(fixed, choices, { key }), [201]);
    const { ballot_id: id } = got.json;
    assert.ok(!fixed.model.has(id), `two voters have the ballot ${id}`);
    fixed.model.set(id, choicesText(choices));
    if (!chance.holds(0.1)) return;
    const later = this.answered + chance.below(perSecond * 2);
    await waitFor(() => this.answered >= later || !this.#timer, { every: 100, deadline: 600000, what: 'later' });
    this.again++;
    const same = await this.#ask(castBytes(fixed, choices, { key, cookie: chance.pick([undefined, got.cookie]) }), [201]);
    assert.equal(same.json.ballot_id, id, 'the same vote, the same answer');
  }

  // One who votes, thinks again and again, and may take it back.
  async #changing() {
    const { chance, changeable } = this;
    const name = `${seed}-${this.started}`;
    const steps = 1 + chance.below(4);
    this.planned += steps;
    let cookie;
    let id;
    for (let step = 0; step < steps; step++) {
      const choices = [chance.pick(changeable.options).id];
      const got = await this.#ask(castBytes(changeable, choices, { key: `${name}-${step}`, cookie }), [201]);
      cookie ??= got.cookie;
      if (id) changeable.model.delete(id);
      id = got.json.ballot_id;
      changeable.model.set(id, choicesText(choices));
    }
    if (!chance.holds(0.3)) return;
    await this.#ask(withdrawBytes(changeable, { key: `${name}-back`, cookie }), [200]);
    changeable.model.delete(id);
  }

  get rate() { return Math.round(this.answered / (performance.now() - this.#began) * 1000); }

  // No new voters; resolves when each has been answered.
  async stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    while (this.#pending.size) await Promise.allSettled(this.#pending);
  }
}

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
    load = new Load(lines, chance.branch(), polls);
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
