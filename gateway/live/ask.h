/* ask.h - calls to services from the hub's thread, whose ends come back to that thread.
 * All are SYNC and may be done twice; what has no answer its owner asks again in its own time.
 * SPDX-License-Identifier: MIT */
#ifndef LIVE_ASK_H
#define LIVE_ASK_H

#include <event2/event.h>

#include "bus.h"

enum { ASK_MS = 1500 }; /* the longest wait for an answer */

typedef struct asker asker;
typedef struct ask ask;

/* One call; a member of what its owner keeps of it. */
struct ask {
    bus_call call;
    vp_buf body;              /* what is asked; the owner fills it before ask_submit */
    void (*answered)(ask *a); /* afterwards the ask is the owner's again */
    void *user;
    vp_buf head;
    asker *home;
    ask *next;
};

VP_CHECKED vp_err asker_new(asker **out, struct event_base *base, bus *bus, vp_fault *why);
/* After bus_destroy, which ends all calls: hands back what has ended. */
void asker_destroy(asker **self_p);

void ask_init(ask *a, vp_str path, size_t body_max);
void ask_submit(asker *self, ask *a, const char *service); /* service outlives the ask */
int ask_status(const ask *a);                              /* of the answer or of its absence */
void ask_release(ask *a);

#endif
