/* internal.h - what the files of http/ share and nobody else includes.
 * A door is one CivetWeb context: the public one or the admin's. A worker is what one of its
 * threads keeps between requests, so that a usual request allocates nothing.
 * SPDX-License-Identifier: MIT */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include <civetweb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "address.h"
#include "callers.h"
#include "clock.h"
#include "guard.h"
#include "server.h"
#include "watch.h"

enum {
    HTTP_TIMEOUT_MS = 3000,    /* for a head, or a silence in a body */
    HTTP_KEEP_ALIVE_MS = 2000, /* an idle connection gives its thread back */
    HTTP_HEAD_MAX = 16 * 1024, /* request line and fields together */
    HTTP_ONE_WRITE = 64 * 1024 /* up to here head and body go out in one system call */
};

typedef struct http_worker {
    struct http_worker *next; /* of its door */
    http_watched watched;
    vp_buf out, line;           /* the answer's bytes; the access log's line */
    vp_buf headers, own, body;  /* lent to each request and reply */
    bool failed;                /* the connection's last request was no request: it is answered */
    int64_t second;             /* for which the texts are */
    char time[VP_TIME_LEN + 1]; /* RFC 3339 */
    char date[40];              /* "Date: ...\r\n" */
} http_worker;

typedef struct http_door {
    http_server *server;
    struct mg_context *ctx;
    void (*handle)(http_request *r, http_reply *p, void *app);
    void *app;
    bool admin;
    int port;
    int plug; /* took the listening socket's place; or -1 */
    int threads;
    atomic_int connections; /* that have one of them */
    atomic_int reading;     /* of them: wait for a client's body, and are no work */
    http_worker *workers;   /* under the server's lock */
} http_door;

struct http_server {
    http_door doors[2];
    http_watch watch;
    http_networks trusted;
    vp_callers *callers; /* who has connections; under the lock */
    bool log_access;
    char public_url[256];
    char fallback_url[256]; /* for HTTP/1.0 without Host */
    char html_policy[512];  /* Content-Security-Policy of a page */
    char frame_policy[512]; /* of one that other sites may frame */
    void *app;
    bool (*ready)(void *app);
    void (*metrics)(vp_buf *out, void *app);
    void (*services_metrics)(vp_buf *out, void *app);
    atomic_bool stopping;
    atomic_int in_flight;
    pthread_mutex_t lock;   /* of the doors' workers too */
    pthread_cond_t changed; /* while stopping: something became 0 */
};

static inline http_worker *http_worker_of(const http_request *r) {
    return mg_get_thread_pointer(r->conn);
}

/* request.c: reads and drops what is left of a body; false when it did not end within limit. */
bool http_request_skip(http_request *r, int64_t limit, int ms);
bool http_request_has_body(const http_request *r);
/* send.c: writes the answer once; keep: the connection stays open. Returns the bytes sent of it. */
int64_t http_reply_send(http_reply *p, const http_request *r, const http_server *s, bool keep);
void http_worker_tick(http_worker *w, int64_t unix_ms); /* brings time and date up to date */
/* reply.c: an error of any status, also of those that vp_err does not have. */
void http_reply_refuse(http_reply *p, const http_request *r, int status, const char *detail);
const char *http_reason(int status);
/* server.c: is this connection one too many of its address? Counts it at its first request. */
bool http_is_crowded(http_server *s, struct mg_connection *conn);
/* exchange.c: CivetWeb's callbacks begin_request and http_error. */
int http_exchange(struct mg_connection *conn);
int http_exchange_error(struct mg_connection *conn, int status, const char *message);
/* connection_close: answers what CivetWeb would drop without a word. */
void http_exchange_close(const struct mg_connection *conn);
/* admin.c: the handler of the admin door; app is the server. */
void http_admin(http_request *r, http_reply *p, void *app);
/* drain.c: something that http_server_stop may wait for became 0. */
void http_drain_tell(http_server *s);
/* access.c */
void http_access_log(const http_request *r, int status, int64_t bytes, int64_t us);

#endif
