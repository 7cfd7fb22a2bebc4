// text.mjs - what a reader would read in a piece of HTML, and inputs that several tests share.
// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs';

import { root } from './wait.mjs';

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };

export function plain(html) {
  return html.replace(/<[^>]*>/g, '').replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (all, dec, hex, name) =>
    dec ? String.fromCodePoint(dec) : hex ? String.fromCodePoint(parseInt(hex, 16)) : entities[name] ?? all);
}

// The texts of the paragraphs.
export function paragraphs(html) {
  return [...html.matchAll(/<p[^>]*>(.*?)<\/p>/gs)].map((match) => plain(match[1]));
}

// The elements of a page that start with an opening tag like this, up to their closing tag.
export function part(html, tag, attribute) {
  const found = new RegExp(`<${tag}\\b[^>]*${attribute}[^>]*>.*?</${tag}>`, 's').exec(html);
  return found ? found[0] : '';
}

const builtIn = {
  article: {
    title: 'What the Ferry Carries Besides Cars',
    paragraphs: [
      'The first boat leaves before the baker opens. It carries nine vans, a school class and, in a cage on the after deck, somebody’s rooster. Nobody has ever been told why the rooster travels.',
      'The purser keeps a list of what was left behind: 41 umbrellas, 3 left shoes & one set of teeth.  It hangs where everyone can see it, next to the tide table.',
      'She says that a ferry is “a street that moves”, and that a street without gossip is only asphalt. On Fridays the gossip needs both decks.',
      'In a storm the boat stays in port & the island is on its own. Then people walk to the pier anyway, in order to see that it is true.',
    ],
  },
  contributor: { display_name: 'Maren', box: 'The Contributor', twitter: 'MarenOnDeck', email_link_text: 'Email: Click here' },
  poll: {
    heading: 'Have Your Say!',
    question: 'Which crossing do you like best?',
    options: ['The first one', 'Noon', 'Dusk', 'The last one', 'In fog', 'None, I fly'],
  },
  recent_comments: [
    { author: 'a very long name that somebody typed as a search', excerpt: 'The rooster is mine and he has a season ticket...' },
    { author: 'W.P', excerpt: 'What a boat!I would cross every day if I could!' },
    { author: 'Ana yu', excerpt: 'Totally agreed that gossip doesn’t sink' },
    { author: 'Joe H.', excerpt: 'I think the teeth are my uncle’s.He has missed them...' },
    { author: 'Sugar', excerpt: 'Thanks!' },
  ],
};

// A page as it was found on a magazine's site: the one beside the checkout, or our own like it.
export function samplePage() {
  const found = `${root}../shared/samples/page.json`;
  return existsSync(found) ? JSON.parse(readFileSync(found, 'utf8')) : builtIn;
}
