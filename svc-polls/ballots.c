/* ballots.c - see ballots.h. SPDX-License-Identifier: MIT */
#include "ballots.h"

#include "results.h"

typedef struct ballot {
    json_t *body; /* the call's */
    polls_choices choices;
    polls_voter voter;
    polls_marks marks;
    bool sent; /* to the function; before that the poll's key may have to be fetched */
} ballot;

/* The poll is known, and so is its key: what is chosen, who chooses, and off it goes. */
static vp_step send_ballot(vp_call *call, ballot *b, const uint8_t poll_key[VP_SEAL_KEY]) {
    polls_self *self = polls_self_of(call);
    vp_str idempotency_key = call->field[VP_F_IDEMPOTENCY_KEY];
    if (polls_choices_read(b->body, &b->choices, &call->problem)) return VP_STEP_DONE;
    if (polls_voter_of(&self->voter_keys, call->field[VP_F_VOTER], idempotency_key, &b->voter))
        return vp_call_fail(call, VP_EDENIED,
                            "Voting needs the cookie voxpop_voter or an Idempotency-Key.");
    polls_ballot_marks(poll_key, &b->voter, vp_str_n(b->choices.text, b->choices.text_n),
                       idempotency_key, &b->marks);
    polls_store_cast(call, call->params.value[0], &b->marks, &b->choices);
    b->sent = true;
    return VP_STEP_WAIT;
}

vp_step polls_cast_prepare(vp_call *call) {
    vp_str id = call->params.value[0];
    ballot *b = vp_call_state(call, sizeof *b);
    if (!vp_ulid_valid(id)) return polls_unknown(call);
    if (!vp_call_json(call, polls_ballot_rules, &b->body)) return VP_STEP_DONE;
    const polls_memo_row *row = polls_memo_find(&polls_self_of(call)->memo, id);
    if (row && row->has_key) return send_ballot(call, b, row->key);
    polls_store_read(call, id, NULL, true);
    return VP_STEP_WAIT;
}

/* The poll's key has come. */
static vp_step with_key(vp_call *call, ballot *b) {
    polls_found found;
    vp_str id = call->params.value[0];
    if (!polls_found_one(call, id, &found)) return VP_STEP_DONE;
    if (!found.key.n) return vp_call_fail(call, VP_ECONFLICT, "This poll is closed.");
    polls_memo_row *row = polls_memo_keep(&polls_self_of(call)->memo, id, found.key);
    return send_ballot(call, b, row->key);
}

static void set_cookie(vp_call *call, const ballot *b) {
    vp_buf cookie;
    vp_buf_init(&cookie, POLLS_COOKIE_MAX);
    bool secure = vp_str_starts(call->field[VP_F_BASE_URL], VP_STR("https:"));
    polls_voter_cookie(&polls_self_of(call)->voter_keys, &b->voter, secure, &cookie);
    vp_call_reply_field(call, VP_F_SET_COOKIE, vp_buf_str(&cookie));
    vp_buf_release(&cookie);
}

/* Counted, now or before: the same answer either way. */
static vp_step counted(vp_call *call, const ballot *b, vp_str tally) {
    char id[VP_ULID_LEN + 1];
    polls_memo_row *row = polls_refresh(call, call->params.value[0], tally);
    if (!row) return VP_STEP_DONE;
    if (polls_tally_public(&row->tally)) polls_publish(call, row);
    if (!b->voter.by_cookie) set_cookie(call, b);
    polls_ballot_id(call->params.value[0], b->marks.ballot, id);
    vp_buf_adds(&call->out, "{\"ballot_id\":\"");
    vp_buf_add(&call->out, id, VP_ULID_LEN);
    vp_buf_adds(&call->out, "\",\"results\":");
    if (polls_tally_visible(&row->tally, polls_is_staff(call), true))
        vp_buf_add(&call->out, row->json, row->json_n);
    else
        vp_buf_adds(&call->out, "null");
    vp_buf_adds(&call->out, ",\"ticket\":null}");
    return vp_call_answer(call, 201);
}

static const struct {
    vp_str word;
    vp_err code;
    const char *detail;
} refusals[] = {
    {VP_STR_INIT("voted"), VP_ECONFLICT, "You have already voted in this poll."},
    {VP_STR_INIT("closed"), VP_ECONFLICT, "This poll is closed."},
    {VP_STR_INIT("early"), VP_ECONFLICT, "This poll has not opened yet."},
    {VP_STR_INIT("late"), VP_ETIMEOUT, "The ballot came too late to be counted."},
};

vp_step polls_cast_finish(vp_call *call) {
    ballot *b = call->state;
    vp_str rest, word;
    if (!b->sent) return with_key(call, b);
    word = polls_store_word(call->reply[0], &rest);
    if (vp_str_eq(word, VP_STR("cast")) || vp_str_eq(word, VP_STR("again")))
        return counted(call, b, rest);
    if (vp_str_eq(word, VP_STR("missing"))) return polls_unknown(call);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (vp_str_eq(word, refusals[i].word))
            return vp_call_fail(call, refusals[i].code, "%s", refusals[i].detail);
    if (!vp_str_eq(word, VP_STR("choices")))
        return vp_call_fail(call, VP_ESYSTEM, "The ballot has no outcome.");
    polls_choices_refuse(&b->choices, rest, &call->problem);
    return VP_STEP_DONE;
}
