// pages_polls.test.mjs - polls as HTML, voted in by forms alone: who may vote, votes that are changed
// and withdrawn, what is nobody else's, the archive. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startSystem } from '../support/system.mjs';

const unescaped = (text) => text.replaceAll('&amp;', '&').replaceAll('&#39;', "'").replaceAll('&quot;', '"');

describe('polls by forms', () => {
  let system;
  before(async () => {
    system = await startSystem({ live: false, args: { gateway: ['--trusted-proxies', '127.0.0.1'] } });
  });
  after(() => system?.stop());

  const own = () => ({ origin: system.urls.site, 'sec-fetch-site': 'same-origin' });
  const fresh = (rest = {}) => system.make('/api/v1/polls', {
    question: 'Which way?', options: ['Left', 'Right', 'Back'].map((text) => ({ text })), kind: 'single', results: 'always', ...rest,
  });
  const results = async (poll) => (await system.admin('GET', `/api/v1/polls/${poll.id}/results`)).json;
  const counts = async (poll) => Object.values((await results(poll)).counts);

  // One reader: keeps cookies, follows the redirects of a form as a browser does.
  function reader({ headers = {}, cookie = '' } = {}) {
    const jar = new Map(cookie ? [cookie.split(/=(.*)/s).slice(0, 2)] : []);
    const send = async (method, path, form) => {
      const cookies = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      const got = await system.api(method, path, { form, cookie: cookies || undefined, headers: { ...(form ? own() : {}), ...headers } });
      for (const line of got.headers['set-cookie'] ?? []) jar.set(...line.split(';')[0].split(/=(.*)/s).slice(0, 2));
      return got;
    };
    return {
      jar,
      page: (path) => send('GET', path),
      async post(path, form) { // the page where it ends
        let got = await send('POST', path, form);
        if (got.status === 307) got = await send('POST', got.headers.location, form);
        if (got.status !== 303) return got;
        const to = got.headers.location.split('#')[0];
        return Object.assign(await send('GET', to), { path: to });
      },
      vote(poll, choices, more = {}) { return this.post(`/polls/${poll.id}/ballots`, new URLSearchParams([...[choices].flat().map((each) => ['choices', each]), ...Object.entries(more)])); },
      withdraw(poll, more = {}) { return this.post(`/polls/${poll.id}/ballots/withdraw`, more); },
    };
  }
  const said = (got) => unescaped(/<p class="message[^>]*>(.*?)<\/p>/.exec(got.text)?.[1] ?? '');
  const fault = (got, of) => unescaped(new RegExp(`<p class="field-error" id="poll-\\w+-${of}"[^>]*>(.*?)</p>`).exec(got.text)?.[1] ?? '');
  const checked = (got) => [...got.text.matchAll(/value="(\d+)" checked/g)].map((m) => m[1]);
  const key = (got) => /name="idempotency_key" value="([^"]+)"/.exec(got.text)?.[1];
  const isPersonal = (got) => assert.match(got.headers['cache-control'], /private, no-store/);

  test('a vote is changed and withdrawn', async () => {
    const poll = await fresh({ changeable: true });
    const ada = reader();
    const first = await ada.page(`/polls/${poll.id}`);
    assert.match(first.text, /You can change your vote until the poll closes\. <a href="\/polls\/\w+\?voted=change#poll-\w+" data-change>/);
    assert.equal(key(first), undefined, 'a page that many are given has no key');
    const voted = await ada.vote(poll, '1');
    isPersonal(voted);
    assert.equal(said(voted), 'Thank you. Your vote is counted.');
    assert.match(voted.text, /Your vote: <b dir="auto">Left<\/b>/);

    const form = await ada.page(unescaped(/<a href="([^"]+)#[^"]*" data-change>Change my vote/.exec(voted.text)[1]));
    isPersonal(form);
    assert.deepEqual(checked(form), ['1']);
    assert.match(form.text, /<button type="submit">Change my vote<\/button>/);
    const given = { idempotency_key: key(form), changing: '1' };
    assert.match(given.idempotency_key, /^[\w-]{20,}$/);
    const changed = await ada.vote(poll, '3', given);
    assert.equal(said(changed), 'Thank you. Your vote is changed.');
    assert.match(changed.text, /Your vote: <b dir="auto">Back<\/b>/);
    assert.deepEqual(await counts(poll), [0, 0, 1]);

    // The same form once more, after another change: it has had its effect.
    await ada.vote(poll, '2', { idempotency_key: 'later', changing: '1' });
    assert.equal(said(await ada.vote(poll, '3', given)), 'Thank you. Your vote is changed.');
    assert.deepEqual(await counts(poll), [0, 1, 0]);

    const withdrawn = await ada.withdraw(poll);
    isPersonal(withdrawn);
    assert.equal(said(withdrawn), 'Your vote is withdrawn.');
    assert.match(withdrawn.text, /<button type="submit">Vote<\/button>/);
    assert.deepEqual(await counts(poll), [0, 0, 0]);
    assert.equal(said(await ada.withdraw(poll)), 'There is no vote of yours in this poll.');
    assert.equal(said(await ada.vote(poll, '1', { idempotency_key: key(withdrawn) })), 'Thank you. Your vote is counted.');
    assert.deepEqual(await counts(poll), [1, 0, 0]);
  });

  test('a poll that keeps no votes says so to nobody who wants to change one', async () => {
    const poll = await fresh();
    const ada = reader();
    const voted = await ada.vote(poll, '1');
    assert.doesNotMatch(voted.text, /Change my vote|Withdraw/);
    assert.equal(said(await ada.withdraw(poll)), 'You have already voted in this poll.');
    assert.deepEqual(checked(await ada.page(`/polls/${poll.id}?voted=change`)), []);
    assert.deepEqual(await counts(poll), [1, 0, 0]);
  });

  test('how many choices there may be is told, and what is wrong with them is said beside them', async () => {
    const poll = await fresh({ kind: 'multiple', min_choices: 2, max_choices: 2 });
    const ada = reader();
    assert.match((await ada.page(`/polls/${poll.id}`)).text, /<p class="hint" id="[^"]+">Choose 2<\/p>/);
    assert.equal(fault(await ada.vote(poll, []), 'choices'), 'Nothing was chosen. Choose 2.');
    assert.equal(fault(await ada.vote(poll, '1'), 'choices'), 'That choice was not accepted. Choose 2.');
    assert.equal(fault(await ada.vote(poll, ['1', '2', '3']), 'choices'), 'That choice was not accepted. Choose 2.');
    assert.deepEqual(await counts(poll), [0, 0, 0]);
    assert.equal(said(await ada.vote(poll, ['1', '3'])), 'Thank you. Your vote is counted.');
    assert.deepEqual(await counts(poll), [1, 0, 1]);
  });

  test('only those who are signed in vote in a poll of accounts', async () => {
    const poll = await fresh({ voting: 'account' });
    const ada = reader();
    assert.match((await ada.page(`/polls/${poll.id}`)).text, /Only for signed-in accounts\./);
    assert.equal(said(await ada.vote(poll, '1')), 'Only signed-in accounts can vote in this poll.');
    assert.deepEqual(await counts(poll), [0, 0, 0]);
    const account = reader({ cookie: await system.signIn() });
    assert.equal(said(await account.vote(poll, '2')), 'Thank you. Your vote is counted.');
    assert.deepEqual([...account.jar.keys()].filter((name) => /voter/.test(name)), [], 'an account needs no other cookie');
    assert.equal(said(await account.vote(poll, '3')), 'You have already voted in this poll.');
    assert.deepEqual(await counts(poll), [0, 1, 0]);
    // Somebody who is signed in is a reader like others in a poll for all.
    const open = await fresh();
    assert.equal(said(await account.vote(open, '2')), 'Thank you. Your vote is counted.');
    assert.ok([...account.jar.keys()].includes('voxpop_voter'));
  });

  test('an invitation code votes once, and asks for no cookie', async () => {
    const poll = await fresh({ voting: 'code', changeable: true });
    const [code, other] = (await system.admin('POST', `/api/v1/polls/${poll.id}/codes`, { body: { count: 2 } })).json.codes;
    const ada = reader();
    assert.match((await ada.page(`/polls/${poll.id}`)).text, /<input id="[^"]+" name="code" required/);
    assert.equal(fault(await ada.vote(poll, '1', { code: ' ' }), 'code-error'), 'Voting in this poll needs an invitation code.');
    assert.equal(fault(await ada.vote(poll, '1', { code: 'AAAA-AAAAA-AAAAA' }), 'code-error'), "This code is not one of this poll's.");
    const voted = await ada.vote(poll, '1', { code: ` ${code.toLowerCase()} ` });
    assert.equal(said(voted), 'Thank you. Your vote is counted.');
    assert.doesNotMatch(voted.path + voted.text, new RegExp(code, 'i'), 'the code is in no address and on no page');
    const form = await ada.page(`/polls/${poll.id}?voted=change`);
    assert.equal(said(await ada.vote(poll, '2', { code, idempotency_key: key(form) })), 'Thank you. Your vote is counted.');
    assert.deepEqual(await counts(poll), [0, 1, 0]);
    assert.equal(said(await ada.withdraw(poll, { code: other })), 'There is no vote of yours in this poll.');
    assert.equal(said(await ada.withdraw(poll, { code })), 'Your vote is withdrawn.');
    assert.deepEqual(await counts(poll), [0, 0, 0]);
    assert.deepEqual([...ada.jar.keys()], []);

    const once = await fresh({ voting: 'code' });
    const [single] = (await system.admin('POST', `/api/v1/polls/${once.id}/codes`, { body: { count: 1 } })).json.codes;
    assert.match(said(await ada.vote(once, '1', { code: single })), /^Thank you/);
    assert.equal(fault(await reader().vote(once, '2', { code: single }), 'code-error'), 'This invitation code has been used already.');
    assert.deepEqual(await counts(once), [1, 0, 0]);
  });

  test('one network has as many votes in a poll as it may', async () => {
    const poll = await fresh({ voting: 'limited', address_cap: 2 });
    const from = (address) => reader({ headers: { 'x-forwarded-for': address } });
    for (const address of ['203.0.113.4', '203.0.113.99']) assert.match(said(await from(address).vote(poll, '1')), /^Thank you/);
    assert.equal(said(await from('203.0.113.7').vote(poll, '1')), 'Too many votes came from your network today. Please vote tomorrow.');
    for (const address of ['203.0.114.7', '2001:db8:1::1', '2001:db8:1:2::1']) assert.match(said(await from(address).vote(poll, '1')), /^Thank you/);
    assert.match(said(await from('2001:db8:1:ffff::9').vote(poll, '1')), /^Too many/);
    assert.deepEqual(await counts(poll), [5, 0, 0]);
    for (const name of ['gateway', 'polls']) assert.doesNotMatch(system.log(name), /203\.0\.11|2001:db8/);
  });

  test('results that are for those who voted are on their page only', async () => {
    const poll = await fresh({ results: 'after_vote' });
    const [ada, ben] = [reader(), reader()];
    const voted = await ada.vote(poll, '2');
    assert.match(voted.text, /data-option="2" class="leading"/);
    assert.match(voted.text, /data-poll="\w+" data-hidden/, 'the script asks for a ticket');
    const screen = await ada.page(`/polls/${poll.id}/results`);
    assert.match(screen.text, /data-option="2" class="leading"/);
    isPersonal(screen);
    for (const path of [`/polls/${poll.id}`, `/polls/${poll.id}?view=results`, `/polls/${poll.id}/results`, `/embed/polls/${poll.id}?view=results`]) {
      const got = await ben.page(path);
      assert.doesNotMatch(got.text, /class="results" data-version/, path);
      assert.match(got.text, /Results appear after you have voted\./);
    }
    const staff = reader({ cookie: await system.signIn() });
    const seen = await staff.page(`/polls/${poll.id}/results`);
    assert.match(seen.text, /data-option="2" class="leading"/);
    isPersonal(seen);
    // Whoever is signed in gets the same page as everybody where it is everybody's.
    const one = await staff.page(`/polls/${poll.id}`);
    assert.match(one.headers['cache-control'], /^public/);
    assert.equal(one.text, (await ben.page(`/polls/${poll.id}`)).text);
  });

  test('a big screen has the results, the state and a way to reload', async () => {
    const poll = await fresh();
    await reader().vote(poll, '1');
    const { status, text, headers } = await system.page(`/polls/${poll.id}/results`);
    assert.equal(status, 200);
    assert.match(headers['cache-control'], /^public, /);
    assert.match(text, /<body class="screen"/);
    assert.match(text, /<h1 id="question" dir="auto">Which way\?<\/h1>/);
    assert.match(text, /<b data-state>Open<\/b>/);
    assert.match(text, /<b>100%<\/b> <span class="votes">1 vote<\/span>/);
    assert.match(text, new RegExp(`<a href="/polls/${poll.id}/results">Reload</a>`));
    assert.doesNotMatch(text, /masthead|http-equiv|Back to the vote/);
    assert.equal((await system.page('/polls/nothing/results')).status, 404);
    const soon = await fresh({ opens_at: new Date(Date.now() + 3600e3).toISOString() });
    assert.match((await system.page(`/polls/${soon.id}/results`)).text, /<b data-state>Not open yet<\/b>[^]*<li dir="auto">Left<\/li>/);
    assert.equal(said(await reader().vote(soon, '1')), 'Voting has not begun yet.');
  });

  test('what was changed in the wording is there for everybody', async () => {
    const poll = await fresh({ question: 'Wich <way>?' });
    const { text: before } = await system.page(`/polls/${poll.id}`);
    assert.doesNotMatch(before, /wording was/);
    const got = await system.admin('GET', `/api/v1/polls/${poll.id}`);
    const edited = await system.admin('PATCH', `/api/v1/polls/${poll.id}`, { headers: { 'if-match': got.headers.etag },
      body: { question: 'Which <way>?', options: [{ id: '1', text: 'Left' }, { id: '2', text: 'To the right' }, { text: 'Up' }] } });
    assert.equal(edited.status, 200, edited.text);
    const { text } = await system.page(`/polls/${poll.id}`);
    assert.match(text, new RegExp(`<a href="/polls/${poll.id}#history">The wording was changed</a>`));
    const list = /<details class="more-about" id="history">([^]*?)<\/details>/.exec(text)[1];
    assert.match(list, /<del dir="auto">Wich &lt;way&gt;\?<\/del>[^]*<ins dir="auto">Which &lt;way&gt;\?<\/ins>/);
    assert.match(list, /Option[^]*<del dir="auto">Right<\/del>[^]*<ins dir="auto">To the right<\/ins>/);
    assert.match(list, /<time datetime="[^"]+Z">[^<]* UTC<\/time>/);
    assert.match((await system.page(`/embed/polls/${poll.id}`)).text, new RegExp(`<a href="/polls/${poll.id}#history" target="_blank" rel="noopener">`));
  });

  test('a poll names the article that it is about, once that is published', async () => {
    const article = await system.make('/api/v1/articles', { title: 'Ways & means', slug: 'ways', body_markdown: 'x', status: 'published' });
    const poll = await fresh({ article_id: article.id });
    assert.match((await system.page(`/polls/${poll.id}`)).text, /From <a href="\/articles\/ways">Ways &amp; means<\/a>/);
    const draft = await system.make('/api/v1/articles', { title: 'Not yet', body_markdown: 'x', status: 'draft' });
    const other = await fresh({ article_id: draft.id });
    const { status, text } = await system.page(`/polls/${other.id}`);
    assert.equal(status, 200);
    assert.doesNotMatch(text, /From <a|Not yet/);
  });
});

