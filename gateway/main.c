/* main.c - the gateway: wires http, bus, accounts, forwarding and pages; nothing else happens here.
 * SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "accounts.h"
#include "bus.h"
#include "conf.h"
#include "curve.h"
#include "describe.h"
#include "forward.h"
#include "keys.h"
#include "log.h"
#include "mem.h"
#include "operate.h"
#include "origin.h"
#include "pages.h"
#include "process.h"
#include "seal.h"
#include "server.h"
#include "static.h"

extern char **environ;

enum { DRAIN_MS = 1000 };

typedef struct app {
    void *zmq;
    vp_curve *curve;
    bus *bus;
    accounts *accounts;
    keys keys;
    pages *pages;
    http_server *server;
    int64_t service_ms;
} app;

typedef struct settings {
    const char *listen, *admin_listen, *redis_url, *registry_url, *durability, *public_url;
    const char *live_url, *trusted_proxies;
    const char *site_name, *secrets, *log_level;
    vp_curve_options keys;
    int64_t http_threads, per_address, service_ms;
    bool log_access, operations;
} settings;

static void handle(http_request *r, http_reply *p, void *app_) {
    app *a = app_;
    bool api = vp_str_starts(r->path, VP_STR("/api/"));
    if (vp_str_starts(r->path, VP_STR("/static/"))) {
        http_static(r, p);
        return;
    }
    if (vp_str_eq(r->path, VP_STR("/api/v1/openapi.json"))) {
        http_static_file(r, p, VP_STR("openapi.json"));
        return;
    }
    if (!http_method_safe(r->method)) keys_mark_address(&a->keys, a->bus, r);
    vp_err rc = api ? accounts_actor(a->bus, r) : VP_OK;
    if (rc)
        http_reply_error(p, r, rc,
                         rc == VP_EAUTH     ? "This token or session is not valid."
                         : rc == VP_EDENIED ? "The scopes of this token do not cover that."
                                            : "The accounts cannot be reached just now.");
    else if (!api)
        pages_handle(a->pages, r, p);
    else if (!operate_handle(a->bus, r, p) && !accounts_handle(a->accounts, a->bus, r, p))
        forward_request(a->bus, r, p, a->service_ms);
}

static bool ready(void *app_) {
    app *a = app_;
    static const char *const needed[] = {"accounts", "articles", "comments", "polls"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!bus_service_ready(a->bus, needed[i])) return false;
    return bus_redis_up(a->bus);
}

static void metrics(vp_buf *out, void *app_) {
    app *a = app_;
    vp_metrics_write_build(out);
    bus_metrics(a->bus, out);
    vp_metrics_write_process(out);
}

static void services_metrics(vp_buf *out, void *app_) {
    app *a = app_;
    operate_metrics(a->bus, out);
}

static vp_err configure(settings *s, int argc, char **argv, bool *done, vp_fault *why) {
    const vp_conf_item items[] = {
        {"listen", VP_CONF_TEXT, &s->listen, "127.0.0.1:8080", 1, 100, "address and port"},
        {"admin-listen", VP_CONF_TEXT, &s->admin_listen, "127.0.0.1:8082", 1, 100,
         "address and port of /livez, /readyz, /metrics and /metrics/services"},
        {"redis-url", VP_CONF_TEXT, &s->redis_url, "redis://127.0.0.1:6379", 1, 1000,
         "Redis: redis://host:port[/db], redis+sentinel://h1,h2,h3/master or unix:///path"},
        {"registry-url", VP_CONF_TEXT, &s->registry_url, "", 0, 1000, VP_REGISTRY_URL_HELP},
        {"durability", VP_CONF_TEXT, &s->durability, "local", 1, 10, VP_DURABILITY_HELP},
        {"public-url", VP_CONF_TEXT, &s->public_url, "", 0, 200,
         "the site's own origin, such as https://example.org; empty: http and the Host header"},
        {"live-url", VP_CONF_TEXT, &s->live_url, "/live", 1, 200,
         "where browsers find voxpop-live"},
        {"trusted-proxies", VP_CONF_TEXT, &s->trusted_proxies, "", 0, 1000,
         "addresses or networks whose X-Forwarded-For is believed, separated by commas"},
        {"site-name", VP_CONF_TEXT, &s->site_name, "The Commons", 1, 60, "the magazine's name"},
        {"secrets", VP_CONF_TEXT, &s->secrets, "", 0, 400,
         "folder for the one-time secret of the first account"},
        {"http-threads", VP_CONF_INT, &s->http_threads, "1024", 4, 8192,
         "connections served at once"},
        {"connections-per-address", VP_CONF_INT, &s->per_address, "256", 0, 8192,
         "connections of one client address, trusted proxies apart; 0: any number"},
        {"service-ms", VP_CONF_INT, &s->service_ms, "2000", 50, 30000,
         "the longest wait for a service, in milliseconds"},
        {"log-access", VP_CONF_FLAG, &s->log_access, "no", 0, 0,
         "log each request, without addresses"},
        {"operations", VP_CONF_FLAG, &s->operations, "no", 0, 0,
         "print what this process answers, as JSON, and end"},
        VP_CURVE_ITEMS(s->keys),
        {"log-level", VP_CONF_TEXT, &s->log_level, "info", 1, 10, "debug, info, warn or error"},
        {NULL}};
    return vp_conf_load(items, "gateway", argc, argv, environ, done, why);
}

static vp_err start(app *a, const settings *s, vp_fault *why) {
    char connect_src[200];
    pages_options po = {.keys = &a->keys,
                        .site_name = s->site_name,
                        .live_url = s->live_url,
                        .timeout_ms = s->service_ms / 2};
    vp_err rc;
    keys_init(&a->keys);
    a->zmq = zmq_ctx_new();
    a->service_ms = s->service_ms;
    if ((rc = vp_curve_new(&a->curve, &s->keys, why))) return rc;
    const char *registry = s->registry_url[0] ? s->registry_url : s->redis_url;
    if ((rc = bus_new(&a->bus, a->zmq, a->curve, registry, why))) return rc;
    accounts_options ao = {
        .redis_url = s->redis_url, .registry_url = registry, .secrets = s->secrets};
    if ((rc = vp_service_durability(s->durability, &ao.replica, why))) return rc;
    if ((rc = accounts_new(&a->accounts, a->zmq, a->bus, &ao, why))) return rc;
    if ((rc = bus_start(a->bus, why))) return rc;
    po.bus = a->bus;
    po.accounts = a->accounts;
    if ((rc = pages_new(&a->pages, &po, why))) return rc;
    /* The pages' content security policy allows the live stream's origin and no other. */
    const char *path =
        strstr(s->live_url, "://") ? strchr(strstr(s->live_url, "://") + 3, '/') : NULL;
    int n = s->live_url[0] == '/' ? 0 : path ? (int)(path - s->live_url) : (int)strlen(s->live_url);
    snprintf(connect_src, sizeof connect_src, "%.*s", n, s->live_url);
    const http_options ho = {.listen = s->listen,
                             .admin_listen = s->admin_listen,
                             .threads = s->http_threads,
                             .per_address = s->per_address,
                             .public_url = s->public_url,
                             .trusted_proxies = s->trusted_proxies,
                             .log_access = s->log_access,
                             .connect_src = connect_src,
                             .app = a,
                             .handle = handle,
                             .ready = ready,
                             .metrics = metrics,
                             .services_metrics = services_metrics};
    return http_server_start(&a->server, &ho, why);
}

