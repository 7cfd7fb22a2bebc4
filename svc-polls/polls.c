/* polls.c - see polls.h. SPDX-License-Identifier: MIT */
#include "polls.h"

#include <stdio.h>

#include "clock.h"
#include "cursor.h"
#include "fold.h"
#include "topics.h"

enum { LIST_TAG = 'p', WORDS_TEXT_MAX = 1024 };

/* -- a poll as JSON ----------------------------------------------------------------------- */

static void add_time(vp_buf *out, const char *member, int64_t ms) {
    char text[VP_TIME_LEN + 1];
    vp_buf_adds(out, member);
    if (ms == 0) {
        vp_buf_adds(out, "null");
        return;
    }
    vp_time_text(ms, text);
    vp_buf_addf(out, "\"%s\"", text);
}

static void add_id(vp_buf *out, const char *member, vp_str id) {
    vp_buf_adds(out, member);
    if (id.n)
        vp_buf_add_json(out, id);
    else
        vp_buf_adds(out, "null");
}

static void add_voting(vp_buf *out, const polls_record *r) {
    vp_buf_addf(out, ",\"voting\":\"%s\",\"address_cap\":", polls_voting_word(r->voting));
    if (r->voting == POLLS_LIMITED)
        vp_buf_add_int(out, r->cap);
    else
        vp_buf_adds(out, "null");
}

void polls_write(vp_buf *out, const polls_record *r, bool visible) {
    const polls_tally *t = &r->tally;
    vp_buf_adds(out, "{\"id\":");
    vp_buf_add_json(out, r->id);
    vp_buf_adds(out, ",\"question\":");
    vp_buf_add_json(out, r->question);
    vp_buf_adds(out, ",\"kind\":");
    vp_buf_add_json(out, r->kind);
    vp_buf_addf(out, ",\"min_choices\":%lld,\"max_choices\":%lld,\"options\":", (long long)r->min,
                (long long)r->max);
    vp_buf_add_str(out, r->options);
    vp_buf_addf(out, ",\"status\":\"%s\"", polls_status_word(t->status));
    add_time(out, ",\"opens_at\":", r->opens_at);
    add_time(out, ",\"closes_at\":", r->closes_at);
    add_time(out, ",\"created_at\":", r->created_at);
    vp_buf_addf(out, ",\"results_visibility\":\"%s\",\"changeable\":%s", polls_shown_word(t->shown),
                r->changeable ? "true" : "false");
    add_voting(out, r);
    add_id(out, ",\"article_id\":", r->article);
    vp_buf_addf(out, ",\"edited\":%s,\"revision\":%lld", r->edited ? "true" : "false",
                (long long)t->revision);
    vp_buf_adds(out, ",\"results\":");
    if (visible)
        polls_tally_write(out, r->id, t);
    else
        vp_buf_adds(out, "null");
    vp_buf_addc(out, '}');
}

static vp_step answer_poll(vp_call *call, const polls_record *r, bool visible) {
    polls_read_fields(call, r, visible);
    polls_write(&call->out, r, visible);
    return vp_call_answer(call, 200);
}

/* -- reading ------------------------------------------------------------------------------ */

vp_step polls_get_prepare(vp_call *call) {
    return polls_look_begin(call);
}

vp_step polls_get_finish(vp_call *call) {
    polls_found found;
    bool visible;
    vp_step step = polls_look_step(call, &found, &visible);
    if (step == VP_STEP_WAIT || call->problem.code) return step;
    return answer_poll(call, &found.record, visible);
}

/* Where the list begins, how long it is, and the folded words that all its polls hold. */
typedef struct page {
    int64_t limit;
    char after[VP_CURSOR_KEY_MAX + 1];
    int n_words;
    vp_str word[POLLS_WORDS_MAX];
    char text[WORDS_TEXT_MAX];
} page;

static vp_step bad_query(vp_call *call, const char *pointer, const char *detail) {
    vp_problem_set(&call->problem, VP_ESYNTAX, "A query parameter is not acceptable.");
    vp_problem_field(&call->problem, pointer, "%s", detail);
    return VP_STEP_DONE;
}

/* ?q= as folded words. False: too many, or too long. */
static bool read_words(vp_str q, page *p) {
    vp_buf folded;
    bool good = true;
    vp_buf_init(&folded, sizeof p->text);
    vp_fold(q, &folded);
    good = !folded.over && folded.len < sizeof p->text;
    memcpy(p->text, folded.data ? folded.data : "", good ? folded.len : 0);
    char *rest = p->text;
    for (char *w; good && (w = strtok_r(rest, " \t\r\n", &rest));) {
        good = p->n_words < POLLS_WORDS_MAX;
        if (good) p->word[p->n_words++] = vp_str_of(w);
    }
    vp_buf_release(&folded);
    return good;
}

vp_step polls_list_prepare(vp_call *call) {
    page *p = vp_call_state(call, sizeof *p);
    size_t n;
    vp_str word = vp_call_query(call, "status"), q = vp_call_query(call, "q");
    polls_status status = word.n ? polls_status_of(word) : POLLS_STATUS_COUNT;
    if (!vp_call_page(call, LIST_TAG, &p->limit, p->after, &n)) return VP_STEP_DONE;
    if (word.n && status == POLLS_STATUS_COUNT)
        return bad_query(call, "?status", "is scheduled, open, closed or archived");
    if (!read_words(q, p)) return bad_query(call, "?q", "is a few words");
    if (n && !vp_ulid_valid(vp_str_n(p->after, n)))
        return vp_call_fail(call, VP_ESYNTAX, "The cursor is not one of this list.");
    polls_store_page(call, status, vp_str_n(p->after, n), p->limit, p->word, p->n_words);
    return VP_STEP_WAIT;
}

