/* places.h - where a page of the journal begins. Entries of the journal are named by their time,
 * which nobody is to learn beside a ballot, so a place is one block under a key: it tells nothing,
 * and none can be made up. Pure. SPDX-License-Identifier: MIT */
#ifndef POLLS_PLACES_H
#define POLLS_PLACES_H

#include "seal.h"

enum { POLLS_ENTRY_MAX = 48, POLLS_PLACE_TEXT = 22 };

typedef struct polls_place {
    char entry[POLLS_ENTRY_MAX]; /* "1732429251000-0", read to its end; empty: none yet */
    int skip;                    /* ballots of the next entry that were read already */
} polls_place;

/* A key for the places of one poll. */
void polls_place_key(const uint8_t site_key[VP_SEAL_KEY], vp_str poll_id, uint8_t key[VP_SEAL_KEY]);
/* VP_EPROTO when the entry has no such name. */
VP_CHECKED vp_err polls_place_write(const uint8_t key[VP_SEAL_KEY], const polls_place *p,
                                    char out[POLLS_PLACE_TEXT + 1]);
/* VP_EINVAL for what this key did not write. */
VP_CHECKED vp_err polls_place_read(const uint8_t key[VP_SEAL_KEY], vp_str text, polls_place *out);

#endif
