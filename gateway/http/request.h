/* request.h - one HTTP request as the rest of the gateway sees it, already checked against what
 * CivetWeb lets through (see server.c). Lives on the HTTP thread's stack for one exchange; all
 * slices are borrowed and last as long. SPDX-License-Identifier: MIT */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "buf.h"
#include "seal.h"
#include "service.h" /* vp_role */
#include "ulid.h"

enum {
    HTTP_BODY_MAX = 1024 * 1024, /* no route takes more */
    HTTP_HEADERS_MAX = 63        /* CivetWeb cuts at 64 without a word: 64 are refused (431) */
};

struct mg_connection;

typedef struct http_request {
    struct mg_connection *conn; /* for http/ only */
    vp_str method, path, query; /* path: raw, as sent, without the query */
    uint8_t id[VP_ULID_BYTES];
    /* the same when the edge sends a request once more: its X-Voxpop-Edge-Id, or else our id */
    uint8_t resend_id[VP_ULID_BYTES];
    vp_trace trace;     /* for logs, and for those that we call; its request is the id as text */
    char base_url[256]; /* public-url, or http://Host */
    char address[48];   /* the client's, textual; never stored or logged */
    bool secure;        /* base_url is https */
    vp_buf body;        /* filled by http_request_body */
    bool body_read;
    vp_err body_error;            /* what http_request_body answered; then the connection closes */
    const struct http_head *head; /* for http/ only */
    int64_t started_us;
    /* keyed hash of the address's network; set by keys_mark_address, else empty */
    char address_mark[VP_SEAL_TEXT + 1];
    /* who asks; set by accounts_actor, else VP_ROLE_NONE */
    vp_role role;
    char actor_id[VP_ULID_LEN + 1], actor_login[65], actor_handle[65];
    char actor_by[VP_ULID_LEN + 2]; /* VP_F_ACTOR_BY */
} http_request;

vp_str http_request_header(const http_request *r, const char *name); /* {NULL,0} if absent */
/* The value of a cookie; {NULL,0} if absent. */
vp_str http_request_cookie(const http_request *r, const char *name);
/* Reads the whole body (Content-Length or chunked) into r->body. VP_ETOOBIG over max; VP_ESYNTAX:
 * cut short or bad chunking; VP_ETIMEOUT. After an error the connection is closed by the reply;
 * http_reply_error answers VP_ETIMEOUT with 408, for here it is the client who is late. A second
 * call gives the same answer. */
VP_CHECKED vp_err http_request_body(http_request *r, int64_t max);

#endif
