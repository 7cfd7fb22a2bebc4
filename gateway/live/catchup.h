/* catchup.h - asks services for states that did not come by themselves: every CATCHUP_MS for what
 * is newer of all topics on the board, and at once for topics of which nothing is known. One call
 * asks for up to CATCHUP_TOPICS topics: method SYNC, path /topics, lines "TOPIC VERSION" (0: I
 * have none); the answer is {"states": [{topic, version, event, data}…]}. A topic that is asked
 * for with 0 and not answered is unknown to its service. Belongs to the hub's thread.
 * SPDX-License-Identifier: MIT */
#ifndef LIVE_CATCHUP_H
#define LIVE_CATCHUP_H

#include "ask.h"
#include "board.h"
#include "services.h"

enum {
    CATCHUP_MS = 2000,
    CATCHUP_TOPICS = 512,
    CATCHUP_SOON_MS = 10,     /* what becomes wanted meanwhile is asked for together */
    CATCHUP_AGAIN_MS = 250,   /* a question without an answer is asked again */
    CATCHUP_NOBODY_MS = 3000, /* a prefix that nobody announces is unknown then */
};

typedef struct catchup catchup;

typedef struct catchup_options {
    struct event_base *base;
    bus *bus;
    asker *asker;
    services *services;
    board *board;
} catchup_options;

VP_CHECKED vp_err catchup_new(catchup **out, const catchup_options *options, vp_fault *why);
void catchup_destroy(catchup **self_p); /* after asker_destroy */

void catchup_tick(catchup *self); /* looks for new services; at least every 100 ms */
void catchup_soon(catchup *self); /* something is wanted */

#endif
