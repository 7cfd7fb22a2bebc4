/* service_beat.c - what a service does by the clock: its timers, its record in the registry, and
 * how it takes its leave. See service_loop.h. SPDX-License-Identifier: MIT */
#include "clock.h"
#include "log.h"
#include "service_loop.h"

enum { DRAIN_QUIET_MS = 100 }; /* no call for so long: drained */

static void start_timer(vp_service *s, int row) {
    slot *k = service_slot_get(s);
    k->timer = row + 1;
    k->call.op = &s->ops[row];
    k->call.not_after_ms = INT64_MAX;
    s->timer_busy[row] = true;
    list_add(&s->pending, k);
}

void service_run_timers(vp_service *s, int64_t now) {
    if (!service_serving(s)) return;
    for (int i = 0; i < s->n_ops; i++) {
        const vp_op *op = &s->ops[i];
        if (op->method || s->timer_busy[i] || now < s->timer_at[i]) continue;
        s->timer_at[i] = now + op->size;
        start_timer(s, i);
    }
}

static void say(void *service, int argc, const vp_str *argv) {
    vp_service *s = service;
    if (!vp_store_append(s->store, argc, argv)) service_owe(s, (owed){.kind = OWED_BEAT});
}

void service_beat(vp_service *s, int64_t now) {
    if (now < s->beat_at || !service_serving(s)) return;
    s->beat_at = now + VP_REGISTRY_BEAT_MS;
    s->record.load = s->in_work;
    service_ask_time(s);
    if (s->registry) service_registry_beat(s);
    if (s->registry || !s->announce || s->draining || !s->clock_offset) return;
    vp_registry_beat(&s->record, vp_service_now(s), say, s);
}

/* Out of the registry, and every caller that we know is told on the wire, which is faster. */
void service_drain(vp_service *s) {
    s->draining = true;
    s->last_call = vp_clock_ms();
    vp_log(VP_LOG_INFO, NULL, "draining, %d calls in work", s->in_work);
    if (s->announce && s->registry)
        service_registry_leave(s);
    else if (s->announce && vp_store_up(s->store))
        vp_registry_leave(&s->record, say, s);
    service_tell_peers(s);
    service_forget_peers(s);
}

bool service_drained(const vp_service *s, int64_t now) {
    return s->in_work == 0 && s->owed_head == s->owed_tail &&
           (!s->registry || !vp_link_owes(s->registry)) &&
           (!s->known || now - s->last_call > DRAIN_QUIET_MS);
}
