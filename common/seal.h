/* seal.h - MACs and signed tokens over libsodium (BLAKE2b keyed hashing).
 * Keys are VP_SEAL_KEY bytes; a purpose ("voter", "edit", "ticket") keeps the uses of one site
 * key apart. SPDX-License-Identifier: MIT */
#ifndef VP_SEAL_H
#define VP_SEAL_H

#include "buf.h"

enum { VP_SEAL_KEY = 32, VP_SEAL_MAC = 16, VP_SEAL_TEXT = 22 };

VP_CHECKED vp_err vp_seal_init(void); /* once per process, before anything else here */
void vp_seal_random(void *out, size_t n);
/* A key for one purpose (and, may be absent, one subject such as a poll id) from the site key. */
void vp_seal_derive(const uint8_t site_key[VP_SEAL_KEY], const char *purpose, vp_str subject,
                    uint8_t out[VP_SEAL_KEY]);
/* n: 8 to 32 bytes of MAC. */
void vp_seal_mac(const uint8_t key[VP_SEAL_KEY], vp_str message, uint8_t *out, size_t n);
void vp_seal_hash(vp_str message, uint8_t *out, size_t n); /* unkeyed, n 8..32 */
/* base64url without padding; out holds (n*4+2)/3 + 1. */
void vp_seal_base64(const uint8_t *p, size_t n, char *out);
VP_CHECKED vp_err vp_seal_unbase64(vp_str text, uint8_t *out, size_t max, size_t *n);
/* A signed token "BASE64(payload).BASE64(mac)"; payload up to 64 bytes. Whatever this key did not
 * sign opens to VP_EDENIED, and payload is left alone. */
void vp_seal_sign(const uint8_t key[VP_SEAL_KEY], vp_str payload, vp_buf *out);
VP_CHECKED vp_err vp_seal_open(const uint8_t key[VP_SEAL_KEY], vp_str token, uint8_t payload[64],
                               size_t *n);
bool vp_seal_equal(vp_str a, vp_str b); /* in constant time for equal lengths */

#endif
