/* ulid.c - see ulid.h. SPDX-License-Identifier: MIT */
#include "ulid.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include <sodium.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* Value of a character of the alphabet plus one, so that 0 means "not in it". */
static const unsigned char value_plus_1[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['G'] = 17, ['H'] = 18, ['J'] = 19, ['K'] = 20, ['M'] = 21, ['N'] = 22, ['P'] = 23, ['Q'] = 24,
    ['R'] = 25, ['S'] = 26, ['T'] = 27, ['V'] = 28, ['W'] = 29, ['X'] = 30, ['Y'] = 31, ['Z'] = 32};

static void put_time(uint8_t *out, int64_t ms) {
    assert(ms >= 0 && ms < (int64_t)1 << 48);
    for (int i = 0; i < 6; i++) out[i] = (uint8_t)(ms >> (40 - 8 * i));
}

void vp_ulid_make(int64_t ms, char out[VP_ULID_LEN + 1]) {
    uint8_t bytes[VP_ULID_BYTES];
    put_time(bytes, ms);
    randombytes_buf(bytes + 6, sizeof bytes - 6);
    vp_ulid_text(bytes, out);
}

/* Each thread has a generator of its own; 128 bits from the kernel keep them apart. */
static _Thread_local uint64_t state[2];

__attribute__((cold, noinline)) static void seed(void) {
    do {
        if (getrandom(state, sizeof state, 0) != (ssize_t)sizeof state) abort();
    } while (!state[0] && !state[1]);
}

/* xorshift128+, as Vigna describes it, with the shifts 23, 18 and 5. */
static uint64_t next_random(void) {
    uint64_t x = state[0], y = state[1], sum = x + y;
    x ^= x << 23;
    state[0] = y;
    state[1] = x ^ y ^ (x >> 18) ^ (y >> 5);
    return sum;
}

void vp_ulid_fast(int64_t ms, uint8_t out[VP_ULID_BYTES]) {
    if (__builtin_expect(!state[0] && !state[1], 0)) seed();
    uint64_t a = next_random(), b = next_random();
    put_time(out, ms);
    memcpy(out + 6, &a, 8);
    memcpy(out + 14, (const uint8_t *)&b + 6, 2); /* the high bits are the better ones */
}

/* 5 * n bits as n characters. Kept as three separate numbers the chains run side by side. */
static inline void put_chars(char *out, int n, uint64_t v) {
    for (int i = n - 1; i >= 0; i--, v >>= 5) out[i] = alphabet[v & 31];
}

static inline uint64_t big_endian(const uint8_t *p, int n) {
    uint64_t v = 0;
    for (int i = 0; i < n; i++) v = v << 8 | p[i];
    return v;
}

void vp_ulid_text(const uint8_t bytes[VP_ULID_BYTES], char out[VP_ULID_LEN + 1]) {
    put_chars(out, 10, big_endian(bytes, 6));
    put_chars(out + 10, 8, big_endian(bytes + 6, 5));
    put_chars(out + 18, 8, big_endian(bytes + 11, 5));
    out[VP_ULID_LEN] = '\0';
}

/* n characters as 5 * n bits, of which the lower 8 * size are kept. */
static void take_chars(const char *p, int n, uint8_t *out, int size) {
    uint64_t v = 0;
    for (int i = 0; i < n; i++) v = v << 5 | (value_plus_1[(unsigned char)p[i]] - 1u);
    for (int i = size - 1; i >= 0; i--, v >>= 8) out[i] = (uint8_t)v;
}

void vp_ulid_bytes(vp_str s, uint8_t out[VP_ULID_BYTES]) {
    assert(s.n == VP_ULID_LEN);
    take_chars(s.p, 10, out, 6);
    take_chars(s.p + 10, 8, out + 6, 5);
    take_chars(s.p + 18, 8, out + 11, 5);
}

bool vp_ulid_valid(vp_str s) {
    if (s.n != VP_ULID_LEN || s.p[0] > '7') return false;
    for (size_t i = 0; i < s.n; i++)
        if (!value_plus_1[(unsigned char)s.p[i]]) return false;
    return true;
}

int64_t vp_ulid_ms(vp_str s) {
    int64_t ms = 0;
    assert(s.n == VP_ULID_LEN);
    for (size_t i = 0; i < 10; i++) ms = ms << 5 | (value_plus_1[(unsigned char)s.p[i]] - 1);
    return ms;
}
