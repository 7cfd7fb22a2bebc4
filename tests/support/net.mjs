// net.mjs - machines for one test: network namespaces, each with an address of its own and a cable to one
// router in the middle, which can lose what one says to another, both ways or one way. Needs root. A
// namespace lives as long as a process in it, which ends with this one: nothing is left behind, however
// the test ends. The drops are rules of the router, so that nobody is told. SPDX-License-Identifier: MIT
import { execFileSync, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import net from 'node:net';

import { waitFor } from './wait.mjs';

const nets = new Set();
process.on('exit', () => { for (const each of nets) each.end(); });

const run = (...argv) => execFileSync(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });

// Why tests in namespaces are left out; false where they are not.
export const netMissing = (() => {
  if (process.getuid() !== 0) return 'only root can make network namespaces';
  try {
    run('ip', '-V');
  } catch {
    return 'iproute2 is not installed';
  }
  try {
    run('unshare', '--net', 'sh', '-c', 'ip link add v0 type veth peer name v1 && echo 1 >/proc/sys/net/ipv4/ip_forward && ip rule add from 198.18.0.1 to 198.18.0.2 blackhole');
  } catch (error) {
    return `network namespaces cannot be made here (${error.message.trim().split('\n').pop()})`;
  }
  return false;
})();

// names: a namespace for each. Gives hosts: their addresses, by name; this process is at .1.
export async function makeNet(names) {
  const made = new Net();
  nets.add(made);
  try {
    await made.start(names);
  } catch (error) {
    made.end();
    throw error;
  }
  return made;
}

export class Net {
  hosts = {};
  #prefix = `198.18.${process.pid % 250}`; // for tests of networks, RFC 2544
  #holders = new Map(); // name → child
  #rules = []; // words of each

  async start(names) {
    await this.#hold('');
    const router = `${this.#prefix}.254`;
    this.#in('', 'sh', '-c', 'ip link set lo up && echo 1 >/proc/sys/net/ipv4/ip_forward');
    for (const [i, name] of names.entries()) {
      await this.#hold(name);
      const address = `${this.#prefix}.${i + 10}`;
      this.hosts[name] = address;
      this.#in('', 'sh', '-c', `ip link add n${i} type veth peer name eth0 netns ${this.#holders.get(name).pid} && ip addr add ${router}/32 dev n${i} && ip link set n${i} up && ip route add ${address} dev n${i}`);
      this.#in(name, 'sh', '-c', `ip link set lo up && ip addr add ${address}/32 dev eth0 && ip link set eth0 up && ip route add ${router} dev eth0 && ip route add default via ${router}`);
    }
    // The cable to this process; its near end goes with the router's.
    const near = `vp${process.pid}`;
    const own = `${this.#prefix}.1`;
    run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', 'near', 'netns', String(this.#holders.get('').pid));
    this.#in('', 'sh', '-c', `ip addr add ${router}/32 dev near && ip link set near up && ip route add ${own} dev near`);
    run('sh', '-c', `ip addr add ${own}/32 dev ${near} && ip link set ${near} up && ip route add ${router} dev ${near} && ip route add ${this.#prefix}.0/24 via ${router} src ${own}`);
  }

  // A process that has a namespace of its own, and does nothing.
  async #hold(name) {
    const own = readlinkSync('/proc/self/ns/net');
    const child = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'ignore'] });
    child.stdin.on('error', () => {});
    this.#holders.set(name, child);
    await waitFor(() => readlinkSync(`/proc/${child.pid}/ns/net`) !== own, { what: 'a network namespace' });
  }

  // What stands in front of a command line that is to run there.
  wrap(name) { return ['nsenter', `--net=/proc/${this.#holders.get(name).pid}/ns/net`, '--']; }
  #in(name, ...argv) { return run(...this.wrap(name), ...argv); }

  // As of net.connect, to this one.
  open(name) { return (at) => net.connect({ ...at, host: this.hosts[name] }); }

  // At one moment: each rule is a command, and a command takes a while.
  #rule(how, rules) {
    if (!rules.length) return;
    const [program, ...argv] = [...this.wrap(''), 'ip', '-batch', '-'];
    execFileSync(program, argv, { input: rules.map((words) => `rule ${how} ${words}\n`).join(''), stdio: ['pipe', 'pipe', 'pipe'] });
  }

  // From now on what one says does not reach the other: [[from, to], …].
  drop(pairs) {
    const rules = pairs.map(([from, to], i) => `from ${this.hosts[from]} to ${this.hosts[to]} blackhole pref ${100 + this.#rules.length + i}`);
    this.#rules.push(...rules);
    this.#rule('add', rules);
  }

  cut(these, others) {
    this.drop([these].flat().flatMap((one) => [others].flat().flatMap((other) => [[one, other], [other, one]])));
  }

  // All are connected again.
  heal() {
    this.#rule('del', this.#rules);
    this.#rules = [];
  }

  // A machine that is gone: it says no word any more. What ran on it has to have ended.
  async remove(name) {
    const child = this.#holders.get(name);
    const ended = new Promise((resolve) => { child.once('exit', resolve); });
    child.kill('SIGKILL');
    await ended;
  }

  end() {
    nets.delete(this);
    for (const child of this.#holders.values()) child.kill('SIGKILL');
  }
}
