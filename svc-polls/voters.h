/* voters.h - who a voter is: 16 bytes, by what the poll asks for. A cookie carries them, signed;
 * where there is none they are made from the Idempotency-Key; or from the account; or from an
 * invitation code. What is kept of a voter is made with a key of the poll, so that polls cannot be
 * joined, and the request's MAC takes the voter's bytes in, which nobody keeps: what a voter chose
 * cannot be tried out. Pure. SPDX-License-Identifier: MIT */
#ifndef POLLS_VOTERS_H
#define POLLS_VOTERS_H

#include "seal.h"
#include "ulid.h"

enum {
    POLLS_VOTER_TOKEN = 16,
    POLLS_VOTER_MARK = 12, /* in the poll's hashes of voters */
    POLLS_REQUEST_MARK = 8,
    POLLS_BALLOT_MARK = 10, /* a ballot's id without the time of its poll, in the journal */
    POLLS_ADDRESS_MARK = 8,
    POLLS_COOKIE_MAX = 240
};

/* Who may vote. */
typedef enum polls_voting {
    POLLS_FOR_ALL,
    POLLS_LIMITED, /* for all, but so many new ballots of an address prefix and day */
    POLLS_BY_ACCOUNT,
    POLLS_BY_CODE,
    POLLS_VOTING_COUNT
} polls_voting;

const char *polls_voting_word(polls_voting v);
polls_voting polls_voting_of(vp_str word); /* POLLS_FOR_ALL when it is absent or none */

/* The site's keys for voters; follows the site's key. Zeroed at first. */
typedef struct polls_voter_keys {
    uint8_t site[VP_SEAL_KEY], cookie[VP_SEAL_KEY], from_key[VP_SEAL_KEY],
        from_account[VP_SEAL_KEY], ticket[VP_SEAL_KEY];
} polls_voter_keys;
void polls_voter_keys_from(polls_voter_keys *keys, const uint8_t site[VP_SEAL_KEY]);

/* What a request brings; each may be absent. */
typedef struct polls_bearer {
    vp_str cookie, idempotency_key, account, code;
} polls_bearer;

typedef struct polls_voter {
    uint8_t token[POLLS_VOTER_TOKEN];
    bool needs_cookie; /* made from the Idempotency-Key: the answer sets the cookie */
} polls_voter;

/* poll_key: of the poll's MACs. VP_EAUTH: an account is needed; VP_EINVAL: a code is; VP_EDENIED:
 * nothing names a voter, or the code is none of this poll. */
VP_CHECKED vp_err polls_voter_of(const polls_voter_keys *keys, polls_voting voting,
                                 const uint8_t poll_key[VP_SEAL_KEY], const polls_bearer *b,
                                 polls_voter *out);
/* The value of Set-Cookie. embed: the cookie for a page inside another site's, which browsers only
 * take with Secure. */
void polls_voter_cookie(const polls_voter_keys *keys, const polls_voter *v, bool secure, bool embed,
                        vp_buf *out);

typedef struct polls_marks {
    uint8_t voter[POLLS_VOTER_MARK], ballot[POLLS_BALLOT_MARK];
    uint8_t request[POLLS_REQUEST_MARK + 1]; /* one byte more of a request with a key */
    size_t request_n;
} polls_marks;

void polls_voter_mark(const uint8_t poll_key[VP_SEAL_KEY], const polls_voter *v, polls_marks *out);
/* Also with the marks of one request; choices are empty when the ballot is withdrawn. */
void polls_ballot_marks(const uint8_t poll_key[VP_SEAL_KEY], const polls_voter *v, vp_str choices,
                        vp_str idempotency_key, polls_marks *out);
/* The public id of a ballot: the poll's time and the mark. poll_id: a valid ULID. */
void polls_ballot_id(vp_str poll_id, const uint8_t ballot[POLLS_BALLOT_MARK],
                     char out[VP_ULID_LEN + 1]);
/* What counts toward the cap of an address prefix: a MAC that is another one each day (Redis ms).
 */
void polls_address_mark(const uint8_t poll_key[VP_SEAL_KEY], vp_str address, int64_t now_ms,
                        uint8_t out[POLLS_ADDRESS_MARK]);

#endif
