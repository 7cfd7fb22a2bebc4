/* ticket.h - a ticket for a live stream: who holds one may watch the sealed state of its subject (a
 * ULID, such as that of a poll) until it expires. Signed by the service that owns the subject, read
 * by voxpop-live; both have the same key. Stateless: nothing is kept of a ticket.
 * SPDX-License-Identifier: MIT */
#ifndef VP_TICKET_H
#define VP_TICKET_H

#include "seal.h"
#include "ulid.h"

enum {
    VP_TICKET_MS = 15 * 60 * 1000,         /* how long one is good */
    VP_TICKET_TEXT = 32 + 1 + VP_SEAL_TEXT /* of ULID and expiry, and of the MAC */
};

/* Appends VP_TICKET_TEXT characters of base64url and one dot; subject is a valid ULID. */
void vp_ticket_write(const uint8_t key[VP_SEAL_KEY], vp_str subject, int64_t expires_ms,
                     vp_buf *out);
/* Times are Unix milliseconds. VP_EDENIED: not signed with this key, or no ticket, and nothing is
 * set; VP_ESTALE: signed, but now_ms is not before its expiry. */
VP_CHECKED vp_err vp_ticket_read(const uint8_t key[VP_SEAL_KEY], vp_str token, int64_t now_ms,
                                 char subject[VP_ULID_LEN + 1], int64_t *expires_ms);

#endif
