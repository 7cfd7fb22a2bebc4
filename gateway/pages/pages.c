/* pages.c - see pages.h. SPDX-License-Identifier: MIT */
#include "pages.h"

#include <stdlib.h>

#include "embed.h"
#include "handlers.h"
#include "mem.h"

enum { ALLOW_MAX = 64, NAME_END = sizeof ".mustache" - 1, VERSION_HASH = 8, ASSETS_MAX = 64 };

extern const vp_embedded page_templates[], http_static_files[];

/* Rows of one pattern stand together. HEAD is GET. */
static const struct {
    const char *pattern, *method;
    void (*handle)(page *pg);
} table[] = {
    {"/", "GET", front_show},
    {"/tags/{tag}", "GET", tag_show},
    {"/contributors/{handle}", "GET", contributor_show},
    {"/articles/{slug}", "GET", article_show},
    {"/articles/{slug}/comments", "GET", article_of_form},
    {"/articles/{slug}/comments", "POST", comment_post},
    {"/polls", "GET", polls_show},
    {"/polls/{id}", "GET", poll_show},
    {"/polls/{id}/results", "GET", poll_screen_show},
    {"/polls/{id}/ballots", "GET", poll_of_form},
    {"/polls/{id}/ballots", "POST", ballot_post},
    {"/polls/{id}/ballots/withdraw", "GET", poll_of_form},
    {"/polls/{id}/ballots/withdraw", "POST", ballot_withdraw},
    {"/embed/polls/{id}", "GET", poll_embed_show},
    {"/account/reset", "GET", account_reset_show},
    {"/account/reset", "POST", account_reset_post},
};
enum { ROWS = sizeof table / sizeof *table };

static vp_err add_templates(pages *self, vp_fault *why) {
    vp_err rc = vp_mustache_set_new(&self->templates);
    for (const vp_embedded *t = page_templates; !rc && t->name; t++)
        rc = vp_mustache_add(self->templates, vp_str_n(t->name, strlen(t->name) - NAME_END),
                             vp_str_n(t->data, t->size), why);
    return rc;
}

static vp_err compile_routes(pages *self, vp_fault *why) {
    vp_err rc = VP_OK;
    self->routes = vp_calloc(ROWS, sizeof *self->routes);
    for (size_t i = 0; !rc && i < ROWS; i++)
        rc = vp_route_compile(vp_str_of(table[i].pattern), &self->routes[i], why);
    return rc;
}

/* Of style sheet and script together: it is in their address. */
static void take_asset_version(pages *self) {
    uint8_t hash[VERSION_HASH];
    vp_buf hashes;
    vp_buf_init(&hashes, ASSETS_MAX * sizeof hash);
    for (const vp_embedded *f = http_static_files; f->name; f++) {
        vp_seal_hash(vp_str_n(f->data, f->size), hash, sizeof hash);
        vp_buf_add(&hashes, hash, sizeof hash);
    }
    vp_seal_hash(vp_buf_str(&hashes), hash, sizeof hash);
    vp_seal_base64(hash, sizeof hash, self->asset_version);
    vp_buf_release(&hashes);
}

vp_err pages_new(pages **out, const pages_options *o, vp_fault *why) {
    pages *self = vp_calloc(1, sizeof *self);
    self->o = *o;
    take_asset_version(self);
    vp_err rc = add_templates(self, why);
    if (!rc) rc = compile_routes(self, why);
    if (rc) pages_destroy(&self);
    *out = self;
    return rc;
}

void pages_destroy(pages **self_p) {
    pages *self = *self_p;
    if (!self) return;
    vp_mustache_set_destroy(&self->templates);
    free(self->routes);
    free(self);
    *self_p = NULL;
}

static void not_so(page *pg, const vp_buf *allow) {
    http_reply_header(pg->p, "Allow", vp_buf_str(allow));
    page_error(pg, 405);
}

void pages_handle(pages *self, http_request *r, http_reply *p) {
    page pg = {.site = self, .r = r, .p = p, .status = 200};
    bool head = vp_str_eq(r->method, VP_STR("HEAD"));
    vp_str method = head ? VP_STR("GET") : r->method;
    vp_buf allow;
    vp_buf_init(&allow, ALLOW_MAX);
    for (size_t i = 0; i < ROWS; i++) {
        if (!vp_route_match(&self->routes[i], r->path, &pg.params)) continue;
        if (vp_str_eq(method, vp_str_of(table[i].method))) {
            table[i].handle(&pg);
            goto done;
        }
        bool get = vp_str_eq(vp_str_of(table[i].method), VP_STR("GET"));
        vp_buf_addf(&allow, "%s%s", allow.len ? ", " : "", get ? "GET, HEAD" : table[i].method);
    }
    if (allow.len)
        not_so(&pg, &allow);
    else
        page_error(&pg, 404);
done:
    vp_buf_release(&allow);
}
