/* audit.c - see audit.h. The log is read in pieces, one for each round of a call, so that a filter
 * that matches little blocks nobody. SPDX-License-Identifier: MIT */
#include "audit.h"

#include <stdio.h>

#include "clock.h"
#include "registry.h"

enum {
    PIECE = 500,
    ROUNDS_MAX = 40, /* so an answer has looked at 20,000 entries at most */
    FIELDS = 6
};

/* In the order in which audit.lua writes them. */
enum field { F_AT, F_ACTOR, F_LOGIN, F_ACTION, F_OBJECT, F_DETAIL };
static const char *const names[FIELDS] = {"at", "actor", "login", "action", "object", "detail"};

typedef struct audit_state {
    char start[VP_AUDIT_ID_MAX + 2];
    char last[VP_AUDIT_ID_MAX + 1];
    int64_t limit, found;
    int rounds;
    vp_str account, action, object; /* of the body; empty: any */
} audit_state;

/* Digits only: vp_str_int would take a sign. */
static bool read_number(vp_str text, uint64_t *out) {
    *out = 0;
    if (!text.n || text.n > 20) return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') return false;
        uint64_t digit = (uint64_t)(text.p[i] - '0');
        if (*out > (UINT64_MAX - digit) / 10) return false;
        *out = *out * 10 + digit;
    }
    return true;
}

bool vp_audit_id_read(vp_str text, uint64_t *ms, uint64_t *number) {
    const char *dash = text.n ? memchr(text.p, '-', text.n) : NULL;
    if (!dash) return false;
    size_t n = (size_t)(dash - text.p);
    return read_number(vp_str_n(text.p, n), ms) &&
           read_number(vp_str_n(dash + 1, text.n - n - 1), number);
}

static vp_str take_line(vp_str *rest) {
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    vp_str line = vp_str_n(rest->p, n);
    *rest = end ? vp_str_n(end + 1, rest->n - n - 1) : (vp_str){0};
    return line;
}

static bool start_ok(vp_str text) {
    uint64_t ms, number;
    if (vp_str_eq(text, VP_STR("+"))) return true;
    if (vp_str_starts(text, VP_STR("("))) text = vp_str_n(text.p + 1, text.n - 1);
    return vp_audit_id_read(text, &ms, &number);
}

static vp_step ask(vp_call *call, audit_state *s) {
    char key[48], count[16];
    snprintf(key, sizeof key, "audit:%.24s", vp_service_record(call->service)->service);
    snprintf(count, sizeof count, "%d", PIECE);
    s->rounds++;
    vp_call_command(call, 6,
                    (vp_str[]){VP_STR("XREVRANGE"), vp_str_of(key), vp_str_of(s->start),
                               VP_STR("-"), VP_STR("COUNT"), vp_str_of(count)});
    return VP_STEP_WAIT;
}

vp_step vp_audit_prepare(vp_call *call) {
    audit_state *s = vp_call_state(call, sizeof *s);
    vp_str rest = call->body, start = take_line(&rest), limit = take_line(&rest);
    if (!start_ok(start) || vp_str_int(limit, 1, VP_AUDIT_LIMIT, &s->limit))
        return vp_call_fail(call, VP_EINVAL, "This asks for no part of a log.");
    snprintf(s->start, sizeof s->start, "%.*s", (int)start.n, start.p);
    s->account = take_line(&rest);
    s->action = take_line(&rest);
    s->object = take_line(&rest);
    vp_buf_adds(&call->out, "{\"items\":[");
    return ask(call, s);
}

static vp_str text_of(const redisReply *r) {
    return r->type == REDIS_REPLY_STRING ? vp_str_n(r->str, r->len) : (vp_str){0};
}

