/* articles_store.c - see articles_store.h. SPDX-License-Identifier: MIT */
#include "articles_store.h"

#include <assert.h>
#include <stdio.h>

enum { KEY_MAX = 64 + TAG_BYTES };

/* before + id + after; id is from a client, so its length is checked. */
static vp_str key_of(char out[KEY_MAX], vp_str before, vp_str id, vp_str after) {
    assert(before.n + id.n + after.n <= KEY_MAX);
    memcpy(out, before.p, before.n);
    if (id.n) memcpy(out + before.n, id.p, id.n);
    memcpy(out + before.n + id.n, after.p, after.n);
    return vp_str_n(out, before.n + id.n + after.n);
}

#define ARTICLE     VP_STR("article:{")
#define CONTRIBUTOR VP_STR("contributor:{")
#define THREAD      VP_STR("fact:thread:")
#define NOTHING     VP_STR("")

static vp_str text_of(const redisReply *r) {
    return r && r->type == REDIS_REPLY_STRING ? vp_str_n(r->str, r->len) : (vp_str){0};
}

/* The number that s begins with, and what follows one separator. */
static int64_t number(vp_str *s) {
    int64_t n = 0;
    size_t i = 0;
    while (i < s->n && i < 18 && s->p[i] >= '0' && s->p[i] <= '9') n = n * 10 + (s->p[i++] - '0');
    if (i < s->n) i++;
    *s = vp_str_n(s->p + i, s->n - i);
    return n;
}

bool articles_store_shown(const redisReply *reply, articles_row *row) {
    vp_str s = text_of(reply);
    if (!s.n) return false;
    row->revision = number(&s);
    row->rendering = number(&s);
    row->json = s;
    return true;
}

static void thread_fact(const redisReply *reply, articles_row *row) {
    vp_str s = text_of(reply);
    row->comments = number(&s);
    row->thread_version = number(&s);
}

/* -- one article ------------------------------------------------------------------------------- */

void articles_store_read(vp_call *call, vp_str id, bool drafts) {
    char key[4][KEY_MAX];
    vp_str argv[] = {VP_STR("MGET"), key_of(key[0], ARTICLE, id, VP_STR("}:public")),
                     key_of(key[1], ARTICLE, id, VP_STR("}:body")),
                     key_of(key[2], THREAD, id, NOTHING),
                     key_of(key[3], ARTICLE, id, VP_STR("}:draft"))};
    vp_call_command(call, drafts ? 5 : 4, argv);
}

bool articles_store_row(const redisReply *reply, articles_row *row) {
    memset(row, 0, sizeof *row);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3) return false;
    if (!articles_store_shown(reply->element[0], row) &&
        !(reply->elements > 3 && articles_store_shown(reply->element[3], row)))
        return false;
    row->body = text_of(reply->element[1]);
    thread_fact(reply->element[2], row);
    return row->body.n > 0;
}

void articles_store_find(vp_call *call, vp_str slug) {
    char key[KEY_MAX];
    vp_str argv[] = {VP_STR("GET"), key_of(key, VP_STR("article:slug:"), slug, NOTHING)};
    vp_call_command(call, 2, argv);
}

void articles_store_markdown(vp_call *call, vp_str id) {
    char key[KEY_MAX];
    vp_str argv[] = {VP_STR("HGET"), key_of(key, ARTICLE, id, VP_STR("}")), VP_STR("markdown")};
    vp_call_command(call, 3, argv);
}

void articles_store_create(vp_call *call, const article_form *form) {
    const vp_str args[] = {vp_str_of(form->id),
                           vp_str_of(form->slug),
                           form->slug_given ? VP_STR("1") : NOTHING,
                           form->status,
                           vp_str_of(form->when),
                           vp_str_of(form->when_text),
                           vp_buf_str(&form->head),
                           vp_buf_str(&form->tail),
                           form->title,
                           form->open ? VP_STR("1") : VP_STR("0"),
                           vp_buf_str(&form->handles),
                           vp_buf_str(&form->tags),
                           vp_buf_str(&form->shown),
                           vp_buf_str(&form->body),
                           form->markdown,
                           form->actor};
    vp_call_function_once(call, "create", NULL, 0, args, sizeof args / sizeof *args);
}

/* -- lists ---------------------------------------------------------------------------------------
 */

/* A page of a sorted set that is in order of its members. */
static void page(vp_call *call, vp_str key, vp_str after, bool newest, int64_t n) {
    char from[KEY_MAX], count[24];
    vp_str start = newest ? VP_STR("+") : VP_STR("-");
    if (after.n) start = key_of(from, VP_STR("("), after, NOTHING);
    snprintf(count, sizeof count, "%lld", (long long)n);
    vp_str argv[9] = {VP_STR("ZRANGE"), key, start, newest ? VP_STR("-") : VP_STR("+"),
                      VP_STR("BYLEX")};
    int argc = 5;
    if (newest) argv[argc++] = VP_STR("REV");
    argv[argc++] = VP_STR("LIMIT");
    argv[argc++] = VP_STR("0");
    argv[argc++] = vp_str_of(count);
    vp_call_command(call, argc, argv);
}

