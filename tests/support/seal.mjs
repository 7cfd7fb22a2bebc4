// seal.mjs - what common/seal.c and common/ticket.c do, for a test that plays somebody who has a key
// and misuses it: keyed BLAKE2b (RFC 7693), keys for one purpose, signed texts, tickets.
// SPDX-License-Identifier: MIT

const HASH = 32;
const MAC = 16;
const BLOCK = 128;
const MASK = (1n << 64n) - 1n;
const IV = [0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n];
const SIGMA = ['0123456789abcdef', 'ea489fd61c02b753', 'b8c052fdae367194', '7931dcbe265a40f8', '9057246fe1bc8d3a',
  '2c6a0b834d75fe19', 'c51fed4a0763928b', 'db7ec13950f4862a', '6fe9b308c2d714a5', 'a2847615fb9e3cd0']
  .map((row) => [...row].map((digit) => parseInt(digit, 16)));

const turn = (x, n) => ((x >> n) | (x << (64n - n))) & MASK;

function mix(v, a, b, c, d, x, y) {
  v[a] = (v[a] + v[b] + x) & MASK;
  v[d] = turn(v[d] ^ v[a], 32n);
  v[c] = (v[c] + v[d]) & MASK;
  v[b] = turn(v[b] ^ v[c], 24n);
  v[a] = (v[a] + v[b] + y) & MASK;
  v[d] = turn(v[d] ^ v[a], 16n);
  v[c] = (v[c] + v[d]) & MASK;
  v[b] = turn(v[b] ^ v[c], 63n);
}

function compress(h, block, counted, last) {
  const m = Array.from({ length: 16 }, (_, i) => block.readBigUInt64LE(8 * i));
  const v = [...h, ...IV];
  v[12] ^= BigInt(counted);
  if (last) v[14] ^= MASK;
  for (let round = 0; round < 12; round++) {
    const s = SIGMA[round % 10];
    for (let i = 0; i < 4; i++) mix(v, i, 4 + i, 8 + i, 12 + i, m[s[2 * i]], m[s[2 * i + 1]]);
    for (let i = 0; i < 4; i++) mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
  }
  for (let i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
}

// BLAKE2b of 32 bytes; key: Buffer.
export function keyedHash(key, message) {
  const h = [...IV];
  h[0] ^= BigInt(0x01010000 ^ (key.length << 8) ^ HASH);
  const padded = key.length ? Buffer.concat([key, Buffer.alloc(BLOCK - key.length)]) : Buffer.alloc(0);
  const input = Buffer.concat([padded, message]);
  const blocks = Math.max(1, Math.ceil(input.length / BLOCK));
  for (let i = 0; i < blocks; i++) {
    const block = Buffer.alloc(BLOCK);
    input.copy(block, 0, i * BLOCK);
    compress(h, block, Math.min(input.length, (i + 1) * BLOCK), i === blocks - 1);
  }
  const out = Buffer.alloc(64);
  h.forEach((word, i) => out.writeBigUInt64LE(word, 8 * i));
  return out.subarray(0, HASH);
}

export const derive = (siteKey, purpose, subject = '') => keyedHash(siteKey, Buffer.from(`${purpose}\0${subject}`));

export function sign(key, payload) {
  return `${payload.toString('base64url')}.${keyedHash(key, payload).subarray(0, MAC).toString('base64url')}`;
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

export function ulidBytes(ulid) {
  let n = 0n;
  for (const letter of ulid) n = n * 32n + BigInt(CROCKFORD.indexOf(letter));
  return Buffer.from(n.toString(16).padStart(32, '0'), 'hex');
}

export function ticketBytes(ulid, expiresMs) {
  const expiry = Buffer.alloc(8);
  expiry.writeBigUInt64BE(BigInt(expiresMs));
  return Buffer.concat([ulidBytes(ulid), expiry]);
}
