// everyday.mjs - what a magazine sees all day, through the edge: pages, lists, results, votes,
// comments, mistakes, watchers who come and go, somebody who signs in. Every so often a new article
// with a new poll takes the stage; then the old poll is closed, tally, journal and comments are held
// against what was acknowledged, and it is archived. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

import { choicesText } from './ballots.mjs';
import { requestBytes } from './line.mjs';
import { assertNothingLost, makeStage, watch } from './mixed.mjs';
import { slow, waitFor } from './wait.mjs';

const NOT_NOW = new Set([502, 503, 504]);
const PATIENCE_MS = 30000;
const STREAM_EVERY_MS = 250; // another watcher comes,
const STREAM_MS = 4000; // and stays for so long at most
const FOLLOWERS = 20; // of each stage, from its beginning to its end
const NOBODY = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

// What is asked, and how often of a hundred times.
const kinds = {
  page: 25, front: 5, pollPage: 5, article: 15, results: 15, list: 12, wrong: 6, vote: 15, comment: 2,
};
const lists = ['/api/v1/articles?limit=20', '/api/v1/comments/recent', '/api/v1/polls?status=open', '/api/v1/polls?limit=5',
  '/api/v1/tags', '/api/v1/contributors', '/polls', '/api/v1/polls/current'];

// Mistakes of people and programs, and what they are answered.
const mistakes = (stage) => [
  [requestBytes('GET', `/api/v1/articles/${NOBODY}`), 404],
  [requestBytes('GET', '/articles/nothing-of-this-name'), 404],
  [requestBytes('GET', '/no/such/place'), 404],
  [requestBytes('PUT', '/api/v1/articles', { body: '{}' }), 405],
  [requestBytes('GET', '/api/v1/articles?limit=many'), 400],
  [requestBytes('POST', '/api/v1/articles', { body: '{"title":"x"}' }), 401],
  [requestBytes('GET', '/api/v1/status'), 401],
  [requestBytes('POST', `/api/v1/polls/${stage.poll.id}/ballots`, { headers: { 'Idempotency-Key': 'mistake' }, body: '{"choices":["99"]}' }), 422],
  [requestBytes('POST', `/api/v1/polls/${stage.poll.id}/ballots`, { body: '{"choices":' }), 400],
  [requestBytes('POST', `/api/v1/polls/${stage.poll.id}/ballots`, { headers: { 'Idempotency-Key': 'mistake', Origin: 'http://elsewhere.example' }, body: '{"choices":["1"]}' }), 403],
];

export class Everyday {
  asked = 0;
  acknowledged = 0; // writes
  counted = 0; // of them, those of stages that are over, which have been checked
  stages = 0; // that are over
  streams = 0; // that came
  watching = 0;
  failures = []; // what was answered otherwise than it should have been
  times = []; // milliseconds of each answer, until somebody takes them
  #over = false;
  #rates = []; // of the workers' turns
  #running = [];
  #door;

  // newLine: makes a connection for one worker. door: what has sse(). watchers: at most so many at once.
  constructor({ system, newLine, door, workers = 16 }) {
    Object.assign(this, { system, newLine, workers, everyMs: 0 });
    this.#door = door;
  }

  async start() {
    this.stage = await this.#newStage();
    this.#running = Array.from({ length: this.workers }, (_, i) => this.#work(this.newLine(), i));
    this.#running.push(this.#comeAndGo());
  }

  // So many requests a second from now on; 0: as many as can be.
  set perSecond(n) { this.everyMs = n ? this.workers * 1000 / n : 0; }

  // The times since the last call, sorted.
  takeTimes() {
    const times = this.times.sort((a, b) => a - b);
    this.times = [];
    return times;
  }

  fail(what) {
    if (this.failures.length < 1000) this.failures.push(`${new Date().toISOString()} ${what}`);
  }

  async #newStage() {
    const stage = await makeStage(this.system);
    stage.busy = 0;
    stage.watchers = watch(stage, FOLLOWERS, [this.#door]);
    return stage;
  }

  async #work(line, number) {
    const turns = Object.entries(kinds).flatMap(([kind, times]) => Array(times).fill(kind));
    let due = performance.now() + Math.random() * this.everyMs;
    for (let i = number * 31; !this.#over; i++) {
      await pause(Math.max(0, due - performance.now()));
      due = Math.max(due + this.everyMs, performance.now() - this.everyMs);
      const { stage } = this;
      stage.busy++;
      try {
        await this[`_${turns[i * 37 % turns.length]}`](line, stage, `${number}-${i}`);
      } catch (error) {
        this.fail(error.message);
      }
      stage.busy--;
    }
    line.close();
  }