/* An entry's id and fields; false: it is none of ours. */
static bool read_entry(const redisReply *e, vp_str *id, vp_str field[FIELDS]) {
    if (e->type != REDIS_REPLY_ARRAY || e->elements != 2) return false;
    const redisReply *f = e->element[1];
    *id = text_of(e->element[0]);
    for (int i = 0; i < FIELDS; i++) field[i] = (vp_str){0};
    if (!id->n || id->n > VP_AUDIT_ID_MAX || f->type != REDIS_REPLY_ARRAY) return false;
    for (size_t i = 0; i + 1 < f->elements; i += 2)
        for (int k = 0; k < FIELDS; k++)
            if (vp_str_eq(text_of(f->element[i]), vp_str_of(names[k])))
                field[k] = text_of(f->element[i + 1]);
    return true;
}

static bool action_matches(vp_str action, vp_str wanted) {
    if (!wanted.n || vp_str_eq(action, wanted)) return true;
    return vp_str_starts(action, wanted) && action.p[wanted.n] == '.';
}

static bool wanted(const audit_state *s, const vp_str field[FIELDS]) {
    return (!s->account.n || vp_str_eq(field[F_ACTOR], s->account) ||
            vp_str_eq(field[F_LOGIN], s->account)) &&
           action_matches(field[F_ACTION], s->action) &&
           (!s->object.n || vp_str_eq(field[F_OBJECT], s->object));
}

static void add_text(vp_buf *out, const char *name, vp_str value) {
    vp_buf_addf(out, ",\"%s\":", name);
    if (value.n)
        vp_buf_add_json(out, value);
    else
        vp_buf_adds(out, "null");
}

static void write_entry(vp_buf *out, bool first, vp_str id, const vp_str field[FIELDS]) {
    char at[VP_TIME_LEN + 1];
    int64_t ms;
    if (vp_str_int(field[F_AT], 0, INT64_MAX, &ms)) ms = 0;
    vp_time_text(ms, at);
    vp_buf_adds(out, first ? "{\"id\":" : ",{\"id\":");
    vp_buf_add_json(out, id);
    vp_buf_addf(out, ",\"at\":\"%s\",\"actor\":{\"id\":", at);
    vp_buf_add_json(out, field[F_ACTOR]);
    add_text(out, "login", field[F_LOGIN]);
    vp_buf_addc(out, '}');
    add_text(out, "action", field[F_ACTION]);
    add_text(out, "object", field[F_OBJECT]);
    add_text(out, "detail", field[F_DETAIL]);
    vp_buf_addc(out, '}');
}

/* Returns how many entries were looked at. */
static size_t take_piece(vp_call *call, audit_state *s, const redisReply *piece) {
    size_t i = 0;
    for (; i < piece->elements && s->found < s->limit; i++) {
        vp_str id, field[FIELDS];
        if (!read_entry(piece->element[i], &id, field)) continue;
        snprintf(s->last, sizeof s->last, "%.*s", (int)id.n, id.p);
        if (wanted(s, field)) write_entry(&call->out, s->found++ == 0, id, field);
    }
    return i;
}

vp_step vp_audit_finish(vp_call *call) {
    audit_state *s = call->state;
    const redisReply *piece = call->reply[0];
    if (piece->type != REDIS_REPLY_ARRAY)
        return vp_call_fail(call, VP_ESYSTEM, "The log cannot be read.");
    bool end = take_piece(call, s, piece) == piece->elements && piece->elements < PIECE;
    if (!end && s->found < s->limit && s->rounds < ROUNDS_MAX) {
        snprintf(s->start, sizeof s->start, "(%s", s->last);
        return ask(call, s);
    }
    vp_buf_adds(&call->out, "],\"next\":");
    if (end)
        vp_buf_adds(&call->out, "null}");
    else
        vp_buf_addf(&call->out, "\"%s\"}", s->last);
    return vp_call_answer(call, 200);
}

void vp_audit_note(vp_call *call, const char *object, const char *detail) {
    vp_str args[] = {call->field[VP_F_ACTOR_ID], call->field[VP_F_ACTOR_LOGIN],
                     vp_str_of(call->op->name), vp_str_of(object), vp_str_of(detail)};
    vp_call_function(call, "audit_note", NULL, 0, args, 5);
}
