// keys.mjs - what a Redis holds, to be compared: hashes and sets have no order of their own.
// SPDX-License-Identifier: MIT

const readers = {
  string: (redis, key) => redis('GET', key),
  list: (redis, key) => redis('LRANGE', key, 0, -1),
  zset: (redis, key) => redis('ZRANGE', key, 0, -1, 'WITHSCORES'),
  stream: (redis, key) => redis('XRANGE', key, '-', '+'),
  set: async (redis, key) => (await redis('SMEMBERS', key)).sort(),
  hash: async (redis, key) => {
    const flat = await redis('HGETALL', key);
    const pairs = [];
    for (let i = 0; i < flat.length; i += 2) pairs.push(`${flat[i]}=${flat[i + 1]}`);
    return pairs.sort();
  },
};

// {key: value} of all keys that are wanted.
export async function contentsOf(redis, wanted) {
  const all = {};
  for (const key of (await redis('KEYS', '*')).filter(wanted).sort()) all[key] = await readers[await redis('TYPE', key)](redis, key);
  return all;
}
