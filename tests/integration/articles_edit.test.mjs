// articles_edit.test.mjs - articles changed: who may, If-Match and 412, fields, moves of status, slugs
// that change, groups of translations, the pending edit, the bin. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startSystem, waitFor } from '../support/system.mjs';

const hour = 3600000;
const inFuture = (ms) => `${new Date(Date.now() + ms).toISOString().slice(0, 19)}Z`;

describe('an article', () => {
  let system;
  const people = {}; // login → token

  before(async () => {
    system = await startSystem({ live: false });
    for (const handle of ['ada', 'bo']) {
      const got = await system.admin('PUT', `/api/v1/contributors/${handle}`, { body: { display_name: handle } });
      assert.equal(got.status, 201, got.text);
    }
    for (const [login, role, handle] of [['ann', 'author'], ['bob', 'author', 'bo'], ['eve', 'editor'], ['mo', 'moderator']]) {
      await system.make('/api/v1/accounts', { login, role, password: 'long enough it is', contributor_handle: handle });
      people[login] = await system.tokenFor(login, 'long enough it is');
    }
  });
  after(() => system?.stop());

  const as = (login, method, path, options = {}) => system.api(method, `/api/v1/articles${path}`, { token: people[login] ?? system.token, ...options });
  const make = async (body = {}, login = 'ann') => {
    const got = await as(login, 'POST', '', { body: { title: 'A title', body_markdown: 'Some *text*.', status: 'draft', ...body } });
    assert.equal(got.status, 201, got.text);
    return got.json;
  };
  const patch = (article, body, { login = 'ann', match = `"${article.revision}.0"` } = {}) =>
    as(login, 'PATCH', `/${article.id}`, { body, headers: match ? { 'if-match': match } : {} });
  const read = async (article, login = 'ann') => (await as(login, 'GET', `/${article.id}`)).json;
  const publicly = (name) => system.api('GET', `/api/v1/articles/${name}`);

  test('changes as its writer says, field by field', async () => {
    const made = await make();
    assert.deepEqual([made.revision, made.has_edit, made.section, made.hero, made.reading_minutes, made.excerpt], [1, false, null, null, 1, 'Some text.']);
    const changes = [
      { title: 'Another <b>title' }, { summary: 'In short' }, { section: 'Local News' }, { tags: ['One', 'Two'] },
      { hero: { url: '/media/a.jpg', alt: 'A boat' } }, { contributors: ['ada', 'bo'] }, { language: 'pt-BR' },
      { body_markdown: '# Now\n\nmore.' }, { comments_policy: 'days', comments_days: 3 }, { comments_policy: 'closed', comments_days: null },
      { poll_id: '01ARZ3NDEKTSV4RRFFQ69G5FAV' }, { summary: null, hero: null, tags: [] },
    ];
    let now = made;
    for (const [i, body] of changes.entries()) {
      const got = await patch(now, body);
      assert.equal(got.status, 200, `${JSON.stringify(body)}: ${got.text}`);
      assert.equal(got.headers['cache-control'], 'private, no-store');
      const next = got.json;
      assert.equal(next.revision, i + 2);
      for (const [name, value] of Object.entries(body)) {
        if (name === 'contributors') assert.deepEqual(next.contributors.map(({ handle }) => handle), value);
        else assert.deepEqual(next[name], value, name);
      }
      for (const name of ['title', 'summary', 'section', 'tags', 'hero', 'contributors', 'language', 'poll_id', 'body_markdown', 'slug', 'owner']) {
        if (!(name in body)) assert.deepEqual(next[name], now[name], `${name} stays`);
      }
      assert.deepEqual(await read(now), next);
      now = next;
    }
    assert.match(now.body_html, /<h1>Now<\/h1>/);
    assert.equal(now.excerpt, 'Now more.');
    assert.equal(now.comments_open, false);
  });

  test('refuses what is not acceptable, and says which field', async () => {
    const made = await make();
    for (const [body, pointer] of [
      [{ title: null }, '/title'], [{ title: 'a\nb' }, '/title'], [{ body_markdown: null }, '/body_markdown'], [{ slug: 'No Slug' }, '/slug'],
      [{ section: 'a/b' }, '/section'], [{ tags: [7] }, '/tags/0'], [{ hero: { url: '/a.jpg' } }, '/hero/alt'], [{ hero: { url: '/a.jpg', alt: ' ' } }, '/hero/alt'],
      [{ hero: { url: 'javascript:x', alt: 'A' } }, '/hero/url'], [{ hero: { url: '//x.y/a', alt: 'A' } }, '/hero/url'], [{ hero: { url: 'https://x/"', alt: 'A' } }, '/hero/url'],
      [{ contributors: ['nobody'] }, '/contributors/0'], [{ language: 'x y' }, '/language'], [{ comments_policy: 'days' }, '/comments_days'],
      [{ comments_policy: 'odd' }, '/comments_policy'], [{ comments_days: 0 }, '/comments_days'], [{ status: 'odd' }, '/status'],
      [{ status: 'scheduled' }, '/publish_at'], [{ publish_at: inFuture(hour) }, '/publish_at'], [{ unpublish_at: inFuture(hour) }, '/unpublish_at'],
      [{ status: 'scheduled', publish_at: inFuture(hour), unpublish_at: inFuture(hour / 2) }, '/unpublish_at'], [{ translation_group: 'x' }, '/translation_group'],
    ]) {
      const got = await patch(made, body);
      assert.equal(got.status, 422, `${JSON.stringify(body)}: ${got.text}`);
      assert.equal(got.problem.errors[0].pointer, pointer);
    }
    assert.equal((await read(made)).revision, 1);
  });

  test('asks for If-Match; 412 brings what is there now, and nothing is lost', async () => {
    const made = await make({ body_markdown: 'One.' });
    assert.equal((await patch(made, { title: 'X' }, { match: '' })).status, 428);
    assert.equal((await patch(made, { title: 'X' }, { match: 'W/"1.0"' })).status, 412);
    const first = await patch(made, { body_markdown: 'One by Ann.' });
    assert.equal(first.status, 200);
    const second = await patch(made, { body_markdown: 'One by Eve.' }, { login: 'eve' });
    assert.equal(second.status, 412);
    assert.deepEqual(second.problem.current, await read(made));
    assert.equal(second.problem.current.body_markdown, 'One by Ann.');
    assert.equal(second.headers.etag, first.headers.etag);
    const merged = await patch(second.problem.current, { body_markdown: 'One by Ann and Eve.' }, { login: 'eve' });
    assert.equal(merged.status, 200);
    assert.equal((await patch(made, { title: 'Any' }, { match: '*' })).json.revision, 4);
    assert.equal((await patch({ ...made, revision: 99 }, { title: 'X' })).status, 412);
  });

  test('takes effect once, however often it is sent', async () => {
    const made = await make();
    const send = (body) => as('ann', 'PATCH', `/${made.id}`, { body, headers: { 'if-match': '"1.0"', 'idempotency-key': `key of ${made.id}` } });
    const [a, b] = await Promise.all([send({ title: 'Once' }), send({ title: 'Once' })]);
    assert.deepEqual([a.status, b.status], [200, 200], a.text + b.text);
    assert.equal((await send({ title: 'Once' })).status, 200);
    assert.equal((await read(made)).revision, 2);
    assert.equal((await send({ title: 'Twice' })).status, 422);
  });

  test('is its owner\'s, its contributors\' and the editors\'', async () => {
    const made = await make({ contributors: ['bo'] });
    const other = await make({ status: 'published', slug: 'of-ann' });
    assert.equal((await patch(made, { title: 'By Bob' }, { login: 'bob' })).status, 200, 'a contributor');
    assert.equal((await patch(other, { title: 'X' }, { login: 'bob' })).status, 403);
    assert.equal((await as('bob', 'DELETE', `/${other.id}`, { headers: { 'if-match': '*' } })).status, 403);
    assert.equal((await patch(other, { title: 'By Eve' }, { login: 'eve' })).status, 200);
    assert.equal((await patch(other, { title: 'X' }, { login: 'mo', match: '*' })).status, 403);
    assert.equal((await system.api('PATCH', `/api/v1/articles/${other.id}`, { body: {}, headers: { 'if-match': '*' } })).status, 401);
    const draft = await make();
    assert.equal((await as('bob', 'GET', `/${draft.id}`)).status, 404, 'another author\'s draft');
    assert.equal((await as('eve', 'GET', `/${draft.id}`)).json.body_markdown, 'Some *text*.');
    const seen = (await as('bob', 'GET', `/${other.id}`)).json;
    assert.deepEqual([seen.body_markdown, seen.owner, seen.has_edit], [undefined, undefined, undefined]);
    assert.equal((await as('eve', 'PATCH', '/01ARZ3NDEKTSV4RRFFQ69G5FAV', { body: { title: 'X' }, headers: { 'if-match': '*' } })).status, 404);
  });

  test('moves between the states as the table says', async () => {
    const table = {
      draft: { draft: 200, scheduled: 200, published: 200, archived: 409 },
      scheduled: { draft: 200, scheduled: 200, published: 200, archived: 409 },
      published: { draft: 200, scheduled: 409, published: 200, archived: 200 },
      archived: { draft: 200, scheduled: 409, published: 200, archived: 200 },
    };
    for (const [from, row] of Object.entries(table)) {
      for (const [to, status] of Object.entries(row)) {
        let made = await make({ title: `${from} to ${to}`, status: from === 'archived' ? 'published' : from, ...(from === 'scheduled' ? { publish_at: inFuture(hour) } : {}) });
        if (from === 'archived') made = (await patch(made, { status: 'archived' })).json;
        const got = await patch(made, { status: to, ...(to === 'scheduled' ? { publish_at: inFuture(2 * hour) } : {}) });
        assert.equal(got.status, status, `${from} to ${to}: ${got.text}`);
        const now = await read(made);
        assert.equal(now.status, status === 200 ? to : from);
        assert.equal((await publicly(made.id)).status, ['published', 'archived'].includes(now.status) ? 200 : 404);
        const listed = (await system.api('GET', '/api/v1/articles?limit=100')).json.items.some(({ id }) => id === made.id);
        assert.equal(listed, now.status === 'published');
        if (now.status === 'archived') assert.equal(now.comments_open, false);
      }
    }
  });

  test('keeps its time of publishing when it is withdrawn and comes back', async () => {
    const made = await make({ status: 'published', publish_at: '2020-02-03T04:05:06Z', tags: ['keeps'] });
    assert.equal(made.published_at, '2020-02-03T04:05:06Z');
    const gone = (await patch(made, { status: 'draft' })).json;
    assert.equal(gone.published_at, null);
    assert.deepEqual((await system.api('GET', '/api/v1/articles?tag=keeps')).json.items, []);
    assert.ok(!(await system.api('GET', '/api/v1/tags?limit=100')).json.items.some(({ tag }) => tag === 'keeps'));
    const back = (await patch(gone, { status: 'published' })).json;
    assert.equal(back.published_at, '2020-02-03T04:05:06Z');
    const moved = (await patch(back, { publish_at: '2021-01-01T00:00:00Z' })).json;
    assert.equal(moved.published_at, '2021-01-01T00:00:00Z');
    assert.equal((await system.api('GET', '/api/v1/articles?tag=keeps')).json.items.length, 1);
  });

  test('is found under a former slug, by 301', async () => {
    const made = await make({ status: 'published', slug: 'first-name' });
    const second = (await patch(made, { slug: 'second-name' })).json;
    assert.equal(second.slug, 'second-name');
    const old = await publicly('first-name');
    assert.equal(old.status, 301);
    assert.equal(old.headers.location, '/api/v1/articles/second-name');
    const page = await system.page('/articles/first-name');
    assert.equal(page.status, 301);
    assert.equal(page.headers.location, '/articles/second-name');
    assert.equal((await make({ slug: undefined, title: 'First name' })).slug, 'first-name-2', 'a former slug stays taken');
    assert.equal((await as('ann', 'POST', '', { body: { title: 'X', body_markdown: 'x', slug: 'first-name' } })).status, 409);
    const back = (await patch(second, { slug: 'first-name' })).json;
    assert.equal(back.slug, 'first-name');
    assert.equal((await publicly('second-name')).headers.location, '/api/v1/articles/first-name');
    assert.equal((await patch(back, { slug: (await make({ slug: 'not-mine' })).slug })).status, 409);
    assert.equal((await patch(back, { title: 'Something else' })).json.slug, 'first-name', 'a new title leaves the slug');
  });

  test('names its translations, and they name it', async () => {
    const en = await make({ status: 'published', title: 'Group' });
    const de = await make({ status: 'published', title: 'Gruppe', language: 'de', translation_group: en.id });
    const fr = await make({ title: 'Groupe', language: 'fr', translation_group: de.id });
    assert.equal(fr.translation_group, en.id, 'one group');
    assert.deepEqual((await read(en)).translations, [{ id: de.id, slug: de.slug, language: 'de' }]);
    await patch(fr, { status: 'published' });
    assert.deepEqual((await read(en)).translations.map(({ language }) => language), ['de', 'fr']);
    assert.deepEqual((await read(de)).translations.map(({ language }) => language).sort(), ['en', 'fr']);
    await patch(await read(de), { translation_group: null });
    assert.deepEqual((await read(en)).translations.map(({ language }) => language), ['fr']);
    assert.deepEqual((await read(de)).translations, []);
  });

  test('has a pending edit beside what readers see, published in one step', async () => {
    const made = await make({ status: 'published', title: 'Live', slug: 'live-one', tags: ['old'] });
    const edit = (method, rest, options = {}) => as(options.login ?? 'ann', method, `/${made.id}/edit${rest}`, options);
    const match = (revision) => ({ 'if-match': `"${revision}.0"` });
    assert.equal((await edit('PUT', '', { body: { title: 'X' } })).status, 428);
    const put = await edit('PUT', '', { body: { title: 'Next', tags: ['new'] }, headers: match(1) });
    assert.equal(put.status, 200, put.text);
    assert.deepEqual([put.json.title, put.json.revision, put.json.has_edit], ['Live', 2, true]);
    assert.equal((await edit('PUT', '', { body: { title: 'X' }, headers: match(1) })).status, 412);
    const more = await edit('PUT', '', { body: { body_markdown: 'Next text.' }, headers: match(2) });
    assert.equal(more.json.revision, 3);
    const shown = (await publicly('live-one')).json;
    assert.deepEqual([shown.title, shown.tags], ['Live', ['old']]);
    assert.match(shown.body_html, /Some/);
    assert.equal(shown.has_edit, undefined);
    const fixed = await patch({ ...made, revision: 3 }, { summary: 'A correction' });
    assert.deepEqual([fixed.json.has_edit, fixed.json.summary], [true, 'A correction']);
    assert.equal((await edit('POST', '/publish', { headers: match(3) })).status, 412);
    const out = await edit('POST', '/publish', { headers: match(4) });
    assert.equal(out.status, 200, out.text);
    assert.deepEqual([out.json.title, out.json.tags, out.json.has_edit, out.json.body_markdown, out.json.slug], ['Next', ['new'], false, 'Next text.', 'live-one']);
    assert.equal((await edit('POST', '/publish', { headers: match(5) })).status, 409);
    assert.deepEqual((await system.api('GET', '/api/v1/articles?tag=old')).json.items, []);
    assert.equal((await system.api('GET', '/api/v1/articles?tag=new')).json.items.length, 1);
    await edit('PUT', '', { body: { title: 'Never' }, headers: match(5) });
    assert.equal((await edit('DELETE', '', { headers: match(6) })).status, 204);
    assert.equal((await edit('DELETE', '', { headers: match(7) })).status, 409);
    assert.deepEqual([(await read(made)).title, (await read(made)).has_edit], ['Next', false]);
  });

  test('shows its section, picture and reading time on its page, and asks nobody else for a picture', async () => {
    const made = await make({ status: 'published', section: 'Local & News', hero: { url: '/media/a.jpg', alt: 'A "boat"' }, body_markdown: 'word '.repeat(900) });
    const page = await system.page(`/articles/${made.slug}`);
    assert.match(page.text, /<p class="byline">Local &amp; News<\/p>/);
    assert.match(page.text, /<img class="hero" src="\/media\/a.jpg" alt="A &quot;boat&quot;">/);
    assert.match(page.text, /4 min read/);
    await patch(made, { hero: { url: 'https://elsewhere.example/a.jpg', alt: 'A boat' } });
    assert.ok(!(await system.page(`/articles/${made.slug}`)).text.includes('elsewhere'));
  });

  test('goes into the bin and comes out of it as a draft', async () => {
    const made = await make({ status: 'published', title: 'Binned', slug: 'binned' });
    assert.equal((await as('ann', 'DELETE', `/${made.id}`)).status, 428);
    assert.equal((await as('ann', 'DELETE', `/${made.id}`, { headers: { 'if-match': '"9.0"' } })).status, 412);
    assert.equal((await as('ann', 'DELETE', '/binned', { headers: { 'if-match': '"1.0"' } })).status, 204);
    assert.equal((await publicly('binned')).status, 404);
    assert.equal((await read(made)).status, 'deleted');
    const said = await system.api('POST', `/api/v1/articles/${made.id}/comments`, { body: { author_name: 'Zoë', body_markdown: 'Hello' } });
    assert.equal(said.status, 404);
    assert.equal((await patch(made, { title: 'X' }, { match: '*' })).status, 409);
    assert.equal((await as('bob', 'POST', `/${made.id}/undelete`)).status, 403);
    const back = await as('ann', 'POST', `/${made.id}/undelete`);
    assert.equal(back.status, 200, back.text);
    assert.deepEqual([back.json.status, back.json.slug], ['draft', 'binned']);
    assert.equal((await as('ann', 'POST', `/${made.id}/undelete`)).status, 409);
    assert.equal((await patch(back.json, { status: 'published' })).status, 200);
    assert.equal((await publicly('binned')).status, 200);
  });

  test('is withdrawn at its time, and its comments close at theirs', async () => {
    const soon = inFuture(8000);
    const made = await make({ status: 'published', title: 'For a while', unpublish_at: soon, comments_policy: 'days', comments_days: 1 });
    assert.deepEqual([made.unpublish_at, made.comments_open, Date.parse(made.comments_close_at)], [soon, true, Date.parse(made.published_at) + 24 * hour]);
    const late = await make({ status: 'published', title: 'Commented on', publish_at: `${new Date(Date.now() - 24 * hour + 8000).toISOString().slice(0, 19)}Z`, comments_policy: 'days', comments_days: 1 });
    const say = () => system.api('POST', `/api/v1/articles/${late.id}/comments`, { body: { author_name: 'Zoë', body_markdown: 'Hello' } });
    assert.equal((await say()).status, 201);
    await waitFor(async () => (await read(made)).status === 'draft', { deadline: 30000, what: 'it is withdrawn' });
    const gone = await read(made);
    assert.deepEqual([gone.revision, gone.unpublish_at, (await publicly(made.id)).status], [2, null, 404]);
    assert.ok(Date.now() >= Date.parse(soon));
    await waitFor(async () => !(await publicly(late.id)).json.comments_open, { deadline: 30000, what: 'its comments close' });
    const closed = await publicly(late.id);
    assert.equal(closed.json.revision, 1);
    assert.equal((await say()).status, 409);
    assert.notEqual(closed.headers.etag, (await publicly(made.slug)).headers.etag);
  });

  test('tells others what happens to it, and the audit log who did it', async () => {
    const made = await make({ title: 'Told', slug: 'told' });
    for (const body of [{ status: 'published' }, { title: 'Told again' }, { status: 'draft' }, { status: 'published' }]) assert.equal((await patch(made, body, { match: '*', login: 'eve' })).status, 200);
    await as('eve', 'DELETE', `/${made.id}`, { headers: { 'if-match': '*' } });
    const events = (await system.redis('XRANGE', 'events:articles', '-', '+')).map(([, fields]) => fields).filter((fields) => fields[3] === made.id);
    assert.deepEqual(events.map((fields) => [fields[1], fields[5]]), [['article.updated', '1'], ['article.published', '2'], ['article.updated', '3'],
      ['article.unpublished', '4'], ['article.published', '5'], ['article.deleted', '6']]);
    assert.match(events.at(-1)[9], /^6 deleted 0 told Told again$/);
    const log = (await system.redis('XRANGE', 'audit:articles', '-', '+')).map(([, fields]) => fields).filter((fields) => fields[9] === `article:${made.id}`);
    assert.deepEqual(log.map((fields) => [fields[5], fields[7]]), [['ann', 'articles.created'], ['eve', 'articles.published'], ['eve', 'articles.changed'],
      ['eve', 'articles.unpublished'], ['eve', 'articles.published'], ['eve', 'articles.deleted']]);
  });

  test('leaves the bin for good after 30 days', async () => {
    const made = await make({ status: 'published', title: 'Purged', slug: 'purged', tags: ['purge'], contributors: ['ada'], section: 'Purge' });
    await patch(made, { slug: 'purged-too' });
    assert.equal((await as('ann', 'DELETE', `/${made.id}`, { headers: { 'if-match': '*' } })).status, 204);
    const ago = Date.now() - 31 * 24 * hour;
    await system.redis('HSET', `article:{${made.id}}`, 'deleted', ago);
    await system.redis('ZADD', 'articles:due', ago, made.id);
    await waitFor(async () => (await as('eve', 'GET', `/${made.id}`)).status === 404, { what: 'it is gone' });
    const left = (await system.redis('KEYS', '*')).filter((key) => key.includes(made.id));
    assert.deepEqual(left, [`fact:article:${made.id}`]);
    assert.match(await system.redis('GET', left[0]), /^\d+ gone 0 - $/);
    for (const key of ['articles:status:deleted', 'articles:due', 'contributor:{ada}:articles', `articles:owner:${made.owner}`]) {
      assert.equal(await system.redis('ZSCORE', key, made.id), null, key);
    }
    assert.equal(await system.redis('EXISTS', 'article:slug:purged', 'article:slug:purged-too'), 0);
  });

  test('of schema 1 is read, shown and rewritten with its first change', async () => {
    const made = await make({ title: 'Old record', slug: 'old-record', contributors: ['ada'] });
    const key = `article:{${made.id}}`;
    const [markdown] = await system.redis('HMGET', key, 'markdown');
    await system.redis('DEL', key, `${key}:revisions`);
    await system.redis('HSET', key, 'schema', '1', 'markdown', markdown, 'actor', made.owner, 'slug', 'old-record', 'status', 'draft', 'when', '', 'when_text', '',
      'head', ',"title":"Old record","summary":null,"tags":["Tea"]', 'tail', ',"language":"pt-BR","updated_at":"2026-01-01T00:00:00Z","poll_id":null,"comments_open":false',
      'title', 'Old record', 'open', '0', 'handles', 'ada', 'tags', 'tea', 'revision', '3', 'rendering', '0');
    const got = await patch({ ...made, revision: 3 }, { status: 'published' });
    assert.equal(got.status, 200, got.text);
    assert.deepEqual([got.json.revision, got.json.language, got.json.comments_policy, got.json.comments_open, got.json.tags, got.json.owner], [4, 'pt-BR', 'closed', false, ['Tea'], made.owner]);
    assert.equal(await system.redis('HGET', key, 'schema'), '2');
    assert.deepEqual((await system.redis('HKEYS', `${key}:revisions`)).sort(), ['d3', 'd4', 'm3', 'm4']);
  });
});
