// manifests.test.mjs - what stands in docker-compose.yml, deploy/k8s and deploy/systemd fits together and
// fits the programs: names, labels, ports, flags, volumes, secrets. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { buildFolder, root } from '../support/wait.mjs';

const library = '/usr/share/nodejs/js-yaml';
const missing = existsSync(library) ? false : 'node-js-yaml is not installed';
const yaml = missing ? null : createRequire(import.meta.url)(library);
const text = (path) => readFileSync(join(root, path), 'utf8');
const load = (path) => yaml.loadAll(text(path)).filter(Boolean);

const programs = ['gateway', 'live', 'articles', 'comments', 'polls'].map((name) => `voxpop-${name}`);
const helps = Object.fromEntries(programs.map((name) => [name, spawnSync(join(buildFolder, name), ['--help'], { encoding: 'utf8' }).stdout]));
const knows = (program, flag) => new RegExp(`${flag}\\b`).test(helps[program]);
const roles = /^processes='([a-z ]+)'/m.exec(text('deploy/make-secrets.sh'))[1].split(' ').concat('redis', 'sentinel', 'edge');

// A line of command: the program and its flags are real.
function checkCommand(words, where) {
  const program = words.find((word) => programs.includes(word));
  assert.ok(program, `${where}: ${words.join(' ')}`);
  for (const word of words) if (/^--[a-z]/.test(word)) assert.ok(knows(program, word.split('=')[0]), `${where}: ${program} has no ${word}`);
}

// A setting from the environment is a flag of one of them at least.
function checkSetting(name, where) {
  const flag = `--${name.replace(/^VOXPOP_/, '').replace(/_FILE$/, '').toLowerCase().replaceAll('_', '-')}`;
  assert.ok(programs.some((program) => knows(program, flag)), `${where}: nobody has ${name}`);
}

