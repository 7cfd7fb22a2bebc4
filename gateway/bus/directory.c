/* directory.c - reads the registry and publishes what it says as an immutable view.
 * Only this thread makes views. Readers take the pointer and use it without a lock; an old view is
 * freed BUS_RETIRE_MS later, when no request that could have taken it is left. While Redis is away
 * the last view stays, and a service that once announced routes keeps them, so that its absence is
 * a 503 and not a 404. SPDX-License-Identifier: MIT */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus_private.h"
#include "clock.h"
#include "log.h"
#include "mem.h"
#include "seal.h"

enum { ASK_MS = 500, ROWS_MAX = 1024, LOOK_MS = 50 };

void bus_view_free(bus_view *v) {
    if (!v) return;
    for (int i = 0; i < v->n_records; i++) vp_registry_release(&v->record[i]);
    free(v->row);
    free(v);
}

static bool row_known(const bus_view *v, const bus_route_row *row) {
    for (int i = 0; i < v->n_rows; i++)
        if (!strcmp(v->row[i].method, row->method) &&
            !strcmp(v->row[i].target.service, row->target.service) &&
            vp_route_same(&v->row[i].route, &row->route))
            return true;
    return false;
}

static void add_row(bus_view *v, const bus_route_row *row) {
    if (v->n_rows < ROWS_MAX && !row_known(v, row)) v->row[v->n_rows++] = *row;
}

uint32_t bus_route_key(const vp_registry_route *r) {
    uint32_t key = 2166136261u; /* FNV-1a: one that is taken for another costs a 404 at worst */
    bool name = false;
    for (const char *p = r->method; *p; p++) key = (key ^ (uint8_t)*p) * 16777619u;
    for (const char *p = r->pattern; *p; p++) {
        if (*p == '}') name = false;
        if (!name) key = (key ^ (uint8_t)*p) * 16777619u;
        if (*p == '{') name = true;
    }
    return key ? key : 1;
}

static void add_rows(bus_view *v, const vp_registry_record *r) {
    vp_fault why = {0};
    for (int i = 0; i < r->n_routes; i++) {
        bus_route_row row = {0};
        if (vp_route_compile(vp_str_of(r->routes[i].pattern), &row.route, &why)) continue;
        snprintf(row.method, sizeof row.method, "%s", r->routes[i].method);
        snprintf(row.target.service, sizeof row.target.service, "%s", r->service);
        row.target.body_max = r->routes[i].body_max;
        row.target.route = bus_route_key(&r->routes[i]);
        add_row(v, &row);
    }
}

static bool present(const bus_view *v, const char *service) {
    for (int i = 0; i < v->n_records; i++)
        if (!strcmp(v->record[i].service, service)) return true;
    return false;
}

static int by_segments(const void *a, const void *b) {
    return ((const bus_route_row *)a)->route.n - ((const bus_route_row *)b)->route.n;
}

static void index_rows(bus_view *v) {
    qsort(v->row, (size_t)v->n_rows, sizeof *v->row, by_segments);
    int at = 0;
    for (int n = 0; n <= VP_ROUTE_SEGMENTS + 1; n++) {
        v->first[n] = at;
        while (at < v->n_rows && v->row[at].route.n == n) at++;
    }
}

/* Instances of another protocol than ours or its neighbours are not called. Those without routes
 * never are, whatever they speak. */
static bool speaks(const vp_registry_record *r) {
    return !r->n_routes || vp_protocol_speaks(VP_PROTOCOL, r->protocol);
}

static bus_view *view_of(const bus *b, const redisReply *records) {
    bus_view *v = vp_calloc(1, sizeof *v), *old = atomic_load(&b->view);
    v->row = vp_calloc(ROWS_MAX, sizeof *v->row);
    for (size_t i = 0; i < records->elements && v->n_records < VP_REGISTRY_INSTANCES; i++) {
        const redisReply *e = records->element[i];
        vp_fault why = {0};
        vp_registry_record *r = &v->record[v->n_records];
        if (e->type != REDIS_REPLY_STRING) continue; /* its lifetime ended between two commands */
        if (vp_registry_read(vp_str_n(e->str, e->len), r, &why)) {
            vp_log(VP_LOG_WARN, NULL, "registry: %s", why.text);
            continue;
        }
        if (speaks(r)) {
            v->n_records++;
            continue;
        }
        vp_log(VP_LOG_WARN, NULL, "%s %s speaks protocol %d, we speak %d: it is not called",
               r->service, r->id, r->protocol, VP_PROTOCOL);
        vp_registry_release(r);
    }
    for (int i = 0; i < b->n_locals; i++) add_rows(v, &b->local[i]);
    for (int i = 0; i < v->n_records; i++) add_rows(v, &v->record[i]);
    for (int i = 0; old && i < old->n_rows; i++)
        if (!present(v, old->row[i].target.service)) add_row(v, &old->row[i]);
    index_rows(v);
    return v;
}

