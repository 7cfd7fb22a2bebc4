// failover.test.mjs - three Redis nodes with a Sentinel each, as deploy/ ships them, and durability=replica:
// the master is killed under votes and starts again as a replica, replicas die, a master is frozen and
// wakes. What was acknowledged is counted, once, watchers never see time go back, and all comes back by
// itself. VOXPOP_LONG=1: ten deaths of a master, and strict times. VOXPOP_SEED: the same order again.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { assertCounted, castBytes, longForm, makePoll, resultsOf } from '../support/ballots.mjs';
import { Follower } from '../support/follower.mjs';
import { Line, Lines } from '../support/line.mjs';
import { assertNothingLost, makeStage, Mixed, watch } from '../support/mixed.mjs';
import { Chance, newSeed } from '../support/random.mjs';
import { startSentinels } from '../support/sentinels.mjs';
import { slow, startSystem, waitFor } from '../support/system.mjs';
import { Voters } from '../support/voters.mjs';

const perSecond = 1000 / slow;
const deaths = longForm ? 10 : 1;
const most = longForm ? deaths : 3; // on a machine that is busy with other things, once more
const backMs = 5000; // from a death to the first acknowledged vote
const refusedMs = 2000; // the longest that a write waits for its refusal
const frozenMs = 8000; // longer than Sentinels need to name another master
const seed = newSeed();

