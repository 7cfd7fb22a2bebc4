// polls_big.mjs - what ./dev bench polls prints: votes and reads on a poll with a million ballots
// against those on an empty one, in interleaved rounds; what a ballot costs of Redis' memory,
// journal included; and how long the journal takes to be added up. The poll is filled through the
// whole path. BENCH_BALLOTS (1000000), BENCH_SECONDS (4) of one measurement, BENCH_ROUNDS (5).
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';

import { castBytes, insist, makePoll, resultsOf } from '../support/ballots.mjs';
import { Lines } from '../support/line.mjs';
import { startSystem, waitFor } from '../support/system.mjs';
import { fillBallots, vote as castMany } from './fill.mjs';
import { connections, machine, median, round1, row, wrk } from './measure.mjs';

const ballots = Number(process.env.BENCH_BALLOTS ?? 1000000);
const seconds = Number(process.env.BENCH_SECONDS ?? 4);
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const few = 1000;
const options = 6;
const limits = { few: 110, many: 70 }; // bytes for a ballot

const usedMemory = async (system) => Number(/used_memory:(\d+)/.exec(await system.redis('INFO', 'memory'))[1]);

// Bytes of all keys of a poll, the record apart, by the kind of key.
async function memoryOf(system, poll) {
  const kinds = {};
  let cursor = '0';
  do {
    const [next, keys] = await system.redis('SCAN', cursor, 'MATCH', `poll:{${poll.id}}:*`, 'COUNT', 10000);
    const sizes = await Promise.all(keys.map((key) => system.redis('MEMORY', 'USAGE', key, 'SAMPLES', '0')));
    keys.forEach((key, i) => {
      const kind = key.split(':')[2];
      kinds[kind] = (kinds[kind] ?? 0) + sizes[i];
    });
    cursor = next;
  } while (cursor !== '0');
  return { kinds, sum: Object.values(kinds).reduce((a, b) => a + b, 0) };
}

// Used memory and the poll's keys, now and before its first ballot.
async function weigh(system, poll, before) {
  const { voters } = await resultsOf(system, poll);
  const { kinds, sum } = await memoryOf(system, poll);
  const used = await usedMemory(system);
  return { voters, kinds, keys: sum / voters, used: (used - before) / voters };
}

const vote = (system, poll, length) => castMany(system, poll, options, length);
const read = (system, poll) => wrk(`${system.urls.site}/api/v1/polls/${poll.id}/results`, seconds);

// As voters come who do not come in batches of the same moment: one at a time on each connection.
async function castFew(system, poll) {
  const lines = new Lines(system.ports.gateway, connections);
  let next = 0;
  const voter = async () => {
    for (let i; (i = next++) < few;) {
      const got = await insist(lines, castBytes(poll, [String(1 + i % options)], { key: `${poll.id} ${i}` }));
      assert.equal(got.status, 201, got.text);
    }
  };
  await Promise.all(Array.from({ length: connections }, voter));
  lines.close();
}

// Adds the journal up as an editor would.
async function recount(system, poll) {
  const began = performance.now();
  let longest = 0;
  let id;
  for (let calls = 1; ; calls++) {
    const got = await system.admin('POST', `/api/v1/polls/${poll.id}/recount`, { body: { run: id }, timeout: 30000 });
    assert.equal(got.status, 200, got.text);
    longest = Math.max(longest, got.ms);
    if (got.json.done) return { ...got.json, calls, longest, seconds: (performance.now() - began) / 1000 };
    id = got.json.run;
  }
}

async function compare(system, big) {
  const rows = [
    { name: 'ballots, fsync always', of: (poll) => vote(system, poll, seconds), runs: [] },
    { name: 'results read', of: (poll) => read(system, poll), runs: [] },
  ];
  for (let i = 0; i < rounds; i++) {
    for (const each of rows) {
      const empty = each.of(await makePoll(system, { options }));
      const full = each.of(big);
      assert.equal(empty.bad + full.bad, 0, `${each.name}: answers were no success`);
      each.runs.push({ empty, full });
    }
  }
  return rows;
}

