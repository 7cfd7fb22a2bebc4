/* sessions.c - one's own sessions: listed and ended. SPDX-License-Identifier: MIT */
#include "operations.h"

/* Which session asks: its id; empty for a token. */
static vp_str own_session(const vp_call *call) {
    vp_str by = call->field[VP_F_ACTOR_BY];
    return vp_str_starts(by, VP_STR("s")) ? vp_str_n(by.p + 1, by.n - 1) : VP_STR("");
}

vp_step sessions_list_prepare(vp_call *call) {
    vp_call_function(call, "sessions", NULL, 0, &call->field[VP_F_ACTOR_ID], 1);
    return VP_STEP_WAIT;
}

vp_step sessions_list_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    vp_str own = own_session(call);
    vp_buf_adds(&call->out, "{\"items\":[");
    for (size_t i = 0; i < r->elements; i++) {
        const redisReply *s = r->element[i];
        vp_str id = accounts_element(s, 0);
        vp_buf_adds(&call->out, i ? ",{" : "{");
        accounts_member(&call->out, "id", id);
        vp_buf_addc(&call->out, ',');
        accounts_time(&call->out, "created_at", accounts_element(s, 1));
        vp_buf_addc(&call->out, ',');
        accounts_time(&call->out, "last_seen_at", accounts_element(s, 2));
        vp_buf_addc(&call->out, ',');
        accounts_member(&call->out, "agent", accounts_element(s, 3));
        vp_buf_addf(&call->out, ",\"current\":%s}", own.n && vp_str_eq(id, own) ? "true" : "false");
    }
    vp_buf_adds(&call->out, "],\"next_cursor\":null}");
    return accounts_personal(call, 200);
}

/* id: empty for all others than the one that asks. */
static vp_step end(vp_call *call, vp_str id) {
    vp_str args[] = {call->field[VP_F_ACTOR_ID], call->field[VP_F_ACTOR_LOGIN], id,
                     own_session(call)};
    vp_call_function(call, "sessions_end", NULL, 0, args, 4);
    return VP_STEP_WAIT;
}

vp_step sessions_end_prepare(vp_call *call) {
    return end(call, call->params.value[0]);
}

vp_step sessions_end_others_prepare(vp_call *call) {
    return end(call, VP_STR(""));
}

vp_step sessions_end_finish(vp_call *call) {
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    if (vp_str_eq(word, VP_STR("missing")))
        return vp_call_fail(call, VP_ENOTFOUND, "You have no such session.");
    return accounts_personal(call, 204);
}