void articles_store_list(vp_call *call, vp_str tag, vp_str contributor, vp_str after,
                         int64_t limit) {
    char of_tag[KEY_MAX], by[KEY_MAX], count[24];
    vp_str keys[] = {key_of(of_tag, VP_STR("articles:tag:"), tag, NOTHING),
                     key_of(by, VP_STR("articles:by:"), contributor, NOTHING)};
    snprintf(count, sizeof count, "%lld", (long long)limit);
    if (tag.n && contributor.n)
        vp_call_function(call, "both", keys, 2, (vp_str[]){after, vp_str_of(count)}, 2);
    else if (tag.n || contributor.n)
        page(call, keys[tag.n ? 0 : 1], after, true, limit + 1);
    else
        page(call, VP_STR("articles:published"), after, true, limit + 1);
}

/* MGET of one key for each of n ids, which are the last `tail` bytes of the given texts. */
static void get_each(vp_call *call, vp_str before, const vp_str *ids, int n, size_t tail,
                     vp_str after) {
    char key[VP_LIST_MAX + 1][KEY_MAX];
    vp_str argv[VP_LIST_MAX + 2] = {VP_STR("MGET")};
    assert(n > 0 && n <= VP_LIST_MAX);
    for (int i = 0; i < n; i++) {
        size_t skip = tail && ids[i].n > tail ? ids[i].n - tail : 0;
        argv[i + 1] = key_of(key[i], before, vp_str_n(ids[i].p + skip, ids[i].n - skip), after);
    }
    vp_call_command(call, n + 1, argv);
}

void articles_store_rows(vp_call *call, const vp_str *members, int n, bool bodies) {
    get_each(call, ARTICLE, members, n, VP_ULID_LEN, VP_STR("}:public"));
    get_each(call, THREAD, members, n, VP_ULID_LEN, NOTHING);
    if (bodies) get_each(call, ARTICLE, members, n, VP_ULID_LEN, VP_STR("}:body"));
}

bool articles_store_nth(const vp_call *call, int i, articles_row *row) {
    memset(row, 0, sizeof *row);
    for (int r = 0; r < call->n_replies; r++)
        if (call->reply[r]->type != REDIS_REPLY_ARRAY || (size_t)i >= call->reply[r]->elements)
            return false;
    articles_store_shown(call->reply[0]->element[i], row);
    thread_fact(call->reply[1]->element[i], row);
    if (call->n_replies > 2) row->body = text_of(call->reply[2]->element[i]);
    if (call->n_replies > 2 && !row->body.n) row->json = (vp_str){0};
    return true;
}

void articles_store_both(const redisReply *reply, list_page *page) {
    list_page_last(page, reply->elements > 0 ? text_of(reply->element[0]) : (vp_str){0});
}

void articles_store_tags(vp_call *call, vp_str after, int64_t limit) {
    page(call, VP_STR("tags"), after, false, limit + 1);
}

void articles_store_tag_rows(vp_call *call, const vp_str *tags, int n) {
    vp_str argv[VP_LIST_MAX + 2] = {VP_STR("HMGET"), VP_STR("tags:counts")};
    assert(n > 0 && n <= VP_LIST_MAX);
    for (int i = 0; i < n; i++) argv[i + 2] = tags[i];
    vp_call_command(call, n + 2, argv);
    argv[1] = VP_STR("tags:names");
    vp_call_command(call, n + 2, argv);
}

bool articles_store_tag(const vp_call *call, int i, articles_tag *tag) {
    for (int r = 0; r < 2; r++)
        if (call->reply[r]->type != REDIS_REPLY_ARRAY || (size_t)i >= call->reply[r]->elements)
            return false;
    vp_str count = text_of(call->reply[0]->element[i]);
    tag->name = text_of(call->reply[1]->element[i]);
    tag->count = number(&count);
    return tag->count > 0;
}

/* -- contributors
 * ---------------------------------------------------------------------------------- */

void articles_store_contributor(vp_call *call, vp_str handle) {
    char key[2][KEY_MAX];
    vp_str get[] = {VP_STR("GET"), key_of(key[0], CONTRIBUTOR, handle, VP_STR("}:public"))};
    vp_str bio[] = {VP_STR("HGET"), key_of(key[1], CONTRIBUTOR, handle, VP_STR("}")),
                    VP_STR("bio_markdown")};
    vp_call_command(call, 2, get);
    vp_call_command(call, 3, bio);
}

void articles_store_contributors(vp_call *call, vp_str after, int64_t limit) {
    page(call, VP_STR("contributors"), after, false, limit + 1);
}

void articles_store_contributor_rows(vp_call *call, const vp_str *handles, int n) {
    get_each(call, CONTRIBUTOR, handles, n, 0, VP_STR("}:public"));
}

void articles_store_put(vp_call *call, const contributor_form *form, vp_str if_match) {
    const vp_str args[] = {form->handle, if_match, vp_buf_str(&form->name), vp_buf_str(&form->json),
                           form->markdown};
    vp_call_function_once(call, "contributor", NULL, 0, args, sizeof args / sizeof *args);
}

void articles_store_rename(vp_call *call, vp_str handle) {
    vp_call_function(call, "rename", NULL, 0, &handle, 1);
}

void articles_store_tick(vp_call *call) {
    vp_call_function(call, "tick", NULL, 0, NULL, 0);
}
