/* ask.c - see ask.h. SPDX-License-Identifier: MIT */
#include "ask.h"

#include "json.h"
#include "query.h"
#include "reader.h"

enum { PATH_MAX_BYTES = 4096, QUERY_MAX = 4096, BODY_MAX = 512 * 1024 };

void ask_init(ask *a, const char *before, vp_str name, const char *after) {
    memset(a, 0, sizeof *a);
    vp_buf_init(&a->path, PATH_MAX_BYTES);
    vp_buf_init(&a->query, QUERY_MAX);
    vp_buf_init(&a->body, BODY_MAX);
    vp_buf_adds(&a->path, before);
    vp_query_encode(&a->path, name);
    vp_buf_adds(&a->path, after);
}

void ask_release(ask *a) {
    if (a->started) {
        if (forward_finish(&a->call)) { /* whatever came of it */
        }
        forward_release(&a->call);
    }
    vp_buf_release(&a->path);
    vp_buf_release(&a->query);
    vp_buf_release(&a->body);
}

void ask_param(ask *a, const char *name, vp_str value) {
    if (!value.p) return;
    if (a->query.len) vp_buf_addc(&a->query, '&');
    vp_buf_adds(&a->query, name);
    vp_buf_addc(&a->query, '=');
    vp_query_encode(&a->query, value);
}

static void start(ask *a, bus *b, const http_request *r, vp_str method, int64_t timeout_ms) {
    vp_str extra[VP_FIELD_COUNT] = {{0}};
    extra[VP_F_VOTER] = a->voter;
    extra[VP_F_IDEMPOTENCY_KEY] = a->idempotency_key;
    if (a->body.len) extra[VP_F_CONTENT_TYPE] = VP_STR("application/json");
    a->started = true;
    forward_start(&a->call, b, r, method, vp_buf_str(&a->path), vp_buf_str(&a->query),
                  vp_buf_str(&a->body), extra, timeout_ms);
}

void ask_get(ask *a, bus *b, const http_request *r, int64_t timeout_ms) {
    start(a, b, r, VP_STR("GET"), timeout_ms);
}

void ask_delete(ask *a, bus *b, const http_request *r, int64_t timeout_ms) {
    start(a, b, r, VP_STR("DELETE"), timeout_ms);
}

void ask_post(ask *a, bus *b, const http_request *r, const json_t *body, int64_t timeout_ms) {
    vp_json_write(&a->body, body);
    start(a, b, r, VP_STR("POST"), timeout_ms);
}

int ask_wait(ask *a, json_t **out) {
    vp_err rc = forward_finish(&a->call);
    json_t *body = NULL;
    if (out) *out = NULL;
    if (a->call.failed) rc = VP_EAWAY; /* nobody announces this path now: its service is away */
    if (rc) return vp_err_status(rc);
    int status = a->call.call.reply.status;
    if (!out) return status;
    if (reader_json(a->call.call.reply.body, &body) || !json_is_object(body)) {
        json_decref(body);
        return status == 200 || status == 201 ? vp_err_status(VP_EPROTO) : status;
    }
    *out = body;
    return status;
}

vp_str ask_field(const ask *a, vp_field field) {
    vp_str value[VP_FIELD_COUNT] = {{0}};
    if (a->call.call.err || vp_fields_decode(a->call.call.reply.head, value, NULL))
        return (vp_str){0};
    return value[field];
}
