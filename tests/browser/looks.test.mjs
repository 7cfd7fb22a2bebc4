// looks.test.mjs - the pages with all the demo content: no barrier that axe-core can find at WCAG 2.2
// AA, in light and dark, on phone and desk; nothing wider than a narrow screen. With
// VOXPOP_SCREENSHOTS=1 pictures of them for people to look at go to the build folder's screenshots/.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startBrowser } from '../support/browser.mjs';
import { buildFolder, root, startSystem } from '../support/system.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const names = ['front', 'article', 'article-voted', 'article-reply', 'poll', 'poll-results', 'poll-closed', 'poll-scheduled', 'poll-changing',
  'poll-changed', 'poll-code', 'poll-account', 'poll-edited', 'polls', 'polls-search', 'screen', 'screen-many', 'screen-closed', 'screen-scheduled',
  'screen-hidden', 'embed', 'embed-changed', 'embed-cookie', 'embed-gone', 'error'];
const colours = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] }; // all that the scheme can change
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

describe('looks', () => {
  let system;
  let browser;
  let pages; // name → path
  let changeable; // a poll
  let busy; // the article with the longest thread, an open poll with votes and a comment in the thread

  before(async () => {
    system = await startSystem();
    browser = await startBrowser(system);
    const demo = join(root, 'cli', 'demo');
    const files = readdirSync(demo).filter((each) => each.endsWith('.json')).sort();
    const loaded = await system.cli(['load', ...files.map((each) => join(demo, each))]);
    assert.equal(loaded.code, 0, loaded.err);
    const articles = (await system.api('GET', '/api/v1/articles?limit=100')).json.items;
    assert.equal(articles.length, files.length);
    const polls = (await system.api('GET', '/api/v1/polls?limit=100')).json.items;
    const named = (status) => {
      const poll = polls.find((each) => each.status === status);
      assert.ok(poll, `a poll that is ${status}`);
      return poll;
    };
    const open = named('open');
    const article = articles.find((each) => each.poll_id === open.id);
    const thread = (await system.api('GET', `/api/v1/articles/${article.id}/comments`)).json.items;
    busy = { path: `/articles/${article.slug}`, comment: thread[0].id, poll: open };
    const made = await makePolls(article);
    pages = {
      front: '/',
      article: busy.path,
      poll: `/polls/${open.id}`,
      'poll-results': `/polls/${open.id}?view=results`,
      'poll-closed': `/polls/${named('closed').id}`,
      'poll-scheduled': `/polls/${named('scheduled').id}`,
      'poll-code': `/polls/${made.code.id}?voted=code`,
      'poll-account': `/polls/${made.account.id}?voted=account`,
      'poll-edited': `/polls/${made.edited.id}`,
      polls: '/polls',
      'polls-search': '/polls?status=open&q=which',
      screen: `/polls/${open.id}/results`,
      'screen-many': `/polls/${made.many.id}/results`,
      'screen-closed': `/polls/${named('closed').id}/results`,
      'screen-scheduled': `/polls/${named('scheduled').id}/results`,
      'screen-hidden': `/polls/${made.hidden.id}/results`,
      embed: `/embed/polls/${made.many.id}`,
      'embed-cookie': `/embed/polls/${open.id}?voted=cookie`,
      'embed-gone': '/embed/polls/01ARZ3NDEKTSV4RRFFQ69G5FAV',
      error: '/nowhere',
    };
  });
  after(async () => {
    await browser?.close();
    await system?.stop();
  });

  // Polls of the kinds that the demo content has not.
  async function makePolls(article) {
    const make = (question, options, rest) => system.make('/api/v1/polls', {
      question, options: options.map((text) => ({ text })), kind: 'single', results: 'always', ...rest });
    const made = {
      changeable: await make('Where should the summer party be?', ['On the pier', 'In the old mill', 'At home'], { changeable: true, article_id: article.id }),
      code: await make('Who leads the club next year?', ['Ines', 'Tom', 'Nobody'], { voting: 'code', changeable: true }),
      account: await make('Should the desk move?', ['Yes', 'No'], { voting: 'account' }),
      hidden: await make('Would you have guessed?', ['Yes', 'No'], { results: 'after_vote' }),
      edited: await make('Wich is the best bread?', ['Rye', 'Wheat']),
      many: await make('Which of two dozen towns has the best market, all things considered and the weather apart?',
        Array.from({ length: 24 }, (_, i) => `Town number ${i + 1} with its market`), { kind: 'multiple', min_choices: 2, max_choices: 3 }),
    };
    const { headers } = await system.admin('GET', `/api/v1/polls/${made.edited.id}`);
    const edited = await system.admin('PATCH', `/api/v1/polls/${made.edited.id}`, { headers: { 'if-match': headers.etag },
      body: { question: 'Which is the best bread?', options: [{ id: '1', text: 'Rye, with caraway' }, { id: '2', text: 'Wheat' }] } });
    assert.equal(edited.status, 200, edited.text);
    await system.api('POST', `/api/v1/polls/${made.many.id}/ballots`, { body: { choices: ['3', '7', '20'] }, headers: { 'idempotency-key': 'one' } });
    changeable = made.changeable;
    return made;
  }

  async function changed(reader, path) {
    await reader.goto(path);
    await reader.page.locator('.poll .option').first().click();
    await reader.page.getByRole('button', { name: 'Vote', exact: true }).click();
    await reader.page.locator('.poll .mine').waitFor();
  }

  // The states that a page comes to when it is used.
  const states = {
    async 'article-voted'(reader) {
      await reader.goto(busy.path);
      await reader.page.locator('.poll .option').first().click();
      await reader.page.getByRole('button', { name: 'Vote', exact: true }).click();
      await reader.page.locator('.poll .results').waitFor();
    },
    'poll-changed': (reader) => changed(reader, `/polls/${changeable.id}`),
    'embed-changed': (reader) => changed(reader, `/embed/polls/${changeable.id}`),
    async 'poll-changing'(reader) {
      await changed(reader, `/polls/${changeable.id}`);
      await reader.goto(`/polls/${changeable.id}?voted=change`); // as without JavaScript
    },
    async 'article-reply'(reader) {
      await reader.goto(busy.path);
      await reader.page.locator(`#comment-${busy.comment} > .acts .reply`).click();
      await reader.page.getByRole('textbox', { name: 'Name' }).fill('   ');
      await reader.page.getByRole('textbox', { name: 'Comment' }).fill('Half of it');
      await reader.page.getByRole('button', { name: 'Post comment' }).click();
      await reader.page.locator('.errors:not([hidden])').waitFor();
    },
  };

  async function show(reader, name) {
    reader.allow(404, 422);
    if (states[name]) await states[name](reader);
    else assert.equal(await reader.goto(pages[name]), /error|gone/.test(name) ? 404 : 200, name);
    await reader.page.locator('details').evaluateAll((all) => all.forEach((each) => { each.open = true; }));
  }

  async function barriers(reader, runOnly) {
    const { passes, violations } = await reader.page.evaluate(async ([source, options]) => {
      if (!window.axe) (0, eval)(source);
      return window.axe.run(options);
    }, [axe, { runOnly, resultTypes: ['violations'] }]);
    assert.ok(passes.length, 'it has looked');
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)} ${nodes[0].failureSummary.slice(0, 240)}`);
  }

  const tooWide = (reader) => reader.page.evaluate(() => {
    const over = [...document.querySelectorAll('body *')].filter((one) => one.checkVisibility() &&
      !one.closest('.decoy, .unseen') && one.getBoundingClientRect().right > innerWidth + 1);
    if (document.documentElement.scrollWidth > innerWidth) over.unshift(document.documentElement);
    return over.map((one) => one.cloneNode().outerHTML.slice(0, 160));
  });

  for (const name of names) {
    test(`${name} has no barriers and fits a narrow screen`, () => browser.scene(async (open) => {
      // axe-core comes from outside the page, which its policy would not let in.
      const ada = await open({ reducedMotion: 'reduce', bypassCSP: true });
      await show(ada, name);
      for (const colorScheme of ['light', 'dark']) {
        await ada.page.emulateMedia({ colorScheme });
        for (const width of [390, 1440]) {
          await ada.page.setViewportSize({ width, height: 900 });
          assert.deepEqual(await barriers(ada, colorScheme === 'light' ? rules : colours), [], `${colorScheme}, ${width} pixels wide`);
        }
      }
      await ada.page.setViewportSize({ width: 320, height: 700 });
      assert.deepEqual(await tooWide(ada), []);
    }));
  }

  test('pictures', { skip: process.env.VOXPOP_SCREENSHOTS !== '1' && 'VOXPOP_SCREENSHOTS=1 makes them' }, () => browser.scene(async (open) => {
    const folder = join(buildFolder, 'screenshots');
    await mkdir(folder, { recursive: true });
    for (const name of names) {
      const ada = await open({ reducedMotion: 'reduce' });
      await show(ada, name);
      for (const colorScheme of ['light', 'dark']) {
        await ada.page.emulateMedia({ colorScheme });
        for (const width of name.startsWith('screen') ? [390, 1440, 1920] : [390, 768, 1440]) {
          await ada.page.setViewportSize({ width, height: width === 1920 ? 1080 : 900 });
          await ada.page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
        }
      }
    }
  }));
});
