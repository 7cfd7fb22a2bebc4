/* comments_store.c - see comments_store.h. SPDX-License-Identifier: MIT */
#include "comments_store.h"

#include <assert.h>
#include <stdio.h>

enum { KEY_MAX = 64, PAGE_HEAD = 3, ROW = 3 };

/* Ids are checked by their callers: all are VP_ULID_LEN long. */
static vp_str key_of(char out[KEY_MAX], const char *before, vp_str id, const char *after) {
    int n = snprintf(out, KEY_MAX, "%s%.*s%s", before, (int)id.n, id.p, after);
    assert(n > 0 && n < KEY_MAX);
    return vp_str_n(out, (size_t)n);
}

vp_str comments_store_text(const redisReply *r) {
    return r && r->type == REDIS_REPLY_STRING ? vp_str_n(r->str, r->len) : (vp_str){0};
}

static int64_t integer_of(const redisReply *r) {
    return r->type == REDIS_REPLY_INTEGER ? r->integer : 0;
}

void comments_store_post(vp_call *call, vp_str article, const comment_form *form, vp_str actor) {
    const vp_str args[] = {article,
                           vp_str_of(form->id),
                           form->parent,
                           vp_buf_str(&form->head),
                           vp_buf_str(&form->tail),
                           form->name,
                           form->email,
                           form->markdown,
                           actor};
    vp_call_function_once(call, "post", NULL, 0, args, sizeof args / sizeof *args);
}

bool comments_store_posted(const redisReply *reply, comments_posted *out) {
    if (reply->elements < 5) return false;
    out->id = comments_store_text(reply->element[1]);
    out->article = comments_store_text(reply->element[2]);
    out->fact = thread_fact_read(comments_store_text(reply->element[3]));
    out->newest = comments_store_text(reply->element[4]);
    return out->id.n == VP_ULID_LEN && out->article.n == VP_ULID_LEN;
}

void comments_store_read(vp_call *call, vp_str id) {
    char key[2][KEY_MAX];
    vp_str get[] = {VP_STR("GET"), key_of(key[0], "comment:{", id, "}:public")};
    vp_str count[] = {VP_STR("ZCARD"), key_of(key[1], "comment:{", id, "}:replies")};
    vp_call_command(call, 2, get);
    vp_call_command(call, 2, count);
}

bool comments_store_one(const vp_call *call, vp_str *text, int64_t *replies) {
    *text = comments_store_text(call->reply[0]);
    *replies = integer_of(call->reply[1]);
    return text->n > 0;
}

void comments_store_page(vp_call *call, vp_str article, vp_str parent, bool newest, vp_str after,
                         int64_t limit) {
    char count[24], key[KEY_MAX];
    snprintf(count, sizeof count, "%lld", (long long)limit);
    const vp_str args[] = {article, parent, newest ? VP_STR("newest") : VP_STR("oldest"), after,
                           vp_str_of(count)};
    vp_call_function(call, "page", NULL, 0, args, sizeof args / sizeof *args);
    if (!article.n) return;
    vp_str get[] = {VP_STR("GET"), key_of(key, "fact:article:", article, "")};
    vp_call_command(call, 2, get);
}

bool comments_store_page_head(const redisReply *reply, comments_page *out) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < PAGE_HEAD) return false;
    out->article = comments_store_text(reply->element[0]);
    out->fact = thread_fact_read(comments_store_text(reply->element[1]));
    out->last = comments_store_text(reply->element[2]);
    return true;
}

bool comments_store_page_row(const redisReply *reply, size_t i, int64_t *level, int64_t *replies,
                             vp_str *text) {
    size_t at = PAGE_HEAD + i * ROW;
    if (at + ROW > reply->elements) return false;
    *level = integer_of(reply->element[at]);
    *replies = integer_of(reply->element[at + 1]);
    *text = comments_store_text(reply->element[at + 2]);
    return true;
}

void comments_store_recent(vp_call *call, vp_str after, int64_t limit) {
    char count[24];
    snprintf(count, sizeof count, "%lld", (long long)limit);
    vp_call_function(call, "recent", NULL, 0, (vp_str[]){after, vp_str_of(count)}, 2);
}

bool comments_store_recent_row(const redisReply *reply, size_t i, int64_t *replies, vp_str *text,
                               vp_str *article_fact) {
    size_t at = 1 + i * ROW;
    if (reply->type != REDIS_REPLY_ARRAY || at + ROW > reply->elements) return false;
    *replies = integer_of(reply->element[at]);
    *text = comments_store_text(reply->element[at + 1]);
    *article_fact = comments_store_text(reply->element[at + 2]);
    return true;
}

static void get_each(vp_call *call, const char *before, const vp_str *ids, int n,
                     const char *after) {
    char key[COMMENTS_TOPICS_MAX][KEY_MAX];
    vp_str argv[COMMENTS_TOPICS_MAX + 1] = {VP_STR("MGET")};
    assert(n > 0 && n <= COMMENTS_TOPICS_MAX);
    for (int i = 0; i < n; i++) argv[i + 1] = key_of(key[i], before, ids[i], after);
    vp_call_command(call, n + 1, argv);
}

void comments_store_facts(vp_call *call, const vp_str *articles, int n, bool whole) {
    get_each(call, "fact:thread:", articles, n, "");
    if (!whole) return;
    get_each(call, "thread:{", articles, n, "}:newest");
    get_each(call, "fact:article:", articles, n, "");
}

static vp_str nth(const vp_call *call, int reply, int i) {
    const redisReply *r = reply < call->n_replies ? call->reply[reply] : NULL;
    bool there = r && r->type == REDIS_REPLY_ARRAY && (size_t)i < r->elements;
    return there ? comments_store_text(r->element[i]) : (vp_str){0};
}

void comments_store_state(const vp_call *call, int i, comments_state *out) {
    out->fact = thread_fact_read(nth(call, 0, i));
    out->newest = nth(call, 1, i);
    out->article = nth(call, 2, i);
}
