// follower.mjs - a watcher of one topic as a browser is one: when its stream ends it comes back with
// the id of the last event, and what it sees only ever gets newer. SPDX-License-Identifier: MIT
import { setTimeout as pause } from 'node:timers/promises';

import { waitFor } from './wait.mjs';

const RETRY_MS = 100; // a browser waits longer

export class Follower {
  last = null; // the newest state
  states = 0;
  streams = 0;
  wrong = [];
  #id;
  #over = false;
  #end;
  #closed = new Promise((resolve) => { this.#end = resolve; });
  #running;

  // versionOf: what only grows in the data of this topic. spread: it comes back at any moment within
  // so many milliseconds, so that many do not come at once.
  constructor(system, topic, { versionOf = (data) => data.version, spread = 0, ...options } = {}) {
    Object.assign(this, { system, topic, versionOf, spread, options });
    this.#running = this.#run();
  }

  async #run() {
    while (!this.#over) {
      const stream = await this.system.sse(this.topic, { ...this.options, lastEventId: this.#id }).catch(() => null);
      if (!stream || stream.status !== 200) {
        await pause(RETRY_MS + Math.random() * this.spread);
        continue;
      }
      this.streams++;
      const take = (event) => {
        this.#take(event);
        stream.events.length = 0; // nobody looks at them again
      };
      stream.events.forEach((event) => this.#take(event));
      stream.onEvent = take;
      await Promise.race([stream.ended, this.#closed]);
      stream.close();
      if (!this.#over && this.spread) await pause(Math.random() * this.spread);
    }
  }

  #take({ id, event, data }) {
    if (id) this.#id = id;
    const version = this.versionOf(data);
    if (version === undefined) return;
    if (this.last && version < this.versionOf(this.last)) {
      this.wrong.push(`${event} of version ${version} after ${this.versionOf(this.last)}, in stream ${this.streams}`);
    }
    this.last = data;
    this.states++;
  }

  // Resolves when the newest state that was seen is of this version.
  reaches(version, { deadline = 10000 } = {}) {
    return waitFor(() => this.last && this.versionOf(this.last) === version, { deadline, what: `a watcher is at version ${version}` })
      .catch((error) => { throw new Error(`${error.message}, but at ${this.last && this.versionOf(this.last)}, ${this.streams} streams`); });
  }

  close() {
    this.#over = true;
    this.#end();
    return this.#running;
  }
}
