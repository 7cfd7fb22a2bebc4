// mixed.mjs - readers, commenters, voters and watchers at a steady rate, and what of it must be true
// at the end: nothing that was acknowledged is lost or there twice. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

import { assertCounted, choicesText, longForm, makePoll, resultsOf } from './ballots.mjs';
import { Follower } from './follower.mjs';
import { requestBytes } from './line.mjs';
import { slow, waitFor } from './wait.mjs';

export { longForm };

const WORKERS = 12;
const NOT_NOW = new Set([502, 503, 504]);
const PATIENCE_MS = 30000;
const SLOW_MS = 500;
const STALL_MS = 50; // how often this process looks whether it is held up itself
const KINDS = ['page', 'vote', 'page', 'comment', 'api', 'vote', 'page', 'results', 'vote', 'page'];
const AWAY = /cannot be reached/; // what a page says in the place of a part

// An article with a poll, for all of it.
export async function makeStage(system) {
  const poll = Object.assign(await makePoll(system, { options: 3 }), { model: new Map() });
  const article = await system.make('/api/v1/articles', {
    title: 'While it changes', body_markdown: 'The text of it.', status: 'published', poll_id: poll.id,
  });
  return { poll, article, comments: new Map(), articles: new Map() };
}

export class Mixed {
  asked = 0;
  acknowledged = 0;
  slowest = 0;
  slow = []; // {began, ms, what}: answers that took longer than SLOW_MS
  failures = []; // {at, what}: each answer that no reader should have got, and each that did not come
  done = []; // {began, ended, kind}: each that was right
  longestStall = 0; // of this process: the machine is busy with other things
  #stage;
  #over = false;
  #workers;
  #looking;

  // newLine: makes a connection for one worker. again: a write without an answer is asked again with
  // its key until it has one. kinds: what each worker does, round and round; 'article' needs a token.
  constructor({ stage, newLine, perSecond = 120, seed = Date.now(), again = false, kinds = KINDS, token }) {
    this.#stage = stage;
    Object.assign(this, { seed, again, kinds, token, everyMs: WORKERS * 1000 * slow / perSecond });
    let looked = performance.now();
    this.#looking = setInterval(() => {
      const now = performance.now();
      this.longestStall = Math.max(this.longestStall, now - looked - STALL_MS);
      looked = now;
    }, STALL_MS);
    this.#workers = Array.from({ length: WORKERS }, (_, i) => this.#work(newLine(), i));
  }

  async #work(line, number) {
    let due = performance.now() + Math.random() * this.everyMs;
    for (let i = 0; !this.#over; i++) {
      await pause(Math.max(0, due - performance.now()));
      due = Math.max(due + this.everyMs, performance.now() - this.everyMs);
      const kind = this.kinds[(i + number) % this.kinds.length];
      const began = performance.now();
      if (await this[`_${kind}`](line, `${this.seed}-${number}-${i}`)) this.done.push({ began, ended: performance.now(), kind });
    }
    line.close();
  }

  #time(began, bytes) {
    const ms = performance.now() - began;
    this.slowest = Math.max(this.slowest, ms);
    if (ms > SLOW_MS) this.slow.push({ began, ms, what: bytes.split('\r\n')[0] });
  }

  fail(what) { this.failures.push({ at: performance.now(), what }); }

  // One request, once: the answer, or null when it is none that a reader may get.
  async #ask(line, bytes, status) {
    const began = performance.now();
    this.asked++;
    try {
      const got = await line.ask(bytes);
      this.#time(began, bytes);
      if (got.status === status) return got;
      this.fail(`${got.status} ${got.text.slice(0, 300)} to ${bytes.split('\r\n')[0]}`);
      if (!NOT_NOW.has(got.status)) throw Object.assign(new Error(this.failures.at(-1).what), { fatal: true });
    } catch (error) {
      if (error.fatal) throw error;
      this.fail(`${error.message} to ${bytes.split('\r\n')[0]}`);
    }
    return null;
  }

  async #write(line, bytes) {
    const end = performance.now() + PATIENCE_MS * slow;
    for (let wait = 50; ; wait = Math.min(2 * wait, 400)) {
      const got = await this.#ask(line, bytes, 201);
      if (got) this.acknowledged++;
      if (got || !this.again) return got;
      if (performance.now() > end) throw new Error(`no answer in ${PATIENCE_MS} ms: ${this.failures.at(-1).what}`);
      await pause(wait);
    }
  }

  async _page(line) {
    const got = await this.#ask(line, requestBytes('GET', `/articles/${this.#stage.article.slug}`), 200);
    const whole = got && got.text.includes('The text of it.') && !AWAY.test(got.text);
    if (got && !whole) this.fail('a page without all of its parts');
    return whole;
  }

  async _api(line) { return this.#ask(line, requestBytes('GET', `/api/v1/articles/${this.#stage.article.id}`), 200); }
  async _results(line) { return this.#ask(line, requestBytes('GET', `/api/v1/polls/${this.#stage.poll.id}/results`), 200); }

  async _comment(line, key) {
    const got = await this.#write(line, requestBytes('POST', `/api/v1/articles/${this.#stage.article.id}/comments`, {
      headers: { 'Idempotency-Key': key }, body: JSON.stringify({ author_name: 'Reader', body_markdown: `word ${key}` }),
    }));
    if (got) this.#stage.comments.set(got.json.id, `word ${key}`);
    return got;
  }

  async _article(line, key) {
    const got = await this.#write(line, requestBytes('POST', '/api/v1/articles', {
      headers: { 'Idempotency-Key': key }, token: this.token, body: JSON.stringify({ title: key, body_markdown: key, status: 'published' }),
    }));
    if (got) this.#stage.articles.set(got.json.id, key);
    return got;
  }

  async _vote(line, key) {
    const { poll } = this.#stage;
    const choices = [poll.options[Math.floor(Math.random() * poll.options.length)].id];
    const got = await this.#write(line, requestBytes('POST', `/api/v1/polls/${poll.id}/ballots`, {
      headers: { 'Idempotency-Key': key }, body: JSON.stringify({ choices }),
    }));
    if (!got) return got;
    assert.ok(!poll.model.has(got.json.ballot_id), 'two voters have one ballot');
    poll.model.set(got.json.ballot_id, choicesText(choices));
    return got;
  }

  // Resolves when each request has its answer; rejects with what nobody should have seen.
  async stop() {
    this.#over = true;
    await Promise.all(this.#workers).finally(() => clearInterval(this.#looking));
  }

  told() {
    return `${this.asked} requests, ${this.acknowledged} of them writes, ${this.failures.length} failed, slowest ${Math.round(this.slowest)} ms; this process was held up for ${Math.round(this.longestStall)} ms at most`;
  }
}

