/* keyring.c - see keyring.h. SPDX-License-Identifier: MIT */
#include "keyring.h"

#include <sodium.h>
#include <stdlib.h>

#include "clock.h"
#include "counters.h"
#include "log.h"
#include "mem.h"
#include "unseal.h"

enum { BODY_MAX = 1 }; /* nothing is said */

void keyring_init(keyring *k, asker *asker_, const services *services_) {
    *k = (keyring){.asker = asker_, .services = services_};
}

void keyring_wipe(keyring *k) {
    sodium_memzero(k->key, sizeof k->key);
    k->known = false;
}

const uint8_t *keyring_key(const keyring *k) {
    return k->known ? k->key : NULL;
}

static void take(keyring *k, vp_str key) {
    if (k->known && sodium_memcmp(k->key, key.p, key.n) != 0)
        vp_log(VP_LOG_INFO, NULL, "the key of tickets is another one now");
    memcpy(k->key, key.p, sizeof k->key);
    k->known = true;
    k->doubted = false;
}

static void on_answered(ask *a) {
    keyring *k = a->user;
    vp_str body = a->call.reply.body;
    bool good = ask_status(a) == 200 && body.n == sizeof k->key;
    if (good)
        take(k, body);
    else
        live_count(LIVE_M_ASK_FAILED, 1);
    k->not_before_ms = vp_clock_ms() + (good ? KEYRING_ANEW_MS : KEYRING_AGAIN_MS);
    k->under_way = false;
    ask_release(a);
    free(a);
}

void keyring_tick(keyring *k) {
    if ((k->known && !k->doubted) || k->under_way || vp_clock_ms() < k->not_before_ms) return;
    const services_row *row = services_of(k->services, VP_STR(UNSEAL_PREFIX));
    if (!row || row->body_max[SERVICES_TICKET_KEY] < 0) return;
    ask *a = vp_calloc(1, sizeof *a);
    ask_init(a, services_path_text(SERVICES_TICKET_KEY), BODY_MAX);
    a->answered = on_answered;
    a->user = k;
    k->under_way = true;
    ask_submit(k->asker, a, row->service);
}

void keyring_doubt(keyring *k) {
    k->doubted = true;
    keyring_tick(k);
}
