/* reply.c - see reply.h. SPDX-License-Identifier: MIT */
#include "reply.h"

#include <stdio.h>

#include "internal.h"

static const char *const reasons[] = {
    [100] = "Continue",
    [200] = "OK",
    [201] = "Created",
    [202] = "Accepted",
    [204] = "No Content",
    [206] = "Partial Content",
    [300] = "Multiple Choices",
    [301] = "Moved Permanently",
    [302] = "Found",
    [303] = "See Other",
    [304] = "Not Modified",
    [307] = "Temporary Redirect",
    [308] = "Permanent Redirect",
    [400] = "Bad Request",
    [401] = "Unauthorized",
    [403] = "Forbidden",
    [404] = "Not Found",
    [405] = "Method Not Allowed",
    [406] = "Not Acceptable",
    [408] = "Request Timeout",
    [409] = "Conflict",
    [410] = "Gone",
    [411] = "Length Required",
    [412] = "Precondition Failed",
    [413] = "Content Too Large",
    [414] = "URI Too Long",
    [415] = "Unsupported Media Type",
    [417] = "Expectation Failed",
    [422] = "Unprocessable Content",
    [428] = "Precondition Required",
    [429] = "Too Many Requests",
    [431] = "Request Header Fields Too Large",
    [500] = "Internal Server Error",
    [501] = "Not Implemented",
    [502] = "Bad Gateway",
    [503] = "Service Unavailable",
    [504] = "Gateway Timeout",
    [505] = "HTTP Version Not Supported",
};

static const int retry_later[] = {429, 503, 504};

const char *http_reason(int status) {
    bool known = status >= 0 && status < (int)(sizeof reasons / sizeof *reasons);
    return known && reasons[status] ? reasons[status] : "Unknown";
}

void http_reply_init(http_reply *p) {
    memset(p, 0, sizeof *p);
    p->status = 200;
    vp_buf_init(&p->headers, HTTP_REPLY_HEADERS_MAX);
    vp_buf_init(&p->own, HTTP_REPLY_BODY_MAX);
}

void http_reply_header(http_reply *p, const char *name, vp_str value) {
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == '\0') return;
    vp_buf_adds(&p->headers, name);
    vp_buf_add(&p->headers, ": ", 2);
    vp_buf_add_str(&p->headers, value);
    vp_buf_add(&p->headers, "\r\n", 2);
}

/* retry_s: of a status that says so; 0: the usual second. */
static void begin_problem(http_reply *p, int status, int retry_s) {
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%d", retry_s ? retry_s : 1);
    p->status = status;
    p->content_type = VP_STR("application/problem+json");
    p->body = vp_str_n(NULL, 0);
    vp_buf_clear(&p->own);
    http_reply_header(p, "Cache-Control", VP_STR("no-store"));
    for (size_t i = 0; i < sizeof retry_later / sizeof *retry_later; i++)
        if (status == retry_later[i]) http_reply_header(p, "Retry-After", vp_str_of(seconds));
}

void http_reply_problem(http_reply *p, const http_request *r, const vp_problem *problem) {
    if (r->body_error == VP_ETIMEOUT && problem->code == VP_ETIMEOUT) {
        http_reply_refuse(p, r, 408, problem->detail);
        return;
    }
    begin_problem(p, vp_err_status(problem->code), 0);
    vp_problem_write(&p->own, problem, r->path);
}

void http_reply_error(http_reply *p, const http_request *r, vp_err code, const char *detail) {
    vp_problem problem = {.code = code};
    snprintf(problem.detail, sizeof problem.detail, "%s", detail ? detail : "");
    http_reply_problem(p, r, &problem);
}

void http_reply_later(http_reply *p, const http_request *r, vp_err code, int seconds,
                      const char *detail) {
    vp_problem problem = {.code = code};
    snprintf(problem.detail, sizeof problem.detail, "%s", detail);
    begin_problem(p, vp_err_status(code), seconds);
    vp_problem_write(&p->own, &problem, r->path);
}

void http_reply_refuse(http_reply *p, const http_request *r, int status, const char *detail) {
    begin_problem(p, status, 0);
    vp_buf_adds(&p->own, "{\"type\":\"about:blank\",\"title\":");
    vp_buf_add_json(&p->own, vp_str_of(http_reason(status)));
    vp_buf_adds(&p->own, ",\"status\":");
    vp_buf_add_int(&p->own, status);
    if (detail && *detail) {
        vp_buf_adds(&p->own, ",\"detail\":");
        vp_buf_add_json(&p->own, vp_str_of(detail));
    }
    if (r->path.n && vp_str_is_utf8(r->path)) {
        vp_buf_adds(&p->own, ",\"instance\":");
        vp_buf_add_json(&p->own, r->path);
    }
    vp_buf_addc(&p->own, '}');
}

void http_reply_redirect(http_reply *p, int status, vp_str location) {
    p->status = status;
    http_reply_header(p, "Location", location);
}

static vp_str strong(vp_str etag) {
    bool weak = vp_str_starts(etag, VP_STR("W/"));
    return weak ? vp_str_n(etag.p + 2, etag.n - 2) : etag;
}

/* No ETag of ours holds a comma, so a list can be cut at each. */
bool http_etag_listed(vp_str if_none_match, vp_str etag) {
    vp_str rest = if_none_match;
    if (!etag.n) return false;
    while (rest.n) {
        const char *comma = memchr(rest.p, ',', rest.n);
        vp_str word = vp_str_n(rest.p, comma ? (size_t)(comma - rest.p) : rest.n);
        rest = comma ? vp_str_n(comma + 1, rest.n - word.n - 1) : vp_str_n(NULL, 0);
        word = vp_str_trim(word);
        if (vp_str_eq(word, VP_STR("*")) || vp_str_eq(strong(word), strong(etag))) return true;
    }
    return false;
}
