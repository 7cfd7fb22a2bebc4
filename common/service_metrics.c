/* service_metrics.c - what a service counts, and the operations that are the loop's own, in no
 * service's table. They are announced and found like others; SYNC /metrics and SYNC /drain are
 * answered at once, also without Redis and however many calls are in work. Only the loop's thread
 * touches the numbers. See service_loop.h. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "service_loop.h"

/* -- numbers -------------------------------------------------------------------------------- */

static const vp_metric table[SERVICE_METRICS] = {
    [SERVICE_M_UNROUTED] = {"voxpop_service_calls_unrouted_total", NULL, VP_COUNTER,
                            "Calls that no operation takes."},
    [SERVICE_M_SHED] = {"voxpop_service_calls_shed_total", NULL, VP_COUNTER,
                        "Calls refused because too many were in work."},
    [SERVICE_M_EXPIRED] = {"voxpop_service_calls_expired_total", NULL, VP_COUNTER,
                           "Calls that waited past their deadline, and were not begun."},
    [SERVICE_M_IN_WORK] = {"voxpop_service_calls_in_work", NULL, VP_GAUGE,
                           "Calls and timers that are received and not yet answered."},
    [SERVICE_M_PENDING] = {"voxpop_service_calls_pending", NULL, VP_GAUGE,
                           "Those of them that wait for the next batch."},
    [SERVICE_M_BATCH] = {"voxpop_service_batch_calls", NULL, VP_SIZES,
                         "Calls and timers in one batch at Redis."},
    [SERVICE_M_REDIS_SECONDS] = {"voxpop_service_redis_seconds", NULL, VP_HISTOGRAM,
                                 "From a batch's commands to the last of its replies."},
    [SERVICE_M_REDIS_COMMANDS] = {"voxpop_service_redis_commands_total", NULL, VP_COUNTER,
                                  "Commands to Redis."},
    [SERVICE_M_REDIS_CONNECTIONS] = {"voxpop_service_redis_connections_total", NULL, VP_COUNTER,
                                     "Connections to Redis that were made."},
    [SERVICE_M_REDIS_UP] = {"voxpop_service_redis_up", NULL, VP_GAUGE,
                            "1: Redis answers and all is there that operations need."},
    [SERVICE_M_REPLICA_MISSED] = {"voxpop_service_replica_missed_total", NULL, VP_COUNTER,
                                  "Batches whose writes no replica had in time."},
    [SERVICE_M_JOINED] = {"voxpop_service_joined_calls_total", NULL, VP_COUNTER,
                          "Calls that went along in the function call of another one."},
    [SERVICE_M_PUBLISHED] = {"voxpop_service_published_total", NULL, VP_COUNTER,
                             "States of topics that were handed out."},
    [SERVICE_M_UNSENT] = {"voxpop_service_answers_unsent_total", NULL, VP_COUNTER,
                          "Answers and pongs whose peer had gone."},
    [SERVICE_M_REFUSED] = {"voxpop_service_messages_refused_total", NULL, VP_COUNTER,
                           "Messages that broke the contract."},
    [SERVICE_M_KEYS_REFUSED] = {"voxpop_service_keys_refused_total", NULL, VP_COUNTER,
                                "Connections whose CURVE key is not in the allow-list."},
    [SERVICE_M_DRAINING] = {"voxpop_service_draining", NULL, VP_GAUGE, "1: it takes its leave."},
};

static const char *const classes[SERVICE_CLASSES] = {"2xx", "3xx", "4xx", "5xx"};
static const char *const outcomes[] = {"done", "failed"}; /* of a timer */
enum { OUTCOMES = sizeof outcomes / sizeof *outcomes };

static int rows_of(const vp_op *op) {
    return op->method ? SERVICE_CLASSES : OUTCOMES;
}

static void op_init(service_op_counts *n, const vp_op *op) {
    for (int i = 0; i < rows_of(op); i++) {
        snprintf(n->labels[i], sizeof n->labels[i], "op=\"%.40s\",%s=\"%s\"", op->name,
                 op->method ? "class" : "is", op->method ? classes[i] : outcomes[i]);
        n->answers[i] = (vp_metric){
            .name = op->method ? "voxpop_service_calls_total" : "voxpop_service_timers_total",
            .labels = n->labels[i],
            .kind = VP_COUNTER,
            .help = op->method ? "Answered calls, by operation and class of status."
                               : "Runs of what is done by the clock."};
    }
    snprintf(n->label, sizeof n->label, "op=\"%.40s\"", op->name);
    n->seconds = (vp_metric){.name = "voxpop_service_call_seconds",
                             .labels = n->label,
                             .kind = VP_HISTOGRAM,
                             .help = "From a received call to its answer."};
}

void service_metrics_init(vp_service *s) {
    memcpy(s->metric, table, sizeof table);
    s->op_counts = vp_calloc((size_t)s->n_ops, sizeof *s->op_counts);
    for (int i = 0; i < s->n_ops; i++) op_init(&s->op_counts[i], &s->ops[i]);
}

