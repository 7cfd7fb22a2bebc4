/* services.h - which service answers for the topics of a prefix, and what it can be asked. Learned
 * from what instances announce; kept while they are away. Belongs to the hub's thread.
 * SPDX-License-Identifier: MIT */
#ifndef LIVE_SERVICES_H
#define LIVE_SERVICES_H

#include "bus.h"
#include "topic.h"

enum { SERVICES_PREFIXES = 32 };

/* What a service may be asked by SYNC. */
typedef enum services_path {
    SERVICES_TOPICS,
    SERVICES_TICKET_KEY,
    SERVICES_WATCHERS,
    SERVICES_PATHS
} services_path;

typedef struct services_row {
    char prefix[VP_TOPIC_NAME_MAX + 1], service[24];
    int64_t body_max[SERVICES_PATHS]; /* -1: not announced */
} services_row;

typedef struct services {
    bus *bus;
    uint64_t generation;
    int n; /* only grows */
    services_row row[SERVICES_PREFIXES];
} services;

void services_init(services *s, bus *bus);
void services_tick(services *s); /* looks for news; at least every 100 ms */
/* Who answers for a topic, sealed or not; NULL: nobody yet. Rows keep their place. */
const services_row *services_of(const services *s, vp_str topic);
vp_str services_path_text(services_path which);

#endif
