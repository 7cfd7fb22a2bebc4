/* streams.h - the connections: each one is a request's head, then a stream of frames until it ends.
 * Belongs to the hub's thread. A stream holds no copy of any frame: what it still has to get is a
 * set of its topics, so a slow reader costs nothing and gets only the newest state of each. What a
 * ticket unseals is decided once, at the beginning; such a stream ends with its ticket. Bounded
 * in number, by address, by the time a head may take and by the time a reader may be stuck.
 * SPDX-License-Identifier: MIT */
#ifndef LIVE_STREAMS_H
#define LIVE_STREAMS_H

#include <event2/event.h>

#include "board.h"
#include "keyring.h"

enum {
    STREAMS_HEAD_MS = 3000,   /* a request's head has to be there within */
    STREAMS_BEAT_MS = 15000,  /* a comment line shows that the stream lives */
    STREAMS_STUCK_MS = 30000, /* a reader that takes nothing for so long is given up */
    STREAMS_END_MS = 1000,    /* an answer is given so long to arrive */
    STREAMS_RETRY_MS = 2000   /* what watchers are told about coming back */
};

typedef struct streams streams;

/* Who comes in by which listener. */
typedef enum streams_door { STREAMS_PUBLIC = 1, STREAMS_ADMIN = 2 } streams_door;

typedef struct streams_options {
    struct event_base *base;
    bus *bus; /* its clock is that of tickets */
    keyring *keyring;
    board *board;
    int watchers_max, per_address; /* per_address 0: no bound */
    const char *trusted_proxies;
} streams_options;

VP_CHECKED vp_err streams_new(streams **out, const streams_options *options, vp_fault *why);
void streams_destroy(streams **self_p); /* closes what is open */

void streams_accept(streams *self, evutil_socket_t fd, streams_door door); /* takes fd */
void streams_changed(streams *self, board_topic *t);                       /* t->frame is new */
void streams_counted(streams *self, board_topic *t); /* some watches are owed t->number */
void streams_tick(streams *self, int64_t now);       /* at least every 100 ms */
/* Tells every watcher to come back after a time of its own, and closes all. */
void streams_farewell(streams *self);

#endif
