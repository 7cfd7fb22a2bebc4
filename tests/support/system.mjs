// system.mjs - a whole Voxpop for one test: a private Redis, the services, live and gateway, in a
// temporary folder and on free ports. stop() is part of the test: it fails when a process died by
// itself, did not end cleanly on SIGTERM, or a sanitizer spoke. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { raw, request } from './http.mjs';
import { Redis } from './redis.mjs';
import { Watcher } from './sse.mjs';
import { buildFolder, root, slow, waitFor, within } from './wait.mjs';

export { buildFolder, raw, request, root, slow, waitFor, within, Watcher };

const isRedis = (name) => /^redis(-|$)/.test(name);

const running = new Set(); // systems; whatever ends this process ends them
const endAll = () => { for (const system of running) system.abandon(); };
process.on('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

// A port that is free now, below the range that the kernel hands out by itself, so that it is
// still free when a process is started on it again.
const given = new Set();
export async function freePort() {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 12000);
    if (given.has(port)) continue;
    const server = net.createServer();
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (!free) continue;
    given.add(port);
    return port;
  }
}

// Our processes refuse VOXPOP_ names that they do not know, and a test must not depend on the
// settings of whoever runs it.
const cleanEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('VOXPOP_') && !name.startsWith('NODE_')));

// services: which to start, each perhaps several times ('polls', 'polls#2'). spare: further ones, also
// 'gateway#2' and 'live#2', which launch() starts; a gateway has its ports under its name and behind
// 'admin:'. args: extra flags by process name. env: for all processes. admin: make the account and a
// token. redisArgs: more settings of Redis; redisLogin: [user, password] with which the test talks to
// it. curve: each process has a key, and TCP between them is CURVE. ownRedis: services that have a
// Redis of their own, as the processes 'redis-articles' …, to which redisOf('articles') talks;
// ownRedisArgs: more settings of these. args may be a function of the system's urls,
// and have those of one instance under its whole name.
// programs: folders with other programs than those of this build, by process name. store: what is used
// in place of a Redis of its own, as of sentinels.mjs: {args(kind), command(...)}, with ownRedis also {urlFile(kind), readerFile}. hosts: addresses of
// processes by name, else 127.0.0.1. wrap(name): what stands in front of a command line.
export async function startSystem(options = {}) {
  const system = new System(options);
  running.add(system);
  try {
    await system.start();
  } catch (error) {
    const tails = system.logTails();
    system.abandon();
    throw new Error(`${error.message}${tails}`, { cause: error });
  }
  return system;
}

export class System {
  names = [];
  pids = {};
  ports = {};
  urls = {};
  token = null;
  password = 'correct horse battery';
  #options;
  #processes = new Map(); // name → {argv, child, ended, expected}
  #accidents = [];
  #redis;
  #ownRedis = {}; // by service

  constructor({ services = ['articles', 'comments', 'polls'], gateway = true, live = true, admin = true,
    env = {}, args = {}, redisArgs = [], redisLogin, curve = false, spare = [], ownRedis = [], ownRedisArgs = [], programs = {},
    store, hosts = {}, wrap = () => [] } = {}) {
    this.#options = { services, gateway, live, admin, env, args, redisArgs, redisLogin, curve, spare, ownRedis, ownRedisArgs, programs, store, hosts, wrap };
  }

  #host(name) { return this.#options.hosts[name] ?? '127.0.0.1'; }

