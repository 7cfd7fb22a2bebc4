/* voters.c - see voters.h. SPDX-License-Identifier: MIT */
#include "voters.h"

#include <assert.h>
#include <stdio.h>

#include "choices.h"
#include "codes.h"
#include "envelope.h"

enum { DAY_MS = 24 * 60 * 60 * 1000, PAYLOAD_MAX = 64 };

static const vp_str voting_words[POLLS_VOTING_COUNT] = {
    [POLLS_FOR_ALL] = VP_STR_INIT("open"),
    [POLLS_LIMITED] = VP_STR_INIT("limited"),
    [POLLS_BY_ACCOUNT] = VP_STR_INIT("account"),
    [POLLS_BY_CODE] = VP_STR_INIT("code"),
};

const char *polls_voting_word(polls_voting v) {
    return voting_words[v].p;
}

polls_voting polls_voting_of(vp_str word) {
    for (int i = 0; i < POLLS_VOTING_COUNT; i++)
        if (vp_str_eq(word, voting_words[i])) return (polls_voting)i;
    return POLLS_FOR_ALL;
}

void polls_voter_keys_from(polls_voter_keys *keys, const uint8_t site[VP_SEAL_KEY]) {
    if (!memcmp(keys->site, site, VP_SEAL_KEY)) return;
    memcpy(keys->site, site, VP_SEAL_KEY);
    vp_seal_derive(site, "voter", (vp_str){NULL, 0}, keys->cookie);
    vp_seal_derive(site, "voter-from-key", (vp_str){NULL, 0}, keys->from_key);
    vp_seal_derive(site, "voter-from-account", (vp_str){NULL, 0}, keys->from_account);
    vp_seal_derive(site, "ticket", (vp_str){NULL, 0}, keys->ticket);
}

/* -- the voter ---------------------------------------------------------------------------- */

static vp_err by_cookie(const polls_voter_keys *keys, const polls_bearer *b, polls_voter *out) {
    uint8_t payload[PAYLOAD_MAX];
    size_t n;
    if (b->cookie.n && !vp_seal_open(keys->cookie, b->cookie, payload, &n) &&
        n == sizeof out->token) {
        memcpy(out->token, payload, sizeof out->token);
        return VP_OK;
    }
    if (b->idempotency_key.n == 0) return VP_EDENIED;
    vp_seal_mac(keys->from_key, b->idempotency_key, out->token, sizeof out->token);
    out->needs_cookie = true;
    return VP_OK;
}

static vp_err by_account(const polls_voter_keys *keys, const polls_bearer *b, polls_voter *out) {
    if (b->account.n == 0) return VP_EAUTH;
    vp_seal_mac(keys->from_account, b->account, out->token, sizeof out->token);
    return VP_OK;
}

static vp_err by_code(const uint8_t poll_key[VP_SEAL_KEY], const polls_bearer *b,
                      polls_voter *out) {
    polls_codes codes;
    uint32_t number;
    if (b->code.n == 0) return VP_EINVAL;
    polls_codes_of(&codes, poll_key);
    if (polls_code_read(&codes, b->code, &number)) return VP_EDENIED;
    polls_code_voter(&codes, number, out);
    return VP_OK;
}

vp_err polls_voter_of(const polls_voter_keys *keys, polls_voting voting,
                      const uint8_t poll_key[VP_SEAL_KEY], const polls_bearer *b,
                      polls_voter *out) {
    out->needs_cookie = false;
    if (voting == POLLS_BY_ACCOUNT) return by_account(keys, b, out);
    return voting == POLLS_BY_CODE ? by_code(poll_key, b, out) : by_cookie(keys, b, out);
}

void polls_voter_cookie(const polls_voter_keys *keys, const polls_voter *v, bool secure, bool embed,
                        vp_buf *out) {
    vp_buf_adds(out, embed ? "voxpop_embed=" : "voxpop_voter=");
    vp_seal_sign(keys->cookie, vp_str_n(v->token, sizeof v->token), out);
    vp_buf_adds(out, "; Path=/; Max-Age=31536000; HttpOnly; SameSite=");
    vp_buf_adds(out, embed ? "None; Secure; Partitioned" : secure ? "Lax; Secure" : "Lax");
}

/* -- marks -------------------------------------------------------------------------------- */

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
    if (choices.n) p = mempcpy(p, choices.p, choices.n);
    *p++ = '\0';
    if (idempotency_key.n) p = mempcpy(p, idempotency_key.p, idempotency_key.n);
    polls_voter_mark(poll_key, v, out);
    vp_seal_mac(poll_key, vp_str_n(message, (size_t)(p - message)), out->request,
                POLLS_REQUEST_MARK);
    out->request[POLLS_REQUEST_MARK] = 'k';
    out->request_n = POLLS_REQUEST_MARK + (idempotency_key.n > 0);
}

void polls_ballot_id(vp_str poll_id, const uint8_t ballot[POLLS_BALLOT_MARK],
                     char out[VP_ULID_LEN + 1]) {
    uint8_t bytes[VP_ULID_BYTES];
    uint64_t ms = (uint64_t)vp_ulid_ms(poll_id);
    for (int i = 0; i < 6; i++) bytes[i] = (uint8_t)(ms >> (8 * (5 - i)));
    memcpy(bytes + 6, ballot, POLLS_BALLOT_MARK);
    vp_ulid_text(bytes, out);
}

void polls_address_mark(const uint8_t poll_key[VP_SEAL_KEY], vp_str address, int64_t now_ms,
                        uint8_t out[POLLS_ADDRESS_MARK]) {
    char day[32];
    uint8_t salt[VP_SEAL_KEY];
    snprintf(day, sizeof day, "%lld", (long long)(now_ms / DAY_MS));
    vp_seal_derive(poll_key, "address", vp_str_of(day), salt);
    vp_seal_mac(salt, address, out, POLLS_ADDRESS_MARK);
}
