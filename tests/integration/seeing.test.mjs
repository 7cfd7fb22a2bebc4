// seeing.test.mjs - what those who run the system see: instances, metrics of every process, and how
// one takes its leave. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { buildFolder, freePort, request, root, startSystem, waitFor, within } from '../support/system.mjs';

const services = ['articles', 'comments', 'polls'];

// Rows of Prometheus text as [{name, labels, value}]; what breaks the format is a failure.
function parse(text) {
  const rows = [];
  const types = new Map();
  let last = null;
  for (const line of text.trimEnd().split('\n')) {
    const head = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (head) {
      if (head[1] === 'TYPE') {
        assert.ok(!types.has(head[2]), `${head[2]} has one head`);
        types.set(head[2], head[3]);
        last = head[2];
      }
      continue;
    }
    const row = /^([a-z_]+)(?:\{(.*)\})? (-?[0-9.]+)$/.exec(line);
    assert.ok(row, `a row: ${line}`);
    assert.equal(row[1].replace(types.get(last) === 'histogram' ? /_(bucket|sum|count)$/ : '', ''), last, 'rows stand under their head');
    const labels = Object.fromEntries([...(row[2] ?? '').matchAll(/([a-z_]+)="([^"]*)"(?:,|$)/g)].map(([, name, value]) => [name, value]));
    rows.push({ name: row[1], labels, value: Number(row[3]) });
  }
  return rows;
}

const admin = async (system, path) => {
  const got = await request('GET', `${system.urls.admin}${path}`, { agent: false });
  assert.equal(got.status, 200, got.text);
  assert.match(got.headers['content-type'], /^text\/plain; version=0\.0\.4/);
  return parse(got.text);
};
const instancesOf = async (system) => {
  const got = await system.admin('GET', '/api/v1/status');
  assert.equal(got.status, 200, got.text);
  return got.json.instances;
};
const withLabels = (rows, name, labels = {}) => rows.filter((row) => row.name === name &&
  Object.entries(labels).every(([label, value]) => row.labels[label] === value));
const sum = (rows, name, labels) => withLabels(rows, name, labels).reduce((all, row) => all + row.value, 0);

describe('seeing a system', () => {
  let system;
  let liveAdmin;
  before(async () => {
    liveAdmin = await freePort();
    system = await startSystem({ services: [...services, 'polls#2'], args: { live: ['--admin-listen', `127.0.0.1:${liveAdmin}`], polls: ['--log-access'], gateway: ['--log-access'] } });
    await waitFor(async () => (await instancesOf(system)).length === 7, { what: 'all are in the registry' });
  });
  after(() => system?.stop());

  test('the status tells of every process', async () => {
    const instances = await instancesOf(system);
    assert.deepEqual(instances.map((each) => each.service), ['accounts', 'articles', 'comments', 'gateway', 'live', 'polls', 'polls']);
    for (const each of instances) {
      assert.match(each.id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
      assert.ok(Math.abs(Date.parse(each.started_at) - Date.now()) < 120000, each.started_at);
      assert.deepEqual([each.ready, each.draining], [true, false], each.service);
    }
    assert.equal(instances[3].endpoint, system.urls.site);
    assert.equal(`${instances[4].endpoint}/live`, system.urls.live);
    // Nobody routes to those: what would be theirs is not found.
    assert.equal((await system.api('GET', '/api/v1/gateway')).status, 404);
    const watcher = await system.sse(`poll:${'0'.repeat(26)}`);
    await waitFor(async () => (await instancesOf(system))[4].load === 1, { what: 'the load of live is its watchers' });
    watcher.close();
  });

  test('the table of voxpop status, once and again', async () => {
    const once = await system.cli(['status']);
    assert.equal(once.code, 0, once.err);
    const [head, ...rows] = once.out.trimEnd().split('\n');
    assert.equal(head.trim().replace(/ +/g, ' '), 'SERVICE ID VERSION LOAD OUTSTANDING READY DRAINING AGE');
    assert.equal(rows.length, 7);
    assert.match(rows[5], /^polls +\w{26} +\S+ +\d+ +0 +yes +no +\d+ (s|min)$/);
    for (const args of [['status', '3'], ['status', '--watch', '0'], ['status', '--watch', 'x'], ['status', '--watch', '1', '2']]) {
      assert.notEqual((await system.cli(args)).code, 0, args.join(' '));
    }
    const child = spawn(join(buildFolder, 'voxpop'), ['--url', system.urls.site, 'status', '--watch', '1'], { env: { VOXPOP_TOKEN: system.token } });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => { out += text; });
    const ended = new Promise((resolve) => { child.once('close', (code, signal) => resolve(signal)); });
    try {
      await waitFor(() => out.split('SERVICE').length > 2, { what: 'it is shown again' });
    } finally {
      child.kill('SIGTERM');
    }
    assert.equal(await within(ended, 5000, 'a signal ends it'), 'SIGTERM');
    assert.notEqual((await system.cli(['status', '--watch'], { token: 'voxpop_none' })).code, 0, 'who may not ask is told so');
  });

  test('every process counts', async () => {
    const poll = await system.make('/api/v1/polls', { question: 'Seen?', options: [{ text: 'Yes' }, { text: 'No' }], kind: 'single', results: 'always' });
    for (let i = 0; i < 8; i++) {
      const cast = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body: { choices: ['1'] }, headers: { 'idempotency-key': `seen-${i}` } });
      assert.equal(cast.status, 201, cast.text);
    }
    await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body: { choices: ['9'] }, headers: { 'idempotency-key': 'odd' } });
    const rows = await admin(system, '/metrics/services');
    const instances = (await instancesOf(system)).filter((each) => [...services, 'accounts'].includes(each.service));
    for (const { service, id } of instances) {
      const labels = { service, instance: id };
      assert.equal(sum(rows, 'voxpop_instance_up', labels), 1);
      assert.equal(sum(rows, 'voxpop_service_redis_up', labels), 1);
      assert.equal(sum(rows, 'voxpop_build_info', labels), 1);
      assert.equal(sum(rows, 'voxpop_service_redis_connections_total', labels), 1, `${service} connected once`);
      assert.equal(withLabels(rows, 'process_open_fds', labels).length, service === 'accounts' ? 0 : 1);
    }
    const cast = { service: 'polls', op: 'polls.cast' };
    assert.equal(sum(rows, 'voxpop_service_calls_total', { ...cast, class: '2xx' }), 8);
    assert.equal(sum(rows, 'voxpop_service_calls_total', { ...cast, class: '4xx' }), 1);
    assert.equal(sum(rows, 'voxpop_service_call_seconds_count', cast), 9);
    assert.ok(sum(rows, 'voxpop_service_batch_calls_count', { service: 'polls' }) >= 8);
    assert.ok(sum(rows, 'voxpop_service_redis_seconds_count', { service: 'polls' }) >= 8);
    assert.ok(sum(rows, 'voxpop_service_timers_total', { service: 'polls', is: 'done' }) > 0);
    assert.equal(sum(rows, 'voxpop_service_messages_refused_total'), 0);
    const own = await admin(system, '/metrics');
    assert.equal(sum(own, 'voxpop_build_info'), 1);
    assert.ok(sum(own, 'voxpop_bus_calls_total') > 8);
  });

  test('what the dashboard shows and the alerts look at is there', async () => {
    const live = await request('GET', `http://127.0.0.1:${liveAdmin}/metrics`, { agent: false });
    const rows = [...await admin(system, '/metrics'), ...await admin(system, '/metrics/services'), ...parse(live.text)];
    const dashboard = JSON.parse(readFileSync(join(root, 'deploy/grafana-dashboard.json'), 'utf8'));
    const shown = dashboard.panels.flatMap((panel) => panel.targets ?? []).map((target) => target.expr);
    assert.ok(shown.length > 40);
    const asked = [...shown, readFileSync(join(root, 'deploy/alerts.yml'), 'utf8').replace(/^ *#.*$/gm, '')];
    const seen = new Set();
    for (const expr of asked) {
      for (const [, name, selector] of expr.matchAll(/\b((?:voxpop|process)_[a-z_]+)\b(?:\{([^}]*)\})?/g)) {
        const labels = Object.fromEntries([...(selector ?? '').matchAll(/([a-z_]+)="([^"$]*)"/g)].map(([, label, value]) => [label, value]));
        assert.ok(withLabels(rows, name, labels).length, `${name}{${selector ?? ''}} of ${expr.slice(0, 200)}`);
        seen.add(name.replace(/_(bucket|sum|count)$/, ''));
      }
    }
    // And the other way round: what is counted is shown, but for what a row beside it tells.
    const all = new Set(rows.map((row) => row.name.replace(/_(bucket|sum|count)$/, '')));
    assert.deepEqual([...all].filter((name) => !seen.has(name)), ['voxpop_service_calls_unrouted_total']);
  });

  test('an instance that does not answer is not up, and holds nobody up', async () => {
    const down = await instancesOf(system);
    await system.freeze('polls#2');
    try {
      const began = performance.now();
      const rows = await admin(system, '/metrics/services');
      assert.ok(performance.now() - began < 5000);
      const up = withLabels(rows, 'voxpop_instance_up', { service: 'polls' }).map((row) => row.value).sort();
      assert.deepEqual(up, [0, 1]);
      assert.equal(withLabels(rows, 'voxpop_service_draining', { service: 'polls' }).length, 1);
    } finally {
      await system.thaw('polls#2');
    }
    await waitFor(async () => (await instancesOf(system)).every((each) => each.ready), { what: 'it is back' });
    assert.equal((await instancesOf(system)).length, down.length);
  });

  // The line of a log about the request that this answers; op or path: which of them.
  const lineOf = (names, got) => waitFor(() => {
    const line = names.map((name) => system.log(name)).join('').split('\n')
      .find((each) => each.includes(`"request_id":"${got.headers['x-request-id']}"`));
    return line && JSON.parse(line);
  }, { what: `a line of ${names} about the request` });

  test('one trace goes through the gateway and a service', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const sent = [[`00-${trace}-00f067aa0ba902b7-01`, true], [`00-${trace}-00f067aa0ba902b7-01-more`, false], ['rubbish"', false], [undefined, false]];
    for (const [traceparent, good] of sent) {
      const got = await system.api('GET', '/api/v1/polls?limit=3', { headers: traceparent ? { traceparent } : {} });
      assert.equal(got.status, 200);
      const door = await lineOf(['gateway'], got);
      const service = await lineOf(['polls', 'polls#2'], got);
      assert.equal(door.trace_id, service.trace_id);
      if (good) assert.equal(door.trace_id, trace);
      else assert.match(door.trace_id, /^0(?!bf92f)[0-9a-f]{31}$/, 'a trace of our own');
      const { level, process, op, status, us } = service;
      assert.deepEqual({ level, process, op, status }, { level: 'debug', process: 'polls', op: 'polls.list', status: 200 });
      assert.ok(us > 0);
    }
  });

  test('voxpop ping asks an instance on the wire', async () => {
    const { id, endpoint } = (await instancesOf(system)).find((each) => each.service === 'comments');
    for (const where of [endpoint, id]) {
      const got = await system.cli(['ping', where]);
      assert.equal(got.code, 0, got.err);
      assert.match(got.out, /^tcp:\S+ answers after \d+\.\d ms, \d+ calls in work$/m);
    }
    const nobody = await freePort();
    await system.freeze('comments');
    const silent = await system.cli(['ping', endpoint]);
    await system.thaw('comments');
    assert.deepEqual([silent.code, silent.err.includes('no answer within 2 s')], [1, true], silent.err);
    for (const where of [`tcp://127.0.0.1:${nobody}`, 'tcp://192.0.2.1:1', 'nonsense', '0'.repeat(26), 'ipc:///nowhere/at/all']) {
      assert.equal((await system.cli(['ping', where])).code, 1, where);
    }
  });

  test('one instance drains: nobody is refused, it ends with 0', async () => {
    const ids = new Set((await instancesOf(system)).filter((each) => each.service === 'polls').map((each) => each.id));
    const [id] = ids;
    const path = `/api/v1/instances/${id}/drain`;
    assert.equal((await system.api('POST', path)).status, 401);
    assert.equal((await system.admin('POST', `/api/v1/instances/${'0'.repeat(26)}/drain`)).status, 404);
    assert.equal((await system.admin('POST', '/api/v1/instances/x/drain')).status, 404);
    const wrong = await system.admin('GET', path);
    assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'POST']);
    await system.make('/api/v1/accounts', { login: 'eva', password: system.password, role: 'editor' });
    const eva = await system.tokenFor('eva', system.password);
    assert.equal((await system.api('POST', path, { token: eva })).status, 403);
    for (const service of ['gateway', 'live', 'accounts']) {
      const { id: other } = (await instancesOf(system)).find((each) => each.service === service);
      const got = await system.admin('POST', `/api/v1/instances/${other}/drain`);
      assert.equal(got.status, 409, got.text);
      assert.match(got.problem.detail, /SIGTERM|ends with the process/);
    }

    let stop = false;
    const statuses = new Map();
    const reading = (async () => {
      while (!stop) {
        const { status } = await system.api('GET', '/api/v1/polls?limit=1');
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    })();
    const ended = Promise.race(['polls', 'polls#2'].map((name) => system.expectEnd(name)));
    const drained = await system.cli(['drain', id, '--wait']);
    assert.equal(drained.code, 0, drained.err);
    assert.match(drained.out, /has gone/);
    assert.equal(await ended, 0);
    stop = true;
    await reading;
    assert.deepEqual([...statuses.keys()], [200]);
    assert.deepEqual((await instancesOf(system)).filter((each) => each.service === 'polls').map((each) => each.id), [...ids].slice(1));
    assert.notEqual((await system.cli(['drain', id])).code, 0, 'it is not there any more');
    assert.notEqual((await system.cli(['drain', 'polls'])).code, 0);
  });
});

