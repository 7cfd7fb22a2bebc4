// edge.test.mjs - deploy/haproxy.cfg in front of two gateways: TLS, HTTP/2, whose address counts,
// live streams, rates, and that nobody notices when a gateway dies. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';

import { edgeMissing, startEdge } from '../support/edge.mjs';
import { buildFolder, freePort, request, root, slow, startSystem, waitFor, within } from '../support/system.mjs';

describe(`the edge${edgeMissing ? `: left out, ${edgeMissing}` : ''}`, { skip: edgeMissing }, () => {
  let system;
  let edge;
  let second; // a gateway beside that of the system
  let gateways;
  let lives;
  let article;

  before(async () => {
    const liveAdmin = await freePort();
    system = await startSystem({
      args: {
        gateway: ['--trusted-proxies', '127.0.0.1'],
        live: ['--trusted-proxies', '127.0.0.1', '--admin-listen', `127.0.0.1:${liveAdmin}`],
      },
    });
    second = await startGateway(system);
    gateways = [{ port: system.ports.gateway, admin: system.ports.admin }, second];
    lives = [{ port: system.ports.live, admin: liveAdmin }];
    edge = await startEdge({ gateways, lives });
    article = await system.make('/api/v1/articles', { title: 'Behind the edge', body_markdown: 'Text.', status: 'published' });
  });
  after(async () => {
    await edge?.stop();
    await second?.stop();
    await system?.stop();
  });

  const makePoll = (more = {}) => system.make('/api/v1/polls', {
    question: 'Which?', options: [{ text: 'One' }, { text: 'Two' }], kind: 'single', results: 'always', ...more,
  });
  const vote = (through, poll, { key, headers = {} }) => through.api('POST', `/api/v1/polls/${poll.id}/ballots`, {
    body: { choices: [poll.options[0].id] }, headers: { 'idempotency-key': key, ...headers },
  });
  const comment = (through, text, headers = {}) => through.api('POST', `/api/v1/articles/${article.id}/comments`, {
    body: { author_name: 'Reader', body_markdown: text }, headers,
  });
  const comments = async () => (await system.api('GET', `/api/v1/articles/${article.id}/comments?limit=100`)).json.items
    .map((each) => each.body_html);

  test('a page over TLS, and http leads there', async () => {
    const got = await edge.api('GET', '/polls');
    assert.equal(got.status, 200, got.text);
    assert.match(got.headers['content-type'], /^text\/html/);
    assert.match(got.headers['strict-transport-security'], /^max-age=\d+$/);
    const plain = await request('GET', `http://127.0.0.1:${edge.ports.http}/polls?q=a`, { agent: false });
    assert.equal(plain.status, 308);
    assert.equal(plain.headers.location, `${edge.origin}/polls?q=a`);
  });

  test('HTTP/2: pages, writes and streams over one connection', async () => {
    const poll = await makePoll();
    const session = edge.h2();
    try {
      const page = await ask2(session, { ':path': '/polls' });
      assert.equal(page.status, 200, page.text);
      const stream = session.request({ ':path': `/live?topic=poll:${poll.id}`, accept: 'text/event-stream' });
      let seen = '';
      stream.setEncoding('utf8').on('data', (text) => { seen += text; });
      await waitFor(() => /event: snapshot/.test(seen), { what: 'a snapshot over HTTP/2' });
      const cast = await ask2(session, {
        ':method': 'POST', ':path': `/api/v1/polls/${poll.id}/ballots`, 'content-type': 'application/json', 'idempotency-key': 'h2',
      }, JSON.stringify({ choices: [poll.options[1].id] }));
      assert.equal(cast.status, 201, cast.text);
      await waitFor(() => /event: tally/.test(seen) && /"voters":1/.test(seen), { what: 'the vote over HTTP/2' });
      stream.close();
    } finally {
      session.close();
    }
  });

  test('what a client says about its own address is not believed', async () => {
    const poll = await makePoll({ voting: 'limited', address_cap: 1 });
    const first = await vote(edge, poll, { key: 'a', headers: { 'x-forwarded-for': '198.51.100.7' } });
    assert.equal(first.status, 201, first.text);
    const other = await vote(edge, poll, { key: 'b', headers: { 'x-forwarded-for': '203.0.113.9, 192.0.2.1' } });
    assert.equal(other.status, 429, 'one network, whatever it says');
    assert.ok(Number(other.headers['retry-after']) > 0);
  });

  test('/live streams, frame by frame', async () => {
    const poll = await makePoll();
    const watcher = await edge.sse(`poll:${poll.id}`);
    try {
      assert.equal(watcher.status, 200);
      await watcher.next((each) => each.event === 'snapshot');
      const cast = await vote(edge, poll, { key: 'streamed' });
      const answered = performance.now();
      assert.equal(cast.status, 201, cast.text);
      const seen = await watcher.next((each) => each.data.voters === 1);
      assert.ok(seen.at - answered < 500 * slow, `the frame came ${seen.at - answered} ms after the answer`);
    } finally {
      watcher.close();
    }
  });

  test('every try of one request has one id, which the client cannot choose', async () => {
    const heard = [];
    const mute = await startMute((head) => { heard.push(head); });
    const other = await startEdge({ gateways: [{ port: mute.port, admin: gateways[0].admin }, { port: mute.port, admin: gateways[1].admin }] });
    try {
      const got = await comment(other, 'Never answered', {
        'x-voxpop-edge-id': '00000000000000000000000000000000', 'x-forwarded-for': '198.51.100.7',
      });
      assert.equal(got.status, 502, got.text);
      assert.equal(got.problem.status, 502);
      assert.ok(Number(got.headers['retry-after']) > 0);
      assert.equal(heard.length, 4, 'one try and three more');
      for (const head of heard) {
        const field = (name) => head.split('\r\n').filter((line) => line.toLowerCase().startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim());
        assert.deepEqual(field('x-forwarded-for'), ['127.0.0.1']);
        assert.deepEqual(field('x-voxpop-edge-id'), [...new Set(heard.flatMap((each) => /x-voxpop-edge-id: ([0-9a-f]{32})\r/i.exec(each)[1]))]);
      }
      assert.ok(!heard[0].includes('00000000000000000000000000000000'));
    } finally {
      await other.stop();
      mute.stop();
    }
  });

  test('a write whose answer is lost is tried again and takes effect once', async () => {
    const forgetful = await startForgetful(gateways[0].port);
    const other = await startEdge({ gateways: [{ port: forgetful.port, admin: gateways[0].admin }, gateways[1]] });
    try {
      const poll = await makePoll();
      for (let i = 0; i < 6; i++) {
        const said = await comment(other, `Said once ${i}`);
        assert.equal(said.status, 201, said.text);
        const cast = await vote(other, poll, { key: `lost ${i}` });
        assert.equal(cast.status, 201, cast.text);
      }
      assert.ok(forgetful.lost > 0, 'some answers were lost');
      const all = await comments();
      for (let i = 0; i < 6; i++) assert.equal(all.filter((each) => each.includes(`Said once ${i}`)).length, 1, `comment ${i}`);
      const results = await system.api('GET', `/api/v1/polls/${poll.id}/results`);
      assert.equal(results.json.voters, 6);
    } finally {
      await other.stop();
      forgetful.stop();
    }
  });

  test('a gateway that is killed, and one that is stopped, is noticed by nobody', async () => {
    const poll = await makePoll();
    let votes = 0;
    let reads = 0;
    let over = false;
    const failures = [];
    const keep = (got, wanted, what) => { if (got.status !== wanted) failures.push(`${what}: ${got.status} ${got.text.slice(0, 200)}`); };
    const agent = edge.newAgent({ maxSockets: 16 });
    const reader = async () => {
      for (; !over; reads++) keep(await edge.api('GET', `/articles/${article.slug}`, { agent }), 200, 'read');
    };
    const voter = async (name) => {
      for (let i = 0; !over; i++, votes++) keep(await vote(edge, poll, { key: `${name} ${i}` }), 201, 'vote');
    };
    const all = [reader(), reader(), reader(), voter('a'), voter('b'), voter('c')].map((each) => each.catch((error) => { failures.push(error.message); }));
    const more = (n, what) => { const from = votes + reads; return waitFor(() => failures.length || votes + reads > from + n, { deadline: 20000, what }); };
    try {
      for (const how of ['SIGKILL', 'SIGTERM']) {
        await more(100, 'the load runs');
        await second.end(how);
        await more(200, 'the load goes on');
        await second.launch();
        await waitFor(async () => await edge.metric('haproxy_server_status', ['proxy="gateway"', 'server="gateway-2"', 'state="UP"']) === 1,
          { deadline: 10000, what: 'the edge finds it again' });
      }
      await more(100, 'the load runs to the end');
    } finally {
      over = true;
      await Promise.all(all);
    }
    assert.deepEqual(failures, []);
    const results = await system.api('GET', `/api/v1/polls/${poll.id}/results`);
    assert.equal(results.json.voters, votes);
  });

  test('clients keep their connections, the gateways need few', async () => {
    const clients = await Promise.all(Array.from({ length: 300 }, async () => {
      const agent = edge.newAgent({ maxSockets: 1 });
      const got = await edge.api('GET', '/static/site.css', { agent });
      assert.equal(got.status, 200);
      return agent;
    }));
    assert.ok(await edge.metric('haproxy_frontend_current_sessions', ['proxy="site"']) >= 300);
    const open = async () => await edge.metric('haproxy_backend_current_sessions', ['proxy="gateway"']);
    assert.equal(await open(), 0, 'no session at a gateway is kept for a client that is silent');
    for (const agent of clients) agent.destroy();
  });

  test('one network has its limits, and is told when to come again', async () => {
    const strict = await startEdge({ gateways, lives, env: {
      VOXPOP_EDGE_NETWORK_BALLOTS: '3', VOXPOP_EDGE_NETWORK_COMMENTS: '3', VOXPOP_EDGE_NETWORK_SIGNINS: '3', VOXPOP_EDGE_NETWORK_REQUESTS: '40',
    } });
    try {
      const poll = await makePoll();
      const wrong = () => strict.api('POST', '/api/v1/sessions', { body: { login: 'admin', password: 'a guess of mine' } });
      const writes = [
        ['ballots', (i) => vote(strict, poll, { key: `limit ${i}` }), 201],
        ['comments', (i) => comment(strict, `Limit ${i}`), 201],
        ['passwords', wrong, 401],
      ];
      for (const [what, write, status] of writes) {
        for (let i = 0; i < 3; i++) assert.equal((await write(i)).status, status, what);
        const refused = await write(3);
        assert.equal(refused.status, 429, what);
        assert.ok(Number(refused.headers['retry-after']) > 0);
        assert.equal(refused.problem.status, 429);
      }
      assert.equal((await strict.api('GET', '/polls')).status, 200, 'reading goes on');
      await waitFor(async () => (await strict.api('GET', '/static/site.css')).status === 429, { every: 0, what: 'the limit of all requests' });
    } finally {
      await strict.stop();
    }
  });

  test('heads that are too large, too many or too slow end at the edge', async () => {
    const large = await edge.api('GET', '/polls', { headers: { 'x-large': 'a'.repeat(15000) } });
    assert.equal(large.status, 431);
    assert.equal(large.problem.status, 431);
    const many = await edge.api('GET', '/polls', { headers: Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`x-${i}`, 'a'])) });
    assert.equal(many.status, 400);
    const before = performance.now();
    const text = await drip(edge, 'GET /polls HTTP/1.1\r\nHost: localhost\r\n');
    assert.match(text, /^HTTP\/1\.1 408 /);
    assert.ok(performance.now() - before < 7000 * slow);
  });

  test('without a gateway it says so itself', async () => {
    const nobody = await freePort();
    const alone = await startEdge({ gateways: [{ port: nobody, admin: nobody }], ready: false });
    try {
      await waitFor(async () => await alone.metric('haproxy_backend_active_servers', ['proxy="gateway-unready"']) === 0, { what: 'the edge knows' });
      const got = await alone.api('GET', '/');
      assert.equal(got.status, 503);
      assert.equal(got.problem.status, 503);
      assert.ok(Number(got.headers['retry-after']) > 0);
      const ready = await request('GET', `http://127.0.0.1:${alone.ports.admin}/readyz`, { agent: false });
      assert.equal(ready.status, 503);
    } finally {
      await alone.stop();
    }
  });

  test('its log has no address and no query', async () => {
    const wordy = await startEdge({ gateways, lives, env: { VOXPOP_EDGE_LOG: 'all' } });
    try {
      const got = await wordy.api('GET', '/polls?q=secret');
      assert.equal(got.status, 200);
      await drip(wordy, 'no HTTP at all\r\n\r\n');
      await drip(wordy, 'not even TLS', net.connect);
      const lines = () => wordy.log().split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
      await waitFor(() => lines().some((line) => line.path === '/polls' && line.request_id === got.headers['x-request-id']), { what: 'the request is logged' });
      await waitFor(() => lines().length >= 3, { what: 'the failures are logged' });
      assert.ok(!/127\.0\.0\.1|secret/.test(wordy.log()), wordy.log());
    } finally {
      await wordy.stop();
    }
  });

  test('the files that come with it are valid', () => {
    for (const name of ['static', 'dns']) {
      const got = spawnSync('/usr/sbin/haproxy', ['-c', '-f', `${root}deploy/haproxy.cfg`, '-f', `${root}deploy/haproxy-${name}.cfg`],
        { encoding: 'utf8', env: { VOXPOP_EDGE_CERT: edge.certificate, VOXPOP_EDGE_CONNECTIONS: '2000' } });
      assert.equal(got.status, 0, got.stderr);
      assert.ok(!/WARNING|ALERT/.test(got.stderr), got.stderr);
    }
  });
});

