// sentinels.mjs - three Redis nodes with a Sentinel each, as deploy/ ships them: redis-node.sh starts them
// with redis.conf, sentinel.conf and what make-secrets.sh made. Each node has an address of its own on
// this machine, or in namespaces. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from './redis.mjs';
import { buildFolder, freePort, root, waitFor, within } from './system.mjs';

const NODES = 3;
const MASTER = 'voxpop';
const BOTH = ['redis', 'sentinel'];
const running = new Set();
process.on('exit', () => { for (const each of running) each.abandon(); });

// hosts: an address for each node. wrap(name): what stands in front of the command line of 'redis-1',
// 'sentinel-1', …. ports: {redis, sentinel}, the same on each node.
export async function startSentinels(options = {}) {
  const all = new Sentinels(options);
  running.add(all);
  try {
    await all.start();
  } catch (error) {
    const tails = all.logTails();
    all.abandon();
    throw new Error(`${error.message}${tails}`, { cause: error });
  }
  return all;
}

export class Sentinels {
  #children = new Map(); // name → {child, ended}
  #connections = new Map();
  #wrap;

  constructor({ hosts, wrap = () => [], ports } = {}) {
    const net = `127.${100 + process.pid % 100}.${Math.floor(process.pid / 100) % 250}`;
    this.hosts = hosts ?? Array.from({ length: NODES }, (_, i) => `${net}.${i + 1}`);
    this.ports = ports;
    this.#wrap = wrap;
  }

