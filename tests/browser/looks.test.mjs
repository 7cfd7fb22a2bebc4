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
const names = ['front', 'article', 'article-voted', 'article-reply', 'poll', 'poll-results', 'poll-closed', 'poll-scheduled', 'polls', 'error'];
const colours = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] }; // all that the scheme can change
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

describe('looks', () => {
  let system;
  let browser;
  let pages; // name → path
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
    pages = {
      front: '/',
      article: busy.path,
      poll: `/polls/${open.id}`,
      'poll-results': `/polls/${open.id}?view=results`,
      'poll-closed': `/polls/${named('closed').id}`,
      'poll-scheduled': `/polls/${named('scheduled').id}`,
      polls: '/polls',
      error: '/nowhere',
    };
  });
  after(async () => {
    await browser?.close();
    await system?.stop();
  });

  // The states that a page comes to when it is used.
  const states = {
    async 'article-voted'(reader) {
      await reader.goto(busy.path);
      await reader.page.locator('.poll .option').first().click();
      await reader.page.getByRole('button', { name: 'Vote', exact: true }).click();
      await reader.page.locator('.poll .results').waitFor();
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
    else assert.equal(await reader.goto(pages[name]), name === 'error' ? 404 : 200, name);
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
        for (const width of [390, 768, 1440]) {
          await ada.page.setViewportSize({ width, height: 900 });
          await ada.page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
        }
      }
    }
  }));
});
