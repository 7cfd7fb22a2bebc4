/* server.c - see server.h. Two CivetWeb contexts without files, directories, CORS or decoding:
 * begin_request answers everything, so nothing of CivetWeb behind it is ever reached.
 * linger_timeout_ms stays unset: 0 would reset each closed connection and lose answers.
 * SPDX-License-Identifier: MIT */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "log.h"
#include "mem.h"

enum { OPTIONS_MAX = 32, PUBLIC_THREADS = 1024, ADMIN_THREADS = 4, PUBLIC = 0, ADMIN = 1 };

/* decode_url no keeps request_uri as it was sent, for CivetWeb decodes in place. */
static const char *const fixed_options[] = {
    "decode_url",
    "no",
    "enable_keep_alive",
    "yes",
    "tcp_nodelay",
    "1",
    "connection_queue",
    "1024",
    "listen_backlog",
    "4096",
    "enable_directory_listing",
    "no",
    "enable_auth_domain_check",
    "no",
    "access_control_allow_origin",
    "",
    "access_control_allow_methods",
    "",
    "access_control_allow_headers",
    "",
};

static int on_log(const struct mg_connection *conn, const char *message) {
    (void)conn;
    vp_log(VP_LOG_WARN, NULL, "civetweb: %s", message);
    return 1;
}

/* A connection counts from its first request: before that CivetWeb does not say whose it is, and a
 * silent one ends by the time-out of its head. */
bool http_is_crowded(http_server *s, struct mg_connection *conn) {
    const struct mg_request_info *ri = mg_get_request_info(conn);
    vp_caller *caller = mg_get_user_connection_data(conn);
    if (caller || http_networks_hold(&s->trusted, vp_str_of(ri->remote_addr))) return false;
    pthread_mutex_lock(&s->lock);
    bool free = vp_callers_enter(s->callers, ri->remote_addr, &caller);
    pthread_mutex_unlock(&s->lock);
    mg_set_user_connection_data(conn, caller);
    return !free;
}

static int on_connection(const struct mg_connection *conn, void **data) {
    http_door *door = mg_get_user_data(mg_get_context(conn));
    http_worker *w = mg_get_thread_pointer(conn);
    (void)data;
    w->failed = false;
    atomic_fetch_add(&door->connections, 1);
    return 0;
}

/* While it still knows whose it is. */
static void on_close(const struct mg_connection *conn) {
    http_door *door = mg_get_user_data(mg_get_context(conn));
    vp_caller *caller = mg_get_user_connection_data(conn);
    http_exchange_close(conn);
    if (!caller) return;
    pthread_mutex_lock(&door->server->lock);
    vp_callers_leave(door->server->callers, &caller);
    pthread_mutex_unlock(&door->server->lock);
}

static void on_closed(const struct mg_connection *conn) {
    http_door *door = mg_get_user_data(mg_get_context(conn));
    if (atomic_fetch_sub(&door->connections, 1) == 1) http_drain_tell(door->server);
}

static void *on_thread(const struct mg_context *ctx, int type) {
    http_door *door = mg_get_user_data(ctx);
    if (type != 1) return NULL;
    http_worker *w = vp_calloc(1, sizeof *w);
    pthread_mutex_lock(&door->server->lock);
    w->next = door->workers;
    door->workers = w;
    pthread_mutex_unlock(&door->server->lock);
    http_watch_join(&door->server->watch, &w->watched);
    return w;
}

static const struct mg_callbacks callbacks = {.begin_request = http_exchange,
                                              .http_error = http_exchange_error,
                                              .log_message = on_log,
                                              .init_connection = on_connection,
                                              .connection_close = on_close,
                                              .connection_closed = on_closed,
                                              .init_thread = on_thread};

/* The port that was really bound. */
static int bound_port(const struct mg_context *ctx) {
    struct mg_server_port port = {0};
    return mg_get_server_ports(ctx, 1, &port) == 1 ? port.port : 0;
}