/* One line for each call, in the shape of the gateway's access log. */
static void log_call(const vp_service *s, const vp_call *c, int64_t us) {
    enum { LINE_BYTES = 1024 };
    char time[VP_TIME_LEN + 1];
    vp_buf b;
    vp_buf_init(&b, LINE_BYTES);
    vp_time_text(vp_clock_wall(), time);
    vp_buf_addf(&b, "{\"time\":\"%s\",\"level\":\"debug\",\"process\":\"%s\"", time,
                s->record.service);
    vp_log_add_ids(&b, &c->trace);
    vp_buf_addf(&b, ",\"op\":\"%s\",\"status\":%d,\"us\":%lld}", c->op->name, c->status,
                (long long)us);
    if (!b.over) vp_log_raw(vp_buf_str(&b));
    vp_buf_release(&b);
}

void service_count_answer(vp_service *s, const slot *k) {
    const vp_call *c = &k->call;
    if (!c->op) {
        service_count(s, SERVICE_M_UNROUTED, 1);
        return;
    }
    service_op_counts *n = &s->op_counts[c->op - s->ops];
    int class = k->timer ? c->problem.code != VP_OK : c->status / 100 - 2;
    if (class >= 0 && class < rows_of(c->op)) vp_metric_own_add(&n->answers[class], 1);
    n->used = true;
    if (k->timer) return;
    int64_t us = vp_clock_us() - k->started_us;
    vp_metric_own_observe(&n->seconds, us);
    if (s->log_access) log_call(s, c, us);
}

/* Gauges, and what other threads count, are read when they are shown. This call itself does not
 * count. */
static void read_gauges(vp_service *s) {
    vp_metric_set(&s->metric[SERVICE_M_IN_WORK], s->in_work - 1);
    vp_metric_set(&s->metric[SERVICE_M_PENDING], s->pending.n);
    vp_metric_set(&s->metric[SERVICE_M_REDIS_UP], service_serving(s));
    vp_metric_set(&s->metric[SERVICE_M_DRAINING], s->draining);
    vp_metric_set(&s->metric[SERVICE_M_KEYS_REFUSED], vp_zap_refused(s->zap));
}

/* The rows of one kind of operation; those of one that was never called are left out. */
static void write_answers(vp_buf *out, const vp_service *s, bool timers) {
    const char *last = NULL;
    for (int i = 0; i < s->n_ops; i++)
        for (int row = 0; s->op_counts[i].used && row < rows_of(&s->ops[i]); row++)
            if (timers == !s->ops[i].method)
                vp_metrics_write_row(out, &s->op_counts[i].answers[row], &last);
}

static void write_seconds(vp_buf *out, const vp_service *s) {
    const char *last = NULL;
    for (int i = 0; i < s->n_ops; i++)
        if (s->op_counts[i].used && s->ops[i].method)
            vp_metrics_write_row(out, &s->op_counts[i].seconds, &last);
}

/* -- the loop's own operations -------------------------------------------------------------- */

static vp_step metrics_prepare(vp_call *call) {
    vp_service *s = call->service;
    read_gauges(s);
    vp_metrics_write_build(&call->out);
    write_answers(&call->out, s, false);
    write_seconds(&call->out, s);
    write_answers(&call->out, s, true);
    vp_metrics_write(&call->out, s->metric, SERVICE_METRICS);
    service_events_metrics(s, &call->out);
    /* A loop inside another process says nothing of that. */
    if (s->own_zmq) vp_metrics_write_process(&call->out);
    vp_call_reply_field(call, VP_F_CONTENT_TYPE, VP_STR("text/plain; version=0.0.4"));
    return vp_call_answer(call, 200);
}

static vp_step drain_prepare(vp_call *call) {
    vp_service *s = call->service;
    if (!s->announce)
        return vp_call_fail(call, VP_ECONFLICT, "This instance ends with the process it is in.");
    s->drain_asked = true;
    vp_buf_addf(&call->out, "{\"id\":\"%s\",\"service\":\"%s\",\"draining\":true}", s->record.id,
                s->record.service);
    return vp_call_answer(call, 202);
}

const vp_op service_own_ops[SERVICE_OWN_OPS] = {
    {"service.libraries", NULL, NULL, VP_MAY_INSIDE, SERVICE_LIBRARIES_MS,
     service_libraries_prepare, service_libraries_finish},
    /* Its path has the service's name. */
    {"service.migrate", "POST", NULL, VP_MAY_ADMIN, SERVICE_MIGRATE_BODY, service_migrate_prepare,
     service_migrate_finish},
    {"service.metrics", "SYNC", "/metrics", VP_MAY_INSIDE, 0, metrics_prepare, NULL},
    {"service.drain", "SYNC", "/drain", VP_MAY_INSIDE, 0, drain_prepare, NULL},
};
