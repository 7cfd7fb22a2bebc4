/* voter.c - see voter.h. SPDX-License-Identifier: MIT */
#include "voter.h"

#include "ask.h"

enum { TOKEN = 16, COOKIE_MAX = 200, PAYLOAD_MAX = 64 };

void voter_key_init(voter_key *k) {
    pthread_mutex_init(&k->lock, NULL);
    k->known = false;
}

void voter_key_release(voter_key *k) {
    pthread_mutex_destroy(&k->lock);
    memset(k->key, 0, sizeof k->key);
}

static bool known(voter_key *k, uint8_t out[VP_SEAL_KEY]) {
    pthread_mutex_lock(&k->lock);
    bool yes = k->known;
    memcpy(out, k->key, VP_SEAL_KEY);
    pthread_mutex_unlock(&k->lock);
    return yes;
}

static void keep(voter_key *k, const uint8_t site_key[VP_SEAL_KEY]) {
    pthread_mutex_lock(&k->lock);
    vp_seal_derive(site_key, "voter", (vp_str){0}, k->key);
    k->known = true;
    pthread_mutex_unlock(&k->lock);
}

void voter_key_forget(voter_key *k) {
    pthread_mutex_lock(&k->lock);
    k->known = false;
    pthread_mutex_unlock(&k->lock);
}

static vp_err learn(voter_key *k, bus *b, const http_request *r, int64_t timeout_ms) {
    ask a;
    ask_init(&a, "/accounts/site-key", (vp_str){0}, "");
    ask_look(&a, b, r, timeout_ms);
    int status = ask_wait(&a, NULL);
    vp_err rc = status == 504 ? VP_ETIMEOUT : VP_EAWAY;
    if (status == 200 && a.call.call.reply.body.n == VP_SEAL_KEY) {
        uint8_t key[VP_SEAL_KEY];
        memcpy(key, a.call.call.reply.body.p, sizeof key);
        keep(k, key);
        rc = VP_OK;
    }
    ask_release(&a);
    return rc;
}

vp_err voter_cookie(voter_key *k, bus *b, const http_request *r, int64_t timeout_ms, vp_str *out) {
    uint8_t key[VP_SEAL_KEY], payload[PAYLOAD_MAX];
    vp_str cookie = http_request_cookie(r, "voxpop_voter");
    size_t n;
    *out = (vp_str){0};
    if (!known(k, key)) {
        vp_err rc = learn(k, b, r, timeout_ms);
        if (rc) return rc;
        known(k, key);
    }
    if (cookie.n && !vp_seal_open(key, cookie, payload, &n) && n == TOKEN) *out = cookie;
    return VP_OK;
}

void voter_invite(voter_key *k, const http_request *r, http_reply *p) {
    uint8_t token[TOKEN], key[VP_SEAL_KEY];
    vp_buf cookie;
    known(k, key);
    vp_seal_random(token, sizeof token);
    vp_buf_init(&cookie, COOKIE_MAX);
    vp_buf_adds(&cookie, "voxpop_voter=");
    vp_seal_sign(key, vp_str_n(token, sizeof token), &cookie);
    vp_buf_adds(&cookie, "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax");
    if (r->secure) vp_buf_adds(&cookie, "; Secure");
    http_reply_header(p, "Set-Cookie", vp_buf_str(&cookie));
    vp_buf_release(&cookie);
}
