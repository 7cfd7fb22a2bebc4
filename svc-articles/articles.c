/* articles.c - see articles.h. Reading one by its id is the busiest thing here: one command, and
 * the answer is put together from ready text. SPDX-License-Identifier: MIT */
#include "articles.h"

#include <stdio.h>

#include "article_change.h"
#include "article_view.h"
#include "document.h"
#include "pending.h"
#include "reads.h"

enum { TICK_ROUNDS = 40 }; /* of what is due, at 32 articles each */

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
    /* People read by slug; by its id an article is asked for by programs, and that is the busiest
     * thing here. */
    if (call->round > 1 && !article_is_staff(call)) reads_add(call->self, article_view_id(&row));
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

/* -- what is due ---------------------------------------------------------------------------------
 */

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
