/* service_beat.c - what a service does by the clock: its timers, its record in the registry, and
 * how it takes its leave. See service_loop.h. SPDX-License-Identifier: MIT */
#include <stdio.h>

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

static void append_beat(vp_service *s, int argc, const vp_str *argv) {
    if (!vp_store_append(s->store, argc, argv)) service_owe(s, (owed){.kind = OWED_BEAT});
}

void service_beat(vp_service *s, int64_t now) {
    if (now < s->beat_at || !service_serving(s)) return;
    s->beat_at = now + VP_REGISTRY_BEAT_MS;
    service_ask_time(s);
    if (!s->announce || s->draining || !s->clock_offset) return;
    char key[64], score[24], old[24];
    vp_buf b;
    vp_buf_init(&b, VP_ENVELOPE_HEAD_MAX);
    s->record.load = s->in_work;
    vp_registry_write(&b, &s->record);
    snprintf(key, sizeof key, "instance:%s", s->record.id);
    snprintf(score, sizeof score, "%lld", (long long)vp_service_now(s));
    snprintf(old, sizeof old, "(%lld", (long long)(vp_service_now(s) - 12 * VP_REGISTRY_LIFE_MS));
    vp_str id = vp_str_of(s->record.id), set = VP_STR("instances");
    char life[16];
    snprintf(life, sizeof life, "%d", VP_REGISTRY_LIFE_MS);
    append_beat(
        s, 5,
        (vp_str[]){VP_STR("SET"), vp_str_of(key), vp_buf_str(&b), VP_STR("PX"), vp_str_of(life)});
    append_beat(s, 4, (vp_str[]){VP_STR("ZADD"), set, vp_str_of(score), id});
    append_beat(s, 4, (vp_str[]){VP_STR("ZREMRANGEBYSCORE"), set, VP_STR("-inf"), vp_str_of(old)});
    vp_buf_release(&b);
}

/* Out of the registry, and every caller that we know is told on the wire, which is faster. */
void service_drain(vp_service *s) {
    char key[64];
    s->draining = true;
    s->last_call = vp_clock_ms();
    vp_log(VP_LOG_INFO, NULL, "draining, %d calls in work", s->in_work);
    if (s->announce && vp_store_up(s->store)) {
        snprintf(key, sizeof key, "instance:%s", s->record.id);
        append_beat(s, 2, (vp_str[]){VP_STR("DEL"), vp_str_of(key)});
        append_beat(s, 3, (vp_str[]){VP_STR("ZREM"), VP_STR("instances"), vp_str_of(s->record.id)});
    }
    service_tell_draining(s);
}

bool service_drained(const vp_service *s, int64_t now) {
    return s->in_work == 0 && s->owed_head == s->owed_tail &&
           (!s->known || now - s->last_call > DRAIN_QUIET_MS);
}
