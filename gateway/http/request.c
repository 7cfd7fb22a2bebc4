/* request.c - see request.h. SPDX-License-Identifier: MIT */
#include "request.h"

#include "internal.h"

enum {
    STEP = 16 * 1024,  /* bytes of one read; memory grows with what came, not with what was said */
    BYTES_PER_MS = 16, /* a body may take the time-out, and a millisecond more for as many bytes */
};

static const char continue_line[] = "HTTP/1.1 100 Continue\r\n\r\n";

/* The fields are few and their names mostly differ in the first letter. */
static const struct mg_header *find(const struct mg_request_info *ri, vp_str name, int from) {
    if (!ri || name.n == 0) return NULL;
    for (int i = from; i < ri->num_headers; i++) {
        const struct mg_header *h = &ri->http_headers[i];
        if ((h->name[0] | 0x20) == (name.p[0] | 0x20) && http_name_is(h->name, name)) return h;
    }
    return NULL;
}

static const struct mg_request_info *info_of(const http_request *r) {
    return r->conn ? mg_get_request_info(r->conn) : NULL;
}

vp_str http_request_header(const http_request *r, const char *name) {
    const struct mg_header *h = find(info_of(r), vp_str_of(name), 0);
    return h ? vp_str_trim(vp_str_of(h->value)) : (vp_str){NULL, 0};
}

/* The value of a cookie in one field: "a=1; b=2". */
static vp_str cookie_in(vp_str field, vp_str name) {
    while (field.n) {
        const char *end = memchr(field.p, ';', field.n);
        size_t n = end ? (size_t)(end - field.p) : field.n;
        vp_str pair = vp_str_trim(vp_str_n(field.p, n));
        if (pair.n > name.n && pair.p[name.n] == '=' && memcmp(pair.p, name.p, name.n) == 0)
            return vp_str_n(pair.p + name.n + 1, pair.n - name.n - 1);
        if (!end) break;
        field = vp_str_n(end + 1, field.n - n - 1);
    }
    return (vp_str){NULL, 0};
}

vp_str http_request_cookie(const http_request *r, const char *name) {
    const struct mg_request_info *ri = info_of(r);
    vp_str value = {NULL, 0};
    if (!r->head || !r->head->known[HTTP_COOKIE].p) return value;
    for (int i = 0; !value.p && i < ri->num_headers; i++)
        if (http_name_is(ri->http_headers[i].name, VP_STR("cookie")))
            value = cookie_in(vp_str_of(ri->http_headers[i].value), vp_str_of(name));
    return value;
}

bool http_request_has_body(const http_request *r) {
    return r->head->chunked || r->head->content_length > 0;
}

/* One read: VP_OK with *n == 0 at the end of a chunked body. */
static vp_err pull(http_request *r, void *to, size_t room, int64_t deadline_us, size_t *n) {
    http_worker *w = http_worker_of(r);
    http_door *door = mg_get_request_info(r->conn)->user_data;
    atomic_store(&w->watched.cut, false);
    http_watch_until(&w->watched, false, deadline_us);
    atomic_fetch_add(&door->reading, 1);
    int got = mg_read(r->conn, to, room);
    atomic_fetch_sub(&door->reading, 1);
    http_watch_until(&w->watched, false, 0);
    *n = got > 0 ? (size_t)got : 0;
    if (got > 0 || (got == 0 && r->head->chunked)) return VP_OK;
    /* CivetWeb does not tell silence from the end; the watchdog and the clock do. */
    bool late = atomic_load(&w->watched.cut) ||
                vp_clock_us() + HTTP_WATCH_TICK_MS * 1000 / 2 >= deadline_us;
    return late ? VP_ETIMEOUT : VP_ESYNTAX;
}

static int64_t deadline_after(int64_t start_us, size_t received) {
    return start_us + HTTP_TIMEOUT_MS * 1000 + (int64_t)received / BYTES_PER_MS * 1000;
}

/* Room for the next read; 0 when all of a length has come. One byte over max shows a body that is
 * too long. */
static size_t wanted(const http_request *r, int64_t max) {
    int64_t left = r->head->chunked ? max + 1 : r->head->content_length;
    left -= (int64_t)r->body.len;
    return left < STEP ? (size_t)left : STEP;
}

static vp_err read_body(http_request *r, int64_t max) {
    int64_t start_us = vp_clock_us();
    size_t want, n;
    while ((want = wanted(r, max))) {
        char *room = vp_buf_room(&r->body, want);
        if (!room) return VP_ETOOBIG;
        vp_err e = pull(r, room, want, deadline_after(start_us, r->body.len), &n);
        if (e) return e;
        vp_buf_grew(&r->body, n);
        if ((int64_t)r->body.len > max) return VP_ETOOBIG;
        if (n == 0) break;
    }
    return VP_OK;
}

vp_err http_request_body(http_request *r, int64_t max) {
    if (r->body_read) return r->body_error;
    r->body_read = true;
    r->body.max = (size_t)max + 2; /* one byte to see that it is too long, one NUL */
    if (!http_request_has_body(r)) return VP_OK;
    if (r->head->content_length > max) {
        r->body_error = VP_ETOOBIG;
    } else if (r->head->expects && mg_write(r->conn, continue_line, sizeof continue_line - 1) < 1) {
        r->body_error = VP_ESYNTAX;
    } else {
        r->body_error = read_body(r, max);
    }
    if (r->body_error) vp_buf_clear(&r->body);
    return r->body_error;
}

bool http_request_skip(http_request *r, int64_t limit, int ms) {
    char scrap[4096];
    int64_t deadline_us = vp_clock_us() + ms * 1000;
    int64_t left = r->head->chunked ? limit + 1 : r->head->content_length - (int64_t)r->body.len;
    size_t n = 0;
    while (left > 0 && limit >= 0) {
        size_t want = left < (int64_t)sizeof scrap ? (size_t)left : sizeof scrap;
        if (pull(r, scrap, want, deadline_us, &n)) return false;
        if (n == 0) return true;
        left -= (int64_t)n;
        limit -= (int64_t)n;
    }
    return limit >= 0 && !r->head->chunked;
}
