/* callers.c - see callers.h. The table is keyed by a secret of the process.
 * SPDX-License-Identifier: MIT */
#include "callers.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>

#include "mem.h"
#include "seal.h"

enum { BUCKETS = 16384, ADDRESS_BYTES = 16, NETWORK_BYTES = 8 };

struct vp_caller {
    vp_caller *next;
    int open;
    uint8_t address[ADDRESS_BYTES]; /* IPv4: the last four, the rest 0 */
};

struct vp_callers {
    int most;
    uint8_t key[crypto_shorthash_KEYBYTES];
    vp_caller *bucket[BUCKETS];
};

vp_callers *vp_callers_new(int most) {
    vp_callers *s = vp_calloc(1, sizeof *s);
    s->most = most;
    vp_seal_random(s->key, sizeof s->key);
    return s;
}

void vp_callers_destroy(vp_callers **self_p) {
    vp_callers *s = *self_p;
    if (!s) return;
    for (int i = 0; i < BUCKETS; i++)
        while (s->bucket[i]) {
            vp_caller *c = s->bucket[i];
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

static vp_caller **bucket_of(vp_callers *s, const uint8_t address[ADDRESS_BYTES]) {
    uint64_t hash;
    crypto_shorthash((uint8_t *)&hash, address, ADDRESS_BYTES, s->key);
    return &s->bucket[hash % BUCKETS];
}

bool vp_callers_enter(vp_callers *s, const char *address, vp_caller **out) {
    uint8_t bytes[ADDRESS_BYTES];
    *out = NULL;
    if (!s->most || !read_address(address, bytes)) return true;
    vp_caller **head = bucket_of(s, bytes), *c = *head;
    while (c && memcmp(c->address, bytes, ADDRESS_BYTES) != 0) c = c->next;
    if (c && c->open >= s->most) return false;
    if (!c) {
        c = vp_calloc(1, sizeof *c);
        memcpy(c->address, bytes, ADDRESS_BYTES);
        c->next = *head;
        *head = c;
    }
    c->open++;
    *out = c;
    return true;
}

void vp_callers_leave(vp_callers *s, vp_caller **c_p) {
    vp_caller *c = *c_p;
    *c_p = NULL;
    if (!c || --c->open) return;
    vp_caller **at = bucket_of(s, c->address);
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    free(c);
}
