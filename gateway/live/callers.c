/* callers.c - see callers.h. The table is keyed by a secret of the process.
 * SPDX-License-Identifier: MIT */
#include "callers.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>

#include "mem.h"
#include "seal.h"

enum { BUCKETS = 16384, ADDRESS_BYTES = 16, NETWORK_BYTES = 8 };

struct caller {
    caller *next;
    int streams;
    uint8_t address[ADDRESS_BYTES]; /* IPv4: the last four, the rest 0 */
};

struct callers {
    int most;
    uint8_t key[crypto_shorthash_KEYBYTES];
    caller *bucket[BUCKETS];
};

callers *callers_new(int most) {
    callers *s = vp_calloc(1, sizeof *s);
    s->most = most;
    vp_seal_random(s->key, sizeof s->key);
    return s;
}

void callers_destroy(callers **self_p) {
    callers *s = *self_p;
    if (!s) return;
    for (int i = 0; i < BUCKETS; i++)
        while (s->bucket[i]) {
            caller *c = s->bucket[i];
            s->bucket[i] = c->next;
            free(c);
        }
    free(s);
    *self_p = NULL;
}

static bool read_address(const char *text, uint8_t out[ADDRESS_BYTES]) {
    memset(out, 0, ADDRESS_BYTES);
    if (inet_pton(AF_INET, text, out + ADDRESS_BYTES - 4) == 1) return true;
    if (inet_pton(AF_INET6, text, out) != 1) return false;
    memset(out + NETWORK_BYTES, 0, ADDRESS_BYTES - NETWORK_BYTES);
    return true;
}

static caller **bucket_of(callers *s, const uint8_t address[ADDRESS_BYTES]) {
    uint64_t hash;
    crypto_shorthash((uint8_t *)&hash, address, ADDRESS_BYTES, s->key);
    return &s->bucket[hash % BUCKETS];
}

bool callers_enter(callers *s, const char *address, caller **out) {
    uint8_t bytes[ADDRESS_BYTES];
    *out = NULL;
    if (!s->most || !read_address(address, bytes)) return true;
    caller **head = bucket_of(s, bytes), *c = *head;
    while (c && memcmp(c->address, bytes, ADDRESS_BYTES) != 0) c = c->next;
    if (c && c->streams >= s->most) return false;
    if (!c) {
        c = vp_calloc(1, sizeof *c);
        memcpy(c->address, bytes, ADDRESS_BYTES);
        c->next = *head;
        *head = c;
    }
    c->streams++;
    *out = c;
    return true;
}

void callers_leave(callers *s, caller **c_p) {
    caller *c = *c_p;
    *c_p = NULL;
    if (!c || --c->streams) return;
    caller **at = bucket_of(s, c->address);
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    free(c);
}
