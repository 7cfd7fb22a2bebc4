// browser.mjs - readers with a real browser: Debian's Chromium, driven by playwright-core. A scene
// fails when a page of it logs an error, throws, violates its policy, opens a dialog, or asks
// another origin than the site and its stream for anything. SPDX-License-Identifier: MIT
import { chromium } from 'playwright-core';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { slow } from './wait.mjs';

const executablePath = process.env.CHROMIUM || ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);

// Nothing but our pages: no updates, no account, no guesses about what will be wanted next.
const args = [
  ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];
const launchOptions = { executablePath, headless: true, args, timeout: 20000 * slow };

export async function startBrowser(system) {
  return new Browser(system, await chromium.launch(launchOptions)); // with a profile of its own, removed at its end
}

class Browser {
  #system;
  #browser;

  constructor(system, browser) {
    this.#system = system;
    this.#browser = browser;
  }

  // Runs a scene: play(open) opens readers, each with a browser profile of their own. Afterwards
  // all are closed, and the scene fails if one of them has seen trouble.
  async scene(play) {
    const readers = [];
    const open = async (options) => {
      const reader = new Reader(this.#system);
      readers.push(reader);
      await reader.start(this.#browser, options);
      return reader;
    };
    const troubles = () => readers.flatMap((reader) => reader.troubles);
    try {
      await play(open);
    } catch (error) {
      if (troubles().length) error.message += `\n  and the browser said:\n  ${troubles().join('\n  ')}`;
      throw error;
    } finally {
      for (const reader of readers) await reader.close();
    }
    if (troubles().length) throw new Error(`the browser said:\n  ${troubles().join('\n  ')}`);
  }

  close() { return this.#browser.close(); }
}

const preferences = {
  false: { default_content_setting_values: { cookies: 2 } },
  own: { cookie_controls_mode: 1, block_third_party_cookies: true },
};

// One person with one browser profile. page is the page they are on.
class Reader {
  page;
  context;
  troubles = [];
  requests = []; // of all pages: {method, url, headers}
  loads = 0; // documents that were loaded into any page
  #site;
  #origins;
  #allowed = [];
  #profile;

  constructor({ urls }) {
    this.#site = urls.site;
    this.#origins = [urls.site, urls.live].map((url) => new URL(url).origin);
  }

  // cookies: false is a browser that is told to take none; 'own', none of a site that is in a frame
  // of another one, but for those that are kept apart (Partitioned).
  async start(browser, { javaScript = true, cookies = true, ...options } = {}) {
    const settings = { javaScriptEnabled: javaScript, viewport: { width: 1280, height: 900 }, locale: 'en-GB', ...options };
    this.context = cookies === true ? await browser.newContext(settings) : await this.#withPreferences(settings, preferences[cookies]);
    this.context.setDefaultTimeout(5000 * slow);
    this.context.setDefaultNavigationTimeout(10000 * slow);
    this.context.on('page', (page) => this.#watch(page));
    this.context.on('request', (request) => this.#heed(request));
    for (const page of this.context.pages()) this.#watch(page);
    this.page = this.context.pages()[0] ?? await this.context.newPage();
  }

  async #withPreferences(settings, profile) {
    this.#profile = await mkdtemp(join(tmpdir(), 'voxpop-reader-'));
    await mkdir(join(this.#profile, 'Default'));
    await writeFile(join(this.#profile, 'Default', 'Preferences'), JSON.stringify({ profile }));
    return chromium.launchPersistentContext(this.#profile, { ...launchOptions, ...settings });
  }

  #watch(page) {
    page.on('console', (message) => { if (message.type() === 'error') this.#trouble(message.text()); });
    page.on('pageerror', (error) => this.#trouble(error.stack || error.message));
    page.on('crash', () => this.#trouble('the page crashed'));
    page.on('dialog', (dialog) => {
      this.#trouble(`a dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
  }

  #heed(request) {
    const url = request.url();
    this.requests.push({ method: request.method(), url, headers: request.headers() });
    if (request.isNavigationRequest() && !request.redirectedFrom()) this.loads++;
    if (!/^(data|blob|about):/.test(url) && !this.#origins.includes(new URL(url).origin)) this.#trouble(`a request to ${url}`);
  }

  #trouble(text) {
    if (!this.#allowed.some((pattern) => pattern.test(text))) this.troubles.push(`${text} (on ${this.page?.url()})`);
  }

  // A trouble that the scene is about, such as an answer that the browser logs: 409.
  allow(...what) {
    this.#allowed.push(...what.map((each) => typeof each === 'number' ? new RegExp(`status of ${each}\\b`) : each));
  }

  async goto(path) {
    const answer = await this.page.goto(path.startsWith('/') ? this.#site + path : path);
    return answer.status();
  }

  // The path of the page that is shown, with its query.
  get path() {
    const url = new URL(this.page.url());
    return url.pathname + url.search;
  }

  cookies() { return this.context.cookies(); }

  // Does something from which one document comes, and gives its status.
  async leads(act) {
    const [answer] = await Promise.all([this.page.waitForNavigation({ waitUntil: 'load' }), act()]);
    return answer?.status();
  }

  async close() {
    await this.context?.close();
    if (this.#profile) await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
