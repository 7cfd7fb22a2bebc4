/* export.c - see export.h. SPDX-License-Identifier: MIT */
#include "export.h"

#include <stdio.h>

#include "amend.h"
#include "clock.h"
#include "csv.h"
#include "polls.h"
#include "reader.h"
#include "shares.h"

/* What is exported of each option. */
typedef struct row {
    const polls_option *option;
    int64_t votes;
    int percent;
} row;

static void write_json(vp_call *call, const polls_record *r, const row *rows, int n);
static void write_csv(vp_call *call, const polls_record *r, const row *rows, int n);

static const struct format {
    vp_str name;
    const char *type;
    void (*write)(vp_call *call, const polls_record *r, const row *rows, int n);
} formats[] = {
    {VP_STR_INIT("json"), "application/json", write_json},
    {VP_STR_INIT("csv"), "text/csv; charset=utf-8", write_csv},
};

/* NULL: the call has failed. */
static const struct format *format_of(vp_call *call) {
    vp_str name = vp_call_query(call, "format");
    if (call->problem.code) return NULL;
    if (!name.p) return &formats[0];
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (vp_str_eq(name, formats[i].name)) return &formats[i];
    vp_problem_set(&call->problem, VP_ESYNTAX, "A query parameter is not acceptable.");
    vp_problem_field(&call->problem, "?format", "is json or csv");
    return NULL;
}

vp_step polls_export_prepare(vp_call *call) {
    vp_str id = call->params.value[0];
    if (!vp_ulid_valid(id)) return polls_unknown(call);
    if (!format_of(call)) return VP_STEP_DONE;
    polls_store_read(call, id, NULL, false);
    return VP_STEP_WAIT;
}

static int64_t votes_of(const polls_tally *t, int id) {
    char text[16];
    snprintf(text, sizeof text, "%d", id);
    for (int i = 0; i < t->n; i++)
        if (vp_str_eq(t->option[i].id, vp_str_of(text))) return t->option[i].count;
    return 0;
}

static void count(const polls_draft *d, const polls_tally *t, row rows[POLLS_OPTIONS_MAX]) {
    int64_t votes[POLLS_OPTIONS_MAX];
    int percent[POLLS_OPTIONS_MAX];
    for (int i = 0; i < d->n; i++) votes[i] = votes_of(t, d->option[i].id);
    vp_shares(votes, (size_t)d->n, percent);
    for (int i = 0; i < d->n; i++) rows[i] = (row){&d->option[i], votes[i], percent[i]};
}

static void write_json(vp_call *call, const polls_record *r, const row *rows, int n) {
    char now[VP_TIME_LEN + 1];
    vp_buf *out = &call->out;
    vp_buf_adds(out, "{\"poll\":");
    polls_write(out, r, true);
    vp_buf_adds(out, ",\"results\":");
    polls_tally_write(out, r->id, &r->tally);
    vp_buf_adds(out, ",\"options\":[");
    for (int i = 0; i < n; i++) {
        vp_buf_addf(out, "%s{\"id\":\"%d\",\"text\":", i ? "," : "", rows[i].option->id);
        vp_buf_add_json(out, rows[i].option->text);
        vp_buf_addf(out, ",\"votes\":%lld,\"percent\":%d}", (long long)rows[i].votes,
                    rows[i].percent);
    }
    vp_time_text(vp_service_now(call->service), now);
    vp_buf_addf(out, "],\"exported_at\":\"%s\"}", now);
}

static void write_csv(vp_call *call, const polls_record *r, const row *rows, int n) {
    static const char *const head[] = {"option_id", "option", "votes", "percent"};
    const int columns = sizeof head / sizeof head[0];
    vp_buf *out = &call->out;
    polls_csv_bom(out);
    for (int i = 0; i < columns; i++) polls_csv_cell(out, vp_str_of(head[i]), i + 1 == columns);
    for (int i = 0; i < n; i++) {
        polls_csv_number(out, rows[i].option->id, false);
        polls_csv_cell(out, rows[i].option->text, false);
        polls_csv_number(out, rows[i].votes, false);
        polls_csv_number(out, rows[i].percent, true);
    }
}

static void add_fields(vp_call *call, const struct format *format) {
    char name[96];
    vp_str id = call->params.value[0];
    snprintf(name, sizeof name, "attachment; filename=\"poll-%.*s.%s\"", (int)id.n, id.p,
             format->name.p);
    vp_call_reply_field(call, VP_F_CONTENT_TYPE, vp_str_of(format->type));
    vp_call_reply_field(call, VP_F_CONTENT_DISPOSITION, vp_str_of(name));
    polls_cache_fields(call, (vp_str){NULL, 0});
}

vp_step polls_export_finish(vp_call *call) {
    polls_found found;
    polls_draft draft;
    json_t *source = NULL;
    row rows[POLLS_OPTIONS_MAX];
    const struct format *format = format_of(call);
    if (!format || !polls_found_one(call, call->params.value[0], &found)) return VP_STEP_DONE;
    if (polls_draft_of(&found.record, &source, &draft)) {
        vp_call_fail(call, VP_ESYSTEM, "The poll cannot be read.");
    } else {
        count(&draft, &found.record.tally, rows);
        add_fields(call, format);
        format->write(call, &found.record, rows, draft.n);
        vp_call_answer(call, 200);
    }
    json_decref(source);
    return VP_STEP_DONE;
}
