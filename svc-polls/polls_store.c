/* polls_store.c - see polls_store.h. SPDX-License-Identifier: MIT */
#include "polls_store.h"

#include <assert.h>
#include <stdio.h>

enum { NAME_MAX_LEN = 64, NUMBER_MAX = 24 };

/* The fields of a record in the order of RECORD in record.lua. */
enum record_field {
    R_STATUS,
    R_RESULTS,
    R_REVISION,
    R_IDS,
    R_KIND,
    R_MIN,
    R_MAX,
    R_OPENS_AT,
    R_CLOSES_AT,
    R_CHANGEABLE,
    R_CREATED_AT,
    R_OPTIONS,
    R_QUESTION,
    R_VOTING,
    R_CAP,
    R_ARTICLE,
    R_OWNER,
    R_EDITED,
    R_CODES,
    R_LAST,
    R_COUNT
};

/* A number as text, in memory of its own. */
typedef struct number {
    char text[NUMBER_MAX];
} number;

/* value >= 0. Each ballot has one, so not by printf. */
static vp_str number_text(number *n, int64_t value) {
    char *end = n->text + sizeof n->text, *p = end;
    assert(value >= 0);
    do *--p = (char)('0' + value % 10);
    while (value /= 10);
    return vp_str_n(p, (size_t)(end - p));
}

/* poll:{ID} and what follows it. */
static vp_str name(char out[NAME_MAX_LEN], vp_str id, const char *rest) {
    assert(id.n == VP_ULID_LEN);
    char *p = mempcpy(out, "poll:{", 6);
    p = mempcpy(p, id.p, id.n);
    *p++ = '}';
    p = stpcpy(p, rest);
    return vp_str_n(out, (size_t)(p - out));
}

vp_str polls_reply_text(const redisReply *r) {
    if (!r || r->type != REDIS_REPLY_STRING) return (vp_str){NULL, 0};
    return vp_str_n(r->str, (size_t)r->len);
}

const redisReply *polls_reply_at(const redisReply *r, size_t i) {
    return r && r->type == REDIS_REPLY_ARRAY && i < r->elements ? r->element[i] : NULL;
}

static vp_str text_at(const redisReply *r, size_t i) {
    return polls_reply_text(polls_reply_at(r, i));
}

/* Who acts, as record.lua takes it: "ID LOGIN", behind a * who may change every poll. */
typedef struct who {
    char text[VP_ULID_LEN + 80];
} who;

static vp_str who_of(const vp_call *call, who *w) {
    vp_str id = call->field[VP_F_ACTOR_ID], login = call->field[VP_F_ACTOR_LOGIN];
    snprintf(w->text, sizeof w->text, "%s%.*s %.*s", vp_call_may(call, VP_MAY_EDITOR) ? "*" : "",
             (int)(id.n < VP_ULID_LEN ? id.n : VP_ULID_LEN), id.n ? id.p : "",
             (int)(login.n < 64 ? login.n : 64), login.n ? login.p : "");
    return vp_str_of(w->text);
}

static vp_str master(const vp_call *call) {
    return vp_service_master(call->service);
}

/* -- writing ------------------------------------------------------------------------------ */

void polls_store_create(vp_call *call, vp_str id, const polls_draft *d) {
    char poll[NAME_MAX_LEN], poll_key[NAME_MAX_LEN];
    uint8_t key[VP_SEAL_KEY];
    number opens, closes, min, max, cap, last;
    who w;
    vp_seal_random(key, sizeof key);
    vp_str keys[] = {name(poll, id, ""), name(poll_key, id, ":key")};
    vp_str args[] = {id,
                     d->opens_at ? number_text(&opens, d->opens_at) : VP_STR(""),
                     d->closes_at ? number_text(&closes, d->closes_at) : VP_STR(""),
                     vp_str_n(key, sizeof key),
                     master(call),
                     who_of(call, &w),
                     VP_STR("ids"),
                     vp_buf_str(&d->ids),
                     VP_STR("last"),
                     number_text(&last, d->last),
                     VP_STR("kind"),
                     d->kind,
                     VP_STR("min"),
                     number_text(&min, d->min),
                     VP_STR("max"),
                     number_text(&max, d->max),
                     VP_STR("results"),
                     d->results,
                     VP_STR("changeable"),
                     d->changeable ? VP_STR("1") : VP_STR("0"),
                     VP_STR("options"),
                     vp_buf_str(&d->options),
                     VP_STR("question"),
                     d->question,
                     VP_STR("folded"),
                     vp_buf_str(&d->folded),
                     VP_STR("voting"),
                     vp_str_of(polls_voting_word(d->voting)),
                     VP_STR("cap"),
                     number_text(&cap, d->cap),
                     VP_STR("article"),
                     d->article.n ? d->article : VP_STR(""),
                     VP_STR("owner"),
                     call->field[VP_F_ACTOR_ID]};
    vp_call_function_once(call, "create", keys, 2, args, sizeof args / sizeof args[0]);
}

