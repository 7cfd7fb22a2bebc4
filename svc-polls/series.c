/* series.c - see series.h. SPDX-License-Identifier: MIT */
#include "series.h"

#include "clock.h"
#include "reader.h"

enum { MINUTE_MS = 60 * 1000, MINUTES_MAX = 2 * POLLS_SERIES_AT_ONCE };

/* What was asked for, and is told: minutes since 1970, the last one not in it. */
typedef struct span {
    int64_t from, to; /* -1: not said */
    bool sent;
} span;

static bool bad_time(vp_call *call, const char *pointer, const char *detail) {
    vp_problem_set(&call->problem, VP_ESYNTAX, "A query parameter is not acceptable.");
    vp_problem_field(&call->problem, pointer, "%s", detail);
    return false;
}

/* round_up: to the end of its minute. */
static bool read_time(vp_call *call, const char *name, const char *pointer, bool round_up,
                      int64_t *minute) {
    int64_t ms;
    vp_str text = vp_call_query(call, name);
    *minute = -1;
    if (call->problem.code) return false;
    if (!text.p) return true;
    if (vp_time_parse(text, &ms))
        return bad_time(call, pointer, "is a time such as 2026-11-24T06:20:51Z");
    *minute = (ms + (round_up ? MINUTE_MS - 1 : 0)) / MINUTE_MS;
    return true;
}

static bool read_span(vp_call *call, span *s) {
    if (!read_time(call, "from", "?from", false, &s->from)) return false;
    if (!read_time(call, "to", "?to", true, &s->to)) return false;
    if (s->from < 0 || s->to < 0) return true;
    if (s->to <= s->from) return bad_time(call, "?to", "must be after from");
    if (s->to - s->from > MINUTES_MAX)
        return bad_time(call, "?from", "is more than 1440 minutes before to");
    return true;
}

vp_step polls_series_prepare(vp_call *call) {
    span *s = vp_call_state(call, sizeof *s);
    return read_span(call, s) ? polls_look_begin(call) : VP_STEP_DONE;
}

/* What was not said: as many minutes as may be, up to now or to the close. */
static void complete(span *s, const polls_record *r, int64_t now) {
    int64_t end_ms = polls_tally_closed(&r->tally) && r->closes_at ? r->closes_at : now;
    int64_t end = end_ms / MINUTE_MS + 1;
    if (s->to < 0 && s->from < 0) s->to = end;
    if (s->to < 0) s->to = s->from + MINUTES_MAX;
    if (s->from < 0) s->from = s->to > MINUTES_MAX ? s->to - MINUTES_MAX : 0;
    if (s->to > end && s->from < end) s->to = end;
}

static void add_time(vp_buf *out, const char *member, int64_t minute) {
    char text[VP_TIME_LEN + 1];
    vp_time_text(minute * MINUTE_MS, text);
    vp_buf_addf(out, "%s\"%s\"", member, text);
}

static void begin_answer(vp_call *call, const span *s) {
    vp_buf *out = &call->out;
    vp_buf_adds(out, "{\"poll_id\":");
    vp_buf_add_json(out, call->params.value[0]);
    vp_buf_adds(out, ",\"interval\":\"minute\"");
    add_time(out, ",\"from\":", s->from);
    add_time(out, ",\"to\":", s->to);
    vp_buf_adds(out, ",\"points\":[");
}

/* Where results are hidden the answer is always the same. */
static vp_step hidden(vp_call *call) {
    vp_buf_adds(&call->out, "{\"poll_id\":");
    vp_buf_add_json(&call->out, call->params.value[0]);
    vp_buf_adds(&call->out, ",\"interval\":\"minute\",\"from\":null,\"to\":null,\"points\":null}");
    polls_body_etag(call);
    return vp_call_answer(call, 200);
}

static vp_step looked(vp_call *call, span *s) {
    polls_found found;
    bool visible;
    char surrogate[64];
    vp_str id = call->params.value[0];
    vp_step step = polls_look_step(call, &found, &visible);
    if (step == VP_STEP_WAIT || call->problem.code) return step;
    bool shared = polls_tally_public(&found.record.tally);
    polls_cache_fields(call, shared ? polls_surrogate(id, surrogate) : (vp_str){NULL, 0});
    if (!visible) return hidden(call);
    complete(s, &found.record, vp_service_now(call->service));
    begin_answer(call, s);
    s->sent = true;
    for (int64_t at = s->from; at < s->to; at += POLLS_SERIES_AT_ONCE) {
        int64_t last = at + POLLS_SERIES_AT_ONCE - 1;
        polls_store_series(call, id, at, last < s->to ? last : s->to - 1);
    }
    return VP_STEP_WAIT;
}

/* "OPTION N OPTION N …" in any order as an object, by id. */
static void add_counts(vp_buf *out, vp_str text) {
    int64_t id, counts[POLLS_OPTION_ID_MAX + 1] = {0};
    const char *separator = "";
    while (text.n) {
        vp_str option = polls_cut(&text, ' '), n = polls_cut(&text, ' ');
        if (vp_str_int(option, 1, POLLS_OPTION_ID_MAX, &id)) continue;
        if (vp_str_int(n, INT64_MIN, INT64_MAX, &counts[id])) counts[id] = 0;
    }
    vp_buf_addc(out, '{');
    for (int i = 1; i <= POLLS_OPTION_ID_MAX; i++) {
        if (!counts[i]) continue;
        vp_buf_addf(out, "%s\"%d\":", separator, i);
        vp_buf_add_int(out, counts[i]);
        separator = ",";
    }
    vp_buf_addc(out, '}');
}

static void add_points(vp_buf *out, const redisReply *pairs) {
    for (size_t i = 0; polls_reply_at(pairs, i + 1); i += 2) {
        int64_t minute;
        if (vp_str_int(polls_reply_text(polls_reply_at(pairs, i)), 0, INT64_MAX / MINUTE_MS,
                       &minute))
            continue;
        if (out->data[out->len - 1] != '[') vp_buf_addc(out, ',');
        add_time(out, "[", minute);
        vp_buf_addc(out, ',');
        add_counts(out, polls_reply_text(polls_reply_at(pairs, i + 1)));
        vp_buf_addc(out, ']');
    }
}

vp_step polls_series_finish(vp_call *call) {
    span *s = call->state;
    if (!s->sent) return looked(call, s);
    for (int i = 0; i < call->n_replies; i++) add_points(&call->out, call->reply[i]);
    vp_buf_adds(&call->out, "]}");
    polls_body_etag(call);
    return vp_call_answer(call, 200);
}
