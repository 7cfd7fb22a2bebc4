// polls.test.mjs - polls in a real browser beyond a plain vote: votes that are changed and withdrawn,
// invitation codes, results that are for voters only, a frame on another site, a big screen.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { startBrowser } from '../support/browser.mjs';
import { freePort, startSystem, waitFor } from '../support/system.mjs';
import { bar, box, fault, hasFocus, message, option, sees, text, texts, total, vote } from './parts.mjs';

let system;
let browser;
let elsewhere; // a site that is not ours, with a frame of it

before(async () => {
  system = await startSystem();
  browser = await startBrowser(system);
  elsewhere = http.createServer((request, response) => {
    const poll = new URL(request.url, 'http://localhost').searchParams.get('poll');
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(`<!doctype html><html lang="en"><title>Elsewhere</title><link rel="icon" href="data:,"><h1>Elsewhere</h1>${
      poll ? `<iframe title="A poll" width="500" height="600" src="${system.urls.site}${poll}"></iframe>` : ''}</html>`);
  });
  const port = await freePort();
  await new Promise((resolve) => { elsewhere.listen(port, '127.0.0.1', resolve); });
  elsewhere.url = `http://localhost:${port}/`; // a site of its own beside 127.0.0.1
});
after(async () => {
  await browser?.close();
  elsewhere?.closeAllConnections();
  elsewhere?.close();
  await system?.stop();
});

let named = 0;

const fresh = (rest = {}) => system.make('/api/v1/polls', {
  question: `Question ${++named}?`, options: ['Red', 'Green', 'Blue'].map((each) => ({ text: each })), kind: 'single', results: 'always', ...rest,
});
const tally = async (poll) => (await system.admin('GET', `/api/v1/polls/${poll.id}/results`)).json;
const counts = async (poll) => Object.values((await tally(poll)).counts);

// Somebody else votes, by the API.
async function otherVote(poll, index) {
  const got = await system.api('POST', `/api/v1/polls/${poll.id}/ballots`, {
    body: { choices: [poll.options[index].id] }, headers: { 'idempotency-key': `somebody ${++named}` },
  });
  assert.equal(got.status, 201, got.text);
}

const button = (reader, name) => box(reader).getByRole('button', { name, exact: true });
const link = (reader, name) => box(reader).getByRole('link', { name, exact: true });
const choose = async (reader, label, name = 'Vote') => {
  await option(reader, label).check();
  await button(reader, name).click();
};

