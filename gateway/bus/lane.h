/* lane.h - calls that wait until an instance of their service has room: a queue for each service,
 * first come, first served. A call that is in a lane belongs to it, and is in no other list; lanes
 * belong to the dispatcher's thread. SPDX-License-Identifier: MIT */
#ifndef BUS_LANE_H
#define BUS_LANE_H

#include "bus.h"

enum {
    BUS_LANES = 16,     /* services that calls wait for at once; for one more they do not wait */
    BUS_LANE_MS = 500,  /* nobody waits for longer, */
    BUS_LANE_SHARE = 2, /* nor for more than this part of his time: the rest is the service's */
};

typedef struct bus_lane {
    char service[24];
    bus_call *first, *last;
    int n;
} bus_lane;

typedef struct bus_lanes {
    bus_lane lane[BUS_LANES]; /* an empty one is anybody's */
    int n;                    /* calls in all */
} bus_lanes;

/* The lane of a service in which somebody waits; NULL: nobody does. */
bus_lane *bus_lane_find(bus_lanes *l, const char *service);
/* At the end of its lane; false: there is no lane left. */
bool bus_lane_add(bus_lanes *l, bus_call *call, int64_t now_ms);
/* Takes a call out, wherever in its lane it stands. */
void bus_lane_remove(bus_lanes *l, bus_call *call);
/* Has the call waited for as long as it may? */
bool bus_lane_over(const bus_call *call, int64_t now_ms);

#endif
