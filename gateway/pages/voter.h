/* voter.h - the cookie that makes a reader without JavaScript a voter. It is set when voting, never
 * before: the form's POST is answered with the cookie and a 307 to itself, and the browser repeats
 * it. SPDX-License-Identifier: MIT */
#ifndef PAGES_VOTER_H
#define PAGES_VOTER_H

#include "keys.h"
#include "reply.h"
#include "request.h"

/* The cookie of a voter that our key has signed; absent if there is none. VP_EAWAY and the like
 * where the key cannot be learned now. */
VP_CHECKED vp_err voter_cookie(keys *k, bus *b, const http_request *r, int64_t timeout_ms,
                               vp_str *out);
/* Set-Cookie with a new voter; embed: of a frame on another site. The errors of voter_cookie. */
VP_CHECKED vp_err voter_invite(keys *k, bus *b, const http_request *r, int64_t timeout_ms,
                               bool embed, http_reply *p);

#endif