describe('a vote that may be changed', () => {
  test('is changed and withdrawn without a reload', () => browser.scene(async (open) => {
    const ada = await open();
    const poll = await fresh({ changeable: true });
    await ada.goto(`/polls/${poll.id}`);
    await choose(ada, 'Green');
    await sees(message(ada), /^Thank you\. Your vote is counted\.$/);
    assert.ok(await box(ada).getByText('You can change your vote').isHidden());

    await link(ada, 'Change my vote').click();
    await button(ada, 'Change my vote').waitFor();
    assert.ok(await option(ada, 'Green').isChecked(), 'what was chosen');
    assert.ok(await hasFocus(option(ada, 'Green')));
    await choose(ada, 'Blue', 'Change my vote');
    await sees(message(ada), /^Thank you\. Your vote is changed\.$/);
    assert.deepEqual(await counts(poll), [0, 0, 1]);
    assert.deepEqual(await texts(box(ada).locator('.results b')), ['0%', '0%', '100%']);

    await ada.page.reload();
    await sees(message(ada), /^You have voted in this poll\.$/);
    await link(ada, 'Change my vote').click();
    await button(ada, 'Change my vote').waitFor();
    assert.ok(await option(ada, 'Blue').isChecked());
    await link(ada, 'View Results').click();
    await button(ada, 'Back to the vote').click();
    await choose(ada, 'Red', 'Change my vote');
    await sees(message(ada), /changed\.$/);

    await button(ada, 'Withdraw my vote').click();
    await sees(message(ada), /^Your vote is withdrawn\.$/);
    assert.ok(await hasFocus(message(ada)));
    assert.equal(await box(ada).locator(':checked').count(), 0);
    assert.deepEqual(await counts(poll), [0, 0, 0]);
    await ada.page.reload();
    await vote(ada).waitFor();
    assert.equal(await message(ada).count(), 0);
    await choose(ada, 'Red');
    await sees(message(ada), /counted\.$/);
    assert.deepEqual(await counts(poll), [1, 0, 0]);
    assert.equal(ada.loads, 3);
  }));

  test('is changed by the script also on the page that is made for doing it without', () => browser.scene(async (open) => {
    const ada = await open();
    const poll = await fresh({ changeable: true });
    await ada.goto(`/polls/${poll.id}`);
    await choose(ada, 'Green');
    await sees(message(ada), /counted\.$/);
    await ada.goto(`/polls/${poll.id}?voted=change`);
    assert.ok(await option(ada, 'Green').isChecked());
    await choose(ada, 'Blue', 'Change my vote');
    await sees(message(ada), /changed\.$/);
    await button(ada, 'Withdraw my vote').click();
    await sees(message(ada), /withdrawn\.$/);
    assert.deepEqual(await counts(poll), [0, 0, 0]);
    assert.equal(ada.loads, 2);
  }));

  test('a change whose answer was lost is repeated and has its effect once', () => browser.scene(async (open) => {
    const ada = await open();
    const poll = await fresh({ changeable: true });
    await ada.goto(`/polls/${poll.id}`);
    await choose(ada, 'Green');
    await link(ada, 'Change my vote').click();
    await button(ada, 'Change my vote').waitFor();
    const keys = [];
    await ada.context.route('**/ballots', async (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      if (keys.length > 1) return route.continue();
      await route.fetch();
      return route.abort();
    });
    ada.allow(/net::ERR_FAILED/);
    await choose(ada, 'Red', 'Change my vote');
    await sees(message(ada), /changed\.$/, { deadline: 10000 });
    assert.equal(new Set(keys).size, 1);
    assert.deepEqual(await counts(poll), [1, 0, 0]);
    assert.equal((await tally(poll)).voters, 1);
  }));

  test('is not one vote more where the browser keeps no cookie', () => browser.scene(async (open) => {
    const ada = await open({ cookies: false });
    const poll = await fresh({ changeable: true });
    await ada.goto(`/polls/${poll.id}`);
    await choose(ada, 'Green');
    await sees(message(ada), /counted\.$/);
    ada.allow(404);
    await link(ada, 'Change my vote').click();
    await sees(message(ada), /^There is no vote of yours that can be changed from here\.$/);
    await button(ada, 'Withdraw my vote').click();
    await waitFor(() => ada.requests.some(({ method }) => method === 'DELETE'), { what: 'it is tried' });
    await sees(message(ada), /^There is no vote of yours that can be changed from here\.$/);
    assert.ok(await box(ada).locator('[data-ballot]').isHidden());
    assert.deepEqual(await counts(poll), [0, 1, 0]);
  }));

  test('is changed and withdrawn without JavaScript', () => browser.scene(async (open) => {
    const ada = await open({ javaScript: false });
    const poll = await fresh({ changeable: true });
    const leads = async (act) => assert.equal(await ada.leads(act), 200);
    await ada.goto(`/polls/${poll.id}`);
    await leads(() => choose(ada, 'Green'));
    await leads(() => link(ada, 'Change my vote').click());
    assert.ok(await option(ada, 'Green').isChecked());
    await option(ada, 'Blue').check();
    await leads(() => button(ada, 'Change my vote').dblclick());
    await sees(message(ada), /changed\.$/);
    assert.ok(await box(ada).getByText('Your vote: Blue').isVisible());
    assert.deepEqual(await counts(poll), [0, 0, 1]);
    await ada.goto(`/polls/${poll.id}`); // a page like everybody's
    await leads(() => link(ada, 'See my vote').click());
    assert.ok(await option(ada, 'Blue').isChecked());
    await leads(() => button(ada, 'Withdraw my vote').click());
    await sees(message(ada), /^Your vote is withdrawn\.$/);
    assert.deepEqual(await counts(poll), [0, 0, 0]);
  }));
});

