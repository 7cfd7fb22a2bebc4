// attack_edge.test.mjs - what strangers do to the edge: thousands of idle connections, and messages of
// HTTP/1.1 and HTTP/2 whose end is in doubt, for which the gateway is asked alone as well. Beside each
// of them somebody reads, and notices nothing. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import tls from 'node:tls';

import { longForm, makePoll } from '../support/ballots.mjs';
import { Crowd, descriptors, halfHead, noBody, Reader } from '../support/crowd.mjs';
import { doubtful } from '../support/doubtful.mjs';
import { edgeMissing, startEdge } from '../support/edge.mjs';
import { fields, FLAG, frame, RawH2, TYPE } from '../support/h2raw.mjs';
import { freePort, slow, startSystem, waitFor } from '../support/system.mjs';

const NOTICE_MS = 2000; // a reader behind the edge who waits for longer has noticed something,
const PATIENCE_MS = 60000; // unless this process, which is also the crowd, is what takes so long
const MANY = longForm ? 10000 : 3000;

describe(`the edge${edgeMissing ? `: left out, ${edgeMissing}` : ''}`, { skip: edgeMissing }, () => {
  // HAProxy wants two descriptors for each connection that it may have. Here nearly all are idle, and
  // have one.
  const room = Math.min(12000, descriptors - 1000);
  let system;
  let edge;
  let anew; // each request on a connection of its own
  let path;
  before(async () => {
    const liveAdmin = await freePort();
    system = await startSystem({ args: {
      gateway: ['--log-access', '--trusted-proxies', '127.0.0.1'], live: ['--admin-listen', `127.0.0.1:${liveAdmin}`, '--trusted-proxies', '127.0.0.1'],
    } });
    edge = await startEdge({ gateways: [{ port: system.ports.gateway, admin: system.ports.admin }], lives: [{ port: system.ports.live, admin: liveAdmin }],
      env: { VOXPOP_EDGE_CONNECTIONS: String(room), VOXPOP_EDGE_LOG: 'all' }, global: ['no strict-limits'] });
    anew = edge.newAgent({ keepAlive: false });
    const article = await system.make('/api/v1/articles', { title: 'Quiet', body_markdown: 'Text.', status: 'published' });
    path = `/articles/${article.slug}`;
  });
  after(async () => {
    await edge?.stop();
    await system?.stop();
  });

  const plain = (localAddress) => net.connect({ port: edge.ports.https, host: '127.0.0.1', localAddress });
  const secure = (localAddress) => tls.connect({ port: edge.ports.https, host: '127.0.0.1', localAddress, ca: edge.ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] });

  test(`${Math.min(MANY, room - 500)} idle connections, before TLS and behind it: nobody notices`, async (t) => {
    const each = longForm ? 200 : 60;
    const silent = new Crowd(plain);
    const crowd = new Crowd(secure);
    const reader = new Reader(() => edge.api('GET', path, { agent: anew, timeout: PATIENCE_MS }), PATIENCE_MS);
    const watcher = await edge.sse(`poll:${(await makePoll(system)).id}`);
    try {
      await reader.served(10);
      const usual = Math.max(...reader.ms);
      await silent.add(Math.min(MANY, room - 500) - 3 * each);
      await crowd.add(each); // that only speak TLS
      await crowd.add(each, { bytes: halfHead });
      await crowd.add(each, { bytes: noBody });
      await Promise.all([silent.settled('connections are there'), crowd.settled('connections over TLS are there')]);
      await reader.served(2);
      const began = reader.ms.length;
      reader.limit = Math.max(NOTICE_MS, 10 * usual); // a busy machine is slow without a crowd, too
      await reader.served(20);
      const busy = await edge.metric('haproxy_server_current_sessions', ['proxy="gateway"', 'server="gateway-1"']);
      assert.ok(busy < 20, `the gateway sees none of them: ${busy}`);
      assert.ok(!watcher.closed, 'streams go on');
      t.diagnostic(`${silent.open - silent.closed} before TLS, ${crowd.open - crowd.closed} behind it; the reader waited for ${Math.round(Math.max(...reader.ms.slice(began)))} ms at most`);
    } finally {
      watcher.close();
      await reader.stop().finally(() => { silent.end(); crowd.end(); });
    }
  });

  test('one network has no more connections than it may have, others are served', async () => {
    const strict = await startEdge({ gateways: [{ port: system.ports.gateway, admin: system.ports.admin }], env: { VOXPOP_EDGE_NETWORK_CONNECTIONS: '50' } });
    const crowd = new Crowd((localAddress) => net.connect({ port: strict.ports.https, host: '127.0.0.1', localAddress }));
    const fresh = strict.newAgent({ keepAlive: false });
    const reader = new Reader(() => strict.api('GET', path, { agent: fresh, timeout: PATIENCE_MS }), PATIENCE_MS);
    try {
      await crowd.add(200, { addresses: 1 });
      await waitFor(() => crowd.closed >= 150, { what: 'those over the limit are ended' });
      await reader.served(5);
      assert.equal(crowd.closed, 150);
    } finally {
      await reader.stop().finally(() => crowd.end());
      await strict.stop();
    }
  });

  // The requests that reached the gateway since a place in its log: "POST /doubt/1", "?" for what it
  // could not read. The log is written in pieces, so a last request of ours is waited for.
  const place = () => system.log('gateway').length;
  async function heard(since, mark, through = system) {
    assert.equal((await through.api('GET', `/mark/${mark}`)).status, 404);
    const all = await waitFor(() => {
      const lines = logged(system.log('gateway').slice(since)).filter((line) => line.path);
      return lines.some((line) => line.path === `/mark/${mark}`) && lines;
    }, { deadline: 20000, what: 'the gateway has logged' });
    return all.filter((line) => !line.path.startsWith('/mark/')).map((line) => (line.path === '?' ? '?' : `${line.method} ${line.path}`));
  }

  test('the gateway takes no request whose end is in doubt, and nothing behind it', async (t) => {
    const since = place();
    const all = doubtful('/doubt/0', '/inner/0').map((_, i) => doubtful(`/doubt/${i}`, `/inner/${i}`)[i]);
    const answers = await few(all, (each) => converse(net.connect(system.ports.gateway, '127.0.0.1'), each.bytes));
    const got = await heard(since, 'bare');
    const wrong = [];
    all.forEach(({ name, ends }, i) => {
      const statuses = [...answers[i].matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => match[1]).join(' ');
      t.diagnostic(`${name}: ${statuses || 'nothing'}`);
      if (!statuses) wrong.push(`${name}: no answer`);
      if (got.includes(`GET /inner/${i}`) !== (ends === 'inner')) wrong.push(`${name}: the inner request was ${ends === 'inner' ? 'not ' : ''}taken`);
    });
    assert.deepEqual(wrong, []);
  });

  test('the edge and the gateway see the same messages', async (t) => {
    const since = place();
    const from = edge.log().length;
    const all = doubtful('/doubt/0', '/inner/0').map((_, i) => doubtful(`/doubt/${i}`, `/inner/${i}`)[i]);
    const connect = () => tls.connect({ port: edge.ports.https, host: '127.0.0.1', ca: edge.ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
    const reader = new Reader(() => edge.api('GET', '/static/site.css', { agent: anew, timeout: PATIENCE_MS }), PATIENCE_MS);
    const answers = await few(all, (each) => converse(connect(), each.bytes));
    await reader.stop();
    all.forEach(({ name }, i) => t.diagnostic(`${name}: ${[...answers[i].matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => match[1]).join(' ') || 'nothing'}`));
    await sameMessages(since, from, 'edge');
    // What the edge has read as a request and refuses itself it refuses in our words.
    for (const [i, text] of answers.entries()) {
      if (/^HTTP\/1\.1 (408|429|431|502|503|504) /.test(text)) assert.match(text, /content-type: application\/problem\+json/i, all[i].name);
    }
  });

  test('over HTTP/2 too', async (t) => {
    const since = place();
    const from = edge.log().length;
    const statuses = await Promise.all(oddH2.map(async ([name, send], i) => {
      const raw = await RawH2.open({ port: edge.ports.https, ca: edge.ca });
      send(raw, i);
      await waitFor(() => raw.closed || raw.gone || raw.statuses[1], { deadline: 20000, what: `an answer to ${name}` });
      raw.destroy();
      t.diagnostic(`${name}: ${raw.statuses[1] ?? 'the connection ends'}`);
      return raw.statuses[1];
    }));
    await sameMessages(since, from, 'h2');
    assert.equal(statuses[0], 404, 'the first one is as it should be');
    oddH2.forEach(([name, , taken], i) => assert.equal(Number(statuses[i]) < 400 || statuses[i] === 404, Boolean(taken), name));
  });

  test('thousands of streams that are given up, heads that never end, pings', async () => {
    const reader = new Reader(() => edge.api('GET', '/static/site.css', { agent: anew, timeout: PATIENCE_MS }), PATIENCE_MS);
    const head = fields([[':method', 'GET'], [':scheme', 'https'], [':authority', 'localhost'], [':path', '/polls']]);
    const raws = await Promise.all(Array.from({ length: 8 }, () => RawH2.open({ port: edge.ports.https, ca: edge.ca })));
    try {
      for (let i = 0; i < 500; i++) {
        raws[0].write(frame(TYPE.HEADERS, FLAG.END_STREAM | FLAG.END_HEADERS, 2 * i + 1, head), frame(TYPE.RST_STREAM, 0, 2 * i + 1, Buffer.alloc(4)));
        raws[1].write(frame(TYPE.PING, 0, 0, Buffer.alloc(8)), frame(TYPE.SETTINGS, 0, 0));
        if (i % 50 === 49) await turn();
      }
      raws[2].write(frame(TYPE.HEADERS, 0, 1, head));
      for (let i = 0; i < 2000 && !raws[2].closed; i++) {
        raws[2].write(frame(TYPE.CONTINUATION, 0, 1, fields([['x', 'y'.repeat(100)]])));
        if (i % 50 === 49) await turn();
      }
      await waitFor(() => raws[2].closed, { deadline: 30000, what: 'the edge has enough of a head' });
      await reader.served(10);
    } finally {
      for (const raw of raws) raw.destroy();
      await reader.stop();
    }
  });

  // What the edge says it has sent on is what the gateway has got, no more and no less.
  async function sameMessages(since, from, mark) {
    const got = (await heard(since, mark)).filter((each) => !each.includes('/static/'));
    const sent = await waitFor(() => {
      const lines = logged(edge.log().slice(from)).filter((line) => line.server && !/<NOSRV>|\/-1$/.test(line.server) && !/^\/(static|mark)\//.test(line.path));
      return lines.length >= got.length && lines.map((line) => `${line.method} ${line.path}`);
    }, { deadline: 20000, what: 'the edge has logged' });
    const left = [...sent];
    let unread = 0;
    for (const each of got) {
      if (each === '?') { unread++; continue; }
      assert.ok(left.includes(each), `${each} reached the gateway, and the edge knows nothing of it`);
      left.splice(left.indexOf(each), 1);
    }
    assert.equal(left.length, unread, `the gateway could not read ${unread}; the edge has sent besides what it read: ${left}`);
  }
});

// -- where a message ends -------------------------------------------------------------------------

// Some at a time: a gateway whose threads are all taken (there are 64) lets no second request of a
// connection come.
async function few(all, act, width = 8) {
  const results = [];
  for (let i = 0; i < all.length; i += width) results.push(...await Promise.all(all.slice(i, i + width).map(act)));
  return results;
}

// Sends bytes, and gives all that comes until nothing does.
function converse(socket, bytes) {
  return new Promise((resolve) => {
    let got = '';
    let limit;
    const end = () => { clearTimeout(limit); socket.destroy(); resolve(got); };
    const wait = (ms) => { clearTimeout(limit); limit = setTimeout(end, ms * slow); };
    socket.setEncoding('latin1');
    socket.on('data', (text) => { got += text; wait(1000); });
    socket.on('error', () => {});
    socket.on('close', end);
    socket.write(bytes, 'latin1');
    wait(15000);
  });
}

const logged = (text) => text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));

