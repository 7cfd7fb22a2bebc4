/* journal.c - see journal.h.
 * An entry has the ballots of one batch, in no order: a field of choices ("-1,3" when they are
 * taken back) and ids end to end. A page may begin and end inside of one.
 * SPDX-License-Identifier: MIT */
#include "journal.h"

#include <stdlib.h>

#include "cursor.h"
#include "places.h"
#include "reader.h"

enum { JOURNAL_TAG = 'j' };

typedef struct item {
    vp_str choices;
    const uint8_t *ballot; /* POLLS_BALLOT_MARK bytes */
    bool retracts;
    int at; /* of one ballot the order in which things happened stays */
} item;

typedef struct page {
    int64_t limit;
    polls_place place;
    int n;
    bool more;
    item items[VP_LIST_MAX];
} page;

static void key_of(const vp_call *call, uint8_t key[VP_SEAL_KEY]) {
    polls_place_key(vp_service_site_key(call->service), call->params.value[0], key);
}

static bool read_place(vp_call *call, page *p) {
    char cursor[VP_CURSOR_KEY_MAX + 1];
    uint8_t key[VP_SEAL_KEY];
    size_t n;
    if (!vp_call_page(call, JOURNAL_TAG, &p->limit, cursor, &n)) return false;
    key_of(call, key);
    if (!n || !polls_place_read(key, vp_str_n(cursor, n), &p->place)) return true;
    vp_call_fail(call, VP_ESYNTAX, "A query parameter is not acceptable.");
    vp_problem_field(&call->problem, "?cursor", "is not one of this list");
    return false;
}

vp_step polls_journal_prepare(vp_call *call) {
    vp_str id = call->params.value[0];
    page *p = vp_call_state(call, sizeof *p);
    if (!vp_ulid_valid(id)) return polls_unknown(call);
    if (!read_place(call, p)) return VP_STEP_DONE;
    polls_store_read(call, id, NULL, false);
    /* Each entry has at least one ballot: so many are enough to fill a page and to know whether
     * there is more. */
    polls_store_journal(call, id, vp_str_of(p->place.entry), p->limit + 1);
    return VP_STEP_WAIT;
}

/* The ballots of one entry that are not read yet; false when the page is full before its end. */
static bool take_entry(page *p, const redisReply *fields, int *seen) {
    for (size_t i = 0; polls_reply_at(fields, i + 1); i += 2) {
        vp_str choices = polls_reply_text(polls_reply_at(fields, i));
        vp_str ids = polls_reply_text(polls_reply_at(fields, i + 1));
        bool retracts = vp_str_starts(choices, VP_STR("-"));
        if (retracts) choices = vp_str_n(choices.p + 1, choices.n - 1);
        for (size_t k = 0; k + POLLS_BALLOT_MARK <= ids.n; k += POLLS_BALLOT_MARK) {
            if ((*seen)++ < p->place.skip) continue;
            if (p->n == p->limit) return false;
            p->items[p->n] = (item){choices, (const uint8_t *)ids.p + k, retracts, p->n};
            p->n++;
        }
    }
    return true;
}

/* Fills the page, and moves its place to where the next one begins. */
static void take_entries(page *p, const redisReply *entries) {
    for (size_t i = 0; polls_reply_at(entries, i); i++) {
        const redisReply *entry = polls_reply_at(entries, i);
        vp_str name = polls_reply_text(polls_reply_at(entry, 0));
        int seen = 0;
        p->more = p->n == p->limit || !take_entry(p, polls_reply_at(entry, 1), &seen);
        if (p->more) {
            /* The one that did not fit was counted, too. */
            if (seen > 0) p->place.skip = seen - 1;
            return;
        }
        p->place.skip = 0;
        if (name.n >= sizeof p->place.entry) return;
        memcpy(p->place.entry, name.p, name.n);
        p->place.entry[name.n] = '\0';
    }
}

static int by_ballot(const void *a, const void *b) {
    const item *x = a, *y = b;
    int order = memcmp(x->ballot, y->ballot, POLLS_BALLOT_MARK);
    return order ? order : x->at - y->at;
}

static void add_item(vp_buf *out, vp_str poll, const item *i) {
    char id[VP_ULID_LEN + 1];
    polls_ballot_id(poll, i->ballot, id);
    vp_buf_addf(out, "{\"ballot_id\":\"%s\",\"choices\":", id);
    polls_choices_write(out, i->choices);
    vp_buf_addf(out, ",\"retracts\":%s}", i->retracts ? "true" : "false");
}

static vp_step add_next(vp_call *call, const page *p) {
    uint8_t key[VP_SEAL_KEY];
    char text[POLLS_PLACE_TEXT + 1] = "";
    key_of(call, key);
    if (p->more && polls_place_write(key, &p->place, text))
        return vp_call_fail(call, VP_ESYSTEM, "The journal cannot be read.");
    vp_call_next(call, JOURNAL_TAG, vp_str_of(text));
    vp_buf_addc(&call->out, '}');
    polls_body_etag(call);
    return vp_call_answer(call, 200);
}

vp_step polls_journal_finish(vp_call *call) {
    page *p = call->state;
    polls_found found;
    vp_str id = call->params.value[0];
    if (!polls_found_one(call, id, &found)) return VP_STEP_DONE;
    take_entries(p, call->reply[1]);
    qsort(p->items, (size_t)p->n, sizeof p->items[0], by_ballot);
    vp_buf_adds(&call->out, "{\"items\":[");
    for (int i = 0; i < p->n; i++) {
        if (i) vp_buf_addc(&call->out, ',');
        add_item(&call->out, id, &p->items[i]);
    }
    vp_buf_addc(&call->out, ']');
    polls_cache_fields(call, (vp_str){NULL, 0});
    return add_next(call, p);
}
