/* exchange.c - one request and its answer, on the connection's thread.
 * A body that nobody has read would be taken for the next request, so it is read away when it is
 * small; else the connection ends, and what the client still sends is dropped for a moment, because
 * closing on unread bytes resets the connection and may take the answer with it.
 * When every thread has a connection, each answer ends its own, so that those who wait have their
 * turn; when nearly all are at work, the few that are left refuse what comes.
 * SPDX-License-Identifier: MIT */
#include "counters.h"
#include "internal.h"
#include "log.h"
#include "origin.h"

enum {
    FULL_SHARE = 128,     /* this part of the threads refuses when all others are at work */
    SKIP_MAX = 64 * 1024, /* an unread body up to here is read away */
    SKIP_MS = 1000,
    LINGER_MAX = 1024 * 1024,
    OUT_KEPT = 16 * 1024, /* memory that a thread keeps between requests */
    PART_KEPT = 8 * 1024
};

static void lend(vp_buf *from, vp_buf *to, size_t max) {
    *to = *from;
    to->max = max;
    to->over = false;
    if (to->data) vp_buf_clear(to);
}

static void take_back(vp_buf *from, vp_buf *to, size_t kept) {
    *to = *from;
    if (to->cap > kept) vp_buf_release(to);
}

static void begin(http_request *r, http_reply *p, struct mg_connection *conn) {
    http_worker *w = mg_get_thread_pointer(conn);
    int64_t now = vp_clock_wall();
    memset(r, 0, sizeof *r);
    r->conn = conn;
    r->started_us = vp_clock_us();
    vp_ulid_fast(now, r->id);
    vp_trace_begin(&r->trace, r->id);
    http_worker_tick(w, now);
    http_reply_init(p);
    lend(&w->headers, &p->headers, HTTP_REPLY_HEADERS_MAX);
    lend(&w->own, &p->own, HTTP_REPLY_BODY_MAX);
    lend(&w->body, &r->body, HTTP_BODY_MAX);
}

static void end(http_request *r, http_reply *p) {
    http_worker *w = http_worker_of(r);
    if (p->drop) p->drop(p->held);
    take_back(&p->headers, &w->headers, PART_KEPT);
    take_back(&p->own, &w->own, OUT_KEPT);
    take_back(&r->body, &w->body, PART_KEPT);
    if (w->out.cap > OUT_KEPT) vp_buf_release(&w->out);
    if (w->line.cap > PART_KEPT) vp_buf_release(&w->line);
}

static void copy_text(char *to, size_t room, vp_str prefix, vp_str text) {
    if (prefix.n + text.n >= room) return;
    memcpy(to, prefix.p, prefix.n);
    if (text.n) memcpy(to + prefix.n, text.p, text.n);
    to[prefix.n + text.n] = '\0';
}

static void fill_base_url(http_request *r, const http_server *s) {
    vp_str host = r->head->known[HTTP_HOST];
    if (s->public_url[0] || !host.n) {
        const char *url = s->public_url[0] ? s->public_url : s->fallback_url;
        copy_text(r->base_url, sizeof r->base_url, vp_str_of(url), vp_str_n(NULL, 0));
    } else {
        copy_text(r->base_url, sizeof r->base_url, VP_STR("http://"), host);
    }
    r->secure = vp_str_starts(vp_str_of(r->base_url), VP_STR("https://"));
}

