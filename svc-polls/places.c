/* places.c - see places.h. A Feistel network of four rounds over 16 bytes, which is as good a
 * permutation as its MAC is random: milliseconds, number and skip, and four zeros, by which a block
 * is known that this key did not write. SPDX-License-Identifier: MIT */
#include "places.h"

#include <stdio.h>

enum { HALF = 8, BLOCK = 2 * HALF, ROUNDS = 4, MS_BYTES = 6, NUMBER_BYTES = 4, SKIP_BYTES = 2 };

void polls_place_key(const uint8_t site_key[VP_SEAL_KEY], vp_str poll_id,
                     uint8_t key[VP_SEAL_KEY]) {
    vp_seal_derive(site_key, "journal-place", poll_id, key);
}

/* One round: one half is mixed with a MAC of the other. */
static void mix(const uint8_t key[VP_SEAL_KEY], int round, uint8_t block[BLOCK]) {
    uint8_t message[1 + HALF], mac[HALF];
    uint8_t *from = round % 2 ? block : block + HALF, *to = round % 2 ? block + HALF : block;
    message[0] = (uint8_t)round;
    memcpy(message + 1, from, HALF);
    vp_seal_mac(key, vp_str_n(message, sizeof message), mac, sizeof mac);
    for (int i = 0; i < HALF; i++) to[i] ^= mac[i];
}

static uint8_t *put(uint8_t *at, uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--, value >>= 8) at[i] = (uint8_t)value;
    return at + bytes;
}

static const uint8_t *get(const uint8_t *at, int64_t *value, int bytes) {
    *value = 0;
    for (int i = 0; i < bytes; i++) *value = *value << 8 | at[i];
    return at + bytes;
}

static vp_err entry_numbers(const char *entry, int64_t *ms, int64_t *number) {
    const char *dash = strchr(entry, '-');
    *ms = *number = 0;
    if (!*entry) return VP_OK;
    if (!dash) return VP_EPROTO;
    vp_err rc = vp_str_int(vp_str_n(entry, (size_t)(dash - entry)), 0,
                           (INT64_C(1) << (8 * MS_BYTES)) - 1, ms);
    return rc || vp_str_int(vp_str_of(dash + 1), 0, UINT32_MAX, number) ? VP_EPROTO : VP_OK;
}

vp_err polls_place_write(const uint8_t key[VP_SEAL_KEY], const polls_place *p,
                         char out[POLLS_PLACE_TEXT + 1]) {
    uint8_t block[BLOCK] = {0};
    int64_t ms, number;
    if (entry_numbers(p->entry, &ms, &number)) return VP_EPROTO;
    put(put(put(block, (uint64_t)ms, MS_BYTES), (uint64_t)number, NUMBER_BYTES), (uint64_t)p->skip,
        SKIP_BYTES);
    for (int round = 0; round < ROUNDS; round++) mix(key, round, block);
    vp_seal_base64(block, sizeof block, out);
    return VP_OK;
}

vp_err polls_place_read(const uint8_t key[VP_SEAL_KEY], vp_str text, polls_place *out) {
    uint8_t block[BLOCK];
    size_t n;
    int64_t ms, number, skip, zeros;
    if (vp_seal_unbase64(text, block, sizeof block, &n) || n != sizeof block) return VP_EINVAL;
    for (int round = ROUNDS - 1; round >= 0; round--) mix(key, round, block);
    get(get(get(get(block, &ms, MS_BYTES), &number, NUMBER_BYTES), &skip, SKIP_BYTES), &zeros,
        BLOCK - MS_BYTES - NUMBER_BYTES - SKIP_BYTES);
    if (zeros) return VP_EINVAL;
    out->skip = (int)skip;
    out->entry[0] = '\0';
    if (ms) snprintf(out->entry, sizeof out->entry, "%lld-%lld", (long long)ms, (long long)number);
    return VP_OK;
}