static void free_retired(bus *b, int64_t now) {
    int kept = 0;
    for (int i = 0; i < b->n_retired; i++) {
        if (now - b->retired[i]->retired_ms > BUS_RETIRE_MS)
            bus_view_free(b->retired[i]);
        else
            b->retired[kept++] = b->retired[i];
    }
    b->n_retired = kept;
}

static void publish(bus *b, bus_view *v) {
    bus_view *old = atomic_exchange(&b->view, v);
    if (old) {
        old->retired_ms = vp_clock_ms();
        b->retired[b->n_retired++] = old;
    }
    atomic_fetch_add(&b->generation, 1);
    bus_wake(b);
}

/* Load changes with every beat, and so does the order of the records; only what routing needs makes
 * a new view. */
static uint64_t hash_of(const redisReply *records) {
    uint64_t all = 1; /* no record at all is a view, too */
    for (size_t i = 0; i < records->elements; i++) {
        const redisReply *e = records->element[i];
        if (e->type != REDIS_REPLY_STRING) continue;
        const char *load = strstr(e->str, "\"load\":");
        uint64_t hash;
        vp_seal_hash(vp_str_n(e->str, load ? (size_t)(load - e->str) : e->len), (uint8_t *)&hash,
                     8);
        all += hash;
    }
    return all;
}

static vp_err ask_records(bus *b, redisReply **out, vp_fault *why) {
    redisReply *ids = NULL;
    vp_str argv[VP_REGISTRY_INSTANCES + 1] = {VP_STR("ZRANGE"), VP_STR("instances"), VP_STR("0"),
                                              VP_STR("255"), VP_STR("REV")};
    char key[VP_REGISTRY_INSTANCES][48];
    int n = 1;
    vp_err rc = vp_store_ask(b->store, ASK_MS, 5, argv, &ids, why);
    if (rc) return rc;
    if (ids->type != REDIS_REPLY_ARRAY) { /* an error: nothing is known, which is not "nobody" */
        vp_fault_set(why, "redis: %s", ids->type == REDIS_REPLY_ERROR ? ids->str : "no list");
        freeReplyObject(ids);
        return VP_EPROTO;
    }
    argv[0] = VP_STR("MGET");
    for (size_t i = 0; i < ids->elements && i < VP_REGISTRY_INSTANCES; i++) {
        snprintf(key[i], sizeof key[i], "instance:%.32s", ids->element[i]->str);
        argv[n++] = vp_str_of(key[i]);
    }
    if (n == 1) argv[n++] = VP_STR("instance:"); /* nobody yet: one key that is not there */
    rc = vp_store_ask(b->store, ASK_MS, n, argv, out, why);
    freeReplyObject(ids);
    return rc;
}

static vp_err ask_time(bus *b, vp_fault *why) {
    redisReply *r = NULL;
    int64_t s = 0, us = 0, before = vp_clock_ms();
    vp_err rc = vp_store_ask(b->store, ASK_MS, 1, (vp_str[]){VP_STR("TIME")}, &r, why);
    if (rc) return rc;
    if (r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
        !vp_str_int(vp_str_of(r->element[0]->str), 0, INT64_MAX / 2000, &s) &&
        !vp_str_int(vp_str_of(r->element[1]->str), 0, 999999, &us))
        atomic_store(&b->clock_offset, s * 1000 + us / 1000 - (before + vp_clock_ms()) / 2);
    freeReplyObject(r);
    return VP_OK;
}

bool bus_directory_read(bus *b) {
    redisReply *records = NULL;
    vp_fault why = {0};
    vp_err rc = ask_time(b, &why);
    if (!rc) rc = ask_records(b, &records, &why);
    if (!rc && records->type != REDIS_REPLY_ARRAY) rc = VP_EPROTO;
    if (!rc) {
        uint64_t hash = hash_of(records);
        free_retired(b, vp_clock_ms());
        bus_note_doors(b, records);
        if (hash != b->text_hash && b->n_retired < BUS_RETIRED) {
            b->text_hash = hash;
            publish(b, view_of(b, records));
        }
    }
    if (records) freeReplyObject(records);
    if (atomic_exchange(&b->redis_up, rc == VP_OK) != (rc == VP_OK))
        vp_log(rc ? VP_LOG_WARN : VP_LOG_INFO, NULL, "registry: %s",
               rc ? why.text : "redis is back");
    return rc == VP_OK;
}

void *bus_directory_run(void *bus_) {
    bus *b = bus_;
    while (!b->stop) {
        bus_own_tick(b, bus_directory_read(b));
        for (int i = 0; i < BUS_DIRECTORY_MS / LOOK_MS && !b->stop; i++) poll(NULL, 0, LOOK_MS);
        /* The dispatcher looks for instances that came back under an unchanged record. */
        bus_wake(b);
    }
    bus_own_tick(b, atomic_load(&b->redis_up));
    return NULL;
}