describe('seeing a system with keys', () => {
  let system;
  before(async () => { system = await startSystem({ curve: true }); });
  after(() => system?.stop());

  test('voxpop ping needs a key that the instance knows', async () => {
    const { endpoint, curve, id } = await waitFor(async () => (await instancesOf(system)).find((each) => each.service === 'polls'));
    assert.equal(curve.length, 40);
    const key = (name) => ['--curve-secret-key-file', system.keyFile(name)];
    for (const args of [[endpoint, ...key('polls')], [endpoint, ...key('gateway'), '--server-key', curve], [id, ...key('gateway')]]) {
      const got = await system.cli(['ping', ...args]);
      assert.equal(got.code, 0, `${args}: ${got.err}`);
    }
    const own = await system.cli(['ping', endpoint], { env: { VOXPOP_CURVE_SECRET_KEY_FILE: system.keyFile('polls') } });
    assert.equal(own.code, 0, own.err);
    for (const args of [[endpoint], [endpoint, ...key('gateway')], [endpoint, ...key('polls'), '--server-key', 'short'], [endpoint, '--curve-secret-key-file', '/nowhere']]) {
      assert.equal((await system.cli(['ping', ...args])).code, 1, `${args}`);
    }
    for (const beginning of ['/', './']) { // as a path would
      const got = await system.cli(['ping', 'tcp://127.0.0.1:1', ...key('gateway'), '--server-key', beginning + curve.slice(beginning.length)]);
      assert.match(got.err, /no answer within/);
    }
    const strange = join(system.folder, 'strange');
    assert.equal((await system.cli(['keygen', strange])).code, 0);
    assert.equal((await system.cli(['ping', id, '--curve-secret-key-file', `${strange}.key`])).code, 1, 'a key that nobody knows');
    // An instance by the way of the gateway answers with its metrics, keys or not.
    assert.ok((await admin(system, '/metrics/services')).length > 100);
  });
});
