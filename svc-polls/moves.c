/* moves.c - see moves.h. SPDX-License-Identifier: MIT */
#include "moves.h"

#include "clock.h"
#include "polls.h"
#include "reader.h"
#include "refusal.h"

static vp_step send(vp_call *call, const char *move, int64_t closes_at) {
    if (!vp_ulid_valid(call->params.value[0])) return polls_unknown(call);
    polls_store_move(call, call->params.value[0], move, closes_at);
    return VP_STEP_WAIT;
}

/* refusals: also for "same", where a poll that is there already is refused. */
static vp_step finish(vp_call *call, const polls_refusal *refusals, bool same_is_fine) {
    vp_str id = call->params.value[0];
    if (call->round > 1) return polls_answer_written(call, 200, id);
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    bool same = vp_str_eq(word, VP_STR("same")) && same_is_fine;
    if (!same && !vp_str_eq(word, VP_STR("moved"))) {
        /* "not" goes with the status that forbids it. */
        if (vp_str_eq(word, VP_STR("not"))) word = polls_store_second(call->reply[0]);
        return polls_refuse(call, word, refusals);
    }
    polls_store_read(call, id, NULL, false);
    return VP_STEP_WAIT;
}

vp_step polls_close_prepare(vp_call *call) {
    return send(call, "close", 0);
}

vp_step polls_close_finish(vp_call *call) {
    static const polls_refusal refusals[] = {{{NULL, 0}}};
    return finish(call, refusals, true);
}

vp_step polls_archive_prepare(vp_call *call) {
    return send(call, "archive", 0);
}

vp_step polls_archive_finish(vp_call *call) {
    static const polls_refusal refusals[] = {
        {VP_STR_INIT("scheduled"), VP_ECONFLICT, "Close the poll before you archive it."},
        {VP_STR_INIT("open"), VP_ECONFLICT, "Close the poll before you archive it."},
        {{NULL, 0}},
    };
    return finish(call, refusals, true);
}

static vp_step not_past(vp_call *call) {
    vp_problem_field(&call->problem, "/closes_at", "must be in the future");
    return vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
}

vp_step polls_reopen_prepare(vp_call *call) {
    static const vp_json_rule rules[] = {{"closes_at", VP_JSON_TIME}, {NULL}};
    json_t *body = NULL;
    int64_t closes_at = 0;
    if (call->body.n && !vp_call_json(call, rules, &body)) return VP_STEP_DONE;
    vp_str text = vp_json_text(body, "closes_at");
    if (text.n && (vp_time_parse(text, &closes_at) || closes_at == 0)) return not_past(call);
    return send(call, "reopen", closes_at);
}

vp_step polls_reopen_finish(vp_call *call) {
    static const polls_refusal refusals[] = {
        {VP_STR_INIT("same"), VP_ECONFLICT, "The poll is open."},
        {VP_STR_INIT("scheduled"), VP_ECONFLICT, "The poll has not opened yet."},
        {VP_STR_INIT("archived"), VP_ECONFLICT,
         "An archived poll cannot open again, because its voters are forgotten."},
        {{NULL, 0}},
    };
    vp_str word = polls_reply_text(polls_reply_at(call->reply[0], 0));
    if (call->round == 1 && vp_str_eq(word, VP_STR("past"))) return not_past(call);
    return finish(call, refusals, false);
}
