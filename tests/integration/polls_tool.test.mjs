// polls_tool.test.mjs - polls by the command line. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { makePoll } from '../support/ballots.mjs';
import { startSystem } from '../support/system.mjs';

const unknown = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

describe('voxpop polls', () => {
  let system;
  before(async () => { system = await startSystem({ live: false }); });
  after(() => system?.stop());

  const run = async (...args) => {
    const got = await system.cli(['polls', ...args]);
    assert.equal(got.code, 0, `${args.join(' ')}: ${got.err}`);
    return got.out;
  };
  const fails = async (code, err, ...args) => {
    const got = await system.cli(['polls', ...args]);
    assert.equal(got.code, code, `${args.join(' ')}: ${got.out}${got.err}`);
    assert.match(got.err, err, args.join(' '));
    return got.out;
  };
  const vote = async (poll, body, key) => {
    const got = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, { body, headers: { 'idempotency-key': key } });
    assert.equal(got.status, 201, got.text);
  };

  test('lists them, newest first, also over pages, and steers no terminal', async () => {
    const first = await makePoll(system, { question: 'First \u001b[31mred?' });
    const all = [first];
    for (let i = 0; i < 110; i++) all.unshift(await makePoll(system, { options: 2, question: i % 2 ? 'Ünique?' : 'Which?' }));
    await vote(first, { choices: ['1'] }, 'list');
    const lines = (await run('list')).trimEnd().split('\n');
    assert.match(lines[0], /^ID +STATUS +VOTING +VOTERS +CLOSES +QUESTION$/);
    assert.deepEqual(lines.slice(1).map((line) => line.split(' ')[0]), all.map(({ id }) => id));
    assert.match(lines.at(-1), /open +open +1 +- +First \?\[31mred\?$/);
    assert.equal(new Set(lines.slice(0, -1).map((line) => [...line].findIndex((_, i, row) => /^(QUESTION|Ünique|Which)/.test(row.slice(i).join(''))))).size, 1, 'columns stand below each other');
    assert.deepEqual(JSON.parse(await run('list', '--json')).map(({ id }) => id), all.map(({ id }) => id));
  });

  test('closes, opens again, archives', async () => {
    const poll = await makePoll(system);
    await fails(1, /409/, 'archive', poll.id);
    assert.equal(await run('close', poll.id), `poll ${poll.id} is closed\n`);
    assert.equal(await run('reopen', poll.id), `poll ${poll.id} is open\n`);
    await run('close', poll.id);
    assert.equal(await run('archive', poll.id), `poll ${poll.id} is archived\n`);
    await fails(1, /409/, 'reopen', poll.id);
    await fails(1, /404/, 'close', unknown);
    await fails(1, /named by its id/, 'close', '../articles');
    await fails(2, /usage/, 'close');
    await fails(2, /no command/, 'open', poll.id);
    await fails(2, /does not belong/, 'close', poll.id, '--repair');
  });

  test('places one', async () => {
    const poll = await makePoll(system);
    assert.equal(await run('place', 'fixed', poll.id), `on the front page: fixed ${poll.id}\n`);
    assert.deepEqual((await system.api('GET', '/api/v1/polls/placement')).json, { mode: 'fixed', poll_id: poll.id });
    await fails(1, /422 \/poll_id/, 'place', 'fixed');
    await fails(1, /422 \/poll_id/, 'place', 'fixed', unknown);
    await fails(1, /422 \/mode/, 'place', 'oldest');
    assert.equal(await run('place', 'newest'), 'on the front page: newest\n');
  });

  test('counts again', async () => {
    const poll = await makePoll(system, { options: 2 });
    for (const key of ['a', 'b', 'c']) await vote(poll, { choices: ['2'] }, key);
    assert.equal(await run('recount', poll.id), ['       TALLY       JOURNAL', '           3             3  voters', '           3             3  votes',
      '           0             0  1 Option 1', '           3             3  2 Option 2', '3 entries of the journal: equal', ''].join('\n'));
    await system.redis('HINCRBY', `poll:{${poll.id}}:tally`, '1', 10);
    assert.match(await fails(1, /not what the journal says/, 'recount', poll.id), /^ +10 +0 {2}1 Option 1 {2}<$/m);
    assert.match(await run('recount', poll.id, '--repair'), /not equal, and repaired\n$/);
    assert.match(await run('recount', poll.id), /: equal\n$/);
    await fails(1, /404/, 'recount', unknown);
  });

  test('exports and makes codes as they are', async () => {
    const poll = await makePoll(system, { voting: 'code', options: 2 });
    assert.equal(await run('codes', poll.id), 'code,used\r\n');
    const made = await run('codes', poll.id, '--count', '3');
    assert.match(made, /^code,used\r\n(?:[\dA-Z-]{16},no\r\n){3}$/);
    assert.equal(await run('codes', poll.id), made);
    await vote(poll, { choices: ['1'], code: made.split('\r\n')[1].split(',')[0] }, 'x');
    assert.equal((await run('codes', poll.id)).match(/,yes/g).length, 1);
    for (const count of ['0', '10001', 'x']) await fails(1, /--count/, 'codes', poll.id, '--count', count);
    assert.equal(await run('export', poll.id), '\ufeffoption_id,option,votes,percent\r\n1,Option 1,1,100\r\n2,Option 2,0,0\r\n');
    assert.equal(await run('export', poll.id, '--format', 'csv'), await run('export', poll.id));
    assert.equal(JSON.parse(await run('export', poll.id, '--format=json')).results.votes, 1);
    await fails(1, /--format/, 'export', poll.id, '--format', 'xml');
    await fails(1, /404/, 'export', unknown);
    const open = await makePoll(system);
    await fails(1, /409/, 'codes', open.id, '--count', '1');
  });
});
