// polls_property.test.mjs - many voters who cast, repeat, change and withdraw, over lines that lose
// answers, double requests and bring old ones late, against three instances: at the end the tally,
// the journal and a model of it all are the same. The requests of one voter that differ come one
// after another, or else nobody could say what is right; copies of earlier ones come any time.
// VOXPOP_LONG=1: 200,000 requests. VOXPOP_SEED: the same choices again.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { assertCounted, castBytes, choicesText, insist, longForm, makePoll, withdrawBytes } from '../support/ballots.mjs';
import { Lines, requestBytes } from '../support/line.mjs';
import { Chance, newSeed } from '../support/random.mjs';
import { slow, startSystem } from '../support/system.mjs';

const clients = 64;
const total = longForm ? 200000 : Math.ceil(8000 / slow);
const remembered = 2000; // old requests that may come again
const lateAtOnce = 64;
const changesMax = 32;

const seed = newSeed();
const kinds = [
  { name: 'single', options: 4 },
  { name: 'multiple', options: 6, kind: 'multiple', min_choices: 1, max_choices: 3, results: 'after_vote' },
  { name: 'changeable', options: 5, changeable: true },
  { name: 'changeable multiple', options: 24, kind: 'multiple', min_choices: 2, max_choices: 24, changeable: true, results: 'staff' },
];

// Everything that goes on: polls with their models, and what was sent.
class World {
  sent = 0;
  copies = 0;
  lost = 0;
  retries = 0;
  #old = [];
  #late = new Set();

  constructor(lines, polls) { Object.assign(this, { lines, polls }); }

  // Gives the answers to all copies of a request that came through.
  async deliver(chance, bytes, { careful = false, also = [] } = {}) {
    this.sent++;
    const copies = !careful && chance.holds(0.1) ? 2 + chance.below(3) : 1;
    this.copies += copies - 1;
    while (!careful && chance.holds(0.07)) {
      this.lost++; // whole and without an answer, or cut anywhere
      await this.lines.abandon(chance.holds(0.6) ? bytes : bytes.slice(0, 1 + chance.below(bytes.length - 1)));
    }
    const others = also.map((one) => this.again(one));
    const got = await Promise.all(Array.from({ length: copies }, () => this.ask(bytes)));
    await Promise.all(others);
    return got;
  }

  ask(bytes) { return insist(this.lines, bytes, { onRetry: () => { this.retries++; } }); }

  // One more copy of a request that was answered: {bytes, check(answer)}.
  async again(request) {
    this.copies++;
    request.check(await this.ask(request.bytes));
  }

