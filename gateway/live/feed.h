/* feed.h - states as the services publish them: one SUB socket connected to every live publisher.
 * Of public topics it takes all that services announce, of sealed ones only those that it is told.
 * Belongs to the hub's thread. What is lost here, the catch-up brings.
 * SPDX-License-Identifier: MIT */
#ifndef LIVE_FEED_H
#define LIVE_FEED_H

#include <event2/event.h>

#include "services.h"

typedef struct feed feed;

typedef struct feed_options {
    struct event_base *base;
    void *zmq;
    vp_curve *curve; /* see bus_new */
    bus *bus;
    services *services;
    void (*on_state)(void *user, const vp_topic_state *s); /* the state is borrowed */
    void *user;
} feed_options;

VP_CHECKED vp_err feed_new(feed **out, const feed_options *options, vp_fault *why);
void feed_destroy(feed **self_p);
/* Connects to new publishers, leaves those that are gone; looks at the socket. At least every
 * 100 ms. */
void feed_tick(feed *self);
/* Begins or ends to take a sealed topic: as often the one as the other. */
void feed_take(feed *self, vp_str topic, bool on);

#endif
