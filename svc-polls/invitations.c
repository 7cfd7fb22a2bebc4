/* invitations.c - see invitations.h. A code takes microseconds to make, so many of them are made in
 * many rounds, between which the loop does other things. SPDX-License-Identifier: MIT */
#include "invitations.h"

#include <stdio.h>

#include "codes.h"
#include "csv.h"
#include "cursor.h"
#include "reader.h"
#include "refusal.h"

enum {
    ISSUE_MAX = 10000,
    AT_ONCE = 500,               /* codes of one round, unless there are too many for that */
    ROUNDS = VP_CALL_ROUNDS - 2, /* for codes */
    CODES_TAG = 'i'
};

/* What is written: codes from next to last, by number. */
typedef struct codes_state {
    bool csv, listing; /* listing: whether each was used is told, and asked first */
    bool writing;      /* the poll and its key are known */
    bool more;         /* there are codes after the last one */
    uint32_t next, last, at_once;
    uint8_t key[VP_SEAL_KEY];
    polls_codes codes;
} codes_state;

static const polls_refusal refusals[] = {
    {VP_STR_INIT("others"), VP_ECONFLICT, "This poll goes without invitation codes."},
    {VP_STR_INIT("archived"), VP_ECONFLICT, "The codes of an archived poll have ended."},
    {VP_STR_INIT("full"), VP_ECONFLICT, "A poll has at most 100000 codes."},
    {{NULL, 0}},
};

static void begin(vp_call *call, codes_state *s, vp_str key) {
    uint32_t n = s->last + 1 - s->next;
    memcpy(s->key, key.p, sizeof s->key);
    polls_codes_of(&s->codes, s->key);
    s->writing = true;
    s->at_once = n > AT_ONCE * ROUNDS ? (n + ROUNDS - 1) / ROUNDS : AT_ONCE;
    polls_cache_fields(call, (vp_str){NULL, 0});
    if (!s->csv) {
        vp_buf_adds(&call->out, s->listing ? "{\"items\":[" : "{\"codes\":[");
        return;
    }
    char name[96];
    vp_str id = call->params.value[0];
    snprintf(name, sizeof name, "attachment; filename=\"codes-%.*s.csv\"", (int)id.n, id.p);
    vp_call_reply_field(call, VP_F_CONTENT_TYPE, VP_STR("text/csv; charset=utf-8"));
    vp_call_reply_field(call, VP_F_CONTENT_DISPOSITION, vp_str_of(name));
    polls_csv_cell(&call->out, VP_STR("code"), false);
    polls_csv_cell(&call->out, VP_STR("used"), true);
}

static void add_code(vp_call *call, const codes_state *s, uint32_t number, bool used) {
    char code[POLLS_CODE_LEN + 1];
    vp_buf *out = &call->out;
    polls_code_write(&s->codes, number, code);
    if (s->csv) {
        polls_csv_cell(out, vp_str_of(code), false);
        polls_csv_cell(out, used ? VP_STR("yes") : VP_STR("no"), true);
        return;
    }
    if (out->data[out->len - 1] != '[') vp_buf_addc(out, ',');
    if (s->listing)
        vp_buf_addf(out, "{\"code\":\"%s\",\"used\":%s}", code, used ? "true" : "false");
    else
        vp_buf_addf(out, "\"%s\"", code);
}

/* Numbers of the next round. */
static uint32_t round_end(const codes_state *s) {
    uint32_t left = s->last + 1 - s->next;
    return s->next + (left < s->at_once ? left : s->at_once);
}

/* -- POST --------------------------------------------------------------------------------- */

static bool accepts_csv(const vp_call *call) {
    vp_str accept = call->field[VP_F_ACCEPT], csv = VP_STR("text/csv");
    return accept.n && memmem(accept.p, accept.n, csv.p, csv.n);
}

vp_step polls_issue_prepare(vp_call *call) {
    static const vp_json_rule rules[] = {
        {"count", VP_JSON_INT, .required = true, .min = 1, .max = ISSUE_MAX},
        {NULL},
    };
    json_t *body;
    vp_str id = call->params.value[0];
    codes_state *s = vp_call_state(call, sizeof *s);
    if (!vp_ulid_valid(id)) return polls_unknown(call);
    if (!vp_call_json(call, rules, &body)) return VP_STEP_DONE;
    s->csv = accepts_csv(call);
    polls_store_issue(call, id, vp_json_int(body, "count", 0));
    return VP_STEP_WAIT;
}

static vp_step issued(vp_call *call, codes_state *s) {
    int64_t first, last;
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    if (!vp_str_eq(word, VP_STR("issued"))) return polls_refuse(call, word, refusals);
    if (vp_str_int(polls_store_second(call->reply[0]), 1, POLLS_CODES_MAX, &first) ||
        vp_str_int(polls_store_third(call->reply[0]), first, POLLS_CODES_MAX, &last))
        return vp_call_fail(call, VP_ESYSTEM, "No codes were made.");
    s->next = (uint32_t)first;
    s->last = (uint32_t)last;
    polls_store_read(call, call->params.value[0], NULL, true);
    return VP_STEP_WAIT;
}