describe('the archive of polls', () => {
  let system;
  before(async () => {
    system = await startSystem({ live: false });
    for (let i = 0; i < 23; i++) {
      await system.make('/api/v1/polls', { question: `Question ${i}?`, options: [{ text: i % 2 ? 'Öl' : 'Salt' }, { text: 'B' }], kind: 'single', results: 'always' });
    }
    await system.make('/api/v1/polls', { question: 'Later?', options: [{ text: 'A' }, { text: 'B' }], kind: 'single', results: 'always', opens_at: new Date(Date.now() + 3600e3).toISOString() });
  });
  after(() => system?.stop());

  const questions = (html) => [...html.matchAll(/<h2 dir="auto"><a href="\/polls\/\w+">([^<]*)</g)].map((m) => m[1]);
  const next = (html) => unescaped(/<p class="more"><a href="([^"]+)" rel="next">/.exec(html)?.[1] ?? '');
  const walk = async (path) => {
    const found = [];
    for (let i = 0; path && i < 9; i++) {
      const got = await system.page(path);
      assert.equal(got.status, 200, path);
      found.push(...questions(got.text));
      path = next(got.text);
    }
    return found;
  };

  test('goes on page by page, each poll once', async () => {
    const found = await walk('/polls');
    assert.deepEqual(found, ['Later?', ...Array.from({ length: 23 }, (_, i) => `Question ${22 - i}?`)]);
  });

  test('is narrowed by status, also on later pages', async () => {
    const { text } = await system.page('/polls?status=open');
    assert.match(text, /<a href="\/polls\?status=open" aria-current="true">Open<\/a>/);
    assert.match(text, /<a href="\/polls">All<\/a>/);
    assert.match(next(text), /^\/polls\?status=open&cursor=/);
    assert.equal((await walk('/polls?status=open')).length, 23);
    assert.match((await system.page('/polls?status=closed')).text, /There is no such poll\./);
    assert.equal((await walk('/polls?status=rubbish')).length, 24);
  });

  test('is searched by words, which stay where one was', async () => {
    const { text } = await system.page('/polls?status=open&q=%C3%B6l+question');
    assert.match(text, /<input id="f-q" name="q" type="search"[^>]* value="öl question">/);
    assert.match(text, /<input type="hidden" name="status" value="open">/);
    assert.match(text, /<a href="\/polls\?q=%C3%B6l%20question">All<\/a>/);
    const found = await walk('/polls?status=open&q=%C3%B6l+question');
    assert.deepEqual(found, Array.from({ length: 11 }, (_, i) => `Question ${21 - 2 * i}?`));
    assert.match((await system.page('/polls?q=%22%3E%3Cscript%3E')).text, /value="&quot;&gt;&lt;script&gt;"/);
    assert.deepEqual(await walk('/polls?q=nosuchword'), []);
    assert.equal((await system.page('/polls?cursor=rubbish')).status, 400);
  });
});
