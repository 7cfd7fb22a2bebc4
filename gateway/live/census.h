/* census.h - how many watch: every CENSUS_MS each service that wants to know is told how many
 * watchers its topics have here, and answers how many they have at all hubs together, which the
 * watchers are told. Method SYNC, path /watchers: a line with this hub's id, then lines "TOPIC N";
 * the answer is {"watchers": {TOPIC: N…}}. A topic's sealed twin counts with it. Each round says
 * all that is not zero anew, so what a service keeps of a hub may end by itself soon after the hub.
 * Belongs to the hub's thread. SPDX-License-Identifier: MIT */
#ifndef LIVE_CENSUS_H
#define LIVE_CENSUS_H

#include "ask.h"
#include "board.h"
#include "services.h"

enum {
    CENSUS_MS = 5000,
    CENSUS_TOPICS = 512, /* in one call */
    CENSUS_CALLS = 128   /* in one round: the whole board */
};

typedef struct census census;

typedef struct census_options {
    struct event_base *base;
    asker *asker;
    const services *services;
    board *board;
} census_options;

VP_CHECKED vp_err census_new(census **out, const census_options *options, vp_fault *why);
void census_destroy(census **self_p); /* after asker_destroy */

#endif
