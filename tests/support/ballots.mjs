// ballots.mjs - what tests of votes share: the bytes of a ballot, a client that asks until it is
// answered, and the witnesses of what was counted: results, journal and recount.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

import { requestBytes } from './line.mjs';
import { slow } from './wait.mjs';

const UNANSWERED = new Set([502, 503, 504]);
const PATIENCE_MS = 60000;

export const longForm = process.env.VOXPOP_LONG === '1';

export function castBytes(poll, choices, { key, cookie, code } = {}) {
  return requestBytes('POST', `/api/v1/polls/${poll.id}/ballots`, {
    cookie, headers: key ? { 'Idempotency-Key': key } : {}, body: JSON.stringify({ choices, code }),
  });
}

export function withdrawBytes(poll, { key, cookie } = {}) {
  return requestBytes('DELETE', `/api/v1/polls/${poll.id}/ballots/mine`, { cookie, headers: key ? { 'Idempotency-Key': key } : {} });
}

// Sends the same bytes until they are answered with something else than "not now". onRetry(why)
// is told of each time they were not.
export async function insist(lines, bytes, { onRetry = () => {}, patience = PATIENCE_MS } = {}) {
  const end = performance.now() + patience * slow;
  for (let wait = 20; ; wait = Math.min(wait * 2, 320)) {
    let why;
    try {
      const got = await lines.ask(bytes);
      if (!UNANSWERED.has(got.status)) return got;
      why = `${got.status} ${got.text}`;
    } catch (error) {
      why = error.message;
    }
    onRetry(why);
    if (lines.closed || performance.now() > end) throw new Error(`no answer to ${bytes.split('\r\n')[0]}: ${why}`);
    await pause(wait / 2 + Math.random() * wait / 2); // as any client does, not to add to the load
  }
}

export async function makePoll(system, { options = 4, ...rest } = {}) {
  return system.make('/api/v1/polls', {
    question: 'Which?', kind: 'single', results: 'always', ...rest,
    options: Array.from({ length: options }, (_, i) => ({ text: `Option ${i + 1}` })),
  });
}

export const choicesText = (choices) => [...choices].sort((a, b) => a - b).join(',');

// What of a tally is compared: {voters, votes, counts}, an option without votes being left out.
export function plainTally({ voters, votes, counts }) {
  return { voters, votes, counts: Object.fromEntries(Object.entries(counts).filter(([, n]) => n !== 0)) };
}

export function tallyOf(ballots) { // of choices as texts
  const tally = { voters: 0, votes: 0, counts: {} };
  for (const text of ballots) {
    tally.voters++;
    for (const id of text.split(',')) {
      tally.votes++;
      tally.counts[id] = (tally.counts[id] ?? 0) + 1;
    }
  }
  return tally;
}

export async function resultsOf(system, poll) {
  const got = await system.admin('GET', `/api/v1/polls/${poll.id}/results`);
  assert.equal(got.status, 200, got.text);
  return got.json;
}

// The whole journal, read as an editor may: what stands in it net of what was taken back.
// {ballots: ballot id → choices as a text, entries, retracts, wrong: [what]}.
export async function journalOf(system, poll) {
  const net = new Map(); // "id choices" → how often
  const found = { ballots: new Map(), entries: 0, retracts: 0, wrong: [] };
  for (let cursor = ''; cursor !== null;) {
    const got = await system.admin('GET', `/api/v1/polls/${poll.id}/ballots?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    assert.equal(got.status, 200, got.text);
    for (const { ballot_id: id, choices, retracts } of got.json.items) {
      const what = `${id} ${choicesText(choices)}`;
      net.set(what, (net.get(what) ?? 0) + (retracts ? -1 : 1));
      found.entries++;
      if (retracts) found.retracts++;
    }
    cursor = got.json.next_cursor;
  }
  for (const [what, n] of net) {
    const [id, choices] = what.split(' ');
    if (n !== 0 && n !== 1) found.wrong.push(`${what} stands ${n} times in the journal`);
    if (n === 1 && found.ballots.has(id)) found.wrong.push(`${id} has two choices`);
    if (n === 1) found.ballots.set(id, choices);
  }
  return found;
}

// Adds the journal up, as the service does it itself, piece by piece.
export async function recountOf(system, poll, { repair } = {}) {
  let run;
  for (let calls = 1; ; calls++) {
    const got = await system.admin('POST', `/api/v1/polls/${poll.id}/recount`, { body: { run, repair } });
    assert.equal(got.status, 200, got.text);
    if (got.json.done) return { ...got.json, calls };
    run = got.json.run;
  }
}

// Results, recount and journal all say what the model (ballot id → choices as a text) says.
export async function assertCounted(system, poll, model, what = 'the poll') {
  const expected = tallyOf(model.values());
  assert.deepEqual(plainTally(await resultsOf(system, poll)), expected, `${what}: tally`);
  const recount = await recountOf(system, poll);
  assert.equal(recount.equal, true, `${what}: recount ${JSON.stringify(recount)}`);
  assert.deepEqual(plainTally(recount.journal), expected, `${what}: recounted from the journal`);
  const journal = await journalOf(system, poll);
  assert.deepEqual(journal.wrong, [], `${what}: journal`);
  const missing = [...model].filter(([id, choices]) => journal.ballots.get(id) !== choices);
  const more = [...journal.ballots].filter(([id]) => !model.has(id));
  assert.deepEqual({ missing: missing.slice(0, 5), more: more.slice(0, 5) }, { missing: [], more: [] },
    `${what}: ${missing.length} acknowledged ballots are not in the journal as they were, ${more.length} stand there that were not`);
  return { ...expected, entries: journal.entries, retracts: journal.retracts };
}
