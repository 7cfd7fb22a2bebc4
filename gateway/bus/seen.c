/* seen.c - which instances there are, for people and probes: what the dispatcher is connected to,
 * and what else the registry names; and this process's own record there.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "bus_private.h"
#include "clock.h"
#include "log.h"
#include "mem.h"

enum {
    SAY_MS = 500,
    REFUSED_MS = 5000 /* a Redis that takes no writes is left at most so often */
};

/* -- others ----------------------------------------------------------------------------------- */

bus_instance bus_instance_of(const vp_registry_record *r) {
    bus_instance row = {.started_ms = r->started_ms, .callable = r->n_routes > 0};
    snprintf(row.service, sizeof row.service, "%s", r->service);
    snprintf(row.id, sizeof row.id, "%s", r->id);
    snprintf(row.version, sizeof row.version, "%s", r->version);
    snprintf(row.endpoint, sizeof row.endpoint, "%s", r->endpoint);
    snprintf(row.curve, sizeof row.curve, "%s", r->curve);
    return row;
}

/* One that nobody calls is there as long as its record is. */
static void add_uncalled(const bus *b, bus_instance *row) {
    row->ready = true;
    for (int i = 0; i < b->n_doors; i++)
        if (!strcmp(b->door[i].id, row->id)) row->load = b->door[i].load;
}

static bool has(const bus_instance *rows, int n, const char *id) {
    for (int i = 0; i < n; i++)
        if (!strcmp(rows[i].id, id)) return true;
    return false;
}

static int by_service(const void *a_, const void *b_) {
    const bus_instance *a = a_, *b = b_;
    int order = strcmp(a->service, b->service);
    return order ? order : strcmp(a->id, b->id);
}

int bus_list(bus *b, bus_instance out[BUS_LIST_MAX]) {
    const bus_view *v = atomic_load(&b->view);
    pthread_mutex_lock(&b->status_lock);
    int connected = b->n_status, n = connected;
    memcpy(out, b->status, (size_t)n * sizeof *out);
    for (int i = 0; v && i < v->n_records; i++) {
        if (has(out, connected, v->record[i].id)) continue;
        out[n] = bus_instance_of(&v->record[i]);
        if (!out[n].callable) add_uncalled(b, &out[n]);
        n++;
    }
    pthread_mutex_unlock(&b->status_lock);
    qsort(out, (size_t)n, sizeof *out, by_service);
    return n;
}

bool bus_service_ready(bus *b, const char *service) {
    bool ready = false;
    pthread_mutex_lock(&b->status_lock);
    for (int i = 0; i < b->n_status && !ready; i++)
        ready =
            b->status[i].ready && !b->status[i].draining && !strcmp(b->status[i].service, service);
    pthread_mutex_unlock(&b->status_lock);
    return ready;
}

static void write_row(vp_buf *out, const bus_instance *row) {
    char started[VP_TIME_LEN + 1];
    vp_time_text(row->started_ms, started);
    vp_buf_adds(out, "{\"service\":");
    vp_buf_add_json(out, vp_str_of(row->service));
    vp_buf_addf(out, ",\"id\":\"%s\",\"version\":", row->id);
    vp_buf_add_json(out, vp_str_of(row->version));
    vp_buf_addf(
        out,
        ",\"load\":%d,\"draining\":%s,\"ready\":%s,\"outstanding\":%d,\"started_at\":\"%s\","
        "\"endpoint\":",
        row->load, row->draining ? "true" : "false", row->ready ? "true" : "false",
        row->outstanding, started);
    vp_buf_add_json(out, vp_str_of(row->endpoint));
    vp_buf_adds(out, ",\"curve\":");
    vp_buf_add_json(out, vp_str_of(row->curve));
    vp_buf_addc(out, '}');
}

void bus_status(bus *b, vp_buf *out) {
    bus_instance *rows = vp_calloc(BUS_LIST_MAX, sizeof *rows);
    int n = bus_list(b, rows);
    vp_buf_addc(out, '[');
    for (int i = 0; i < n; i++) {
        if (i) vp_buf_addc(out, ',');
        write_row(out, &rows[i]);
    }
    vp_buf_addc(out, ']');
    free(rows);
}