static vp_err open_door(http_door *door, const char *listen, int64_t threads, vp_fault *why) {
    char count[24], timeout[24], keep_alive[24], head[24], text[120] = "";
    door->threads = (int)threads;
    snprintf(count, sizeof count, "%lld", (long long)threads);
    snprintf(timeout, sizeof timeout, "%d", HTTP_TIMEOUT_MS);
    snprintf(keep_alive, sizeof keep_alive, "%d", HTTP_KEEP_ALIVE_MS);
    snprintf(head, sizeof head, "%d", HTTP_HEAD_MAX);
    const char *own[] = {"listening_ports",    listen,  "num_threads",           count,
                         "request_timeout_ms", timeout, "keep_alive_timeout_ms", keep_alive,
                         "max_request_size",   head};
    const char *options[OPTIONS_MAX] = {NULL};
    memcpy(options, fixed_options, sizeof fixed_options);
    memcpy(options + sizeof fixed_options / sizeof *fixed_options, own, sizeof own);
    struct mg_init_data init = {
        .callbacks = &callbacks, .user_data = door, .configuration_options = options};
    struct mg_error_data error = {.text = text, .text_buffer_size = sizeof text};
    door->ctx = mg_start2(&init, &error);
    if (door->ctx) {
        door->port = bound_port(door->ctx);
        return VP_OK;
    }
    vp_fault_set(why, "cannot listen on %s: %s", listen, text);
    return VP_ESYSTEM;
}

/* Kept without the slashes at its end, so that paths can be put behind it. */
static vp_err keep_url(char to[256], const char *url, vp_fault *why) {
    size_t n = url ? strlen(url) : 0;
    while (n && url[n - 1] == '/') n--;
    bool web = !n || strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
    if (n < 256 && web) {
        if (n) memcpy(to, url, n);
        to[n] = '\0';
        return VP_OK;
    }
    vp_fault_set(why, "public-url must be http(s)://host and under 256 bytes");
    return VP_EINVAL;
}

/* ancestors: who may frame the page; live: the live stream's origin, where it is another one. */
static vp_err write_policy(char to[512], const char *ancestors, const char *live, vp_fault *why) {
    if (!live) live = "";
    int n = snprintf(to, 512,
                     "Content-Security-Policy: default-src 'self'; frame-ancestors %s; "
                     "base-uri 'none'; form-action 'self'; connect-src 'self'%s%s\r\n",
                     ancestors, *live ? " " : "", live);
    if (n < 512 && !strpbrk(live, "\r\n;,")) return VP_OK;
    vp_fault_set(why, "connect-src is too long or no source");
    return VP_EINVAL;
}

static vp_err keep_options(http_server *s, const http_options *o, vp_fault *why) {
    vp_err e;
    if ((e = keep_url(s->public_url, o->public_url, why))) return e;
    if ((e = http_networks_parse(o->trusted_proxies, &s->trusted, why))) return e;
    snprintf(s->fallback_url, sizeof s->fallback_url, "http://%s", o->listen);
    if ((e = write_policy(s->html_policy, "'self'", o->connect_src, why))) return e;
    if ((e = write_policy(s->frame_policy, "*", o->connect_src, why))) return e;
    s->log_access = o->log_access;
    s->app = o->app;
    s->ready = o->ready;
    s->metrics = o->metrics;
    s->services_metrics = o->services_metrics;
    return VP_OK;
}

static http_server *make(const http_options *o) {
    http_server *s = vp_calloc(1, sizeof *s);
    pthread_condattr_t attributes;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    for (int i = 0; i < 2; i++) s->doors[i] = (http_door){.server = s, .plug = -1};
    s->doors[PUBLIC].handle = o->handle;
    s->doors[PUBLIC].app = o->app;
    s->doors[ADMIN].handle = http_admin;
    s->doors[ADMIN].app = s;
    s->doors[ADMIN].admin = true;
    mg_init_library(0);
    return s;
}

/* The admin door opens first: /livez answers while the public threads start. */
vp_err http_server_start(http_server **out, const http_options *o, vp_fault *why) {
    http_server *s = make(o);
    s->callers = vp_callers_new((int)o->per_address);
    int64_t threads = o->threads > 0 ? o->threads : PUBLIC_THREADS;
    vp_err e = keep_options(s, o, why);
    if (!e) e = http_watch_start(&s->watch, why);
    if (!e) e = open_door(&s->doors[ADMIN], o->admin_listen, ADMIN_THREADS, why);
    if (!e) e = open_door(&s->doors[PUBLIC], o->listen, threads, why);
    for (int i = 0; i < 2 && !e; i++)
        http_watch_add_door(&s->watch, s->doors[i].port, &s->doors[i].connections,
                            (int)(i == PUBLIC ? threads : ADMIN_THREADS));
    if (e) http_server_stop(&s, 0);
    *out = s;
    return e;
}

int http_server_port(const http_server *s) {
    return s->doors[PUBLIC].port;
}
int http_server_admin_port(const http_server *s) {
    return s->doors[ADMIN].port;
}
