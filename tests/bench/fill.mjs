// fill.mjs - many ballots and comments, through the whole path. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { resultsOf } from '../support/ballots.mjs';
import { root } from '../support/system.mjs';
import { wrk } from './measure.mjs';

const runSeconds = 10;

let seeds = 0;

// Each ballot is of a new voter.
export const vote = (system, poll, options, length) => wrk(`${system.urls.site}/api/v1/polls/${poll.id}/ballots`, length,
  ['-s', join(root, 'tests/bench/cast.lua'), '--', `run${++seeds}`, String(options)]);

const say = (system, article, length) => wrk(`${system.urls.site}/api/v1/articles/${article.id}/comments`, length,
  ['-s', join(root, 'tests/bench/say.lua'), '--', `run${++seeds}`]);

// Runs until there are as many as wanted, or some more. Gives the seconds that it took.
async function fill(what, wanted, run, count) {
  const began = performance.now();
  for (let n = 0, rate = Infinity; n < wanted;) {
    const done = run(Math.min(runSeconds, Math.max(1, Math.ceil((wanted - n) / rate))));
    assert.ok(done.bad <= done.answers / 20, `${done.bad} of ${done.answers} ${what} were not taken`); // some 503: it is as fast as it can
    rate = done.rate;
    n = await count();
    process.stderr.write(`${n} ${what}, ${Math.round(rate)}/s\n`);
  }
  return (performance.now() - began) / 1000;
}

export const fillBallots = (system, poll, options, wanted) => fill('ballots', wanted,
  (length) => vote(system, poll, options, length), async () => (await resultsOf(system, poll)).voters);

export const fillComments = (system, article, wanted) => fill('comments', wanted,
  (length) => say(system, article, length), () => system.redis('ZCARD', `thread:{${article.id}}:all`));