/* What follows a name in a record's text; the registry writes it without spaces. */
static const char *after(const char *text, const char *name) {
    const char *at = strstr(text, name);
    return at ? at + strlen(name) : NULL;
}

/* The load of those that no pong tells of. A view is not made anew when it changes. */
void bus_note_doors(bus *b, const redisReply *records) {
    pthread_mutex_lock(&b->status_lock);
    b->n_doors = 0;
    for (size_t i = 0; i < records->elements && b->n_doors < VP_REGISTRY_INSTANCES; i++) {
        const redisReply *e = records->element[i];
        if (e->type != REDIS_REPLY_STRING || !strstr(e->str, "\"routes\":[]")) continue;
        const char *id = after(e->str, "\"id\":\""), *load = after(e->str, "\"load\":");
        if (!id || !load) continue;
        bus_door *d = &b->door[b->n_doors++];
        snprintf(d->id, sizeof d->id, "%.*s", VP_ULID_LEN, id);
        d->load = (int)strtol(load, NULL, 10);
    }
    pthread_mutex_unlock(&b->status_lock);
}

/* -- ourselves -------------------------------------------------------------------------------- */

void bus_announce(bus *b, const char *service, const char *endpoint) {
    vp_registry_record *r = &b->own;
    snprintf(r->service, sizeof r->service, "%s", service);
    snprintf(r->endpoint, sizeof r->endpoint, "%s", endpoint);
    snprintf(r->version, sizeof r->version, "%s", VP_VERSION);
    snprintf(r->curve, sizeof r->curve, "%s", vp_curve_public(b->curve));
    vp_ulid_make(vp_clock_wall(), r->id);
    r->started_ms = vp_clock_wall();
    r->protocol = VP_REGISTRY_NO_PROTOCOL;
    atomic_store(&b->own_load, -1);
    atomic_store(&b->announced, true); /* the directory's thread may have it now */
}

void bus_set_load(bus *b, int load) {
    atomic_store(&b->own_load, load);
}

void bus_leave(bus *b) {
    atomic_store(&b->announced, false);
}

static void say(void *bus_, int argc, const vp_str *argv) {
    static const vp_str no_replicas = VP_STR_INIT("NOREPLICAS");
    bus *b = bus_;
    redisReply *r = NULL;
    vp_fault why = {0};
    if (vp_store_ask(b->store, SAY_MS, argc, argv, &r, &why)) {
        vp_log(VP_LOG_DEBUG, NULL, "registry: %s", why.text);
        return;
    }
    b->refused |= r->type == REDIS_REPLY_ERROR && vp_str_starts(vp_str_of(r->str), no_replicas);
    freeReplyObject(r);
}

/* A Redis without replicas may be one that was cut off while another became the master: who is new
 * is announced there. So a new connection is made, which asks the next Sentinel. */
static void leave_refuser(bus *b, int64_t now) {
    bool leave = b->refused && now - b->left_ms >= REFUSED_MS;
    b->refused = false;
    if (!leave) return;
    b->left_ms = now;
    vp_store_drop(b->store);
}

/* On the directory's thread, after each look at the registry. */
void bus_own_tick(bus *b, bool redis_up) {
    bool wanted = atomic_load(&b->announced) && !b->stop;
    int64_t now = vp_clock_ms();
    if (!redis_up || (wanted && b->own_beat_ms && now - b->own_beat_ms < VP_REGISTRY_BEAT_MS))
        return;
    if (wanted) {
        int load = atomic_load(&b->own_load);
        b->own.load = load < 0 ? atomic_load(&b->outstanding) : load;
        vp_registry_beat(&b->own, bus_now(b), say, b);
        b->own_beat_ms = now;
        leave_refuser(b, now);
    } else if (b->own_beat_ms) {
        vp_registry_leave(&b->own, say, b);
        b->own_beat_ms = 0;
    }
}
