// articles_big.mjs - what ./dev bench articles prints: a magazine of BENCH_ARTICLES (100000) articles of
// lengths as magazines have them, made through the whole path: what one costs of Redis' memory, what the
// first and the last thousand took to be made, and how long pages of lists and articles take at
// BENCH_RATE (500) requests a second, while people vote. BENCH_SECONDS (8) of one measurement.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { makePoll } from '../support/ballots.mjs';
import { Chance } from '../support/random.mjs';
import { buildFolder, startSystem } from '../support/system.mjs';
import { machine, round1, row } from './measure.mjs';

const articles = Number(process.env.BENCH_ARTICLES ?? 100000);
const seconds = Number(process.env.BENCH_SECONDS ?? 8);
const rate = Number(process.env.BENCH_RATE ?? 500);
const votes = 50; // a second, beside it
const writers = 16; // who make articles at once
const people = 100;
const page = 20;
const execute = promisify(execFile);

const chance = new Chance(1);
const sum = (n) => Array.from({ length: n }, () => chance.next()).reduce((a, b) => a + b, 0);
const words = Array.from({ length: 5000 }, (_, i) => Array.from({ length: 2 + i % 9 }, () => 'etaoinshrdlu'[chance.below(12)]).join(''));
const word = () => words[Math.floor(words.length * chance.next() ** 3)]; // some are frequent
const text = (n) => Array.from({ length: n }, word).join(' ');

// Lengths are log-normal around 700 words, from 60 to 8,000.
function article(i) {
  const n = Math.round(Math.min(8000, Math.max(60, 700 * Math.exp(0.7 * (sum(12) - 6)))));
  return {
    title: `${text(3 + chance.below(6))} ${i}`, summary: text(20), body_markdown: Array.from({ length: Math.ceil(n / 60) }, () => text(60)).join('\n\n'),
    section: `Section ${chance.below(12)}`, tags: [...new Set(Array.from({ length: 1 + chance.below(5) }, () => `Tag ${Math.floor(500 * chance.next() ** 2)}`))],
    contributors: [`person-${chance.below(people)}`], status: 'published', publish_at: new Date(Date.UTC(2016, 0, 1) + Math.floor(chance.next() * 3e11)).toISOString(),
  };
}

async function make(system, from, to) {
  let next = from;
  const took = [];
  await Promise.all(Array.from({ length: writers }, async () => {
    for (let i; (i = next++) < to;) {
      const got = await system.admin('POST', '/api/v1/articles', { body: article(i) });
      assert.equal(got.status, 201, got.text);
      took.push(got.ms);
    }
  }));
  return took.sort((a, b) => a - b);
}

let run = 0;
async function load(settings) {
  const argv = Object.entries({ connections: 32, seconds, key: `run${run++}`, ...settings }).map(([name, value]) => `${name}=${value}`);
  return JSON.parse((await execute(join(buildFolder, 'http-load'), argv)).stdout);
}

const memory = async (system) => Number(/used_memory:(\d+)/.exec(await system.redis('INFO', 'memory'))[1]);

// The path of a page of a list, counted from 1.
async function pageOf(system, key, query, n) {
  const last = n > 1 ? await system.redis('ZRANGE', key, (n - 1) * page - 1, (n - 1) * page - 1, 'REV') : [];
  const cursor = last.length ? `&cursor=${Buffer.from(`a${last[0]}`).toString('base64url')}` : '';
  return `/api/v1/articles?view=summary&limit=${page}${query}${cursor}`;
}

async function measure(system) {
  const deep = Math.min(1000, Math.floor(articles / page));
  const poll = await makePoll(system);
  const member = (await system.redis('ZRANGE', 'articles:published', Math.floor(articles / 2), Math.floor(articles / 2)))[0];
  const slug = await system.redis('HGET', `article:{${member.slice(-26)}}`, 'slug');
  const lists = [['all', 'articles:published', ''], ['a section', 'articles:section:section 1', '&section=Section+1'],
    ['a tag', 'articles:tag:tag 1', '&tag=Tag+1'], ['a contributor', 'articles:by:person-1', '&contributor=person-1'], ['a language', 'articles:language:en', '&language=en']];
  const paths = [['an article by its slug', `/api/v1/articles/${slug}`], ['articles related to it', `/api/v1/articles/${slug}/related`],
    ['a tag and a section, page 1', await pageOf(system, '', '&tag=Tag+1&section=Section+1', 1)]];
  for (const [name, key, query] of lists) {
    const last = Math.max(1, Math.min(deep, Math.floor(await system.redis('ZCARD', key) / page)));
    for (const n of [...new Set([1, last])]) paths.push([`${name}, page ${n}`, await pageOf(system, key, query, n)]);
  }
  row([`${rate} a second`, 'p50 ms', 'p99 ms', 'not 2xx', `p99 ms of ${votes} votes a second beside it`]);
  row(['---', '--:', '--:', '--:', '--:']);
  for (const [name, path] of paths) {
    const [read, vote] = await Promise.all([load({ port: system.ports.gateway, path, rate }),
      load({ port: system.ports.gateway, connections: 8, path: `/api/v1/polls/${poll.id}/ballots`, rate: votes, body: JSON.stringify({ choices: ['1'] }) })]);
    const bad = read.failed + read.unanswered + Object.entries(read.status).reduce((n, [status, count]) => n + (/^2/.test(status) ? 0 : count), 0);
    row([name, round1(read.good.p50), round1(read.good.p99), bad, round1(vote.good.p99)]);
  }
}

const system = await startSystem({ live: false });
try {
  for (let i = 0; i < people; i++) assert.equal((await system.admin('PUT', `/api/v1/contributors/person-${i}`, { body: { display_name: `Person ${i}` } })).status, 201);
  const before = await memory(system);
  const some = Math.min(1000, Math.floor(articles / 2));
  const first = await make(system, 0, some);
  for (let n = some; n < articles - some; n += 10000) {
    await make(system, n, Math.min(n + 10000, articles - some));
    process.stderr.write(`${Math.min(n + 10000, articles - some)} articles\n`);
  }
  const last = await make(system, articles - some, articles);
  console.log(`${machine()}\n`);
  console.log(`${articles} articles: ${Math.round((await memory(system) - before) / articles)} bytes of Redis' memory each, with revision, lists and text;`);
  const middle = (list) => list[Math.floor(list.length / 2)];
  console.log(`one takes ${round1(middle(first))} ms to be made among the first ${some}, ${round1(middle(last))} ms among the last (median, ${writers} at once).\n`);
  await measure(system);
} finally {
  await system.stop();
}