  async start() {
    this.folder = mkdtempSync(join(tmpdir(), 'voxpop-redis-'));
    this.ports ??= { redis: await freePort(), sentinel: await freePort() };
    const certificate = join(this.folder, 'none.pem'); // of an edge that there is not
    writeFileSync(certificate, 'none\n');
    execFileSync(join(root, 'deploy/make-secrets.sh'), [join(this.folder, 'secrets')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: `${buildFolder}:${process.env.PATH}`, VOXPOP_TEMPLATES: join(root, 'deploy'), VOXPOP_CERTIFICATE: certificate,
        VOXPOP_REDIS: `redis+sentinel://${this.hosts.map((host) => `${host}:${this.ports.sentinel}`).join(',')}/${MASTER}`,
      },
    });
    for (const i of this.hosts.keys()) this.launch(`redis-${i + 1}`);
    await waitFor(() => this.replicates(0), { deadline: 20000, what: 'two replicas follow the first master' });
    for (const i of this.hosts.keys()) this.launch(`sentinel-${i + 1}`);
    await waitFor(() => this.watched(), { deadline: 20000, what: 'the Sentinels know each other and the replicas' });
  }

  urlFile(kind) { return join(this.folder, 'secrets', kind, 'redis-url'); }
  get readerFile() { return join(this.folder, 'secrets/operator/reader-url'); }

  // The flags of a process of Voxpop.
  args(kind) {
    return ['--redis-url-file', this.urlFile(kind), ...(kind === 'live' ? [] : ['--durability', 'replica'])];
  }

  launch(name) {
    const [kind, number] = name.split('-');
    assert.ok(!this.#children.get(name)?.child, `${name} runs already`);
    const host = this.hosts[number - 1];
    const data = join(this.folder, name);
    mkdirSync(data, { recursive: true });
    const argv = [...this.#wrap(name), join(root, 'deploy/redis-node.sh'), kind];
    const log = openSync(this.logFile(name), 'a');
    const child = spawn(argv[0], argv.slice(1), {
      stdio: ['ignore', log, log], cwd: data,
      env: {
        PATH: process.env.PATH, VOXPOP_NODE: host, VOXPOP_FIRST: this.hosts[0], VOXPOP_BIND: host, VOXPOP_DATA: data,
        VOXPOP_CONF: join(root, 'deploy'), VOXPOP_SECRETS: join(this.folder, 'secrets', kind),
        VOXPOP_REDIS_PORT: String(this.ports.redis), VOXPOP_SENTINEL_PORT: String(this.ports.sentinel),
      },
    });
    closeSync(log);
    const entry = { child };
    entry.ended = new Promise((resolve) => {
      const over = (how) => {
        entry.child = null;
        resolve(how);
      };
      child.once('error', (error) => over(error.message));
      child.once('exit', (code, signal) => over(signal ?? code));
    });
    this.#children.set(name, entry);
  }

  async kill(name, signal = 'SIGKILL') {
    const entry = this.#children.get(name);
    assert.ok(entry?.child, `${name} does not run`);
    entry.child.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await within(entry.ended, 5000, `${name} ends on ${signal}`);
  }

  // Both processes of a node, as a machine that dies.
  async killNode(i) { await Promise.all(BOTH.map((kind) => this.kill(`${kind}-${i + 1}`))); }
  launchNode(i) { for (const kind of BOTH) this.launch(`${kind}-${i + 1}`); }

  // -- what they say -----------------------------------------------------------------------------

  ask(name, ...args) {
    const [kind, number] = name.split('-');
    if (!this.#connections.has(name)) {
      const user = kind === 'redis' ? 'operator' : 'peer';
      const password = readFileSync(join(this.folder, 'secrets/passwords', user), 'utf8').trim();
      this.#connections.set(name, new Redis({ host: this.hosts[number - 1], port: this.ports[kind] }, [user, password]));
    }
    return within(this.#connections.get(name).command(...args), 1000, `${name} answers`);
  }

  // As the one that is the master: what System.redis() is elsewhere.
  async command(...args) { return this.ask(`redis-${await this.master() + 1}`, ...args); }

  // Which one a majority of the Sentinels names; throws while they do not agree.
  async master() {
    const said = await Promise.all(this.hosts.map((_, i) =>
      this.ask(`sentinel-${i + 1}`, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER).then(([host]) => this.hosts.indexOf(host), () => -1)));
    const found = said.find((each) => each >= 0 && said.filter((other) => other === each).length > NODES / 2);
    assert.notEqual(found, undefined, `the Sentinels name ${said}`);
    return found;
  }

  // Is this one the master of so many replicas that have all it has?
  async replicates(i, replicas = NODES - 1) {
    const info = await this.ask(`redis-${i + 1}`, 'INFO', 'replication');
    return /role:master/.test(info) && (info.match(/state=online/g) ?? []).length === replicas;
  }

  async watched() {
    const all = await Promise.all(this.hosts.map((_, i) => this.ask(`sentinel-${i + 1}`, 'SENTINEL', 'MASTER', MASTER)));
    return all.every((flat) => {
      const of = (field) => flat[flat.indexOf(field) + 1];
      return of('num-other-sentinels') === String(NODES - 1) && of('num-slaves') === String(NODES - 1) && of('flags') === 'master';
    });
  }

  // Everybody is there, follows one master, and is known.
  whole(deadline = 30000) {
    return waitFor(async () => {
      const master = await this.master();
      return await this.replicates(master) && await this.watched() && { master };
    }, { deadline, every: 100, what: 'one master with two replicas, which all Sentinels know' }).then(({ master }) => master);
  }

  logFile(name) { return join(this.folder, `${name}.log`); }
  logTails(lines = 12) {
    return [...this.#children.keys()].map((name) =>
      `\n-- ${name}.log ends with:\n${readFileSync(this.logFile(name), 'utf8').trimEnd().split('\n').slice(-lines).join('\n')}`).join('');
  }

  // Ends all at once, whatever their state.
  async stop() {
    const ended = [...this.#children.values()].map((entry) => entry.ended);
    this.#end();
    await within(Promise.all(ended), 5000, 'the Redis nodes end');
    rmSync(this.folder, { recursive: true, force: true });
  }

  #end() {
    running.delete(this);
    for (const each of this.#connections.values()) each.close();
    for (const entry of this.#children.values()) entry.child?.kill('SIGKILL');
  }

  abandon() {
    this.#end();
    if (this.folder) rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
