/* forward.c - see forward.h. SPDX-License-Identifier: MIT */
#include "forward.h"

#include <stdlib.h>

#include "mem.h"

/* Which request headers a service sees; everything else stays in the gateway. */
static const struct {
    const char *header;
    vp_field field;
} request_headers[] = {
    {"Content-Type", VP_F_CONTENT_TYPE},       {"Accept", VP_F_ACCEPT},
    {"Accept-Language", VP_F_ACCEPT_LANGUAGE}, {"If-Match", VP_F_IF_MATCH},
    {"If-None-Match", VP_F_IF_NONE_MATCH},     {"Idempotency-Key", VP_F_IDEMPOTENCY_KEY},
    {"X-Edit-Token", VP_F_EDIT_TOKEN},
};

/* How a reply's fields are called in HTTP. Content-Type goes its own way. */
static const struct {
    vp_field field;
    const char *header;
} reply_headers[] = {
    {VP_F_ETAG, "ETag"},
    {VP_F_CACHE_CONTROL, "Cache-Control"},
    {VP_F_LOCATION, "Location"},
    {VP_F_LINK, "Link"},
    {VP_F_SET_COOKIE, "Set-Cookie"},
    {VP_F_RETRY_AFTER, "Retry-After"},
    {VP_F_VARY, "Vary"},
    {VP_F_CONTENT_DISPOSITION, "Content-Disposition"},
    {VP_F_ALLOW, "Allow"},
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void add_context(vp_buf *out, const http_request *r) {
    vp_field_add(out, VP_F_REQUEST_ID, vp_str_of(r->trace.request));
    vp_field_add(out, VP_F_BASE_URL, vp_str_of(r->base_url));
    vp_field_add(out, VP_F_TRACEPARENT, vp_str_of(r->trace.parent));
    vp_field_add(out, VP_F_ADDRESS, vp_str_of(r->address_mark));
    if (r->role == VP_ROLE_NONE) return;
    vp_field_add(out, VP_F_ACTOR_ID, vp_str_of(r->actor_id));
    vp_field_add(out, VP_F_ACTOR_LOGIN, vp_str_of(r->actor_login));
    vp_field_add(out, VP_F_ACTOR_ROLE, vp_str_of(vp_role_name(r->role)));
    vp_field_add(out, VP_F_ACTOR_HANDLE, vp_str_of(r->actor_handle));
    vp_field_add(out, VP_F_ACTOR_BY, vp_str_of(r->actor_by));
}

/* to: NULL for any instance that announces the route. */
static void start(forward_call *f, bus *b, const http_request *r, const char *service,
                  const char *to, uint32_t route, vp_str body, int64_t timeout_ms) {
    add_context(&f->context, r);
    bus_call_init(&f->call, service, timeout_ms);
    f->call.to = to;
    f->call.route = route;
    f->call.head = vp_buf_str(&f->head);
    f->call.context = vp_buf_str(&f->context);
    f->call.body = body;
    memcpy(f->call.resend_id, r->resend_id, sizeof r->resend_id);
    bus_submit(b, &f->call);
}

static void call_init(forward_call *f) {
    vp_buf_init(&f->head, VP_ENVELOPE_HEAD_MAX);
    vp_buf_init(&f->context, VP_ENVELOPE_HEAD_MAX);
}

void forward_start(forward_call *f, bus *b, const http_request *r, vp_str method, vp_str path,
                   vp_str query, vp_str body, const vp_str *extra, int64_t timeout_ms) {
    bus_target target;
    char allow[64];
    call_init(f);
    vp_err rc = bus_route(b, method, path, &target, allow);
    if (rc) {
        bus_call_init(&f->call, "", timeout_ms);
        f->call.err = rc;
        f->failed = true;
        return;
    }
    f->failed = false;
    memcpy(f->service, target.service, sizeof f->service);
    vp_field_add(&f->head, VP_F_METHOD, method);
    vp_field_add(&f->head, VP_F_PATH, path);
    vp_field_add(&f->head, VP_F_QUERY, query);
    for (int i = 0; extra && i < VP_FIELD_COUNT; i++) vp_field_add(&f->head, (vp_field)i, extra[i]);
    start(f, b, r, f->service, NULL, target.route, body, timeout_ms);
}

void forward_start_to(forward_call *f, bus *b, const http_request *r, const char *service,
                      const char *id, vp_str method, vp_str path, int64_t timeout_ms) {
    call_init(f);
    f->failed = false;
    vp_field_add(&f->head, VP_F_METHOD, method);
    vp_field_add(&f->head, VP_F_PATH, path);
    start(f, b, r, service, id, 0, (vp_str){0}, timeout_ms);
}

vp_err forward_finish(forward_call *f) {
    if (!f->failed) bus_wait(&f->call);
    return f->call.err;
}

void forward_release(forward_call *f) {
    bus_call_release(&f->call);
    vp_buf_release(&f->head);
    vp_buf_release(&f->context);
}

static const struct {
    vp_err err;
    const char *detail;
} failures[] = {
    {VP_EAWAY, "No instance of this service answers just now."},
    {VP_EBUSY, "Too many requests are waiting for this service."},
    {VP_ETIMEOUT, "The service did not answer in time."},
    {VP_EPROTO, "The service's answer could not be read."},
    {VP_ENOTFOUND, "Nothing is here."},
};

void forward_reply(const forward_call *f, const http_request *r, http_reply *p) {
    vp_str value[VP_FIELD_COUNT] = {{0}};
    vp_fault why = {0};
    vp_err err = f->call.err;
    if (!err && vp_fields_decode(f->call.reply.head, value, &why)) err = VP_EPROTO;
    if (err) {
        const char *detail = "";
        for (size_t i = 0; i < COUNT(failures); i++)
            if (failures[i].err == err) detail = failures[i].detail;
        http_reply_error(p, r, err, detail);
        return;
    }
    p->status = f->call.reply.status;
    p->content_type = value[VP_F_CONTENT_TYPE];
    p->body = f->call.reply.body;
    for (size_t i = 0; i < COUNT(reply_headers); i++)
        if (value[reply_headers[i].field].n)
            http_reply_header(p, reply_headers[i].header, value[reply_headers[i].field]);
}

static void not_routed(http_reply *p, const http_request *r, vp_err rc, const char *allow) {
    http_reply_error(p, r, rc,
                     rc == VP_EMETHOD ? "This path does not take that method."
                     : rc == VP_EAWAY ? "No service has announced itself yet."
                                      : "Nothing is here.");
    if (rc == VP_EMETHOD) http_reply_header(p, "Allow", vp_str_of(allow));
}

vp_str forward_voter(const http_request *r) {
    vp_str voter = http_request_cookie(r, "voxpop_voter");
    return voter.n ? voter : http_request_cookie(r, "voxpop_embed");
}

static void add_head(vp_buf *out, const http_request *r) {
    vp_str method = vp_str_eq(r->method, VP_STR("HEAD")) ? VP_STR("GET") : r->method;
    vp_field_add(out, VP_F_METHOD, method);
    vp_field_add(out, VP_F_PATH, r->path);
    vp_field_add(out, VP_F_QUERY, r->query);
    for (size_t i = 0; i < COUNT(request_headers); i++)
        vp_field_add(out, request_headers[i].field,
                     http_request_header(r, request_headers[i].header));
    vp_field_add(out, VP_F_VOTER, forward_voter(r));
}

static void drop_call(void *held) {
    forward_release(held);
    free(held);
}

void forward_request(bus *b, http_request *r, http_reply *p, int64_t timeout_ms) {
    bus_target target;
    char allow[64];
    vp_err rc = bus_route(b, r->method, r->path, &target, allow);
    if (rc) {
        not_routed(p, r, rc, allow);
        return;
    }
    rc = http_request_body(r, target.body_max);
    if (rc) {
        http_reply_error(p, r, rc,
                         rc == VP_ETOOBIG ? "The body is larger than this path takes."
                                          : "The body could not be read.");
        p->close = true;
        return;
    }
    forward_call *f = vp_alloc(sizeof *f);
    call_init(f);
    p->held = f;
    p->drop = drop_call;
    memcpy(f->service, target.service, sizeof f->service);
    add_head(&f->head, r);
    start(f, b, r, f->service, NULL, target.route, vp_buf_str(&r->body), timeout_ms);
    bus_wait(&f->call);
    forward_reply(f, r, p);
}