  remember(chance, request) {
    if (this.#old.length < remembered) this.#old.push(request);
    else this.#old[chance.below(remembered)] = request;
  }

  // Now and then an old request of anybody comes late.
  stir(chance) {
    if (!this.#old.length || this.#late.size >= lateAtOnce || !chance.holds(0.15)) return;
    const late = this.again(chance.pick(this.#old));
    this.#late.add(late);
    late.then(() => this.#late.delete(late), () => {}); // a failure stays, for settle
  }

  settle() { return Promise.all(this.#late); }
}

const told = (got) => `${got.status} ${got.text}`;

// A request that was counted has the same answer each time, whatever became of the ballot since.
const counted = (id) => (got) => {
  assert.equal(got.status, 201, told(got));
  assert.equal(got.json.ballot_id, id);
};

// One voter of one poll. Gets a cookie with the first answer, if it has none.
class Voter {
  static #made = 0;
  id = null; // of the ballot that stands
  choices = null;
  past = []; // requests that may come again
  #keys = 0;

  constructor(world, chance, poll, cookie) {
    Object.assign(this, { world, chance, poll, cookie, name: `${seed}-${++Voter.#made}` });
  }

  key() { return `${this.name}-${++this.#keys}`; }

  choose() {
    const { options, min_choices: min, max_choices: max } = this.poll;
    return this.chance.sample(options.map((each) => each.id), min + this.chance.below(max - min + 1));
  }

  // Results that come with an answer are never older than what was known when it was asked for.
  async send(bytes, statuses, options) {
    const { poll } = this;
    const version = poll.version;
    const answers = await this.world.deliver(this.chance, bytes, options);
    for (const got of answers) {
      assert.ok(statuses.includes(got.status), `${poll.name}: ${told(got)} to ${bytes}`);
      if (got.status >= 300) continue;
      this.cookie ??= got.cookie;
      const { results } = got.json;
      if (poll.results_visibility === 'staff') assert.equal(results, null, told(got));
      if (results) assert.ok(results.version >= version, `${poll.name}: version ${results.version} after ${version}`);
      poll.version = Math.max(poll.version, results?.version ?? 0);
    }
    return answers;
  }

  keep(bytes, check) {
    const request = { bytes, check };
    this.past.push(request);
    this.world.remember(this.chance, request);
  }

  // The ballot that all answers speak of.
  stands(answers, choices) {
    const ids = new Set(answers.map((got) => got.json.ballot_id));
    assert.equal(ids.size, 1, `one ballot has the ids ${[...ids]}`);
    if (this.id) this.poll.model.delete(this.id);
    [this.id] = ids;
    this.choices = choicesText(choices);
    assert.ok(!this.poll.model.has(this.id), `two voters have the ballot ${this.id}`);
    this.poll.model.set(this.id, this.choices);
  }
}

// A poll whose ballots stand for good.
async function voteOnce(voter) {
  const { chance, poll, cookie } = voter;
  const choices = voter.choose();
  const key = cookie && chance.holds(0.2) ? undefined : voter.key();
  const bytes = castBytes(poll, choices, { key, cookie });
  voter.stands(await voter.send(bytes, [201]), choices);
  voter.keep(bytes, counted(voter.id));
  const others = [
    () => castBytes(poll, voter.choose(), { key: voter.key(), cookie: voter.cookie }),
    () => castBytes(poll, choices, { key: voter.key(), cookie: voter.cookie }),
    () => castBytes(poll, differing(voter, choices), { key, cookie: cookie ?? chance.pick([undefined, voter.cookie]) }),
  ];
  while (chance.holds(0.35)) {
    const other = chance.pick(others)();
    await voter.send(other, [409], { also: chance.holds(0.3) ? [chance.pick(voter.past)] : [] });
    voter.keep(other, (got) => assert.equal(got.status, 409, told(got)));
  }
}

function differing(voter, choices) {
  for (;;) {
    const chosen = voter.choose();
    if (choicesText(chosen) !== choicesText(choices)) return chosen;
  }
}

// A poll whose voters may think again.
async function voteAndChange(voter) {
  const { chance } = voter;
  for (let steps = 1 + chance.below(7); steps > 0; steps--) {
    const also = voter.past.length && chance.holds(0.25) ? [chance.pick(voter.past)] : [];
    if (voter.cookie && chance.holds(voter.id ? 0.25 : 0.05)) await withdraw(voter, also);
    else await choose(voter, also);
  }
  await assertMine(voter);
}

async function choose(voter, also) {
  const { chance, poll, cookie } = voter;
  const choices = voter.choices && chance.holds(0.1) ? voter.choices.split(',') : voter.choose();
  const careful = cookie !== undefined && chance.holds(0.1); // without a key the last one counts
  const bytes = castBytes(poll, choices, { cookie, key: careful ? undefined : voter.key() });
  const answers = await voter.send(bytes, [201], { careful, also });
  voter.stands(answers, choices);
  if (!careful) voter.keep(bytes, counted(voter.id));
}

async function withdraw(voter, also) {
  const { poll, cookie } = voter;
  const bytes = withdrawBytes(poll, { key: voter.key(), cookie });
  if (voter.id) {
    await voter.send(bytes, [200], { also });
    poll.model.delete(voter.id);
    voter.id = voter.choices = null;
    voter.keep(bytes, (got) => assert.equal(got.status, 200, told(got)));
  } else {
    await voter.send(bytes, [404], { careful: true, also }); // a copy after the next ballot would be news
  }
}

async function assertMine({ world, poll, cookie, id, choices }) {
  const got = await world.ask(requestBytes('GET', `/api/v1/polls/${poll.id}/ballots/mine`, { cookie }));
  if (!id) {
    assert.equal(got.status, 404, told(got));
    return;
  }
  assert.equal(got.status, 200, told(got));
  assert.deepEqual([got.json.ballot_id, choicesText(got.json.choices)], [id, choices]);
}

// One client: voter after voter, some of them with the cookie of another poll's voter.
async function client(world, chance) {
  const known = []; // {cookie, polls voted in}
  while (world.sent < total) {
    const poll = chance.pick(world.polls);
    const old = known.length && chance.holds(0.5) ? chance.pick(known) : null;
    const person = old && !old.polls.has(poll) ? old : { polls: new Set() };
    const voter = new Voter(world, chance, poll, person.cookie);
    world.stir(chance);
    await (poll.changeable ? voteAndChange : voteOnce)(voter);
    person.cookie = voter.cookie;
    if (person.polls.add(poll).size === 1) known.push(person);
    if (known.length > 50) known.shift();
  }
}

describe(`${total} requests of voters, seed ${seed}`, () => {
  let system;
  let lines;
  before(async () => {
    system = await startSystem({ services: ['articles', 'comments', 'polls', 'polls#2', 'polls#3'], live: false, args: { gateway: ['--http-threads', '128'] } });
    lines = new Lines(system.ports.gateway, clients);
  });
  after(() => {
    lines?.close(); // also ends the clients of a test that has failed
    return system?.stop();
  });

  const make = async (kind) => Object.assign(await makePoll(system, kind), { name: kind.name, model: new Map(), version: 0 });

  test('tally, journal and model are the same', async (t) => {
    const world = new World(lines, await Promise.all(kinds.map(make)));
    const chance = new Chance(seed);
    t.diagnostic(`seed ${seed}`);
    const began = performance.now();
    await Promise.all(Array.from({ length: clients }, () => client(world, chance.branch())));
    await world.settle();
    const seconds = (performance.now() - began) / 1000;
    t.diagnostic(`${world.sent} requests, ${world.copies} more copies, ${world.lost} lost, ${world.retries} retries: ${Math.round((world.sent + world.copies) / seconds)}/s`);
    for (const poll of world.polls) {
      const { voters, entries, retracts } = await assertCounted(system, poll, poll.model, poll.name);
      t.diagnostic(`${poll.name}: ${voters} ballots stand; ${entries} in the journal, ${retracts} of them take back`);
    }
  });

  test('a voter who changes too often keeps the last choice that was taken', async () => {
    const world = new World(lines, []);
    const poll = await make({ ...kinds[2], name: 'often changed' });
    const voter = new Voter(world, new Chance(seed), poll);
    const cast = (i) => castBytes(poll, [String(1 + i % 5)], { key: voter.key(), cookie: voter.cookie });
    const first = (await voter.send(cast(0), [201], { careful: true }))[0];
    voter.stands([first], ['1']);
    let taken = 0;
    for (let i = 1; i <= changesMax + 3; i++) {
      const [got] = await voter.send(cast(i), [201, 409], { careful: true });
      if (got.status === 409) continue;
      assert.equal(taken, i - 1, 'none is taken after one that was refused');
      taken++;
      voter.stands([got], [String(1 + i % 5)]);
    }
    assert.ok(taken <= changesMax && taken >= changesMax - 1, `${taken} changes were taken`);
    await assertMine(voter);
    await assertCounted(system, poll, poll.model, poll.name);
  });

  test('changes without a key have the same bound', async () => {
    const poll = await system.make('/api/v1/polls', { question: 'Which?', kind: 'single', results: 'always',
      changeable: true, options: [{ text: 'One' }, { text: 'Two' }] });
    const path = `/api/v1/polls/${poll.id}/ballots`;
    const first = await system.api('POST', path, { body: { choices: ['1'] }, headers: { 'idempotency-key': 'first' } });
    assert.equal(first.status, 201, first.text);
    const headers = { cookie: first.cookies, 'sec-fetch-site': 'same-origin' };
    const versions = new Set([first.json.results.version]); // what is chosen already changes nothing
    for (let i = 0; i < changesMax + 8; i++) {
      const got = await system.api('POST', path, { body: { choices: [String(2 - i % 2)] }, headers });
      if (got.status === 201) versions.add(got.json.results.version); else assert.equal(got.status, 409, got.text);
    }
    assert.equal(versions.size, changesMax);
  });
});
