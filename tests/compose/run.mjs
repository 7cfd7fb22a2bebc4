// run.mjs - docker-compose.yml for real: up, an account, a reader with a browser over TLS, votes while
// polls is scaled to four and each of them replaced, the Redis master killed, down and up again with the
// data intact, and at the end all of it removed. Needs docker, docker-compose and the images:
//   docker-compose build && node tests/compose/run.mjs [--keep]
// COMPOSE names another docker-compose. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import tls from 'node:tls';
import { promisify } from 'node:util';

import { message, option, sees, total, vote } from '../browser/parts.mjs';
import { startBrowser } from '../support/browser.mjs';
import { request } from '../support/http.mjs';
import { freePort } from '../support/system.mjs';
import { root, waitFor } from '../support/wait.mjs';

const VOTERS = 12; // at a time
const PAUSE_MS = 100; // between two votes of each: about 100 votes a second
const compose = (process.env.COMPOSE || 'docker-compose').split(' ');
const began = performance.now();
const say = (text) => console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}`);

const ports = { http: await freePort(), https: await freePort() };
const site = `https://localhost:${ports.https}`;
const environment = {
  ...process.env, COMPOSE_PROJECT_NAME: 'voxpop-check', VOXPOP_HTTP_PORT: String(ports.http), VOXPOP_HTTPS_PORT: String(ports.https),
  VOXPOP_PUBLIC_URL: site, COMPOSE_HTTP_TIMEOUT: '300', VOXPOP_NET: process.env.VOXPOP_NET || '10.213.79',
};
const run = async (...words) => spawned(words.flat());
const spawned = async ([command, ...args]) => (await promisify(execFile)(command, args, { cwd: root, env: environment, maxBuffer: 1 << 24 })).stdout.trim();
const up = (...args) => run(...compose, 'up', '-d', '--no-build', ...args);
const inside = (container, ...command) => run('docker', 'exec', '-e', 'VOXPOP_PASSWORD=correct horse battery', container, ...command);
// Docker frees the addresses of a network a little after its containers are gone; docker-compose 1.29 does
// not wait for that.
const down = (...args) => waitFor(async () => { await run(...compose, 'down', ...args); return true; }, { deadline: 60000, every: 1000, what: 'down' });
const containers = async (service) => (await run(...compose, 'ps', '-q', service)).split('\n').filter(Boolean);

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
agent.createConnection = ({ host, port }) => tls.connect({ host, port, servername: 'localhost', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
const api = (method, path, options) => request(method, `http://localhost:${ports.https}${path}`, { agent, ...options });

let token;
const make = async (path, body) => {
  const got = await api('POST', path, { body, token });
  assert.equal(got.status, 201, `${path}: ${got.status} ${got.text}`);
  return got.json;
};
const voters = async (poll) => {
  const got = await api('GET', `/api/v1/polls/${poll.id}/results`);
  assert.equal(got.status, 200, got.text);
  return got.json.voters;
};

const isUp = () => waitFor(async () => (await api('GET', '/')).status === 200 && (await api('GET', '/api/v1/polls?limit=1')).status === 200,
  { deadline: 180000, every: 500, what: 'the magazine answers' });

// Votes of ever new voters until stop(); each is sent again, under its key, until it is answered.
function startVotes(poll) {
  const load = { acknowledged: 0, failures: [], over: false };
  const one = async (name) => {
    for (let i = 0; !load.over; i++) {
      for (;;) {
        const got = await api('POST', `/api/v1/polls/${poll.id}/ballots`, {
          body: { choices: [poll.options[i % 2].id] }, headers: { 'idempotency-key': `${name}-${i}` }, timeout: 30000,
        }).catch((error) => ({ status: error.code ?? 0, text: error.message }));
        if (got.status === 201) break;
        load.failures.push({ at: performance.now(), why: `${got.status} ${got.text.slice(0, 160)}` });
        await pause(200); // as a client does
      }
      load.acknowledged++;
      load.last = performance.now();
      await pause(PAUSE_MS);
    }
  };
  const all = Array.from({ length: VOTERS }, (_, n) => one(`voter-${n}`));
  load.more = (n) => { const from = load.acknowledged; return waitFor(() => load.acknowledged >= from + n, { deadline: 120000, what: `${n} more votes` }); };
  load.stop = async () => { load.over = true; await Promise.all(all); };
  load.quiet = (what) => {
    assert.deepEqual(load.failures.map((each) => each.why), [], `${what}: failed requests`);
    say(`${what}: ${load.acknowledged} votes so far, none failed`);
  };
  return load;
}

async function readerVotes(poll, expected) {
  const browser = await startBrowser({ urls: { site, live: `${site}/live` } });
  try {
    await browser.scene(async (open) => {
      const ada = await open({ ignoreHTTPSErrors: true });
      await ada.goto(`/polls/${poll.id}${expected ? '/results' : ''}`);
      if (expected === 0) {
        await option(ada, 'Yes').check();
        await vote(ada).click();
        await sees(message(ada), /^Thank you\. Your vote is counted\.$/);
        await sees(total(ada), /^1 voter$/);
      } else {
        const digits = String(expected).replace(/\B(?=(\d{3})+$)/g, '\\D?');
        await ada.page.getByText(new RegExp(`${digits} voters`)).first().waitFor();
      }
    });
  } finally {
    await browser.close();
  }
}

async function masterOf() {
  const [sentinel] = await containers('sentinel-2');
  const [name] = (await run('docker', 'exec', sentinel, 'redis-cli', '-p', '26379', 'sentinel', 'get-master-addr-by-name', 'voxpop')).split('\n');
  return name;
}

async function main() {
  say(`${compose.join(' ')} up`);
  await up();
  await isUp();
  say('it answers over TLS');

  const [gateway] = await containers('gateway');
  const secret = '/var/lib/voxpop/first-account';
  await waitFor(() => inside(gateway, 'voxpop', 'account', 'add', 'admin', '--role', 'admin', '--secret-file', secret), { deadline: 60000, every: 1000, what: 'the first account' });
  token = (await inside(gateway, 'voxpop', 'token', 'add', '--login', 'admin')).split('\n').pop();
  await make('/api/v1/articles', { title: 'In containers', body_markdown: 'Text.', status: 'published' });
  const poll = await make('/api/v1/polls', { question: 'Does it hold?', options: [{ text: 'Yes' }, { text: 'No' }], kind: 'single', results: 'always' });
  await readerVotes(poll, 0);
  say('a reader with a browser has voted');

  const load = startVotes(poll);
  await load.more(300);
  load.quiet('votes run');
  await up('--no-recreate', '--scale', 'polls=4', 'polls');
  await waitFor(async () => JSON.parse((await api('GET', '/api/v1/status', { token })).text).instances.filter((each) => each.service === 'polls').length === 4,
    { deadline: 60000, every: 500, what: 'four instances of polls' });
  await load.more(300);
  load.quiet('polls scaled to four');
  for (const service of ['polls', 'gateway']) {
    await run('sh', '-c', `COMPOSE='${compose.join(' ')}' deploy/rolling-update.sh ${service}`);
    await load.more(200);
    load.quiet(`each instance of ${service} replaced`);
  }

  const old = await masterOf();
  const [node] = await containers(old);
  await load.more(100);
  const killed = performance.now();
  await run('docker', 'kill', node);
  await waitFor(async () => await masterOf() !== old, { deadline: 60000, every: 100, what: 'another master' });
  const named = performance.now() - killed;
  await load.more(200);
  const during = load.failures.filter((each) => each.at > killed);
  say(`${old} killed: another master after ${(named / 1000).toFixed(1)} s; ${during.length} answers were refusals, the last ${((Math.max(killed, ...during.map((each) => each.at)) - killed) / 1000).toFixed(1)} s after`);
  for (const each of during) assert.match(each.why, /^50[234]/, 'nothing but 502, 503 and 504');
  await run('docker', 'start', node);
  await load.more(200);
  await load.stop();
  const counted = await voters(poll);
  assert.equal(counted, load.acknowledged + 1, 'acknowledged votes and the tally');
  say(`${load.acknowledged} acknowledged votes and the reader's are ${counted} counted`);

  await down();
  say('down');
  await up();
  await isUp();
  assert.equal(await voters(poll), counted, 'the data is intact');
  await readerVotes(poll, counted);
  say(`up again: ${counted} voters, seen in the browser`);
}

try {
  await main();
} catch (error) {
  console.error(error);
  console.error((await run(...compose, 'ps').catch(String)));
  console.error((await run(...compose, 'logs', '--tail', '15').catch(String)).slice(-8000));
  process.exitCode = 1;
} finally {
  if (!process.argv.includes('--keep')) await down('-v').catch((error) => { console.error(error.message); });
  say(process.exitCode ? 'failed' : 'all of it held');
}
