/* forward.h - a request to the service that announced its route, and the answer back.
 * SPDX-License-Identifier: MIT */
#ifndef FORWARD_H
#define FORWARD_H

#include "bus.h"
#include "reply.h"
#include "request.h"

/* A call on behalf of a request: its actor, id, base URL and the mark of its address go along. */
typedef struct forward_call {
    bus_call call;
    vp_buf head, context;
    char service[24];
    bool failed; /* it was not sent: call.err says why */
} forward_call;

/* The request itself: routes, reads the body, calls, waits, and fills the reply (also with 404,
 * 405, 413, 502, 503, 504). What the reply borrows is held by it. */
void forward_request(bus *b, http_request *r, http_reply *p, int64_t timeout_ms);

/* For pages: a call of our own; submit several, then wait for each. method: "GET", "POST" or,
 * between processes, "LOOK". extra: more head fields (VP_F_IDEMPOTENCY_KEY, VP_F_VOTER …), an array
 * of VP_FIELD_COUNT indexed by tag, or NULL. path, query and body are borrowed until
 * forward_finish. */
void forward_start(forward_call *f, bus *b, const http_request *r, vp_str method, vp_str path,
                   vp_str query, vp_str body, const vp_str *extra, int64_t timeout_ms);
/* To one instance and no other, without query or body. service, id and path are borrowed until
 * forward_finish. */
void forward_start_to(forward_call *f, bus *b, const http_request *r, const char *service,
                      const char *id, vp_str method, vp_str path, int64_t timeout_ms);
/* Waits. VP_OK: a reply of any status is in f->call.reply. */
VP_CHECKED vp_err forward_finish(forward_call *f);
void forward_release(forward_call *f);
/* The cookie that says who votes, unchecked: the site's own, or that of an embed on another site.
 */
vp_str forward_voter(const http_request *r);
/* Fills a reply from a finished call: fields, status, body (borrowed from f). */
void forward_reply(const forward_call *f, const http_request *r, http_reply *p);

#endif
