// soak.test.mjs - the short form of ./dev soak: nothing fails, what is acknowledged is counted, and
// when the load is over each process has the descriptors that it had before.
// SPDX-License-Identifier: MIT
import { after, before, describe, test } from 'node:test';

import { edgeMissing } from '../support/edge.mjs';
import { Soak } from '../support/soak.mjs';

describe('an everyday load through the edge', { skip: edgeMissing }, () => {
  const soak = new Soak();
  before(() => soak.start());
  after(() => soak.stop());

  test('nothing fails, and no descriptor is left open', async (t) => {
    await soak.run({ seconds: 20, sampleMs: 1000, stageMs: 5000 });
    t.diagnostic(soak.told());
    soak.assertNothingFailed();
    await soak.assertIdle();
  });
});
