/* static.c - see static.h. SPDX-License-Identifier: MIT */
#include "static.h"

#include <pthread.h>

#include "embed.h"
#include "mem.h"
#include "seal.h"

enum { HASH = 15 }; /* bytes: 20 characters of base64url, nothing left over */

extern const vp_embedded http_static_files[];

static const vp_str prefix = VP_STR_INIT("/static/");
static const vp_str plain_type = VP_STR_INIT("application/octet-stream");

static const struct {
    vp_str ending, type;
} types[] = {
    {VP_STR_INIT(".css"), VP_STR_INIT("text/css; charset=utf-8")},
    {VP_STR_INIT(".js"), VP_STR_INIT("text/javascript; charset=utf-8")},
    {VP_STR_INIT(".svg"), VP_STR_INIT("image/svg+xml")},
    {VP_STR_INIT(".png"), VP_STR_INIT("image/png")},
    {VP_STR_INIT(".ico"), VP_STR_INIT("image/x-icon")},
    {VP_STR_INIT(".webp"), VP_STR_INIT("image/webp")},
    {VP_STR_INIT(".woff2"), VP_STR_INIT("font/woff2")},
    {VP_STR_INIT(".json"), VP_STR_INIT("application/json")},
    {VP_STR_INIT(".webmanifest"), VP_STR_INIT("application/manifest+json")},
    {VP_STR_INIT(".txt"), VP_STR_INIT("text/plain; charset=utf-8")},
};

typedef char etag_text[HASH * 4 / 3 + 3]; /* quotes and NUL */
static etag_text *etags;                  /* one for each file, made at the first request */

static void make_etags(void) {
    size_t n = 0;
    while (http_static_files[n].name) n++;
    etags = vp_calloc(n + 1, sizeof *etags);
    for (size_t i = 0; i < n; i++) {
        uint8_t hash[HASH];
        vp_seal_hash(vp_str_n(http_static_files[i].data, http_static_files[i].size), hash, HASH);
        etags[i][0] = '"';
        vp_seal_base64(hash, HASH, etags[i] + 1);
        etags[i][sizeof *etags - 2] = '"';
    }
}

static vp_str type_of(vp_str name) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        vp_str end = types[i].ending;
        if (name.n > end.n && vp_str_eq(vp_str_n(name.p + name.n - end.n, end.n), end))
            return types[i].type;
    }
    return plain_type;
}

static void answer(const http_request *r, http_reply *p, const vp_embedded *file, vp_str etag) {
    http_reply_header(p, "ETag", etag);
    http_reply_header(p, "Cache-Control", VP_STR("public, max-age=300"));
    p->content_type = type_of(vp_str_of(file->name));
    if (http_etag_listed(http_request_header(r, "If-None-Match"), etag))
        p->status = 304;
    else
        p->body = vp_str_n(file->data, file->size);
}

void http_static_file(const http_request *r, http_reply *p, vp_str name) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_etags);
    if (!vp_str_eq(r->method, VP_STR("GET")) && !vp_str_eq(r->method, VP_STR("HEAD"))) {
        http_reply_header(p, "Allow", VP_STR("GET, HEAD"));
        http_reply_error(p, r, VP_EMETHOD, NULL);
        return;
    }
    for (size_t i = 0; http_static_files[i].name; i++) {
        if (!vp_str_eq(name, vp_str_of(http_static_files[i].name))) continue;
        answer(r, p, &http_static_files[i], vp_str_of(etags[i]));
        return;
    }
    http_reply_error(p, r, VP_ENOTFOUND, NULL);
}

void http_static(const http_request *r, http_reply *p) {
    bool in = vp_str_starts(r->path, prefix);
    http_static_file(r, p, in ? vp_str_n(r->path.p + prefix.n, r->path.n - prefix.n) : VP_STR(""));
}
