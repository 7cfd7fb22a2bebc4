/* service_scout.c - is another Redis the master by now? One that nobody follows may be one that was
 * cut off while the Sentinels named another; or its replicas are away, and reads can go on. A
 * second connection finds out, while the first one is used: the first is left only for another
 * master. See service_loop.h. SPDX-License-Identifier: MIT */
#include "clock.h"
#include "service_loop.h"

enum {
    SCOUT_MS = 5000,      /* a search takes so long at most: it asks each Sentinel in turn */
    SCOUT_EVERY_MS = 1000 /* from the end of one to the next, at least */
};

static void begin(vp_service *s, int64_t now) {
    if (!s->scout) s->scout = vp_store_twin(s->store);
    if (!s->scout) s->scout_ms = INT64_MAX; /* there are no Sentinels to ask */
    if (!s->scout) return;
    s->scouting = true;
    s->scout_ms = now + SCOUT_MS;
}

/* The second connection becomes the first: to make that anew might lead back, by a Sentinel that is
 * cut off, too. */
static void move(vp_service *s) {
    vp_store *old = s->store;
    s->store = s->scout;
    s->scout = old;
    s->told_ready = 0; /* generations of the two have nothing to do with each other */
    service_fail_all(s, "redis: another one is the master");
}

static void finish(vp_service *s, int64_t now) {
    s->scouting = false;
    s->scout_ms = now + SCOUT_EVERY_MS;
    if (vp_store_up(s->scout) && vp_store_up(s->store) && !vp_store_same(s->scout, s->store))
        move(s);
    vp_store_drop(s->scout);
}

void service_look_for_master(vp_service *s) {
    vp_fault why = {0};
    if (!s->lonely && !s->scouting) return;
    int64_t now = vp_clock_ms();
    if (!s->scouting && now >= s->scout_ms) begin(s, now);
    s->lonely = false;
    if (!s->scouting) return;
    vp_err rc = vp_store_pump(s->scout, &why);
    (void)rc; /* a Sentinel that does not answer is no news: the next one is asked */
    if (vp_store_up(s->scout) || now >= s->scout_ms) finish(s, now);
}