/* In the registry, for people to see. */
static void announce(app *a, const settings *s) {
    char url[160];
    const char *colon = strrchr(s->listen, ':');
    int host = colon ? (int)(colon - s->listen) : 0;
    snprintf(url, sizeof url, "http://%.*s:%d", host, s->listen, http_server_port(a->server));
    bus_announce(a->bus, "gateway", url);
}

/* In this order: no more requests, then nobody who could call, then the accounts. */
static void end(app *a) {
    if (a->bus) bus_leave(a->bus);
    http_server_stop(&a->server, DRAIN_MS);
    pages_destroy(&a->pages);
    bus_destroy(&a->bus);
    accounts_destroy(&a->accounts);
    keys_release(&a->keys);
    if (a->zmq) zmq_ctx_term(a->zmq);
    vp_curve_destroy(&a->curve);
}

/* Lines of the access log that are kept are written out meanwhile. */
static void wait_for(const sigset_t *end_signals) {
    const struct timespec second = {.tv_sec = 1};
    while (sigtimedwait(end_signals, NULL, &second) < 0) vp_log_flush();
}

static int print_operations(void) {
    const char *separator = "[";
    vp_buf out;
    vp_buf_init(&out, HTTP_REPLY_BODY_MAX);
    accounts_operations(&out, &separator);
    operate_operations(&out, &separator);
    vp_describe_print(&out, separator);
    vp_buf_release(&out);
    return 0;
}

int main(int argc, char **argv) {
    settings s = {0};
    app a = {0};
    vp_fault why = {0};
    vp_log_level level = VP_LOG_INFO;
    bool done = false;
    sigset_t end_signals;
    sigemptyset(&end_signals);
    sigaddset(&end_signals, SIGTERM);
    sigaddset(&end_signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &end_signals, NULL); /* all threads inherit it; sigwait takes them */
    signal(SIGPIPE, SIG_IGN);
    vp_mem_init();
    vp_process_batch();
    vp_err rc = configure(&s, argc, argv, &done, &why);
    if (!rc && done) return 0;
    if (!rc && s.operations) return print_operations();
    if (!rc) rc = vp_log_level_parse(vp_str_of(s.log_level), &level);
    if (!rc) rc = vp_seal_init();
    vp_log_init("gateway", level);
    if (!rc) rc = start(&a, &s, &why);
    if (rc)
        fprintf(stderr, "voxpop-gateway: %s\n", why.text);
    else
        vp_log(VP_LOG_INFO, NULL, "ready at port %d, admin at port %d", http_server_port(a.server),
               http_server_admin_port(a.server));
    if (!rc) announce(&a, &s);
    if (!rc) wait_for(&end_signals);
    end(&a);
    return rc ? 1 : 0;
}