describe(`three Redis nodes under ${perSecond} votes a second, seed ${seed}`, () => {
  let redis;
  let system;
  const chance = new Chance(seed);
  before(async () => {
    redis = await startSentinels();
    system = await startSystem({
      store: redis, services: ['articles', 'comments', 'polls', 'polls#2'],
      args: { gateway: ['--durability', 'replica', '--http-threads', '128', '--connections-per-address', '0'] },
    });
  });
  beforeEach(() => redis.whole());
  after(async () => {
    await system?.stop();
    await redis?.stop();
  });

  // Votes, and beside them comments, articles and pages, while work is done; at the end all of it is there.
  async function underLoad(t, work, { rate = perSecond } = {}) {
    const make = async (rest) => Object.assign(await makePoll(system, rest), { model: new Map() });
    const polls = { fixed: await make({ options: 6 }), changeable: await make({ options: 3, changeable: true }) };
    const stage = await makeStage(system);
    const followers = Object.values(polls).map((poll) => new Follower(system, `poll:${poll.id}`));
    const watchers = watch(stage, 4, [system]);
    const lines = new Lines(system.ports.gateway, 96);
    const voters = new Voters(lines, { chance: chance.branch(), polls, perSecond: rate, seed: `${t.name}-${seed}` });
    const mixed = new Mixed({
      stage, newLine: () => new Line(system.ports.gateway), again: true, perSecond: 40, seed: `${t.name}-${seed}`, token: system.token,
      kinds: ['page', 'comment', 'vote', 'article', 'results'],
    });
    try {
      await waitFor(() => voters.answered > rate / 4 && mixed.acknowledged > 10, { deadline: 20000, what: 'all is in motion' });
      await work({ stage, voters, mixed });
      const until = voters.answered + rate / 2;
      await waitFor(() => voters.answered > until, { deadline: 30000, what: 'votes are counted at the end' });
      await Promise.all([voters.stop(), mixed.stop()]);
      t.diagnostic(`${voters.started} voters, ${voters.answered} requests answered, ${voters.rate} a second, ${voters.retries} retries, ${voters.again} asked again; slowest ${Math.round(voters.slowest)} ms`);
      t.diagnostic(mixed.told());
      if (voters.failures.length) throw voters.failures[0];
      await assertNothingLost(system, stage, watchers, { unsaid: true });
      for (const [name, poll] of Object.entries(polls)) {
        const { version } = await resultsOf(system, poll);
        const own = followers.find((each) => each.topic === `poll:${poll.id}`);
        await own.reaches(version);
        assert.deepEqual(own.wrong, [], 'a watcher saw time go back');
        const counted = await assertCounted(system, poll, poll.model, name);
        assert.deepEqual([own.last.voters, own.last.votes], [counted.voters, counted.votes]);
      }
    } finally {
      lines.close();
      await Promise.allSettled([voters.stop(), mixed.stop(), ...[...followers, ...watchers].map((each) => each.close())]);
    }
  }

  const vote = (stage, key) => system.api('POST', `/api/v1/polls/${stage.poll.id}/ballots`, {
    body: { choices: ['1'] }, headers: { 'idempotency-key': `${key}-${seed}` },
  });
  const counted = (stage, got) => stage.poll.model.set(got.json.ballot_id, '1');

  // Asks for one vote until it is counted: the milliseconds since then.
  async function backAfter(stage, since, key) {
    await waitFor(async () => {
      const got = await vote(stage, key);
      if (got.status !== 201) return false;
      counted(stage, got);
      return true;
    }, { deadline: 60000, what: 'a vote is counted again' });
    return performance.now() - since;
  }

  const another = (master) => waitFor(async () => await redis.master() !== master, { deadline: 20000, what: 'another one is the master' });

  test(`the master is killed ${deaths} times`, async (t) => {
    await underLoad(t, async ({ stage, mixed }) => {
      const took = [];
      const inTime = () => took.filter((ms) => ms < (backMs + 2 * mixed.longestStall) * slow);
      for (let round = 0; round < most && inTime().length < deaths; round++) {
        const master = await redis.whole(60000);
        await pause(chance.below(1000));
        const since = performance.now();
        await redis.kill(`redis-${master + 1}`);
        took.push(await backAfter(stage, since, `death-${round}`));
        t.diagnostic(`redis-${master + 1} died; votes are counted again after ${Math.round(took.at(-1))} ms`);
        await another(master);
        redis.launch(`redis-${master + 1}`);
      }
      assert.ok(inTime().length >= deaths, `back after ${took.map(Math.round)} ms`);
    });
  });

  // Asks again and again while work is done: {status → how often}, and what was not as expected.
  async function meanwhile(ask, work) {
    const told = {};
    let over = false;
    const asking = (async () => {
      for (let i = 0; !over; i++) {
        const got = await ask(i);
        told[got.status] = (told[got.status] ?? 0) + 1;
        await pause(10);
      }
    })();
    try {
      await work();
    } finally {
      over = true;
      await asking;
    }
    return told;
  }

  test('a replica dies: nobody notices', async (t) => {
    await underLoad(t, async ({ voters, mixed }) => {
      // A machine that stands still for half a second looks like a replica that does not keep up: once more.
      for (let tries = 3, lost; tries > 0 && lost !== 0; tries--) {
        const before = voters.retries + mixed.failures.length;
        const replica = (await redis.whole(60000) + 1) % 3;
        await redis.kill(`redis-${replica + 1}`);
        const until = voters.answered + 2 * perSecond;
        await waitFor(() => voters.answered > until, { deadline: 30000, what: 'votes are counted with one replica' });
        redis.launch(`redis-${replica + 1}`);
        await redis.whole(60000);
        lost = voters.retries + mixed.failures.length - before;
        t.diagnostic(`${lost} requests without an answer`);
        assert.ok(lost === 0 || tries > 1 || mixed.longestStall > 300, `${lost} requests without an answer`);
      }
    });
  });

  test('both replicas die: writes are refused, reads go on, and all comes back', async (t) => {
    await underLoad(t, async ({ stage, mixed }) => {
      const master = await redis.master();
      const others = [1, 2].map((i) => `redis-${(master + i) % 3 + 1}`);
      const refused = [];
      let slowest = 0;
      const reads = await meanwhile((i) => system.api('GET', i % 2 ? `/api/v1/polls/${stage.poll.id}/results` : `/api/v1/articles/${stage.article.id}/comments?limit=${1 + i % 97}`), async () => {
        await Promise.all(others.map((name) => redis.kill(name)));
        const since = performance.now();
        for (let i = 0; refused.length < 20 || performance.now() - since < 4000; i++) {
          const got = await vote(stage, `refused-${i}`);
          slowest = Math.max(slowest, got.ms);
          if (got.status === 201) counted(stage, got); // it was on its way to a replica
          else refused.push({ status: got.status, after: got.headers['retry-after'], key: `refused-${i}` });
          await pause(20);
        }
      });
      t.diagnostic(`${refused.length} votes refused, slowest ${Math.round(slowest)} ms; reads ${JSON.stringify(reads)}`);
      assert.deepEqual(refused.filter((each) => ![503, 504].includes(each.status) || !(Number(each.after) >= 1)), []);
      const failed = Object.values(reads).reduce((sum, n) => sum + n, 0) - reads[200];
      assert.ok(reads[200] > 0 && failed <= (longForm ? 0 : reads[200] / 10), `reads go on: ${JSON.stringify(reads)}`);
      assert.ok(slowest < (refusedMs + 2 * mixed.longestStall) * slow, `a write was refused after ${slowest} ms`);
      const since = performance.now();
      for (const name of others) redis.launch(name);
      t.diagnostic(`votes are counted again ${Math.round(await backAfter(stage, since, 'replicas'))} ms after the replicas started`);
      for (const { key } of refused) counted(stage, await waitFor(async () => {
        const got = await vote(stage, key); // whether it had been done or not, it counts once now
        return got.status === 201 && got;
      }, { deadline: 20000, what: 'a refused vote is counted' }));
    });
  });

  test('a frozen master wakes when there is another one', async (t) => {
    await underLoad(t, async ({ stage }) => {
      const master = await redis.master();
      const since = performance.now();
      await redis.kill(`redis-${master + 1}`, 'SIGSTOP');
      try {
        t.diagnostic(`votes are counted again after ${Math.round(await backAfter(stage, since, 'frozen'))} ms`);
        await pause(Math.max(0, frozenMs - (performance.now() - since)));
        await another(master);
      } finally {
        await redis.kill(`redis-${master + 1}`, 'SIGCONT');
      }
      if (longForm) await redis.whole(60000); // else it is not yet a replica when all is counted
    });
  });
});
