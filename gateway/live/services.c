/* services.c - see services.h. SPDX-License-Identifier: MIT */
#include "services.h"

#include <stdio.h>

static const vp_str paths[SERVICES_PATHS] = {
    [SERVICES_TOPICS] = VP_STR_INIT("/topics"),
    [SERVICES_TICKET_KEY] = VP_STR_INIT("/ticket-key"),
    [SERVICES_WATCHERS] = VP_STR_INIT("/watchers"),
};

vp_str services_path_text(services_path which) {
    return paths[which];
}

/* s->n when it is not there. */
static int find(const services *s, vp_str prefix) {
    int i = 0;
    while (i < s->n && !vp_str_eq(vp_str_of(s->row[i].prefix), prefix)) i++;
    return i;
}

static void take_routes(services_row *row, const vp_registry_record *r) {
    for (int i = 0; i < r->n_routes; i++)
        for (int k = 0; k < SERVICES_PATHS; k++)
            if (!strcmp(r->routes[i].method, "SYNC") &&
                vp_str_eq(vp_str_of(r->routes[i].pattern), paths[k]))
                row->body_max[k] = r->routes[i].body_max;
}

/* The first service that announces a prefix has it as long as this hub lives. */
static void add(services *s, vp_str prefix, const vp_registry_record *r) {
    int at = find(s, prefix);
    if (at == SERVICES_PREFIXES || prefix.n > VP_TOPIC_NAME_MAX) return;
    services_row *row = &s->row[at];
    if (at == s->n) {
        s->n++;
        *row = (services_row){0};
        memcpy(row->prefix, prefix.p, prefix.n);
        snprintf(row->service, sizeof row->service, "%s", r->service);
        for (int k = 0; k < SERVICES_PATHS; k++) row->body_max[k] = -1;
    }
    if (!strcmp(row->service, r->service)) take_routes(row, r);
}

static void see(void *services_, const vp_registry_record *r) {
    vp_str rest = vp_str_of(r->topics);
    while (rest.n) {
        const char *space = memchr(rest.p, ' ', rest.n);
        size_t n = space ? (size_t)(space - rest.p) : rest.n;
        if (n && rest.p[0] != VP_TOPIC_SEALED) add(services_, vp_str_n(rest.p, n), r);
        rest = vp_str_n(rest.p + n, rest.n - n);
        if (space) rest = vp_str_n(rest.p + 1, rest.n - 1);
    }
}

void services_init(services *s, bus *bus_) {
    *s = (services){.bus = bus_};
}

void services_tick(services *s) {
    uint64_t generation = bus_generation(s->bus);
    if (generation == s->generation) return;
    s->generation = generation;
    bus_publishers(s->bus, see, s);
}

const services_row *services_of(const services *s, vp_str topic) {
    if (vp_topic_is_sealed(topic)) topic = vp_str_n(topic.p + 1, topic.n - 1);
    const char *colon = topic.n ? memchr(topic.p, ':', topic.n) : NULL;
    int at = find(s, vp_str_n(topic.p, colon ? (size_t)(colon - topic.p) : topic.n));
    return at < s->n ? &s->row[at] : NULL;
}
