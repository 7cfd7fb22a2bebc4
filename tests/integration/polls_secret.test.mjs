// polls_secret.test.mjs - somebody who wants to know how a poll goes whose results are not for him:
// he asks every address and opens every kind of stream before, while and after others vote. All
// that he gets has to be the same bytes, whether there are votes or not, and no frame may come.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { castBytes, insist, makePoll, resultsOf } from '../support/ballots.mjs';
import { Lines, requestBytes } from '../support/line.mjs';
import { derive, sign, ticketBytes } from '../support/seal.mjs';
import { slow, startSystem, waitFor, Watcher } from '../support/system.mjs';

const voters = 240;
const CATCH_UP_MS = 2500; // the hub asks the services for what it missed every 2 s
const password = 'a long enough password';
const told = (got) => `${got.status} ${got.text}`;

// The bytes of an answer without what differs each time: its time, its number, which a problem may
// name, too, and the random key of a form.
const bare = (got) => got.head.replace(/^(Date|X-Request-Id): .*\r\n/gim, '') +
  got.text.replaceAll(got.header('x-request-id'), 'NUMBER').replace(/(name="idempotency_key" value=)"[\w-]{22}"/g, '$1"KEY"');

// The same for a poll of another name and second; an ETag may be a hash of all of it.
const nameless = (text, poll) => text.replaceAll(poll.id, 'POLL').replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
  .replace(/^ETag: "[\w-]{20,22}"/m, 'ETag: HASH');

// Everything one can ask about a poll without a right to anything.
function questions({ id, article }) {
  const poll = `/api/v1/polls/${id}`;
  const guesses = Array.from({ length: 2 * voters }, (_, i) => `"1.${i + 1}"`);
  const day = 86400000;
  const at = (shift) => new Date(Math.floor(Date.now() / day) * day + shift).toISOString();
  const reads = [poll, `${poll}?x=1`, `${poll}/results`, `${poll}/series`, `${poll}/series?from=${at(0)}&to=${at(day / 2)}`,
    `${poll}/history`, `${poll}/ballots`, `${poll}/ballots?limit=1`, `${poll}/ballots/mine`, `${poll}/export`, `${poll}/export?format=csv`,
    `${poll}/codes`, `${poll}/recount`, '/api/v1/polls', '/api/v1/polls?status=open', '/api/v1/polls?limit=100',
    '/api/v1/polls?q=Which', '/api/v1/polls/current', '/api/v1/polls/placement', '/api/v1/status',
    '/', '/polls', `/polls/${id}`, `/polls/${id}?view=results`, `/polls/${id}?voted=counted&view=results&v=3`, `/polls/${id}?voted=already`,
    `/polls/${id}/results`, `/polls/${id}/ballots`, `/embed/polls/${id}`, `/embed/polls/${id}?view=results`,
    `/articles/${article.slug}`, `/articles/${article.slug}?view=results&v=9`, `/api/v1/articles/${article.id}`,
    '/feed.xml', '/feed.json', '/sitemap.xml'];
  for (const version of [0, 1, 2, 3, 10, voters, voters + 1, 2 * voters, 2 ** 21]) reads.push(`${poll}/results?after=${version}`);
  const asked = reads.flatMap((path) => [['GET', path], ['HEAD', path], ['GET', path, { 'accept-encoding': 'gzip' }]]);
  for (const path of [poll, `${poll}/results`]) {
    asked.push(['GET', path, { 'if-none-match': guesses.join(', ') }], ['GET', path, { 'if-modified-since': new Date(0).toUTCString() }],
      ['GET', path, { range: 'bytes=0-9' }], ['GET', path, { accept: 'text/csv' }]);
  }
  const bodies = [['POST', `${poll}/recount`, '{}'], ['POST', `${poll}/codes`, '{"count":1}'], ['POST', `${poll}/close`, '{}'],
    ['PATCH', poll, '{"results":"always"}'], ['DELETE', poll, ''], ['POST', `${poll}/ballots`, '{"choices":["99"]}'],
    ['POST', `${poll}/ballots`, '{"choices":[]}'], ['POST', `${poll}/ballots`, '{'], ['PUT', '/api/v1/polls/placement', '{"mode":"newest"}']];
  for (const [method, path, body] of bodies) asked.push([method, path, { 'idempotency-key': 'attempt', 'if-match': '"1.1"' }, body]);
  return asked;
}

