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
    {"question", VP_JSON_TEXT, .required = true, .min = 1, .max = QUESTION_MAX},
    {"options", VP_JSON_LIST, .required = true, .min = OPTIONS_MIN, .max = POLLS_OPTIONS_MAX},
    {"kind", VP_JSON_TEXT, .required = true, .one_of = "single multiple"},
    {"min_choices", VP_JSON_INT, .min = 1, .max = POLLS_OPTIONS_MAX},
    {"max_choices", VP_JSON_INT, .min = 1, .max = POLLS_OPTIONS_MAX},
    {"opens_at", VP_JSON_TIME},
    {"closes_at", VP_JSON_TIME},
    {"results", VP_JSON_TEXT, .required = true, .one_of = "always after_vote after_close staff"},
    {"changeable", VP_JSON_BOOL},
    {"voting", VP_JSON_TEXT, .one_of = "open limited account code"},
    {"address_cap", VP_JSON_INT, .min = 1, .max = POLLS_CAP_MAX},
    {"article_id", VP_JSON_ID},
    {NULL},
};

static const vp_json_rule option_rules[] = {
    {"text", VP_JSON_TEXT, .required = true, .min = 1, .max = OPTION_MAX},
    {NULL},
};

static vp_str text_of(const json_t *object, const char *name) {
    return vp_str_trim(vp_json_text(object, name));
}

static bool option_repeats(const json_t *list, size_t i) {
    vp_str text = text_of(json_array_get(list, i), "text");
    for (size_t k = 0; k < i; k++)
        if (vp_str_eq(text, text_of(json_array_get(list, k), "text"))) return true;
    return false;
}

static void read_options(const json_t *list, polls_draft *out, vp_problem *problem) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *option = json_array_get(list, i);
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/options/%zu", i);
        if (vp_json_check(option, option_rules, pointer, problem)) continue;
        snprintf(pointer, sizeof pointer, "/options/%zu/text", i);
        if (option_repeats(list, i))
            vp_problem_field(problem, pointer, "is the same as another option");
        vp_buf_addf(&out->options, "%s{\"id\":\"%zu\",\"text\":", i ? "," : "[", i + 1);
        vp_buf_add_json(&out->options, text_of(option, "text"));
        vp_buf_addc(&out->folded, '\n');
        vp_fold(text_of(option, "text"), &out->folded);
        vp_buf_addc(&out->options, '}');
        vp_buf_addf(&out->ids, "%s%zu", i ? "," : "", i + 1);
    }
    vp_buf_addc(&out->options, ']');
}

static void read_limits(const json_t *body, polls_draft *out, vp_problem *problem) {
    int64_t n = (int64_t)json_array_size(json_object_get(body, "options"));
    bool single = vp_str_eq(out->kind, VP_STR("single"));
    out->min = vp_json_int(body, "min_choices", 1);
    out->max = vp_json_int(body, "max_choices", single ? 1 : n);
    if (single && out->min != 1)
        vp_problem_field(problem, "/min_choices", "is 1 in a single choice");
    if (single && out->max != 1)
        vp_problem_field(problem, "/max_choices", "is 1 in a single choice");
    if (out->max > n) vp_problem_field(problem, "/max_choices", "is more than there are options");
    if (out->min > out->max) vp_problem_field(problem, "/min_choices", "is more than max_choices");
}

/* The rules have made sure that a text is a time. */
static int64_t time_of(const json_t *body, const char *name) {
    int64_t ms;
    return vp_time_parse(vp_json_text(body, name), &ms) ? 0 : ms;
}

static void read_times(const json_t *body, int64_t now, polls_draft *out, vp_problem *problem) {
    out->opens_at = time_of(body, "opens_at");
    out->closes_at = time_of(body, "closes_at");
    if (!vp_json_text(body, "closes_at").p) return;
    if (out->closes_at <= (out->opens_at ? out->opens_at : now))
        vp_problem_field(problem, "/closes_at", "must be after opens_at");
    else if (out->closes_at <= now)
        vp_problem_field(problem, "/closes_at", "must be in the future");
}

static void read_voting(const json_t *body, polls_draft *out, vp_problem *problem) {
    int64_t cap = vp_json_int(body, "address_cap", 0);
    out->voting = polls_voting_of(vp_json_text(body, "voting"));
    if (cap && out->voting != POLLS_LIMITED)
        vp_problem_field(problem, "/address_cap", "belongs to limited voting");
    out->cap = out->voting == POLLS_LIMITED && !cap ? POLLS_CAP_DEFAULT : cap;
}

vp_err polls_draft_read(const json_t *body, int64_t now, polls_draft *out, vp_problem *problem) {
    *out = (polls_draft){.question = text_of(body, "question"),
                         .kind = text_of(body, "kind"),
                         .results = text_of(body, "results"),
                         .article = text_of(body, "article_id"),
                         .changeable = vp_json_bool(body, "changeable", false)};
    vp_buf_init(&out->options, OPTIONS_TEXT_MAX);
    vp_buf_init(&out->ids, POLLS_TALLY_TEXT_MAX);
    vp_buf_init(&out->folded, FOLDED_MAX);
    vp_fold(out->question, &out->folded);
    read_options(json_object_get(body, "options"), out, problem);
    read_limits(body, out, problem);
    read_times(body, now, out, problem);
    read_voting(body, out, problem);
    if (!problem->code) return VP_OK;
    return vp_problem_set(problem, VP_EINVAL, "Some fields are not acceptable.");
}

void polls_draft_release(polls_draft *d) {
    vp_buf_release(&d->options);
    vp_buf_release(&d->ids);
    vp_buf_release(&d->folded);
}
