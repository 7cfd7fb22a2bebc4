/* tally.c - see tally.h. SPDX-License-Identifier: MIT */
#include "tally.h"

#include <stdio.h>

static const char *const status_words[POLLS_STATUS_COUNT] = {
    [POLLS_SCHEDULED] = "scheduled",
    [POLLS_OPEN] = "open",
    [POLLS_CLOSED] = "closed",
    [POLLS_ARCHIVED] = "archived",
};

static const char *const shown_words[POLLS_SHOWN_COUNT] = {
    [POLLS_ALWAYS] = "always",
    [POLLS_AFTER_VOTE] = "after_vote",
    [POLLS_AFTER_CLOSE] = "after_close",
    [POLLS_STAFF] = "staff",
};

static int index_of(vp_str word, const char *const *words, int n) {
    int i = 0;
    while (i < n && !vp_str_eq(word, vp_str_of(words[i]))) i++;
    return i;
}

const char *polls_status_word(polls_status s) {
    return status_words[s];
}

const char *polls_shown_word(polls_shown s) {
    return shown_words[s];
}

polls_status polls_status_of(vp_str word) {
    return (polls_status)index_of(word, status_words, POLLS_STATUS_COUNT);
}

vp_str polls_cut(vp_str *rest, char separator) {
    const char *end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    vp_str word = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    size_t used = word.n + (end != NULL);
    if (rest->n) *rest = vp_str_n(rest->p + used, rest->n - used);
    return word;
}

static vp_str next_word(vp_str *rest) {
    return polls_cut(rest, ' ');
}

static bool next_number(vp_str *rest, int64_t *out) {
    return vp_str_int(next_word(rest), 0, INT64_MAX, out) == VP_OK;
}

static vp_err read_options(vp_str rest, polls_tally *out) {
    int64_t number;
    for (out->n = 0; rest.n; out->n++) {
        if (out->n == POLLS_OPTIONS_MAX) return VP_EPROTO;
        vp_str id = next_word(&rest);
        if (vp_str_int(id, 1, 999, &number)) return VP_EPROTO;
        out->option[out->n].id = id;
        if (!next_number(&rest, &out->option[out->n].count)) return VP_EPROTO;
    }
    return VP_OK;
}

vp_err polls_tally_read(vp_str text, polls_tally *out) {
    vp_str rest = text;
    if (text.n > POLLS_TALLY_TEXT_MAX) return VP_EPROTO;
    out->status = polls_status_of(next_word(&rest));
    out->shown = (polls_shown)index_of(next_word(&rest), shown_words, POLLS_SHOWN_COUNT);
    if (out->status == POLLS_STATUS_COUNT || out->shown == POLLS_SHOWN_COUNT) return VP_EPROTO;
    int64_t *const head[] = {&out->revision, &out->version, &out->stamp, &out->voters, &out->votes};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        if (!next_number(&rest, head[i])) return VP_EPROTO;
    return read_options(rest, out);
}

bool polls_tally_closed(const polls_tally *t) {
    return t->status >= POLLS_CLOSED;
}

bool polls_tally_public(const polls_tally *t) {
    return t->shown == POLLS_ALWAYS || (t->shown == POLLS_AFTER_CLOSE && polls_tally_closed(t));
}

bool polls_tally_visible(const polls_tally *t, bool staff, bool voted) {
    return polls_tally_public(t) || staff || (t->shown == POLLS_AFTER_VOTE && voted);
}

static void add_number(vp_buf *out, const char *name, int64_t n) {
    vp_buf_adds(out, name);
    vp_buf_add_int(out, n);
}

static void add_closed(vp_buf *out, const polls_tally *t) {
    vp_buf_adds(out, polls_tally_closed(t) ? ",\"closed\":true}" : ",\"closed\":false}");
}

/* "poll_id":… with the closing brace: the opening one, and what comes first, is the caller's. */
static void add_members(vp_buf *out, vp_str poll_id, const polls_tally *t) {
    vp_buf_adds(out, "\"poll_id\":");
    vp_buf_add_json(out, poll_id);
    add_number(out, ",\"version\":", t->version);
    add_number(out, ",\"voters\":", t->voters);
    add_number(out, ",\"votes\":", t->votes);
    vp_buf_adds(out, ",\"counts\":{");
    for (int i = 0; i < t->n; i++) {
        if (i) vp_buf_addc(out, ',');
        vp_buf_add_json(out, t->option[i].id);
        add_number(out, ":", t->option[i].count);
    }
    vp_buf_addc(out, '}');
    add_closed(out, t);
}

void polls_tally_write(vp_buf *out, vp_str poll_id, const polls_tally *t) {
    vp_buf_addc(out, '{');
    add_members(out, poll_id, t);
}

void polls_tally_etag(const polls_tally *t, bool visible, char out[POLLS_ETAG_MAX]) {
    snprintf(out, POLLS_ETAG_MAX, visible ? "\"%lld.%lld\"" : "\"%lld.0%lld\"",
             (long long)t->revision, (long long)(visible ? t->version : t->stamp));
}

int64_t polls_state_version(const polls_tally *t, bool sealed) {
    return sealed || polls_tally_public(t) ? t->version : t->stamp;
}

const char *polls_state_event(const polls_tally *t) {
    return polls_tally_closed(t) ? "closed" : "tally";
}

void polls_state_write(vp_buf *out, vp_str poll_id, const polls_tally *t, bool sealed) {
    vp_buf_adds(out, "{\"topic\":\"poll:");
    vp_buf_add_str(out, poll_id);
    vp_buf_addc(out, '"');
    if (sealed || polls_tally_public(t)) {
        vp_buf_addc(out, ',');
        add_members(out, poll_id, t);
    } else {
        add_closed(out, t);
    }
}