vp_str polls_store_second(const redisReply *reply) {
    return text_at(reply, 1);
}

vp_str polls_store_third(const redisReply *reply) {
    return text_at(reply, 2);
}

void polls_store_edit(vp_call *call, vp_str id, const polls_edit *e) {
    char poll[NAME_MAX_LEN];
    number revision, lines;
    who w;
    vp_str args[8 + POLLS_EDIT_LINES + 2 * POLLS_EDIT_FIELDS];
    int n = 0;
    vp_str key = name(poll, id, "");
    args[n++] = id;
    args[n++] = who_of(call, &w);
    args[n++] = number_text(&revision, e->revision);
    args[n++] = master(call);
    args[n++] = e->conditions;
    args[n++] = e->removed;
    args[n++] = e->new_;
    args[n++] = number_text(&lines, e->n_lines);
    for (int i = 0; i < e->n_lines; i++) args[n++] = e->line[i];
    for (int i = 0; i < 2 * e->n_fields; i++) args[n++] = e->field[i];
    vp_call_function_once(call, "edit", &key, 1, args, n);
}

void polls_store_move(vp_call *call, vp_str id, const char *move, int64_t closes_at) {
    char poll[NAME_MAX_LEN];
    number closes;
    who w;
    vp_str key = name(poll, id, "");
    vp_str args[] = {id, who_of(call, &w), master(call), vp_str_of(move),
                     closes_at ? number_text(&closes, closes_at) : VP_STR("")};
    vp_call_function_once(call, "move_to", &key, 1, args, 5);
}

void polls_store_delete(vp_call *call, vp_str id, int64_t revision) {
    char poll[NAME_MAX_LEN];
    number n;
    who w;
    vp_str key = name(poll, id, "");
    vp_str args[] = {id, who_of(call, &w), number_text(&n, revision)};
    vp_call_function_once(call, "delete", &key, 1, args, 3);
}

void polls_store_issue(vp_call *call, vp_str id, int64_t n) {
    char poll[NAME_MAX_LEN];
    number count;
    who w;
    vp_str key = name(poll, id, "");
    vp_str args[] = {id, who_of(call, &w), number_text(&count, n)};
    vp_call_function_once(call, "issue", &key, 1, args, 3);
}

void polls_store_place(vp_call *call, vp_str mode, vp_str id) {
    who w;
    vp_str args[] = {mode, id.n ? id : VP_STR(""), who_of(call, &w)};
    vp_call_function_once(call, "place", NULL, 0, args, 3);
}

void polls_store_placement(vp_call *call) {
    vp_str argv[] = {VP_STR("HMGET"), VP_STR("polls:placement"), VP_STR("mode"), VP_STR("poll")};
    vp_call_command(call, 4, argv);
}

/* -- ballots ------------------------------------------------------------------------------ */

void polls_store_cast(vp_call *call, vp_str id, polls_voting voting, const polls_marks *marks,
                      const polls_choices *c, vp_str address) {
    char poll[NAME_MAX_LEN];
    number not_after;
    vp_str key = name(poll, id, ""), shared = master(call);
    vp_str args[] = {number_text(&not_after, call->not_after_ms),
                     vp_str_of(polls_voting_word(voting)),
                     vp_str_n(marks->voter, sizeof marks->voter),
                     vp_str_n(marks->request, marks->request_n),
                     vp_str_n(marks->ballot, sizeof marks->ballot),
                     vp_str_n(c->text, c->text_n),
                     address};
    vp_call_join(call, "cast", &key, 1, &shared, 1, args, 7);
}

void polls_store_withdraw(vp_call *call, vp_str id, polls_voting voting, const polls_marks *marks) {
    char poll[NAME_MAX_LEN];
    number not_after;
    vp_str key = name(poll, id, "");
    vp_str args[] = {master(call),
                     number_text(&not_after, call->not_after_ms),
                     vp_str_of(polls_voting_word(voting)),
                     vp_str_n(marks->voter, sizeof marks->voter),
                     vp_str_n(marks->request, marks->request_n),
                     vp_str_n(marks->ballot, sizeof marks->ballot)};
    vp_call_function(call, "withdraw", &key, 1, args, 6);
}

