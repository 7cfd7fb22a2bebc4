/* ticket.c - see ticket.h. The payload is the ULID's 16 bytes and the expiry, 8 bytes big-endian.
 * SPDX-License-Identifier: MIT */
#include "ticket.h"

enum { EXPIRY_BYTES = 8, PAYLOAD = VP_ULID_BYTES + EXPIRY_BYTES, SEALED_MAX = 64 };

void vp_ticket_write(const uint8_t key[VP_SEAL_KEY], vp_str subject, int64_t expires_ms,
                     vp_buf *out) {
    uint8_t payload[PAYLOAD];
    vp_ulid_bytes(subject, payload);
    for (int i = 0; i < EXPIRY_BYTES; i++)
        payload[VP_ULID_BYTES + i] = (uint8_t)((uint64_t)expires_ms >> (56 - 8 * i));
    vp_seal_sign(key, vp_str_n(payload, sizeof payload), out);
}

vp_err vp_ticket_read(const uint8_t key[VP_SEAL_KEY], vp_str token, int64_t now_ms,
                      char subject[VP_ULID_LEN + 1], int64_t *expires_ms) {
    uint8_t payload[SEALED_MAX];
    uint64_t expires = 0;
    size_t n;
    if (token.n != VP_TICKET_TEXT || vp_seal_open(key, token, payload, &n) || n != PAYLOAD)
        return VP_EDENIED;
    for (int i = 0; i < EXPIRY_BYTES; i++) expires = expires << 8 | payload[VP_ULID_BYTES + i];
    if (expires > INT64_MAX) return VP_EDENIED;
    vp_ulid_text(payload, subject);
    *expires_ms = (int64_t)expires;
    return now_ms < *expires_ms ? VP_OK : VP_ESTALE;
}