static vp_step write_some(vp_call *call, codes_state *s) {
    for (uint32_t end = round_end(s); s->next < end; s->next++) add_code(call, s, s->next, false);
    if (s->next <= s->last) {
        polls_store_pause(call);
        return VP_STEP_WAIT;
    }
    if (!s->csv) vp_buf_adds(&call->out, "]}");
    return vp_call_answer(call, 201);
}

vp_step polls_issue_finish(vp_call *call) {
    polls_found found;
    codes_state *s = call->state;
    if (!s->last) return issued(call, s);
    if (!s->writing) {
        if (!polls_found_one(call, call->params.value[0], &found)) return VP_STEP_DONE;
        if (!found.key.n) return polls_refuse(call, VP_STR("archived"), refusals);
        begin(call, s, found.key);
    }
    return write_some(call, s);
}

/* -- GET ---------------------------------------------------------------------------------- */

static bool read_format(vp_call *call, codes_state *s) {
    vp_str format = vp_call_query(call, "format");
    s->csv = vp_str_eq(format, VP_STR("csv"));
    if (call->problem.code) return false;
    if (!format.p || s->csv || vp_str_eq(format, VP_STR("json"))) return true;
    vp_problem_set(&call->problem, VP_ESYNTAX, "A query parameter is not acceptable.");
    vp_problem_field(&call->problem, "?format", "is json or csv");
    return false;
}

/* The whole list as CSV, or a page of it as JSON. */
vp_step polls_codes_prepare(vp_call *call) {
    vp_str id = call->params.value[0];
    codes_state *s = vp_call_state(call, sizeof *s);
    char cursor[VP_CURSOR_KEY_MAX + 1];
    int64_t limit, after = 0;
    size_t n;
    if (!vp_ulid_valid(id)) return polls_unknown(call);
    if (!read_format(call, s) || !vp_call_page(call, CODES_TAG, &limit, cursor, &n))
        return VP_STEP_DONE;
    if (n && vp_str_int(vp_str_n(cursor, n), 0, POLLS_CODES_MAX, &after))
        return vp_call_fail(call, VP_ESYNTAX, "The cursor is not one of this list.");
    s->listing = true;
    s->next = (uint32_t)(s->csv ? 0 : after) + 1;
    s->last = s->csv ? POLLS_CODES_MAX : s->next + (uint32_t)limit - 1;
    polls_store_read(call, id, NULL, true);
    return VP_STEP_WAIT;
}

/* Asks which codes of the next round were used. */
static void ask_used(vp_call *call, const codes_state *s) {
    uint8_t marks[POLLS_USED_AT_ONCE * POLLS_VOTER_MARK];
    int n = 0;
    for (uint32_t end = round_end(s), at = s->next; at < end; at++) {
        polls_voter voter;
        polls_marks m;
        polls_code_voter(&s->codes, at, &voter);
        polls_voter_mark(s->key, &voter, &m);
        memcpy(marks + n++ * POLLS_VOTER_MARK, m.voter, POLLS_VOTER_MARK);
        if (n < POLLS_USED_AT_ONCE && at + 1 < end) continue;
        polls_store_used(call, call->params.value[0], marks, n);
        n = 0;
    }
}

/* The replies to that. False: they are not what was asked for. */
static bool add_used(vp_call *call, codes_state *s) {
    uint32_t end = round_end(s);
    for (int i = 0; i < call->n_replies; i++) {
        vp_str used = polls_reply_text(call->reply[i]);
        for (size_t k = 0; k < used.n && s->next < end; k++, s->next++)
            add_code(call, s, s->next, used.p[k] == '1');
    }
    return s->next == end;
}

/* The poll has come: which codes there are to list. */
static bool begin_list(vp_call *call, codes_state *s) {
    polls_found found;
    const polls_record *r = &found.record;
    if (!polls_found_one(call, call->params.value[0], &found)) return false;
    if (!polls_may_change(call, r)) return false;
    if (r->voting != POLLS_BY_CODE || !found.key.n) {
        polls_refuse(call, found.key.n ? VP_STR("others") : VP_STR("archived"), refusals);
        return false;
    }
    s->more = s->last < r->codes;
    if (s->last > r->codes) s->last = (uint32_t)r->codes;
    if (s->last < s->next) s->last = s->next - 1;
    begin(call, s, found.key);
    return true;
}

static vp_step end_list(vp_call *call, const codes_state *s) {
    char last[16] = "";
    if (!s->csv) {
        if (s->more) snprintf(last, sizeof last, "%u", s->last);
        vp_buf_addc(&call->out, ']');
        vp_call_next(call, CODES_TAG, vp_str_of(last));
        vp_buf_addc(&call->out, '}');
    }
    return vp_call_answer(call, 200);
}

vp_step polls_codes_finish(vp_call *call) {
    codes_state *s = call->state;
    if (!s->writing) {
        if (!begin_list(call, s)) return VP_STEP_DONE;
    } else if (!add_used(call, s)) {
        return vp_call_fail(call, VP_ESYSTEM, "The codes cannot be read.");
    }
    if (s->next > s->last) return end_list(call, s);
    ask_used(call, s);
    return VP_STEP_WAIT;
}
