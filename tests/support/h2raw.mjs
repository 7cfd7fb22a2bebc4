// h2raw.mjs - HTTP/2 frames as no client would send them: fields are written literally, whatever they
// are, and nothing is checked. SPDX-License-Identifier: MIT
import tls from 'node:tls';

export const TYPE = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, CONTINUATION: 9 };
export const FLAG = { END_STREAM: 1, ACK: 1, END_HEADERS: 4 };

export function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

// HPACK: each field literal, without Huffman and never indexed.
export function fields(list) {
  const text = (value) => {
    const bytes = Buffer.from(value, 'latin1');
    const length = [];
    let n = bytes.length;
    if (n < 127) length.push(n);
    else for (length.push(127), n -= 127; ; n >>= 7) {
      length.push(n < 128 ? n : (n & 127) | 128);
      if (n < 128) break;
    }
    return Buffer.concat([Buffer.from(length), bytes]);
  };
  return Buffer.concat(list.flatMap(([name, value]) => [Buffer.from([0x10]), text(name), text(value)]));
}

// A connection; closed is set when the other side has ended it, statuses has ':status' by stream, or
// 'reset'. Answers' fields are not decoded but for the status.
export class RawH2 {
  statuses = {};
  closed = false;
  #socket;
  #rest = Buffer.alloc(0);

  static open({ port, ca }) {
    return new Promise((resolve, reject) => {
      const raw = new RawH2();
      const socket = tls.connect({ port, host: '127.0.0.1', ca, servername: 'localhost', ALPNProtocols: ['h2'] });
      raw.#socket = socket;
      socket.once('secureConnect', () => {
        socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
        raw.write(frame(TYPE.SETTINGS, 0, 0));
        resolve(raw);
      });
      socket.on('data', (data) => raw.#take(data));
      socket.on('error', reject);
      socket.on('close', () => { raw.closed = true; });
    });
  }

  write(...frames) { if (!this.closed) this.#socket.write(Buffer.concat(frames)); }
  destroy() { this.#socket.destroy(); }

  #take(data) {
    this.#rest = Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < 9 + length) return;
      const [type, flags, stream] = [this.#rest[3], this.#rest[4], this.#rest.readUInt32BE(5)];
      const payload = this.#rest.subarray(9, 9 + length);
      if (type === TYPE.SETTINGS && !(flags & FLAG.ACK)) this.write(frame(TYPE.SETTINGS, FLAG.ACK, 0));
      if (type === TYPE.HEADERS) this.statuses[stream] ??= statusIn(payload);
      if (type === TYPE.RST_STREAM) this.statuses[stream] ??= 'reset';
      if (type === TYPE.GOAWAY) this.gone = true;
      this.#rest = this.#rest.subarray(9 + length);
    }
  }
}

// The status is the first field of an answer: one of the static table, or its name from there and
// three digits, perhaps in Huffman's code, in which the digits have 5 bits (0, 1, 2) or 6.
function statusIn(block) {
  const known = { 0x88: 200, 0x89: 204, 0x8a: 206, 0x8b: 304, 0x8c: 400, 0x8d: 404, 0x8e: 500 };
  if (known[block[0]]) return known[block[0]];
  const coded = block[1] & 0x80;
  const text = block.subarray(2, 2 + (block[1] & 0x7f));
  if (!coded) return Number(text.toString('latin1')) || 'other';
  let bits = [...text].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let digits = '';
  while (digits.length < 3) {
    const short = parseInt(bits.slice(0, 5), 2);
    digits += short < 3 ? short : parseInt(bits.slice(0, 6), 2) - 0x19 + 3;
    bits = bits.slice(short < 3 ? 5 : 6);
  }
  return Number(digits);
}
