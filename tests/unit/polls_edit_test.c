/* polls_edit_test.c - changes of a poll: what a body makes of it, what that asks for, and what the
 * history says. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>

#include "amend.h"

static const int64_t now_ms = 1800000000 * INT64_C(1000); /* 2027-01-15T08:00:00Z */

#define TEXTS                                                                                      \
    "[{\"id\":\"1\",\"text\":\"Tea\"},{\"id\":\"2\",\"text\":\"Coffee\"},{\"id\":\"4\","           \
    "\"text\":\"Water\"}]"

static const polls_record record = {.kind = VP_STR_INIT("multiple"),
                                    .options = VP_STR_INIT(TEXTS),
                                    .question = VP_STR_INIT("What?"),
                                    .ids = VP_STR_INIT("1,2,4"),
                                    .min = 1,
                                    .max = 3,
                                    .opens_at = 1799990000123,
                                    .closes_at = 1800090000456,
                                    .last = 5,
                                    .voting = POLLS_LIMITED,
                                    .cap = 7,
                                    .tally = {.shown = POLLS_AFTER_VOTE, .revision = 3}};

/* One change, with all that it borrows from. */
typedef struct change {
    json_t *source, *body;
    polls_draft before, after;
    polls_amendment amendment;
    vp_problem problem;
    bool changes;
} change;

static void change_by(const polls_record *r, const char *text, const vp_str *history, size_t n,
                      change *c) {
    vp_fault why = {{0}};
    polls_editor by = {VP_STR("eva"), now_ms};
    *c = (change){0};
    if (vp_json_parse(vp_str_of(text), &c->body, &why)) fail_msg("%s: %s", why.text, text);
    assert_int_equal(polls_draft_of(r, &c->source, &c->before), VP_OK);
    bool good = !vp_json_check(c->body, polls_draft_rules, "", &c->problem) &&
                !polls_draft_read(c->body, &c->before, now_ms, &c->after, &c->problem);
    if (good) c->changes = polls_amend(&c->before, &c->after, &by, history, n, &c->amendment);
}

static void change_end(change *c) {
    polls_amendment_release(&c->amendment);
    polls_draft_release(&c->after);
    json_decref(c->body);
    json_decref(c->source);
}

static vp_str field_of(const change *c, const char *name) {
    const polls_edit *e = &c->amendment.edit;
    for (int i = 0; i < e->n_fields; i++)
        if (vp_str_eq(e->field[2 * i], vp_str_of(name))) return e->field[2 * i + 1];
    return (vp_str){NULL, 0};
}