// What each reader gets for each question: "reader method path headers" → bytes.
async function askAll(lines, readers, asked) {
  const got = new Map();
  const all = Object.entries(readers).flatMap(([name, who]) => asked.map((question) => [name, who, question]));
  await Promise.all(all.map(async ([name, who, [method, path, headers = {}, body = '']]) => {
    const answer = await lines.ask(requestBytes(method, path, { headers, body, ...who }));
    assert.ok(answer.status < 500, `${method} ${path}: ${told(answer)}`);
    got.set(`${name} ${method} ${path} ${JSON.stringify(headers).slice(0, 60)} ${body}`, bare(answer));
  }));
  return got;
}

function assertSame(now, then, what) {
  for (const [question, bytes] of then) assertBytes(now.get(question), bytes, `${what}: ${question}`);
}

// Says where they differ and not all that they have in common.
function assertBytes(now, then, what) {
  if (now === then) return;
  let at = 0;
  while (now[at] === then[at]) at++;
  const around = (text) => JSON.stringify(text.slice(Math.max(0, at - 80), at + 80));
  assert.fail(`${what}: from byte ${at} on ${around(now)}, it was ${around(then)}`);
}

// Streams as somebody opens them who tries things out. The first ones are right.
function streams(id, tickets) {
  const topic = `topic=poll:${id}`;
  const odd = [`~poll:${id}`, `%7Epoll:${id}`, `%7epoll%3A${id}`, `POLL:${id}`, `Poll:${id}`, `poll:${id.toLowerCase()}`, `poll:${id}%20`,
    `%20poll:${id}`, `poll:${id}%00`, `poll::${id}`, `poll:{${id}}`, `poll:${id}:tally`, `poll:~${id}`, `~~poll:${id}`,
    `poll%EF%BC%9A${id}`, `poll:${id}%0A~poll:${id}`, `poll:${id},~poll:${id}`, `poll:*`, `poll:`, '~', '*', ''];
  const ways = {
    plain: topic, twice: `${topic}&${topic}`, 'with more': `${topic}&topic=~poll:${id}&topic=POLL:${id}`,
    'all tickets': `${topic}&${Object.values(tickets).map((ticket) => `ticket=${encodeURIComponent(ticket)}`).join('&')}`,
    'an id in the query': `${topic}&last_event_id=x-1`,
  };
  for (const [name, ticket] of Object.entries(tickets)) ways[`${name} ticket`] = `${topic}&ticket=${encodeURIComponent(ticket)}`;
  for (const name of odd) ways[`topic ${name}`] = `topic=${name}`;
  return ways;
}

