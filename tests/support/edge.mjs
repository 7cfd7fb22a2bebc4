// edge.mjs - deploy/haproxy.cfg in front of a test's processes, with a certificate of its own.
// SPDX-License-Identifier: MIT
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';

import { request } from './http.mjs';
import { Watcher } from './sse.mjs';
import { freePort, root, waitFor, within } from './system.mjs';

// Debian puts it where only root's path leads.
const program = ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy', '/usr/bin/haproxy'].find(existsSync);

// Why tests with an edge are left out; false where they are not.
export const edgeMissing = program ? false : 'haproxy is not installed';

// All that a test sends comes from one network.
const freely = Object.fromEntries(['CONNECTIONS', 'REQUESTS', 'BALLOTS', 'COMMENTS', 'SIGNINS']
  .map((what) => [`VOXPOP_EDGE_NETWORK_${what}`, '1000000']));

const running = new Set();
process.on('exit', () => { for (const edge of running) edge.abandon(); });

// gateways, lives: [{port, admin}], admin being the port of /readyz. env: VOXPOP_EDGE_… settings.
// ready: whether to wait until a gateway is. global: more lines for that section.
export async function startEdge({ gateways, lives = [], env = {}, ready = true, global = [] }) {
  const edge = new Edge();
  running.add(edge);
  try {
    await edge.start({ gateways, lives, env, ready, global });
  } catch (error) {
    const tail = edge.log().slice(-2000);
    edge.abandon();
    throw new Error(`${error.message}\n-- the edge's log ends with:\n${tail}`, { cause: error });
  }
  return edge;
}

export class Edge {
  ports = {};
  #folder;
  #child;
  #ended;
  #agents = [];

  async start({ gateways, lives, env, ready, global }) {
    this.#folder = mkdtempSync(join(tmpdir(), 'voxpop-edge-'));
    for (const name of ['http', 'https', 'admin']) this.ports[name] = await freePort();
    this.ca = makeCertificate(this.#folder);
    this.agent = this.newAgent();
    this.servers({ gateways, lives, global });
    this.#launch({
      VOXPOP_EDGE_HTTP: `127.0.0.1:${this.ports.http}`,
      VOXPOP_EDGE_HTTPS: `127.0.0.1:${this.ports.https}`,
      VOXPOP_EDGE_ADMIN: `127.0.0.1:${this.ports.admin}`,
      VOXPOP_EDGE_CERT: this.certificate,
      VOXPOP_EDGE_CONNECTIONS: '2000', // what the limit of descriptors of any machine allows
      VOXPOP_PUBLIC_URL: `https://localhost:${this.ports.https}`,
      ...freely,
      ...env,
    });
    const path = ready ? 'readyz' : 'livez';
    await waitFor(async () => {
      if (this.#child.exitCode !== null) throw Object.assign(new Error('haproxy ended'), { fatal: true });
      return (await request('GET', `http://127.0.0.1:${this.ports.admin}/${path}`, { agent: false })).status === 200;
    }, { deadline: 10000, what: `the edge's /${path}` });
  }

  // Writes the file of servers, in the shape of deploy/haproxy-static.cfg.
  servers({ gateways, lives, global = [] }) {
    const lines = global.length ? ['global', ...global.map((line) => `    ${line}`)] : [];
    for (const [name, all] of [['gateway', gateways], ['live', lives]]) {
      for (const backend of [name, `${name}-unready`]) {
        lines.push(`backend ${backend} from ${backend}`);
        all.forEach(({ port, admin }, i) => lines.push(`    server ${name}-${i + 1} 127.0.0.1:${port} check port ${admin}`));
      }
    }
    writeFileSync(join(this.#folder, 'servers.cfg'), `${lines.join('\n')}\n`);
  }

  #launch(env) {
    const log = openSync(join(this.#folder, 'log'), 'a');
    // -db: in the foreground.
    this.#child = spawn(program, ['-db', '-f', `${root}deploy/haproxy.cfg`, '-f', join(this.#folder, 'servers.cfg')],
      { stdio: ['ignore', log, log], env: { PATH: process.env.PATH, ...env } });
    closeSync(log);
    this.#ended = new Promise((resolve) => { this.#child.once('exit', (code, signal) => resolve(signal ?? code)); });
  }

  log() {
    const file = join(this.#folder, 'log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  // An agent for node:http that speaks TLS: whatever takes an agent can go through the edge.
  newAgent(options = {}) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 64, ...options });
    agent.createConnection = ({ host, port }) => tls.connect({ host, port, ca: this.ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
    this.#agents.push(agent);
    return agent;
  }

  get certificate() { return join(this.#folder, 'site.pem'); }
  get pid() { return this.#child.pid; }
  get origin() { return `https://localhost:${this.ports.https}`; }

  // As request() of http.mjs, over TLS.
  api(method, path, options = {}) {
    return request(method, `http://localhost:${this.ports.https}${path}`, { agent: this.agent, ...options });
  }

  sse(topics, options = {}) {
    const query = new URLSearchParams([topics].flat().map((topic) => ['topic', topic]));
    return Watcher.open(`http://localhost:${this.ports.https}/live?${query}`, { agent: this.newAgent(), ...options });
  }

  // A session of HTTP/2; the caller closes it.
  h2() { return http2.connect(this.origin, { ca: this.ca }); }

  // One number of HAProxy's own metrics; labels as they are written there.
  async metric(name, labels) {
    const { text } = await request('GET', `http://127.0.0.1:${this.ports.admin}/metrics`, { agent: false });
    const line = text.split('\n').find((each) => each.startsWith(`${name}{`) && labels.every((label) => each.includes(label)));
    return line === undefined ? undefined : Number(line.split(' ').pop());
  }

  async stop() {
    for (const agent of this.#agents) agent.destroy();
    this.#child?.kill('SIGTERM');
    await within(this.#ended, 5000, 'haproxy ends on SIGTERM');
    this.abandon();
  }

  abandon() {
    running.delete(this);
    this.#child?.kill('SIGKILL');
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true });
  }
}

function makeCertificate(folder) {
  const file = (name) => join(folder, name);
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout', file('key.pem'), '-out', file('cert.pem')], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`openssl: ${made.error?.message ?? made.stderr}`);
  const certificate = readFileSync(file('cert.pem'), 'utf8');
  writeFileSync(file('site.pem'), certificate + readFileSync(file('key.pem'), 'utf8'), { mode: 0o600 });
  return certificate;
}
