// embed.test.mjs - a poll in a frame on another site, as bytes: who may frame what, and a vote by the
// frame's form with its own cookie and without any. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startSystem } from '../support/system.mjs';

describe('a poll in a frame', () => {
  let system;
  let poll;
  before(async () => {
    system = await startSystem({ live: false });
  });
  after(() => system?.stop());

  const fresh = async (rest = {}) => {
    poll = await system.make('/api/v1/polls', { question: 'Which way?', options: [{ text: 'Left' }, { text: 'Right' }], kind: 'single', results: 'always', ...rest });
    return poll;
  };
  const voters = async () => (await system.api('GET', `/api/v1/polls/${poll.id}/results`)).json.voters;
  const own = () => ({ origin: system.urls.site, 'sec-fetch-site': 'same-origin' });
  const post = (path, form, options = {}) => system.api('POST', path, { form, headers: own(), ...options });
  const ancestors = (got) => /frame-ancestors ([^;]*);/.exec(got.headers['content-security-policy'] ?? '')?.[1];

  test('every site may frame it, and nothing else of ours', async () => {
    await fresh();
    assert.equal(ancestors(await system.page(`/embed/polls/${poll.id}`)), '*');
    for (const path of ['/', '/polls', `/polls/${poll.id}`, `/polls/${poll.id}/results`, `/polls/${poll.id}?view=results`, '/nowhere', '/embed', '/embed/polls']) {
      const got = await system.page(path);
      assert.equal(ancestors(got), "'self'", path);
      assert.equal(got.headers['x-frame-options'], undefined, path);
    }
    const posted = await post(`/polls/${poll.id}/ballots`, { choices: '1' }, { headers: {} });
    assert.equal(posted.status, 403);
    assert.match(posted.headers['content-type'], /^application\/problem\+json/);
  });

  test('its page is the poll alone, the same for everybody', async () => {
    await fresh();
    const got = await system.page(`/embed/polls/${poll.id}`);
    assert.equal(got.status, 200);
    assert.match(got.headers['cache-control'], /^public, /);
    assert.equal(got.headers['set-cookie'], undefined);
    assert.match(got.text, /<meta name="robots" content="noindex">/);
    assert.match(got.text, new RegExp(`<link rel="canonical" href="[^"]*/polls/${poll.id}">`));
    assert.match(got.text, new RegExp(`<a href="/polls/${poll.id}" target="_blank" rel="noopener">`));
    assert.match(got.text, /<input type="hidden" name="embed" value="1">/);
    assert.doesNotMatch(got.text, /masthead|Recent comments|idempotency_key/);
    const current = await system.page('/embed/polls/current');
    assert.match(current.text, new RegExp(`id="poll-${poll.id}"`));
    const gone = await system.page('/embed/polls/01ARZ3NDEKTSV4RRFFQ69G5FAV');
    assert.deepEqual([gone.status, ancestors(gone)], [404, '*']);
    assert.match(gone.text, /not here any more/);
    assert.doesNotMatch(gone.text, /masthead/);
  });

  test('its form asks once for a cookie of its own, and counts once', async () => {
    await fresh();
    const form = { choices: '2', return_to: `/embed/polls/${poll.id}`, embed: '1' };
    const asked = await post(`/polls/${poll.id}/ballots`, form);
    assert.equal(asked.status, 307);
    const [cookie, ...others] = asked.headers['set-cookie'];
    assert.equal(others.length, 0);
    const [pair, ...attributes] = cookie.split('; ');
    assert.match(pair, /^voxpop_embed=.+/);
    for (const each of ['Path=/', 'HttpOnly', 'SameSite=None', 'Secure', 'Partitioned']) assert.ok(attributes.includes(each), each);
    assert.equal(await voters(), 0);
    for (let i = 0; i < 3; i++) {
      const voted = await post(asked.headers.location, form, { cookie: pair });
      assert.equal(voted.status, 303);
      assert.match(voted.headers.location, new RegExp(`^/embed/polls/${poll.id}\\?view=results&voted=1&v=\\d+#poll-${poll.id}$`));
      const page = await system.page(voted.headers.location.split('#')[0], { cookie: pair });
      assert.equal(ancestors(page), '*');
      assert.match(page.text, /Thank you\. Your vote is counted\./);
      assert.match(page.headers['cache-control'], /no-store/);
    }
    const other = await post(`/polls/${poll.id}/ballots`, { ...form, choices: '1' }, { cookie: pair });
    assert.match(other.headers.location, /voted=already/);
    assert.equal(await voters(), 1);
    // The script of the same frame is the same voter.
    const again = await system.api('POST', `/api/v1/polls/${poll.id}/ballots?embed=1`, { body: { choices: ['1'] }, cookie: pair, headers: { ...own(), 'idempotency-key': 'another' } });
    assert.equal(again.status, 409);
    assert.equal(await voters(), 1);
  });

  test('a browser that takes no cookie there is told where it can vote', async () => {
    await fresh();
    const form = { choices: '2', return_to: `/embed/polls/${poll.id}`, embed: '1' };
    const asked = await post(`/polls/${poll.id}/ballots`, form);
    const told = await post(asked.headers.location, form);
    assert.equal(told.status, 303);
    assert.equal(told.headers['set-cookie'], undefined);
    const page = await system.page(told.headers.location.split('#')[0]);
    assert.match(page.text, /<p class="message is-error" role="alert">Voting here needs a cookie/);
    assert.match(page.text, new RegExp(`href="/polls/${poll.id}" target="_blank"`));
    assert.match(page.text, /<button type="submit">Vote<\/button>/);
    assert.equal(ancestors(page), '*');
    assert.equal(await voters(), 0);
  });

  test('its script counts without any cookie, and is given one of its own', async () => {
    await fresh();
    const vote = () => system.api('POST', `/api/v1/polls/${poll.id}/ballots?embed=1`, { body: { choices: ['1'] }, headers: { ...own(), 'idempotency-key': 'a frame' } });
    const first = await vote();
    assert.equal(first.status, 201, first.text);
    assert.match(first.headers['set-cookie'][0], /^voxpop_embed=.*; SameSite=None; Secure; Partitioned$/);
    const again = await vote();
    assert.deepEqual([again.status, again.json.ballot_id], [201, first.json.ballot_id]);
    assert.equal(await voters(), 1);
  });

  test('what fails is said in the frame', async () => {
    await fresh();
    const form = { choices: '2', return_to: `/embed/polls/${poll.id}`, embed: '1' };
    const { cookies } = await post(`/polls/${poll.id}/ballots`, form);
    const nothing = await post(`/polls/${poll.id}/ballots`, { ...form, choices: '' }, { cookie: cookies });
    assert.match(nothing.headers.location, /^\/embed\/polls\/.*voted=nothing/);
    await system.kill('polls', 'SIGTERM');
    const away = await post(`/polls/${poll.id}/ballots`, form, { cookie: cookies });
    assert.equal(away.status, 303);
    assert.match(away.headers.location, /^\/embed\/polls\/.*voted=away/);
    const page = await system.page(away.headers.location.split('#')[0]);
    assert.ok(page.status >= 500);
    assert.equal(ancestors(page), '*');
    assert.match(page.text, /The poll cannot be reached right now/);
    await system.restart('polls');
  });
});