static void fill_address(http_request *r, const http_server *s, const struct mg_request_info *ri) {
    vp_str forwarded[HTTP_HEADERS_MAX];
    size_t n = 0;
    if (s->trusted.n && r->head->known[HTTP_X_FORWARDED_FOR].p)
        for (int i = 0; i < ri->num_headers; i++)
            if (http_name_is(ri->http_headers[i].name, VP_STR("x-forwarded-for")))
                forwarded[n++] = vp_str_of(ri->http_headers[i].value);
    http_address_client(&s->trusted, ri->remote_addr, forwarded, n, r->address);
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 lower-case hex digits as bytes; false: it is something else. */
static bool read_hex(vp_str text, uint8_t out[VP_ULID_BYTES]) {
    if (text.n != 2 * VP_ULID_BYTES) return false;
    for (size_t i = 0; i < VP_ULID_BYTES; i++) {
        int high = hex_value(text.p[2 * i]), low = hex_value(text.p[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* A proxy of ours may try a write at another gateway when the first one's answer is lost. It names
 * the request, so that the write takes effect once; whoever else does so is not heard. */
static void fill_resend_id(http_request *r, const http_server *s, const char *peer) {
    uint8_t id[VP_ULID_BYTES];
    memcpy(r->resend_id, r->id, sizeof r->resend_id);
    if (!s->trusted.n || !http_networks_hold(&s->trusted, vp_str_of(peer))) return;
    if (read_hex(http_request_header(r, "X-Voxpop-Edge-Id"), id))
        memcpy(r->resend_id, id, sizeof r->resend_id);
}

/* What the request says, and whether it may be heard. */
static http_refusal take(http_request *r, http_head *head, const http_server *s,
                         const struct mg_request_info *ri) {
    r->head = head;
    r->method = vp_str_of(ri->request_method);
    r->path = vp_str_of(ri->request_uri);
    r->query = ri->query_string ? vp_str_of(ri->query_string) : VP_STR("");
    http_refusal refusal = http_guard(ri, head);
    if (refusal) return refusal;
    vp_trace_join(&r->trace, http_request_header(r, "traceparent"));
    fill_base_url(r, s);
    fill_address(r, s, ri);
    fill_resend_id(r, s, ri->remote_addr);
    return http_origin_ok(head, r->method, vp_str_of(s->public_url)) ? HTTP_FINE : HTTP_FORGED;
}

/* Whether nothing of this request is left on the wire. Where chunks end CivetWeb does not say: it
 * ends the connection itself behind trailers and after a last chunk that is not as it should be. */
static bool is_consumed(http_request *r) {
    if (!http_request_has_body(r)) return true;
    if (r->head->chunked) return false;
    if (r->body_read) return r->body_error == VP_OK;
    if (r->head->expects || r->head->content_length > SKIP_MAX) return false;
    return http_request_skip(r, SKIP_MAX, SKIP_MS);
}

static bool may_linger(const http_request *r) {
    if (!http_request_has_body(r) || r->head->expects) return false;
    return !r->body_read || r->body_error == VP_ETOOBIG;
}

/* After these what comes next on the wire is known. */
static bool is_sound(http_refusal why) {
    return why == HTTP_FINE || why == HTTP_FORGED || why == HTTP_FULL;
}

/* Does everybody have a thread? Else somebody may wait for this one. */
static bool has_room(http_door *door) {
    return atomic_load(&door->connections) < door->threads;
}

/* others: requests that are here already. */
static http_refusal find_place(http_door *door, struct mg_connection *conn, int others) {
    if (http_is_crowded(door->server, conn)) return HTTP_CROWDED;
    int most = door->threads - (door->threads + FULL_SHARE / 2) / FULL_SHARE;
    return others - atomic_load(&door->reading) < most ? HTTP_FINE : HTTP_FULL;
}

static void finish(http_door *door, http_request *r, http_reply *p, bool keep) {
    http_server *s = door->server;
    int64_t sent = http_reply_send(p, r, s, keep);
    int64_t us = vp_clock_us() - r->started_us;
    if (!door->admin) {
        http_count_answer(p->status, us);
        if (s->log_access) http_access_log(r, p->status, sent, us);
    }
}

int http_exchange(struct mg_connection *conn) {
    const struct mg_request_info *ri = mg_get_request_info(conn);
    http_door *door = ri->user_data;
    http_server *s = door->server;
    http_worker *w = mg_get_thread_pointer(conn);
    http_request r;
    http_reply p;
    http_head head;
    int others = atomic_fetch_add(&s->in_flight, !door->admin);
    begin(&r, &p, conn);
    http_watch_peer(&s->watch, &w->watched, ri->server_port, ri->remote_addr, ri->remote_port);
    http_watch_busy(&w->watched, true);
    http_refusal refusal = take(&r, &head, s, ri);
    if (!refusal && !door->admin) refusal = find_place(door, conn, others);
    if (refusal) {
        http_count_refusal(refusal);
        http_reply_refuse(&p, &r, http_refusal_status(refusal), http_refusal_detail(refusal));
    } else {
        door->handle(&r, &p, door->app);
    }
    bool keep = is_sound(refusal) && refusal != HTTP_FULL && !p.close && head.keep_alive &&
                has_room(door) && !atomic_load(&s->stopping) && is_consumed(&r);
    finish(door, &r, &p, keep);
    if (!keep && is_sound(refusal) && may_linger(&r))
        (void)http_request_skip(&r, LINGER_MAX, SKIP_MS);
    int status = p.status;
    http_watch_busy(&w->watched, false);
    end(&r, &p);
    if (!door->admin && atomic_fetch_sub(&s->in_flight, 1) == 1) http_drain_tell(s);
    return status;
}

/* CivetWeb knows more methods than we do, and calls any other a bad request: then it has read the
 * version and no field yet. */
static bool is_odd_method(const struct mg_request_info *ri, int status) {
    return status == 400 && ri->http_version && *ri->http_version >= '0' &&
           *ri->http_version <= '9' && ri->num_headers == 0;
}

int http_exchange_error(struct mg_connection *conn, int status, const char *message) {
    static const http_head nothing;
    const struct mg_request_info *ri = mg_get_request_info(conn);
    http_door *door = ri->user_data;
    http_request r;
    http_reply p;
    begin(&r, &p, conn);
    r.head = &nothing;
    r.method = VP_STR("?");
    r.path = VP_STR("?");
    http_refusal why = is_odd_method(ri, status) ? HTTP_BAD_METHOD : HTTP_UNREADABLE;
    if (why == HTTP_BAD_METHOD) status = http_refusal_status(why);
    if (status == 411) status = 400; /* a length that is no number */
    http_count_refusal(why);
    vp_log(VP_LOG_DEBUG, &r.trace, "civetweb: %d %s", status, message);
    http_reply_refuse(&p, &r, status, http_refusal_detail(why));
    finish(door, &r, &p, false);
    end(&r, &p);
    http_worker_of(&r)->failed = true;
    return 0;
}

/* A target that is no path, `*` or a URL of another server, has no local_uri, and for that one no
 * callback is called. A proxy in front would take the silence for a dead gateway. */
void http_exchange_close(const struct mg_connection *conn) {
    const struct mg_request_info *ri = mg_get_request_info(conn);
    const http_worker *w = mg_get_thread_pointer(conn);
    union {
        const struct mg_connection *given;
        struct mg_connection *conn;
    } same = {.given = conn}; /* still open, and ours to write to */
    if (ri && ri->request_method && ri->request_uri && !ri->local_uri && !w->failed)
        http_exchange_error(same.conn, 400, "no target of ours");
}