/* Staff see more than others. */
static vp_step answer_list(vp_call *call) {
    polls_body_etag(call);
    polls_cache_fields(call, polls_is_staff(call) ? (vp_str){NULL, 0} : VP_STR("polls"));
    return vp_call_answer(call, 200);
}

vp_step polls_list_finish(vp_call *call) {
    vp_str next;
    const redisReply *list = polls_store_items(call->reply[0], &next);
    vp_buf_adds(&call->out, "{\"items\":[");
    for (size_t i = 0; list && i < list->elements; i++) {
        polls_record r;
        if (polls_store_listed(list->element[i], &r))
            return vp_call_fail(call, VP_ESYSTEM, "The polls cannot be read.");
        if (i) vp_buf_addc(&call->out, ',');
        polls_write(&call->out, &r, polls_tally_visible(&r.tally, polls_is_staff(call), false));
    }
    vp_buf_addc(&call->out, ']');
    vp_call_next(call, LIST_TAG, next);
    vp_buf_addc(&call->out, '}');
    return answer_list(call);
}

vp_step polls_current_prepare(vp_call *call) {
    polls_store_current(call);
    return VP_STEP_WAIT;
}

/* The same for all readers but staff: a reader who has voted finds the results at the poll. */
vp_step polls_current_finish(vp_call *call) {
    const redisReply *one = call->reply[0];
    polls_record r;
    if (one->type != REDIS_REPLY_ARRAY || one->elements == 0)
        return vp_call_fail(call, VP_ENOTFOUND, "No poll is open.");
    if (polls_store_listed(one, &r))
        return vp_call_fail(call, VP_ESYSTEM, "The poll cannot be read.");
    return answer_poll(call, &r, polls_tally_visible(&r.tally, polls_is_staff(call), false));
}

/* -- writing ------------------------------------------------------------------------------ */

vp_step polls_create_prepare(vp_call *call) {
    json_t *body;
    polls_draft draft;
    char id[VP_ULID_LEN + 1];
    int64_t now = vp_service_now(call->service);
    if (!vp_call_json(call, polls_draft_rules, &body)) return VP_STEP_DONE;
    vp_ulid_make(now, id);
    if (!polls_draft_read(body, NULL, now, &draft, &call->problem))
        polls_store_create(call, vp_str_of(id), &draft);
    polls_draft_release(&draft);
    return call->problem.code ? VP_STEP_DONE : VP_STEP_WAIT;
}

vp_step polls_answer_written(vp_call *call, int status, vp_str id) {
    polls_found found;
    if (!polls_found_one(call, id, &found)) return VP_STEP_DONE;
    polls_memo_row *row = polls_refresh(call, id, found.tally_text);
    if (!row) return VP_STEP_DONE;
    polls_publish(call, row);
    polls_etag_field(call, &found.record.tally, true);
    polls_cache_fields(call, (vp_str){NULL, 0});
    polls_write(&call->out, &found.record, true);
    return vp_call_answer(call, status);
}

vp_step polls_create_finish(vp_call *call) {
    char location[64], *id = call->state;
    if (call->round == 1) {
        vp_str made;
        if (!vp_call_outcome(call, call->reply[0]).n) return VP_STEP_DONE;
        made = polls_store_second(call->reply[0]);
        if (!vp_ulid_valid(made)) return vp_call_fail(call, VP_ESYSTEM, "No poll was made.");
        memcpy(vp_call_state(call, VP_ULID_LEN + 1), made.p, VP_ULID_LEN);
        polls_store_read(call, made, NULL, false);
        return VP_STEP_WAIT;
    }
    snprintf(location, sizeof location, "/api/v1/polls/%s", id);
    vp_call_reply_field(call, VP_F_LOCATION, vp_str_of(location));
    return polls_answer_written(call, 201, vp_str_of(id));
}

/* -- the timers --------------------------------------------------------------------------- */

vp_step polls_due_prepare(vp_call *call) {
    polls_store_due(call);
    return VP_STEP_WAIT;
}

vp_step polls_due_finish(vp_call *call) {
    const redisReply *moved = call->reply[0];
    for (size_t i = 0; moved->type == REDIS_REPLY_ARRAY && i < moved->elements; i++) {
        vp_str id, tally;
        polls_memo_row *row = NULL;
        if (!polls_store_state(moved->element[i], &id, NULL, &tally))
            row = polls_refresh(call, id, tally);
        if (row) polls_publish(call, row);
    }
    return vp_call_answer(call, 200);
}

vp_step polls_sweep_prepare(vp_call *call) {
    polls_store_sweep(call);
    return VP_STEP_WAIT;
}

vp_step polls_sweep_finish(vp_call *call) {
    if (call->round == 1 && polls_store_rewrite_due(call->reply[0])) {
        polls_store_rewrite(call);
        return VP_STEP_WAIT;
    }
    return vp_call_answer(call, 200);
}
