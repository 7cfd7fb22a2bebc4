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
    if (!articles_store_shown(reply->element[0], row)) {
        row->draft = reply->elements > 3 && articles_store_shown(reply->element[3], row);
        if (!row->draft) return false;
    }
    row->body = text_of(reply->element[1]);
    thread_fact(reply->element[2], row);
    return row->body.n > 0;
}

void articles_store_find(vp_call *call, vp_str slug) {
    char key[KEY_MAX];
    vp_str argv[] = {VP_STR("GET"), key_of(key, VP_STR("article:slug:"), slug, NOTHING)};
    vp_call_command(call, 2, argv);
}

void articles_store_desk(vp_call *call, vp_str id) {
    char key[KEY_MAX];
    vp_str argv[] = {VP_STR("HMGET"),    key_of(key, ARTICLE, id, VP_STR("}")),
                     VP_STR("markdown"), VP_STR("owner"),
                     VP_STR("handles"),  VP_STR("edit"),
                     VP_STR("actor")};
    vp_call_command(call, sizeof argv / sizeof *argv, argv);
}

bool articles_store_desk_row(const redisReply *reply, articles_desk *desk) {
    memset(desk, 0, sizeof *desk);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 5) return false;
    desk->markdown = text_of(reply->element[0]);
    desk->owner = text_of(reply->element[1]);
    desk->handles = text_of(reply->element[2]);
    desk->edit = text_of(reply->element[3]);
    if (!desk->owner.p) desk->owner = text_of(reply->element[4]); /* schema 1 */
    return true;
}

/* -- for those who may change it ----------------------------------------------------------------
 */

/* Who acts, as functions take it: '' stands for editors, who may change every article. */
static vp_str actor_of(const vp_call *call) {
    return vp_call_may(call, VP_MAY_EDITOR) ? NOTHING : call->field[VP_F_ACTOR_ID];
}

static bool has_word(vp_str list, vp_str word) {
    for (size_t at = 0, n; word.n && at < list.n; at += n + 1) {
        const char *end = memchr(list.p + at, ' ', list.n - at);
        n = end ? (size_t)(end - list.p) - at : list.n - at;
        if (vp_str_eq(vp_str_n(list.p + at, n), word)) return true;
    }
    return false;
}

bool articles_store_mine(const vp_call *call, vp_str owner, vp_str handles) {
    vp_str actor = call->field[VP_F_ACTOR_ID];
    return vp_call_may(call, VP_MAY_EDITOR) || (actor.n && vp_str_eq(owner, actor)) ||
           has_word(handles, call->field[VP_F_ACTOR_HANDLE]);
}

static vp_str some(vp_str s) {
    return s.p ? s : NOTHING;
}

void articles_store_open(vp_call *call, vp_str name, const char *extra, vp_str a, vp_str b) {
    vp_str args[] = {name, vp_str_of(extra), some(a), some(b)};
    vp_call_function(call, "open", NULL, 0, args, 4);
}

/* As open() in life.lua tells it. */
enum opened_at {
    O_ID,
    O_REVISION,
    O_STATUS,
    O_SLUG,
    O_WHEN,
    O_ENDS,
    O_HEAD,
    O_TAIL,
    O_HANDLES,
    O_OWNER,
    O_GROUP,
    O_EDIT,
    O_LIVE,
    O_MARKDOWN,
    O_EXTRA
};

static vp_str nth_text(const redisReply *reply, size_t i) {
    return i < reply->elements ? text_of(reply->element[i]) : (vp_str){0};
}

static int64_t nth_number(const redisReply *reply, size_t i) {
    vp_str s = nth_text(reply, i);
    return number(&s);
}

bool articles_store_opened(const redisReply *reply, articles_opened *out) {
    memset(out, 0, sizeof *out);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < O_EXTRA) return false;
    *out = (articles_opened){.id = nth_text(reply, O_ID),
                             .status = nth_text(reply, O_STATUS),
                             .slug = nth_text(reply, O_SLUG),
                             .head = nth_text(reply, O_HEAD),
                             .tail = nth_text(reply, O_TAIL),
                             .handles = nth_text(reply, O_HANDLES),
                             .owner = nth_text(reply, O_OWNER),
                             .group = nth_text(reply, O_GROUP),
                             .edit = nth_text(reply, O_EDIT),
                             .live = nth_text(reply, O_LIVE),
                             .markdown = nth_text(reply, O_MARKDOWN),
                             .revision = nth_number(reply, O_REVISION),
                             .when = nth_number(reply, O_WHEN),
                             .ends = nth_number(reply, O_ENDS)};
    for (size_t i = 0; i < ARTICLES_EXTRAS; i++) out->extra[i] = nth_text(reply, O_EXTRA + i);
    return true;
}

vp_str articles_store_history_next(const redisReply *reply) {
    return nth_text(reply, O_EXTRA);
}

