// backup.test.mjs - voxpop backup and restore: what was there is there again, byte for byte; what is
// damaged is found; nothing is overwritten. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import { makePoll } from '../support/ballots.mjs';
import { contentsOf } from '../support/keys.mjs';
import { buildFolder, freePort, root, startSystem, waitFor, within } from '../support/system.mjs';
import { samplePage } from '../support/text.mjs';

const atOnce = ['--repl-diskless-sync-delay', '0'];
const onlyRedis = { services: [], gateway: false, live: false, admin: false, redisArgs: atOnce };
const kept = /^(account|article|audit|comment|contributor|events|fact|poll|site|tag|thread|token)/; // nothing else stays as it is

describe('voxpop backup and restore', () => {
  let system;
  let target;
  let file;
  let restored; // what file holds
  const scratch = () => join(system.folder, 'tmp');
  const tool = (...args) => system.cli(args, { token: null, env: { TMPDIR: scratch() } });
  const done = async (...args) => {
    const got = await tool(...args);
    assert.equal(got.code, 0, `${args.join(' ')}: ${got.out}${got.err}`);
    return got.out;
  };
  const fails = async (why, ...args) => {
    const got = await tool(...args);
    assert.equal(got.code, 1, `${args.join(' ')}: ${got.out}${got.err}`);
    assert.match(got.err, why, args.join(' '));
    return got.out;
  };

  before(async () => {
    system = await startSystem({ live: false, redisArgs: atOnce });
    target = await startSystem(onlyRedis);
    mkdirSync(scratch());
    file = join(system.folder, 'shop.backup');
    const page = join(system.folder, 'page.json');
    writeFileSync(page, JSON.stringify(samplePage()));
    const loaded = await system.cli(['load', page]);
    assert.equal(loaded.code, 0, loaded.err);
    for (const changeable of [true, false]) {
      const poll = await makePoll(system, { changeable });
      for (let i = 0; i < 5; i++) {
        const cast = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, {
          body: { choices: [String(1 + i % 3)] }, headers: { 'idempotency-key': `${changeable} ${i}` },
        });
        assert.equal(cast.status, 201, cast.text);
      }
    }
  });
  after(async () => {
    assert.deepEqual(readdirSync(scratch()), [], 'scratch folders are removed');
    await target?.stop();
    await system?.stop();
  });

  const contents = (from) => contentsOf((...args) => from.redis(...args), (key) => kept.test(key));

  // Into a new file, until nothing was written to the system meanwhile: `held` is what the file holds.
  let held;
  async function backUp(to, ...urls) {
    for (let tries = 1; ; tries++) {
      const before = await contents(system);
      const said = await done('backup', to, ...urls, ...(urls.length ? [] : ['--redis-url', system.urls.redis]));
      held = await contents(system);
      if (isDeepStrictEqual(before, held)) return said;
      assert.ok(tries < 20, 'the system comes to rest');
      rmSync(to);
    }
  }

  test('what was there is there again', async () => {
    const said = await backUp(file);
    assert.match(said, /shop\.backup: \d+ bytes of 1 Redis/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(existsSync(`${file}.part`), false);
    assert.match(await done('restore', file, '--redis-url', target.urls.redis), /\d+ keys restored/);
    restored = await contents(target);
    assert.deepEqual(restored, held);
    const token = (await target.redis('KEYS', 'account:login:*'))[0];
    assert.equal(token, 'account:login:admin');
    const lives = (await target.redis('KEYS', 'once:*'))[0];
    assert.ok(await target.redis('PTTL', lives) > 0, 'a lifetime goes with its key');
  });

  test('it writes over no file and into no Redis that holds something', async () => {
    await fails(/is there already/, 'backup', file, '--redis-url', system.urls.redis);
    await fails(/not empty, and nothing was written/, 'restore', file, '--redis-url', target.urls.redis);
    await fails(/not empty/, 'restore', file, '--redis-url', system.urls.redis);
    await fails(/say where to/, 'restore', file);
    await fails(/is of 1 Redis, and 2 are named/, 'restore', file, '--redis-url', target.urls.redis, '--redis-url', target.urls.redis);
    await fails(/say where Redis is/, 'backup', `${file}.2`);
    assert.equal(existsSync(`${file}.2`), false);
  });

  test('what was cut short goes on', async () => {
    await target.redis('FLUSHALL');
    const hash = /^payload (\w+)$/m.exec(readFileSync(file, 'latin1'))[1];
    // As a restore that was killed leaves it: its mark, and some keys.
    await target.redis('SET', 'restoring', hash);
    await target.redis('SET', 'site:key', await system.redis('GET', 'site:key'));
    assert.match(await done('restore', file, '--redis-url', target.urls.redis), /1 had come before/);
    assert.equal(await target.redis('EXISTS', 'restoring'), 0);
    assert.deepEqual(await contents(target), restored);
    // Another backup's mark, and keys that are of no backup.
    await target.redis('FLUSHALL');
    await target.redis('SET', 'restoring', hash.replace(/./g, '0'));
    await fails(/not empty/, 'restore', file, '--redis-url', target.urls.redis);
    await target.redis('SET', 'restoring', hash);
    await target.redis('SET', 'foreign', 'x');
    await fails(/somebody else writes to that Redis/, 'restore', file, '--redis-url', target.urls.redis);
  });

  test('what is damaged is found, and nothing is written', async () => {
    await target.redis('FLUSHALL');
    const good = readFileSync(file);
    const bad = join(system.folder, 'bad.backup');
    const cases = {
      'cut short': [good.subarray(0, good.length - 1), good.subarray(0, 600)],
      damaged: [Buffer.concat([good, Buffer.from('x')]), flip(good, 20), flip(good, 300), flip(good, 515), flip(good, good.length - 20)],
      'no backup': [good.subarray(0, 511), Buffer.from('REDIS0011'.padEnd(2000)), Buffer.alloc(0)],
      'another version': [Buffer.from(good.toString('latin1').replace('BACKUP 1', 'BACKUP 2'), 'latin1')],
    };
    for (const [why, files] of Object.entries(cases)) {
      for (const bytes of files) {
        writeFileSync(bad, bytes);
        await fails(new RegExp(why), 'restore', bad, '--verify', '--redis-url', target.urls.redis);
      }
    }
    await fails(/No such file/, 'restore', join(system.folder, 'none'), '--verify');
    assert.equal(await target.redis('DBSIZE'), 0);
  });

  const flip = (bytes, at) => {
    const copy = Buffer.from(bytes);
    copy[at] ^= 1;
    return copy;
  };

  test('--verify recounts every poll and finds a tally that somebody has touched', async () => {
    const said = await done('restore', file, '--verify');
    assert.match(said, /^polls +tally = journal +3 +0$/m);
    assert.match(said, /^polls +ballots in journals +10 +0$/m);
    assert.match(said, /: good$/m);
    const poll = (await system.api('GET', '/api/v1/polls')).json.items[0];
    await system.redis('HINCRBY', `poll:{${poll.id}}:tally`, '1', 5);
    const touched = join(system.folder, 'touched.backup');
    await done('backup', touched, '--redis-url', system.urls.redis);
    const out = await fails(new RegExp(`1 are wrong; the first: the tally of poll ${poll.id}`), 'restore', touched, '--verify', '--redis-url', target.urls.redis);
    assert.match(out, /tally = journal +3 +1$/m);
    assert.equal(await target.redis('DBSIZE'), 0, 'a backup that is not good is not restored');
    await system.redis('HINCRBY', `poll:{${poll.id}}:tally`, '1', -5);
  });

  test('a backup while people vote is one moment', async () => {
    const poll = await makePoll(system);
    let votes = 0;
    let over = false;
    const voter = async (name) => {
      for (let i = 0; !over; i++) {
        const cast = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body: { choices: ['1'] }, headers: { 'idempotency-key': `${name} ${i}` } });
        assert.equal(cast.status, 201, cast.text);
        votes++;
      }
    };
    const voters = ['a', 'b', 'c', 'd'].map(voter);
    await waitFor(() => votes > 20, { what: 'votes come in' });
    const busy = join(system.folder, 'busy.backup');
    await done('backup', busy, '--redis-url', system.urls.redis);
    over = true;
    await Promise.all(voters);
    assert.match(await done('restore', busy, '--verify'), /: good$/m);
  });

  test('a signal ends either, and nothing is left behind', async () => {
    const start = (...args) => {
      const child = spawn(join(buildFolder, 'voxpop'), args, { env: { ...process.env, TMPDIR: scratch() }, stdio: 'ignore' });
      const ended = new Promise((resolve) => { child.once('exit', (code, signal) => resolve(signal ?? code)); });
      return { child, ended };
    };
    const slow = join(system.folder, 'slow.backup');
    await system.redis('CONFIG', 'SET', 'rdb-key-save-delay', '200000'); // microseconds for each key
    const backup = start('backup', slow, '--redis-url', system.urls.redis);
    await waitFor(() => existsSync(`${slow}.part`), { what: 'the backup has begun' });
    backup.child.kill('SIGTERM');
    assert.equal(await within(backup.ended, 10000, 'backup ends'), 1);
    assert.deepEqual([existsSync(slow), existsSync(`${slow}.part`)], [false, false]);
    await system.redis('CONFIG', 'SET', 'rdb-key-save-delay', '0');
    await waitFor(async () => /rdb_bgsave_in_progress:0/.test(await system.redis('INFO', 'persistence')), { deadline: 20000, what: 'Redis has ended its copy' });

    // As if the target were slow: it takes no writes for a while, and then what was on its way.
    await target.redis('FLUSHALL');
    await target.redis('SET', 'restoring', /^payload (\w+)$/m.exec(readFileSync(file, 'latin1'))[1]);
    await target.redis('CLIENT', 'PAUSE', '600000', 'WRITE');
    const restore = start('restore', file, '--redis-url', target.urls.redis);
    await waitFor(async () => /cmd=restore/.test(await target.redis('CLIENT', 'LIST')), { what: 'keys are on their way' });
    restore.child.kill('SIGINT');
    assert.equal(await within(restore.ended, 10000, 'restore ends'), 1);
    assert.deepEqual(readdirSync(scratch()), []);
    await target.redis('CLIENT', 'UNPAUSE');
    await done('restore', file, '--redis-url', target.urls.redis);
    assert.equal(await target.redis('EXISTS', 'restoring'), 0);
    assert.equal(await target.redis('EXISTS', 'site:key'), 1);
  });

  test('several Redis are one file; from a disk, of another database, as the user backup', async () => {
    const password = 'secret-of-backup';
    const line = readFileSync(join(root, 'deploy/redis-acl.conf'), 'utf8').split('\n').find((each) => each.startsWith('user backup '));
    await system.redis('ACL', 'SETUSER', ...line.replace('@backup@', createHash('sha256').update(password).digest('hex')).split(' ').slice(1));
    const port = await freePort();
    const second = await startSystem({ ...onlyRedis, redisArgs: ['--port', String(port), '--repl-diskless-sync', 'no'] });
    try {
      await second.redis('SET', 'of database 0', 'no');
      await second.redis('SELECT', '3');
      await second.redis('SET', 'alone', 'yes');
      const both = join(system.folder, 'both.backup');
      const urls = join(system.folder, 'url');
      writeFileSync(urls, `redis://127.0.0.1:${port}/3\n`);
      assert.match(await backUp(both, '--redis-url-file', urls, '--redis-url', `unix://backup:${password}@${system.redisSocket}`), /of 2 Redis/);
      await second.redis('FLUSHALL');
      await target.redis('FLUSHALL');
      assert.match(await done('restore', both, '--redis-url', target.urls.redis, '--redis-url-file', urls), /keys restored/);
      assert.deepEqual(await contents(target), held);
      assert.deepEqual([await second.redis('KEYS', '*'), await second.redis('GET', 'alone')], [['alone'], 'yes']);
      assert.deepEqual(await system.redis('ACL', 'LOG'), []);
    } finally {
      await second.stop();
    }
  });
});
