/* codes.h - invitation codes: the number of a code and a MAC of it under the poll's key, so that
 * none has to be kept, all can be listed again while the poll has its key, and none of another poll
 * is taken. Written in groups of Crockford's base 32, 0000-00000-00000: 20 bits of number, 50 of
 * MAC. Pure. SPDX-License-Identifier: MIT */
#ifndef POLLS_CODES_H
#define POLLS_CODES_H

#include "voters.h"

enum { POLLS_CODE_LEN = 16, POLLS_CODES_MAX = 100000 /* of a poll; CODES_MAX of journal.lua */ };

typedef struct polls_codes {
    uint8_t mac_key[VP_SEAL_KEY], voter_key[VP_SEAL_KEY];
} polls_codes;

void polls_codes_of(polls_codes *out, const uint8_t poll_key[VP_SEAL_KEY]);
/* number: 1 to POLLS_CODES_MAX. */
void polls_code_write(const polls_codes *c, uint32_t number, char out[POLLS_CODE_LEN + 1]);
/* Any case; hyphens and blanks do not matter; O is 0, I and L are 1. VP_EDENIED: none of ours. */
VP_CHECKED vp_err polls_code_read(const polls_codes *c, vp_str text, uint32_t *number);
void polls_code_voter(const polls_codes *c, uint32_t number, polls_voter *out);

#endif
