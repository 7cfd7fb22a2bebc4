/* topics.c - see topics.h. SPDX-License-Identifier: MIT */
#include "topics.h"

#include <stdio.h>

enum { TOPICS_MAX = 512, STATE_MAX = 4096 };

/* -- handing out -------------------------------------------------------------------------- */

static void publish(vp_call *call, vp_str id, const polls_tally *t, bool sealed) {
    char topic[VP_TOPIC_NAME_MAX + 2];
    vp_buf data;
    snprintf(topic, sizeof topic, "%spoll:%.*s", sealed ? "~" : "", (int)id.n, id.p);
    vp_buf_init(&data, STATE_MAX);
    polls_state_write(&data, id, t, sealed);
    vp_topic_state state = {.topic = vp_str_of(topic),
                            .event = vp_str_of(polls_state_event(t)),
                            .data = vp_buf_str(&data),
                            .version = (uint64_t)polls_state_version(t, sealed)};
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
    const polls_tally *t = &row->tally;
    vp_str id = vp_str_n(row->id, VP_ULID_LEN);
    int64_t open = polls_state_version(t, false), sealed = polls_state_version(t, true);
    if (open > row->published) {
        row->published = open;
        publish(call, id, t, false);
    }
    if (t->shown != POLLS_ALWAYS && sealed > row->sealed) {
        row->sealed = sealed;
        publish(call, id, t, true);
    }
}

/* -- lines of a body ---------------------------------------------------------------------- */

static vp_str next_line(vp_str *rest) {
    const char *end = memchr(rest->p, '\n', rest->n);
    vp_str line = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    size_t used = line.n + (end != NULL);
    *rest = vp_str_n(rest->p + used, rest->n - used);
    return line;
}

/* "poll:ID NUMBER" of one line as "ID NUMBER" at the end of out, with its tilde if there is one. */
static bool add_line(vp_str line, vp_buf *out) {
    vp_str prefix = VP_STR("poll:");
    int64_t number;
    bool sealed = vp_str_starts(line, VP_STR("~"));
    if (sealed) line = vp_str_n(line.p + 1, line.n - 1);
    if (!vp_str_starts(line, prefix) || line.n < prefix.n + VP_ULID_LEN + 2) return false;
    vp_str id = {line.p + prefix.n, VP_ULID_LEN};
    vp_str rest = {id.p + id.n, line.n - prefix.n - id.n};
    if (!vp_ulid_valid(id) || rest.p[0] != ' ') return false;
    if (vp_str_int(vp_str_n(rest.p + 1, rest.n - 1), 0, INT64_MAX, &number)) return false;
    if (out->len) vp_buf_addc(out, ' ');
    if (sealed) vp_buf_addc(out, '~');
    vp_buf_add_str(out, id);
    vp_buf_addc(out, ' ');
    vp_buf_add_int(out, number);
    return true;
}

/* Sends the lines, POLLS_STATES_AT_ONCE to a command. False: the body is malformed. */
static bool send_lines(vp_call *call, vp_str rest, vp_str hub,
                       void (*send)(vp_call *call, vp_str hub, vp_str lines)) {
    vp_buf lines;
    int n = 0;
    bool good = true;
    vp_buf_init(&lines, VP_ENVELOPE_HEAD_MAX);
    while (good && rest.n) {
        good = ++n <= TOPICS_MAX && add_line(next_line(&rest), &lines);
        if (!good || (n % POLLS_STATES_AT_ONCE && rest.n)) continue;
        send(call, hub, vp_buf_str(&lines));
        vp_buf_clear(&lines);
    }
    vp_buf_release(&lines);
    return good;
}

static vp_step malformed(vp_call *call) {
    return vp_call_fail(call, VP_ESYNTAX, "Up to %d lines \"poll:ID NUMBER\" are needed.",
                        TOPICS_MAX);
}

/* -- SYNC /topics ------------------------------------------------------------------------- */

static void send_states(vp_call *call, vp_str hub, vp_str lines) {
    (void)hub;
    polls_store_states(call, lines);
}

vp_step polls_topics_prepare(vp_call *call) {
    if (!send_lines(call, call->body, (vp_str){NULL, 0}, send_states)) return malformed(call);
    return call->body.n ? VP_STEP_WAIT : polls_topics_finish(call);
}

static void add_state(vp_call *call, vp_str id, bool sealed, const polls_tally *t) {
    vp_buf *out = &call->out;
    if (out->data[out->len - 1] != '[') vp_buf_addc(out, ',');
    vp_buf_addf(out, "{\"topic\":\"%spoll:%.*s\",\"version\":%lld,\"event\":\"%s\",\"data\":",
                sealed ? "~" : "", (int)id.n, id.p, (long long)polls_state_version(t, sealed),
                polls_state_event(t));
    polls_state_write(out, id, t, sealed);
    vp_buf_addc(out, '}');
}

vp_step polls_topics_finish(vp_call *call) {
    vp_buf_adds(&call->out, "{\"states\":[");
    for (int i = 0; i < call->n_replies; i++) {
        const redisReply *r = call->reply[i];
        for (size_t k = 0; r->type == REDIS_REPLY_ARRAY && k < r->elements; k++) {
            vp_str id, text;
            polls_tally tally;
            bool sealed;
            if (polls_store_state(r->element[k], &id, &sealed, &text) ||
                polls_tally_read(text, &tally))
                return vp_call_fail(call, VP_ESYSTEM, "The polls cannot be read.");
            add_state(call, id, sealed, &tally);
        }
    }
    vp_buf_adds(&call->out, "]}");
    return vp_call_answer(call, 200);
}

/* -- SYNC /watchers ----------------------------------------------------------------------- */

vp_step polls_watchers_prepare(vp_call *call) {
    vp_str rest = call->body, hub = next_line(&rest);
    if (!vp_ulid_valid(hub)) return vp_call_fail(call, VP_ESYNTAX, "The hub names itself first.");
    if (!rest.n || !send_lines(call, rest, hub, polls_store_watchers)) return malformed(call);
    return VP_STEP_WAIT;
}

/* Totals come in the order of the lines. */
vp_step polls_watchers_finish(vp_call *call) {
    vp_str rest = call->body;
    vp_buf *out = &call->out;
    size_t n = 0;
    next_line(&rest);
    vp_buf_adds(out, "{\"watchers\":{");
    for (; rest.n; n++) {
        vp_str line = next_line(&rest);
        const redisReply *total =
            polls_reply_at(call->reply[n / POLLS_STATES_AT_ONCE], n % POLLS_STATES_AT_ONCE);
        if (!total || total->type != REDIS_REPLY_INTEGER) continue;
        if (out->data[out->len - 1] != '{') vp_buf_addc(out, ',');
        vp_buf_addf(out, "\"%.*s\":%lld", (int)(sizeof "poll:" - 1 + VP_ULID_LEN), line.p,
                    total->integer);
    }
    vp_buf_adds(out, "}}");
    return vp_call_answer(call, 200);
}

/* -- SYNC /ticket-key --------------------------------------------------------------------- */

vp_step polls_ticket_key_prepare(vp_call *call) {
    const polls_voter_keys *keys = &polls_self_of(call)->voter_keys;
    vp_call_reply_field(call, VP_F_CONTENT_TYPE, VP_STR("application/octet-stream"));
    vp_buf_add(&call->out, keys->ticket, sizeof keys->ticket);
    return vp_call_answer(call, 200);
}
