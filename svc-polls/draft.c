/* draft.c - see draft.h. SPDX-License-Identifier: MIT */
#include "draft.h"

#include <stdio.h>

#include "clock.h"
#include "fold.h"

enum {
    OPTIONS_MIN = 2,
    QUESTION_MAX = 300,
    OPTION_MAX = 200,
    OPTIONS_TEXT_MAX = 64 * 1024,
    FOLDED_MAX = 256 * 1024
};

const vp_json_rule polls_draft_rules[] = {
    {"question", VP_JSON_TEXT, .min = 1, .max = QUESTION_MAX},
    {"options", VP_JSON_LIST, .min = OPTIONS_MIN, .max = POLLS_OPTIONS_MAX},
    {"kind", VP_JSON_TEXT, .one_of = "single multiple"},
    {"min_choices", VP_JSON_INT, .min = 1, .max = POLLS_OPTIONS_MAX},
    {"max_choices", VP_JSON_INT, .min = 1, .max = POLLS_OPTIONS_MAX},
    {"opens_at", VP_JSON_TIME},
    {"closes_at", VP_JSON_TIME},
    {"results", VP_JSON_TEXT, .one_of = "always after_vote after_close staff"},
    {"changeable", VP_JSON_BOOL},
    {"voting", VP_JSON_TEXT, .one_of = "open limited account code"},
    {"address_cap", VP_JSON_INT, .min = 1, .max = POLLS_CAP_MAX},
    {"article_id", VP_JSON_ID},
    {NULL},
};

/* Of a new poll. */
static const char *const needed[] = {"question", "options", "kind", "results"};

static const vp_json_rule option_rules[] = {
    {"id", VP_JSON_TEXT}, /* looked at in changes only, so it comes first */
    {"text", VP_JSON_TEXT, .required = true, .min = 1, .max = OPTION_MAX},
    {NULL},
};

static vp_str text_of(const json_t *object, const char *name) {
    return vp_str_trim(vp_json_text(object, name));
}

/* Is the member there, and a value? */
static bool given(const json_t *body, const char *name) {
    const json_t *value = json_object_get(body, name);
    return value && !json_is_null(value);
}

static bool is_null(const json_t *body, const char *name) {
    return json_is_null(json_object_get(body, name));
}

static void take_text(const json_t *body, const char *name, vp_str *out) {
    if (given(body, name)) *out = text_of(body, name);
}

/* -- options ------------------------------------------------------------------------------ */

/* The id of a kept option; 0: of a new one; -1: it is none of this poll, or there twice. */
static int kept_id(const json_t *option, const polls_draft *base, const polls_draft *out) {
    int64_t id;
    vp_str text = vp_json_text(option, "id");
    if (!base || !text.p) return 0;
    if (text.n == 0 || text.p[0] == '0') return -1;
    if (vp_str_int(text, 1, POLLS_OPTION_ID_MAX, &id)) return -1;
    for (int i = 0; i < out->n; i++)
        if (out->option[i].id == id) return -1;
    for (int i = 0; i < base->n; i++)
        if (base->option[i].id == id) return (int)id;
    return -1;
}

static bool is_repeated(const polls_draft *d, vp_str text) {
    for (int i = 0; i < d->n; i++)
        if (vp_str_eq(text, d->option[i].text)) return true;
    return false;
}

/* The i-th element of the list, at the end of out's options. */
static void read_option(const json_t *option, int i, const polls_draft *base, polls_draft *out,
                        vp_problem *problem) {
    char at[64], at_text[64], at_id[64];
    snprintf(at, sizeof at, "/options/%d", i);
    snprintf(at_text, sizeof at_text, "/options/%d/text", i);
    snprintf(at_id, sizeof at_id, "/options/%d/id", i);
    if (vp_json_check(option, base ? option_rules : option_rules + 1, at, problem)) return;
    vp_str text = text_of(option, "text");
    int id = kept_id(option, base, out);
    if (id < 0)
        vp_problem_field(problem, at_id, "is no option of this poll, or there twice");
    else if (is_repeated(out, text))
        vp_problem_field(problem, at_text, "is the same as another option");
    else if (id == 0 && out->last == POLLS_OPTION_ID_MAX)
        vp_problem_field(problem, at, "is one more than a poll may ever have had");
    else
        out->option[out->n++] = (polls_option){id ? id : ++out->last, text};
}

static void read_options(const json_t *list, const polls_draft *base, polls_draft *out,
                         vp_problem *problem) {
    if (!list || json_is_null(list)) return;
    out->n = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        read_option(json_array_get(list, i), (int)i, base, out, problem);
}

/* -- how many, who, when ------------------------------------------------------------------ */

/* When nothing says how many may be chosen: one, or up to all. A poll that loses options has no
 * more to choose than are left. */
