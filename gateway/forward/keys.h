/* keys.h - the keys that the gateway derives from the site's key: the one that signs voters, the
 * one under which addresses are counted, and the one that makes Idempotency-Keys of forms. The
 * site's key is learned from the accounts' loop at first need and not kept.
 * SPDX-License-Identifier: MIT */
#ifndef FORWARD_KEYS_H
#define FORWARD_KEYS_H

#include <pthread.h>

#include "bus.h"
#include "request.h"
#include "seal.h"

typedef enum keys_purpose { KEYS_VOTER, KEYS_ADDRESS, KEYS_FORM, KEYS_PURPOSES } keys_purpose;

typedef struct keys {
    pthread_mutex_t lock; /* of what follows */
    bool known;
    uint8_t key[KEYS_PURPOSES][VP_SEAL_KEY];
} keys;

void keys_init(keys *k);
void keys_release(keys *k);

/* VP_EAWAY, VP_ETIMEOUT: it cannot be learned now. */
VP_CHECKED vp_err keys_get(keys *k, keys_purpose purpose, bus *b, const http_request *r,
                           int64_t timeout_ms, uint8_t out[VP_SEAL_KEY]);
/* The services do not know these keys: they are learned anew. */
void keys_forget(keys *k);

/* Sets r->address_mark; it stays empty if the key cannot be learned now. */
void keys_mark_address(keys *k, bus *b, http_request *r);

#endif
