// articles_lists.test.mjs - lists of articles by what may be asked for together, each held against a
// model; cursors; most read and most commented; related ones; lists for those who may change them; and
// one more costs what the first ones did. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Chance, newSeed } from '../support/random.mjs';
import { startSystem, waitFor } from '../support/system.mjs';

const seed = newSeed();
const day = 86400000;

describe(`lists, VOXPOP_SEED=${seed}`, () => {
  let system;
  const people = {};
  const all = []; // {id, tags, section, contributors, language, published_at, status, owner}
  const chance = new Chance(seed);

  before(async () => {
    system = await startSystem({ live: false });
    for (const handle of ['ada', 'bo']) await system.admin('PUT', `/api/v1/contributors/${handle}`, { body: { display_name: handle } });
    for (const [login, role, handle] of [['ann', 'author'], ['bob', 'author', 'bo'], ['eve', 'editor']]) {
      await system.make('/api/v1/accounts', { login, role, password: 'long enough it is', contributor_handle: handle });
      people[login] = await system.tokenFor(login, 'long enough it is');
    }
    for (let i = 0; i < 120; i++) {
      const login = chance.pick(['ann', 'bob']);
      const body = {
        title: `Number ${i}`, body_markdown: 'Text.', tags: chance.sample(['Tea', 'Milk', 'Über'], chance.below(3)), section: chance.pick([null, 'News', 'Local']),
        contributors: chance.sample(['ada', 'bo'], chance.below(3)), language: chance.pick(['en', 'de', 'pt-BR']), status: chance.pick(['published', 'published', 'published', 'draft']),
      };
      if (body.status === 'published') body.publish_at = new Date(Date.UTC(2025, 0, 1) + chance.below(20) * day + chance.below(3) * 1000).toISOString(); // many at the same time
      const got = await system.api('POST', '/api/v1/articles', { body, token: people[login] });
      assert.equal(got.status, 201, got.text);
      all.push({ ...body, ...got.json, handles: body.contributors, login });
    }
  });
  after(() => system?.stop());

  const list = (query, token) => system.api('GET', `/api/v1/articles?${query}`, { token });
  async function pages(query, limit, token) {
    const items = [];
    for (let cursor = ''; ;) {
      const got = await list(`${query}&limit=${limit}${cursor}`, token);
      assert.equal(got.status, 200, got.text);
      items.push(...got.json.items);
      if (!got.json.next_cursor) return items;
      cursor = `&cursor=${encodeURIComponent(got.json.next_cursor)}`;
    }
  }
  const newest = (a, b) => (a.published_at < b.published_at ? 1 : a.published_at > b.published_at ? -1 : a.id < b.id ? 1 : -1);
  const filters = {
    tag: [['tea', (a) => a.tags.includes('Tea')], ['ÜBER', (a) => a.tags.includes('Über')], ['nothing', () => false]],
    section: [['news', (a) => a.section === 'News'], ['a/b', () => false]],
    contributor: [['ada', (a) => a.handles.includes('ada')], ['No-One', () => false]],
    language: [['de', (a) => a.language === 'de'], ['pt', (a) => a.language === 'pt-BR'], ['PT-br', (a) => a.language === 'pt-BR']],
    from: [['2025-01-10', (a) => a.published_at >= '2025-01-10T00:00:00Z'], ['2025-01-05T00:00:01Z', (a) => a.published_at >= '2025-01-05T00:00:01Z']],
    to: [['2025-01-12', (a) => a.published_at <= '2025-01-12T23:59:59Z'], ['2025-01-12T00:00:01Z', (a) => a.published_at <= '2025-01-12T00:00:01Z']],
  };

  test('every allowed combination, page by page, is what the model says; others are refused', async () => {
    const names = Object.keys(filters);
    for (let mask = 0; mask < 1 << names.length; mask++) {
      const chosen = names.filter((_, i) => mask >> i & 1).map((name) => [name, ...chance.pick(filters[name])]);
      const query = chosen.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
      const narrowing = chosen.filter(([name]) => !['from', 'to'].includes(name)).length;
      if (narrowing > 2) {
        assert.equal((await list(query)).status, 422, query);
        continue;
      }
      const wanted = all.filter((a) => a.status === 'published' && chosen.every(([, , holds]) => holds(a))).sort(newest).map(({ id }) => id);
      const got = (await pages(query, 1 + chance.below(30))).map(({ id }) => id);
      assert.deepEqual(got, wanted, query);
    }
  });

  test('status and sort go alone', async () => {
    for (const query of ['sort=-reads&tag=tea', 'sort=-comments&from=2025-01-01', 'sort=odd', 'from=x', 'to=2025', 'view=odd']) assert.equal((await list(query)).status, 422, query);
    for (const query of ['status=draft&tag=tea', 'status=draft&sort=-reads', 'status=odd']) assert.equal((await list(query, people.ann)).status, 422, query);
    assert.equal((await list('status=draft')).status, 401);
    assert.equal((await list('cursor=x')).status, 400);
    const { next_cursor } = (await list('limit=1')).json;
    assert.equal((await list(`sort=-reads&cursor=${next_cursor}`)).status, 400, 'a cursor of another list');
  });

  test('a page is what it was when the list has grown meanwhile', async () => {
    const first = (await list('limit=10&tag=tea')).json;
    const made = await system.make('/api/v1/articles', { title: 'New', body_markdown: 'x', tags: ['Tea'] });
    const second = (await list(`limit=10&tag=tea&cursor=${first.next_cursor}`)).json;
    const wanted = all.filter((a) => a.status === 'published' && a.tags.includes('Tea')).sort(newest).map(({ id }) => id);
    assert.deepEqual([...first.items, ...second.items].map(({ id }) => id), wanted.slice(0, 20));
    assert.equal((await system.admin('DELETE', `/api/v1/articles/${made.id}`, { headers: { 'if-match': '*' } })).status, 204);
    assert.deepEqual((await list('limit=1&tag=tea')).json.items[0].id, wanted[0]);
  });

  test('of a status, for those who may change them', async () => {
    const drafts = all.filter((a) => a.status === 'draft');
    const ids = (items) => items.map(({ id }) => id);
    const byId = (items) => ids(items).sort().reverse();
    assert.deepEqual(ids(await pages('status=draft', 7, people.eve)), byId(drafts));
    assert.deepEqual(ids(await pages('status=draft', 3, people.ann)), byId(drafts.filter((a) => a.login === 'ann')));
    assert.deepEqual(ids(await pages('status=draft', 5, people.bob)), byId(drafts.filter((a) => a.login === 'bob' || a.handles.includes('bo'))));
    assert.deepEqual(ids(await pages('status=published&view=summary', 50, people.ann)), byId(all.filter((a) => a.status === 'published' && a.login === 'ann')));
    const got = await list('status=deleted', people.ann);
    assert.deepEqual([got.status, got.json.items, got.headers['cache-control']], [200, [], 'private, no-store']);
    const binned = await system.make('/api/v1/articles', { title: 'Bin', body_markdown: 'x' });
    await system.admin('DELETE', `/api/v1/articles/${binned.id}`, { headers: { 'if-match': '*' } });
    assert.equal((await list('status=deleted', people.eve)).json.items[0].id, binned.id);
  });

  test('most read: by people, who come by slug, not by programs, and only while it is published', async () => {
    const [a, b, c] = all.filter((each) => each.status === 'published');
    for (const [article, times] of [[a, 2], [b, 5], [c, 3]]) for (let i = 0; i < times; i++) assert.equal((await system.page(`/articles/${article.slug}`)).status, 200);
    await system.api('GET', `/api/v1/articles/${a.id}`);
    await system.api('GET', `/api/v1/articles/${a.slug}`, { token: people.eve });
    const most = async () => (await pages('sort=-reads', 2)).map(({ id }) => id);
    await waitFor(async () => (await most()).join() === [b.id, c.id, a.id].join(), { deadline: 15000, what: 'they are counted' });
    assert.deepEqual(await system.redis('ZSCORE', 'articles:read', a.id), '2');
    const draft = await system.api('PATCH', `/api/v1/articles/${b.id}`, { body: { status: 'draft' }, token: people.eve, headers: { 'if-match': '*' } });
    assert.equal(draft.status, 200, draft.text);
    assert.deepEqual(await most(), [c.id, a.id]);
    const today = Math.floor(Date.now() / day); // what was read 7 days ago is taken off
    for (const id of [a.id, c.id]) await system.redis('ZADD', `articles:reads:${today - 7}`, 1, id);
    await system.redis('ZADD', 'articles:read:days', today - 7, today - 7);
    await waitFor(async () => await system.redis('ZSCORE', 'articles:read', a.id) === '1', { deadline: 15000, what: 'it is taken off' });
    assert.equal(await system.redis('ZSCORE', 'articles:read', c.id), '2');
    await waitFor(async () => await system.redis('ZSCORE', 'articles:read:days', today - 7) === null, { deadline: 15000, what: 'the day is done' });
    assert.ok(!(await system.redis('KEYS', 'articles:rea*')).some((key) => key.endsWith(`${today - 7}`)));
    all.splice(all.indexOf(b), 1);
  });

  test('most commented', async () => {
    const [a, b] = all.filter((each) => each.status === 'published');
    for (const [article, times] of [[a, 1], [b, 3]]) {
      for (let i = 0; i < times; i++) {
        const said = await system.api('POST', `/api/v1/articles/${article.id}/comments`, { body: { author_name: 'Zoë', body_markdown: `${i}` } });
        assert.equal(said.status, 201, said.text);
      }
    }
    await waitFor(async () => (await pages('sort=-comments', 1)).map(({ id }) => id).join() === [b.id, a.id].join(), { deadline: 20000, what: 'they are counted' });
  });

  test('related: by shared tags, the rare ones first', async () => {
    const make = (title, tags, more) => system.make('/api/v1/articles', { title, body_markdown: 'x', tags, ...more });
    const one = await make('One', ['Tea', 'Rare', 'Rarer']);
    const near = await make('Near', ['rare', 'rarer']);
    const far = await make('Far', ['RARE']);
    await make('Hidden', ['rare', 'rarer'], { status: 'draft' });
    const got = await system.api('GET', `/api/v1/articles/${one.slug}/related`);
    assert.equal(got.status, 200, got.text);
    assert.deepEqual(got.json.items.slice(0, 2).map(({ id }) => id), [near.id, far.id]);
    assert.equal(got.json.items.length, 6);
    assert.equal(got.json.items[0].body_html, undefined);
    assert.ok(!got.json.items.some(({ id }) => id === one.id));
    assert.equal((await system.api('GET', `/api/v1/articles/${one.id}/related?limit=1`)).json.items.length, 1);
    assert.equal((await system.api('GET', '/api/v1/articles/nothing-here/related')).status, 404);
  });

  test('sections have lists of their own', async () => {
    const count = (name) => all.filter((a) => a.status === 'published' && a.section === name).length;
    const { items } = (await system.api('GET', '/api/v1/sections')).json;
    assert.deepEqual(items, [{ section: 'Local', count: count('Local') }, { section: 'News', count: count('News') }]);
  });

  // How often Redis was asked for what, by function and client alike: commands that timers and the
  // registry do not use.
  async function commands(work) {
    const look = async () => {
      const lines = (await system.redis('INFO', 'commandstats')).match(/cmdstat_(hset|hmget|hget|hincrby|del):calls=\d+/g);
      return new Map(lines.map((line) => line.slice(8).split(':calls=')).map(([name, n]) => [name, Number(n)]));
    };
    const before = await look();
    await work();
    const after = await look();
    return [...after].map(([name, n]) => [name, n - (before.get(name) ?? 0)]);
  }

  test('reading one by its id is one command, and one that is read most is no other', async () => {
    const { id } = all.find((each) => each.status === 'published');
    const mget = async () => Number((await system.redis('INFO', 'commandstats')).match(/cmdstat_mget:calls=(\d+)/)[1]);
    const others = new Map(await commands(async () => {
      const before = await mget();
      for (let i = 0; i < 200; i++) assert.equal((await system.api('GET', `/api/v1/articles/${id}`)).status, 200);
      assert.ok((await mget()) - before >= 200);
    }));
    for (const name of ['hget', 'hmget']) assert.ok(others.get(name) < 200, `${name}: ${others.get(name)}`);
  });

  test('one more article costs what the first ones did, however many there are', async () => {
    const one = () => commands(() => system.make('/api/v1/articles', { title: `Costs ${Math.random()}`, body_markdown: 'x', tags: ['Tea', 'Milk'], section: 'News', contributors: ['ada'] }));
    const least = async () => {
      const tries = [];
      for (let i = 0; i < 15; i++) tries.push(new Map(await one()));
      return [...tries[0].keys()].map((name) => [name, Math.min(...tries.map((each) => each.get(name) ?? 0))]);
    };
    const first = await least();
    for (let i = 0; i < 40; i++) {
      await Promise.all(Array.from({ length: 25 }, (_, k) => system.make('/api/v1/articles', { title: `More ${i} ${k}`, body_markdown: 'x', tags: ['Tea', 'Milk'], section: 'News', contributors: ['ada'] })));
    }
    assert.deepEqual(await least(), first, 'after a thousand more');
  });
});