vp_str polls_store_word(const redisReply *reply, vp_str *rest) {
    vp_str text = polls_reply_text(reply);
    const char *space = text.n ? memchr(text.p, ' ', text.n) : NULL;
    size_t n = space ? (size_t)(space - text.p) : text.n;
    *rest = space ? vp_str_n(space + 1, text.n - n - 1) : (vp_str){NULL, 0};
    return vp_str_n(text.p, n);
}

/* -- reading ------------------------------------------------------------------------------ */

void polls_store_read(vp_call *call, vp_str id, const uint8_t *voter, bool want_key) {
    char poll[NAME_MAX_LEN];
    vp_str key = name(poll, id, "");
    vp_str args[] = {voter ? vp_str_n(voter, POLLS_VOTER_MARK) : VP_STR(""),
                     want_key ? VP_STR("1") : VP_STR("")};
    vp_call_function(call, "read", &key, 1, args, 2);
}

/* Numbers are the functions' own; an absent one is 0. */
static int64_t number_of(const redisReply *record, enum record_field field) {
    int64_t value;
    return vp_str_int(text_at(record, field), 0, INT64_MAX, &value) ? 0 : value;
}

static vp_err read_record(const redisReply *fields, vp_str tally, vp_str id, polls_record *out) {
    if (!fields || fields->type != REDIS_REPLY_ARRAY || fields->elements != R_COUNT)
        return VP_EPROTO;
    *out = (polls_record){.id = id,
                          .kind = text_at(fields, R_KIND),
                          .options = text_at(fields, R_OPTIONS),
                          .question = text_at(fields, R_QUESTION),
                          .article = text_at(fields, R_ARTICLE),
                          .owner = text_at(fields, R_OWNER),
                          .ids = text_at(fields, R_IDS),
                          .min = number_of(fields, R_MIN),
                          .max = number_of(fields, R_MAX),
                          .opens_at = number_of(fields, R_OPENS_AT),
                          .closes_at = number_of(fields, R_CLOSES_AT),
                          .created_at = number_of(fields, R_CREATED_AT),
                          .cap = number_of(fields, R_CAP),
                          .codes = number_of(fields, R_CODES),
                          .last = number_of(fields, R_LAST),
                          .changeable = number_of(fields, R_CHANGEABLE) == 1,
                          .edited = number_of(fields, R_EDITED) == 1,
                          .voting = polls_voting_of(text_at(fields, R_VOTING))};
    return polls_tally_read(tally, &out->tally);
}

vp_err polls_store_found(const redisReply *reply, vp_str id, polls_found *out) {
    if (!reply || reply->type != REDIS_REPLY_ARRAY) return VP_EPROTO;
    if (reply->elements == 0) return VP_ENOTFOUND;
    vp_str entry = text_at(reply, 2);
    out->voted = entry.n > 0;
    out->tally_text = text_at(reply, 1);
    out->key = text_at(reply, 3);
    if (out->key.n != VP_SEAL_KEY) out->key = (vp_str){NULL, 0};
    vp_err rc = read_record(polls_reply_at(reply, 0), out->tally_text, id, &out->record);
    out->choices = !rc && out->record.changeable ? entry : (vp_str){NULL, 0};
    return rc;
}

void polls_store_page(vp_call *call, polls_status status, vp_str after, int64_t count,
                      const vp_str *words, int n_words) {
    char list[NAME_MAX_LEN], from[VP_ULID_LEN + 2];
    number n;
    vp_str args[2 + POLLS_WORDS_MAX];
    const char *word = status == POLLS_STATUS_COUNT ? "all" : polls_status_word(status);
    vp_str key = {list, (size_t)snprintf(list, sizeof list, "polls:list:%s", word)};
    snprintf(from, sizeof from, "(%.*s", (int)after.n, after.n ? after.p : "");
    assert(n_words <= POLLS_WORDS_MAX);
    args[0] = after.n ? vp_str_of(from) : VP_STR("+");
    args[1] = number_text(&n, count);
    for (int i = 0; i < n_words; i++) args[2 + i] = words[i];
    vp_call_function(call, "page", &key, 1, args, 2 + n_words);
}

const redisReply *polls_store_items(const redisReply *reply, vp_str *next) {
    *next = text_at(reply, 0);
    return polls_reply_at(reply, 1);
}

vp_err polls_store_listed(const redisReply *one, polls_record *out) {
    vp_str id = text_at(one, 0);
    if (!vp_ulid_valid(id)) return VP_EPROTO;
    return read_record(polls_reply_at(one, 1), text_at(one, 2), id, out);
}

void polls_store_current(vp_call *call) {
    vp_call_function(call, "current", NULL, 0, NULL, 0);
}

