// split.test.mjs - comments with a Redis of their own, everything else on three nodes with Sentinels and
// durability=replica: when the articles' master dies, and when a former one is frozen and wakes, comments go
// on with what they know, follow the new master by themselves, and miss nothing. VOXPOP_LONG=1: also a
// master that is frozen and wakes. SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';

import { longForm } from '../support/ballots.mjs';
import { startSentinels } from '../support/sentinels.mjs';
import { startSystem, waitFor } from '../support/system.mjs';

const BACK_MS = 15000; // a failover with all that follows, on a busy machine

describe('comments with a Redis of their own, articles behind Sentinels', () => {
  let redis;
  let system;
  const articles = []; // {id, status} as acknowledged
  before(async () => {
    redis = await startSentinels();
    const users = join(redis.folder, 'secrets/redis/users.acl'); // the articles keep copies there
    writeFileSync(users, readFileSync(users, 'utf8').replace('%R~fact:thread', '~fact:thread'));
    for (const i of redis.hosts.keys()) await redis.ask(`redis-${i + 1}`, 'ACL', 'LOAD');
    system = await startSystem({ store: redis, ownRedis: ['comments'], services: ['articles', 'comments', 'comments#2', 'polls'], args: { gateway: ['--durability', 'replica'] } });
    for (let i = 0; i < 20; i++) await publish();
  });
  beforeEach(() => redis.whole());
  after(async () => {
    await system?.stop();
    await redis?.stop();
  });

  const say = ({ id }) => system.api('POST', `/api/v1/articles/${id}/comments`, { body: { author_name: 'Zoë', body_markdown: 'Hello' } });
  async function publish() {
    const key = `article ${articles.length}`;
    const made = await waitFor(async () => {
      const got = await system.admin('POST', '/api/v1/articles', {
        body: { title: 'A title', body_markdown: 'Text.', status: 'published', contributors: [] }, headers: { 'idempotency-key': key },
      });
      return got.status === 201 && got.json;
    }, { deadline: BACK_MS, what: 'an article is made' });
    articles.push(made);
    return made;
  }
  const change = (article, status) => waitFor(async () => {
    const got = await system.admin('PATCH', `/api/v1/articles/${article.id}`, { body: { status }, headers: { 'if-match': '*' } });
    if (got.status !== 200) return false;
    article.status = status;
    return true;
  }, { deadline: BACK_MS, what: `an article becomes ${status}` });

  // For each article comments are open exactly if it is public, and all of them are counted there.
  async function agree() {
    for (const article of articles) {
      const expected = article.status === 'published' ? 201 : 404;
      await waitFor(async () => (await say(article)).status === expected, { deadline: BACK_MS, what: `a comment is ${expected}` });
      if (expected !== 201) continue;
      const { comment_count: count } = (await system.api('GET', `/api/v1/articles/${article.id}/comments`)).json;
      await waitFor(async () => (await system.api('GET', `/api/v1/articles/${article.id}`)).json?.comment_count === count, { deadline: BACK_MS, what: `${count} comments are counted` });
    }
  }

  async function overFailover(loses) {
    const [known] = articles;
    const master = await redis.master();
    await loses(master);
    for (let i = 0; i < 10; i++) assert.equal((await say(known)).status, 201, 'comments do not need the articles\' Redis');
    await waitFor(async () => await redis.master() !== master, { deadline: BACK_MS, what: 'another master' });
    assert.equal((await say(await publish())).status, 201, 'at once');
    for (const article of articles.slice(-4, -1)) await change(article, article.status === 'published' ? 'draft' : 'published');
  }

  test('the master is killed and starts again', async () => {
    let died;
    await overFailover(async (master) => {
      died = master;
      await redis.killNode(master);
    });
    redis.launchNode(died);
    await agree();
  });

  test('the master is frozen, and wakes when there is another one', { skip: !longForm && 'a long form: ./dev chaos split' }, async () => {
    let frozen;
    const signal = async (name) => { for (const kind of ['redis', 'sentinel']) await redis.kill(`${kind}-${frozen + 1}`, name); };
    try {
      await overFailover((master) => {
        frozen = master;
        return signal('SIGSTOP');
      });
    } finally {
      await signal('SIGCONT');
    }
    await agree();
  });
});
