/* send.c - an answer on its way out: one buffer and, for all but large bodies, one system call.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "internal.h"
#include "log.h"

enum {
    SEND_MS = 5000,    /* a reader has this long, */
    BYTES_PER_MS = 64, /* and a millisecond more for as many bytes */
    OUT_MAX = HTTP_REPLY_HEADERS_MAX + HTTP_ONE_WRITE + 4096
};

static const char fixed_fields[] = "X-Content-Type-Options: nosniff\r\n"
                                   "Referrer-Policy: same-origin\r\n"
                                   "X-Request-Id: ";
static const char json_line[] = "Content-Type: application/json\r\n";
static const char policy_name[] = "Content-Security-Policy: ";

void http_worker_tick(http_worker *w, int64_t unix_ms) {
    time_t second = (time_t)(unix_ms / 1000);
    struct tm t;
    if (second == w->second) return;
    w->second = second;
    gmtime_r(&second, &t);
    strftime(w->date, sizeof w->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &t);
    vp_time_text(unix_ms, w->time);
}

static bool has_no_body(int status) {
    return status == 204 || status == 304 || status < 200;
}

/* What cannot be sent as it is becomes a 500, or for a cap that was passed, the same. */
static void repair(http_reply *p, const http_request *r) {
    bool over = p->headers.over || (!p->body.p && p->own.over);
    if (!over && p->status >= 200 && p->status <= 599) return;
    vp_log(VP_LOG_ERROR, &r->trace, "an answer cannot be sent: status %d%s", p->status,
           over ? ", over its cap" : "");
    vp_buf_clear(&p->headers);
    vp_buf_clear(&p->own);
    p->headers.over = p->own.over = false;
    http_reply_refuse(p, r, 500, "");
}

static void add_status_line(vp_buf *out, int status) {
    char line[] = "HTTP/1.1 000 ";
    line[9] += (char)(status / 100);
    line[10] += (char)(status / 10 % 10);
    line[11] += (char)(status % 10);
    vp_buf_add(out, line, sizeof line - 1);
    vp_buf_adds(out, http_reason(status));
    vp_buf_add(out, "\r\n", 2);
}

static void add_page_policy(vp_buf *out, const http_reply *p, const http_server *s) {
    const vp_buf *h = &p->headers;
    if (!vp_str_starts(p->content_type, VP_STR("text/html"))) return;
    if (h->len && memmem(h->data, h->len, policy_name, sizeof policy_name - 1)) return;
    vp_buf_adds(out, p->framable ? s->frame_policy : s->html_policy);
}

static void add_type(vp_buf *out, const http_reply *p, size_t body_len) {
    if (has_no_body(p->status)) return;
    if (p->content_type.n) {
        vp_buf_adds(out, "Content-Type: ");
        vp_buf_add_str(out, p->content_type);
        vp_buf_add(out, "\r\n", 2);
    } else if (body_len) {
        vp_buf_add(out, json_line, sizeof json_line - 1);
    }
}

static void add_head(vp_buf *out, const http_reply *p, const http_request *r, const http_server *s,
                     size_t body_len, bool keep) {
    add_status_line(out, p->status);
    vp_buf_adds(out, http_worker_of(r)->date);
    add_type(out, p, body_len);
    vp_buf_add(out, p->headers.data, p->headers.len);
    vp_buf_add(out, fixed_fields, sizeof fixed_fields - 1);
    vp_buf_add(out, r->trace.request, VP_ULID_LEN);
    vp_buf_add(out, "\r\n", 2);
    add_page_policy(out, p, s);
    if (!has_no_body(p->status)) {
        vp_buf_adds(out, "Content-Length: ");
        vp_buf_add_int(out, (int64_t)body_len);
        vp_buf_add(out, "\r\n", 2);
    }
    vp_buf_adds(out, keep ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
}

static bool put(const http_request *r, const void *p, size_t n, int64_t *sent) {
    http_worker *w = http_worker_of(r);
    int64_t limit_us = (SEND_MS + (int64_t)n / BYTES_PER_MS) * 1000;
    http_watch_until(&w->watched, true, vp_clock_us() + limit_us);
    int done = mg_write(r->conn, p, n);
    http_watch_until(&w->watched, true, 0);
    if (done > 0) *sent += done;
    return done >= 0 && (size_t)done == n;
}

int64_t http_reply_send(http_reply *p, const http_request *r, const http_server *s, bool keep) {
    vp_buf *out = &http_worker_of(r)->out;
    int64_t sent = 0;
    repair(p, r);
    vp_str body = p->body.p ? p->body : vp_buf_str(&p->own);
    bool with_body = !has_no_body(p->status) && !vp_str_eq(r->method, VP_STR("HEAD"));
    bool together = with_body && body.n <= HTTP_ONE_WRITE;
    vp_buf_clear(out);
    out->max = OUT_MAX;
    add_head(out, p, r, s, body.n, keep);
    if (together) vp_buf_add_str(out, body);
    bool whole = put(r, out->data, out->len, &sent);
    if (whole && with_body && !together) whole = put(r, body.p, body.n, &sent);
    if (!keep || !whole) mg_disable_connection_keep_alive(r->conn);
    return sent;
}
