/* articles.c - see articles.h. Reading one by its id is the busiest thing here: one command, and
 * the answer is put together from ready text. SPDX-License-Identifier: MIT */
#include "articles.h"

#include <stdio.h>

#include "article_change.h"
#include "article_view.h"
#include "document.h"
#include "list_page.h"
#include "pending.h"

enum {
    ROWS_A_ROUND = 20,        /* articles with their bodies */
    LIST_BYTES = 1024 * 1024, /* a page of a list ends early past this */
    TICK_ROUNDS = 40          /* of what is due, at 32 articles each */
};

/* -- one article ---------------------------------------------------------------------------------
 */

vp_step articles_get_prepare(vp_call *call) {
    vp_str name = call->params.value[0];
    vp_str token = call->field[VP_F_QUERY].n ? vp_call_query(call, "preview") : (vp_str){0};
    if (token.n) return article_previewed_prepare(call, token);
    if (vp_ulid_valid(name))
        article_view_read(call, name);
    else if (slug_ok(name))
        articles_store_find(call, name);
    else
        return article_absent(call);
    return VP_STEP_WAIT;
}

static void shared_fields(vp_call *call, const articles_row *row) {
    char key[64];
    vp_str id = article_view_id(row);
    snprintf(key, sizeof key, "article:%.*s contributors", (int)id.n, id.p);
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("public, max-age=0, s-maxage=10"));
    vp_call_reply_field(call, VP_F_SURROGATE_KEY, vp_str_of(key));
}

/* A former slug leads to the one that it has now. */
static vp_step moved(vp_call *call, vp_str slug) {
    char location[32 + SLUG_MAX];
    snprintf(location, sizeof location, "/api/v1/articles/%.*s", (int)slug.n, slug.p);
    vp_call_reply_field(call, VP_F_LOCATION, vp_str_of(location));
    vp_buf_clear(&call->out);
    vp_buf_adds(&call->out, "{\"location\":");
    vp_buf_add_json(&call->out, vp_str_of(location));
    vp_buf_addc(&call->out, '}');
    return vp_call_answer(call, 301);
}

vp_step articles_get_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    vp_str name = call->params.value[0];
    articles_row row;
    if (call->state) return article_previewed_finish(call);
    if (r->type == REDIS_REPLY_STRING) { /* the slug's id */
        article_view_read(call, vp_str_n(r->str, r->len));
        return VP_STEP_WAIT;
    }
    if (r->type != REDIS_REPLY_ARRAY || !article_view_write(call, &row))
        return article_absent(call);
    if (article_is_staff(call))
        vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    else
        shared_fields(call, &row);
    vp_str slug = article_view_slug(&row);
    bool elsewhere = call->round > 1 && !vp_str_eq(slug, name);
    return elsewhere ? moved(call, slug) : vp_call_answer(call, 200);
}

/* -- a new one -----------------------------------------------------------------------------------
 */

typedef struct create_state {
    char id[VP_ULID_LEN + 1];
} create_state;

static void send_new(vp_call *call, const article_form *form) {
    create_state *state = vp_call_state(call, sizeof *state);
    vp_buf packed;
    vp_buf_init(&packed, 2 * DOCUMENT_MAX);
    vp_ulid_make(vp_service_now(call->service), state->id);
    if (article_form_pack(form, &packed))
        vp_call_fail(call, VP_EINVAL, "There is too much of it.");
    else
        articles_store_save(call, &(articles_save){.id = vp_str_of(state->id),
                                                   .expect = VP_STR(""),
                                                   .what = VP_STR("created"),
                                                   .packed = vp_buf_str(&packed),
                                                   .form = form});
    vp_buf_release(&packed);
}

vp_step articles_create_prepare(vp_call *call) {
    article_form form;
    json_t *body;
    if (!vp_call_json(call, article_rules, &body)) return VP_STEP_DONE;
    json_t *fields = document_merge(NULL, body);
    if (article_form_read(&form, fields, body, NULL, vp_service_now(call->service), &call->problem))
        send_new(call, &form);
    else
        vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
    article_form_release(&form);
    json_decref(fields);
    return call->problem.code ? VP_STEP_DONE : VP_STEP_WAIT;
}

vp_step articles_create_finish(vp_call *call) {
    char location[64];
    if (call->round > 1) {
        create_state *state = call->state;
        snprintf(location, sizeof location, "/api/v1/articles/%s", state->id);
        vp_call_reply_field(call, VP_F_LOCATION, vp_str_of(location));
        return article_view_answer(call, 201);
    }
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    if (!vp_str_eq(word, VP_STR("saved"))) return article_refuse(call, word);
    create_state *state = call->state;
    const redisReply *id = call->reply[0]->element[1]; /* of the article that the key made before */
    snprintf(state->id, sizeof state->id, "%.*s", (int)id->len, id->str);
    article_view_read(call, vp_str_of(state->id));
    return VP_STEP_WAIT;
}

/* -- lists
 * ----------------------------------------------------------------------------------------- */

typedef struct list_state {
    list_page page;
    bool both, summaries;
} list_state;