void polls_store_states(vp_call *call, vp_str known) {
    vp_call_function(call, "states", NULL, 0, &known, 1);
}

void polls_store_due(vp_call *call) {
    vp_str arg = master(call);
    vp_call_function(call, "due", NULL, 0, &arg, 1);
}

vp_err polls_store_state(const redisReply *one, vp_str *id, bool *sealed, vp_str *tally) {
    *id = text_at(one, 0);
    *tally = text_at(one, 1);
    bool marked = vp_str_starts(*id, VP_STR("~"));
    if (marked) *id = vp_str_n(id->p + 1, id->n - 1);
    if (sealed) *sealed = marked;
    return vp_ulid_valid(*id) && tally->n ? VP_OK : VP_EPROTO;
}

void polls_store_sweep(vp_call *call) {
    vp_call_function(call, "sweep", NULL, 0, NULL, 0);
}

bool polls_store_rewrite_due(const redisReply *reply) {
    return reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
}

void polls_store_rewrite(vp_call *call) {
    vp_str argv[] = {VP_STR("BGREWRITEAOF")};
    vp_call_command(call, 1, argv);
}

void polls_store_watchers(vp_call *call, vp_str hub, vp_str counts) {
    vp_str args[] = {hub, counts};
    vp_call_function(call, "watchers", NULL, 0, args, 2);
}

/* -- what a poll has gathered ------------------------------------------------------------- */

void polls_store_history(vp_call *call, vp_str id) {
    char key[NAME_MAX_LEN];
    vp_str argv[] = {VP_STR("LRANGE"), name(key, id, ":history"), VP_STR("0"), VP_STR("-1")};
    vp_call_command(call, 4, argv);
}

void polls_store_series(vp_call *call, vp_str id, int64_t from, int64_t to) {
    char poll[NAME_MAX_LEN];
    number first, last;
    vp_str key = name(poll, id, "");
    assert(to - from < POLLS_SERIES_AT_ONCE);
    vp_str args[] = {number_text(&first, from), number_text(&last, to)};
    vp_call_function(call, "series", &key, 1, args, 2);
}

void polls_store_journal(vp_call *call, vp_str id, vp_str after, int64_t count) {
    char key[NAME_MAX_LEN], from[NAME_MAX_LEN];
    number n;
    snprintf(from, sizeof from, "(%.*s", (int)after.n, after.n ? after.p : "");
    vp_str argv[] = {
        VP_STR("XRANGE"), name(key, id, ":journal"), after.n ? vp_str_of(from) : VP_STR("-"),
        VP_STR("+"),      VP_STR("COUNT"),           number_text(&n, count)};
    vp_call_command(call, 6, argv);
}

void polls_store_used(vp_call *call, vp_str id, const uint8_t *marks, int n) {
    char poll[NAME_MAX_LEN];
    vp_str key = name(poll, id, ""), args[POLLS_USED_AT_ONCE];
    assert(n <= POLLS_USED_AT_ONCE);
    for (int i = 0; i < n; i++) args[i] = vp_str_n(marks + i * POLLS_VOTER_MARK, POLLS_VOTER_MARK);
    vp_call_function(call, "used", &key, 1, args, n);
}

static vp_str run_name(char out[NAME_MAX_LEN + VP_ULID_LEN], vp_str id, vp_str run) {
    int n = snprintf(out, NAME_MAX_LEN + VP_ULID_LEN, "poll:{%.*s}:recount:%.*s", (int)id.n, id.p,
                     (int)run.n, run.p);
    return vp_str_n(out, (size_t)n);
}

void polls_store_recount_begin(vp_call *call, vp_str id, vp_str run) {
    char poll[NAME_MAX_LEN], hash[NAME_MAX_LEN + VP_ULID_LEN];
    vp_str keys[] = {name(poll, id, ""), run_name(hash, id, run)};
    vp_call_function(call, "recount_begin", keys, 2, NULL, 0);
}

void polls_store_recount_step(vp_call *call, vp_str id, vp_str run, bool repair) {
    char poll[NAME_MAX_LEN], hash[NAME_MAX_LEN + VP_ULID_LEN];
    vp_str keys[] = {name(poll, id, ""), run_name(hash, id, run)};
    who w;
    vp_str args[] = {repair ? VP_STR("1") : VP_STR(""), master(call), id, who_of(call, &w)};
    vp_call_function(call, "recount_step", keys, 2, args, 4);
}

void polls_store_pause(vp_call *call) {
    vp_str argv[] = {VP_STR("PING")};
    vp_call_command(call, 1, argv);
}
