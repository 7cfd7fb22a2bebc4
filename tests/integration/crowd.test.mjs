// crowd.test.mjs - one address with more connections than it may have, while others are served; and
// more calls than an instance takes at a time. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { Line, requestBytes } from '../support/line.mjs';
import { raw, request, startSystem, waitFor } from '../support/system.mjs';

const most = 8;
const get = 'GET /polls HTTP/1.1\r\nHost: x\r\n\r\n';

describe('connections of one address', () => {
  let system;
  const open = [];
  before(async () => {
    system = await startSystem({ live: false, args: { gateway: ['--connections-per-address', String(most), '--http-threads', '64'] } });
  });
  after(async () => {
    for (const socket of open) socket.destroy();
    await system?.stop();
  });

  const connect = (localAddress) => new Promise((resolve, reject) => {
    const socket = net.connect({ port: system.ports.gateway, host: '127.0.0.1', localAddress });
    socket.on('error', reject);
    socket.once('connect', () => { open.push(socket); resolve(socket); });
  });

  // A request that keeps its connection: the answer is awaited, so that the server counts it.
  const hold = async () => {
    const socket = await connect('127.0.0.5');
    socket.write(get);
    await new Promise((resolve) => socket.once('data', resolve));
    return socket;
  };

  test('one too many is refused, others are served, and room is given back', async () => {
    const held = await Promise.all(Array.from({ length: most }, hold));
    const refused = await connect('127.0.0.5');
    refused.write(get);
    const answer = await new Promise((resolve) => refused.once('data', resolve));
    assert.match(String(answer), /^HTTP\/1.1 429 [^]*application\/problem\+json/);
    assert.equal((await raw(system.ports.gateway, get)).status, 200); /* from 127.0.0.1 */
    held[0].destroy();
    await waitFor(async () => {
      const again = await connect('127.0.0.5');
      again.write(get);
      const text = String(await new Promise((resolve) => again.once('data', resolve)));
      again.destroy();
      return text.startsWith('HTTP/1.1 200');
    }, { what: 'a place is free again' });
  });
});

describe('more calls than an instance takes', () => {
  const room = 256;
  const many = room + 100;
  let system;
  let lines = [];
  let bytes;
  before(async () => {
    system = await startSystem({ live: false,
      args: { gateway: ['--connections-per-address', '0', '--http-threads', `${many + 16}`] } });
    const { id } = await system.make('/api/v1/articles', { title: 'Asked for by many', body_markdown: 'x', status: 'published' });
    bytes = requestBytes('GET', `/api/v1/articles/${id}`);
    lines = Array.from({ length: many }, () => new Line(system.ports.gateway));
  });
  after(async () => {
    for (const line of lines) line.close();
    await system?.stop();
  });

  const waiting = async () => {
    const { text } = await request('GET', `${system.urls.admin}/metrics`, { agent: false });
    return Number(/^voxpop_bus_calls_waiting (\d+)$/m.exec(text)[1]);
  };
  // All ask while the service is frozen; it goes on when those whom it has no room for wait.
  const crowd = async (thawed) => {
    await system.freeze('articles');
    const answers = Promise.all(lines.map((line) => line.ask(bytes)));
    try {
      await waitFor(async () => await waiting() > 0, { every: 5, what: 'calls wait' });
      await thawed(answers);
    } finally {
      await system.thaw('articles');
    }
    return answers;
  };

  test('they wait in the gateway, and are answered', async (t) => {
    for (let tries = 1; ; tries++) { // a machine that takes half a second for it sheds them
      const answers = await crowd(async () => {});
      const refused = answers.filter((each) => each.status !== 200);
      if (refused.length === 0) break;
      t.diagnostic(`${refused.length} were shed`);
      assert.ok(tries < 5, `${refused.length} of ${many} refused: ${refused[0].status} ${refused[0].text}`);
      await waitFor(async () => (await system.page('/api/v1/articles?limit=1')).status === 200, { what: 'it is itself again' });
    }
  });

  test('not for ever: they are told to come again before their time is over', async () => {
    const answers = await crowd(() => waitFor(async () => await waiting() === 0, { every: 5, what: 'nobody waits any more' }));
    const shed = answers.filter((each) => /Too many requests are waiting/.test(each.text));
    assert.ok(shed.length > 0, answers.map((each) => each.status).join(' '));
    for (const each of shed) {
      assert.equal(each.status, 503);
      assert.ok(Number(each.header('retry-after')) >= 1);
    }
    for (const each of answers) assert.ok([200, 503, 504].includes(each.status), `${each.status} ${each.text}`);
    await waitFor(async () => (await system.page('/api/v1/articles?limit=1')).status === 200, { what: 'it is itself again' });
  });
});