static void refuses(void **state) {
    static const struct {
        const char *body, *pointer;
    } rows[] = {
        {"{\"question\":\"  \"}", "/question"},
        {"{\"question\":7}", "/question"},
        {"{\"options\":[]}", "/options"},
        {"{\"options\":[{\"text\":\"a\"}]}", "/options"},
        {"{\"options\":\"ab\"}", "/options"},
        {"{\"options\":[{\"id\":\"1\",\"text\":\"a\"},\"b\"]}", "/options/1"},
        {"{\"options\":[{\"id\":\"1\"},{\"text\":\"a\"}]}", "/options/0/text"},
        {"{\"options\":[{\"id\":1,\"text\":\"b\"},{\"text\":\"a\"}]}", "/options/0/id"},
        {"{\"options\":[{\"id\":\"3\",\"text\":\"b\"},{\"text\":\"a\"}]}", "/options/0/id"},
        {"{\"options\":[{\"id\":\"01\",\"text\":\"b\"},{\"text\":\"a\"}]}", "/options/0/id"},
        {"{\"options\":[{\"id\":\"\",\"text\":\"b\"},{\"text\":\"a\"}]}", "/options/0/id"},
        {"{\"options\":[{\"id\":\"1\",\"text\":\"b\"},{\"id\":\"1\",\"text\":\"a\"}]}",
         "/options/1/id"},
        {"{\"options\":[{\"id\":\"1\",\"text\":\"b\"},{\"text\":\" b\"}]}", "/options/1/text"},
        {"{\"max_choices\":4}", "/max_choices"},
        {"{\"min_choices\":3,\"max_choices\":2}", "/min_choices"},
        {"{\"kind\":\"single\",\"max_choices\":2}", "/max_choices"},
        {"{\"closes_at\":\"2027-01-15T07:59:59Z\"}", "/closes_at"},
        {"{\"closes_at\":\"1970-01-01T00:00:00Z\"}", "/closes_at"},
        {"{\"opens_at\":\"2029-01-01T00:00:00Z\"}", "/opens_at"},
        {"{\"voting\":\"open\",\"address_cap\":5}", "/address_cap"},
        {"{\"address_cap\":0}", "/address_cap"},
        {"{\"article_id\":\"x\"}", "/article_id"},
        {"{\"changeable\":\"yes\"}", "/changeable"},
        {"{\"results\":{}}", "/results"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        change c;
        change_by(&record, rows[i].body, NULL, 0, &c);
        CHECK_ROW(i, c.problem.code == VP_EINVAL && c.problem.n_fields == 1);
        assert_string_equal(c.problem.fields[0].pointer, rows[i].pointer);
        change_end(&c);
    }
}

/* What is sent back as it was shown changes nothing, although times are shown without their
 * milliseconds. */
static void no_change(void **state) {
    static const char *rows[] = {
        "{}",
        "{\"question\":\" What? \"}",
        "{\"options\":" TEXTS "}",
        "{\"kind\":\"multiple\",\"min_choices\":1,\"max_choices\":3,\"results\":\"after_vote\"}",
        "{\"opens_at\":\"2027-01-15T05:13:20Z\",\"closes_at\":\"2027-01-16T10:00:00+01:00\"}",
        "{\"voting\":\"limited\",\"address_cap\":7,\"changeable\":false,\"article_id\":null}",
        "{\"question\":null,\"options\":null,\"kind\":null,\"results\":null,\"voting\":null}",
        "{\"id\":5,\"status\":\"closed\",\"revision\":9}",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        change c;
        change_by(&record, rows[i], NULL, 0, &c);
        CHECK_ROW(i, !c.problem.code && !c.changes && c.amendment.edit.n_lines == 0);
        change_end(&c);
    }
}

static void asks(void **state) {
    static const struct {
        const char *body, *conditions, *field, *value;
    } rows[] = {
        {"{\"question\":\"Who?\"}", "unarchived", "question", "Who?"},
        {"{\"article_id\":\"01K0000000000000000000000A\"}", "unarchived", "article",
         "01K0000000000000000000000A"},
        {"{\"kind\":\"single\"}", "unarchived,unvoted", "max", "1"},
        {"{\"max_choices\":2}", "unarchived,unvoted", "max", "2"},
        {"{\"min_choices\":2}", "unarchived,unvoted", "min", "2"},
        {"{\"changeable\":true}", "unarchived,unvoted", "changeable", "1"},
        {"{\"voting\":\"code\"}", "unarchived,unclosed,unvoted", "cap", "0"},
        {"{\"address_cap\":8}", "unarchived,unclosed", "cap", "8"},
        {"{\"results\":\"staff\"}", "unarchived,settled", "results", "staff"},
        {"{\"opens_at\":\"2027-01-15T09:00:00Z\"}", "unarchived,unopened", "opens_at",
         "1800003600000"},
        {"{\"opens_at\":null}", "unarchived,unopened", "opens_at", "1800000000000"},
        {"{\"closes_at\":\"2027-01-15T09:00:00.5Z\"}", "unarchived,unclosed", "closes_at",
         "1800003600500"},
        {"{\"closes_at\":null}", "unarchived,unclosed", "closes_at", ""},
        {"{\"kind\":\"single\",\"results\":\"staff\",\"closes_at\":null,\"opens_at\":null}",
         "unarchived,unclosed,unopened,unvoted,settled", "kind", "single"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        change c;
        change_by(&record, rows[i].body, NULL, 0, &c);
        CHECK_ROW(i, !c.problem.code && c.changes);
        assert_string_equal(c.amendment.edit.conditions.p, rows[i].conditions);
        vp_str value = field_of(&c, rows[i].field);
        CHECK_ROW(i, value.p && vp_str_eq(value, vp_str_of(rows[i].value)));
        change_end(&c);
    }
}

/* Order, words, new ones and lost ones at once. */
static void changes_options(void **state) {
    change c;
    change_by(&record,
              "{\"options\":[{\"id\":\"4\",\"text\":\"Water\"},{\"text\":\"Milk\"},"
              "{\"id\":\"1\",\"text\":\"Black tea\"}]}",
              NULL, 0, &c);
    const polls_edit *e = &c.amendment.edit;
    assert_true(!c.problem.code && c.changes);
    assert_string_equal(e->conditions.p, "unarchived,unclosed");
    assert_string_equal(e->removed.p, "2");
    assert_string_equal(e->new_.p, "6"); /* 5 was there once */
    assert_true(vp_str_eq(field_of(&c, "ids"), VP_STR("4,6,1")));
    assert_true(vp_str_eq(field_of(&c, "last"), VP_STR("6")));
    assert_true(vp_str_eq(field_of(&c, "folded"), VP_STR("what?\nwater\nmilk\nblack tea")));
    assert_false(field_of(&c, "max").p); /* three they are still */
    assert_int_equal(e->n_lines, 1);
    assert_true(
        vp_str_eq(e->line[0], VP_STR("{\"at\":\"2027-01-15T08:00:00Z\",\"by\":\"eva\",\"what\":"
                                     "\"option\",\"option_id\":\"1\",\"before\":\"Tea\",\"after\":"
                                     "\"Black tea\"}")));
    change_end(&c);
}

/* As many as are left is no change of how many may be chosen. */
static void lost_options_lower_the_most(void **state) {
    change c;
    change_by(&record,
              "{\"options\":[{\"id\":\"1\",\"text\":\"Tea\"},{\"id\":\"4\",\"text\":\"Water\"}]}",
              NULL, 0, &c);
    assert_string_equal(c.amendment.edit.conditions.p, "unarchived,unclosed");
    assert_true(vp_str_eq(field_of(&c, "max"), VP_STR("2")));
    change_end(&c);
}

static void no_text_passes_to_another_option(void **state) {
    static const vp_str history[] = {
        VP_STR_INIT("{\"at\":\"2027-01-15T08:00:00Z\",\"by\":\"eva\",\"what\":\"question\","
                    "\"option_id\":null,\"before\":\"Juice\",\"after\":\"What?\"}"),
        VP_STR_INIT("{\"at\":\"2027-01-15T08:00:00Z\",\"by\":\"eva\",\"what\":\"option\","
                    "\"option_id\":\"2\",\"before\":\"Mocha\",\"after\":\"Coffee\"}"),
    };
    static const struct {
        const char *one, *two;
        const char *conditions;
    } rows[] = {
        {"Coffee", "Tea", "unarchived,unvoted"},   /* swapped */
        {"Coffee", "Milk", "unarchived,unvoted"},  /* has */
        {"Mocha", "Coffee", "unarchived,unvoted"}, /* had */
        {"Tea", "Mocha", "unarchived"},            /* its own again */
        {"Juice", "Coffee", "unarchived"},         /* of the question */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        change c;
        char body[256];
        snprintf(body, sizeof body,
                 "{\"options\":[{\"id\":\"1\",\"text\":\"%s\"},{\"id\":\"2\",\"text\":\"%s\"},"
                 "{\"id\":\"4\",\"text\":\"Water\"}]}",
                 rows[i].one, rows[i].two);
        change_by(&record, body, history, COUNT(history), &c);
        CHECK_ROW(i, c.changes);
        assert_string_equal(c.amendment.edit.conditions.p, rows[i].conditions);
        change_end(&c);
    }
}

static void ids_run_out(void **state) {
    change c;
    polls_record r = record;
    r.last = POLLS_OPTION_ID_MAX;
    change_by(&r, "{\"options\":[{\"id\":\"1\",\"text\":\"Tea\"},{\"text\":\"Milk\"}]}", NULL, 0,
              &c);
    assert_true(c.problem.code == VP_EINVAL && c.problem.n_fields == 1);
    assert_string_equal(c.problem.fields[0].pointer, "/options/1");
    change_end(&c);
}

/* All words of the largest poll at once, by characters that are longest as JSON. */
static void largest_change(void **state) {
    vp_buf options, body;
    change c;
    polls_record r = record;
    vp_buf_init(&options, 1 << 20);
    vp_buf_init(&body, 1 << 20);
    vp_buf_adds(&body, "{\"question\":\"");
    for (int i = 0; i < 300; i++) vp_buf_adds(&body, "<");
    vp_buf_adds(&body, "\",\"results\":\"staff\",\"kind\":\"single\",\"options\":[");
    for (int i = 0; i < POLLS_OPTIONS_MAX; i++) {
        const char *comma = i ? "," : "";
        vp_buf_addf(&options, "%s{\"id\":\"%d\",\"text\":\"%03d", i ? "," : "[", i + 76, i);
        vp_buf_addf(&body, "%s{\"id\":\"%d\",\"text\":\"%03d", comma, i + 76, 999 - i);
        for (int k = 3; k < 200; k++) vp_buf_adds(&options, "<"), vp_buf_adds(&body, "<");
        vp_buf_adds(&options, "\"}");
        vp_buf_adds(&body, "\"}");
    }
    vp_buf_adds(&options, "]");
    vp_buf_adds(&body, "],\"opens_at\":null,\"closes_at\":null,\"voting\":\"code\","
                       "\"changeable\":true,\"article_id\":\"01K0000000000000000000000A\"}");
    r.options = vp_buf_str(&options);
    r.last = 99;
    change_by(&r, body.data, NULL, 0, &c);
    assert_true(!c.problem.code && c.changes && !c.amendment.lines.over);
    assert_int_equal(c.amendment.edit.n_lines, POLLS_EDIT_LINES);
    change_end(&c);
    vp_buf_release(&options);
    vp_buf_release(&body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(no_change),
        cmocka_unit_test(asks),
        cmocka_unit_test(changes_options),
        cmocka_unit_test(lost_options_lower_the_most),
        cmocka_unit_test(no_text_passes_to_another_option),
        cmocka_unit_test(ids_run_out),
        cmocka_unit_test(largest_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
