/* server.h - CivetWeb, and nothing else of the gateway knows it. The public context hands each
 * checked request to one function on the connection's thread; the admin context (/livez, /readyz,
 * /metrics and /metrics/services) has its own few threads, so that it answers when the public one
 * is full. SPDX-License-Identifier: MIT */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "reply.h"
#include "request.h"

typedef struct http_server http_server;

typedef struct http_options {
    const char *listen;          /* "127.0.0.1:8080" */
    const char *admin_listen;    /* "127.0.0.1:8082" */
    int64_t threads;             /* of the public context; 0: 1024 */
    int64_t per_address;         /* connections of one address; 0: any number. Not of proxies */
    const char *public_url;      /* "" : http://Host */
    const char *trusted_proxies; /* comma-separated addresses or networks; "" : none */
    const char *connect_src;     /* one more source for pages, voxpop-live; "" : none */
    bool log_access;
    void *app;
    void (*handle)(http_request *r, http_reply *p, void *app);
    bool (*ready)(void *app);                         /* /readyz */
    void (*metrics)(vp_buf *out, void *app);          /* what /metrics shows besides http's own */
    void (*services_metrics)(vp_buf *out, void *app); /* what /metrics/services shows */
} http_options;

VP_CHECKED vp_err http_server_start(http_server **out, const http_options *o, vp_fault *why);
/* Unready at once; new connections are refused; requests in work end, at most drain_ms. */
void http_server_stop(http_server **self_p, int drain_ms);
/* The ports that were really bound (port 0 asks for a free one). */
int http_server_port(const http_server *s);
int http_server_admin_port(const http_server *s);

#endif
