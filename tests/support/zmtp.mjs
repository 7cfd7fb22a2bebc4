// zmtp.mjs - ZeroMQ's wire protocol (ZMTP 3.0, mechanism NULL), byte by byte: for what no library would
// send. SPDX-License-Identifier: MIT
import net from 'node:net';

import { slow, waitFor } from './wait.mjs';

const MORE = 1;
const LONG = 2;
const COMMAND = 4;
const PROTOCOL = 1;
const GREETING = 64; // bytes; behind them comes READY

export function greeting(mechanism = 'NULL') {
  const bytes = Buffer.alloc(64);
  bytes[0] = 0xff;
  bytes[9] = 0x7f;
  bytes[10] = 3;
  bytes.write(mechanism, 12);
  return bytes;
}

function head(flags, size) {
  if (size < 256) return Buffer.from([flags, size]);
  const bytes = Buffer.alloc(9);
  bytes[0] = flags | LONG;
  bytes.writeBigUInt64BE(BigInt(size), 1);
  return bytes;
}

export function ready(type, identity = '') {
  const property = (name, value) => Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([0, 0, 0, value.length]), Buffer.from(value)]);
  const body = Buffer.concat([Buffer.from('\x05READY'), property('Socket-Type', type), property('Identity', identity)]);
  return Buffer.concat([head(COMMAND, body.length), body]);
}

// more: another one follows in the same message. size: what the frame says of itself.
export function frame(bytes, { more = false, command = false, size = bytes.length } = {}) {
  return Buffer.concat([head((more ? MORE : 0) | (command ? COMMAND : 0), size), bytes]);
}

// The 48 bytes of a call's header, of kind 1, or of a ping, of kind 3; see common/PROTOCOL.md.
export function header(kind) {
  const bytes = Buffer.alloc(48);
  bytes.write('VXP');
  bytes[3] = PROTOCOL;
  bytes[4] = kind;
  bytes.writeUInt32BE(1000, 24);
  return bytes;
}

// A connection to "tcp://127.0.0.1:PORT" that has sent these bytes. closed: by the other side.
export class Wire {
  closed = false;
  got = 0;
  sent = 0;
  #socket;
  #ended;

  constructor(endpoint, ...bytes) {
    this.#socket = net.connect(Number(endpoint.split(':').at(-1)), '127.0.0.1');
    // Its end is enough: what of ours is still on its way may keep the connection for minutes.
    this.#ended = new Promise((resolve) => {
      const over = () => { this.closed = true; this.#socket.destroy(); resolve(true); };
      this.#socket.once('close', over);
      this.#socket.once('end', over);
    });
    this.#socket.setMaxListeners(0);
    this.#socket.on('error', () => {});
    this.#socket.on('data', (data) => { this.got += data.length; });
    for (const each of bytes) this.#socket.write(each);
  }

  // One that has greeted, and has been answered: before that a message would break the handshake.
  static async open(endpoint, type, identity = '') {
    const wire = new Wire(endpoint, greeting(), ready(type, identity));
    await waitFor(() => wire.got > GREETING || wire.closed, { what: `a handshake with ${endpoint}` });
    return wire;
  }

  // Sends these bytes again and again, until so many have gone or the other side has enough.
  async pour(bytes, total) {
    const left = () => !this.closed && this.sent < total;
    while (left()) {
      this.sent += bytes.length;
      if (this.#socket.write(bytes)) await new Promise((resolve) => { setImmediate(resolve); });
      else await Promise.race([new Promise((resolve) => { this.#socket.once('drain', resolve); }), this.#ended]);
    }
  }

  // Whether the other side closes within the time.
  closes(ms) {
    let limit;
    return Promise.race([this.#ended, new Promise((resolve) => { limit = setTimeout(() => resolve(false), ms * slow); })]).finally(() => clearTimeout(limit));
  }

  destroy() { this.#socket.destroy(); }
}
