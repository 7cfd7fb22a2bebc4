// crowd.test.mjs - one address with more connections than it may have, while others are served; more
// calls than an instance takes at a time; more connections, and more requests, than a gateway has
// threads; more than wait at the edge. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';

import { edgeMissing, startEdge } from '../support/edge.mjs';
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

describe('more than a gateway has threads', () => {
  const threads = 64;
  const many = threads + 16;
  const results = (poll) => requestBytes('GET', `/api/v1/polls/${poll.id}/results`);
  let system;
  let poll;
  let lines = [];
  before(async () => {
    system = await startSystem({ live: false, args: { gateway: ['--connections-per-address', '0', '--http-threads', `${threads}`, '--service-ms', '10000'] } });
    poll = await system.make('/api/v1/polls', { question: 'Which?', kind: 'single', results: 'always', options: [{ text: 'A' }, { text: 'B' }] });
    lines = Array.from({ length: many }, () => new Line(system.ports.gateway));
  });
  after(async () => {
    for (const line of lines) line.close();
    await system?.stop();
  });

  test('busy connections take turns: none is left out', async () => {
    const answered = lines.map(() => 0);
    let over = false;
    const all = lines.map(async (line, i) => {
      while (!over) {
        const got = await line.ask(results(poll));
        assert.ok([200, 503].includes(got.status), got.text);
        answered[i]++;
      }
    });
    try {
      await waitFor(() => answered.every((n) => n >= 3), { deadline: 10000, what: 'each is answered three times' })
        .catch((error) => { throw new Error(`${error.message}: ${answered.join(' ')}`); });
    } finally {
      over = true;
      await Promise.all(all);
    }
  });

  test('requests beyond the threads are refused at once, not left to wait', async () => {
    await system.freeze('polls');
    const early = [];
    let all;
    try {
      all = lines.map(async (line) => {
        const got = await line.ask(results(poll));
        early.push(got);
        return got;
      });
      // Those that were sent wait for the service until it counts as dead.
      await waitFor(() => early.length >= many - threads, { what: 'those who are too many have their answer' });
    } finally {
      await system.thaw('polls');
    }
    const refused = early.slice(0, many - threads);
    for (const each of refused) {
      assert.equal(each.status, 503, each.text);
      assert.match(each.text, /Too many requests are in work/);
      assert.ok(Number(each.header('retry-after')) >= 1);
    }
    for (const each of await Promise.all(all)) assert.ok([200, 503, 504].includes(each.status), each.text);
    const { text } = await request('GET', `${system.urls.admin}/metrics`, { agent: false });
    assert.ok(Number(/^voxpop_gateway_refused_total\{reason="full"\} (\d+)$/m.exec(text)[1]) >= many - threads);
  });
});

describe('more than wait at the edge', { skip: edgeMissing }, () => {
  const room = 400; // of a gateway, in haproxy.cfg
  const queue = 20;
  const many = room + queue + 60;
  let system;
  let edge;
  let lines = [];
  before(async () => {
    system = await startSystem({ live: false, args: { gateway: ['--trusted-proxies', '127.0.0.1', '--http-threads', '512', '--service-ms', '10000'] } });
    edge = await startEdge({ gateways: [{ port: system.ports.gateway, admin: system.ports.admin }], env: { VOXPOP_EDGE_GATEWAY_QUEUE: `${queue}` } });
    const secure = ({ port, host }) => tls.connect({ port, host, ca: edge.ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
    lines = Array.from({ length: many }, () => new Line(edge.ports.https, undefined, secure));
  });
  after(async () => {
    for (const line of lines) line.close();
    await edge?.stop();
    await system?.stop();
  });

  test('they are told so at once, and keep their connection', async () => {
    await Promise.all(lines.map((line) => line.ask(requestBytes('GET', '/livez')))); // all are connected
    await system.freeze('articles');
    const refused = [];
    let all;
    try {
      all = lines.map(async (line) => {
        const got = await line.ask(requestBytes('GET', '/api/v1/articles'));
        if (/Too many requests are in work/.test(got.text)) refused.push(got);
        return got;
      });
      await waitFor(() => refused.length > 0, { what: 'one is refused' });
    } finally {
      await system.thaw('articles');
    }
    for (const each of await Promise.all(all)) assert.ok([200, 503, 504].includes(each.status), each.text);
    for (const each of refused) {
      assert.equal(each.status, 503);
      assert.ok(Number(each.header('retry-after')) >= 1);
      assert.doesNotMatch(each.head, /connection: *close/i);
    }
    await waitFor(async () => (await edge.api('GET', '/api/v1/articles')).status === 200, { what: 'it is itself again' });
  });
});
