/* placement.c - see placement.h. SPDX-License-Identifier: MIT */
#include "placement.h"

#include "reader.h"

static const vp_str newest = VP_STR_INIT("newest"), fixed = VP_STR_INIT("fixed");

static void write_placement(vp_call *call, vp_str mode, vp_str poll) {
    vp_buf_adds(&call->out, "{\"mode\":");
    vp_buf_add_json(&call->out, mode);
    vp_buf_adds(&call->out, ",\"poll_id\":");
    if (poll.n)
        vp_buf_add_json(&call->out, poll);
    else
        vp_buf_adds(&call->out, "null");
    vp_buf_addc(&call->out, '}');
    polls_body_etag(call);
}

vp_step polls_placement_prepare(vp_call *call) {
    polls_store_placement(call);
    return VP_STEP_WAIT;
}

vp_step polls_placement_finish(vp_call *call) {
    vp_str mode = polls_reply_text(polls_reply_at(call->reply[0], 0));
    vp_str poll = polls_reply_text(polls_reply_at(call->reply[0], 1));
    write_placement(call, mode.n ? mode : newest, poll);
    polls_cache_fields(call, VP_STR("polls"));
    return vp_call_answer(call, 200);
}

typedef struct place_state {
    vp_str mode, poll; /* of the body */
} place_state;

static const vp_json_rule rules[] = {
    {"mode", VP_JSON_TEXT, .required = true, .one_of = "newest random fixed"},
    {"poll_id", VP_JSON_ID},
    {NULL},
};

static vp_step bad_poll(vp_call *call, const char *detail) {
    vp_problem_field(&call->problem, "/poll_id", "%s", detail);
    return vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
}

vp_step polls_place_prepare(vp_call *call) {
    json_t *body;
    place_state *p = vp_call_state(call, sizeof *p);
    if (!vp_call_json(call, rules, &body)) return VP_STEP_DONE;
    p->mode = vp_str_trim(vp_json_text(body, "mode"));
    p->poll = vp_json_text(body, "poll_id");
    bool one = vp_str_eq(p->mode, fixed);
    if (one && !p->poll.n) return bad_poll(call, "is needed to fix a poll");
    if (!one && p->poll.n) return bad_poll(call, "belongs to fixed");
    polls_store_place(call, p->mode, p->poll);
    return VP_STEP_WAIT;
}

vp_step polls_place_finish(vp_call *call) {
    const place_state *p = call->state;
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    if (!vp_str_eq(word, VP_STR("placed"))) return bad_poll(call, "is no poll");
    write_placement(call, p->mode, p->poll);
    polls_cache_fields(call, (vp_str){NULL, 0});
    return vp_call_answer(call, 200);
}
