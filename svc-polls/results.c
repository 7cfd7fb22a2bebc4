/* results.c - see results.h. SPDX-License-Identifier: MIT */
#include "results.h"

#include <stdio.h>

enum { TOPICS_MAX = 512, STATE_MAX = 4096 };

polls_self *polls_self_of(const vp_call *call) {
    polls_self *self = call->self;
    polls_voter_keys_from(&self->voter_keys, vp_service_site_key(call->service));
    return self;
}

bool polls_is_staff(const vp_call *call) {
    return vp_call_may(call, VP_MAY_AUTHOR);
}

vp_step polls_unknown(vp_call *call) {
    return vp_call_fail(call, VP_ENOTFOUND, "There is no such poll.");
}

bool polls_found_one(vp_call *call, vp_str id, polls_found *out) {
    vp_err rc = polls_store_found(call->reply[0], id, out);
    if (rc == VP_ENOTFOUND)
        polls_unknown(call);
    else if (rc)
        vp_call_fail(call, VP_ESYSTEM, "The poll cannot be read.");
    return rc == VP_OK;
}

/* -- a reader and a poll ------------------------------------------------------------------ */

static vp_str no_text(void) {
    return (vp_str){NULL, 0};
}

/* The reader's mark in this poll, when the cookie is good and the poll's key is remembered. */
static bool mark_of(vp_call *call, bool *signed_voter, polls_marks *out) {
    polls_self *self = polls_self_of(call);
    polls_voter voter;
    polls_memo_row *row = polls_memo_find(&self->memo, call->params.value[0]);
    *signed_voter = !polls_voter_of(&self->voter_keys, call->field[VP_F_VOTER], no_text(), &voter);
    if (!*signed_voter || !row || !row->has_key) return false;
    polls_voter_mark(row->key, &voter, out);
    return true;
}

vp_step polls_look_begin(vp_call *call) {
    polls_marks marks;
    bool voter;
    if (!vp_ulid_valid(call->params.value[0])) return polls_unknown(call);
    bool marked = mark_of(call, &voter, &marks);
    polls_store_read(call, call->params.value[0], marked ? marks.voter : NULL, voter && !marked);
    return VP_STEP_WAIT;
}

vp_step polls_look_step(vp_call *call, polls_found *out, bool *visible) {
    vp_str id = call->params.value[0];
    *out = (polls_found){0};
    *visible = false;
    if (!polls_found_one(call, id, out)) return VP_STEP_DONE;
    *visible = polls_tally_visible(&out->record.tally, polls_is_staff(call), out->voted);
    if (*visible || !out->key.n || out->record.tally.shown != POLLS_AFTER_VOTE) return VP_STEP_DONE;
    /* The key came along because it was not remembered: ask once more, with the voter. */
    polls_memo_keep(&polls_self_of(call)->memo, id, out->key);
    return polls_look_begin(call);
}

void polls_etag_field(vp_call *call, const polls_tally *t, bool visible) {
    char etag[POLLS_ETAG_MAX];
    polls_tally_etag(t, visible, etag);
    vp_call_reply_field(call, VP_F_ETAG, vp_str_of(etag));
}

void polls_read_fields(vp_call *call, const polls_record *r, bool visible) {
    char surrogate[64];
    bool shared = polls_tally_public(&r->tally);
    polls_etag_field(call, &r->tally, visible);
    vp_call_reply_field(call, VP_F_CACHE_CONTROL,
                        shared ? VP_STR("public, max-age=0, s-maxage=2")
                               : VP_STR("private, no-store"));
    if (!shared) return;
    snprintf(surrogate, sizeof surrogate, "poll:%.*s", (int)r->id.n, r->id.p);
    vp_call_reply_field(call, VP_F_SURROGATE_KEY, vp_str_of(surrogate));
}

/* -- topics ------------------------------------------------------------------------------- */

static void publish(vp_call *call, vp_str id, const polls_tally *t) {
    char topic[VP_TOPIC_NAME_MAX + 1];
    vp_buf data;
    snprintf(topic, sizeof topic, "poll:%.*s", (int)id.n, id.p);
    vp_buf_init(&data, STATE_MAX);
    polls_state_write(&data, id, t);
    vp_topic_state state = {.topic = vp_str_of(topic),
                            .event = vp_str_of(polls_state_event(t)),
                            .data = vp_buf_str(&data),
                            .version = (uint64_t)polls_state_version(t)};
    if (!data.over) vp_service_publish(call->service, &state);
    vp_buf_release(&data);
}

polls_memo_row *polls_refresh(vp_call *call, vp_str id, vp_str tally) {
    polls_memo_row *row = polls_memo_take(&polls_self_of(call)->memo, id);
    if (!polls_memo_update(row, tally)) return row;
    vp_call_fail(call, VP_ESYSTEM, "The poll's numbers cannot be read.");
    return NULL;
}

void polls_publish(vp_call *call, polls_memo_row *row) {
    int64_t version = polls_state_version(&row->tally);
    if (version <= row->published) return;
    row->published = version;
    publish(call, vp_str_n(row->id, VP_ULID_LEN), &row->tally);
}

