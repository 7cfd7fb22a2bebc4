/* access.c - one line for each request: no address, no query, nothing of the body.
 * SPDX-License-Identifier: MIT */
#include "internal.h"
#include "log.h"

enum { LINE_BYTES = 64 * 1024 };

void http_access_log(const http_request *r, int status, int64_t bytes, int64_t us) {
    http_worker *w = http_worker_of(r);
    vp_buf *b = &w->line;
    vp_buf_clear(b);
    b->max = LINE_BYTES;
    vp_buf_adds(b, "{\"time\":\"");
    vp_buf_adds(b, w->time);
    vp_buf_adds(b, "\",\"level\":\"info\"");
    vp_log_add_ids(b, &r->trace);
    vp_buf_adds(b, ",\"method\":");
    vp_buf_add_json(b, vp_str_is_utf8(r->method) ? r->method : VP_STR("?"));
    vp_buf_adds(b, ",\"path\":");
    vp_buf_add_json(b, vp_str_is_utf8(r->path) ? r->path : VP_STR("?"));
    vp_buf_adds(b, ",\"status\":");
    vp_buf_add_int(b, status);
    vp_buf_adds(b, ",\"bytes\":");
    vp_buf_add_int(b, bytes);
    vp_buf_adds(b, ",\"us\":");
    vp_buf_add_int(b, us);
    vp_buf_addc(b, '}');
    if (!b->over) vp_log_raw(vp_buf_str(b));
    b->over = false;
}
