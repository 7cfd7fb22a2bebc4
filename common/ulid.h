/* ulid.h - identifiers that sort by time: 48 bits of milliseconds, 80 random bits, written as
 * 26 Crockford base-32 characters (ULID specification). SPDX-License-Identifier: MIT */
#ifndef VP_ULID_H
#define VP_ULID_H

#include "buf.h"

enum { VP_ULID_LEN = 26, VP_ULID_BYTES = 16 };

/* Unguessable (libsodium). ms: Unix milliseconds, 0 to 2^48-1. out is NUL-terminated. */
void vp_ulid_make(int64_t ms, char out[VP_ULID_LEN + 1]);
/* Unique but guessable, and much cheaper: for request ids. One system call per thread, ever. */
void vp_ulid_fast(int64_t ms, uint8_t out[VP_ULID_BYTES]);
void vp_ulid_text(const uint8_t bytes[VP_ULID_BYTES], char out[VP_ULID_LEN + 1]);
/* The other way; of a valid one. */
void vp_ulid_bytes(vp_str s, uint8_t out[VP_ULID_BYTES]);
/* Exactly 26 characters of the upper-case alphabet, first one 0-7. */
bool vp_ulid_valid(vp_str s);
int64_t vp_ulid_ms(vp_str s); /* of a valid one */

#endif
