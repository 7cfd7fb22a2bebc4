/* service_registry.c - a registry that is at another Redis than the service's own: there are the
 * beats, the site's key, and the clock by which callers say how long a write may be done. What is
 * there is needed once; after that the service works on while that Redis is away.
 * See service_loop.h. SPDX-License-Identifier: MIT */
#include "clock.h"
#include "log.h"
#include "service_loop.h"

enum {
    REFUSED_MS = 5000
}; /* a refusal is logged, and another master looked for, at most so often */

typedef enum asked { ASKED_NOTHING, ASKED_TIME, ASKED_KEY } asked;

static void say(void *service, int argc, const vp_str *argv) {
    vp_service *s = service;
    (void)vp_link_ask(s->registry, (vp_link_asked){.what = ASKED_NOTHING}, argc, argv);
}

static void ask(vp_service *s, asked what, int argc, const vp_str *argv) {
    (void)vp_link_ask(s->registry, (vp_link_asked){.what = what}, argc, argv);
}

static void on_up(void *service) {
    vp_service *s = service;
    uint8_t fresh[VP_SEAL_KEY];
    vp_seal_random(fresh, sizeof fresh);
    const vp_str set[] = {VP_STR("SET"), SERVICE_SITE_KEY, vp_str_n(fresh, sizeof fresh),
                          VP_STR("NX")};
    const vp_str get[] = {VP_STR("GET"), SERVICE_SITE_KEY};
    s->registry_clock_known = false;
    ask(s, ASKED_TIME, 1, (const vp_str[]){VP_STR("TIME")});
    ask(s, ASKED_NOTHING, 4, set);
    ask(s, ASKED_KEY, 2, get);
    s->beat_at = vp_clock_ms();
}

/* Its offset at most: then a write is refused rather too early than too late. */
static void on_time(vp_service *s, int64_t sent_ms, const redisReply *r) {
    int64_t ms;
    if (s->registry_clock_known && vp_clock_ms() - sent_ms > SERVICE_CLOCK_SLOW_MS) return;
    if (!service_time_read(r, &ms)) return;
    s->registry_offset = ms - sent_ms;
    s->registry_clock_known = true;
}

/* One that is no master any more, or one that nobody follows, refuses the beats: then another one
 * may have taken over, which a new connection finds out. */
static void refused(vp_service *s, const char *text) {
    int64_t now = vp_clock_ms();
    if (now < s->registry_refused_ms) return;
    s->registry_refused_ms = now + REFUSED_MS;
    vp_log(VP_LOG_WARN, NULL, "registry: redis: %s", text);
    vp_link_drop(s->registry);
}

static void on_heard(void *service, vp_link_asked to, redisReply *r) {
    vp_service *s = service;
    if (!r) return;
    if (r->type == REDIS_REPLY_ERROR) refused(s, r->str);
    if (to.what == ASKED_TIME) on_time(s, to.sent_ms, r);
    if (to.what == ASKED_KEY && !service_take_key(s, r)) vp_link_drop(s->registry);
}

static void on_lost(void *service, const char *why) {
    (void)service;
    vp_log(VP_LOG_WARN, NULL, "registry: %s", why);
}

vp_err service_registry_new(vp_service *s, const char *url, vp_fault *why) {
    const vp_link_handler handler = {.up = on_up, .heard = on_heard, .lost = on_lost, .user = s};
    return vp_link_new(&s->registry, url, &handler, why);
}

void service_registry_beat(vp_service *s) {
    if (!vp_link_up(s->registry)) return;
    ask(s, ASKED_TIME, 1, (const vp_str[]){VP_STR("TIME")});
    if (s->announce && !s->draining && s->registry_clock_known)
        vp_registry_beat(&s->record, vp_clock_ms() + s->registry_offset, say, s);
}

void service_registry_leave(vp_service *s) {
    if (vp_link_up(s->registry)) vp_registry_leave(&s->record, say, s);
}

/* Callers mean the registry's clock, functions look at their own Redis'. */
int64_t service_fence(const vp_service *s, int64_t not_after_ms) {
    if (!s->registry || not_after_ms > INT64_MAX / 2) return not_after_ms;
    return not_after_ms + s->clock_offset - s->registry_offset;
}
