// wait.mjs - waiting for conditions instead of sleeping. SPDX-License-Identifier: MIT
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const buildFolder = process.env.VOXPOP_BUILD || `${root}build`;

// This process may have been held up itself: then a timer is over before what came meanwhile was
// looked at. Resolves when it has been.
async function whatCame() {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => { setImmediate(resolve); });
}

// How much longer things may take in the build that is tested: sanitizers cost time.
export const slow = /thread/.test(basename(buildFolder)) ? 8
  : /address|undefined/.test(basename(buildFolder)) ? 4 : 1;

// Calls condition until it gives something true, and returns that. A throw counts as "not yet";
// the last one is told when the deadline (milliseconds, stretched by `slow`) has passed.
export async function waitFor(condition, { deadline = 5000, every = 20, what = 'the condition' } = {}) {
  const end = performance.now() + deadline * slow;
  let last;
  let over = false;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      last = undefined;
    } catch (error) {
      if (error.fatal) throw error;
      last = error;
    }
    if (over) {
      throw new Error(`${what}: not within ${deadline * slow} ms`, { cause: last });
    }
    await pause(every);
    over = performance.now() >= end;
    if (over) await whatCame();
  }
}

// Rejects when the promise takes longer than the deadline.
export async function within(promise, deadline, what) {
  const giveUp = new AbortController();
  const limit = pause(deadline * slow, undefined, { signal: giveUp.signal }).then(whatCame).then(() => {
    throw new Error(`${what}: not within ${deadline * slow} ms`);
  });
  limit.catch(() => {});
  try {
    return await Promise.race([promise, limit]);
  } finally {
    giveUp.abort();
  }
}