describe('a poll of invitation codes', () => {
  test('says at the field what is wrong with a code, and counts a good one', () => browser.scene(async (open) => {
    const ada = await open();
    const poll = await fresh({ voting: 'code', changeable: true });
    const made = await system.admin('POST', `/api/v1/polls/${poll.id}/codes`, { body: { count: 1 } });
    assert.equal(made.status, 201, made.text);
    const [right] = made.json.codes;
    await ada.goto(`/polls/${poll.id}`);
    const code = box(ada).locator('[data-ballot]').getByLabel('Invitation code', { exact: true });
    const wrong = box(ada).locator('[data-ballot] .field .field-error');
    ada.allow(403, 422);
    await code.fill('AAAA-AAAAA-AAAAA');
    await choose(ada, 'Green');
    await sees(wrong, /\w.*\.$/);
    assert.equal(await code.getAttribute('aria-invalid'), 'true');
    assert.ok(await hasFocus(code));
    await code.fill('   ');
    await vote(ada).click();
    await sees(wrong, /code.*\.$/i);
    assert.deepEqual(await counts(poll), [0, 0, 0]);
    await code.fill(right);
    await vote(ada).click();
    await sees(message(ada), /counted\.$/);
    assert.equal(await text(wrong), '');
    assert.deepEqual(await counts(poll), [0, 1, 0]);
    assert.deepEqual(await ada.cookies(), []);

    await link(ada, 'Change my vote').click();
    await choose(ada, 'Blue', 'Change my vote');
    await sees(message(ada), /changed\.$/);
    await button(ada, 'Withdraw my vote').click();
    await sees(message(ada), /withdrawn\.$/);
    assert.deepEqual(await counts(poll), [0, 0, 0]);
  }));

  test('says so without JavaScript', () => browser.scene(async (open) => {
    const ada = await open({ javaScript: false });
    const poll = await fresh({ voting: 'code' });
    const { codes: [right] } = (await system.admin('POST', `/api/v1/polls/${poll.id}/codes`, { body: { count: 1 } })).json;
    await ada.goto(`/polls/${poll.id}`);
    const code = box(ada).getByLabel('Invitation code', { exact: true });
    for (const [given, told] of [['AAAA-AAAAA-AAAAA', /^This code is not one of this poll's\.$/], ['  ', /needs an invitation code\.$/]]) {
      await code.fill(given);
      await option(ada, 'Green').check();
      assert.equal(await ada.leads(() => vote(ada).click()), 200);
      await sees(box(ada).getByRole('alert'), told);
      assert.equal(await code.getAttribute('aria-invalid'), 'true');
    }
    await code.fill(right);
    await option(ada, 'Green').check();
    assert.equal(await ada.leads(() => vote(ada).click()), 200);
    await sees(message(ada), /counted\.$/);
    assert.deepEqual(await counts(poll), [0, 1, 0]);
  }));
});

describe('choices', () => {
  for (const javaScript of [true, false]) {
    test(`of several are told and checked, JavaScript: ${javaScript}`, () => browser.scene(async (open) => {
      const ada = await open({ javaScript });
      const poll = await fresh({ kind: 'multiple', min_choices: 2, max_choices: 2 });
      const send = () => (javaScript ? vote(ada).click() : ada.leads(() => vote(ada).click()));
      await ada.goto(`/polls/${poll.id}`);
      assert.equal(await text(box(ada).locator('.hint')), 'Choose 2');
      ada.allow(422);
      await option(ada, 'Red').check();
      await send();
      await sees(fault(ada), javaScript ? /^Your choice must be exactly 2 of the options\.$/ : /^That choice was not accepted\. Choose 2\.$/);
      for (const each of ['Red', 'Blue']) await option(ada, each).check();
      await send();
      await sees(message(ada), /counted\.$/);
      assert.deepEqual(await counts(poll), [1, 0, 1]);
    }));
  }
});

describe('results that are for those who voted', () => {
  test('move for them, also after a reload, and when a ticket is refused', () => browser.scene(async (open) => {
    const [ada, ben] = [await open(), await open()];
    const poll = await fresh({ results: 'after_vote' });
    await Promise.all([ada.goto(`/polls/${poll.id}`), ben.goto(`/polls/${poll.id}`)]);
    await choose(ada, 'Green');
    await sees(total(ada), /^1 voter$/);
    await otherVote(poll, 0);
    await sees(total(ada), /^2 voters$/);
    await ada.page.reload();
    await sees(total(ada), /^2 voters$/);
    await otherVote(poll, 0);
    await sees(total(ada), /^3 voters$/);
    assert.equal(await bar(ben, 0).count(), 0);

    let asked = 0;
    await ada.context.route('**/results', async (route) => {
      const response = await route.fetch();
      const results = await response.json();
      if (asked++ === 0) results.ticket = `${'A'.repeat(32)}.${'A'.repeat(22)}`;
      return route.fulfill({ response, json: results });
    });
    await ada.page.reload();
    await waitFor(() => asked === 2, { what: 'another ticket is asked for' });
    await otherVote(poll, 2);
    await sees(total(ada), /^4 voters$/);
  }));

  test('are live on the page that a form leads to', () => browser.scene(async (open) => {
    const ada = await open();
    const poll = await fresh({ results: 'after_vote' });
    await ada.goto(`/polls/${poll.id}`);
    await choose(ada, 'Green');
    await sees(total(ada), /^1 voter$/);
    await ada.goto(`/polls/${poll.id}?view=results&voted=1`);
    await otherVote(poll, 0);
    await sees(total(ada), /^2 voters$/);
  }));
});

describe('a poll in a frame on another site', () => {
  const framed = async (reader, poll) => {
    reader.allow(/a request to http:\/\/localhost/);
    await reader.goto(`${elsewhere.url}?poll=/embed/polls/${poll.id}`);
    return { page: reader.page.frameLocator('iframe') };
  };

  for (const cookies of [true, 'own', false]) {
    test(`a vote counts once, by the script, cookies: ${cookies}`, () => browser.scene(async (open) => {
      const ada = await open({ cookies });
      const poll = await fresh();
      const frame = await framed(ada, poll);
      await choose(frame, 'Green');
      await sees(message(frame), /^Thank you\. Your vote is counted\.$/);
      assert.deepEqual(await texts(box(frame).locator('.results b')), ['0%', '100%', '0%']);
      const names = (await ada.cookies()).map((each) => `${each.name} ${each.sameSite} ${each.secure}`);
      assert.deepEqual(names, cookies ? ['voxpop_embed None true'] : []);
      await otherVote(poll, 0);
      await sees(total(frame), /^2 voters$/);
      if (cookies) { // nothing else may be kept there
        await ada.page.reload();
        ada.allow(409);
        await choose(frame, 'Red');
        await sees(message(frame), /already voted/);
      }
      assert.deepEqual(await counts(poll), [1, 1, 0]);
    }));
  }

  test('a vote whose answer was lost is repeated under its key, though nothing is kept', () => browser.scene(async (open) => {
    const ada = await open({ cookies: false });
    const poll = await fresh();
    const frame = await framed(ada, poll);
    const keys = [];
    await ada.context.route('**/ballots?embed=1', async (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      if (keys.length > 1) return route.continue();
      await route.fetch();
      return route.fulfill({ status: 429, contentType: 'application/problem+json', headers: { 'retry-after': '3600' }, json: { detail: 'Later.' } });
    });
    ada.allow(429);
    await choose(frame, 'Green');
    await sees(message(frame), /^Later\.$/);
    await vote(frame).click();
    await sees(message(frame), /^Thank you/);
    assert.deepEqual([keys.length, new Set(keys).size], [2, 1]);
    assert.deepEqual(await counts(poll), [0, 1, 0]);
  }));

  for (const cookies of [true, 'own']) {
    test(`a vote counts once, by the form, cookies: ${cookies}`, () => browser.scene(async (open) => {
      const ada = await open({ cookies, javaScript: false });
      const poll = await fresh();
      const frame = await framed(ada, poll);
      await choose(frame, 'Green');
      await sees(message(frame), /^Thank you\. Your vote is counted\.$/);
      assert.deepEqual((await ada.cookies()).map((each) => each.name), ['voxpop_embed']);
      await ada.page.reload();
      await choose(frame, 'Red');
      await sees(message(frame), /^You have already voted in this poll\.$/);
      assert.deepEqual(await counts(poll), [0, 1, 0]);
    }));
  }

  test('without cookies the form says where one can vote', () => browser.scene(async (open) => {
    const ada = await open({ cookies: false, javaScript: false });
    const poll = await fresh();
    const frame = await framed(ada, poll);
    await choose(frame, 'Green');
    await sees(message(frame), /^Voting here needs a cookie.* on the poll's own page\.$/);
    const [window] = await Promise.all([ada.context.waitForEvent('page'), frame.page.getByRole('link', { name: /^This poll at/ }).click()]);
    await window.waitForURL(`${system.urls.site}/polls/${poll.id}`);
    assert.deepEqual(await counts(poll), [0, 0, 0]);
  }));

  test('a vote is changed there', () => browser.scene(async (open) => {
    const ada = await open({ cookies: 'own' });
    const poll = await fresh({ changeable: true });
    const frame = await framed(ada, poll);
    await choose(frame, 'Green');
    await link(frame, 'Change my vote').click();
    await choose(frame, 'Blue', 'Change my vote');
    await sees(message(frame), /changed\.$/);
    assert.deepEqual(await counts(poll), [0, 0, 1]);
  }));

  test('no other page of ours shows there', () => browser.scene(async (open) => {
    const ada = await open();
    const poll = await fresh();
    ada.allow(/a request to http:\/\/localhost/, /frame-ancestors|Refused to frame|Framing/, /ERR_BLOCKED_BY_RESPONSE/);
    await ada.goto(`${elsewhere.url}?poll=/polls/${poll.id}`);
    assert.equal(await ada.page.frameLocator('iframe').locator('.poll').count(), 0);
  }));
});

describe('a big screen', () => {
  test('moves, counts its watchers, can be paused, and says when the poll closes', () => browser.scene(async (open) => {
    const [ada, ben] = [await open({ viewport: { width: 1920, height: 1080 } }), await open()];
    const poll = await fresh();
    await Promise.all([ada.goto(`/polls/${poll.id}/results`), ben.goto(`/polls/${poll.id}`)]);
    assert.equal(await ada.page.evaluate(() => document.documentElement.scrollHeight), 1080, 'it fits');
    const state = ada.page.locator('[data-state]');
    assert.equal(await text(state), 'Open');
    await otherVote(poll, 1);
    await sees(total(ada), /^1 voter$/);
    assert.equal(await text(bar(ada, 1)), 'Green 100% 1 vote');
    await sees(ada.page.locator('[data-watchers]'), /^2 watching$/, { deadline: 15000 });

    await ada.page.getByRole('button', { name: 'Pause updates' }).click();
    await otherVote(poll, 1);
    const watcher = await system.sse(`poll:${poll.id}`);
    await watcher.next((each) => each.data.voters === 2);
    watcher.close();
    assert.equal(await text(total(ada)), '1 voter');
    await ada.page.getByRole('button', { name: 'Resume updates' }).click();
    await sees(total(ada), /^2 voters$/);

    assert.ok((await system.admin('POST', `/api/v1/polls/${poll.id}/close`)).status < 300);
    await sees(state, /^Closed$/);
    assert.equal(ada.loads, 1);
    assert.equal(await ada.leads(() => ada.page.getByRole('link', { name: 'Reload' }).click()), 200);
    assert.equal(await text(state), 'Closed');
  }));

  test('speaks at most every ten seconds', () => browser.scene(async (open) => {
    const ada = await open();
    const poll = await fresh();
    await ada.page.clock.install({ time: 0 });
    await ada.goto(`/polls/${poll.id}/results`);
    await waitFor(() => ada.requests.some(({ url }) => /[?&]topic=/.test(url)), { what: 'the stream, which a timer opens' });
    await ada.page.clock.pauseAt(60000); // from here on time stands still but for what passes
    const announced = () => text(ada.page.locator('#announcer'));
    const pass = (ms) => ada.page.clock.runFor(ms);
    await otherVote(poll, 1);
    await sees(total(ada), /^1 voter$/);
    await pass(300);
    assert.match(await announced(), /Green 100% 1 vote\. 1 voter\.$/);
    for (let n = 2; n <= 4; n++) {
      await otherVote(poll, 0);
      await sees(total(ada), new RegExp(`^${n} voters$`));
      await pass(3000);
      assert.match(await announced(), /1 voter\.$/, 'not yet');
    }
    await pass(1000);
    assert.match(await announced(), /Red 75% 3 votes\. 4 voters\.$/, 'then the newest alone');
    assert.equal(await ada.page.locator('#announcer').getAttribute('aria-live'), 'polite');
  }));

  test('moves without motion for those who want none', () => browser.scene(async (open) => {
    const poll = await fresh();
    for (const [reducedMotion, seconds] of [['reduce', '0s'], ['no-preference', '0.6s']]) {
      const ada = await open({ reducedMotion });
      await ada.goto(`/polls/${poll.id}/results`);
      assert.equal(await bar(ada, 0).locator('.fill').evaluate((each) => getComputedStyle(each).transitionDuration), seconds);
    }
  }));

  test('comes to results that were not there when it was opened', () => browser.scene(async (open) => {
    const ada = await open();
    const poll = await fresh({ results: 'after_close' });
    await ada.page.clock.install();
    await ada.goto(`/polls/${poll.id}/results`);
    await ada.page.getByText('Results appear when the poll closes.').waitFor();
    await ada.page.clock.runFor(300);
    await otherVote(poll, 2);
    await waitFor(() => ada.requests.some(({ url }) => url.startsWith(system.urls.live)), { what: 'the stream is opened' });
    assert.ok((await system.admin('POST', `/api/v1/polls/${poll.id}/close`)).status < 300);
    await sees(ada.page.locator('[data-state]'), /^Closed$/);
    await ada.leads(() => ada.page.clock.runFor(10000));
    assert.equal(await text(bar(ada, 2)), 'Blue 100% 1 vote');
  }));
});