// Watchers of the poll and the article, n in all. doors: what has sse(), one after another.
export function watch(stage, n, doors) {
  const spread = 4 * n;
  return Array.from({ length: n }, (_, i) => (i % 4 ? new Follower(doors[i % doors.length], `poll:${stage.poll.id}`, { spread })
    : new Follower(doors[i % doors.length], `article:${stage.article.id}`, { spread, versionOf: (data) => data.comment_count })));
}

async function all(system, path) {
  const found = [];
  for (let cursor = ''; cursor !== null;) {
    const got = await system.api('GET', `${path}?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    assert.equal(got.status, 200, got.text);
    found.push(...got.json.items);
    cursor = got.json.next_cursor;
  }
  return found;
}

// Tally, journal, comments and articles are what was acknowledged, and every watcher ends on it. unsaid: a comment that was
// refused may have been seen, and gone with the Redis that had it alone.
export async function assertNothingLost(system, stage, watchers, { unsaid = false } = {}) {
  const { poll, article, comments, articles } = stage;
  const counted = await assertCounted(system, poll, poll.model, 'votes');
  const said = await all(system, `/api/v1/articles/${article.id}/comments`);
  assert.deepEqual(said.map((each) => each.id).sort(), [...comments.keys()].sort(), 'comments: each that was acknowledged, once');
  for (const each of said) assert.ok(each.body_html.includes(comments.get(each.id)), each.body_html);
  if (articles.size) {
    const written = (await all(system, '/api/v1/articles')).filter((each) => articles.has(each.id) || [...articles.values()].includes(each.title));
    assert.deepEqual(written.map((each) => each.id).sort(), [...articles.keys()].sort(), 'articles: each that was acknowledged, once');
  }
  await waitFor(async () => (await system.api('GET', `/api/v1/articles/${article.id}`)).json.comment_count === comments.size,
    { deadline: 10000, what: 'the article counts its comments' });
  const { version } = await resultsOf(system, poll);
  await Promise.all(watchers.map(async (each) => {
    await each.reaches(each.topic.startsWith('poll:') ? version : comments.size, { deadline: 20000 });
    if (!unsaid || each.topic.startsWith('poll:')) assert.deepEqual(each.wrong, [], 'a watcher saw time go back');
    if (each.topic.startsWith('poll:')) assert.equal(each.last.voters, counted.voters);
  }));
}
