/* seal.c - see seal.h. SPDX-License-Identifier: MIT */
#include "seal.h"

#include <assert.h>

#include <sodium.h>

enum { HASH = 32, PAYLOAD_MAX = 64, BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

vp_err vp_seal_init(void) {
    return sodium_init() < 0 ? VP_ESYSTEM : VP_OK;
}

void vp_seal_random(void *out, size_t n) {
    randombytes_buf(out, n);
}

/* Always of 32 bytes, then cut: BLAKE2b itself gives no fewer than 16, and so a shorter MAC is
 * the beginning of a longer one. libsodium fails here on wrong sizes only. */
static void keyed_hash(const uint8_t *key, size_t key_size, vp_str message, uint8_t *out,
                       size_t n) {
    uint8_t full[HASH];
    assert(n >= 8 && n <= HASH);
    int rc =
        crypto_generichash(full, sizeof full, (const uint8_t *)message.p, message.n, key, key_size);
    assert(rc == 0);
    (void)rc;
    memcpy(out, full, n);
    sodium_memzero(full, sizeof full);
}

void vp_seal_derive(const uint8_t site_key[VP_SEAL_KEY], const char *purpose, vp_str subject,
                    uint8_t out[VP_SEAL_KEY]) {
    crypto_generichash_state state;
    crypto_generichash_init(&state, site_key, VP_SEAL_KEY, VP_SEAL_KEY);
    /* With its NUL, so that no purpose and subject can be read as another pair. */
    crypto_generichash_update(&state, (const uint8_t *)purpose, strlen(purpose) + 1);
    if (subject.n) crypto_generichash_update(&state, (const uint8_t *)subject.p, subject.n);
    crypto_generichash_final(&state, out, VP_SEAL_KEY);
    sodium_memzero(&state, sizeof state);
}

void vp_seal_mac(const uint8_t key[VP_SEAL_KEY], vp_str message, uint8_t *out, size_t n) {
    keyed_hash(key, VP_SEAL_KEY, message, out, n);
}

void vp_seal_hash(vp_str message, uint8_t *out, size_t n) {
    keyed_hash(NULL, 0, message, out, n);
}

void vp_seal_base64(const uint8_t *p, size_t n, char *out) {
    sodium_bin2base64(out, (n * 4 + 2) / 3 + 1, p, n, BASE64);
}

vp_err vp_seal_unbase64(vp_str text, uint8_t *out, size_t max, size_t *n) {
    /* libsodium 1.0.18 takes some bytes over 0x7F for characters of the alphabet. */
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] > 0x7F) return VP_EINVAL;
    int rc = sodium_base642bin(out, max, text.n ? text.p : "", text.n, NULL, n, NULL, BASE64);
    return rc ? VP_EINVAL : VP_OK;
}

void vp_seal_sign(const uint8_t key[VP_SEAL_KEY], vp_str payload, vp_buf *out) {
    uint8_t mac[VP_SEAL_MAC];
    char text[(PAYLOAD_MAX * 4 + 2) / 3 + 1];
    assert(payload.n <= PAYLOAD_MAX);
    vp_seal_mac(key, payload, mac, sizeof mac);
    vp_seal_base64((const uint8_t *)payload.p, payload.n, text);
    vp_buf_adds(out, text);
    vp_buf_addc(out, '.');
    vp_seal_base64(mac, sizeof mac, text);
    vp_buf_adds(out, text);
}

vp_err vp_seal_open(const uint8_t key[VP_SEAL_KEY], vp_str token, uint8_t payload[64], size_t *n) {
    uint8_t body[PAYLOAD_MAX], given[VP_SEAL_MAC], right[VP_SEAL_MAC];
    size_t body_size, mac_size;
    const char *dot = token.n ? memchr(token.p, '.', token.n) : NULL;
    if (!dot) return VP_EDENIED;
    vp_str head = {token.p, (size_t)(dot - token.p)}, tail = {dot + 1, token.n - head.n - 1};
    if (vp_seal_unbase64(head, body, sizeof body, &body_size)) return VP_EDENIED;
    if (vp_seal_unbase64(tail, given, sizeof given, &mac_size)) return VP_EDENIED;
    if (mac_size != sizeof given) return VP_EDENIED;
    vp_seal_mac(key, vp_str_n(body, body_size), right, sizeof right);
    if (sodium_memcmp(given, right, sizeof right) != 0) return VP_EDENIED;
    memcpy(payload, body, body_size);
    *n = body_size;
    return VP_OK;
}

bool vp_seal_equal(vp_str a, vp_str b) {
    return a.n == b.n && (a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0);
}