// One more gateway of a system, on ports of its own, which stay the same when it is started again.
async function startGateway(system) {
  const port = await freePort();
  const admin = await freePort();
  let child = null;
  let ended = null;
  const gateway = {
    port, admin,
    async launch() {
      child = spawn(join(buildFolder, 'voxpop-gateway'), ['--redis-url', system.urls.redis, '--listen', `127.0.0.1:${port}`,
        '--admin-listen', `127.0.0.1:${admin}`, '--live-url', '/live', '--http-threads', '64', '--trusted-proxies', '127.0.0.1'],
      { stdio: 'ignore', env: { PATH: process.env.PATH } });
      ended = new Promise((resolve) => { child.once('exit', (code, signal) => resolve(signal ?? code)); });
      await waitFor(async () => (await request('GET', `http://127.0.0.1:${admin}/readyz`, { agent: false })).status === 200,
        { deadline: 10000, what: 'the second gateway is ready' });
    },
    end(signal) {
      child.kill(signal);
      return within(ended, 5000, `the second gateway ends on ${signal}`);
    },
    async stop() { assert.equal(await gateway.end('SIGTERM'), 0); },
  };
  process.once('exit', () => child?.kill('SIGKILL'));
  await gateway.launch();
  return gateway;
}

// A server that reads a request and closes the connection. took(head) is told.
function startMute(took) {
  return listen((socket) => {
    let bytes = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      bytes += data.toString('latin1');
      if (!bytes.includes('\r\n\r\n')) return;
      took(bytes.slice(0, bytes.indexOf('\r\n\r\n') + 2));
      socket.destroy();
    });
  });
}

