/* bus.c - the callers' side of the bus; see bus.h. SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bus_private.h"
#include "clock.h"
#include "mem.h"

vp_metric bus_metric[BUS_METRICS] = {
    [BUS_M_CALLS] = {"voxpop_bus_calls_total", NULL, VP_COUNTER, "Calls to services."},
    [BUS_M_LATE] = {"voxpop_bus_replies_late_total", NULL, VP_COUNTER,
                    "Replies that nobody waited for any more."},
    [BUS_M_TIMEOUT] = {"voxpop_bus_failed_total", "why=\"timeout\"", VP_COUNTER,
                       "Calls without a reply."},
    [BUS_M_BUSY] = {"voxpop_bus_failed_total", "why=\"busy\"", VP_COUNTER, NULL},
    [BUS_M_AWAY] = {"voxpop_bus_failed_total", "why=\"away\"", VP_COUNTER, NULL},
    [BUS_M_RESENT] = {"voxpop_bus_resent_total", NULL, VP_COUNTER,
                      "Calls handed on from an instance that died or has no store."},
    [BUS_M_BAD] = {"voxpop_bus_bad_messages_total", NULL, VP_COUNTER,
                   "Messages that broke the contract."},
    [BUS_M_DEATHS] = {"voxpop_bus_deaths_total", NULL, VP_COUNTER,
                      "Instances given up that had not taken their leave."},
    [BUS_M_BREAKER] = {"voxpop_bus_breakers_total", NULL, VP_COUNTER,
                       "Times that an instance missed many deadlines in a row."},
    [BUS_M_INSTANCES] = {"voxpop_bus_instances", NULL, VP_GAUGE, "Instances that answer."},
    [BUS_M_OUTSTANDING] = {"voxpop_bus_calls_outstanding", NULL, VP_GAUGE,
                           "Calls that have no reply yet."},
    [BUS_M_WAITING] = {"voxpop_bus_calls_waiting", NULL, VP_GAUGE,
                       "Those of them that wait until an instance has room."},
    [BUS_M_WAIT] = {"voxpop_bus_wait_seconds", NULL, VP_HISTOGRAM,
                    "How long those waited that had to."},
    [BUS_M_LATENCY] = {"voxpop_bus_call_seconds", NULL, VP_HISTOGRAM, "Time of answered calls."},
};

vp_err bus_new(bus **out, void *zmq, vp_curve *curve, const char *redis_url, vp_fault *why) {
    bus *b = vp_calloc(1, sizeof *b);
    *out = b;
    b->zmq = zmq;
    b->curve = curve;
    b->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&b->status_lock, NULL);
    vp_err rc = b->wake < 0 ? VP_ESYSTEM : vp_store_new(&b->store, redis_url, why);
    if (rc) bus_destroy(out);
    return rc;
}

vp_err bus_add_local(bus *b, const vp_registry_record *record, vp_fault *why) {
    if (b->started || b->n_locals == BUS_LOCALS) {
        vp_fault_set(why, "bus: too late or too many local instances");
        return VP_ESYSTEM;
    }
    vp_registry_record *r = &b->local[b->n_locals++];
    *r = *record;
    r->routes = vp_calloc((size_t)record->n_routes, sizeof *r->routes);
    memcpy(r->routes, record->routes, (size_t)record->n_routes * sizeof *r->routes);
    return VP_OK;
}

vp_err bus_start(bus *b, vp_fault *why) {
    bus_directory_read(b);
    if (pthread_create(&b->dispatcher, NULL, bus_dispatcher_run, b)) goto failed;
    if (pthread_create(&b->directory, NULL, bus_directory_run, b)) {
        atomic_store(&b->stop, true);
        bus_wake(b);
        pthread_join(b->dispatcher, NULL);
        goto failed;
    }
    b->started = true;
    return VP_OK;
failed:
    vp_fault_set(why, "bus: no thread can be started");
    return VP_ESYSTEM;
}

void bus_destroy(bus **self_p) {
    bus *b = *self_p;
    if (!b) return;
    if (b->started) {
        atomic_store(&b->stop, true);
        bus_wake(b);
        pthread_join(b->directory, NULL);
        pthread_join(b->dispatcher, NULL);
    }
    for (int i = 0; i < b->n_retired; i++) bus_view_free(b->retired[i]);
    bus_view_free(atomic_load(&b->view));
    for (int i = 0; i < b->n_locals; i++) vp_registry_release(&b->local[i]);
    vp_store_destroy(&b->store);
    if (b->wake >= 0) close(b->wake);
    pthread_mutex_destroy(&b->status_lock);
    free(b);
    *self_p = NULL;
}

void bus_wake(bus *b) {
    uint64_t one = 1;
    ssize_t n = write(b->wake, &one, sizeof one); /* a full counter wakes just as well */
    (void)n;
}

/* -- routing ---------------------------------------------------------------------------------- */

