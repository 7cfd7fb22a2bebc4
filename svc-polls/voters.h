/* voters.h - who a voter is: 16 random bytes in a signed cookie, or the same number of bytes made
 * from an Idempotency-Key. What is kept of a voter is made with a key of the poll, so that polls
 * cannot be joined, and the request's MAC takes the voter's bytes in, which nobody keeps: what a
 * voter chose cannot be tried out. Pure. SPDX-License-Identifier: MIT */
#ifndef POLLS_VOTERS_H
#define POLLS_VOTERS_H

#include "seal.h"
#include "ulid.h"

enum {
    POLLS_VOTER_TOKEN = 16,
    POLLS_VOTER_MARK = 12, /* in the poll's hash of voters */
    POLLS_REQUEST_MARK = 8,
    POLLS_BALLOT_MARK = 10, /* a ballot's id without the time of its poll, in the journal */
    POLLS_COOKIE_MAX = 200
};

/* The site's keys for voters; follows the site's key. Zeroed at first. */
typedef struct polls_voter_keys {
    uint8_t site[VP_SEAL_KEY], cookie[VP_SEAL_KEY], from_key[VP_SEAL_KEY];
} polls_voter_keys;
void polls_voter_keys_from(polls_voter_keys *keys, const uint8_t site[VP_SEAL_KEY]);

typedef struct polls_voter {
    uint8_t token[POLLS_VOTER_TOKEN];
    bool by_cookie; /* or else by Idempotency-Key: the answer sets the cookie */
} polls_voter;

/* Either text may be absent. VP_EDENIED: neither names a voter. */
VP_CHECKED vp_err polls_voter_of(const polls_voter_keys *keys, vp_str cookie,
                                 vp_str idempotency_key, polls_voter *out);
/* The value of Set-Cookie. */
void polls_voter_cookie(const polls_voter_keys *keys, const polls_voter *v, bool secure,
                        vp_buf *out);

typedef struct polls_marks {
    uint8_t voter[POLLS_VOTER_MARK], ballot[POLLS_BALLOT_MARK], request[POLLS_REQUEST_MARK];
} polls_marks;

void polls_voter_mark(const uint8_t poll_key[VP_SEAL_KEY], const polls_voter *v, polls_marks *out);
/* Also with the marks of one ballot. */
void polls_ballot_marks(const uint8_t poll_key[VP_SEAL_KEY], const polls_voter *v, vp_str choices,
                        vp_str idempotency_key, polls_marks *out);
/* The public id of a ballot: the poll's time and the mark. poll_id: a valid ULID. */
void polls_ballot_id(vp_str poll_id, const uint8_t ballot[POLLS_BALLOT_MARK],
                     char out[VP_ULID_LEN + 1]);

#endif
