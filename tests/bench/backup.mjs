// backup.mjs - what ./dev bench backup prints: a store with a million ballots and 100,000 comments, backed
// up, verified, restored, exported, imported; how long each takes and how large it is. Everything is
// filled through the whole path. BENCH_BALLOTS (1000000), BENCH_COMMENTS (100000), BENCH_EXPORT (1; 0:
// without export and import). SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';

import { makePoll } from '../support/ballots.mjs';
import { startSystem } from '../support/system.mjs';
import { fillBallots, fillComments } from './fill.mjs';
import { machine, round1, row } from './measure.mjs';

const ballots = Number(process.env.BENCH_BALLOTS ?? 1000000);
const comments = Number(process.env.BENCH_COMMENTS ?? 100000);
const withExport = process.env.BENCH_EXPORT !== '0';
const options = 6;

const megabytes = (bytes) => `${round1(bytes / 1e6)} MB`;
const usedMemory = async (system) => Number(/used_memory:(\d+)/.exec(await system.redis('INFO', 'memory'))[1]);

// Runs the tool; gives its seconds. What it says is printed.
async function run(system, status, ...args) {
  const began = performance.now();
  const got = await system.cli(args, { deadline: 3600000 });
  const seconds = (performance.now() - began) / 1000;
  process.stderr.write(`voxpop ${args[0]}: ${round1(seconds)} s\n${got.out}${got.err}`);
  assert.equal(got.code, status, `${args.join(' ')}: ${got.err}`);
  return seconds;
}

const counts = async (system, poll, article) => [
  (await system.redis('HMGET', `poll:{${poll.id}}:tally`, 'voters', 'votes', '1', '2', '3', '4', '5', '6')).join(' '),
  await system.redis('XLEN', `poll:{${poll.id}}:journal`), await system.redis('ZCARD', `thread:{${article.id}}:all`),
];

async function main() {
  const system = await startSystem({ args: { gateway: ['--http-threads', '1024'] }, redisArgs: ['--repl-diskless-sync-delay', '0'] });
  const target = await startSystem({ services: [], gateway: false, live: false, admin: false });
  const poll = await makePoll(system, { options });
  const article = await system.make('/api/v1/articles', { title: 'Said by many', body_markdown: 'Text.', status: 'published' });
  const filled = await fillBallots(system, poll, options, ballots) + await fillComments(system, article, comments);
  const file = join(system.folder, 'store.backup');
  const rows = [];

  const backup = await run(system, 0, 'backup', file, '--redis-url', system.urls.redis);
  rows.push(['backup', round1(backup), megabytes(statSync(file).size)]);
  rows.push(['restore --verify alone', round1(await run(system, 0, 'restore', file, '--verify')), '']);
  rows.push(['restore into an empty Redis, fsync always', round1(await run(system, 0, 'restore', file, '--redis-url', target.urls.redis)), megabytes(await usedMemory(target))]);
  assert.deepEqual(await counts(target, poll, article), await counts(system, poll, article));
  if (withExport) {
    const lines = join(system.folder, 'store.jsonl');
    rows.push(['export', round1(await run(system, 0, 'export', lines)), megabytes(statSync(lines).size)]);
    const other = await startSystem({ live: false });
    rows.push(['import into another system', round1(await run(other, 1, 'import', join(system.folder, 'store.jsonl'))), '']); // 1: it has an admin of its own
    assert.deepEqual(await counts(other, poll, article), await counts(system, poll, article));
    await other.stop();
  }
  const [tally, entries, said] = await counts(system, poll, article);
  console.log(`${machine()}\n${tally.split(' ')[0]} ballots in ${entries} entries of a journal, ${said} comments; ` +
    `filled in ${Math.round(filled)} s, ${megabytes(await usedMemory(system))} of Redis' memory\n`);
  row(['what', 'seconds', 'size']);
  row(['---', '---', '---']);
  for (const each of rows) row(each);
  await target.stop();
  await system.stop();
}

await main();
