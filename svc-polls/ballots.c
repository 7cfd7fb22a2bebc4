/* ballots.c - see ballots.h.
 * Whom a request names depends on how the poll is voted in, which this instance may remember
 * wrongly: the function compares, says "mode", and the poll is read once more.
 * SPDX-License-Identifier: MIT */
#include "ballots.h"

#include "topics.h"

enum { CROWDED_RETRY_S = 3600 };

typedef struct ballot {
    const json_t *body; /* NULL: it is withdrawn */
    vp_str code;
    polls_choices choices;
    polls_voter voter;
    polls_marks marks;
    bool sent; /* to the function; before that the poll's key may have to be fetched */
    int reads; /* of the poll, by this call */
} ballot;

/* Once when the poll is not remembered, or wrongly; again if it has changed just then. */
enum { READS_MAX = 2 };

/* -- to the function ---------------------------------------------------------------------- */

static vp_str text_of(const polls_choices *c) {
    return vp_str_n(c->text, c->text_n);
}

static vp_step read_poll(vp_call *call, ballot *b) {
    b->reads++;
    b->sent = false;
    polls_store_read(call, call->params.value[0], NULL, true);
    return VP_STEP_WAIT;
}

/* The poll is known, and so is its key: who chooses, and off it goes. Nobody is refused by what is
 * only remembered: how the poll is voted in may be another by now, or it is archived. */
static vp_step send_ballot(vp_call *call, ballot *b, const polls_memo_row *row) {
    vp_str id = call->params.value[0], address = call->field[VP_F_ADDRESS];
    polls_bearer bearer = polls_bearer_of(call, b->code);
    uint8_t mark[POLLS_ADDRESS_MARK] = {0};
    vp_problem later = {0}, *problem = b->reads ? &call->problem : &later;
    bool bad = b->body && polls_choices_read(b->body, &b->choices, problem);
    if (bad) return b->reads ? VP_STEP_DONE : read_poll(call, b);
    vp_err rc =
        polls_voter_of(&polls_self_of(call)->voter_keys, row->voting, row->key, &bearer, &b->voter);
    if (rc) return b->reads ? polls_no_voter(call, rc) : read_poll(call, b);
    polls_ballot_marks(row->key, &b->voter, text_of(&b->choices), bearer.idempotency_key,
                       &b->marks);
    b->sent = true;
    if (!b->body) {
        polls_store_withdraw(call, id, row->voting, &b->marks);
        return VP_STEP_WAIT;
    }
    bool counts = row->voting == POLLS_LIMITED;
    if (counts) polls_address_mark(row->key, address, vp_service_now(call->service), mark);
    polls_store_cast(call, id, row->voting, &b->marks, &b->choices,
                     counts ? vp_str_n(mark, sizeof mark) : VP_STR(""));
    return VP_STEP_WAIT;
}

static vp_step begin(vp_call *call, ballot *b) {
    vp_str id = call->params.value[0];
    const polls_memo_row *row = polls_row_with_key(call, id);
    return row ? send_ballot(call, b, row) : read_poll(call, b);
}

/* The poll's key has come. */
static vp_step with_key(vp_call *call, ballot *b) {
    polls_found found;
    vp_str id = call->params.value[0];
    if (!polls_found_one(call, id, &found)) return VP_STEP_DONE;
    if (!found.key.n) return vp_call_fail(call, VP_ECONFLICT, "This poll is closed.");
    return send_ballot(
        call, b, polls_memo_keep(&polls_self_of(call)->memo, id, found.key, found.record.voting));
}

vp_step polls_cast_prepare(vp_call *call) {
    json_t *body;
    ballot *b = vp_call_state(call, sizeof *b);
    if (!vp_ulid_valid(call->params.value[0])) return polls_unknown(call);
    if (!vp_call_json(call, polls_ballot_rules, &body)) return VP_STEP_DONE;
    b->body = body;
    b->code = vp_str_trim(vp_json_text(body, "code"));
    return begin(call, b);
}

vp_step polls_withdraw_prepare(vp_call *call) {
    ballot *b = vp_call_state(call, sizeof *b);
    if (!vp_ulid_valid(call->params.value[0])) return polls_unknown(call);
    b->code = vp_call_query(call, "code");
    return call->problem.code ? VP_STEP_DONE : begin(call, b);
}

