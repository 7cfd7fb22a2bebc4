/* accounts.c - the accounts' loop on its own thread. SPDX-License-Identifier: MIT */
#include "accounts.h"

#include <pthread.h>
#include <stdlib.h>

#include "accounts_private.h"
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
