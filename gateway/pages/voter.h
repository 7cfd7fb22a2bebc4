/* voter.h - the cookie that makes a reader without JavaScript a voter. It is set when voting, never
 * before: the form's POST is answered with the cookie and a 307 to itself, and the browser repeats
 * it. SPDX-License-Identifier: MIT */
#ifndef PAGES_VOTER_H
#define PAGES_VOTER_H

#include <pthread.h>

#include "bus.h"
#include "reply.h"
#include "request.h"
#include "seal.h"

/* The key that signs voters, learned from the accounts' loop at the first vote. */
typedef struct voter_key {
    pthread_mutex_t lock;
    bool known;
    uint8_t key[VP_SEAL_KEY];
} voter_key;

void voter_key_init(voter_key *k);
void voter_key_release(voter_key *k);

/* The cookie of a voter that our key has signed; absent if there is none. VP_EAWAY and the like
 * where the key cannot be learned now. */
VP_CHECKED vp_err voter_cookie(voter_key *k, bus *b, const http_request *r, int64_t timeout_ms,
                               vp_str *out);
/* Set-Cookie with a new voter; after voter_cookie. */
void voter_invite(voter_key *k, const http_request *r, http_reply *p);
/* The services do not know this key: it is learned anew. */
void voter_key_forget(voter_key *k);

#endif
