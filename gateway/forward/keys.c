/* keys.c - see keys.h. SPDX-License-Identifier: MIT */
#include "keys.h"

#include <sodium.h>

#include "address.h"
#include "forward.h"

enum { MARK_MS = 500 }; /* a request waits no longer for the mark of its address */

static const char *const purposes[] = {
    [KEYS_VOTER] = "voter", [KEYS_ADDRESS] = "address", [KEYS_FORM] = "form"};

void keys_init(keys *k) {
    pthread_mutex_init(&k->lock, NULL);
    k->known = false;
}

void keys_release(keys *k) {
    pthread_mutex_destroy(&k->lock);
    sodium_memzero(k->key, sizeof k->key);
}

static bool known(keys *k, keys_purpose purpose, uint8_t out[VP_SEAL_KEY]) {
    pthread_mutex_lock(&k->lock);
    bool yes = k->known;
    memcpy(out, k->key[purpose], VP_SEAL_KEY);
    pthread_mutex_unlock(&k->lock);
    return yes;
}

static void keep(keys *k, const uint8_t site_key[VP_SEAL_KEY]) {
    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < KEYS_PURPOSES; i++)
        vp_seal_derive(site_key, purposes[i], (vp_str){0}, k->key[i]);
    k->known = true;
    pthread_mutex_unlock(&k->lock);
}

void keys_forget(keys *k) {
    pthread_mutex_lock(&k->lock);
    k->known = false;
    pthread_mutex_unlock(&k->lock);
}

static vp_err learn(keys *k, bus *b, const http_request *r, int64_t timeout_ms) {
    forward_call f;
    uint8_t key[VP_SEAL_KEY];
    forward_start(&f, b, r, VP_STR("LOOK"), VP_STR("/accounts/site-key"), (vp_str){0}, (vp_str){0},
                  NULL, timeout_ms);
    vp_err rc = forward_finish(&f);
    const vp_envelope *reply = &f.call.reply;
    if (rc || reply->status != 200 || reply->body.n != sizeof key) {
        rc = rc == VP_ETIMEOUT || (!rc && reply->status == 504) ? VP_ETIMEOUT : VP_EAWAY;
    } else {
        memcpy(key, reply->body.p, sizeof key);
        keep(k, key);
        sodium_memzero(key, sizeof key);
    }
    forward_release(&f);
    return rc;
}

vp_err keys_get(keys *k, keys_purpose purpose, bus *b, const http_request *r, int64_t timeout_ms,
                uint8_t out[VP_SEAL_KEY]) {
    if (known(k, purpose, out)) return VP_OK;
    vp_err rc = learn(k, b, r, timeout_ms);
    if (!rc) known(k, purpose, out);
    return rc;
}

void keys_mark_address(keys *k, bus *b, http_request *r) {
    uint8_t prefix[16], key[VP_SEAL_KEY], mac[VP_SEAL_MAC];
    if (!http_address_prefix(vp_str_of(r->address), prefix)) return;
    if (keys_get(k, KEYS_ADDRESS, b, r, MARK_MS, key)) return;
    vp_seal_mac(key, vp_str_n(prefix, sizeof prefix), mac, sizeof mac);
    vp_seal_base64(mac, sizeof mac, r->address_mark);
}