bool articles_store_history(const redisReply *reply, size_t nth, vp_str *n, vp_str *meta) {
    vp_str line = nth_text(reply, O_EXTRA + 1 + nth);
    const char *end = line.n ? memchr(line.p, '\n', line.n) : NULL;
    if (!end) return false;
    *n = vp_str_n(line.p, (size_t)(end - line.p));
    *meta = vp_str_n(end + 1, line.n - n->n - 1);
    return true;
}

static void write_form(const article_form *form, vp_str argv[], int *n) {
    const struct {
        const char *name;
        vp_str value;
    } fields[] = {
        {"slug", vp_str_of(form->slug)},
        {"status", form->status},
        {"when", vp_str_of(form->when)},
        {"when_text", vp_str_of(form->when_text)},
        {"ends", vp_str_of(form->ends)},
        {"ends_text", vp_str_of(form->ends_text)},
        {"close", vp_str_of(form->close)},
        {"close_text", vp_str_of(form->close_text)},
        {"head", vp_buf_str(&form->head)},
        {"tail", vp_buf_str(&form->tail)},
        {"title", form->title},
        {"policy", form->policy},
        {"handles", vp_buf_str(&form->handles)},
        {"tags", vp_buf_str(&form->tags)},
        {"section", vp_buf_str(&form->section)},
        {"language", vp_str_of(form->language)},
        {"group", form->group},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        argv[(*n)++] = vp_str_of(fields[i].name);
        argv[(*n)++] = some(fields[i].value);
    }
}

enum { SAVE_ARGS = 64 };

void articles_store_save(vp_call *call, const articles_save *save) {
    const article_form *form = save->form;
    vp_str argv[SAVE_ARGS] = {save->id,
                              save->expect,
                              actor_of(call),
                              some(call->field[VP_F_ACTOR_HANDLE]),
                              call->field[VP_F_ACTOR_ID],
                              some(call->field[VP_F_ACTOR_LOGIN]),
                              save->what,
                              form && form->slug_given ? VP_STR("1") : NOTHING,
                              save->edit ? VP_STR("1") : NOTHING,
                              some(save->before),
                              some(save->packed),
                              form ? vp_buf_str(&form->body) : NOTHING,
                              form ? form->markdown : NOTHING,
                              form ? some(vp_buf_str(&form->shown)) : NOTHING,
                              form ? some(vp_buf_str(&form->section_shown)) : NOTHING};
    int n = 15;
    if (form) write_form(form, argv, &n);
    vp_call_function_once(call, "save", NULL, 0, argv, n);
}

void articles_store_preview(vp_call *call, vp_str id, const article_form *form) {
    vp_str argv[SAVE_ARGS] = {id};
    int n = 1;
    write_form(form, argv, &n);
    vp_call_function(call, "preview", NULL, 0, argv, n);
}

void articles_store_stash(vp_call *call, const articles_save *save) {
    vp_str argv[] = {save->id,
                     save->expect,
                     actor_of(call),
                     some(call->field[VP_F_ACTOR_HANDLE]),
                     call->field[VP_F_ACTOR_ID],
                     some(call->field[VP_F_ACTOR_LOGIN]),
                     some(save->before),
                     some(save->packed)};
    vp_call_function_once(call, "stash", NULL, 0, argv, sizeof argv / sizeof *argv);
}

void articles_store_move(vp_call *call, vp_str name, vp_str expect, const char *what) {
    vp_str argv[] = {name,
                     expect,
                     actor_of(call),
                     some(call->field[VP_F_ACTOR_HANDLE]),
                     call->field[VP_F_ACTOR_ID],
                     some(call->field[VP_F_ACTOR_LOGIN]),
                     vp_str_of(what)};
    vp_call_function_once(call, "move", NULL, 0, argv, sizeof argv / sizeof *argv);
}

void articles_store_autosave(vp_call *call, vp_str name, vp_str packed) {
    vp_str argv[] = {name, actor_of(call), some(call->field[VP_F_ACTOR_HANDLE]),
                     call->field[VP_F_ACTOR_ID], some(packed)};
    vp_call_function(call, "autosave", NULL, 0, argv, sizeof argv / sizeof *argv);
}

/* -- lists ---------------------------------------------------------------------------------------
 */

/* A page of a sorted set that is in order of its members; start and stop as ZRANGE takes them. */
static void range(vp_call *call, vp_str key, vp_str start, vp_str stop, bool newest, int64_t n) {
    char count[24];
    snprintf(count, sizeof count, "%lld", (long long)n);
    vp_str argv[9] = {VP_STR("ZRANGE"), key, start, stop, VP_STR("BYLEX")};
    int argc = 5;
    if (newest) argv[argc++] = VP_STR("REV");
    argv[argc++] = VP_STR("LIMIT");
    argv[argc++] = VP_STR("0");
    argv[argc++] = vp_str_of(count);
    vp_call_command(call, argc, argv);
}

