// random.mjs - chance that can be had again: the same seed, the same numbers.
// SPDX-License-Identifier: MIT

// VOXPOP_SEED, or a new one.
export function newSeed() {
  return Number(process.env.VOXPOP_SEED ?? Math.floor(Math.random() * 2 ** 31));
}

export class Chance {
  #state;

  constructor(seed) { this.#state = seed >>> 0; }

  // From 0 to under 1 (mulberry32).
  next() {
    this.#state = (this.#state + 0x6D2B79F5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }

  below(n) { return Math.floor(this.next() * n); }
  holds(probability) { return this.next() < probability; }
  pick(list) { return list[this.below(list.length)]; }
  // n different ones, in any order.
  sample(list, n) {
    const left = [...list];
    return Array.from({ length: n }, () => left.splice(this.below(left.length), 1)[0]);
  }
  // Another sequence for each of several that run at the same time.
  branch() { return new Chance(this.below(2 ** 32)); }
}