  // One request, once: the answer, or null when it is another one than it should be.
  async #ask(line, bytes, status) {
    const began = performance.now();
    const what = bytes.split('\r\n')[0];
    this.asked++;
    try {
      const got = await line.ask(bytes);
      this.times.push(performance.now() - began);
      if (got.status === status) return got;
      this.fail(`${got.status} instead of ${status}, ${got.text.slice(0, 200)}, to ${what}`);
      if (!NOT_NOW.has(got.status)) throw Object.assign(new Error('no use to ask again'), { fatal: true });
    } catch (error) {
      if (error.fatal) return null;
      this.fail(`${error.message}, to ${what}`);
    }
    return null;
  }

  // Until it is answered: then what is acknowledged is known for sure.
  async #write(line, bytes) {
    const end = performance.now() + PATIENCE_MS * slow;
    for (let wait = 50; performance.now() < end; wait = Math.min(2 * wait, 400)) {
      const got = await this.#ask(line, bytes, 201);
      if (got) {
        this.acknowledged++;
        return got;
      }
      await pause(wait);
    }
    throw new Error(`never answered: ${bytes.split('\r\n')[0]}`);
  }

  async #get(line, path) { return this.#ask(line, requestBytes('GET', path), 200); }
  _front(line) { return this.#get(line, '/'); }
  _article(line, { article }) { return this.#get(line, `/api/v1/articles/${article.id}`); }
  _results(line, { poll }) { return this.#get(line, `/api/v1/polls/${poll.id}/results`); }
  _pollPage(line, { poll }) { return this.#get(line, `/polls/${poll.id}`); }

  async _page(line, { article }) {
    const got = await this.#get(line, `/articles/${article.slug}`);
    if (got && !got.text.includes('The text of it.')) this.fail('a page without its article');
    if (got && /cannot be reached/.test(got.text)) this.fail('a page without all of its parts');
  }

  _list(line, { article }) {
    const paths = [...lists, `/api/v1/articles/${article.id}/comments?limit=20`, `/api/v1/comments/counts?article_id=${article.id}`];
    return this.#get(line, paths[Math.floor(Math.random() * paths.length)]);
  }

  async _wrong(line, stage) {
    const all = mistakes(stage);
    await this.#ask(line, ...all[Math.floor(Math.random() * all.length)]);
  }

  async _comment(line, { article, comments }, key) {
    const text = `word ${key}`;
    const got = await this.#write(line, requestBytes('POST', `/api/v1/articles/${article.id}/comments`, {
      headers: { 'Idempotency-Key': key }, body: JSON.stringify({ author_name: 'Reader', body_markdown: text }),
    }));
    comments.set(got.json.id, text);
  }

  async _vote(line, { poll }, key) {
    const choices = [poll.options[Math.floor(Math.random() * poll.options.length)].id];
    const got = await this.#write(line, requestBytes('POST', `/api/v1/polls/${poll.id}/ballots`, {
      headers: { 'Idempotency-Key': key }, body: JSON.stringify({ choices }),
    }));
    assert.ok(!poll.model.has(got.json.ballot_id), 'two voters have one ballot');
    poll.model.set(got.json.ballot_id, choicesText(choices));
  }

  // Watchers who look in for a while.
  async #comeAndGo() {
    const looks = new Set();
    while (!this.#over) {
      const look = this.#lookIn().catch((error) => this.fail(error.message)).finally(() => looks.delete(look));
      looks.add(look);
      await pause(STREAM_EVERY_MS);
    }
    await Promise.all(looks);
  }

  async #lookIn() {
    const { poll, article } = this.stage;
    const stream = await this.#door.sse([`poll:${poll.id}`, `article:${article.id}`], { deadline: 10000 });
    this.streams++;
    this.watching++;
    try {
      if (stream.status !== 200) throw new Error(`${stream.status} to a watcher`);
      await stream.next(() => true, { deadline: 10000, what: 'the first state on /live' });
      stream.onEvent = () => { stream.events.length = 0; };
      await Promise.race([stream.ended, pause(Math.random() * STREAM_MS)]);
      if (stream.closed) this.fail('a stream ended by itself');
    } finally {
      this.watching--;
      stream.close();
    }
  }

  // Somebody signs in with a password, looks who they are, and leaves.
  async signIn(line) {
    const body = JSON.stringify({ login: 'admin', password: this.system.password });
    const got = await this.#ask(line, requestBytes('POST', '/api/v1/sessions', { body }), 201);
    if (!got) return;
    const { cookie } = got;
    const me = await this.#ask(line, requestBytes('GET', '/api/v1/me', { cookie }), 200);
    if (me && me.json.account.login !== 'admin') this.fail(`signed in as ${me.text}`);
    await this.#ask(line, requestBytes('DELETE', '/api/v1/sessions/current', { cookie }), 204);
  }

  // The next article and poll; the old ones are counted.
  async nextStage() {
    const old = this.stage;
    this.stage = await this.#newStage();
    await this.#finish(old);
  }

  async #finish(stage) {
    await waitFor(() => stage.busy === 0, { deadline: PATIENCE_MS, what: 'every request about the old poll is answered' });
    const change = async (how) => assert.equal((await this.system.admin('POST', `/api/v1/polls/${stage.poll.id}/${how}`)).status, 200, how);
    await change('close');
    await assertNothingLost(this.system, stage, stage.watchers);
    await Promise.all(stage.watchers.map((each) => each.close()));
    await change('archive');
    this.counted += stage.poll.model.size + stage.comments.size;
    this.stages++;
  }

  // Resolves when all is answered and counted.
  async stop() {
    this.#over = true;
    await Promise.all(this.#running);
    if (this.stage) await this.#finish(this.stage);
  }

  // Ends whatever is left of it after a failure.
  async abandon() {
    this.#over = true;
    await Promise.all(this.stage?.watchers.map((each) => each.close()) ?? []);
  }
}
