/* voters.c - see voters.h. SPDX-License-Identifier: MIT */
#include "voters.h"

#include <assert.h>

#include "choices.h"
#include "envelope.h"

void polls_voter_keys_from(polls_voter_keys *keys, const uint8_t site[VP_SEAL_KEY]) {
    if (!memcmp(keys->site, site, VP_SEAL_KEY)) return;
    memcpy(keys->site, site, VP_SEAL_KEY);
    vp_seal_derive(site, "voter", (vp_str){NULL, 0}, keys->cookie);
    vp_seal_derive(site, "voter-from-key", (vp_str){NULL, 0}, keys->from_key);
}

vp_err polls_voter_of(const polls_voter_keys *keys, vp_str cookie, vp_str idempotency_key,
                      polls_voter *out) {
    uint8_t payload[64];
    size_t n;
    if (cookie.n && !vp_seal_open(keys->cookie, cookie, payload, &n) && n == sizeof out->token) {
        memcpy(out->token, payload, sizeof out->token);
        out->by_cookie = true;
        return VP_OK;
    }
    if (idempotency_key.n == 0) return VP_EDENIED;
    vp_seal_mac(keys->from_key, idempotency_key, out->token, sizeof out->token);
    out->by_cookie = false;
    return VP_OK;
}

void polls_voter_cookie(const polls_voter_keys *keys, const polls_voter *v, bool secure,
                        vp_buf *out) {
    vp_buf_adds(out, "voxpop_voter=");
    vp_seal_sign(keys->cookie, vp_str_n(v->token, sizeof v->token), out);
    vp_buf_adds(out, "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax");
    if (secure) vp_buf_adds(out, "; Secure");
}

/* Disjoint parts of one MAC tell nothing of each other. */
void polls_voter_mark(const uint8_t poll_key[VP_SEAL_KEY], const polls_voter *v, polls_marks *out) {
    uint8_t mac[POLLS_VOTER_MARK + POLLS_BALLOT_MARK];
    vp_seal_mac(poll_key, vp_str_n(v->token, sizeof v->token), mac, sizeof mac);
    memcpy(out->voter, mac, sizeof out->voter);
    memcpy(out->ballot, mac + sizeof out->voter, sizeof out->ballot);
}

/* Longer than a voter's token alone, so never the same message. */
void polls_ballot_marks(const uint8_t poll_key[VP_SEAL_KEY], const polls_voter *v, vp_str choices,
                        vp_str idempotency_key, polls_marks *out) {
    char message[POLLS_VOTER_TOKEN + POLLS_CHOICES_TEXT_MAX + 1 + VP_FIELD_MAX], *p = message;
    assert(choices.n <= POLLS_CHOICES_TEXT_MAX && idempotency_key.n <= VP_FIELD_MAX);
    p = mempcpy(p, v->token, sizeof v->token);
    p = mempcpy(p, choices.p, choices.n);
    *p++ = '\0';
    if (idempotency_key.n) p = mempcpy(p, idempotency_key.p, idempotency_key.n);
    polls_voter_mark(poll_key, v, out);
    vp_seal_mac(poll_key, vp_str_n(message, (size_t)(p - message)), out->request,
                sizeof out->request);
}

void polls_ballot_id(vp_str poll_id, const uint8_t ballot[POLLS_BALLOT_MARK],
                     char out[VP_ULID_LEN + 1]) {
    uint8_t bytes[VP_ULID_BYTES];
    uint64_t ms = (uint64_t)vp_ulid_ms(poll_id);
    for (int i = 0; i < 6; i++) bytes[i] = (uint8_t)(ms >> (8 * (5 - i)));
    memcpy(bytes + 6, ballot, POLLS_BALLOT_MARK);
    vp_ulid_text(bytes, out);
}
