/* accounts.c - the accounts' loop on its own thread. SPDX-License-Identifier: MIT */
#include "accounts.h"

#include <pthread.h>
#include <stdlib.h>

#include "accounts_private.h"
#include "describe.h"
#include "embed.h"
#include "mem.h"

extern const vp_embedded accounts_lua[];

static const vp_schema schemas[] = {{"account", 1, NULL}, {NULL}};

static void *run(void *accounts_) {
    accounts *a = accounts_;
    vp_service_run(a->service, &a->stop);
    vp_service_destroy(&a->service); /* its sockets belong to this thread */
    return NULL;
}

vp_err accounts_new(accounts **out, void *zmq, bus *b, const accounts_options *o, vp_fault *why) {
    accounts *a = vp_calloc(1, sizeof *a);
    a->state.secrets = o->secrets;
    a->def = (vp_service_def){.name = "accounts",
                              .ops = accounts_ops,
                              .lua = accounts_lua,
                              .topics = "",
                              .self = &a->state,
                              .schemas = schemas};
    const vp_service_options options = {.zmq = zmq,
                                        .redis_url = o->redis_url,
                                        .registry_url = o->registry_url,
                                        .bind = "inproc://accounts",
                                        .publish = "",
                                        .replica = o->replica};
    *out = a;
    vp_err rc = accounts_password_init(&a->passwords);
    if (!rc) rc = vp_service_new(&a->service, &a->def, &options, why);
    if (!rc) rc = bus_add_local(b, vp_service_record(a->service), why);
    if (!rc && pthread_create(&a->thread, NULL, run, a)) {
        vp_fault_set(why, "accounts: no thread can be started");
        rc = VP_ESYSTEM;
    }
    if (rc) {
        vp_service_destroy(&a->service);
        free(a);
        *out = NULL;
    } else {
        a->running = true;
    }
    return rc;
}

void accounts_destroy(accounts **self_p) {
    accounts *a = *self_p;
    if (!a) return;
    atomic_store(&a->stop, true);
    if (a->running) pthread_join(a->thread, NULL);
    accounts_password_end(&a->passwords);
    free(a);
    *self_p = NULL;
}

/* -- what is answered on the HTTP thread ---------------------------------------------------- */

static const struct {
    const char *name;
    vp_str method, path;
    vp_may may;
    accounts_handler *handle;
} rows[] = {
    {"sessions.create", VP_STR_INIT("POST"), VP_STR_INIT("/api/v1/sessions"), VP_MAY_ANYONE,
     accounts_sign_in},
    {"sessions.end-current", VP_STR_INIT("DELETE"), VP_STR_INIT("/api/v1/sessions/current"),
     VP_MAY_ANYONE, accounts_sign_out},
    /* anyone: whoever has the first account's secret; it says itself who may */
    {"accounts.create", VP_STR_INIT("POST"), VP_STR_INIT("/api/v1/accounts"), VP_MAY_ANYONE,
     accounts_create},
    {"accounts.change-password", VP_STR_INIT("PUT"), VP_STR_INIT("/api/v1/me/password"),
     VP_MAY_SIGNED_IN, accounts_change_password},
    {"accounts.use-reset", VP_STR_INIT("POST"), VP_STR_INIT("/api/v1/password-resets"),
     VP_MAY_ANYONE, accounts_use_reset},
    {"audit.list", VP_STR_INIT("GET"), VP_STR_INIT("/api/v1/audit"), VP_MAY_ADMIN, accounts_audit},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* The loop has rows of its own for some of these paths. */
static bool only_here(bus *b, const http_request *r) {
    bus_target target;
    char allow[64];
    return bus_route(b, r->method, r->path, &target, allow) == VP_ENOTFOUND;
}

bool accounts_handle(accounts *a, bus *b, http_request *r, http_reply *p) {
    vp_str method = vp_str_eq(r->method, VP_STR("HEAD")) ? VP_STR("GET") : r->method;
    for (int i = 0; i < ROWS; i++) {
        if (!vp_str_eq(r->path, rows[i].path)) continue;
        if (vp_str_eq(method, rows[i].method)) {
            if (vp_role_may(r->role, rows[i].may))
                rows[i].handle(a, b, r, p);
            else
                http_reply_error(p, r, r->role ? VP_EDENIED : VP_EAUTH,
                                 r->role ? "This account may not do that."
                                         : "Please sign in first.");
            return true;
        }
        if (only_here(b, r)) {
            http_reply_error(p, r, VP_EMETHOD, "This path does not take that method.");
            http_reply_header(p, "Allow",
                              vp_str_eq(rows[i].method, VP_STR("GET")) ? VP_STR("GET, HEAD")
                                                                       : rows[i].method);
            return true;
        }
    }
    return false;
}

void accounts_operations(vp_buf *out, const char **separator) {
    vp_describe_service(out, "accounts", accounts_ops, separator);
    for (int i = 0; i < ROWS; i++)
        vp_describe(out, rows[i].name, rows[i].method.p, rows[i].path.p, rows[i].may, separator);
}