/* "poll:ID VERSION" of one line as "ID VERSION" at the end of out. */
static bool add_known(vp_str line, vp_buf *out) {
    vp_str prefix = VP_STR("poll:");
    int64_t version;
    if (!vp_str_starts(line, prefix) || line.n < prefix.n + VP_ULID_LEN + 2) return false;
    vp_str id = {line.p + prefix.n, VP_ULID_LEN};
    vp_str rest = {id.p + id.n, line.n - prefix.n - id.n};
    if (!vp_ulid_valid(id) || rest.p[0] != ' ') return false;
    if (vp_str_int(vp_str_n(rest.p + 1, rest.n - 1), 0, INT64_MAX, &version)) return false;
    if (out->len) vp_buf_addc(out, ' ');
    vp_buf_add_str(out, id);
    vp_buf_addc(out, ' ');
    vp_buf_add_int(out, version);
    return true;
}

static vp_str next_line(vp_str *rest) {
    const char *end = memchr(rest->p, '\n', rest->n);
    vp_str line = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    size_t used = line.n + (end != NULL);
    *rest = vp_str_n(rest->p + used, rest->n - used);
    return line;
}

/* Adds the commands that ask for the topics of the body. False: the body is malformed. */
static bool ask_topics(vp_call *call, vp_buf *known) {
    vp_str rest = call->body;
    int n = 0;
    while (rest.n) {
        if (++n > TOPICS_MAX || !add_known(next_line(&rest), known)) return false;
        if (n % POLLS_STATES_AT_ONCE && rest.n) continue;
        polls_store_states(call, vp_buf_str(known));
        vp_buf_clear(known);
    }
    return true;
}

vp_step polls_topics_prepare(vp_call *call) {
    vp_buf known;
    vp_buf_init(&known, VP_ENVELOPE_HEAD_MAX);
    bool good = ask_topics(call, &known);
    vp_buf_release(&known);
    if (!good)
        return vp_call_fail(call, VP_ESYNTAX, "Up to %d lines \"poll:ID VERSION\" are needed.",
                            TOPICS_MAX);
    return call->body.n ? VP_STEP_WAIT : polls_topics_finish(call);
}

static void add_state(vp_call *call, vp_str id, const polls_tally *t) {
    vp_buf *out = &call->out;
    vp_buf_adds(out, out->data[out->len - 1] == '[' ? "{\"topic\":\"poll:" : ",{\"topic\":\"poll:");
    vp_buf_add_str(out, id);
    vp_buf_adds(out, "\",\"version\":");
    vp_buf_add_int(out, polls_state_version(t));
    vp_buf_addf(out, ",\"event\":\"%s\",\"data\":", polls_state_event(t));
    polls_state_write(out, id, t);
    vp_buf_addc(out, '}');
}

vp_step polls_topics_finish(vp_call *call) {
    vp_buf_adds(&call->out, "{\"states\":[");
    for (int i = 0; i < call->n_replies; i++) {
        const redisReply *r = call->reply[i];
        for (size_t k = 0; r->type == REDIS_REPLY_ARRAY && k < r->elements; k++) {
            vp_str id, text;
            polls_tally tally;
            if (polls_store_state(r->element[k], &id, &text) || polls_tally_read(text, &tally))
                return vp_call_fail(call, VP_ESYSTEM, "The polls cannot be read.");
            add_state(call, id, &tally);
        }
    }
    vp_buf_adds(&call->out, "]}");
    return vp_call_answer(call, 200);
}

/* -- GET …/results ------------------------------------------------------------------------ */

/* ?after=VERSION; -1 when absent. False: the call has failed. */
static bool after_version(vp_call *call, int64_t *out) {
    vp_str text = vp_call_query(call, "after");
    *out = -1;
    if (call->problem.code) return false;
    if (!text.p || !vp_str_int(text, 0, INT64_MAX, out)) return true;
    vp_problem_set(&call->problem, VP_ESYNTAX, "A query parameter is not acceptable.");
    vp_problem_field(&call->problem, "?after", "is a version, a whole number");
    return false;
}

vp_step polls_results_prepare(vp_call *call) {
    int64_t after;
    return after_version(call, &after) ? polls_look_begin(call) : VP_STEP_DONE;
}

/* The answer that only this reader gets carries the place for a ticket. */
static void write_results(vp_call *call, const polls_record *r, bool visible) {
    vp_buf *out = &call->out;
    if (!visible) {
        vp_buf_adds(out, "null");
        return;
    }
    polls_tally_write(out, r->id, &r->tally);
    if (polls_tally_public(&r->tally)) return;
    out->len--; /* its closing brace */
    vp_buf_adds(out, ",\"ticket\":null}");
}

vp_step polls_results_finish(vp_call *call) {
    polls_found found;
    bool visible;
    int64_t after;
    vp_step step = polls_look_step(call, &found, &visible);
    if (step == VP_STEP_WAIT || call->problem.code) return step;
    if (!after_version(call, &after)) return VP_STEP_DONE;
    polls_read_fields(call, &found.record, visible);
    if (visible && found.record.tally.version <= after) return vp_call_answer(call, 304);
    write_results(call, &found.record, visible);
    return vp_call_answer(call, 200);
}
