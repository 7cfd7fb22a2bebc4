/* choices.c - see choices.h. SPDX-License-Identifier: MIT */
#include "choices.h"

#include <stdio.h>

enum { CODE_MAX = 64 };

#define UNACCEPTABLE "These choices are not acceptable."

const vp_json_rule polls_ballot_rules[] = {
    {"choices", VP_JSON_LIST, .required = true, .min = 1, .max = POLLS_OPTIONS_MAX},
    {"code", VP_JSON_TEXT, .max = CODE_MAX},
    {NULL},
};

static void refuse_one(vp_problem *problem, int i, const char *detail) {
    char pointer[32];
    snprintf(pointer, sizeof pointer, "/choices/%d", i);
    vp_problem_field(problem, pointer, "%s", detail);
}

/* The number of an option's id, 0 when the value cannot be one. */
static uint8_t number_of(const json_t *value) {
    int64_t id;
    vp_str text = {json_string_value(value), json_string_length(value)};
    if (!json_is_string(value) || text.n == 0 || text.p[0] == '0') return 0;
    return vp_str_int(text, 1, 99, &id) ? 0 : (uint8_t)id;
}

static bool chosen_before(const polls_choices *c, uint8_t id) {
    return memchr(c->id, id, (size_t)c->n) != NULL;
}

static void write_text(polls_choices *c) {
    uint8_t sorted[POLLS_OPTIONS_MAX];
    for (int i = 0; i < c->n; i++) {
        int k = i;
        for (; k > 0 && sorted[k - 1] > c->id[i]; k--) sorted[k] = sorted[k - 1];
        sorted[k] = c->id[i];
    }
    c->text_n = 0;
    for (int i = 0; i < c->n; i++) {
        if (i) c->text[c->text_n++] = ',';
        if (sorted[i] > 9) c->text[c->text_n++] = (char)('0' + sorted[i] / 10);
        c->text[c->text_n++] = (char)('0' + sorted[i] % 10);
    }
}

vp_err polls_choices_read(const json_t *body, polls_choices *out, vp_problem *problem) {
    const json_t *list = json_object_get(body, "choices");
    size_t n = json_array_size(list);
    out->n = 0;
    for (size_t i = 0; i < n && i < POLLS_OPTIONS_MAX; i++) {
        const json_t *value = json_array_get(list, i);
        uint8_t id = number_of(value);
        if (!json_is_string(value))
            refuse_one(problem, (int)i, "must be the id of an option, as a text");
        else if (id == 0)
            refuse_one(problem, (int)i, "is no option of this poll");
        else if (chosen_before(out, id))
            refuse_one(problem, (int)i, "is chosen twice");
        else
            out->id[out->n++] = id;
    }
    if (problem->code) return vp_problem_set(problem, VP_EINVAL, UNACCEPTABLE);
    write_text(out);
    return VP_OK;
}

void polls_choices_write(vp_buf *out, vp_str choices) {
    const char *separator = "";
    vp_buf_addc(out, '[');
    while (choices.n) {
        vp_buf_adds(out, separator);
        vp_buf_add_json(out, polls_cut(&choices, ','));
        separator = ",";
    }
    vp_buf_addc(out, ']');
}

/* Is the id one of "1,2,3"? */
static bool among(uint8_t id, vp_str ids) {
    int64_t one;
    while (ids.n) {
        if (!vp_str_int(polls_cut(&ids, ','), 1, 99, &one) && one == id) return true;
    }
    return false;
}

void polls_choices_refuse(const polls_choices *c, vp_str allowed, vp_problem *problem) {
    const char *first = allowed.n ? memchr(allowed.p, ' ', allowed.n) : NULL;
    const char *second =
        first ? memchr(first + 1, ' ', (size_t)(allowed.p + allowed.n - first - 1)) : NULL;
    vp_problem_set(problem, VP_EINVAL, UNACCEPTABLE);
    if (!second) return;
    int min_n = (int)(first - allowed.p), max_n = (int)(second - first - 1);
    vp_str ids = {second + 1, (size_t)(allowed.p + allowed.n - second - 1)};
    int before = problem->n_fields;
    for (int i = 0; i < c->n; i++)
        if (!among(c->id[i], ids)) refuse_one(problem, i, "is no option of this poll");
    if (problem->n_fields > before) return;
    if (vp_str_eq(vp_str_n(allowed.p, (size_t)min_n), vp_str_n(first + 1, (size_t)max_n)))
        vp_problem_field(problem, "/choices", "must be exactly %.*s of the options", min_n,
                         allowed.p);
    else
        vp_problem_field(problem, "/choices", "must be %.*s to %.*s options", min_n, allowed.p,
                         max_n, first + 1);
}