function printRates(rows) {
  row(['what', 'empty poll, requests/s', 'big poll, requests/s', 'ratio', 'ratios of the rounds', 'p99 ms empty', 'p99 ms big']);
  row(['---', '---', '---', '---', '---', '---', '---']);
  for (const { name, runs } of rows) {
    const ratios = runs.map((each) => each.full.rate / each.empty.rate);
    const middle = (which, what) => median(runs.map((each) => each[which][what]));
    row([name, Math.round(middle('empty', 'rate')), Math.round(middle('full', 'rate')), median(ratios).toFixed(2),
      ratios.map((x) => x.toFixed(2)).join(' '), round1(middle('empty', 'p99')), round1(middle('full', 'p99'))]);
  }
}

function printMemory(weighed) {
  row(['ballots', 'bytes each, keys of the poll', 'bytes each, used memory', 'limit', 'of it by kind of key']);
  row(['---', '---', '---', '---', '---']);
  for (const { voters, kinds, keys, used, limit } of weighed) {
    const parts = Object.entries(kinds).filter(([, bytes]) => bytes > voters / 10).sort((a, b) => b[1] - a[1]);
    row([voters, round1(keys), round1(used), limit, parts.map(([kind, bytes]) => `${kind} ${round1(bytes / voters)}`).join(', ')]);
  }
}

async function archive(system, poll) {
  const got = await system.admin('POST', `/api/v1/polls/${poll.id}/close`, { body: {} });
  assert.equal(got.status, 200, got.text);
  const began = performance.now();
  const archived = await system.admin('POST', `/api/v1/polls/${poll.id}/archive`, { body: {}, timeout: 60000 });
  assert.equal(archived.status, 200, archived.text);
  const voters = async () => Object.keys((await memoryOf(system, poll)).kinds).filter((kind) => /^[uvwa]$/.test(kind));
  await waitFor(async () => (await voters()).length === 0, { deadline: 120000, every: 500, what: 'the voters are deleted' });
  return { answer: archived.ms, seconds: (performance.now() - began) / 1000 };
}

async function main() {
  // As many threads as a person gets, not the tests' few.
  const system = await startSystem({ args: { gateway: ['--http-threads', '1024'] } });
  const weighed = [];
  await castFew(system, await makePoll(system, { options })); // buffers and scripts are there from now on
  const small = await makePoll(system, { options });
  const beforeFew = await usedMemory(system);
  await castFew(system, small);
  weighed.push({ ...await weigh(system, small, beforeFew), limit: limits.few });

  const big = await makePoll(system, { options });
  const beforeMany = await usedMemory(system);
  const took = await fillBallots(system, big, options, ballots);
  weighed.push({ ...await weigh(system, big, beforeMany), limit: limits.many });

  const rows = await compare(system, big);
  const counted = await recount(system, big);
  assert.equal(counted.equal, true, JSON.stringify(counted));
  const swept = await archive(system, big);

  console.log(`${machine()}\n${connections} connections, ${rounds} rounds of ${seconds} s each, medians\n`);
  printRates(rows);
  console.log('');
  printMemory(weighed);
  console.log(`\nfilled in ${Math.round(took)} s; ${counted.journal.voters} ballots in ${counted.entries} entries of the journal recounted ` +
    `in ${counted.calls} calls and ${round1(counted.seconds)} s, the longest call ${round1(counted.longest)} ms; tally and journal are equal`);
  console.log(`archived in ${round1(swept.answer)} ms, the voters deleted ${round1(swept.seconds)} s later`);
  await system.stop();
  for (const { voters, keys, limit } of weighed) {
    if (keys <= limit) continue;
    console.log(`with ${voters} ballots one costs more than ${limit} bytes`);
    process.exitCode = 1;
  }
}

await main();
