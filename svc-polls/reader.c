/* reader.c - see reader.h. SPDX-License-Identifier: MIT */
#include "reader.h"

#include <stdio.h>

#include "ticket.h"

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
    polls_memo_row *row = rc ? NULL : polls_row_with_key(call, id);
    if (row) row->voting = out->record.voting; /* an editor may have changed it */
    return rc == VP_OK;
}

bool polls_may_change(vp_call *call, const polls_record *r) {
    vp_str actor = call->field[VP_F_ACTOR_ID];
    if (vp_call_may(call, VP_MAY_EDITOR) || (actor.n && vp_str_eq(actor, r->owner))) return true;
    vp_call_fail(call, VP_EDENIED, "This poll is somebody else's.");
    return false;
}

/* -- who asks ----------------------------------------------------------------------------- */

polls_bearer polls_bearer_of(const vp_call *call, vp_str code) {
    return (polls_bearer){.cookie = call->field[VP_F_VOTER],
                          .idempotency_key = call->field[VP_F_IDEMPOTENCY_KEY],
                          .account = call->field[VP_F_ACTOR_ID],
                          .code = code};
}

polls_memo_row *polls_row_with_key(const vp_call *call, vp_str id) {
    polls_memo_row *row = polls_memo_find(&polls_self_of(call)->memo, id);
    return row && row->has_key ? row : NULL;
}

polls_memo_row *polls_row_now(const vp_call *call, const polls_record *r) {
    polls_memo_row *row = polls_row_with_key(call, r->id);
    if (row) row->voting = r->voting;
    return row;
}

static const struct {
    vp_err why;
    const char *detail;
} nobody[] = {
    {VP_EAUTH, "Please sign in to vote in this poll."},
    {VP_EINVAL, "This poll asks for an invitation code."},
    {VP_EDENIED, "This does not name a voter of this poll."},
};

vp_step polls_no_voter(vp_call *call, vp_err why) {
    if (why == VP_EINVAL) vp_problem_field(&call->problem, "/code", "is needed");
    for (size_t i = 0; i < sizeof nobody / sizeof nobody[0]; i++)
        if (nobody[i].why == why) return vp_call_fail(call, why, "%s", nobody[i].detail);
    return vp_call_fail(call, why, "The voter cannot be told.");
}

/* -- a reader and a poll ------------------------------------------------------------------ */

/* Readers are known by what they have: a key of theirs for the next request names nobody yet. */
static polls_bearer reader_of(vp_call *call) {
    polls_bearer b = polls_bearer_of(call, vp_call_query(call, "code"));
    b.idempotency_key = (vp_str){NULL, 0};
    return b;
}

vp_step polls_look_begin(vp_call *call) {
    vp_str id = call->params.value[0];
    polls_voter voter;
    polls_marks marks;
    polls_bearer b = reader_of(call);
    if (call->problem.code) return VP_STEP_DONE;
    if (!vp_ulid_valid(id)) return polls_unknown(call);
    polls_memo_row *row = polls_row_with_key(call, id);
    bool known =
        row && !polls_voter_of(&polls_self_of(call)->voter_keys, row->voting, row->key, &b, &voter);
    if (known) polls_voter_mark(row->key, &voter, &marks);
    bool want_key = !row && (b.cookie.n || b.account.n || b.code.n);
    polls_store_read(call, id, known ? marks.voter : NULL, want_key);
    return VP_STEP_WAIT;
}

vp_step polls_look_step(vp_call *call, polls_found *out, bool *visible) {
    vp_str id = call->params.value[0];
    *out = (polls_found){0};
    *visible = false;
    if (!polls_found_one(call, id, out)) return VP_STEP_DONE;
    *visible = polls_tally_visible(&out->record.tally, polls_is_staff(call), out->voted);
    if (*visible || out->record.tally.shown != POLLS_AFTER_VOTE) return VP_STEP_DONE;
    const polls_memo_row *row = polls_row_with_key(call, id);
    bool otherwise = row && row->voting != out->record.voting;
    if (!otherwise && !out->key.n) return VP_STEP_DONE;
    /* The key was not remembered and came along, or the poll is voted in by others than it was: ask
     * once more, with the voter. */
    if (otherwise)
        polls_row_now(call, &out->record);
    else
        polls_memo_keep(&polls_self_of(call)->memo, id, out->key, out->record.voting);
    return polls_look_begin(call);
}

void polls_etag_field(vp_call *call, const polls_tally *t, bool visible) {
    char etag[POLLS_ETAG_MAX];
    polls_tally_etag(t, visible, etag);
    vp_call_reply_field(call, VP_F_ETAG, vp_str_of(etag));
}

void polls_body_etag(vp_call *call) {
    uint8_t hash[VP_SEAL_MAC];
    char text[VP_SEAL_TEXT + 1], etag[VP_SEAL_TEXT + 3];
    vp_seal_hash(vp_buf_str(&call->out), hash, sizeof hash);
    vp_seal_base64(hash, sizeof hash, text);
    snprintf(etag, sizeof etag, "\"%s\"", text);
    vp_call_reply_field(call, VP_F_ETAG, vp_str_of(etag));
}

void polls_cache_fields(vp_call *call, vp_str surrogate) {
    vp_call_reply_field(call, VP_F_CACHE_CONTROL,
                        surrogate.n ? VP_STR("public, max-age=0, s-maxage=2")
                                    : VP_STR("private, no-store"));
    if (surrogate.n) vp_call_reply_field(call, VP_F_SURROGATE_KEY, surrogate);
}

vp_str polls_surrogate(vp_str id, char out[64]) {
    return vp_str_n(out, (size_t)snprintf(out, 64, "poll:%.*s", (int)id.n, id.p));
}

void polls_read_fields(vp_call *call, const polls_record *r, bool visible) {
    char surrogate[64];
    polls_etag_field(call, &r->tally, visible);
    polls_cache_fields(call, polls_tally_public(&r->tally) ? polls_surrogate(r->id, surrogate)
                                                           : (vp_str){NULL, 0});
}

void polls_add_ticket(vp_call *call, vp_str id, const polls_tally *t, bool visible) {
    if (!visible || polls_tally_public(t)) {
        vp_buf_adds(&call->out, "null");
        return;
    }
    vp_buf_addc(&call->out, '"');
    vp_ticket_write(polls_self_of(call)->voter_keys.ticket, id,
                    vp_service_now(call->service) + VP_TICKET_MS, &call->out);
    vp_buf_addc(&call->out, '"');
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

/* What only this reader gets carries a ticket. */
static void write_results(vp_call *call, const polls_record *r, bool visible) {
    vp_buf *out = &call->out;
    if (!visible) {
        vp_buf_adds(out, "null");
        return;
    }
    polls_tally_write(out, r->id, &r->tally);
    if (polls_tally_public(&r->tally)) return;
    out->len--; /* its closing brace */
    vp_buf_adds(out, ",\"ticket\":");
    polls_add_ticket(call, r->id, &r->tally, visible);
    vp_buf_addc(out, '}');
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
