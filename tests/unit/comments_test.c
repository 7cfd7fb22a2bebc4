/* comments_test.c - comments read from JSON, threads and topic states written as JSON.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include "comment_form.h"
#include "thread.h"

#define ARTICLE_ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define PARENT_ID  "01BX5ZZKBKACTAV9WEVGEMMVRZ"
enum { NOW = 1795000000 };

static bool read_comment(const char *text, bool staff, comment_form *form, json_t **body,
                         vp_problem *problem) {
    vp_fault why = {0};
    memset(problem, 0, sizeof *problem);
    memset(form, 0, sizeof *form);
    assert_int_equal(vp_json_parse(vp_str_of(text), body, &why), VP_OK);
    if (vp_json_check(*body, comment_rules, "", problem)) return false;
    return comment_form_read(form, VP_STR(ARTICLE_ID), *body, staff, NOW * 1000LL, problem);
}

static void reads_a_comment(void **state) {
    (void)state;
    comment_form form;
    vp_problem problem;
    json_t *body;
    char head[512];
    assert_true(read_comment("{\"author_name\":\" <b>Ann</b> \",\"author_email\":\"a@b.c\","
                             "\"body_markdown\":\"Hi *you*\",\"parent_id\":\"" PARENT_ID "\"}",
                             true, &form, &body, &problem));
    snprintf(head, sizeof head,
             "1 \"Hi you\"\n{\"id\":\"%s\",\"article_id\":\"" ARTICLE_ID
             "\",\"parent_id\":\"" PARENT_ID "\"",
             form.id);
    assert_string_equal(form.head.data, head);
    assert_string_equal(form.tail.data,
                        ",\"author\":{\"name\":\"\\u003cb>Ann\\u003c/b>\",\"badge\":\"staff\"},"
                        "\"body_html\":\"\\u003cp>Hi \\u003cem>you\\u003c/em>\\u003c/p>\\n\","
                        "\"created_at\":\"2026-11-18T11:06:40Z\",\"edited_at\":null,"
                        "\"status\":\"approved\",\"revision\":1");
    assert_true(vp_str_eq(form.email, VP_STR("a@b.c")));
    assert_null(strstr(form.tail.data, "a@b.c"));
    comment_form_release(&form);
    json_decref(body);
}

#define COMMENT(more) "{\"author_name\":\"A\",\"body_markdown\":\"x\"" more "}"
static const struct {
    const char *text, *pointer; /* NULL: accepted */
} bodies[] = {
    {COMMENT(""), NULL},
    {COMMENT(",\"parent_id\":null,\"author_email\":\"\""), NULL},
    {COMMENT(",\"parent_id\":\"x\""), "/parent_id"},
    {COMMENT(",\"author_email\":\"x\""), "/author_email"},
    {COMMENT(",\"author_email\":\"a@b@c\""), "/author_email"},
    {COMMENT(",\"author_email\":\"a b@c\""), "/author_email"},
    {"{\"author_name\":\"  \",\"body_markdown\":\"x\"}", "/author_name"},
    {"{\"author_name\":\"a\\nb\",\"body_markdown\":\"x\"}", "/author_name"},
    {"{\"author_name\":\"a\",\"body_markdown\":\" \\n \"}", "/body_markdown"},
    {"{\"author_name\":7,\"body_markdown\":\"x\"}", "/author_name"},
    {"{\"author_name\":\"a\",\"body_markdown\":\"<script>x</script>\"}", NULL},
};

static void refuses_bad_comments(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        comment_form form;
        vp_problem problem;
        json_t *body;
        CHECK_ROW(i, read_comment(bodies[i].text, false, &form, &body, &problem) ==
                         !bodies[i].pointer);
        if (bodies[i].pointer) assert_string_equal(problem.fields[0].pointer, bodies[i].pointer);
        comment_form_release(&form);
        json_decref(body);
    }
}

/* 10,000 quotation marks are 10,000 nested blocks. */
static void refuses_what_becomes_too_large(void **state) {
    (void)state;
    comment_form form;
    vp_problem problem;
    json_t *body;
    vp_buf text;
    vp_buf_init(&text, 32 * 1024);
    vp_buf_adds(&text, "{\"author_name\":\"A\",\"body_markdown\":\"");
    for (int i = 0; i < COMMENT_BODY_CHARS; i++) vp_buf_addc(&text, '>');
    vp_buf_adds(&text, "\"}");
    assert_false(read_comment(text.data, false, &form, &body, &problem));
    assert_string_equal(problem.fields[0].pointer, "/body_markdown");
    comment_form_release(&form);
    json_decref(body);
    vp_buf_release(&text);
}