static void read_limits(const json_t *body, const polls_draft *base, polls_draft *out,
                        vp_problem *problem) {
    int64_t n = given(body, "options") ? (int64_t)json_array_size(json_object_get(body, "options"))
                                       : out->n;
    bool single = vp_str_eq(out->kind, VP_STR("single"));
    if (!base || !vp_str_eq(base->kind, out->kind)) {
        out->min = 1;
        out->max = single ? 1 : n;
    }
    if (out->max > n) out->max = n;
    out->min = vp_json_int(body, "min_choices", out->min);
    out->max = vp_json_int(body, "max_choices", out->max);
    if (single && out->min != 1)
        vp_problem_field(problem, "/min_choices", "is 1 in a single choice");
    if (single && out->max != 1)
        vp_problem_field(problem, "/max_choices", "is 1 in a single choice");
    if (out->max > n) vp_problem_field(problem, "/max_choices", "is more than there are options");
    if (out->min > out->max) vp_problem_field(problem, "/min_choices", "is more than max_choices");
}

/* The member's time; what is shown of a kept one, which has no milliseconds, is that one. The rules
 * have made sure that a text is a time. */
static int64_t time_of(const json_t *body, const char *name, int64_t kept) {
    int64_t ms;
    if (vp_time_parse(vp_json_text(body, name), &ms)) return kept;
    return kept && ms / 1000 == kept / 1000 ? kept : ms;
}

/* closes: is it the time of closing that is new? */
static void check_times(const polls_draft *d, int64_t now, bool closes, vp_problem *problem) {
    bool backwards = d->closes_at <= (d->opens_at ? d->opens_at : now);
    if (backwards && !closes)
        vp_problem_field(problem, "/opens_at", "must be before closes_at");
    else if (backwards)
        vp_problem_field(problem, "/closes_at", "must be after opens_at");
    else if (closes && d->closes_at <= now)
        vp_problem_field(problem, "/closes_at", "must be in the future");
}

static void read_times(const json_t *body, const polls_draft *base, int64_t now, polls_draft *out,
                       vp_problem *problem) {
    int64_t opened = out->opens_at, closed = out->closes_at;
    out->opens_at = time_of(body, "opens_at", opened);
    out->closes_at = time_of(body, "closes_at", closed);
    if (base && (is_null(body, "opens_at") || out->opens_at == 0)) out->opens_at = now;
    if (base && is_null(body, "closes_at")) out->closes_at = 0;
    bool closes = given(body, "closes_at") && (!base || closed != out->closes_at);
    bool opens = base && opened != out->opens_at && out->closes_at;
    if (closes || opens) check_times(out, now, closes, problem);
}

static void read_voting(const json_t *body, polls_draft *out, vp_problem *problem) {
    if (given(body, "voting")) out->voting = polls_voting_of(text_of(body, "voting"));
    bool limited = out->voting == POLLS_LIMITED;
    if (given(body, "address_cap") && !limited)
        vp_problem_field(problem, "/address_cap", "belongs to limited voting");
    out->cap = vp_json_int(body, "address_cap", out->cap);
    if (!limited) out->cap = 0;
    if (limited && !out->cap) out->cap = POLLS_CAP_DEFAULT;
}

/* -- all of it ---------------------------------------------------------------------------- */

static void write_texts(polls_draft *d) {
    vp_fold(d->question, &d->folded);
    for (int i = 0; i < d->n; i++) {
        const polls_option *o = &d->option[i];
        vp_buf_addf(&d->options, "%s{\"id\":\"%d\",\"text\":", i ? "," : "[", o->id);
        vp_buf_add_json(&d->options, o->text);
        vp_buf_addc(&d->options, '}');
        vp_buf_addf(&d->ids, "%s%d", i ? "," : "", o->id);
        vp_buf_addc(&d->folded, '\n');
        vp_fold(o->text, &d->folded);
    }
    vp_buf_addc(&d->options, ']');
}

static bool has_needed(const json_t *body, vp_problem *problem) {
    bool has = true;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        char at[32];
        if (given(body, needed[i])) continue;
        snprintf(at, sizeof at, "/%s", needed[i]);
        vp_problem_field(problem, at, "is needed");
        has = false;
    }
    return has;
}

static void read_all(const json_t *body, const polls_draft *base, int64_t now, polls_draft *out,
                     vp_problem *problem) {
    if (!base && !has_needed(body, problem)) return;
    take_text(body, "question", &out->question);
    take_text(body, "kind", &out->kind);
    take_text(body, "results", &out->results);
    take_text(body, "article_id", &out->article);
    if (is_null(body, "article_id")) out->article = (vp_str){NULL, 0};
    out->changeable = vp_json_bool(body, "changeable", out->changeable);
    read_options(json_object_get(body, "options"), base, out, problem);
    read_limits(body, base, out, problem);
    read_times(body, base, now, out, problem);
    read_voting(body, out, problem);
}

vp_err polls_draft_read(const json_t *body, const polls_draft *base, int64_t now, polls_draft *out,
                        vp_problem *problem) {
    *out = base ? *base : (polls_draft){0};
    vp_buf_init(&out->options, OPTIONS_TEXT_MAX);
    vp_buf_init(&out->ids, POLLS_TALLY_TEXT_MAX);
    vp_buf_init(&out->folded, FOLDED_MAX);
    read_all(body, base, now, out, problem);
    if (problem->code) return vp_problem_set(problem, VP_EINVAL, "Some fields are not acceptable.");
    write_texts(out);
    return VP_OK;
}

void polls_draft_release(polls_draft *d) {
    vp_buf_release(&d->options);
    vp_buf_release(&d->ids);
    vp_buf_release(&d->folded);
}
