/* forward.h - a request to the service that announced its route, and the answer back.
 * SPDX-License-Identifier: MIT */
#ifndef FORWARD_H
#define FORWARD_H

#include "bus.h"
#include "reply.h"
#include "request.h"

/* Routes, reads the body, calls, and fills the reply (also with 404, 405, 413, 502, 503, 504). */
void forward_request(bus *b, http_request *r, http_reply *p, int64_t timeout_ms);

/* For pages: a call of our own on behalf of the request (its actor, id, base URL). head and context
 * are built into f; submit several, then wait for each. */
typedef struct forward_call {
    bus_call call;
    vp_buf head, context;
} forward_call;
/* method "GET", "POST" or, between processes, "LOOK"; body borrowed. extra: more head fields, may be
 * NULL (VP_F_IDEMPOTENCY_KEY, VP_F_VOTER...), indexed by tag. Starts the call. */
void forward_start(forward_call *f, bus *b, const http_request *r, vp_str method, vp_str path,
                   vp_str query, vp_str body, const vp_str *extra, int64_t timeout_ms);
/* Waits. VP_OK: a reply of any status is in f->call.reply. */
VP_CHECKED vp_err forward_finish(forward_call *f);
void forward_release(forward_call *f);
/* Fills a reply from a finished call: fields, status, body (borrowed from f). */
void forward_reply(const forward_call *f, const http_request *r, http_reply *p);

#endif
