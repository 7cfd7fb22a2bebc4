// sse.mjs - a watcher of /live: plain HTTP, events parsed and kept. SPDX-License-Identifier: MIT
import http from 'node:http';

import { slow, within } from './wait.mjs';

export class Watcher {
  events = []; // {id, event, data (parsed), at: performance.now()}
  comments = 0;
  status = 0;
  headers = {};
  closed = false;
  retry = null;
  onEvent = null; // is told of each event that comes
  #over;
  ended = new Promise((resolve) => { this.#over = resolve; });
  #waiting = [];
  #rest = '';
  #fresh = {};
  #req;

  // Resolves when the head of the answer is there.
  static open(url, { headers = {}, deadline = 5000, agent = false } = {}) {
    const watcher = new Watcher();
    const opened = new Promise((resolve, reject) => {
      watcher.#req = http.get(url, { agent, headers: { accept: 'text/event-stream', ...headers } }, (res) => {
        watcher.status = res.statusCode;
        watcher.headers = res.headers;
        res.setEncoding('utf8');
        res.on('data', (text) => watcher.#take(text));
        res.on('error', () => {});
        res.on('close', () => watcher.#end());
        resolve(watcher);
      });
      watcher.#req.on('error', (error) => { watcher.#end(); reject(error); });
    });
    return within(opened, deadline, url).catch((error) => { watcher.close(); throw error; });
  }

  #take(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop();
    for (const line of lines) this.#line(line.replace(/\r$/, ''));
    this.#wake();
  }

  #line(line) {
    if (line === '') {
      if (this.#fresh.data !== undefined) {
        const { id, event = 'message', data } = this.#fresh;
        this.events.push({ id, event, data: JSON.parse(data), at: performance.now() });
        this.onEvent?.(this.events.at(-1));
      }
      this.#fresh = {};
      return;
    }
    if (line.startsWith(':')) { this.comments++; return; }
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === 'data') this.#fresh.data = this.#fresh.data === undefined ? value : `${this.#fresh.data}\n${value}`;
    else if (field === 'retry') this.retry = Number(value);
    else this.#fresh[field] = value;
  }

  #wake() {
    for (const check of [...this.#waiting]) check();
  }

  #end() {
    this.closed = true;
    this.#over();
    this.#wake();
  }

  // The first event, past or to come, for which wanted(event) holds.
  next(wanted = () => true, { deadline = 5000, what = 'an event on /live' } = {}) {
    const found = new Promise((resolve, reject) => {
      const check = () => {
        const event = this.events.find(wanted);
        if (!event && !this.closed) return;
        this.#waiting = this.#waiting.filter((each) => each !== check);
        if (event) resolve(event);
        else reject(new Error(`${what}: the stream was closed; events so far: ${JSON.stringify(this.events.slice(-5))}`));
      };
      this.#waiting.push(check);
      check();
    });
    return within(found, deadline, what).catch((error) => {
      throw new Error(`${error.message}; the last events: ${JSON.stringify(this.events.slice(-5))}`);
    });
  }

  close() {
    this.#req.destroy();
    this.#end();
  }
}

export { slow };
