// wrong_input.test.mjs - what must be refused is refused with its problem+json, and nothing of it
// is stored; markup and script are stored and come out inert. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startSystem, waitFor } from '../support/system.mjs';
import { plain } from '../support/text.mjs';

const UNKNOWN = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

describe('wrong input', () => {
  let system;
  let article;
  let poll;
  let paths;

  before(async () => {
    system = await startSystem();
    poll = await system.make('/api/v1/polls', {
      question: 'Which?', options: [{ text: 'One' }, { text: 'Two' }, { text: 'Three' }], kind: 'single', results: 'always',
    });
    article = await system.make('/api/v1/articles', {
      title: 'Quiet', body_markdown: 'Nothing here changes.', status: 'published', poll_id: poll.id,
    });
    paths = {
      comments: `/api/v1/articles/${article.id}/comments`,
      ballots: `/api/v1/polls/${poll.id}/ballots`,
      articles: '/api/v1/articles',
      polls: '/api/v1/polls',
    };
  });
  after(() => system?.stop());

  // All that Redis holds of records; what moves by itself (heartbeats, caps, caches, what services
  // count of themselves and of each other a little later) is left out.
  const byItself = /^(instances|libraries:.*|articles:(commented|read|reads:.*))$/;
  async function stored() {
    const kept = {};
    let cursor = '0';
    do {
      const [next, keys] = await system.redis('SCAN', cursor, 'COUNT', '1000');
      cursor = next;
      for (const key of keys) {
        if (await system.redis('PTTL', key) !== -1) continue; // with a lifetime: never a record
        if (byItself.test(key)) continue;
        kept[key] = await system.redis('DUMP', key);
      }
    } while (cursor !== '0');
    return kept;
  }

  // Checks the answer and that nothing was stored.
  async function refused(ask, status, check = () => {}) {
    const beforehand = await stored();
    const got = await ask();
    assert.equal(got.status, status, got.text);
    assert.match(got.headers['content-type'] ?? '', /^application\/problem\+json/, got.text);
    const problem = JSON.parse(got.text);
    assert.equal(problem.status, status);
    assert.ok(problem.title, got.text);
    check(problem, got);
    assert.deepEqual(await stored(), beforehand, 'nothing was stored');
    return got;
  }

  const post = (path, body, options = {}) => () => system.api('POST', path, { body, ...options });
  const asAdmin = (path, body, options = {}) => post(path, body, { token: system.token, ...options });
  const json = { 'content-type': 'application/json' };
  const points = (pointer) => (problem) =>
    assert.ok(problem.errors?.some((each) => each.pointer === pointer && each.detail), JSON.stringify(problem));

  describe('unreadable', () => {
    for (const [name, body] of [
      ['no JSON', 'hello'], ['cut short', '{"choices": ["'], ['nothing', ''], ['two values', '{} {}'],
      ['a comma too many', '{"choices": [],}'], ['a name twice', '{"choices": [], "choices": []}'],
      ['very deep', `{"choices": ${'['.repeat(5000)}${']'.repeat(5000)}}`],
      ['invalid UTF-8', Buffer.from('{"choices": ["\xff\xfe"]}', 'latin1')],
      ['overlong UTF-8', Buffer.from('{"choices": ["\xc0\xaf"]}', 'latin1')],
      ['half a surrogate', '{"choices": ["\\ud800"]}'],
      ['a NUL byte', '{"choices": ["a\0b"]}'],
      ['an escaped NUL', '{"choices": ["a\\u0000b"]}'],
    ]) {
      test(name, () => refused(post(paths.ballots, body, { headers: json }), 400));
    }
    test('the same for a comment and an article', async () => {
      const bad = Buffer.from('{"author_name": "\xff", "body_markdown": "x"}', 'latin1');
      await refused(post(paths.comments, bad, { headers: json }), 400);
      await refused(asAdmin(paths.articles, '{"title": ', { headers: json }), 400);
      await refused(post(paths.comments, '{"author_name": "a\\u0000b", "body_markdown": "x"}', { headers: json }), 400);
    });
    test('another type of content', async () => {
      const as = (type) => post(paths.comments, '{"author_name": "a", "body_markdown": "b"}', { headers: { 'content-type': type } });
      await refused(as('application/xml'), 415);
      await refused(as('text/plain'), 403); // what a form on another site can send
    });
  });

  describe('wrong shape', () => {
    for (const [name, where, body, pointer] of [
      ['a list instead of an object', 'comments', []],
      ['null', 'comments', 'null'],
      ['a number as a name', 'comments', { author_name: 7, body_markdown: 'x' }, '/author_name'],
      ['an object as a text', 'comments', { author_name: 'a', body_markdown: {} }, '/body_markdown'],
      ['no name', 'comments', { body_markdown: 'x' }, '/author_name'],
      ['no body', 'comments', { author_name: 'a' }, '/body_markdown'],
      ['an empty name', 'comments', { author_name: '', body_markdown: 'x' }, '/author_name'],
      ['a blank body', 'comments', { author_name: 'a', body_markdown: ' \n\t ' }, '/body_markdown'],
      ['a name too long', 'comments', { author_name: 'ä'.repeat(300), body_markdown: 'x' }, '/author_name'],
      ['a body too long', 'comments', { author_name: 'a', body_markdown: 'x'.repeat(30000) }, '/body_markdown'],
      ['a parent that is no id', 'comments', { author_name: 'a', body_markdown: 'x', parent_id: '../x' }, '/parent_id'],
      ['choices as a text', 'ballots', { choices: 'o1' }, '/choices'],
      ['choices of numbers', 'ballots', { choices: [1] }, '/choices/0'],
      ['no choices', 'ballots', {}, '/choices'],
      ['an empty list of choices', 'ballots', { choices: [] }, '/choices'],
      ['a thousand choices', 'ballots', { choices: Array(1000).fill('o1') }, '/choices'],
      ['a choice too long', 'ballots', { choices: ['x'.repeat(1000)] }, '/choices/0'],
    ]) {
      test(name, () => refused(post(paths[where], body, { headers: json }), 422, pointer && points(pointer)));
    }
    for (const [name, where, body, pointer] of [
      ['an article without a title', 'articles', { body_markdown: 'x' }, '/title'],
      ['a title too long', 'articles', { title: 't'.repeat(2000), body_markdown: 'x' }, '/title'],
      ['tags of numbers', 'articles', { title: 't', body_markdown: 'x', tags: [1] }, '/tags/0'],
      ['an unknown status', 'articles', { title: 't', body_markdown: 'x', status: 'lost' }, '/status'],
      ['a time that is none', 'articles', { title: 't', body_markdown: 'x', status: 'scheduled', publish_at: 'soon' }, '/publish_at'],
      ['a poll with one option', 'polls', { question: 'q', kind: 'single', results: 'always', options: [{ text: 'a' }] }, '/options'],
      ['an option without a text', 'polls', { question: 'q', kind: 'single', results: 'always', options: [{ text: 'a' }, {}] }, '/options/1/text'],
      ['an option too long', 'polls', { question: 'q', kind: 'single', results: 'always', options: [{ text: 'a' }, { text: 'b'.repeat(2000) }] }, '/options/1/text'],
      ['an unknown kind', 'polls', { question: 'q', kind: 'odd', results: 'always', options: [{ text: 'a' }, { text: 'b' }] }, '/kind'],
      ['a poll that closes before it opens', 'polls', { question: 'q', kind: 'single', results: 'always', options: [{ text: 'a' }, { text: 'b' }], opens_at: '2031-01-02T00:00:00Z', closes_at: '2031-01-01T00:00:00Z' }],
    ]) {
      test(name, () => refused(asAdmin(paths[where], body), 422, pointer && points(pointer)));
    }
  });

  describe('over the cap', () => {
    // Well over every cap, and little enough to be read to its end, so that the answer is not lost.
    const big = `{"author_name": "a", "body_markdown": "${'x'.repeat(600 << 10)}"}`;
    test('a body', () => refused(() => system.raw([`POST ${paths.comments} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${big.length}\r\n\r\n`, big]), 413));
    test('a body that is only announced', () => refused(() => system.raw(`POST ${paths.ballots} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{`), 413));
    test('a chunked body', () => refused(() => {
      const chunk = `${(100 << 10).toString(16)}\r\n${'x'.repeat(100 << 10)}\r\n`;
      return system.raw([`POST ${paths.comments} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`, ...Array(6).fill(chunk), '0\r\n\r\n']);
    }, 413));
  });

  test('a chunked body within the cap is taken', async () => {
    const body = JSON.stringify({ author_name: 'Chunky', body_markdown: 'In two pieces.' });
    const chunks = [body.slice(0, 10), body.slice(10)].map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
    const got = await system.raw(`POST ${paths.comments} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\n\r\n`);
    assert.equal(got.status, 201, got.text);
  });

  describe('what HTTP forbids', () => {
    const head = (lines, body = '') => () => system.raw(`POST ${paths.ballots} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${lines}\r\n${body}`);
    test('two lengths', () => refused(head('Content-Length: 2\r\nContent-Length: 3\r\n', '{} '), 400));
    test('a length with a sign', () => refused(head('Content-Length: +2\r\n', '{}'), 400));
    test('a length beside chunks', () => refused(head('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400));
    test('64 headers', () => refused(() => system.raw(`GET /api/v1/articles HTTP/1.1\r\nHost: x\r\n${'X-A: b\r\n'.repeat(70)}\r\n`), 431));
    test('%00 in the path', () => refused(() => system.raw(`GET /api/v1/articles/${article.id}%00x HTTP/1.1\r\nHost: x\r\n\r\n`), 400));
    test('an unknown method', async () => {
      const got = await system.raw('BREW / HTTP/1.1\r\nHost: x\r\n\r\n');
      assert.ok([400, 405, 501].includes(got.status), String(got.status));
    });
    test('a form from another site', () => refused(() => system.api('POST', paths.comments, {
      form: { author_name: 'a', body_markdown: 'b' }, headers: { origin: 'https://evil.example' },
    }), 403));
    test('a request from another site, with a cookie', async () => {
      const cookie = await system.signIn();
      await refused(post(paths.polls, {}, { cookie, headers: { 'sec-fetch-site': 'cross-site' } }), 403);
      await refused(post(paths.polls, {}, { cookie }), 403);
    });
  });

  describe('unknown', () => {
    test('a bad cursor', () => refused(() => system.api('GET', '/api/v1/articles?cursor=%21%21'), 400));
    test('a cursor of another list', async () => {
      const forged = Buffer.from('zanything').toString('base64url');
      await refused(() => system.api('GET', `/api/v1/articles?cursor=${forged}`), 400);
      await refused(() => system.api('GET', `${paths.comments}?cursor=${forged}`), 400);
    });
    for (const limit of ['0', '101', '-1', 'many', '1e1', '']) {
      test(`limit=${limit}`, () => refused(() => system.api('GET', `/api/v1/articles?limit=${limit}`), 400));
    }
    test('a bad escape in the query', () => refused(() => system.api('GET', '/api/v1/articles?limit=%zz'), 422));
    for (const path of ['articles', 'polls', 'comments', 'contributors']) {
      test(`one of the ${path}`, () => refused(() => system.api('GET', `/api/v1/${path}/${path === 'contributors' ? 'nobody' : UNKNOWN}`), 404));
    }
    test('what is no id', () => refused(() => system.api('GET', '/api/v1/polls/..%2f..%2fx'), 404));
    test('a path', () => refused(() => system.api('GET', '/api/v1/nothing'), 404));
    test('a method on a path', () => refused(() => system.api('PUT', '/api/v1/polls', { body: {} }), 405));
    test('the article of a comment', () =>
      refused(post(`/api/v1/articles/${UNKNOWN}/comments`, { author_name: 'a', body_markdown: 'b' }), 404));
    test('the parent of a comment', async () => {
      const got = await post(paths.comments, { author_name: 'a', body_markdown: 'b', parent_id: UNKNOWN })();
      assert.ok([404, 422].includes(got.status), got.text);
    });
    test('the poll of a ballot', () => refused(post(`/api/v1/polls/${UNKNOWN}/ballots`, { choices: ['o1'] }), 404));
    test('the option of a ballot', () => refused(post(paths.ballots, { choices: ['nothing'] }), 422));
    test('a page', async () => {
      const got = await system.page('/articles/no-such-article');
      assert.equal(got.status, 404);
      assert.match(got.headers['content-type'], /^text\/html/);
    });
  });

  describe('not allowed', () => {
    test('an article by nobody', () => refused(post('/api/v1/articles', { title: 't', body_markdown: 'x' }), 401));
    test('a poll with a false token', () => refused(post('/api/v1/polls', {}, { token: 'false' }), 401));
    test('a wrong password', () => refused(post('/api/v1/sessions', { login: 'admin', password: 'wrong' }), 401));
    test('an unknown login', () => refused(post('/api/v1/sessions', { login: 'nobody', password: 'wrong' }), 401));
  });

  describe('ballots', () => {
    const vote = (choices, key) => post(paths.ballots, { choices }, { headers: { 'idempotency-key': key } });
    test('two choices in a single-choice poll', () => refused(vote([poll.options[0].id, poll.options[1].id], 'two'), 422));
    test('the same choice twice', () => refused(vote([poll.options[0].id, poll.options[0].id], 'same'), 422));
    test('a second vote', async () => {
      const first = await vote([poll.options[0].id], 'once')();
      assert.equal(first.status, 201, first.text);
      const voter = first.cookies;
      assert.ok(voter, 'the voter is told its name');
      const repeat = await vote([poll.options[0].id], 'once')();
      assert.equal(repeat.status, 201, 'the same request again gets the same answer');
      assert.equal(repeat.json.ballot_id, first.json.ballot_id);
      await refused(vote([poll.options[1].id], 'once'), 409);
      await refused(post(paths.ballots, { choices: [poll.options[1].id] }, { cookie: voter, headers: { origin: system.urls.site } }), 409);
      const results = await system.api('GET', `/api/v1/polls/${poll.id}/results`);
      assert.equal(results.json.voters, 1);
    });
    test('a forged voter', async () => {
      const got = await system.api('POST', paths.ballots, {
        body: { choices: [poll.options[1].id] }, cookie: 'voxpop_voter=forged', headers: { origin: system.urls.site },
      });
      assert.ok(got.status === 307 || got.status >= 400, `a forged cookie is no voter: ${got.status} ${got.text}`);
    });
    test('a closed poll', async () => {
      const made = await system.make('/api/v1/polls', {
        question: 'Over?', options: [{ text: 'Yes' }, { text: 'No' }], kind: 'single', results: 'always',
      });
      const closed = await system.admin('POST', `/api/v1/polls/${made.id}/close`);
      assert.equal(closed.status, 200, closed.text);
      await refused(post(`/api/v1/polls/${made.id}/ballots`, { choices: [made.options[0].id] }, { headers: { 'idempotency-key': 'late' } }), 409);
    });
  });

  describe('markup and script come out inert', () => {
    const evil = '<script>alert(1)</script><img src=x onerror=alert(2)>"\'><b onmouseover=alert(3)>';
    // Nothing that a browser would run, and no element of the input.
    function inert(html, where) {
      const noOwn = html.replace(/<script[^>]* src="\/static\/[^"]*"[^>]*><\/script>/g, '');
      const bare = noOwn.replace(/<[^>]*>/g, (tag) => tag.replace(/"[^"]*"/g, '""')); // attributes without values
      assert.doesNotMatch(bare, /<script|<iframe|<img[^>]* src=x|<[^>]*\son\w+\s*=/i, where);
      assert.doesNotMatch(noOwn, /<[^>]*\s(?:href|src|action|formaction|data|srcdoc)\s*=\s*["']?\s*(?:javascript|vbscript|data):/i, where);
    }

    test('in every field of a comment, an article, a contributor and a poll', async () => {
      const spec = { question: `Q ${evil}`, options: [{ text: `A ${evil}` }, { text: 'B' }], kind: 'single', results: 'always' };
      const made = await system.make('/api/v1/polls', spec);
      assert.equal(made.question, spec.question, 'stored as it is');
      assert.equal(made.options[0].text, spec.options[0].text);
      const who = await system.admin('PUT', '/api/v1/contributors/evil', {
        body: { display_name: `N ${evil}`.slice(0, 80), bio_markdown: `Bio ${evil}\n\n[x](javascript:alert(4))`, links: [] },
      });
      assert.ok([200, 201].includes(who.status), who.text);
      const text = `${evil}\n\n<div onclick="alert(5)">block</div>\n\n[click](javascript:alert(6)) [click](JaVaScRiPt:alert(7)) [data](data:text/html,<script>alert(8)</script>) ![i](javascript:alert(9)) <javascript:alert(10)> [v](vbscript:x)`;
      const piece = await system.make('/api/v1/articles', {
        title: `T ${evil}`, summary: `S ${evil}`, tags: ['x'], body_markdown: text, status: 'published',
        contributors: ['evil'], poll_id: made.id,
      });
      assert.equal(piece.title, `T ${evil}`);
      const comment = await system.api('POST', `/api/v1/articles/${piece.id}/comments`, {
        body: { author_name: 'N <script>x</script>', body_markdown: text },
      });
      assert.equal(comment.status, 201, comment.text);

      for (const path of [`/articles/${piece.slug}`, '/', `/polls/${made.id}`, '/polls']) {
        const page = await system.page(path);
        if (page.status === 404) continue; // not every page is part of every version
        assert.equal(page.status, 200, path);
        inert(page.text, path);
      }
      const shown = await waitFor(async () => {
        const page = await system.page(`/articles/${piece.slug}`);
        return plain(page.text).includes('N <script>x</script>') && page;
      }, { what: 'the comment on the page' });
      assert.ok(plain(shown.text).includes(evil), 'the title is shown as it was written');
      for (const path of [`/api/v1/articles/${piece.id}`, `/api/v1/articles/${piece.id}/comments`, '/api/v1/contributors/evil']) {
        const got = await system.api('GET', path);
        assert.equal(got.status, 200, got.text);
        assert.match(got.headers['x-content-type-options'] ?? '', /nosniff/);
        for (const [, html] of got.text.matchAll(/"(?:body_html|bio_html)":"((?:[^"\\]|\\.)*)"/g)) inert(JSON.parse(`"${html}"`), path);
      }
    });

    test('javascript: links of a contributor are refused', () => refused(() => system.admin('PUT', '/api/v1/contributors/evil2', {
      body: { display_name: 'E', bio_markdown: '', links: [{ rel: 'site', href: 'javascript:alert(1)' }] },
    }), 422, points('/links/0/href')));

    test('a line break in a header is none', async () => {
      const got = await system.raw('GET /articles/x%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: x\r\n\r\n');
      assert.ok(got.status >= 400, String(got.status));
      assert.equal(got.headers['set-cookie'], undefined);
    });
  });

  test('and no process has died of it', async () => {
    assert.equal((await system.api('GET', `/api/v1/articles/${article.id}`)).status, 200);
    for (const name of ['articles', 'comments', 'polls', 'gateway', 'live']) assert.ok(system.pids[name], `${name} is still the first process`);
  });
});