const h2head = (i, more = [], { method = 'POST', path = `/doubt/h2/${i}`, ...rest } = {}) =>
  fields([[':method', method], [':scheme', 'https'], [':authority', rest.authority ?? 'localhost'], [':path', path], ...more]);
const whole = FLAG.END_STREAM | FLAG.END_HEADERS;
const asks = (more, pseudo) => (raw, i) => raw.write(frame(TYPE.HEADERS, whole, 1, h2head(i, more, { method: 'GET', ...pseudo })));
const says = (more, ...bodies) => (raw, i) => raw.write(frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, h2head(i, more)),
  ...bodies.map((body, k) => frame(TYPE.DATA, k === bodies.length - 1 ? FLAG.END_STREAM : 0, 1, Buffer.from(body))));
const smuggled = 'GET /inner/h2 HTTP/1.1\r\nHost: x\r\n\r\n';

// [name, what is sent on a new connection, whether it may be taken].
const oddH2 = [
  ['a body without a length', says([], '{}'), true],
  ['a body with its length', says([['content-length', '2']], '{}'), true],
  ['a length that is too small', says([['content-length', '0']], smuggled)],
  ['a length that is too large', says([['content-length', '99']], '{}')],
  ['two lengths', says([['content-length', '2'], ['content-length', '3']], '{} ')],
  ['a length with a plus', says([['content-length', '+2']], '{}')],
  ['chunks', says([['transfer-encoding', 'chunked']], `0\r\n\r\n${smuggled}`)],
  ['CR LF in a value', asks([['x', `a\r\nTransfer-Encoding: chunked\r\n\r\n${smuggled}`]])],
  ['LF in a value', asks([['x', 'a\nHost: x']])],
  ['NUL in a value', asks([['x', 'a\0b']])],
  ['CR LF in a name', asks([['x\r\ny', 'a']])],
  ['a colon in a name', asks([['x: y\r\nz', 'a']])],
  ['a name in upper case', asks([['X-A', 'a']])],
  ['a name that is nothing', asks([['', 'a']])],
  ['a blank in the path', asks([], { path: '/doubt/h2/x HTTP/1.1\r\nX: y' })],
  ['CR LF in the path', asks([], { path: `/doubt/h2/y\r\n\r\n${smuggled}` })],
  ['a path that is a URL', asks([], { path: 'http://other.example/doubt/h2/z' })],
  ['a path that is nothing', asks([], { path: '' })],
  ['a method with a blank', asks([], { method: 'GET /inner/h2 HTTP/1.1\r\nX:' })],
  ['an authority with CR LF', asks([], { authority: 'localhost\r\nX: y' })],
  ['an authority and another host', asks([['host', 'other.example']]), true], // the authority counts
  ['Connection', asks([['connection', 'close']])],
  ['Upgrade', asks([['upgrade', 'h2c']])],
  ['a pseudo field twice', asks([[':path', '/inner/h2']])],
  ['a pseudo field that is none', asks([[':odd', 'x']])],
  ['trailers with a length', (raw, i) => raw.write(frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, h2head(i)), frame(TYPE.DATA, 0, 1, Buffer.from('{}')),
    frame(TYPE.HEADERS, whole, 1, fields([['content-length', '5'], ['x', 'y']])))],
  ['DATA on no stream', (raw) => raw.write(frame(TYPE.DATA, 0, 1, Buffer.from(smuggled)))],
];
