/* polls_store.c - see polls_store.h. SPDX-License-Identifier: MIT */
#include "polls_store.h"

#include <assert.h>
#include <stdio.h>

enum { NAME_MAX_LEN = 64, NUMBER_MAX = 24 };

/* The fields of a record in the order of RECORD in polls.lua. */
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

static vp_str text_of(const redisReply *r) {
    if (!r || r->type != REDIS_REPLY_STRING) return (vp_str){NULL, 0};
    return vp_str_n(r->str, (size_t)r->len);
}

static const redisReply *element(const redisReply *r, size_t i) {
    return r && r->type == REDIS_REPLY_ARRAY && i < r->elements ? r->element[i] : NULL;
}

/* -- writing ------------------------------------------------------------------------------ */

void polls_store_create(vp_call *call, vp_str id, const polls_draft *d) {
    char poll[NAME_MAX_LEN], poll_key[NAME_MAX_LEN];
    uint8_t key[VP_SEAL_KEY];
    number opens, closes, min, max;
    vp_seal_random(key, sizeof key);
    vp_str keys[] = {name(poll, id, ""), name(poll_key, id, ":key")};
    vp_str args[] = {id,
                     d->opens_at ? number_text(&opens, d->opens_at) : VP_STR(""),
                     d->closes_at ? number_text(&closes, d->closes_at) : VP_STR(""),
                     vp_str_n(key, sizeof key),
                     VP_STR("ids"),
                     vp_buf_str(&d->ids),
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
                     d->question};
    vp_call_function_once(call, "create", keys, 2, args, sizeof args / sizeof args[0]);
}

vp_str polls_store_made(const redisReply *reply) {
    return text_of(element(reply, 1));
}

void polls_store_close(vp_call *call, vp_str id) {
    char poll[NAME_MAX_LEN];
    vp_str key = name(poll, id, "");
    vp_call_function_once(call, "close", &key, 1, &id, 1);
}

void polls_store_cast(vp_call *call, vp_str id, const polls_marks *marks, const polls_choices *c) {
    char poll[NAME_MAX_LEN];
    number not_after;
    vp_str key = name(poll, id, "");
    vp_str args[] = {number_text(&not_after, call->not_after_ms),
                     vp_str_n(marks->voter, sizeof marks->voter),
                     vp_str_n(marks->request, sizeof marks->request),
                     vp_str_n(marks->ballot, sizeof marks->ballot), vp_str_n(c->text, c->text_n)};
    vp_call_join(call, "cast", &key, 1, NULL, 0, args, 5);
}

vp_str polls_store_word(const redisReply *reply, vp_str *rest) {
    vp_str text = text_of(reply);
    const char *space = text.n ? memchr(text.p, ' ', text.n) : NULL;
    size_t n = space ? (size_t)(space - text.p) : text.n;
    *rest = space ? vp_str_n(space + 1, text.n - n - 1) : (vp_str){NULL, 0};
    return vp_str_n(text.p, n);
}

void polls_store_due(vp_call *call) {
    vp_call_function(call, "due", NULL, 0, NULL, 0);
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
    return vp_str_int(text_of(element(record, field)), 0, INT64_MAX, &value) ? 0 : value;
}

static vp_err read_record(const redisReply *fields, vp_str tally, vp_str id, polls_record *out) {
    if (!fields || fields->type != REDIS_REPLY_ARRAY || fields->elements != R_COUNT)
        return VP_EPROTO;
    *out = (polls_record){.id = id,
                          .kind = text_of(element(fields, R_KIND)),
                          .options = text_of(element(fields, R_OPTIONS)),
                          .question = text_of(element(fields, R_QUESTION)),
                          .min = number_of(fields, R_MIN),
                          .max = number_of(fields, R_MAX),
                          .opens_at = number_of(fields, R_OPENS_AT),
                          .closes_at = number_of(fields, R_CLOSES_AT),
                          .created_at = number_of(fields, R_CREATED_AT),
                          .changeable = number_of(fields, R_CHANGEABLE) == 1};
    return polls_tally_read(tally, &out->tally);
}

vp_err polls_store_found(const redisReply *reply, vp_str id, polls_found *out) {
    if (!reply || reply->type != REDIS_REPLY_ARRAY) return VP_EPROTO;
    if (reply->elements == 0) return VP_ENOTFOUND;
    const redisReply *voted = element(reply, 2);
    out->voted = voted && voted->type == REDIS_REPLY_INTEGER && voted->integer == 1;
    out->tally_text = text_of(element(reply, 1));
    out->key = text_of(element(reply, 3));
    if (out->key.n != VP_SEAL_KEY) out->key = (vp_str){NULL, 0};
    return read_record(element(reply, 0), out->tally_text, id, &out->record);
}

void polls_store_page(vp_call *call, polls_status status, vp_str after, int64_t count) {
    char list[NAME_MAX_LEN], from[VP_ULID_LEN + 2];
    number n;
    const char *word = status == POLLS_STATUS_COUNT ? "all" : polls_status_word(status);
    vp_str key = {list, (size_t)snprintf(list, sizeof list, "polls:list:%s", word)};
    snprintf(from, sizeof from, "(%.*s", (int)after.n, after.n ? after.p : "");
    vp_str args[] = {after.n ? vp_str_of(from) : VP_STR("+"), number_text(&n, count)};
    vp_call_function(call, "page", &key, 1, args, 2);
}

vp_err polls_store_listed(const redisReply *one, polls_record *out) {
    vp_str id = text_of(element(one, 0));
    if (!vp_ulid_valid(id)) return VP_EPROTO;
    return read_record(element(one, 1), text_of(element(one, 2)), id, out);
}

void polls_store_states(vp_call *call, vp_str known) {
    vp_call_function(call, "states", NULL, 0, &known, 1);
}

vp_err polls_store_state(const redisReply *one, vp_str *id, vp_str *tally) {
    *id = text_of(element(one, 0));
    *tally = text_of(element(one, 1));
    return vp_ulid_valid(*id) && tally->n ? VP_OK : VP_EPROTO;
}
