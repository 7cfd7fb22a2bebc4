// live_farewell.test.mjs - a hub that is told to end lets its watchers go at once, and tells each when
// to come back, so that not all of them come in the same moment. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { makePoll } from '../support/ballots.mjs';
import { edgeMissing, startEdge } from '../support/edge.mjs';
import { startSystem, waitFor, within } from '../support/system.mjs';

const many = 80;
const earliestMs = 1000;
const latestMs = 8000;

describe('on SIGTERM', () => {
  let system;
  let edge;
  before(async () => {
    system = await startSystem({ spare: ['live#2'], args: { live: ['--streams-per-address', '0'] } });
    system.launch('live#2');
    await system.ready('live#2');
    if (edgeMissing) return;
    edge = await startEdge({ gateways: [{ port: system.ports.gateway, admin: system.ports.admin }],
      lives: [{ port: system.ports['live#2'], admin: system.ports['admin:live#2'] }] });
  });
  after(async () => {
    await edge?.stop();
    await system?.stop();
  });

  // Each is told a time of its own: no quarter of the whole is empty (by chance: once in 10^9 times).
  async function assertSpread(name, door) {
    const poll = await makePoll(system);
    const streams = await Promise.all(Array.from({ length: many }, () => door.sse(`poll:${poll.id}`)));
    await waitFor(() => streams.every((each) => each.events.length > 0), { deadline: 20000, what: 'all watch' });
    const greeted = streams.map((each) => each.retry);
    assert.equal(await system.kill(name, 'SIGTERM'), 0);
    await within(Promise.all(streams.map((each) => each.ended)), 5000, 'all streams end');
    const told = streams.map((each) => each.retry);
    assert.ok(told.every((ms) => ms >= earliestMs && ms <= latestMs), `${told}`);
    const quarter = (latestMs - earliestMs) / 4;
    for (let from = earliestMs; from < latestMs; from += quarter) {
      assert.ok(told.some((ms) => ms >= from && ms <= from + quarter), `none comes back from ${from} ms on: ${told}`);
    }
    assert.ok(told.filter((ms, i) => ms !== greeted[i]).length > many / 2, 'it is not what all were told at the beginning');
    for (const each of streams) each.close();
  }

  test('watchers are told to come back at different times', () => assertSpread('live', system));
  test('behind an edge, too', { skip: edgeMissing }, () => assertSpread('live#2', edge));
});
