// rolling.test.mjs - every instance is replaced while people read, write, vote and watch: a new one
// is started, and when it is seen the old one drains. No request fails, nothing that was written is
// lost or there twice, every watcher ends on the last state. VOXPOP_LONG=1: each 20 times, or
// VOXPOP_ROUNDS, with 500 watchers; and through the edge, where gateways and lives are replaced, too.
// SPDX-License-Identifier: MIT
import { after, before, describe, test } from 'node:test';

import { edgeMissing } from '../support/edge.mjs';
import { services, startFleet } from '../support/fleet.mjs';
import { longForm } from '../support/mixed.mjs';

const times = Number(process.env.VOXPOP_ROUNDS ?? (longForm ? 20 : 2));
const watchers = longForm ? 500 : 50;

// A call that is lost fails all the same, and one that only waits on a busy machine does not; less
// than what the edge waits.
const patient = ['--service-ms', '4500'];

async function replaceAll(t, fleet, kinds) {
  await fleet.load({ watchers });
  for (let i = 0; i < times; i++) {
    for (const kind of kinds) {
      for (let n = fleet.running[kind].length; n > 0; n--) await fleet.replace(kind);
    }
  }
  await fleet.writes(20);
  await fleet.finish(t);
}

describe(`every service is replaced ${times} times`, () => {
  let fleet;
  before(async () => { fleet = await startFleet({ of: { articles: 2, comments: 2, polls: 3 }, rest: 1, edge: false, args: { gateway: patient } }); });
  after(() => fleet?.stop());

  test('nobody notices', (t) => replaceAll(t, fleet, services));
});

const skip = longForm ? edgeMissing : 'the long form only';
describe(`every process behind an edge is replaced ${times} times`, { skip }, () => {
  let fleet;
  before(async () => { fleet = await startFleet({ of: { each: 3 }, rest: 1, args: { gateway: patient } }); });
  after(() => fleet?.stop());

  test('nobody notices', (t) => replaceAll(t, fleet, [...services, 'gateway', 'live']));
});
