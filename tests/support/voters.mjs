// voters.mjs - votes at a steady rate, however long the answers take. Each voter asks with the same
// Idempotency-Key until there is an answer; some ask again later, and some change their minds.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';

import { castBytes, choicesText, insist, withdrawBytes } from './ballots.mjs';
import { waitFor } from './wait.mjs';

const TICK_MS = 5;
const PENDING_S = 2; // so many seconds' voters may be without an answer: a machine that is slower gets no more

const told = (got) => `${got.status} ${got.text}`;

export class Voters {
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

  // polls: {fixed, changeable}, each with a model: ballot id → choices as a text, of what was acknowledged.
  constructor(lines, { chance, polls, perSecond, seed }) {
    Object.assign(this, { lines, chance, perSecond, seed, ...polls });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  #tick() {
    const due = Math.floor((performance.now() - this.#began) / 1000 * this.perSecond);
    while (this.planned < due) {
      if (this.#pending.size >= PENDING_S * this.perSecond) {
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
    const key = `${this.seed}-${this.started}`;
    const got = await this.#ask(castBytes(fixed, choices, { key }), [201]);
    const { ballot_id: id } = got.json;
    assert.ok(!fixed.model.has(id), `two voters have the ballot ${id}`);
    fixed.model.set(id, choicesText(choices));
    if (!chance.holds(0.1)) return;
    const later = this.answered + chance.below(this.perSecond * 2);
    await waitFor(() => this.answered >= later || !this.#timer, { every: 100, deadline: 600000, what: 'later' });
    this.again++;
    const same = await this.#ask(castBytes(fixed, choices, { key, cookie: chance.pick([undefined, got.cookie]) }), [201]);
    assert.equal(same.json.ballot_id, id, 'the same vote, the same answer');
  }

  // One who votes, thinks again and again, and may take it back.
  async #changing() {
    const { chance, changeable } = this;
    const name = `${this.seed}-${this.started}`;
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