// A server that has each POST done by the gateway at this port, and forgets to say so.
async function startForgetful(port) {
  const server = http.createServer((req, res) => {
    const on = http.request({ port, method: req.method, path: req.url, headers: req.headers, agent: false }, (got) => {
      if (req.method !== 'POST') {
        res.writeHead(got.statusCode, got.headers);
        got.pipe(res);
        return;
      }
      got.resume().once('end', () => {
        place.lost++;
        req.socket.destroy();
      });
    });
    on.on('error', () => req.socket.destroy());
    req.pipe(on);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const place = { port: server.address().port, lost: 0, stop: () => { server.close(); server.closeAllConnections?.(); } };
  return place;
}

async function listen(serve) {
  const server = net.createServer(serve);
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { port: server.address().port, stop: () => server.close() };
}

// Sends bytes that are no whole request, and gives all that comes until the edge closes.
function drip(edge, bytes, connect = tls.connect) {
  return new Promise((resolve, reject) => {
    let got = '';
    const socket = connect({ host: '127.0.0.1', port: edge.ports.https, ca: edge.ca, servername: 'localhost' });
    socket.on('error', () => {});
    socket.on('data', (data) => { got += data; });
    socket.on('close', () => { clearTimeout(limit); resolve(got); });
    socket.write(bytes);
    const limit = setTimeout(() => { socket.destroy(); reject(new Error('the edge does not close')); }, 15000 * slow);
  });
}

// One request on a session of HTTP/2.
function ask2(session, headers, body) {
  return within(new Promise((resolve, reject) => {
    const stream = session.request(headers);
    let status;
    let text = '';
    stream.on('response', (got) => { status = got[':status']; });
    stream.setEncoding('utf8').on('data', (data) => { text += data; });
    stream.on('error', reject);
    stream.on('end', () => resolve({ status, text }));
    stream.end(body);
  }), 10000, headers[':path']);
}