/* A tag or contributor that cannot be is one that nothing has. */
static bool filters(vp_call *call, vp_buf *tag, vp_str *contributor) {
    vp_buf shown;
    vp_str wanted = vp_call_query(call, "tag");
    bool ok = true;
    vp_buf_init(&shown, 2 * TAG_BYTES);
    *contributor = vp_call_query(call, "contributor");
    if (wanted.n && !tag_fold(vp_str_trim(wanted), &shown, tag)) ok = false;
    if (contributor->n && !handle_ok(*contributor)) ok = false;
    vp_buf_release(&shown);
    return ok;
}

static bool options_ok(vp_call *call, list_state *state) {
    vp_str sort = vp_call_query(call, "sort"), view = vp_call_query(call, "view");
    state->summaries = vp_str_eq(view, VP_STR("summary"));
    if (sort.n && !vp_str_eq(sort, VP_STR("-published_at")))
        vp_problem_field(&call->problem, "?sort", "must be -published_at");
    if (view.n && !state->summaries && !vp_str_eq(view, VP_STR("full")))
        vp_problem_field(&call->problem, "?view", "must be full or summary");
    if (call->problem.code) vp_call_fail(call, VP_EINVAL, "A query parameter is not acceptable.");
    return !call->problem.code;
}

vp_step articles_list_prepare(vp_call *call) {
    list_state *state = vp_call_state(call, sizeof *state);
    char cursor[VP_CURSOR_KEY_MAX + 1];
    size_t n;
    vp_buf tag;
    vp_str by;
    if (!options_ok(call, state) || !vp_call_page(call, 'a', &state->page.limit, cursor, &n))
        return VP_STEP_DONE;
    vp_buf_init(&tag, 2 * TAG_BYTES);
    bool possible = filters(call, &tag, &by);
    state->both = tag.len && by.n;
    if (!call->problem.code && possible)
        articles_store_list(call, vp_buf_str(&tag), by, vp_str_n(cursor, n), state->page.limit);
    vp_buf_release(&tag);
    if (call->problem.code) return VP_STEP_DONE;
    if (possible) return VP_STEP_WAIT;
    vp_buf_adds(&call->out, "{\"items\":[");
    return list_page_answer(call, &state->page, 'a', VP_STR("articles"));
}

static vp_step next_rows(vp_call *call, list_state *state) {
    list_page *page = &state->page;
    int n = page->n - page->done;
    if (n == 0) return list_page_answer(call, page, 'a', VP_STR("articles contributors"));
    if (!state->summaries && n > ROWS_A_ROUND) n = ROWS_A_ROUND;
    articles_store_rows(call, page->member + page->done, n, !state->summaries);
    return VP_STEP_WAIT;
}

vp_step articles_list_finish(vp_call *call) {
    list_state *state = call->state;
    list_page *page = &state->page;
    articles_row row;
    if (call->round == 1) {
        list_page_take(page, call->reply[0], state->both ? 1 : 0);
        if (state->both) articles_store_both(call->reply[0], page);
        vp_buf_adds(&call->out, "{\"items\":[");
        return next_rows(call, state);
    }
    for (int i = 0; articles_store_nth(call, i, &row) && page->done < page->n; i++, page->done++) {
        if (call->out.len > LIST_BYTES) { /* enough: the rest is the next page */
            list_page_last(page, page->member[page->done - 1]);
            page->n = page->done;
            break;
        }
        if (!row.json.n) continue; /* withdrawn meanwhile */
        if (call->out.data[call->out.len - 1] != '[') vp_buf_addc(&call->out, ',');
        article_view_add(&call->out, &row, !state->summaries);
        vp_buf_addc(&call->out, '}');
    }
    return next_rows(call, state);
}

vp_step articles_tags_prepare(vp_call *call) {
    list_page *page = vp_call_state(call, sizeof *page);
    char cursor[VP_CURSOR_KEY_MAX + 1];
    size_t n;
    if (!vp_call_page(call, 't', &page->limit, cursor, &n)) return VP_STEP_DONE;
    articles_store_tags(call, vp_str_n(cursor, n), page->limit);
    return VP_STEP_WAIT;
}

vp_step articles_tags_finish(vp_call *call) {
    list_page *page = call->state;
    articles_tag tag;
    if (call->round == 1) {
        list_page_take(page, call->reply[0], 0);
        vp_buf_adds(&call->out, "{\"items\":[");
        if (!page->n) return list_page_answer(call, page, 't', VP_STR("articles"));
        articles_store_tag_rows(call, page->member, page->n);
        return VP_STEP_WAIT;
    }
    for (int i = 0; i < page->n; i++) {
        if (!articles_store_tag(call, i, &tag)) continue;
        vp_buf_adds(&call->out,
                    call->out.data[call->out.len - 1] != '[' ? ",{\"tag\":" : "{\"tag\":");
        vp_buf_add_json(&call->out, tag.name.n ? tag.name : page->member[i]);
        vp_buf_adds(&call->out, ",\"count\":");
        vp_buf_add_int(&call->out, tag.count);
        vp_buf_addc(&call->out, '}');
    }
    return list_page_answer(call, page, 't', VP_STR("articles"));
}

vp_step articles_tick_prepare(vp_call *call) {
    articles_store_tick(call);
    return VP_STEP_WAIT;
}

/* Other calls have their turn between two rounds. */
vp_step articles_tick_finish(vp_call *call) {
    bool more = call->reply[0]->type == REDIS_REPLY_INTEGER && call->reply[0]->integer;
    if (more && call->round < TICK_ROUNDS) return articles_tick_prepare(call);
    return vp_call_answer(call, 200);
}