  async start() {
    const { services, gateway, live, admin } = this.#options;
    this.folder = await mkdtemp(join(tmpdir(), 'voxpop-'));
    const stores = [...(this.#options.store ? [] : ['redis']), ...this.#options.ownRedis.map((each) => `redis-${each}`)];
    for (const name of stores) await mkdir(join(this.folder, name));
    await mkdir(join(this.folder, 'secrets'), { mode: 0o700 });
    await this.#choosePorts();
    if (this.#options.curve) await this.#makeKeys();
    this.#describe();
    this.#redis = this.#options.store ?? new Redis(this.redisSocket, this.#options.redisLogin);
    for (const each of this.#options.ownRedis) this.#ownRedis[each] = new Redis(this.#socketOf(`redis-${each}`), this.#options.redisLogin);
    for (const name of stores) this.launch(name);
    for (const name of stores) await this.ready(name);
    const others = [...services, ...(live ? ['live'] : []), ...(gateway ? ['gateway'] : [])];
    for (const name of others) this.launch(name);
    for (const name of others) await this.ready(name);
    if (admin && gateway) await this.#makeAdmin();
  }

  async #choosePorts() {
    for (const name of ['gateway', 'admin', 'live']) this.ports[name] = await freePort();
    for (const name of this.#options.spare.filter((each) => /^(gateway|live)#/.test(each))) {
      this.ports[name] = await freePort();
      this.ports[`admin:${name}`] = await freePort();
    }
    this.redisSocket = this.#socketOf('redis');
    this.urls = {
      site: `http://${this.#host('gateway')}:${this.ports.gateway}`,
      admin: `http://${this.#host('gateway')}:${this.ports.admin}`,
      live: `http://${this.#host('live')}:${this.ports.live}/live`,
      redis: `unix://${this.redisSocket}`,
    };
    for (const each of this.#options.ownRedis) this.urls[`redis-${each}`] = `unix://${this.#socketOf(`redis-${each}`)}`;
  }

  #socketOf(redis) { return join(this.folder, `${redis}.sock`); }

  async #makeKeys() {
    await mkdir(join(this.folder, 'keys'));
    for (const name of ['gateway', 'live', ...this.#options.services, ...this.#options.spare]) this.makeKey(name);
  }

  get allowFile() { return join(this.folder, 'allow'); }
  keyFile(name) { return join(this.folder, 'keys', `${name}.key`); }

  // A new key for a process, which takes it with its next start; the list lets the old one in, too.
  makeKey(name) {
    rmSync(this.keyFile(name), { force: true });
    rmSync(this.keyFile(name).replace(/key$/, 'pub'), { force: true });
    const line = execFileSync(join(buildFolder, 'voxpop'), ['keygen', join(this.folder, 'keys', name)], { encoding: 'utf8', env: cleanEnvironment });
    writeFileSync(this.allowFile, line, { flag: 'a' });
    return { secret: readFileSync(this.keyFile(name), 'utf8').trim(), public: line.split(' ')[0] };
  }

  #describe() {
    const { services, redisArgs, curve, spare, ownRedis, ownRedisArgs, programs, store: shared, wrap } = this.#options;
    const args = typeof this.#options.args === 'function' ? this.#options.args(this.urls) : this.#options.args;
    const bin = (name) => join(programs[name] ?? buildFolder, `voxpop-${name.split('#')[0]}`);
    const redisUrl = (kind) => shared?.args(kind) ?? ['--redis-url', this.urls.redis];
    const store = (name) => ['redis-server', '--port', '0', '--unixsocket', this.#socketOf(name), '--dir', join(this.folder, name),
      '--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--maxmemory-policy', 'noeviction', '--daemonize', 'no'];
    // Where its own Redis is, where the registry, and where those services' that it reads facts of.
    const sources = { articles: 'comments', comments: 'articles' };
    const registry = (kind) => shared ? ['--registry-url-file', shared.urlFile(kind)] : ['--registry-url', this.urls.redis];
    const source = (kind) => {
      if (ownRedis.includes(kind)) return [`--${kind}-redis-url`, this.urls[`redis-${kind}`]];
      return shared ? [`--${kind}-redis-url-file`, shared.readerFile] : [`--${kind}-redis-url`, this.urls.redis];
    };
    const redisUrls = (kind) => [
      ...(ownRedis.includes(kind) ? ['--redis-url', this.urls[`redis-${kind}`]] : redisUrl(kind)), ...(ownRedis.length ? registry(kind) : []),
      ...(sources[kind] && (ownRedis.includes('articles') || ownRedis.includes('comments')) ? source(sources[kind]) : [])];
    const at = (name, port = name) => `${this.#host(name)}:${this.ports[port]}`;
    const gateway = (name, admin) => [bin(name), ...redisUrl('gateway'), '--listen', at(name), '--admin-listen', at(name, admin),
      '--live-url', this.urls.live, '--http-threads', '64', '--secrets', join(this.folder, 'secrets')];
    const live = (name) => [bin(name), ...redisUrl('live'), '--listen', at(name),
      ...(this.ports[`admin:${name}`] ? ['--admin-listen', at(name, `admin:${name}`)] : [])];
    const argv = {
      redis: [...store('redis'), ...redisArgs],
      live: live('live'),
      gateway: gateway('gateway', 'admin'),
    };
    for (const name of [...services, ...spare]) {
      const kind = name.split('#')[0];
      argv[name] = kind === 'gateway' ? gateway(name, `admin:${name}`) : kind === 'live' ? live(name) : [bin(name), ...redisUrls(kind)];
    }
    if (shared) delete argv.redis;
    for (const each of ownRedis) argv[`redis-${each}`] = [...store(`redis-${each}`), ...ownRedisArgs];
    for (const [name, line] of Object.entries(argv)) {
      if (curve && !isRedis(name)) line.push('--curve-secret-key-file', this.keyFile(name), '--curve-allow', this.allowFile);
      this.#processes.set(name, { argv: [...wrap(name), ...line, ...(args[name] ?? args[name.split('#')[0]] ?? [])], child: null });
    }
  }

  // -- processes ---------------------------------------------------------------------------------

  launch(name) {
    const entry = this.#processes.get(name);
    assert.ok(entry, `there is no process ${name}`);
    assert.ok(!entry.child, `${name} runs already`);
    entry.logStart = this.log(name).length;
    const log = openSync(this.logFile(name), 'a');
    const child = spawn(entry.argv[0], entry.argv.slice(1), {
      stdio: ['ignore', log, log], env: { ...cleanEnvironment, ...this.#options.env }, cwd: this.folder,
    });
    closeSync(log);
    entry.child = child;
    entry.expected = false;
    entry.ended = new Promise((resolve) => {
      const over = (how) => {
        if (entry.child === child) {
          entry.child = null;
          delete this.pids[name];
        }
        if (!entry.expected) this.#accidents.push(`${name} ended by itself (${how})`);
        resolve(how);
      };
      child.once('error', (error) => over(error.message));
      child.once('exit', (code, signal) => over(signal ?? code));
    });
    this.pids[name] = child.pid;
  }

  // Resolves when the process serves; rejects at once when it has ended.
  ready(name) {
    const what = `${name} is ready`;
    return waitFor(async () => {
      if (!this.#processes.get(name).child) throw Object.assign(new Error(`${name} ended before it was ready: ${this.#accidents.join('; ')}`), { fatal: true });
      if (isRedis(name)) return await (name === 'redis' ? this.#redis : this.#ownRedis[name.slice('redis-'.length)]).command('PING') === 'PONG';
      if (name.split('#')[0] === 'gateway') return (await request('GET', `http://${this.#host(name)}:${this.ports[name === 'gateway' ? 'admin' : `admin:${name}`]}/readyz`, { agent: false })).status === 200;
      return /\bready\b/.test(this.log(name).slice(this.#processes.get(name).logStart));
    }, { deadline: 15000, what });
  }

  // Sends a signal. SIGKILL and SIGTERM also wait for the end; gives the exit status or signal.
  async kill(name, signal = 'SIGKILL') {
    const entry = this.#processes.get(name);
    assert.ok(entry?.child, `${name} does not run`);
    if (signal !== 'SIGKILL' && signal !== 'SIGTERM') return entry.child.kill(signal);
    entry.expected = true;
    entry.child.kill(signal);
    return within(entry.ended, signal === 'SIGKILL' ? 20000 : 5000, `${name} ends on ${signal}`); // SIGKILL takes what the machine takes
  }

  // It is about to be told to end in another way than by a signal; resolves with its exit status.
  expectEnd(name) {
    const entry = this.#processes.get(name);
    assert.ok(entry?.child, `${name} does not run`);
    entry.expected = true;
    return within(entry.ended, 5000, `${name} ends`);
  }

  // Starts it again (ending it cleanly first if it runs) with the same arguments and ports.
  async restart(name, { ready = true } = {}) {
    if (this.#processes.get(name)?.child) assert.equal(await this.kill(name, 'SIGTERM'), 0, `${name} ended cleanly`);
    this.launch(name);
    if (ready) await this.ready(name);
  }

  // Wakes what is frozen and starts what is gone: for a test that comes after one which failed.
  async heal() {
    const gone = [...this.#processes.keys()].filter((name) => !this.#processes.get(name).child && !this.#options.spare.includes(name));
    for (const name of Object.keys(this.pids)) await this.thaw(name);
    for (const name of gone) this.launch(name);
    for (const name of gone) await this.ready(name);
    await this.ready('gateway');
    // Each service has found Redis and the gateway each service, the accounts among them.
    for (const path of ['/api/v1/me', '/api/v1/articles/x', '/api/v1/comments/x', '/api/v1/polls/x']) {
      await waitFor(async () => (await this.admin('GET', path)).status < 500, { what: `${path} is answered` });
    }
  }

  freeze(name) { return this.kill(name, 'SIGSTOP'); }
  thaw(name) { return this.kill(name, 'SIGCONT'); }

  logFile(name) { return join(this.folder, `${name}.log`); }
  log(name) { return existsSync(this.logFile(name)) ? readFileSync(this.logFile(name), 'utf8') : ''; }
  logTails(lines = 12) {
    return [...this.#processes.keys()].filter((name) => !isRedis(name) && this.log(name)).map((name) =>
      `\n-- ${name}.log ends with:\n${this.log(name).trimEnd().split('\n').slice(-lines).join('\n')}`).join('');
  }

  // The tool: gives {code, out, err}.
  async cli(args, { env = {}, token = this.token, input = '', deadline = 30000 } = {}) {
    const child = spawn(join(buildFolder, 'voxpop'), ['--url', this.urls.site, ...args], {
      env: { ...cleanEnvironment, ...(token ? { VOXPOP_TOKEN: token } : {}), ...env }, cwd: this.folder,
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text) => { out += text; });
    child.stderr.setEncoding('utf8').on('data', (text) => { err += text; });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const code = await within(new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) => resolve(signal ?? status));
    }), deadline, `voxpop ${args.join(' ')}`).finally(() => child.kill('SIGKILL'));
    return { code, out, err };
  }

  async #makeAdmin() {
    const secret = join(this.folder, 'secrets', 'first-account');
    await waitFor(() => existsSync(secret) && readFileSync(secret).length, { what: 'the one-time secret is there' });
    const env = { VOXPOP_PASSWORD: this.password };
    const made = await this.cli(['account', 'add', 'admin', '--role', 'admin', '--secret-file', secret], { env });
    assert.equal(made.code, 0, `voxpop account add: ${made.err}`);
    this.token = await this.tokenFor('admin', this.password);
  }

  async tokenFor(login, password) {
    const added = await this.cli(['token', 'add', '--login', login], { env: { VOXPOP_PASSWORD: password } });
    assert.equal(added.code, 0, `voxpop token add: ${added.err}`);
    return added.out.trim();
  }

  // Signs in as a browser would: gives the cookie.
  async signIn(login = 'admin', password = this.password) {
    const got = await this.api('POST', '/api/v1/sessions', { body: { login, password } });
    assert.equal(got.status, 201, got.text);
    return got.cookies;
  }

  // -- requests ----------------------------------------------------------------------------------

  api(method, path, options) { return request(method, this.urls.site + path, options); }
  page(path, options) { return this.api('GET', path, options); }
  admin(method, path, options = {}) { return this.api(method, path, { token: this.token, ...options }); }
  raw(bytes, options) { return raw(this.ports.gateway, bytes, options); }
  redis(...args) { return this.#redis.command(...args); }
  redisOf(service, ...args) { return (this.#ownRedis[service] ?? this.#redis).command(...args); }

  // A stream of topics: ['poll:ID', 'article:ID'].
  sse(topics, { ticket, lastEventId, headers } = {}) {
    const query = new URLSearchParams([topics].flat().map((topic) => ['topic', topic]));
    if (ticket) query.append('ticket', ticket);
    return Watcher.open(`${this.urls.live}?${query}`, {
      headers: { ...headers, ...(lastEventId ? { 'last-event-id': lastEventId } : {}) },
    });
  }

  // Makes a record as admin and gives it back.
  async make(path, body, expect = 201) {
    const got = await this.admin('POST', path, { body });
    assert.equal(got.status, expect, `POST ${path}: ${got.text}`);
    return got.json;
  }

  // -- end ---------------------------------------------------------------------------------------

  async stop() {
    const wrong = [];
    const others = [...this.#processes.keys()].filter((name) => !isRedis(name));
    const doors = others.filter((name) => /^(gateway|live)/.test(name));
    const order = [...doors.sort(), ...others.filter((name) => !doors.includes(name)), ...[...this.#processes.keys()].filter(isRedis)];
    for (const name of order) {
      const entry = this.#processes.get(name);
      if (!entry?.child) continue;
      entry.child.kill('SIGCONT');
      try {
        const how = await this.kill(name, 'SIGTERM');
        if (how !== 0) wrong.push(`${name} ended with ${how} on SIGTERM`);
      } catch (error) {
        wrong.push(error.message);
      }
    }
    wrong.push(...this.#accidents, ...this.#sanitizerReports());
    const tails = wrong.length ? this.logTails() : '';
    this.abandon();
    if (wrong.length) assert.fail(`the system did not end well:\n  ${wrong.join('\n  ')}${tails}`);
    await rm(this.folder, { recursive: true, force: true });
  }

  #sanitizerReports() {
    const found = [];
    for (const name of this.#processes.keys()) {
      const log = this.log(name);
      const at = log.search(/(ERROR|WARNING|SUMMARY): \w+Sanitizer|: runtime error: /);
      if (at >= 0) found.push(`a sanitizer spoke in ${name}:\n${log.slice(log.lastIndexOf('\n', at) + 1).slice(0, 6000)}`);
    }
    return found;
  }

  // Ends everything at once, whatever its state.
  abandon() {
    running.delete(this);
    for (const each of [this.#options.store ? null : this.#redis, ...Object.values(this.#ownRedis)]) each?.close();
    for (const entry of this.#processes.values()) {
      entry.expected = true;
      entry.child?.kill('SIGKILL');
    }
    if (this.folder) rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
