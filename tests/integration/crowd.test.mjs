// crowd.test.mjs - one address with more connections than it may have, while others are served.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { raw, startSystem, waitFor } from '../support/system.mjs';

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