static void takes_shown_texts_apart(void **state) {
    (void)state;
    thread_shown shown;
    assert_true(thread_shown_read(VP_STR("3 \"Hi \\\"you\\\"\"\n{\"id\":\"" PARENT_ID
                                         "\",\"article_id\":\"" ARTICLE_ID "\",\"x\":1"),
                                  &shown));
    assert_int_equal(shown.revision, 3);
    assert_true(vp_str_eq(shown.excerpt, VP_STR("\"Hi \\\"you\\\"\"")));
    assert_true(vp_str_eq(shown.id, VP_STR(PARENT_ID)));
    assert_true(vp_str_eq(shown.article, VP_STR(ARTICLE_ID)));
    assert_false(thread_shown_read((vp_str){0}, &shown));
    assert_false(thread_shown_read(VP_STR("1 \"x\"\n{}"), &shown));
    assert_false(thread_shown_read(VP_STR("1"), &shown));
}

#define SHOWN(digit)                                                                               \
    VP_STR_INIT("1 \"x\"\n{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FA" digit                               \
                "\",\"article_id\":\"" ARTICLE_ID "\"")
static const struct {
    int level;
    vp_str text;
} rows[] = {{0, SHOWN("0")}, {1, SHOWN("1")}, {2, SHOWN("2")},
            {1, SHOWN("3")}, {0, SHOWN("4")}, {1, SHOWN("5")}};

static const char *last_digit(const json_t *comment) {
    return json_string_value(json_object_get(comment, "id")) + VP_ULID_LEN - 1;
}

static void nests_comments(void **state) {
    (void)state;
    vp_buf out;
    thread_tree tree = {0};
    json_t *list, *reply;
    vp_fault why = {0};
    vp_buf_init(&out, 8192);
    vp_buf_addc(&out, '[');
    for (size_t i = 0; i < COUNT(rows); i++)
        thread_tree_add(&tree, &out, rows[i].level, 9, rows[i].text);
    thread_tree_end(&tree, &out);
    vp_buf_addc(&out, ']');
    assert_int_equal(vp_json_parse(vp_buf_str(&out), &list, &why), VP_OK);
    assert_int_equal(json_array_size(list), 2);
    const json_t *replies = json_object_get(json_array_get(list, 0), "replies");
    assert_int_equal(json_array_size(replies), 2);
    assert_string_equal(last_digit(json_array_get(replies, 1)), "3");
    reply = json_array_get(json_object_get(json_array_get(replies, 0), "replies"), 0);
    assert_string_equal(last_digit(reply), "2");
    assert_int_equal(json_integer_value(json_object_get(reply, "reply_count")), 9);
    replies = json_object_get(json_array_get(list, 1), "replies");
    assert_string_equal(last_digit(json_array_get(replies, 0)), "5");
    json_decref(list);
    vp_buf_release(&out);
}

static void writes_topic_states(void **state) {
    (void)state;
    vp_buf out;
    vp_buf_init(&out, 1024);
    thread_state_write(&out, VP_STR("article:" ARTICLE_ID), 2, VP_STR("B A"));
    assert_string_equal(out.data, "{\"topic\":\"article:" ARTICLE_ID
                                  "\",\"comment_count\":2,\"newest\":[\"B\",\"A\"]}");
    vp_buf_clear(&out);
    thread_state_write(&out, VP_STR("article:" ARTICLE_ID), 0, (vp_str){0});
    assert_string_equal(out.data,
                        "{\"topic\":\"article:" ARTICLE_ID "\",\"comment_count\":0,\"newest\":[]}");
    vp_buf_release(&out);
}

static void reads_facts(void **state) {
    (void)state;
    thread_article article;
    thread_fact fact = thread_fact_read(VP_STR("12 1795000000000"));
    assert_int_equal(fact.count, 12);
    assert_true(fact.version == 1795000000000);
    fact = thread_fact_read((vp_str){0});
    assert_true(fact.count == 0 && fact.version == 1);
    assert_true(thread_article_read(VP_STR("3 published 1 a-slug A Title"), &article));
    assert_true(article.open && vp_str_eq(article.slug, VP_STR("a-slug")));
    assert_true(vp_str_eq(article.title, VP_STR("A Title")));
    assert_true(thread_article_read(VP_STR("3 archived 1 s T"), &article) && !article.open);
    assert_false(thread_article_read(VP_STR("3 draft 1 s T"), &article));
    assert_false(thread_article_read((vp_str){0}, &article));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_comment),
        cmocka_unit_test(refuses_bad_comments),
        cmocka_unit_test(refuses_what_becomes_too_large),
        cmocka_unit_test(takes_shown_texts_apart),
        cmocka_unit_test(nests_comments),
        cmocka_unit_test(writes_topic_states),
        cmocka_unit_test(reads_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
