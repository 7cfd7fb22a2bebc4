/* ask.h - one call of a page to a service: its path is put together, it is started, and later
 * waited for; so a page starts all its calls and then waits for each. SPDX-License-Identifier: MIT
 */
#ifndef PAGES_ASK_H
#define PAGES_ASK_H

#include <jansson.h>

#include "forward.h"

typedef struct ask {
    forward_call call;
    vp_buf path, query, body;
    vp_str voter, idempotency_key; /* borrowed; absent unless set before it is started */
    bool started;
} ask;

/* The path: before, then name percent-encoded, then after. */
void ask_init(ask *a, const char *before, vp_str name, const char *after);
void ask_release(ask *a); /* also of one that runs (waits for it) or was never started */
/* Adds a query parameter; nothing if value is absent. */
void ask_param(ask *a, const char *name, vp_str value);

void ask_get(ask *a, bus *b, const http_request *r, int64_t timeout_ms);
void ask_delete(ask *a, bus *b, const http_request *r, int64_t timeout_ms);
void ask_post(ask *a, bus *b, const http_request *r, const json_t *body, int64_t timeout_ms);

/* Waits. The answer's status, or that of a call that failed (502, 503, 504). *out is a new
 * reference, NULL where the answer has no readable JSON; a 200 or 201 without is a 502. out may be
 * NULL. */
int ask_wait(ask *a, json_t **out);
/* After ask_wait: a field of the answer's head (VP_F_LOCATION, VP_F_SET_COOKIE), absent if none. */
vp_str ask_field(const ask *a, vp_field field);

#endif