describe('docker-compose.yml', { skip: missing }, () => {
  const file = missing ? {} : load('docker-compose.yml')[0];
  const services = Object.entries(file.services ?? {});

  test('every service is closed as far as it can be', () => {
    for (const [name, service] of services) {
      assert.equal(service.read_only, true, `${name}: read_only`);
      assert.deepEqual(service.cap_drop, ['ALL'], `${name}: cap_drop`);
      assert.ok(service.security_opt.includes('no-new-privileges:true'), `${name}: no-new-privileges`);
      if (name === 'init') assert.equal(service.network_mode, 'none');
      else assert.equal(service.restart, 'unless-stopped', name);
      if (!['edge'].includes(name)) assert.equal(service.ports, undefined, `${name} is published`);
    }
    assert.equal(file.networks.back.internal, true);
  });

  test('two of each process, three nodes of the store', () => {
    const names = services.map(([name]) => name);
    for (const name of ['gateway', 'live', 'articles', 'comments', 'polls']) assert.equal(file.services[name].scale, 2, name);
    for (const n of [1, 2, 3]) assert.ok(names.includes(`redis-${n}`) && names.includes(`sentinel-${n}`));
  });

  test('volumes, networks and dependencies are declared, and used', () => {
    const used = new Set();
    for (const [name, service] of services) {
      for (const volume of service.volumes ?? []) {
        const [source] = volume.split(':');
        if (/^[./$]/.test(source)) continue;
        assert.ok(source in file.volumes, `${name}: volume ${source}`);
        used.add(source);
      }
      for (const network of Array.isArray(service.networks) ? service.networks : Object.keys(service.networks ?? {})) assert.ok(network in file.networks, `${name}: ${network}`);
      for (const other of Object.keys(service.depends_on ?? {})) assert.ok(other in file.services, `${name}: ${other}`);
    }
    assert.deepEqual(Object.keys(file.volumes).filter((name) => !used.has(name)), []);
  });

  test('each has its own secrets and no others', () => {
    for (const [name, service] of services) {
      if (name === 'init') continue;
      const secrets = service.volumes.filter((volume) => volume.startsWith('secrets'));
      assert.deepEqual(secrets, [`secrets-${name.replace(/-\d$/, '')}:/run/secrets/voxpop:ro`], name);
    }
    const made = file.services.init.volumes.map((volume) => volume.split(':')).filter(([, at]) => at.startsWith('/secrets/'));
    assert.deepEqual(made.map(([, at]) => at.split('/')[2]).sort(), [...roles].sort());
    for (const role of roles) assert.match(file.services.init.environment.VOXPOP_OWNERS, new RegExp(`^${role} \\d+$`, 'm'));
  });

  test('commands and settings are those of the programs', () => {
    for (const [name, service] of services) {
      if (service.image !== 'voxpop' || name === 'init') continue;
      checkCommand(service.command.join(' ').replace(/['"]/g, '').split(' '), name);
      for (const setting of Object.keys(service.environment)) checkSetting(setting, name);
    }
  });

  test('the addresses of the store\'s nodes are those that all are told', () => {
    const told = Object.fromEntries(file.services.gateway.extra_hosts.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
    for (const [name, service] of services) {
      if (!/^(redis|sentinel)-\d$/.test(name)) continue;
      assert.equal(service.networks.back.ipv4_address, told[name], name);
      assert.equal(service.environment.VOXPOP_NODE, name);
      assert.deepEqual(service.extra_hosts, file.services.gateway.extra_hosts);
    }
  });

  const tool = spawnSync('docker-compose', ['--version']).status === 0;
  test('docker-compose takes it', { skip: tool ? false : 'docker-compose is not installed' }, () => {
    const got = spawnSync('docker-compose', ['-f', join(root, 'docker-compose.yml'), 'config', '-q'], { encoding: 'utf8' });
    assert.equal(got.status, 0, got.stderr);
  });
});

describe('deploy/k8s', { skip: missing }, () => {
  const objects = missing ? [] : readKustomization('deploy/k8s/base');
  const of = (...kinds) => objects.filter((each) => kinds.includes(each.kind));
  const pods = of('Deployment', 'StatefulSet').map((each) => ({ name: each.metadata.name, labels: each.spec.template.metadata.labels, spec: each.spec.template.spec, owner: each }));
  const ports = (pod) => pod.spec.containers.flatMap((container) => container.ports.map((port) => port.name));

  test('everything is there', () => {
    assert.deepEqual(pods.map((pod) => pod.name).sort(), ['edge', 'gateway', 'live', 'redis', 'svc-articles', 'svc-comments', 'svc-polls']);
  });

  test('selectors find what they mean', () => {
    for (const pod of pods) assert.ok(selects(pod.owner.spec.selector, pod.labels), pod.name);
    for (const each of of('PodDisruptionBudget')) {
      assert.deepEqual(pods.filter((pod) => selects(each.spec.selector, pod.labels)).map((pod) => pod.name), [each.metadata.name], each.metadata.name);
    }
    for (const each of of('HorizontalPodAutoscaler')) {
      const { kind, name } = each.spec.scaleTargetRef;
      assert.ok(of(kind).some((target) => target.metadata.name === name), `${each.metadata.name} scales ${name}`);
    }
    for (const kind of ['PodDisruptionBudget']) assert.equal(of(kind).length, pods.length, `one ${kind} each`);
  });

  test('services lead to ports that are there', () => {
    for (const service of of('Service')) {
      const found = pods.filter((pod) => selects({ matchLabels: service.spec.selector }, pod.labels));
      assert.deepEqual(found.map((pod) => pod.name), [service.metadata.name]);
      for (const port of service.spec.ports) assert.ok(ports(found[0]).includes(port.targetPort), `${service.metadata.name}: ${port.targetPort}`);
    }
  });

  test('network policies name pods and ports that are there', () => {
    for (const policy of of('NetworkPolicy')) {
      const chosen = pods.filter((pod) => selects(policy.spec.podSelector, pod.labels));
      assert.ok(chosen.length, policy.metadata.name);
      for (const rule of policy.spec.ingress ?? []) {
        for (const { port } of rule.ports ?? []) assert.ok(chosen.some((pod) => ports(pod).includes(port)), `${policy.metadata.name}: port ${port}`);
        for (const { podSelector } of rule.from ?? []) {
          if (podSelector) assert.ok(pods.some((pod) => selects(podSelector, pod.labels)), `${policy.metadata.name}: from nobody`);
        }
      }
    }
    for (const pod of pods) {
      assert.ok(of('NetworkPolicy').some((policy) => policy.spec.ingress && selects(policy.spec.podSelector, pod.labels)), `${pod.name} is let no one in`);
    }
  });

  test('containers are closed, and mount and probe what is there', () => {
    for (const pod of pods) {
      assert.equal(pod.spec.securityContext.runAsNonRoot, true, pod.name);
      assert.equal(pod.spec.automountServiceAccountToken, false, pod.name);
      const volumes = [...(pod.spec.volumes ?? []), ...(pod.owner.spec.volumeClaimTemplates ?? []).map((each) => ({ name: each.metadata.name }))];
      for (const volume of volumes) if (volume.secret) assert.ok(roles.includes(volume.secret.secretName.replace('voxpop-', '')), volume.secret.secretName);
      for (const container of pod.spec.containers) {
        assert.equal(container.securityContext.readOnlyRootFilesystem, true, pod.name);
        assert.equal(container.securityContext.allowPrivilegeEscalation, false, pod.name);
        assert.deepEqual(container.securityContext.capabilities.drop, ['ALL']);
        for (const mount of container.volumeMounts) assert.ok(volumes.some((volume) => volume.name === mount.name), `${pod.name}: ${mount.name}`);
        for (const source of container.envFrom ?? []) assert.ok(of('ConfigMap').some((map) => map.metadata.name === source.configMapRef.name));
        assert.ok(container.readinessProbe && container.livenessProbe, `${pod.name}: probes`);
        for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
          if (probe?.httpGet) assert.ok(container.ports.some((port) => port.name === probe.httpGet.port), `${pod.name}: ${probe.httpGet.port}`);
        }
      }
    }
  });

  test('commands and settings are those of the programs', () => {
    for (const pod of pods) {
      const [container] = pod.spec.containers;
      if (container.image === 'voxpop') checkCommand([...container.command, ...container.args], pod.name);
    }
    for (const setting of Object.keys(of('ConfigMap').find((map) => map.metadata.name === 'voxpop').data)) checkSetting(setting, 'ConfigMap voxpop');
    const edge = text('deploy/haproxy.cfg') + text('deploy/haproxy-dns.cfg');
    for (const setting of Object.keys(of('ConfigMap').find((map) => map.metadata.name === 'edge').data)) assert.ok(edge.includes(setting), setting);
  });

  test('the edge asks for the ports that gateway and live have', () => {
    const config = text('deploy/haproxy-dns.cfg');
    for (const name of ['gateway', 'live']) {
      const [{ ports: list }] = pods.find((pod) => pod.name === name).spec.containers;
      const [http, admin] = ['http', 'admin'].map((port) => list.find((each) => each.name === port).containerPort);
      assert.match(config, new RegExp(`${name}- \\d+ .*:${http} check port ${admin} `));
    }
  });
});

describe('deploy/systemd', () => {
  const folder = join(root, 'deploy/systemd');
  const units = readdirSync(folder).filter((name) => name.endsWith('.service'));

  test('a unit for each process, with its own secrets', () => {
    for (const program of programs) {
      const unit = text(`deploy/systemd/${program}@.service`);
      assert.ok(unit.includes(`ExecStart=/usr/local/bin/${program}\n`));
      for (const [, role] of unit.matchAll(/LoadCredential=.*:\/etc\/voxpop\/secrets\/(\w+)\//g)) assert.equal(`voxpop-${role}`, program);
      for (const [, setting] of unit.matchAll(/(VOXPOP_\w+)=/g)) checkSetting(setting, program);
      // What LoadCredential gives is a copy: it would not be seen that the list has changed.
      assert.ok(unit.includes('\nEnvironment=VOXPOP_CURVE_ALLOW=/etc/voxpop/peers\n') && !unit.includes('LoadCredential=peers'));
    }
  });

  const tool = spawnSync('systemd-analyze', ['--version']).status === 0;
  test('systemd finds nothing wrong', { skip: tool ? false : 'systemd is not installed' }, () => {
    const copy = mkdtempSync(join(tmpdir(), 'voxpop-units-'));
    try {
      cpSync(folder, copy, { recursive: true });
      for (const name of units) { // programs where they are now
        const path = join(copy, name);
        writeFileSync(path, readFileSync(path, 'utf8').replace('/usr/local/bin/voxpop-', `${buildFolder}/voxpop-`).replace('/usr/local/bin/', `${root}deploy/`));
      }
      const got = spawnSync('systemd-analyze', ['verify', ...units.map((name) => join(copy, name)), join(copy, 'voxpop.target')], { encoding: 'utf8' });
      assert.equal(got.status, 0, got.stderr);
      assert.ok(!got.stderr.includes(copy), got.stderr);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });
});

function selects({ matchLabels = {}, matchExpressions = [] }, labels) {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => operator === 'In' && values.includes(labels[key]));
}

// As much of kustomize as our files use: resources, nameSuffix, labels, replacing patches, config maps.
function readKustomization(folder) {
  const [file] = load(`${folder}/kustomization.yaml`);
  const objects = (file.resources ?? []).flatMap((path) => (path.endsWith('.yaml') ? load(join(folder, path)) : readKustomization(join(folder, path))));
  for (const { name, literals } of file.configMapGenerator ?? []) {
    objects.push({ kind: 'ConfigMap', metadata: { name }, data: Object.fromEntries(literals.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])) });
  }
  for (const object of objects) {
    if (file.nameSuffix) object.metadata.name += file.nameSuffix;
    if (file.nameSuffix && object.spec?.scaleTargetRef) object.spec.scaleTargetRef.name += file.nameSuffix;
    for (const { pairs } of file.labels ?? []) {
      Object.assign(object.metadata.labels ??= {}, pairs);
      if (object.spec?.selector) Object.assign(object.spec.selector.matchLabels, pairs);
      if (object.spec?.template) Object.assign(object.spec.template.metadata.labels, pairs);
    }
  }
  for (const { target, patch } of file.patches ?? []) {
    for (const { op, path, value } of yaml.load(patch)) {
      assert.equal(op, 'replace');
      for (const object of objects.filter((each) => each.kind === target.kind)) {
        const keys = path.split('/').slice(1);
        const last = keys.pop();
        const place = keys.reduce((at, key) => at[key], object);
        assert.ok(last in place, path);
        place[last] = value;
      }
    }
  }
  return objects;
}
