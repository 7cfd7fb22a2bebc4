// articles_revisions.test.mjs - nothing is lost: every accepted save is a revision, also of 50 writers at
// once; any two can be compared, any one restored; unsaved text and the pending edit have their places;
// a link shows what is not published. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Chance, newSeed } from '../support/random.mjs';
import { startSystem } from '../support/system.mjs';

describe('what an article was', () => {
  let system;
  const people = {};

  before(async () => {
    system = await startSystem({ live: false });
    await system.admin('PUT', '/api/v1/contributors/ada', { body: { display_name: 'Ada' } });
    for (const [login, role] of [['ann', 'author'], ['bob', 'author'], ['eve', 'editor']]) {
      await system.make('/api/v1/accounts', { login, role, password: 'long enough it is' });
      people[login] = await system.tokenFor(login, 'long enough it is');
    }
  });
  after(() => system?.stop());

  const as = (login, method, path, options = {}) => system.api(method, `/api/v1/articles${path}`, { token: people[login], ...options });
  const make = async (body = {}) => {
    const got = await as('ann', 'POST', '', { body: { title: 'A title', body_markdown: 'One.\n\nTwo.\n', status: 'draft', ...body } });
    assert.equal(got.status, 201, got.text);
    return got.json;
  };
  const patch = (article, body, { login = 'ann', revision = article.revision } = {}) =>
    as(login, 'PATCH', `/${article.id}`, { body, headers: { 'if-match': `"${revision}.0"` } });
  async function history(article, limit = 100) {
    const items = [];
    for (let cursor = ''; ;) {
      const got = await as('ann', 'GET', `/${article.id}/revisions?limit=${limit}${cursor}`);
      assert.equal(got.status, 200, got.text);
      items.push(...got.json.items);
      if (!got.json.next_cursor) return items;
      cursor = `&cursor=${got.json.next_cursor}`;
    }
  }
  const revision = async (article, n) => (await as('ann', 'GET', `/${article.id}/revisions/${n}`)).json;

  test('is listed, newest first, with who did it and what', async () => {
    const made = await make();
    let now = made;
    for (const [body, login] of [[{ title: 'By Ann' }, 'ann'], [{ status: 'published' }, 'eve'], [{ summary: 'S' }, 'ann'], [{ status: 'draft' }, 'eve']]) {
      now = (await patch(now, body, { login })).json;
    }
    const items = await history(made, 2);
    assert.deepEqual(items.map(({ n, by, what, title, live }) => [n, by.login, what, title, live]), [
      [5, 'eve', 'unpublished', 'By Ann', true], [4, 'ann', 'changed', 'By Ann', false], [3, 'eve', 'published', 'By Ann', false],
      [2, 'ann', 'changed', 'By Ann', false], [1, 'ann', 'created', 'A title', false]]);
    assert.deepEqual([(await revision(made, 1)).title, (await revision(made, 3)).summary, (await revision(made, 4)).summary], ['A title', null, 'S']);
    assert.equal((await as('ann', 'GET', `/${made.id}/revisions/9`)).status, 404);
    assert.equal((await as('bob', 'GET', `/${made.id}/revisions`)).status, 403);
    assert.equal((await as('bob', 'GET', `/${made.id}/revisions/1`)).status, 403);
    assert.equal((await system.api('GET', `/api/v1/articles/${made.id}/revisions`)).status, 401);
  });

  test('can be compared line by line', async () => {
    const made = await make({ body_markdown: 'a\nb\nc', tags: ['x'], slug: 'compared' });
    await patch(made, { body_markdown: 'a\nB\nc\nd', tags: ['x', 'y'], summary: 'S' });
    const got = (await as('ann', 'GET', `/${made.id}/revisions/1/diff?to=2`)).json;
    assert.deepEqual(got.fields, [{ name: 'summary', before: null, after: 'S' }, { name: 'tags', before: ['x'], after: ['x', 'y'] }]);
    assert.deepEqual(got.body_markdown.map(({ op, before, after, lines }) => [op, before, after, lines]), [
      ['same', 1, 1, ['a']], ['removed', 2, 2, ['b']], ['added', 3, 2, ['B']], ['same', 3, 3, ['c']], ['added', 4, 4, ['d']]]);
    assert.equal((await as('bob', 'GET', `/${made.id}/revisions/1/diff?to=2`)).status, 403);
  });

  test('comes back as it was, whatever was done to it', async () => {
    const seed = newSeed();
    const chance = new Chance(seed);
    const made = await make();
    const kept = ['title', 'summary', 'section', 'tags', 'contributors', 'hero', 'language', 'comments_policy', 'comments_days', 'poll_id', 'body_markdown', 'body_html'];
    const pick = (article) => Object.fromEntries(kept.map((name) => [name, article[name]]));
    const states = new Map([[1, pick(made)]]);
    let now = made;
    for (let step = 0; step < 40; step++) {
      const at = `VOXPOP_SEED=${seed}, step ${step}`;
      let got;
      if (chance.holds(0.3)) {
        const n = chance.pick([...states.keys()]);
        got = await as('ann', 'POST', `/${made.id}/revisions/${n}/restore`, { headers: { 'if-match': `"${now.revision}.0"` } });
        assert.equal(got.status, 200, `${at}: ${got.text}`);
        assert.deepEqual(pick(got.json), states.get(n), at);
        assert.equal(got.json.slug, now.slug, `${at}: the address stays`);
      } else {
        const body = Object.fromEntries(chance.sample([
          ['title', `T${chance.below(9)} "<&é`], ['slug', `slug-${chance.below(5)}`], ['summary', chance.pick([null, 'S', 'Ärger'])], ['section', chance.pick([null, 'News', 'Local'])],
          ['tags', chance.sample(['a', 'B', 'ç'], chance.below(4))], ['contributors', chance.pick([[], ['ada']])], ['hero', chance.pick([null, { url: '/x', alt: 'X' }])],
          ['language', chance.pick(['en', 'de', 'pt-BR'])], ['comments_policy', chance.pick(['open', 'closed'])], ['poll_id', chance.pick([null, '01ARZ3NDEKTSV4RRFFQ69G5FAV'])],
          ['body_markdown', Array.from({ length: 1 + chance.below(5) }, () => chance.pick(['*a*', '> b', '# c', 'd\n', '<i>e'])).join('\n')],
        ], 1 + chance.below(4)));
        got = await patch(now, body);
        assert.equal(got.status, 200, `${at}: ${got.text}`);
      }
      now = got.json;
      states.set(now.revision, pick(now));
    }
    assert.deepEqual((await history(made)).map(({ n }) => n), [...states.keys()].reverse());
  });

  test('50 writers at once: every accepted version is a revision, and nothing is lost', async () => {
    const made = await make({ body_markdown: 'Begin.' });
    const accepted = new Map([[1, 'Begin.']]);
    const refused = [];
    await Promise.all(Array.from({ length: 50 }, async (_, writer) => {
      let current = made;
      for (;;) { // merges what is there with its own line until it is accepted
        const text = `${current.body_markdown}\n\nLine of ${writer}.`;
        const got = await patch(current, { body_markdown: text }, { login: writer % 2 ? 'eve' : 'ann' });
        if (got.status === 200) return accepted.set(got.json.revision, text);
        assert.equal(got.status, 412, got.text);
        refused.push(writer);
        current = got.problem.current;
      }
    }));
    assert.equal(accepted.size, 51, 'no two were given the same revision');
    const items = await history(made, 20);
    assert.deepEqual(items.map(({ n }) => n), Array.from({ length: 51 }, (_, i) => 51 - i));
    for (const [n, text] of accepted) assert.equal((await revision(made, n)).body_markdown, text, `revision ${n}`);
    const last = (await as('ann', 'GET', `/${made.id}`)).json;
    for (let writer = 0; writer < 50; writer++) assert.match(last.body_markdown, new RegExp(`^Line of ${writer}\\.$`, 'm'));
    assert.ok(refused.length > 0, 'some had to merge');
  });

  test('is kept compressed, 500 of it and the first, and what is still needed', async () => {
    const made = await make({ status: 'published' });
    await as('ann', 'PUT', `/${made.id}/edit`, { body: { title: 'Pending' }, headers: { 'if-match': '*' } });
    for (let n = 3; n <= 520; n++) { // as the function counts, without the text being rendered each time
      const got = await as('ann', 'PATCH', `/${made.id}`, { body: { summary: `${n}` }, headers: { 'if-match': '*' } });
      assert.equal(got.status, 200, got.text);
    }
    const numbers = (await history(made)).map(({ n }) => n);
    assert.equal(numbers[0], 520);
    assert.deepEqual(numbers.slice(-3), [21, 2, 1], 'the first one and the pending edit are kept');
    assert.equal(numbers.length, 502);
    const packed = await system.redis('HSTRLEN', `article:{${made.id}}:revisions`, 'd520');
    assert.ok(packed < JSON.stringify(await revision(made, 520)).length, `${packed} bytes`);
    const out = await as('ann', 'POST', `/${made.id}/edit/publish`, { headers: { 'if-match': '"520.0"' } });
    assert.equal(out.json.title, 'Pending');
    assert.ok(!(await history(made)).some(({ n }) => n === 2), 'the edit is old once it is published');
  });

  test('unsaved text has one place for each writer, until it is saved', async () => {
    const made = await make();
    const slot = (login, method, options) => as(login, method, `/${made.id}/autosave`, options);
    assert.equal((await slot('ann', 'GET')).status, 404);
    for (const text of ['first', 'second']) assert.equal((await slot('ann', 'PUT', { body: { body_markdown: text } })).status, 204);
    assert.equal((await slot('eve', 'PUT', { body: { title: 'Of Eve' } })).status, 204);
    assert.equal((await slot('bob', 'PUT', { body: { title: 'X' } })).status, 403);
    const mine = (await slot('ann', 'GET')).json;
    assert.deepEqual([mine.body_markdown, mine.title, mine.revision], ['second', null, 1]);
    assert.equal((await as('ann', 'GET', `/${made.id}`)).json.revision, 1, 'no revision');
    await patch(made, { body_markdown: 'second' });
    assert.equal((await slot('ann', 'GET')).status, 404, 'it is saved');
    assert.equal((await slot('eve', 'GET')).json.title, 'Of Eve');
    assert.equal((await slot('eve', 'DELETE')).status, 204);
    assert.equal((await slot('eve', 'GET')).status, 404);
    const large = await slot('ann', 'PUT', { body: { body_markdown: '<'.repeat(200000), tags: Array(4).fill('<'.repeat(50000)) } });
    assert.equal(large.status, 422, large.text);
  });

  test('the pending edit can be looked at, and a link shows it to who has no account', async () => {
    const made = await make({ status: 'published', title: 'Seen', contributors: ['ada'] });
    const edit = (login, method = 'GET', options) => as(login, method, `/${made.id}/edit`, options);
    assert.equal((await edit('ann')).status, 404);
    await edit('ann', 'PUT', { body: { title: 'Unseen', body_markdown: '*Later*' }, headers: { 'if-match': '*' } });
    const got = (await edit('ann')).json;
    assert.deepEqual([got.title, got.body_markdown, got.body_html, got.revision, got.has_edit], ['Unseen', '*Later*', '<p><em>Later</em></p>\n', 2, true]);
    assert.deepEqual(got.contributors, [{ handle: 'ada', display_name: 'Ada' }]);
    assert.equal((await edit('bob')).status, 403);

    const link = await as('ann', 'POST', `/${made.id}/preview`);
    assert.equal(link.status, 201, link.text);
    const { token, path, expires_at } = link.json;
    assert.ok(Date.parse(expires_at) > Date.now());
    const shown = await system.api('GET', `/api/v1/articles/${made.id}?preview=${token}`);
    assert.deepEqual([shown.status, shown.json.title, shown.json.body_markdown], [200, 'Unseen', undefined]);
    assert.equal(shown.headers['cache-control'], 'private, no-store');
    const page = await system.page(path);
    assert.equal(page.status, 200);
    assert.match(page.text, /Unseen/);
    assert.match(page.headers['cache-control'], /no-store/);
    assert.match((await system.page(path.split('?')[0])).text, /Seen/);

    const draft = await make({ title: 'A draft' });
    const other = (await as('ann', 'POST', `/${draft.id}/preview`)).json;
    assert.equal((await system.api('GET', `/api/v1/articles/${draft.slug}?preview=${other.token}`)).json.title, 'A draft');
    assert.equal((await system.api('GET', `/api/v1/articles/${draft.slug}?preview=${token}`)).status, 404, 'of another article');
    assert.equal((await system.api('GET', `/api/v1/articles/${draft.id}?preview=${other.token.slice(0, -2)}xx`)).status, 403);
    assert.equal((await as('bob', 'POST', `/${draft.id}/preview`)).status, 403);
    for (const at of [Date.now() - 1000, Date.now() + 8 * 86400000]) {
      assert.equal((await as('ann', 'POST', `/${draft.id}/preview`, { body: { expires_at: new Date(at).toISOString() } })).status, 422);
    }
  });

  test('of a link that has expired nothing is shown', async () => {
    const draft = await make();
    const soon = new Date(Date.now() + 1500).toISOString();
    const { token } = (await as('ann', 'POST', `/${draft.id}/preview`, { body: { expires_at: soon } })).json;
    const end = Date.now() + 20000;
    for (let status = 200; status === 200;) {
      status = (await system.api('GET', `/api/v1/articles/${draft.id}?preview=${token}`)).status;
      assert.ok([200, 403].includes(status) && Date.now() < end, `${status}`);
    }
  });
});