/* -- what became of it -------------------------------------------------------------------- */

static bool in_embed(vp_call *call) {
    return vp_str_eq(vp_call_query(call, "embed"), VP_STR("1"));
}

static void set_cookie(vp_call *call, const ballot *b) {
    vp_buf cookie;
    vp_buf_init(&cookie, POLLS_COOKIE_MAX);
    bool secure = vp_str_starts(call->field[VP_F_BASE_URL], VP_STR("https:"));
    polls_voter_cookie(&polls_self_of(call)->voter_keys, &b->voter, secure, in_embed(call),
                       &cookie);
    vp_call_reply_field(call, VP_F_SET_COOKIE, vp_buf_str(&cookie));
    vp_buf_release(&cookie);
}

/* "results":… and "ticket":… as this voter may see them. */
static void add_results(vp_call *call, const polls_memo_row *row, bool voted) {
    bool visible = polls_tally_visible(&row->tally, polls_is_staff(call), voted);
    vp_buf_adds(&call->out, "\"results\":");
    if (visible)
        vp_buf_add(&call->out, row->json, row->json_n);
    else
        vp_buf_adds(&call->out, "null");
    vp_buf_adds(&call->out, ",\"ticket\":");
    polls_add_ticket(call, call->params.value[0], &row->tally, visible);
}

static void add_ballot_id(vp_call *call, const uint8_t mark[POLLS_BALLOT_MARK]) {
    char id[VP_ULID_LEN + 1];
    polls_ballot_id(call->params.value[0], mark, id);
    vp_buf_adds(&call->out, "{\"ballot_id\":\"");
    vp_buf_add(&call->out, id, VP_ULID_LEN);
    vp_buf_adds(&call->out, "\",");
}

/* Counted, now or before, as a first ballot or in place of one: the same answer each way, so that a
 * retry cannot be told from what it repeats. */
static vp_step counted(vp_call *call, const ballot *b, vp_str tally) {
    polls_memo_row *row = polls_refresh(call, call->params.value[0], tally);
    if (!row) return VP_STEP_DONE;
    polls_publish(call, row);
    if (b->voter.needs_cookie) set_cookie(call, b);
    add_ballot_id(call, b->marks.ballot);
    add_results(call, row, true);
    vp_buf_addc(&call->out, '}');
    return vp_call_answer(call, 201);
}

static vp_step withdrawn(vp_call *call, vp_str tally) {
    polls_memo_row *row = polls_refresh(call, call->params.value[0], tally);
    if (!row) return VP_STEP_DONE;
    polls_publish(call, row);
    vp_buf_addc(&call->out, '{');
    add_results(call, row, false);
    vp_buf_addc(&call->out, '}');
    return vp_call_answer(call, 200);
}

static const struct {
    vp_str word;
    vp_err code;
    const char *detail;
} refusals[] = {
    {VP_STR_INIT("voted"), VP_ECONFLICT, "You have already voted in this poll."},
    {VP_STR_INIT("often"), VP_ECONFLICT, "You have changed your vote as often as you may."},
    {VP_STR_INIT("closed"), VP_ECONFLICT, "This poll is closed."},
    {VP_STR_INIT("early"), VP_ECONFLICT, "This poll has not opened yet."},
    {VP_STR_INIT("fixed"), VP_ECONFLICT, "Votes in this poll cannot be changed."},
    {VP_STR_INIT("none"), VP_ENOTFOUND, "You have no ballot in this poll."},
    {VP_STR_INIT("missing"), VP_ENOTFOUND, "There is no such poll."},
    {VP_STR_INIT("late"), VP_ETIMEOUT, "The ballot came too late to be counted."},
};

/* The cap is of a day; until then an office may ask the editors for more. */
static vp_step crowded(vp_call *call) {
    call->retry_after_s = CROWDED_RETRY_S;
    return vp_call_fail(call, VP_ETOOMANY,
                        "This poll has had all the votes that it takes from your network today.");
}

