// line.mjs - HTTP for tests that ask very much: kept connections and as little work for each
// request as can be, so that a core is left to the system. One request at a time on a connection;
// those that find no free one wait in line. SPDX-License-Identifier: MIT
import net from 'node:net';

import { slow } from './wait.mjs';

const ANSWER_MS = 15000; // longer than any deadline of the gateway

// The bytes of a request; headers as an object, body as text in one byte per character.
export function requestBytes(method, path, { headers = {}, body = '', token, cookie } = {}) {
  let head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n`;
  if (body && !headers['content-type']) head += 'Content-Type: application/json\r\n';
  if (token) head += `Authorization: Bearer ${token}\r\n`;
  if (cookie) head += `Cookie: ${cookie}\r\nOrigin: http://127.0.0.1\r\n`; // as a page of the site does
  for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
  return `${head}\r\n${body}`;
}

// One connection, made again when it was lost.
export class Line {
  #at;
  #open;
  #socket = null;
  #got = '';
  #waiting = null;

  // open: makes the connection, net.connect unless it is to be another.
  constructor(port, localAddress, open = net.connect) {
    this.#at = { port, host: '127.0.0.1', localAddress, noDelay: true };
    this.#open = open;
  }

  // Resolves with the answer; rejects when the connection ends before it is whole.
  ask(bytes) {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject, bodyless: bytes.startsWith('HEAD ') };
      this.#socket ??= this.#connect();
      this.#socket.write(bytes, 'latin1');
    });
  }

  // Sends these bytes, or some of them, and hangs up without reading an answer.
  async abandon(bytes) {
    this.close();
    const socket = net.connect(this.#at);
    await new Promise((resolve) => {
      socket.on('error', resolve);
      socket.on('close', resolve);
      socket.write(bytes, 'latin1', () => socket.destroy());
    });
  }

  #connect() {
    const socket = this.#open(this.#at);
    const lost = (error) => { if (socket === this.#socket) this.close(error); };
    socket.setTimeout(ANSWER_MS * slow, () => lost(new Error('no answer')));
    socket.setEncoding('latin1');
    socket.on('data', (text) => this.#take(text));
    socket.on('error', lost);
    socket.on('close', () => lost());
    return socket;
  }

  #take(text) {
    this.#got += text;
    const end = this.#got.indexOf('\r\n\r\n');
    if (end < 0 || !this.#waiting) return;
    const head = this.#got.slice(0, end + 2);
    const length = this.#waiting.bodyless ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#got.length < end + 4 + length) return;
    const body = this.#got.slice(end + 4, end + 4 + length);
    const { resolve } = this.#waiting;
    this.#got = '';
    this.#waiting = null;
    if (/\r\nconnection: *close/i.test(head)) this.close();
    resolve(new Answer(Number(head.slice(9, 12)), head, body));
  }

  close(error) {
    const socket = this.#socket;
    const waiting = this.#waiting;
    this.#socket = null;
    this.#waiting = null;
    this.#got = '';
    socket?.destroy();
    waiting?.reject(error ?? new Error('the connection ended before the answer'));
  }
}

export class Answer {
  constructor(status, head, body) { Object.assign(this, { status, head, body }); }

  header(name) { return new RegExp(`\\r\\n${name}: *(.*)\\r\\n`, 'i').exec(this.head)?.[1]; }
  get text() { return Buffer.from(this.body, 'latin1').toString('utf8'); }
  get json() { return JSON.parse(this.text); }
  // What a browser would send next time.
  get cookie() { return this.header('set-cookie')?.split(';')[0]; }
}

// Up to n connections to one port.
export class Lines {
  closed = false; // nobody has to be answered any more
  #all;
  #free;
  #queue = [];

  constructor(port, n, localAddress, open) {
    this.#all = Array.from({ length: n }, () => new Line(port, localAddress, open));
    this.#free = [...this.#all];
  }

  ask(bytes) { return this.#with((line) => line.ask(bytes)); }
  abandon(bytes) { return this.#with((line) => line.abandon(bytes)); }

  async #with(work) {
    const line = this.#free.pop() ?? await new Promise((resolve) => { this.#queue.push(resolve); });
    try {
      return await work(line);
    } finally {
      const next = this.#queue.shift();
      if (next) next(line); else this.#free.push(line);
    }
  }

  close() {
    this.closed = true;
    for (const line of this.#all) line.close();
  }
}
