// follower.mjs - a watcher of one topic as a browser is one: when its stream ends it comes back with
// the id of the last event, and what it sees only ever gets newer. SPDX-License-Identifier: MIT
import { setTimeout as pause } from 'node:timers/promises';

import { waitFor } from './wait.mjs';

const WATCH_MS = 3600000;
const RETRY_MS = 100; // a browser waits longer

export class Follower {
  last = null; // the newest state
  states = 0;
  streams = 0;
  wrong = [];
  #id;
  #over = false;
  #running;

  constructor(system, topic, options = {}) {
    Object.assign(this, { system, topic, options });
    this.#running = this.#run();
  }

  async #run() {
    while (!this.#over) {
      const stream = await this.system.sse(this.topic, { ...this.options, lastEventId: this.#id }).catch(() => null);
      if (!stream || stream.status !== 200) {
        await pause(RETRY_MS);
        continue;
      }
      this.streams++;
      let taken = 0;
      await waitFor(() => {
        for (; taken < stream.events.length; taken++) this.#take(stream.events[taken]);
        return stream.closed || this.#over;
      }, { deadline: WATCH_MS, what: 'the stream ends' });
      stream.close();
    }
  }

  #take({ id, event, data }) {
    if (id) this.#id = id;
    if (data.version === undefined) return;
    if (this.last && data.version < this.last.version) {
      this.wrong.push(`${event} of version ${data.version} after ${this.last.version}, in stream ${this.streams}`);
    }
    this.last = data;
    this.states++;
  }

  // Resolves when the newest state that was seen is of this version.
  reaches(version, { deadline = 10000 } = {}) {
    return waitFor(() => this.last?.version === version, { deadline, what: `a watcher is at version ${version}` })
      .catch((error) => { throw new Error(`${error.message}, but at ${this.last?.version}, ${this.streams} streams`); });
  }

  close() {
    this.#over = true;
    return this.#running;
  }
}