static int segments_of(vp_str path) {
    int n = 0;
    for (size_t i = 0; i < path.n; i++) n += path.p[i] == '/';
    return path.n == 1 ? 0 : n;
}

/* The methods that the path would take, for 405; HEAD goes wherever GET does. */
static void allow_add(char allow[64], const char *method) {
    size_t n = strlen(allow);
    if (strstr(allow, method) || !strcmp(method, "SYNC") || !strcmp(method, "LOOK") ||
        !strcmp(method, "ACT"))
        return;
    snprintf(allow + n, 64 - n, "%s%s%s", n ? ", " : "", method,
             strcmp(method, "GET") ? "" : ", HEAD");
}

vp_err bus_route(bus *b, vp_str method, vp_str path, bus_target *out, char allow[64]) {
    const bus_view *v = atomic_load(&b->view);
    int n = segments_of(path), best = -1;
    bool any = false;
    allow[0] = '\0';
    if (!v) return VP_EAWAY;
    if (vp_str_eq(method, VP_STR("HEAD"))) method = VP_STR("GET");
    if (n > VP_ROUTE_SEGMENTS) return VP_ENOTFOUND;
    for (int i = v->first[n]; i < v->first[n + 1]; i++) {
        const bus_route_row *row = &v->row[i];
        bool mine = vp_str_eq(method, vp_str_of(row->method));
        if ((mine && row->route.specificity <= best) || !vp_route_match(&row->route, path, NULL))
            continue;
        any = true;
        if (mine) {
            best = row->route.specificity;
            *out = row->target;
        } else {
            allow_add(allow, row->method);
        }
    }
    if (best >= 0) return VP_OK;
    if (any && allow[0]) return VP_EMETHOD;
    return v->n_records == 0 && v->n_rows == 0 ? VP_EAWAY : VP_ENOTFOUND;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const bus_target *)a)->service, ((const bus_target *)b)->service);
}

int bus_services(bus *b, vp_str method, vp_str pattern, bus_target out[], int most) {
    const bus_view *v = atomic_load(&b->view);
    vp_route wanted;
    int n = 0;
    if (!v || vp_route_compile(pattern, &wanted, NULL)) return 0;
    for (int i = 0; i < v->n_rows && n < most; i++) {
        const bus_route_row *row = &v->row[i];
        if (!vp_str_eq(vp_str_of(row->method), method) || !vp_route_same(&row->route, &wanted))
            continue;
        out[n++] = row->target;
    }
    qsort(out, (size_t)n, sizeof *out, by_name);
    return n;
}

/* -- calls ------------------------------------------------------------------------------------ */

enum { WAITING, DONE };

void bus_call_init(bus_call *call, const char *service, int64_t timeout_ms) {
    memset(call, 0, offsetof(bus_call, frame));
    memset(&call->n_frames, 0, sizeof *call - offsetof(bus_call, n_frames));
    call->service = service;
    call->timeout_ms = timeout_ms;
}

void bus_submit(bus *b, bus_call *call) {
    call->deadline_ms = vp_clock_ms() + call->timeout_ms;
    call->sent_us = vp_clock_us();
    bus_call *head = atomic_load(&b->submitted);
    do call->next = head;
    while (!atomic_compare_exchange_weak(&b->submitted, &head, call));
    if (atomic_load(&b->asleep) && atomic_exchange(&b->asleep, false)) bus_wake(b);
}

void bus_wait(bus_call *call) {
    while (atomic_load(&call->state) != DONE)
        syscall(SYS_futex, &call->state, FUTEX_WAIT_PRIVATE, WAITING, NULL, NULL, 0);
}

/* On the dispatcher's thread. After the state is stored the call may be gone: its address is only
 * a name for the kernel then. */
void bus_complete(bus_call *call, vp_err err) {
    call->err = err;
    if (call->done) {
        call->done(call);
        return;
    }
    atomic_store(&call->state, DONE);
    syscall(SYS_futex, &call->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void bus_call_release(bus_call *call) {
    for (int i = 0; i < call->n_frames; i++) zmq_msg_close(&call->frame[i]);
    call->n_frames = 0;
}

/* -- seeing ----------------------------------------------------------------------------------- */

int64_t bus_now(const bus *b) {
    return vp_clock_ms() + atomic_load(&b->clock_offset);
}

bool bus_redis_up(const bus *b) {
    return atomic_load(&b->redis_up);
}

uint64_t bus_generation(const bus *b) {
    return atomic_load(&b->generation);
}

void bus_publishers(bus *b, void (*fn)(void *user, const vp_registry_record *r), void *user) {
    const bus_view *v = atomic_load(&b->view);
    for (int i = 0; v && i < v->n_records; i++)
        if (v->record[i].publish[0]) fn(user, &v->record[i]);
}

void bus_metrics(bus *b, vp_buf *out) {
    (void)b;
    vp_metrics_write(out, bus_metric, BUS_METRICS);
}
