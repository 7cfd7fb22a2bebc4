/* recount.c - see recount.h. The sums stand in Redis under the run, so any instance does the next
 * piece; a run that nobody goes on with ends by itself. SPDX-License-Identifier: MIT */
#include "recount.h"

#include <stdio.h>

#include "reader.h"
#include "topics.h"

/* Pieces of one call: so many at once, so many times. */
enum { STEPS_AT_ONCE = 4, STEPS_ROUNDS = 12 };

typedef struct recount {
    char run[VP_ULID_LEN + 1];
    bool repair, began, published;
    int rounds;
} recount;

static const vp_json_rule rules[] = {{"run", VP_JSON_ID}, {"repair", VP_JSON_BOOL}, {NULL}};

static vp_step step_on(vp_call *call, recount *r) {
    r->began = true;
    r->rounds++;
    for (int i = 0; i < STEPS_AT_ONCE; i++)
        polls_store_recount_step(call, call->params.value[0], vp_str_of(r->run), r->repair);
    return VP_STEP_WAIT;
}

vp_step polls_recount_prepare(vp_call *call) {
    json_t *body = NULL;
    recount *r = vp_call_state(call, sizeof *r);
    if (!vp_ulid_valid(call->params.value[0])) return polls_unknown(call);
    if (call->body.n && !vp_call_json(call, rules, &body)) return VP_STEP_DONE;
    vp_str run = vp_json_text(body, "run");
    r->repair = vp_json_bool(body, "repair", false);
    if (run.n) {
        memcpy(r->run, run.p, VP_ULID_LEN);
        return step_on(call, r);
    }
    vp_ulid_make(vp_service_now(call->service), r->run);
    polls_store_recount_begin(call, call->params.value[0], vp_str_of(r->run));
    return VP_STEP_WAIT;
}

/* -- what a run has come to --------------------------------------------------------------- */

static vp_str field_of(const redisReply *run, const char *side, vp_str name) {
    char wanted[64];
    int n = snprintf(wanted, sizeof wanted, "%s%.*s", side, (int)name.n, name.p);
    for (size_t i = 0; polls_reply_at(run, i + 1); i += 2)
        if (vp_str_eq(polls_reply_text(polls_reply_at(run, i)), vp_str_n(wanted, (size_t)n)))
            return polls_reply_text(polls_reply_at(run, i + 1));
    return (vp_str){NULL, 0};
}

static bool is_set(const redisReply *run, const char *name) {
    return vp_str_eq(field_of(run, "", vp_str_of(name)), VP_STR("1"));
}

/* Of a tally that somebody has tampered with it may be negative. */
static void add_number(vp_buf *out, const redisReply *run, const char *side, vp_str name) {
    int64_t n;
    if (vp_str_int(field_of(run, side, name), INT64_MIN, INT64_MAX, &n)) n = 0;
    vp_buf_add_int(out, n);
}

/* "t:" for the tally, "j:" for the journal. */
static void add_side(vp_buf *out, const redisReply *run, const char *side) {
    vp_str ids = field_of(run, "", VP_STR("ids"));
    const char *separator = "";
    vp_buf_adds(out, "{\"voters\":");
    add_number(out, run, side, VP_STR("voters"));
    vp_buf_adds(out, ",\"votes\":");
    add_number(out, run, side, VP_STR("votes"));
    vp_buf_adds(out, ",\"counts\":{");
    while (ids.n) {
        vp_str id = polls_cut(&ids, ',');
        vp_buf_adds(out, separator);
        vp_buf_add_json(out, id);
        vp_buf_addc(out, ':');
        add_number(out, run, side, id);
        separator = ",";
    }
    vp_buf_adds(out, "}}");
}

static void add_run(vp_buf *out, const recount *r, const redisReply *run, bool done) {
    vp_buf_addf(out, "{\"run\":\"%s\",\"done\":%s,\"entries\":", r->run, done ? "true" : "false");
    add_number(out, run, "", VP_STR("entries"));
    vp_buf_adds(out, ",\"upto\":");
    vp_str upto = field_of(run, "", VP_STR("upto"));
    if (upto.n)
        vp_buf_add_json(out, upto);
    else
        vp_buf_adds(out, "null");
    vp_buf_adds(out, ",\"tally\":");
    if (!done) {
        vp_buf_adds(out, "null,\"journal\":null,\"equal\":null,\"repaired\":false}");
        return;
    }
    add_side(out, run, "t:");
    vp_buf_adds(out, ",\"journal\":");
    add_side(out, run, "j:");
    vp_buf_addf(out, ",\"equal\":%s,\"repaired\":%s}", is_set(run, "equal") ? "true" : "false",
                is_set(run, "repaired") ? "true" : "false");
}

/* -- rounds ------------------------------------------------------------------------------- */

static vp_step begun(vp_call *call, recount *r) {
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    return vp_str_eq(word, VP_STR("begun")) ? step_on(call, r) : polls_unknown(call);
}

/* Those who watch see the mended numbers. */
static vp_step publish(vp_call *call) {
    polls_found found;
    vp_str id = call->params.value[0];
    if (!polls_found_one(call, id, &found)) return VP_STEP_DONE;
    polls_memo_row *row = polls_refresh(call, id, found.tally_text);
    if (!row) return VP_STEP_DONE;
    polls_publish(call, row);
    return vp_call_answer(call, 200);
}

vp_step polls_recount_finish(vp_call *call) {
    recount *r = call->state;
    if (!r->began) return begun(call, r);
    if (r->published) return publish(call);
    const redisReply *run = call->reply[call->n_replies - 1];
    if (!polls_reply_at(run, 0))
        return vp_call_fail(call, VP_ENOTFOUND, "There is no such recount; it may have ended.");
    bool done = is_set(run, "done");
    if (!done && r->rounds < STEPS_ROUNDS) return step_on(call, r);
    polls_cache_fields(call, (vp_str){NULL, 0});
    add_run(&call->out, r, run, done);
    if (!is_set(run, "repaired")) return vp_call_answer(call, 200);
    r->published = true;
    polls_store_read(call, call->params.value[0], NULL, false);
    return VP_STEP_WAIT;
}
