// versions.test.mjs - an earlier version and this one side by side: a system of the earlier one, under
// load behind an edge, becomes one of this, process by process, and goes back again. In between
// every process is there in both. No request fails, nothing that was written is lost or there twice,
// every watcher ends on the last state. VOXPOP_LONG=1: several times, with 500 watchers.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { edgeMissing } from '../support/edge.mjs';
import { services, startFleet } from '../support/fleet.mjs';
import { longForm } from '../support/mixed.mjs';
import { buildPrevious, previousMissing } from '../support/previous.mjs';
import { buildFolder, request, waitFor } from '../support/system.mjs';

// Moved forward with each change of the protocol or of a record's schema, to the last commit before
// it: the one whose instances may be there while that change is rolled out.
const previous = '663174cf87b32027b187b21782ccac524a41516c';

const times = Number(process.env.VOXPOP_ROUNDS ?? (longForm ? 3 : 1));
const watchers = longForm ? 500 : 50;
const mixedWrites = longForm ? 400 : 40;
const patient = ['--service-ms', '4500']; // as in rolling.test.mjs
const kinds = [...services, 'gateway', 'live'];
const skip = edgeMissing || previousMissing(previous);

describe(`from ${previous.slice(0, 8)} to this version and back${skip ? `: left out, ${skip}` : ''}`, { skip }, () => {
  let fleet;
  before(async () => {
    const folder = buildPrevious(previous);
    fleet = await startFleet({ of: { each: 4 }, rest: 2, args: { gateway: patient }, programs: (kind, i) => (i < 2 ? folder : buildFolder) });
  });
  after(() => fleet?.stop());

  // Of each kind, which run: the first two of it are the earlier version.
  const places = () => kinds.map((kind) => fleet.running[kind].map((name) => fleet.names[kind].indexOf(name)).sort().join());

  // One of each kind, so that all are mixed, then the other one.
  async function roll(order) {
    for (const kind of order) await fleet.replace(kind);
    assert.ok(places().every((each) => ['0,2', '0,3', '1,2', '1,3'].includes(each)), `all are mixed: ${places()}`);
    await fleet.writes(mixedWrites);
    await assertNewRoute();
    await makeRecords();
    await assertDue();
    await assertSignedIn();
    await assertRead();
    for (const kind of order) await fleet.replace(kind);
  }

  // What only this version has is asked of its instances alone. (Once the earlier one has it too, this
  // shows nothing; bus_test.c does.)
  async function assertNewRoute() {
    const gateway = fleet.running.gateway.find((name) => fleet.names.gateway.indexOf(name) >= 2);
    for (let i = 0; i < 20; i++) {
      const got = await request('POST', `http://127.0.0.1:${fleet.system.ports[gateway]}/api/v1/migrate/polls`, { token: fleet.system.token, body: { dry_run: true } });
      assert.equal(got.status, 200, got.text);
    }
  }

  // What either version made is read by both; whose turn it is changes from request to request.
  const made = []; // {path, text}: what a reader finds there
  async function makeRecords() {
    const { system } = fleet;
    for (let i = 0; i < 4; i++) {
      const text = `made while both were there: ${made.length}`;
      const article = await system.make('/api/v1/articles', { title: text, body_markdown: 'Words.', status: 'published' });
      const poll = await system.make('/api/v1/polls', { question: text, kind: 'single', results: 'always', options: [{ text: 'One' }, { text: 'Two' }] });
      const comment = await waitFor(async () => {
        const got = await system.api('POST', `/api/v1/articles/${article.id}/comments`, { body: { author_name: 'Reader', body_markdown: text } });
        return got.status === 201 && got.json;
      }, { what: 'a comment is taken' });
      const ballot = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body: { choices: ['1'] }, headers: { 'idempotency-key': `${text} by a voter` } });
      assert.equal(ballot.status, 201, ballot.text);
      made.push({ path: `/api/v1/articles/${article.id}`, text }, { path: `/articles/${article.slug}`, text },
        { path: `/api/v1/polls/${poll.id}`, text }, { path: `/api/v1/polls/${poll.id}/results`, text: '"voters":1' }, { path: `/api/v1/comments/${comment.id}`, text });
    }
  }
  // Whoever is first, publishes what is due: then it can be read and commented on like any other.
  async function assertDue() {
    const { system } = fleet;
    const due = await Promise.all(Array.from({ length: 6 }, (_, i) => waitFor(async () => {
      const got = await system.admin('POST', '/api/v1/articles', { body: {
        title: `due while both are there: ${made.length} ${i}`, body_markdown: 'Words.', status: 'scheduled',
        publish_at: new Date(Math.ceil((Date.now() + 2000) / 1000) * 1000).toISOString(),
      } });
      assert.ok(got.status === 201 || got.status === 422, got.text); // 422: it came late on a busy machine
      return got.status === 201 && got.json;
    }, { what: 'an article is scheduled' })));
    for (const { id, title } of due) {
      await waitFor(async () => (await system.api('GET', `/api/v1/articles/${id}`)).status === 200, { deadline: 10000, what: `${title} is published` });
      const got = await system.api('POST', `/api/v1/articles/${id}/comments`, { body: { author_name: 'Reader', body_markdown: title } });
      assert.equal(got.status, 201, got.text);
      made.push({ path: `/api/v1/articles/${id}`, text: title });
    }
  }
  // Whoever signed in at one gateway is signed in at all.
  async function assertSignedIn() {
    const { system } = fleet;
    const urls = fleet.running.gateway.map((name) => `http://127.0.0.1:${system.ports[name]}/api/v1`);
    for (const url of urls) {
      const { status, cookies, text } = await request('POST', `${url}/sessions`, { body: { login: 'admin', password: system.password } });
      assert.equal(status, 201, text);
      for (const other of urls) {
        const me = await request('GET', `${other}/me`, { cookie: cookies });
        assert.equal(me.status, 200, me.text);
      }
    }
  }
  async function assertRead() {
    for (const { path, text } of made) {
      for (let i = 0; i < 4; i++) {
        const got = await fleet.system.api('GET', path);
        assert.ok(got.status === 200 && got.text.includes(text), `GET ${path}: ${got.status} ${got.text.slice(0, 300)}`);
      }
    }
  }

  test('nobody notices', async (t) => {
    await fleet.load({ watchers });
    for (let i = 0; i < times; i++) {
      await roll(kinds);
      assert.ok(places().every((each) => each === '2,3'), `all are of this version: ${places()}`);
      await assertRead();
      await fleet.writes(mixedWrites);
      await roll([...kinds].reverse());
      assert.ok(places().every((each) => each === '0,1'), `all are of the earlier version: ${places()}`);
      await assertRead();
    }
    await fleet.writes(20);
    await fleet.finish(t);
  });
});
