/* service_setup.c - what each new connection to Redis needs before anything is served: the clock,
 * the functions, the site's key, and which Redis it is. See service_loop.h.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "clock.h"
#include "log.h"
#include "service_loop.h"

bool service_serving(const vp_service *s) {
    return s->generation && !s->setup_owed && !s->setup_failed && s->keyed && vp_store_up(s->store);
}

/* Appends a command whose reply serving waits for. */
static void set_up_ask(vp_service *s, owed_kind kind, int argc, const vp_str *argv) {
    if (vp_store_append(s->store, argc, argv)) return;
    service_owe(s, (owed){.kind = kind});
    s->setup_owed++;
}

void service_load_functions(vp_service *s) {
    vp_str load[] = {VP_STR("FUNCTION"), VP_STR("LOAD"),
                     vp_str_n(s->functions.source, s->functions.size)};
    if (s->functions.source) set_up_ask(s, OWED_LOAD, 3, load);
}

void service_ask_time(vp_service *s) {
    vp_str time[] = {VP_STR("TIME")};
    if (s->time_sent || vp_store_append(s->store, 1, time)) return;
    service_owe(s, (owed){.kind = OWED_TIME});
    s->time_sent = vp_clock_ms();
}

/* Whoever comes first makes it. */
static void ask_key(vp_service *s) {
    uint8_t fresh[VP_SEAL_KEY];
    vp_seal_random(fresh, sizeof fresh);
    vp_str set[] = {VP_STR("SET"), SERVICE_SITE_KEY, vp_str_n(fresh, sizeof fresh), VP_STR("NX")};
    vp_str get[] = {VP_STR("GET"), SERVICE_SITE_KEY};
    if (!vp_store_append(s->store, 4, set)) service_owe(s, (owed){.kind = OWED_BEAT});
    set_up_ask(s, OWED_KEY, 2, get);
}

/* After every (re)connection: the clock, functions, the site's key, which Redis it is. */
void service_set_up(vp_service *s) {
    vp_str info[] = {VP_STR("INFO"), VP_STR("server")};
    service_count(s, SERVICE_M_REDIS_CONNECTIONS, 1);
    s->generation = vp_store_generation(s->store);
    s->setup_owed = 0;
    s->setup_failed = false;
    s->master[0] = '\0';
    s->clock_known = false;
    s->time_sent = 0;
    /* First, so that nothing is served without the clock. */
    service_ask_time(s);
    service_load_functions(s);
    if (!s->registry) ask_key(s);
    set_up_ask(s, OWED_MASTER, 2, info);
    s->beat_at = vp_clock_ms();
}

/* Once for each connection that serves. */
static void say_ready(vp_service *s) {
    if (!service_serving(s) || s->told_ready == s->generation) return;
    s->told_ready = s->generation;
    vp_log(VP_LOG_INFO, NULL, "ready at %s", s->record.endpoint);
    service_tell_peers(s);
}

/* Without functions, key and run id nothing can be served: then the connection is tried anew, with
 * its backoff. */
static void set_up_step(vp_service *s, bool ok) {
    s->setup_failed |= !ok;
    if (--s->setup_owed > 0) return;
    s->reloading = false;
    if (s->setup_failed) {
        vp_store_drop(s->store);
    } else {
        say_ready(s);
    }
}

/* A Redis that takes no writes says so even when it has the functions: then reads are served, and
 * a function that is missing says so when it is called. */
static void on_load(vp_service *s, const redisReply *r) {
    bool ok = r->type != REDIS_REPLY_ERROR || strstr(r->str, "already exists") ||
              service_reads_only(r->str);
    if (!ok) vp_log(VP_LOG_ERROR, NULL, "functions cannot be loaded: %s", r->str);
    set_up_step(s, ok);
}

bool service_take_key(vp_service *s, const redisReply *r) {
    bool ok = r->type == REDIS_REPLY_STRING && r->len == VP_SEAL_KEY;
    if (ok) {
        memcpy(s->site_key, r->str, VP_SEAL_KEY);
        s->keyed = true;
    } else {
        vp_log(VP_LOG_ERROR, NULL, "the site's key in Redis is not %d bytes", VP_SEAL_KEY);
    }
    say_ready(s);
    return ok;
}

bool service_run_id(const redisReply *r, char out[MASTER_LEN + 1]) {
    static const char name[] = "\nrun_id:";
    const char *at = r->type == REDIS_REPLY_STRING ? strstr(r->str, name) : NULL;
    size_t n = at ? strspn(at + strlen(name), "0123456789abcdef") : 0;
    if (n >= MASTER_LEN)
        snprintf(out, MASTER_LEN + 1, "%.*s", MASTER_LEN, at + strlen(name));
    else
        vp_log(VP_LOG_ERROR, NULL, "Redis does not tell its run id");
    return n >= MASTER_LEN;
}

bool service_time_read(const redisReply *r, int64_t *ms) {
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2) return false;
    int64_t sec, us;
    if (vp_str_int(vp_str_n(r->element[0]->str, r->element[0]->len), 0, INT64_MAX / 2000, &sec) ||
        vp_str_int(vp_str_n(r->element[1]->str, r->element[1]->len), 0, 999999, &us))
        return false;
    *ms = sec * 1000 + us / 1000;
    return true;
}

static void on_time(vp_service *s, const redisReply *r) {
    int64_t ms, now = vp_clock_ms(), took = now - s->time_sent;
    s->time_sent = 0;
    if (s->clock_known && took > SERVICE_CLOCK_SLOW_MS) return;
    if (!service_time_read(r, &ms)) return;
    s->clock_offset = ms - now;
    s->clock_known = true;
}

void service_set_up_reply(vp_service *s, owed_kind kind, const redisReply *r) {
    switch (kind) {
    case OWED_LOAD: on_load(s, r); break;
    case OWED_KEY: set_up_step(s, service_take_key(s, r)); break;
    case OWED_MASTER: set_up_step(s, service_run_id(r, s->master)); break;
    case OWED_TIME: on_time(s, r); break;
    default: break; /* a beat's: nobody waits for it */
    }
}