/* In ascending order, after a member. */
static void page(vp_call *call, vp_str key, vp_str after, int64_t n) {
    char from[KEY_MAX];
    vp_str start = after.n ? key_of(from, VP_STR("("), after, NOTHING) : VP_STR("-");
    range(call, key, start, VP_STR("+"), false, n);
}

bool articles_store_list(vp_call *call, const articles_filter *f, int64_t limit) {
    const struct {
        vp_str name, value;
    } lists[] = {{VP_STR("articles:by:"), f->contributor},
                 {VP_STR("articles:tag:"), f->tag},
                 {VP_STR("articles:section:"), f->section},
                 {VP_STR("articles:language:"), f->language}};
    char text[2][KEY_MAX], count[24];
    vp_str keys[2], start = vp_str_of(f->start), stop = vp_str_of(f->stop);
    int n = 0;
    for (size_t i = 0; i < sizeof lists / sizeof *lists && n < 2; i++) {
        if (!lists[i].value.n) continue;
        keys[n] = key_of(text[n], lists[i].name, lists[i].value, NOTHING);
        n++;
    }
    snprintf(count, sizeof count, "%lld", (long long)limit);
    if (n == 2)
        vp_call_function(call, "both", keys, 2, (vp_str[]){start, stop, vp_str_of(count)}, 3);
    else
        range(call, n ? keys[0] : VP_STR("articles:published"), start, stop, true, limit + 1);
    return n == 2;
}

void articles_store_status(vp_call *call, vp_str status, vp_str after, int64_t limit) {
    char count[24];
    snprintf(count, sizeof count, "%lld", (long long)limit);
    vp_str args[] = {status, actor_of(call), some(call->field[VP_F_ACTOR_HANDLE]), some(after),
                     vp_str_of(count)};
    vp_call_function(call, "desk", NULL, 0, args, 5);
}

void articles_store_top(vp_call *call, vp_str key, vp_str after, int64_t limit) {
    char count[24];
    snprintf(count, sizeof count, "%lld", (long long)limit);
    vp_call_function(call, "top", &key, 1, (vp_str[]){some(after), vp_str_of(count)}, 2);
}

void articles_store_related(vp_call *call, vp_str name, int64_t limit) {
    char count[24];
    snprintf(count, sizeof count, "%lld", (long long)limit);
    vp_call_function(call, "related", NULL, 0, (vp_str[]){name, vp_str_of(count)}, 2);
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

void articles_store_rows(vp_call *call, const vp_str *members, int n, bool bodies, bool drafts) {
    vp_str shown = drafts ? VP_STR("}:draft") : VP_STR("}:public");
    get_each(call, ARTICLE, members, n, VP_ULID_LEN, shown);
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

void articles_store_tags(vp_call *call, const char *kind, vp_str after, int64_t limit) {
    page(call, vp_str_of(kind), after, limit + 1);
}

void articles_store_tag_rows(vp_call *call, const char *kind, const vp_str *tags, int n) {
    char counts[KEY_MAX], names[KEY_MAX];
    vp_str argv[VP_LIST_MAX + 2] = {VP_STR("HMGET"),
                                    key_of(counts, vp_str_of(kind), VP_STR(":counts"), NOTHING)};
    assert(n > 0 && n <= VP_LIST_MAX);
    for (int i = 0; i < n; i++) argv[i + 2] = tags[i];
    vp_call_command(call, n + 2, argv);
    argv[1] = key_of(names, vp_str_of(kind), VP_STR(":names"), NOTHING);
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
    page(call, VP_STR("contributors"), after, limit + 1);
}

void articles_store_contributor_rows(vp_call *call, const vp_str *handles, int n) {
    get_each(call, CONTRIBUTOR, handles, n, 0, VP_STR("}:public"));
}

void articles_store_put(vp_call *call, const contributor_form *form, vp_str if_match) {
    const vp_str args[] = {form->handle,
                           if_match,
                           vp_buf_str(&form->name),
                           vp_buf_str(&form->json),
                           form->markdown,
                           call->field[VP_F_ACTOR_ID],
                           call->field[VP_F_ACTOR_LOGIN]};
    vp_call_function_once(call, "contributor", NULL, 0, args, sizeof args / sizeof *args);
}

void articles_store_rename(vp_call *call, vp_str handle) {
    vp_call_function(call, "rename", NULL, 0, &handle, 1);
}

void articles_store_tick(vp_call *call) {
    vp_call_function(call, "tick", NULL, 0, NULL, 0);
}

void articles_store_count(vp_call *call, const vp_str *ids, const uint32_t *reads, int n) {
    vp_str args[2 * ARTICLES_COUNT_MAX];
    char number[ARTICLES_COUNT_MAX][12];
    assert(n <= ARTICLES_COUNT_MAX);
    for (int i = 0; i < n; i++) {
        snprintf(number[i], sizeof number[i], "%u", (unsigned)reads[i]);
        args[2 * i] = ids[i];
        args[2 * i + 1] = vp_str_of(number[i]);
    }
    vp_call_function(call, "count", NULL, 0, args, 2 * n);
}
