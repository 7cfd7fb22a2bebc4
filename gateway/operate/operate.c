/* operate.c - see operate.h. SPDX-License-Identifier: MIT */
#include "operate.h"

#include <stdlib.h>

#include "clock.h"
#include "describe.h"
#include "forward.h"
#include "gather.h"
#include "log.h"
#include "mem.h"

enum { DRAIN_MS = 2000 };

static const vp_str instances = VP_STR_INIT("/api/v1/instances/"), drains = VP_STR_INIT("/drain");

/* -- the API ---------------------------------------------------------------------------------- */

static void status(bus *b, http_request *r, http_reply *p, vp_str id) {
    (void)r;
    (void)id;
    char now[VP_TIME_LEN + 1];
    vp_time_text(vp_clock_wall(), now);
    p->status = 200;
    http_reply_header(p, "Cache-Control", VP_STR("private, no-store"));
    vp_buf_addf(&p->own,
                "{\"version\":\"%s\",\"at\":\"%s\",\"redis\":%s,\"instances\":", VP_VERSION, now,
                bus_redis_up(b) ? "true" : "false");
    bus_status(b, &p->own);
    vp_buf_addc(&p->own, '}');
}

static bool find(bus *b, vp_str id, bus_instance *out) {
    bus_instance *rows = vp_calloc(BUS_LIST_MAX, sizeof *rows);
    bool found = false;
    for (int i = bus_list(b, rows) - 1; i >= 0 && !found; i--) {
        found = vp_str_eq(vp_str_of(rows[i].id), id);
        if (found) *out = rows[i];
    }
    free(rows);
    return found;
}

static void drop_call(void *held) {
    forward_release(held);
    free(held);
}

static void drain(bus *b, http_request *r, http_reply *p, vp_str id) {
    bus_instance row;
    if (!find(b, id, &row)) {
        http_reply_error(p, r, VP_ENOTFOUND, "No instance has this id.");
        return;
    }
    if (row.local || !row.callable) {
        http_reply_error(p, r, VP_ECONFLICT, "This one drains when its process gets SIGTERM.");
        return;
    }
    forward_call *f = vp_alloc(sizeof *f);
    p->held = f;
    p->drop = drop_call;
    forward_start_to(f, b, r, row.service, row.id, VP_STR("SYNC"), drains, DRAIN_MS);
    vp_err rc = forward_finish(f);
    vp_log(VP_LOG_INFO, &r->trace, "%s %s told to drain by %s: %d", row.service, row.id,
           r->actor_login, rc ? vp_err_status(rc) : f->call.reply.status);
    forward_reply(f, r, p);
}

static const struct {
    const char *name, *pattern; /* for people and tests */
    vp_str method;
    const char *allow;
    bool of_instance; /* "/api/v1/instances/{id}" + path, else the path */
    vp_str path;
    vp_may may;
    void (*handle)(bus *b, http_request *r, http_reply *p, vp_str id);
} routes[] = {
    {"instances.status", "/api/v1/status", VP_STR_INIT("GET"), "GET, HEAD", false,
     VP_STR_INIT("/api/v1/status"), VP_MAY_EDITOR, status},
    {"instances.drain", "/api/v1/instances/{id}/drain", VP_STR_INIT("POST"), "POST", true,
     VP_STR_INIT("/drain"), VP_MAY_ADMIN, drain},
};
enum { ROUTES = sizeof routes / sizeof *routes };

/* The row of a path, and the id in it; -1: none. */
static int find_route(vp_str path, vp_str *id) {
    *id = (vp_str){0};
    bool of_instance = vp_str_starts(path, instances) && path.n >= instances.n + VP_ULID_LEN;
    if (of_instance) {
        *id = vp_str_n(path.p + instances.n, VP_ULID_LEN);
        path = vp_str_n(id->p + id->n, path.n - instances.n - id->n);
    }
    for (int i = 0; i < ROUTES; i++)
        if (routes[i].of_instance == of_instance && vp_str_eq(path, routes[i].path)) return i;
    return -1;
}

bool operate_handle(bus *b, http_request *r, http_reply *p) {
    vp_str id, method = vp_str_eq(r->method, VP_STR("HEAD")) ? VP_STR("GET") : r->method;
    int i = find_route(r->path, &id);
    if (i < 0) return false;
    if (!vp_str_eq(method, routes[i].method)) {
        http_reply_error(p, r, VP_EMETHOD, "This path does not take that method.");
        http_reply_header(p, "Allow", vp_str_of(routes[i].allow));
    } else if (!vp_role_may(r->role, routes[i].may)) {
        http_reply_error(p, r, r->role ? VP_EDENIED : VP_EAUTH,
                         r->role ? "This account may not do that." : "Please sign in first.");
    } else {
        routes[i].handle(b, r, p, id);
    }
    return true;
}

void operate_operations(vp_buf *out, const char **separator) {
    for (int i = 0; i < ROUTES; i++)
        vp_describe(out, routes[i].name, routes[i].method.p, routes[i].pattern, routes[i].may,
                    separator);
}

/* -- metrics ---------------------------------------------------------------------------------- */

static const vp_str up = VP_STR_INIT("voxpop_instance_up");

static void ask(bus *b, bus_call *call, const bus_instance *row, vp_str head) {
    bus_call_init(call, row->service, OPERATE_METRICS_MS);
    call->to = row->id;
    call->head = head;
    vp_ulid_fast(vp_clock_wall(), call->resend_id);
    bus_submit(b, call);
}

static void add_up(vp_buf *out, const gather_part *part, bool is_up) {
    gather_row(out, up, part, is_up ? VP_STR("} 1\n") : VP_STR("} 0\n"));
}

void operate_metrics(bus *b, vp_buf *out) {
    bus_instance *rows = vp_calloc(BUS_LIST_MAX, sizeof *rows);
    bus_call *calls = vp_calloc(BUS_LIST_MAX, sizeof *calls);
    gather_part *parts = vp_calloc(BUS_LIST_MAX, sizeof *parts);
    int all = bus_list(b, rows), n = 0;
    vp_buf head;
    vp_buf_init(&head, VP_ENVELOPE_HEAD_MAX);
    vp_field_add(&head, VP_F_METHOD, VP_STR("SYNC"));
    vp_field_add(&head, VP_F_PATH, VP_STR("/metrics"));
    for (int i = 0; i < all; i++) {
        if (!rows[i].callable) continue;
        parts[n] = (gather_part){.service = rows[i].service, .instance = rows[i].id};
        ask(b, &calls[n++], &rows[i], vp_buf_str(&head));
    }
    vp_buf_adds(out, "# HELP voxpop_instance_up 1: it has answered.\n"
                     "# TYPE voxpop_instance_up gauge\n");
    for (int i = 0; i < n; i++) {
        bus_wait(&calls[i]);
        add_up(out, &parts[i], !calls[i].err);
        if (!calls[i].err && calls[i].reply.status == 200) parts[i].text = calls[i].reply.body;
    }
    gather_write(out, parts, n);
    for (int i = 0; i < n; i++) bus_call_release(&calls[i]);
    vp_buf_release(&head);
    free(parts);
    free(calls);
    free(rows);
}