describe('hidden results', () => {
  let system;
  let lines;
  let siteKey;
  let readers;
  const open = [];
  before(async () => {
    system = await startSystem({ services: ['articles', 'comments', 'polls', 'polls#2'],
      args: { gateway: ['--http-threads', '64'], live: ['--streams-per-address', '0'] } });
    lines = new Lines(system.ports.gateway, 32);
    const hex = "return (redis.call('GET', 'site:key'):gsub('.', function(c) return string.format('%02x', c:byte()) end))";
    siteKey = Buffer.from(await system.redis('EVAL', hex, '0'), 'hex');
    const made = await system.admin('POST', '/api/v1/accounts', { body: { login: 'mod', password, role: 'moderator' } });
    assert.equal(made.status, 201, made.text);
    const elsewhere = await ask(castBytes(await makePoll(system), ['1'], { key: 'elsewhere' }));
    readers = { nobody: {}, 'a voter of another poll': { cookie: elsewhere.cookie }, 'a moderator': { token: await system.tokenFor('mod', password) } };
  });
  after(() => {
    for (const watcher of open) watcher.close();
    lines?.close();
    return system?.stop();
  });

  const ask = (bytes) => lines.ask(bytes);
  const watch = async (query, options) => {
    const watcher = await Watcher.open(`${system.urls.live}?${query}`, options);
    open.push(watcher);
    return watcher;
  };
  const states = (watcher) => watcher.events.filter((each) => each.event !== 'watchers');

  // A poll with an article, and its twin that nobody votes on.
  const make = async (results, rest = {}) => {
    const [poll, twin] = await Promise.all([makePoll(system, { results, ...rest }), makePoll(system, { results, ...rest })]);
    for (const each of [poll, twin]) {
      each.article = await system.make('/api/v1/articles', { title: 'With a poll', body_markdown: 'A word.', status: 'published', poll_id: each.id });
    }
    return { poll, twin };
  };

  const vote = async (poll, from, to) => {
    const all = Array.from({ length: to - from }, (_, i) => insist(lines, castBytes(poll, [String(1 + (i * i) % 4)], { key: `${poll.id} ${from + i}` })));
    const answers = await Promise.all(all);
    for (const got of answers) assert.equal(got.status, 201, told(got));
    return answers[0].cookie;
  };

  const badTickets = async (poll) => {
    const key = derive(siteKey, 'ticket');
    const soon = Date.now() + 600000;
    const good = sign(key, ticketBytes(poll.id, soon));
    const other = await makePoll(system, { results: 'after_vote' });
    const cast = await ask(castBytes(other, ['1'], { key: `for a ticket ${poll.id}` }));
    assert.ok(cast.json.ticket, `who has voted gets a ticket: ${told(cast)}`);
    const flip = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
    const [payload, mac] = good.split('.');
    return {
      'an expired': sign(key, ticketBytes(poll.id, Date.now() - 1)), 'another poll\'s': cast.json.ticket,
      'a mangled': flip(good, 5), 'a mangled MAC': flip(good, 50), 'a prolonged': `${ticketBytes(poll.id, soon + 1).toString('base64url')}.${mac}`,
      'a wrongly signed': sign(derive(siteKey, 'voter'), ticketBytes(poll.id, soon)), 'an unsigned': payload, 'a cut': good.slice(0, -1),
      'a long': `${good}A`, 'a padded': `${good}=`, 'an eternal': sign(derive(siteKey, 'ticket', 'x'), ticketBytes(poll.id, '9223372036854775807')),
      'a cookie as': readers['a voter of another poll'].cookie.split('=')[1], 'an empty': '', 'a huge': 'A'.repeat(3000),
    };
  };

  // Whoever may see them sees them, over the same hub: with the ticket that staff gets.
  const staffWatches = async (poll) => {
    const got = await resultsOf(system, poll);
    assert.ok(got.ticket, `staff gets a ticket: ${JSON.stringify(got)}`);
    const watcher = await watch(`topic=poll:${poll.id}&ticket=${encodeURIComponent(got.ticket)}`);
    await watcher.next((each) => each.data.voters === 0, { what: 'staff sees the state' });
    return watcher;
  };

  // The hub's number of its last frame, found out by asking which id is too high for it.
  const lastNumber = async (poll, epoch) => {
    const known = async (n) => {
      const watcher = await watch(`topic=poll:${poll.id}`, { headers: { 'last-event-id': `${epoch}-${n}` } });
      await waitFor(() => watcher.retry !== null, { every: 1, what: 'the greeting, with which a reset comes' });
      watcher.close();
      return !watcher.events.some((each) => each.event === 'reset');
    };
    let low = 0;
    let high = 4096;
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if (await known(middle)) low = middle; else high = middle;
    }
    return low;
  };

  const rest = () => {
    const since = performance.now();
    return waitFor(() => performance.now() - since > CATCH_UP_MS, { what: 'the hub has asked the services again' });
  };

  // Every stream, opened and quiet: {name: {watcher, before: what it has got}}.
  const openStreams = async (poll) => {
    const opened = {};
    for (const [name, query] of Object.entries(streams(poll.id, await badTickets(poll)))) opened[name] = { watcher: await watch(query) };
    const first = opened.plain.watcher;
    const { id } = await first.next((each) => each.event === 'snapshot');
    const [epoch, number] = id.split('-');
    for (const last of [`${epoch}-0`, `${epoch}-1`, `${epoch}-${number}`, `${epoch}-999999`, `${epoch}-18446744073709551615`, 'x-1', epoch, '-1', '*']) {
      opened[`last id ${last}`] = { watcher: await watch(`topic=poll:${poll.id}`, { headers: { 'last-event-id': last } }) };
    }
    await rest();
    for (const each of Object.values(opened)) each.before = JSON.stringify(states(each.watcher));
    return opened;
  };

  const assertQuiet = (opened, poll, what) => {
    for (const [name, { watcher, before: then }] of Object.entries(opened)) {
      assert.equal(JSON.stringify(states(watcher)), then, `${what}: stream with ${name}`);
      for (const { event, data } of watcher.events) {
        const allowed = event === 'watchers' ? ['topic', 'watchers'] : event === 'problem' ? ['topic', 'ticket', 'status', 'title', 'detail'] : ['topic', 'closed'];
        const keys = Object.keys(data).filter((key) => !allowed.includes(key));
        assert.deepEqual(keys, [], `${what}: stream with ${name}: ${event} ${JSON.stringify(data)}`);
      }
    }
    assert.deepEqual(states(opened.plain.watcher).map((each) => each.data), [{ topic: `poll:${poll.id}`, closed: false }]);
  };

  // From before the first vote to before the close. Gives the streams.
  const spy = async (poll, twin, t) => {
    const staff = await staffWatches(poll);
    const opened = await openStreams(poll);
    const asked = questions(poll);
    const then = await askAll(lines, readers, asked);
    const epoch = states(opened.plain.watcher)[0].id.split('-')[0];
    const number = await lastNumber(poll, epoch);

    const cookie = await vote(poll, 0, voters / 3);
    assertSame(await askAll(lines, readers, asked), then, 'with some votes');
    await vote(poll, voters / 3, voters);
    const seen = await staff.next((each) => each.data.voters === voters, { what: 'staff sees each vote' });
    // What is made for those who may see more is not kept for others.
    await askAll(lines, { staff: { token: system.token }, 'a voter': { cookie } }, asked.filter(([method]) => /GET|HEAD/.test(method)));
    assertSame(await askAll(lines, readers, asked), then, 'with all votes');
    await rest();
    assertQuiet(opened, poll, 'with all votes');
    assert.equal(await lastNumber(poll, epoch), number, 'the numbers of frames tell that there were frames');
    t.diagnostic(`${then.size} questions, ${Object.keys(opened).length} streams; staff saw ${states(staff).length} states, the last of version ${seen.data.version}`);
    await assertTwins(poll, twin, 'open');
    return { opened, staff };
  };

  // A poll with votes and one without give the same answers.
  const assertTwins = async (poll, twin, what) => {
    const of = async (each) => {
      const asked = questions(each).filter(([, path, headers]) => path.includes(each.id) && !headers?.['accept-encoding']);
      const got = await askAll(lines, readers, asked);
      return new Map([...got].map(([question, bytes]) => [nameless(question, each), nameless(bytes, each)]));
    };
    assertSame(await of(poll), await of(twin), `${what}, with and without votes`);
  };

  const change = async (poll, what) => {
    const got = await system.admin('POST', `/api/v1/polls/${poll.id}/${what}`, { body: {} });
    assert.equal(got.status, 200, got.text);
  };

  for (const results of ['staff', 'after_vote']) {
    test(`${results}: not a byte, also after the close`, async (t) => {
      const { poll, twin } = await make(results);
      const { opened, staff } = await spy(poll, twin, t);
      await change(poll, 'close');
      await change(twin, 'close');
      const closed = await opened.plain.watcher.next((each) => each.event === 'closed');
      assert.deepEqual(closed.data, { topic: `poll:${poll.id}`, closed: true });
      const last = await staff.next((each) => each.event === 'closed');
      assert.equal(last.data.voters, voters, 'staff gets them with the close');
      await assertTwins(poll, twin, 'closed');
      for (const name of ['plain', 'an expired ticket', 'another poll\'s ticket']) {
        const late = await watch(streams(poll.id, await badTickets(poll))[name]);
        const { data } = await late.next((each) => each.event === 'snapshot' || each.event === 'closed');
        assert.deepEqual(data, { topic: `poll:${poll.id}`, closed: true });
      }
      await change(poll, 'archive');
      await change(twin, 'archive');
      await assertTwins(poll, twin, 'archived');
    });
  }

  test('after_close: not a byte before, and then the last result inside the event', async (t) => {
    const { poll, twin } = await make('after_close');
    const { opened } = await spy(poll, twin, t);
    await change(poll, 'close');
    const { data } = await opened.plain.watcher.next((each) => each.event === 'closed');
    const final = await resultsOf(system, poll);
    assert.deepEqual([data.voters, data.votes, data.counts], [voters, voters, final.counts]);
    assert.equal(states(opened.plain.watcher).length, 2, 'and it is the only event');
    const public_ = await system.api('GET', `/api/v1/polls/${poll.id}/results`);
    assert.equal(public_.json.voters, voters);
  });

  test('after_close, by the clock: the same', async () => {
    const { poll } = await make('after_close', { closes_at: new Date(Date.now() + 4000 * slow).toISOString() });
    const watcher = await watch(`topic=poll:${poll.id}`);
    await watcher.next((each) => each.event === 'snapshot');
    await vote(poll, 0, 30);
    const { data } = await watcher.next((each) => each.event === 'closed', { deadline: 8000 });
    assert.equal(data.voters, 30);
    assert.deepEqual(states(watcher).map((each) => Object.keys(each.data).length), [2, Object.keys(data).length]);
  });

  test('after_close: what comes after it is opened again is hidden again', async () => {
    const { poll } = await make('after_close');
    const watcher = await watch(`topic=poll:${poll.id}`);
    await watcher.next((each) => each.event === 'snapshot');
    await vote(poll, 0, 20);
    await change(poll, 'close');
    await watcher.next((each) => each.event === 'closed' && each.data.voters === 20);
    const asked = questions(poll);
    await askAll(lines, readers, asked);
    await change(poll, 'reopen');
    await watcher.next((each) => each.event === 'tally' && !each.data.closed);
    const hidden = (await system.api('GET', `/api/v1/polls/${poll.id}/results`)).text;
    assert.equal(hidden, 'null');
    await rest();
    const then = await askAll(lines, readers, asked);
    await vote(poll, 20, 60);
    await rest();
    assertSame(await askAll(lines, readers, asked), then, 'with votes after it was opened again');
    assert.deepEqual(states(watcher).slice(2).map((each) => each.data), [{ topic: `poll:${poll.id}`, closed: false }]);
  });

  for (const results of ['staff', 'after_close']) {
    for (const changeable of [false, true]) {
      test(`${results}${changeable ? ', changeable' : ''}: who votes himself learns nothing by it`, async () => {
        const { poll } = await make(results, { changeable });
        const first = await ask(castBytes(poll, ['1'], { key: 'spy 1' }));
        assert.equal(first.status, 201, told(first));
        assert.deepEqual([first.json.results, first.json.ticket], [null, null]);
        const { cookie } = first;
        const me = { 'a voter': { cookie } };
        const tries = () => Promise.all([
          ask(castBytes(poll, ['1'], { key: 'spy 1' })),
          ask(castBytes(poll, ['1'], { key: 'spy 1', cookie })),
          changeable ? ask(castBytes(poll, ['1'], { key: 'spy 1', cookie })) : ask(castBytes(poll, ['2'], { key: 'spy 2', cookie })),
        ]);
        const asked = questions(poll);
        const learn = async () => new Map([...(await tries()).map((got, i) => [`try ${i}`, bare(got)]), ...await askAll(lines, me, asked)]);
        const then = await learn();
        await vote(poll, 0, voters / 4);
        assertSame(await learn(), then, 'with votes of others');
        if (!changeable) return;
        const changes = [];
        for (let i = 0; i < 4; i++) {
          const got = await ask(castBytes(poll, [String(1 + i % 2)], { key: `spy change ${i}`, cookie }));
          assert.equal(got.status, 201, told(got));
          changes.push(bare(got));
          await vote(poll, voters / 4 + i * 5, voters / 4 + i * 5 + 5);
        }
        assert.equal(new Set(changes).size, 1, 'each change is answered with the same bytes');
      });
    }
  }

  test('after_vote: who has voted sees them, by cookie and by ticket, and only of this poll', async () => {
    const { poll, twin } = await make('after_vote', { changeable: true });
    await vote(poll, 0, 9);
    const got = await ask(castBytes(poll, ['1'], { key: 'insider' }));
    assert.equal(got.json.results.voters, 10, told(got));
    const { ticket } = got.json;
    const watcher = await watch(`topic=poll:${poll.id}&topic=poll:${twin.id}&ticket=${encodeURIComponent(ticket)}`);
    await watcher.next((each) => each.data.topic === `poll:${poll.id}` && each.data.voters === 10);
    await vote(poll, 9, 12);
    await vote(twin, 0, 12);
    await watcher.next((each) => each.data.topic === `poll:${poll.id}` && each.data.voters === 13);
    await rest();
    const ofTwin = states(watcher).filter((each) => each.data.topic === `poll:${twin.id}`);
    assert.deepEqual(ofTwin.map((each) => each.data), [{ topic: `poll:${twin.id}`, closed: false }]);
    const own = { cookie: got.cookie, headers: { origin: system.urls.site } };
    assert.equal((await system.api('GET', `/api/v1/polls/${poll.id}/results`, own)).json.voters, 13);
    assert.equal((await system.api('GET', `/api/v1/polls/${twin.id}/results`, own)).text, 'null');
    // Who takes the ballot back is one who has not voted.
    const back = await system.api('DELETE', `/api/v1/polls/${poll.id}/ballots/mine`, own);
    assert.equal(back.status, 200, back.text);
    assert.deepEqual([back.json.results, back.json.ticket], [null, null]);
    assert.equal((await system.api('GET', `/api/v1/polls/${poll.id}/results`, own)).text, 'null');
  });

  test('a ticket that ends takes the stream with it', async () => {
    const { poll } = await make('staff');
    const ticket = sign(derive(siteKey, 'ticket'), ticketBytes(poll.id, Date.now() + 1500));
    const watcher = await watch(`topic=poll:${poll.id}&ticket=${encodeURIComponent(ticket)}`);
    await watcher.next((each) => each.data.voters === 0);
    const { data } = await watcher.next((each) => each.event === 'problem', { deadline: 8000 });
    assert.deepEqual([data.ticket, data.status], ['expired', 403]);
    await waitFor(() => watcher.closed, { what: 'the stream ends' });
    const again = await watch(`topic=poll:${poll.id}&ticket=${encodeURIComponent(ticket)}`);
    const { data: state } = await again.next((each) => each.event === 'snapshot');
    assert.deepEqual(state, { topic: `poll:${poll.id}`, closed: false });
  });
});
