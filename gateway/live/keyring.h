/* keyring.h - the key of tickets: asked of the service that announces it, at once when that one is
 * seen, again when it fails, and anew when tickets come that the key did not sign. Belongs to the
 * hub's thread. SPDX-License-Identifier: MIT */
#ifndef LIVE_KEYRING_H
#define LIVE_KEYRING_H

#include "ask.h"
#include "seal.h"
#include "services.h"

enum {
    KEYRING_AGAIN_MS = 250, /* while there is no key */
    KEYRING_ANEW_MS = 3000  /* how often at most a key in doubt is asked for */
};

typedef struct keyring {
    asker *asker;
    const services *services;
    int64_t not_before_ms; /* of the next question */
    bool known, doubted, under_way;
    uint8_t key[VP_SEAL_KEY];
} keyring;

void keyring_init(keyring *self, asker *asker, const services *services);
void keyring_wipe(keyring *self); /* after asker_destroy */
void keyring_tick(keyring *self); /* at least every 100 ms */

const uint8_t *keyring_key(const keyring *self); /* NULL: not known yet */
void keyring_doubt(keyring *self);               /* a ticket was not signed with it */

#endif
