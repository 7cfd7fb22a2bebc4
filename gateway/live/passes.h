/* passes.h - when streams with tickets end: a wheel of seconds, so that a stream costs one entry of
 * its own and no timer, and each tick looks only at the seconds that have passed. Pure: no clock,
 * and of a stream only its address. SPDX-License-Identifier: MIT */
#ifndef LIVE_PASSES_H
#define LIVE_PASSES_H

#include <stdint.h>
#include <sys/queue.h>

#include "ticket.h"

enum {
    PASSES_SLOT_MS = 1000,         /* how much later than its time a pass may end, and a tick */
    PASSES_MOST_MS = VP_TICKET_MS, /* longer ones are cut */
    PASSES_SLOTS = 1024 /* seconds: as many as that and 2 minutes in which nobody might look */
};

struct live_stream;

typedef struct live_pass {
    LIST_ENTRY(live_pass) link;
    struct live_stream *stream;
} live_pass;

LIST_HEAD(pass_list, live_pass);

typedef struct passes {
    int64_t second; /* all up to and with this one are done */
    struct pass_list slot[PASSES_SLOTS];
} passes;

void passes_init(passes *self, int64_t now_ms);
live_pass *passes_add(passes *self, struct live_stream *stream, int64_t now_ms, int64_t left_ms);
void passes_end(live_pass **p_p); /* NULL-safe; frees it and sets *p_p to NULL */
/* The stream of one pass whose time is over; its owner ends the pass. NULL: there is none more. */
struct live_stream *passes_due(passes *self, int64_t now_ms);

#endif
