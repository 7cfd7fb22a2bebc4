// redis.mjs - raw commands to a Redis on a unix socket: just enough of RESP 2 for tests.
// SPDX-License-Identifier: MIT
import net from 'node:net';

export class Redis {
  #path;
  #login; // [user, password]
  #socket = null;
  #waiting = [];
  #bytes = Buffer.alloc(0);

  constructor(path, login) {
    this.#path = path;
    this.#login = login;
  }

  // Replies as numbers, text, null and lists of these; an error reply rejects.
  command(...args) {
    if (!this.#socket) {
      this.#socket = this.#connect();
      if (this.#login) this.command('AUTH', ...this.#login).catch(() => {});
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      const parts = args.map((arg) => Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg)));
      this.#socket.write(`*${parts.length}\r\n`);
      for (const part of parts) {
        this.#socket.write(`$${part.length}\r\n`);
        this.#socket.write(part);
        this.#socket.write('\r\n');
      }
    });
  }

  #connect() {
    const socket = net.connect(this.#path);
    socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      for (let reply; this.#waiting.length && (reply = read(this.#bytes, 0));) {
        this.#bytes = this.#bytes.subarray(reply.end);
        const { resolve, reject } = this.#waiting.shift();
        if (reply.value instanceof Error) reject(reply.value); else resolve(reply.value);
      }
    });
    socket.on('error', (error) => this.#fail(socket, error));
    socket.on('close', () => this.#fail(socket, new Error('Redis closed the connection')));
    socket.unref();
    return socket;
  }

  #fail(socket, error) {
    if (socket !== this.#socket) return;
    const waiting = this.#waiting;
    this.#socket = null;
    this.#waiting = [];
    this.#bytes = Buffer.alloc(0);
    for (const each of waiting) each.reject(error);
  }

  close() { this.#socket?.destroy(); }
}

// One reply from `at`: {value, end}, or null when it is not all there.
function read(bytes, at) {
  const line = bytes.indexOf('\r\n', at);
  if (line < 0) return null;
  const text = bytes.toString('utf8', at + 1, line);
  const after = line + 2;
  switch (String.fromCharCode(bytes[at])) {
    case '+': return { value: text, end: after };
    case '-': return { value: new Error(text), end: after };
    case ':': return { value: Number(text), end: after };
    case '$': {
      const n = Number(text);
      if (n < 0) return { value: null, end: after };
      if (bytes.length < after + n + 2) return null;
      return { value: bytes.toString('utf8', after, after + n), end: after + n + 2 };
    }
    case '*': {
      const n = Number(text);
      if (n < 0) return { value: null, end: after };
      const value = [];
      let end = after;
      for (let i = 0; i < n; i++) {
        const element = read(bytes, end);
        if (!element) return null;
        value.push(element.value);
        end = element.end;
      }
      return { value, end };
    }
    default: throw new Error(`no RESP: ${bytes.toString('latin1', at, at + 40)}`);
  }
}
