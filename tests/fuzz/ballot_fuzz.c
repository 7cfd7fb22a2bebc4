/* ballot_fuzz.c - the input as the body of a ballot, as the body that makes a poll or changes one,
 * as what a poll allows, as a tally, and as a cell of a table. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "amend.h"
#include "choices.h"
#include "csv.h"
#include "memo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t now_ms = INT64_C(1800000000000);

/* Not assert: a fuzzer must find a broken rule in any build. */
static void must(bool holds) {
    if (!holds) abort();
}

/* What is taken is ascending and comes back as itself. */
static void check_choices(const polls_choices *c) {
    int64_t last = 0, id;
    vp_str rest = {c->text, c->text_n};
    must(c->n > 0 && c->n <= POLLS_OPTIONS_MAX && c->text_n < POLLS_CHOICES_TEXT_MAX);
    for (int i = 0; i < c->n; i++) {
        const char *comma = memchr(rest.p, ',', rest.n);
        size_t n = comma ? (size_t)(comma - rest.p) : rest.n;
        must((comma != NULL) == (i + 1 < c->n));
        must(!vp_str_int(vp_str_n(rest.p, n), last + 1, 99, &id));
        must(memchr(c->id, (int)id, (size_t)c->n) != NULL);
        last = id;
        n += comma != NULL;
        rest = vp_str_n(rest.p + n, rest.n - n);
    }
}

static void try_ballot(const json_t *body, vp_str input) {
    vp_problem problem = {0};
    polls_choices c;
    if (vp_json_check(body, polls_ballot_rules, "", &problem)) return;
    vp_err rc = polls_choices_read(body, &c, &problem);
    must(rc == problem.code && (rc == VP_OK || (rc == VP_EINVAL && problem.n_fields > 0)));
    if (rc) return;
    check_choices(&c);
    polls_choices_refuse(&c, input, &problem);
    must(problem.code == VP_EINVAL);
}

/* What is taken can be answered: its options are JSON, one for each id. */
static void try_poll(const json_t *body) {
    vp_problem problem = {0};
    polls_draft d;
    json_t *options;
    if (vp_json_check(body, polls_draft_rules, "", &problem)) return;
    vp_err rc = polls_draft_read(body, NULL, now_ms, &d, &problem);
    must(rc == problem.code && (rc == VP_OK || (rc == VP_EINVAL && problem.n_fields > 0)));
    if (rc == VP_OK) {
        must(!vp_json_parse(vp_buf_str(&d.options), &options, NULL));
        must(json_array_size(options) >= 2 && json_array_size(options) <= POLLS_OPTIONS_MAX);
        must(d.min >= 1 && d.min <= d.max && d.max <= (int64_t)json_array_size(options));
        must(d.closes_at == 0 || (d.closes_at > d.opens_at && d.closes_at > now_ms));
        json_decref(options);
    }
    polls_draft_release(&d);
}

/* A line of history is JSON and says what it was. */
static void check_line(vp_str line) {
    json_t *entry;
    must(!vp_json_parse(line, &entry, NULL));
    must(json_object_size(entry) == 6 && vp_json_text(entry, "before").n);
    json_decref(entry);
}

/* Ids are kept, or new; what is asked for is known. */
static void check_change(const polls_draft *before, const polls_draft *after,
                         const polls_amendment *a, bool changes) {
    must(changes == (a->edit.n_fields > 0));
    must(changes || a->edit.n_lines == 0);
    must(vp_str_starts(a->edit.conditions, VP_STR("unarchived")));
    must(after->min >= 1 && after->min <= after->max && after->max <= after->n);
    must(after->last >= before->last && after->last <= POLLS_OPTION_ID_MAX);
    for (int i = 0; i < after->n; i++) {
        bool kept = false;
        for (int k = 0; k < before->n; k++) kept |= before->option[k].id == after->option[i].id;
        must(kept || after->option[i].id > before->last);
        for (int k = 0; k < i; k++) must(after->option[k].id != after->option[i].id);
    }
    for (int i = 0; i < a->edit.n_lines; i++) check_line(a->edit.line[i]);
}

static void try_change(const json_t *body) {
    static const polls_record record = {
        .kind = VP_STR_INIT("multiple"),
        .options = VP_STR_INIT("[{\"id\":\"1\",\"text\":\"a\"},{\"id\":\"2\",\"text\":\"b\"}]"),
        .question = VP_STR_INIT("q"),
        .min = 1,
        .max = 2,
        .opens_at = 1,
        .last = 97};
    static const polls_editor by = {VP_STR_INIT("eva"), INT64_C(1800000000000)};
    vp_problem problem = {0};
    polls_draft before, after;
    polls_amendment a;
    json_t *source;
    if (vp_json_check(body, polls_draft_rules, "", &problem)) return;
    must(!polls_draft_of(&record, &source, &before));
    vp_err rc = polls_draft_read(body, &before, now_ms, &after, &problem);
    must(rc == problem.code && (rc == VP_OK || (rc == VP_EINVAL && problem.n_fields > 0)));
    if (rc == VP_OK) {
        bool changes = polls_amend(&before, &after, &by, NULL, 0, &a);
        check_change(&before, &after, &a, changes);
        polls_amendment_release(&a);
    }
    polls_draft_release(&after);
    json_decref(source);
}

/* No cell is a formula, and none ends before its end. */
static void try_cell(vp_str input) {
    vp_buf out;
    size_t quotes = 0;
    vp_buf_init(&out, 4 * input.n + 64);
    polls_csv_cell(&out, input, true);
    must(!out.over && out.len >= 2);
    for (size_t i = 0; i < out.len; i++) {
        quotes += out.data[i] == '"';
        must(i + 2 >= out.len || quotes % 2 || !strchr(",\r\n", out.data[i]) || !out.data[i]);
    }
    must(quotes % 2 == 0);
    char first = out.data[out.data[0] == '"'];
    must(input.n == 0 || !first || !strchr("=+-@\t\r", first));
    vp_buf_release(&out);
}

/* What is read as a tally can be shown. */
static void try_tally(vp_str input) {
    static polls_memo_row row = {.id = "01K0000000000000000000000A"};
    json_t *json;
    if (polls_memo_update(&row, input)) return;
    vp_err rc = vp_json_parse(vp_str_n(row.json, row.json_n), &json, NULL);
    must(rc == VP_OK || rc == VP_ESYNTAX); /* an option twice is no JSON of ours */
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vp_str input = vp_str_n(data, size);
    json_t *body;
    try_tally(input);
    try_cell(input);
    if (vp_json_parse(input, &body, NULL)) return 0;
    if (json_is_object(body)) {
        try_ballot(body, input);
        try_poll(body);
        try_change(body);
    }
    json_decref(body);
    return 0;
}
