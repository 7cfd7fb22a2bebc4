// attack_http.test.mjs - what strangers do to the bare doors: thousands of connections that say nothing
// or never end what they say, and requests made of noise. Beside each of them somebody reads, and is
// served within a request's time-out. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { fuzz, fuzzArgs } from '../fuzz/http.mjs';
import { makePoll } from '../support/ballots.mjs';
import { Crowd, descriptors, halfHead, noBody, Reader } from '../support/crowd.mjs';
import { newSeed } from '../support/random.mjs';
import { freePort, request, slow, startSystem, waitFor } from '../support/system.mjs';

const REQUEST_MS = 3000; // the gateway's time-out of a head
const SLACK_MS = 5000; // of a machine that also has to open thousands of connections
const MANY = 10000;

describe('a crowd', () => {
  const most = Math.min(5000, descriptors - 1000); // watchers
  let system;
  let liveAdmin;
  before(async () => {
    liveAdmin = await freePort();
    system = await startSystem({ args: { gateway: ['--http-threads', '128'], live: ['--admin-listen', `127.0.0.1:${liveAdmin}`, '--watchers-max', String(most)] } });
  });
  after(() => system?.stop());

  describe('at the bare gateway', () => {
    let path;
    before(async () => {
      const article = await system.make('/api/v1/articles', { title: 'Quiet', body_markdown: 'Text.', status: 'published' });
      path = `/articles/${article.slug}`;
    });

    const connect = (localAddress) => net.connect({ port: system.ports.gateway, host: '127.0.0.1', localAddress });
    const ask = () => system.api('GET', path, { agent: false, timeout: 60000 });
    const hurried = async () => Number(/^voxpop_gateway_refused_total\{reason="silent"\} (\d+)/m.exec((await request('GET', `${system.urls.admin}/metrics`, { agent: false })).text)[1]);

    for (const [what, bytes, n] of [
      ['connections that say nothing', '', MANY], ['heads that never end', halfHead, MANY], ['bodies that never come', noBody, 500],
    ]) {
      test(`${n} ${what}: others are served within a request's time-out`, async () => {
        const crowd = new Crowd(connect);
        const reader = new Reader(ask, REQUEST_MS + SLACK_MS);
        try {
          await reader.served(1);
          await crowd.add(Math.min(n, descriptors - 500), { bytes });
          await reader.served(20);
        } finally {
          await reader.stop().finally(() => crowd.end());
        }
        assert.ok(crowd.open > 128, 'more than there are threads');
      });
    }

    test('only while all threads are taken: otherwise who is slow has all the time', async () => {
      const before = await hurried();
      const crowd = new Crowd(connect);
      await crowd.add(100);
      const slowly = connect('127.0.0.1');
      await new Promise((resolve) => { slowly.once('connect', resolve); });
      slowly.write('GET /polls HTTP/1.1\r\n');
      await pause(1500); // six times as long as it may be silent in a crowd
      slowly.write('Host: x\r\n\r\n');
      assert.match(String(await new Promise((resolve) => { slowly.once('data', resolve); slowly.once('close', () => resolve('nothing')); })), /^HTTP\/1\.1 200 /);
      slowly.destroy();
      crowd.end();
      assert.equal(await hurried(), before);
    });
  });

  describe('at the bare voxpop-live', () => {
    let poll;
    before(async () => { poll = await makePoll(system); });

    const metric = async (name) => Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec((await request('GET', `http://127.0.0.1:${liveAdmin}/metrics`, { agent: false })).text)?.[1]);
    const connect = (localAddress) => net.connect({ port: system.ports.live, host: '127.0.0.1', localAddress });
    const watch = () => `GET /live?topic=poll:${poll.id} HTTP/1.1\r\nHost: x\r\n\r\n`;
    let voters = 0;
    const vote = async () => {
      const got = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body: { choices: ['1'] }, headers: { 'idempotency-key': `${++voters}` } });
      assert.equal(got.status, 201, got.text);
    };
    const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${system.pids.live}/status`, 'utf8'))[1]) * 1024;

    test('watchers who never read: as many as may be, no more of one address than may be, in little memory', async (t) => {
      const watcher = await system.sse(`poll:${poll.id}`);
      const crowd = new Crowd(connect);
      const before = memory();
      try {
        await watcher.next((each) => each.event === 'snapshot');
        await crowd.add(100, { bytes: watch(), addresses: 1, at: 2 });
        await waitFor(() => crowd.text[200] === 64 && crowd.text[429] === 36, { what: 'an address has its 64 streams' });
        const left = most - 65; // the watcher and that address have theirs
        await crowd.add(left + 200, { bytes: watch(), deaf: true, addresses: 120 });
        await waitFor(async () => await metric('voxpop_live_watchers') === most, { deadline: 20000, what: 'there are as many watchers as may be' });
        for (let i = 0; i < 20; i++) await vote();
        await watcher.next((each) => each.data.voters >= 20, { what: 'the watcher sees the votes' });
        assert.equal(await metric('voxpop_live_watchers'), most);
        const each = (memory() - before) / most;
        t.diagnostic(`${most} watchers, ${Math.round(each)} bytes of memory each`);
        assert.ok(each < 8192 * slow, `${each} bytes for each watcher`);
      } finally {
        watcher.close();
        crowd.end();
      }
      await waitFor(async () => await metric('voxpop_live_watchers') === 0, { deadline: 20000, what: 'they are gone' });
      const again = await system.sse(`poll:${poll.id}`);
      await again.next((each) => each.event === 'snapshot');
      again.close();
    });

    test('thousands that say nothing or only half: a watcher comes in, and sees votes', async () => {
      const crowd = new Crowd(connect);
      try {
        await crowd.add(Math.min(3000, most - 500), { bytes: '' });
        await crowd.add(Math.min(1000, most - 500), { bytes: watch().slice(0, -2) });
        const watcher = await system.sse(`poll:${poll.id}`);
        await watcher.next((each) => each.event === 'snapshot');
        await vote();
        await watcher.next((each) => each.data.voters >= voters, { what: 'the watcher sees the vote' });
        await waitFor(() => crowd.closed === Math.min(3000, most - 500) + Math.min(1000, most - 500), { deadline: 10000, what: 'they are cut' });
        watcher.close();
      } finally {
        crowd.end();
      }
    });
  });
});

describe('noise', () => {
  let system;
  before(async () => { system = await startSystem({ args: fuzzArgs }); });
  after(() => system?.stop());

  test('20 s of odd requests: nobody dies, nothing of them comes back, a reader is served', async (t) => {
    const seed = newSeed();
    t.diagnostic(`seed ${seed}`);
    const seen = await fuzz(system, { seconds: 20, seed });
    t.diagnostic(JSON.stringify(seen));
    assert.ok(seen.connections > 100);
    assert.ok(seen.reader.asked > 10);
  });
});
