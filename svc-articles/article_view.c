/* article_view.c - see article_view.h. SPDX-License-Identifier: MIT */
#include "article_view.h"

#include <stdio.h>

bool article_is_staff(const vp_call *call) {
    return vp_call_may(call, VP_MAY_AUTHOR);
}

vp_step article_absent(vp_call *call) {
    return vp_call_fail(call, VP_ENOTFOUND, "There is no such article.");
}

void article_view_read(vp_call *call, vp_str id) {
    articles_store_read(call, id, article_is_staff(call));
    if (article_is_staff(call)) articles_store_desk(call, id);
}

void article_view_add(vp_buf *out, const articles_row *row, bool with_body) {
    vp_buf_add_str(out, row->json);
    if (with_body) {
        vp_buf_adds(out, ",\"body_html\":");
        vp_buf_add_str(out, row->body);
    }
    vp_buf_adds(out, ",\"comment_count\":");
    vp_buf_add_int(out, row->comments);
}

/* Both numbers only grow, so their sum never stands for two different texts. */
void article_view_etag(vp_call *call, const articles_row *row) {
    char etag[48];
    snprintf(etag, sizeof etag, "\"%lld.%lld\"", (long long)row->revision,
             (long long)(row->rendering + row->thread_version));
    vp_call_reply_field(call, VP_F_ETAG, vp_str_of(etag));
}

vp_str article_view_id(const articles_row *row) {
    size_t before = sizeof "{\"id\":\"" - 1;
    return row->json.n > before + VP_ULID_LEN ? vp_str_n(row->json.p + before, VP_ULID_LEN)
                                              : (vp_str){0};
}

vp_str article_view_slug(const articles_row *row) {
    size_t before = sizeof "{\"id\":\"\",\"slug\":\"" - 1 + VP_ULID_LEN;
    const char *end =
        row->json.n > before ? memchr(row->json.p + before, '"', row->json.n - before) : NULL;
    return end ? vp_str_n(row->json.p + before, (size_t)(end - row->json.p) - before) : (vp_str){0};
}

static void add_desk(vp_buf *out, const articles_desk *desk) {
    vp_buf_adds(out, ",\"owner\":");
    if (desk->owner.n)
        vp_buf_add_json(out, desk->owner);
    else
        vp_buf_adds(out, "null");
    vp_buf_adds(out, desk->edit.n ? ",\"has_edit\":true" : ",\"has_edit\":false");
    vp_buf_adds(out, ",\"body_markdown\":");
    vp_buf_add_json(out, desk->markdown.p ? desk->markdown : VP_STR(""));
}

/* Of somebody else's article a colleague sees what readers see. */
static bool add_one(vp_call *call, articles_row *row) {
    articles_desk desk;
    bool mine = false;
    if (!articles_store_row(call->reply[0], row)) return false;
    if (article_is_staff(call) && call->n_replies > 1 &&
        articles_store_desk_row(call->reply[1], &desk))
        mine = articles_store_mine(call, desk.owner, desk.handles);
    if (row->draft && !mine) return false;
    article_view_add(&call->out, row, true);
    if (mine) add_desk(&call->out, &desk);
    vp_buf_addc(&call->out, '}');
    return true;
}

bool article_view_write(vp_call *call, articles_row *row) {
    if (!add_one(call, row)) return false;
    article_view_etag(call, row);
    return true;
}

vp_step article_view_answer(vp_call *call, int status) {
    articles_row row;
    if (!article_view_write(call, &row)) return article_absent(call);
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    return vp_call_answer(call, status);
}

vp_step article_view_stale(vp_call *call) {
    articles_row row;
    vp_problem problem = {0};
    vp_problem_set(&problem, VP_ESTALE, "The article has changed meanwhile.");
    vp_problem_write(&call->out, &problem, call->field[VP_F_PATH]);
    call->out.len--; /* before its closing brace */
    vp_buf_adds(&call->out, ",\"current\":");
    if (!add_one(call, &row)) return article_absent(call);
    vp_buf_addc(&call->out, '}');
    vp_call_reply_field(call, VP_F_CONTENT_TYPE, VP_STR("application/problem+json"));
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    article_view_etag(call, &row);
    return vp_call_answer(call, 412);
}