/* All outcomes but those that count. */
static vp_step refuse(vp_call *call, ballot *b, vp_str word, vp_str rest) {
    if (vp_str_eq(word, VP_STR("mode")) && b->reads < READS_MAX) return read_poll(call, b);
    if (vp_str_eq(word, VP_STR("crowded"))) return crowded(call);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (vp_str_eq(word, refusals[i].word))
            return vp_call_fail(call, refusals[i].code, "%s", refusals[i].detail);
    if (!vp_str_eq(word, VP_STR("choices")))
        return vp_call_fail(call, VP_ESYSTEM, "The ballot has no outcome.");
    polls_choices_refuse(&b->choices, rest, &call->problem);
    return VP_STEP_DONE;
}

vp_step polls_cast_finish(vp_call *call) {
    ballot *b = call->state;
    vp_str rest, word;
    if (!b->sent) return with_key(call, b);
    word = polls_store_word(call->reply[0], &rest);
    if (vp_str_eq(word, VP_STR("cast")) || vp_str_eq(word, VP_STR("again")) ||
        vp_str_eq(word, VP_STR("changed")))
        return counted(call, b, rest);
    return refuse(call, b, word, rest);
}

vp_step polls_withdraw_finish(vp_call *call) {
    ballot *b = call->state;
    vp_str rest, word;
    if (!b->sent) return with_key(call, b);
    word = polls_store_word(call->reply[0], &rest);
    if (vp_str_eq(word, VP_STR("withdrawn")) || vp_str_eq(word, VP_STR("again")))
        return withdrawn(call, rest);
    return refuse(call, b, word, rest);
}

/* -- one's own ---------------------------------------------------------------------------- */

typedef struct own {
    bool asked;          /* with the voter, if there is one */
    vp_err nobody;       /* why there is none */
    polls_voting voting; /* by which the voter was told */
    polls_marks marks;
} own;

/* Asks for the poll and the voter's entry; the poll's key has to be known. Also when there is no
 * voter: what the poll is like is told first, so that the answer does not depend on whether this
 * instance knew the key, which it does once somebody has voted. */
static vp_step ask_mine(vp_call *call, own *o, const polls_memo_row *row) {
    polls_voter voter;
    polls_bearer bearer = polls_bearer_of(call, vp_call_query(call, "code"));
    bearer.idempotency_key = (vp_str){NULL, 0};
    if (call->problem.code) return VP_STEP_DONE;
    o->asked = true;
    o->voting = row->voting;
    o->nobody =
        polls_voter_of(&polls_self_of(call)->voter_keys, row->voting, row->key, &bearer, &voter);
    if (!o->nobody) polls_voter_mark(row->key, &voter, &o->marks);
    polls_store_read(call, call->params.value[0], o->nobody ? NULL : o->marks.voter, false);
    return VP_STEP_WAIT;
}

vp_step polls_mine_prepare(vp_call *call) {
    vp_str id = call->params.value[0];
    own *o = vp_call_state(call, sizeof *o);
    if (!vp_ulid_valid(id)) return polls_unknown(call);
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    const polls_memo_row *row = polls_row_with_key(call, id);
    if (row) return ask_mine(call, o, row);
    polls_store_read(call, id, NULL, true);
    return VP_STEP_WAIT;
}

static vp_step no_ballot(vp_call *call) {
    return vp_call_fail(call, VP_ENOTFOUND, "You have no ballot in this poll.");
}

vp_step polls_mine_finish(vp_call *call) {
    own *o = call->state;
    polls_found found;
    vp_str id = call->params.value[0];
    if (!polls_found_one(call, id, &found)) return VP_STEP_DONE;
    if (!found.record.changeable)
        return vp_call_fail(call, VP_ECONFLICT, "What voters of this poll chose is not kept.");
    bool archived = found.record.tally.status == POLLS_ARCHIVED;
    if (archived || (!o->asked && !found.key.n)) return no_ballot(call);
    const polls_memo_row *row =
        o->asked ? polls_row_now(call, &found.record)
                 : polls_memo_keep(&polls_self_of(call)->memo, id, found.key, found.record.voting);
    if (row && (!o->asked || o->voting != row->voting)) return ask_mine(call, o, row);
    if (o->nobody == VP_EAUTH || o->nobody == VP_EINVAL) return polls_no_voter(call, o->nobody);
    if (!found.choices.n) return no_ballot(call);
    add_ballot_id(call, o->marks.ballot);
    vp_buf_adds(&call->out, "\"choices\":");
    polls_choices_write(&call->out, found.choices);
    vp_buf_addc(&call->out, '}');
    return vp_call_answer(call, 200);
}
