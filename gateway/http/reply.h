/* reply.h - one HTTP answer. Filled by a handler, written once behind it: status line, fields,
 * Date, X-Request-Id, Content-Length, Connection and the security headers; HEAD, 204 and 304
 * without body. A page has our Content-Security-Policy unless the handler has set one: only our own
 * pages may frame it.
 * SPDX-License-Identifier: MIT */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "problem.h"
#include "request.h"

enum { HTTP_REPLY_HEADERS_MAX = 16 * 1024, HTTP_REPLY_BODY_MAX = 4 * 1024 * 1024 };

typedef struct http_reply {
    int status;
    vp_str content_type; /* absent: application/json */
    vp_buf headers;      /* "Name: value\r\n" lines, from http_reply_header */
    vp_str body;         /* borrowed; or {NULL} and own is sent */
    vp_buf own;          /* a body built here */
    bool close;          /* end the connection afterwards */
    bool framable;       /* a page that any site may put into a frame */
    void *held;          /* what body borrows from; drop(held) is called once it is sent */
    void (*drop)(void *held);
} http_reply;

void http_reply_init(http_reply *p);
/* CR, LF and NUL in a value drop the header (never split a response). */
void http_reply_header(http_reply *p, const char *name, vp_str value);
/* problem+json; Retry-After: 1 with 429, 503 and 504. */
void http_reply_problem(http_reply *p, const http_request *r, const vp_problem *problem);
void http_reply_error(http_reply *p, const http_request *r, vp_err code, const char *detail);
/* The same, to be tried again after so many seconds. */
void http_reply_later(http_reply *p, const http_request *r, vp_err code, int seconds,
                      const char *detail);
void http_reply_redirect(http_reply *p, int status, vp_str location);
/* Whether If-None-Match (a list, or *) names this ETag; W/ does not matter (RFC 9110 13.1.2). */
bool http_etag_listed(vp_str if_none_match, vp_str etag);

#endif
