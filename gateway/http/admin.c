/* admin.c - what the admin port answers. SPDX-License-Identifier: MIT */
#include "counters.h"
#include "internal.h"

enum { SERVICES_MAX = 32 * 1024 * 1024 }; /* a hundred kilobytes of each of as many as may be */

static void livez(http_server *s, http_reply *p) {
    (void)s;
    p->body = VP_STR("ok\n");
}

static void readyz(http_server *s, http_reply *p) {
    bool ready = !atomic_load(&s->stopping) && (!s->ready || s->ready(s->app));
    p->status = ready ? 200 : 503;
    p->body = ready ? VP_STR("ready\n") : VP_STR("not ready\n");
}

static const vp_str prometheus = VP_STR_INIT("text/plain; version=0.0.4; charset=utf-8");

static void metrics(http_server *s, http_reply *p) {
    http_count_now(atomic_load(&s->in_flight), atomic_load(&s->doors[0].connections),
                   s->doors[0].threads);
    http_counters_write(&p->own);
    if (s->metrics) s->metrics(&p->own, s->app);
    p->content_type = prometheus;
}

static void services(http_server *s, http_reply *p) {
    p->own.max = SERVICES_MAX;
    if (s->services_metrics) s->services_metrics(&p->own, s->app);
    p->content_type = prometheus;
}

static const struct {
    vp_str path;
    void (*answer)(http_server *s, http_reply *p);
} pages[] = {{VP_STR_INIT("/livez"), livez},
             {VP_STR_INIT("/readyz"), readyz},
             {VP_STR_INIT("/metrics"), metrics},
             {VP_STR_INIT("/metrics/services"), services}};

void http_admin(http_request *r, http_reply *p, void *app) {
    bool reads = vp_str_eq(r->method, VP_STR("GET")) || vp_str_eq(r->method, VP_STR("HEAD"));
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (!vp_str_eq(r->path, pages[i].path)) continue;
        http_reply_header(p, reads ? "Cache-Control" : "Allow",
                          reads ? VP_STR("no-store") : VP_STR("GET, HEAD"));
        p->content_type = VP_STR("text/plain; charset=utf-8");
        if (reads)
            pages[i].answer(app, p);
        else
            http_reply_error(p, r, VP_EMETHOD, NULL);
        return;
    }
    http_reply_error(p, r, VP_ENOTFOUND, NULL);
}
