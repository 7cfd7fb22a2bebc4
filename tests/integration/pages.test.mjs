// pages.test.mjs - pages as HTML, beyond what the browser tests look at: lists, caching, methods.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startSystem } from '../support/system.mjs';

describe('pages', () => {
  let system;
  before(async () => {
    system = await startSystem({ live: false });
    await system.admin('PUT', '/api/v1/contributors/ann', { body: { display_name: 'Ann <b>', bio_markdown: '', links: [] } });
    for (let i = 0; i < 15; i++) {
      await system.make('/api/v1/articles', { title: `Story ${i}`, slug: `story-${i}`, body_markdown: 'x', tags: i % 2 ? ['odd ones'] : [], contributors: ['ann'] });
    }
  });
  after(() => system?.stop());

  const titles = (html) => [...html.matchAll(/<h2><a href="\/articles\/([\w-]+)">/g)].map((m) => m[1]);
  const next = (html) => html.match(/<p class="more"><a href="([^"]+)" rel="next">/)?.[1].replaceAll('&amp;', '&');

  test('the front page goes on to older articles, each once', async () => {
    const first = await system.page('/');
    assert.equal(first.status, 200);
    const seen = titles(first.text);
    assert.equal(seen.length, 13);
    const older = await system.page(next(first.text));
    seen.push(...titles(older.text));
    assert.equal(next(older.text), undefined);
    assert.deepEqual(seen, Array.from({ length: 15 }, (_, i) => `story-${14 - i}`));
  });

  test('a topic and a contributor have their lists', async () => {
    const home = await system.page('/');
    const tag = home.text.match(/href="(\/tags\/[^"]+)"/)[1];
    const odd = await system.page(tag);
    assert.equal(odd.status, 200, odd.text.slice(0, 300));
    assert.equal(titles(odd.text).length, 7);
    assert.match(odd.text, /<h1>odd ones<\/h1>/);
    const ann = await system.page('/contributors/ann');
    assert.match(ann.text, /<h1>Ann &lt;b&gt;<\/h1>/);
    assert.equal(titles(ann.text).length, 13);
    const older = await system.page(next(ann.text));
    assert.equal(titles(older.text).length, 2);
    assert.equal((await system.page('/contributors/nobody')).status, 404);
    assert.equal((await system.page('/tags/nothing')).status, 200);
    assert.equal((await system.page('/contributors/ann?cursor=rubbish')).status, 400);
  });

  test('an article that came in with a date of its own has not been updated', async () => {
    await system.make('/api/v1/articles', { title: 'Of May', slug: 'of-may', body_markdown: 'x', publish_at: '2026-05-01T06:00:00Z' });
    const { text } = await system.page('/articles/of-may');
    assert.match(text, /<time datetime="2026-05-01T06:00:00Z">1 May 2026<\/time>/);
    assert.doesNotMatch(text, /Updated/);
  });

  test('every link of the front page and of an article leads somewhere', async () => {
    for (const path of ['/', '/articles/story-1', '/polls']) {
      const { text } = await system.page(path);
      const links = new Set([...text.matchAll(/(?:href|src)="(\/[^"#]*)/g)].map((m) => m[1].replaceAll('&amp;', '&')));
      assert.ok(links.size > 3);
      for (const link of links) assert.equal((await system.page(link)).status, 200, `${link} on ${path}`);
    }
  });

  test('a page is the same for every reader, and known by its ETag', async () => {
    const one = await system.page('/articles/story-1');
    assert.equal(one.headers['set-cookie'], undefined);
    assert.match(one.headers['cache-control'], /^public, /);
    const again = await system.page('/articles/story-1', { headers: { 'if-none-match': one.headers.etag } });
    assert.equal(again.status, 304);
    assert.equal(again.text, '');
    const head = await system.api('HEAD', '/articles/story-1');
    assert.equal(head.status, 200);
    assert.equal(Number(head.headers['content-length']), Buffer.byteLength(one.text));
    const put = await system.api('PUT', '/articles/story-1', { body: {} });
    assert.equal(put.status, 405);
    assert.match(put.headers.allow, /GET/);
  });
});
