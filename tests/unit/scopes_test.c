/* scopes_test.c - what a token with scopes may be used for. SPDX-License-Identifier: MIT */
#include "unit.h"

#include "scopes.h"

static void check_read(const char *json, const char *wanted, const char *pointer) {
    char out[ACCOUNTS_SCOPES_MAX];
    vp_problem problem = {0};
    json_t *list = json ? json_loads(json, 0, NULL) : NULL;
    accounts_scopes_read(list, out, &problem);
    assert_int_equal(problem.code != VP_OK, pointer != NULL);
    if (pointer)
        assert_string_equal(problem.fields[0].pointer, pointer);
    else
        assert_string_equal(out, wanted);
    json_decref(list);
}

static void reads(void **state) {
    (void)state;
    check_read(NULL, "", NULL);
    check_read("[\"polls\"]", "polls", NULL);
    check_read("[\"admin\",\"polls\",\"read\",\"polls\"]", "read polls admin", NULL);
    check_read("[\"read\",\"articles\",\"comments\",\"polls\",\"admin\"]",
               "read articles comments polls admin", NULL);
    check_read("[\"read\",\"all\"]", NULL, "/scopes/1");
    check_read("[7]", NULL, "/scopes/0");
    check_read("[\"read polls\"]", NULL, "/scopes/0");
    check_read("[\"\"]", NULL, "/scopes/0");
}

static void writes(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", "null"}, {"read", "[\"read\"]"}, {"read polls", "[\"read\",\"polls\"]"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_buf out;
        vp_buf_init(&out, 256);
        accounts_scopes_write(&out, vp_str_of(rows[i][0]));
        assert_string_equal(out.data, rows[i][1]);
        vp_buf_release(&out);
    }
}

static void covers(void **state) {
    (void)state;
    static const struct {
        const char *scopes, *service;
        bool read, write;
    } rows[] = {
        {"", "polls", true, true},           {"", "", true, true},
        {"read", "polls", true, false},      {"read", "articles", true, false},
        {"read", "accounts", false, false},  {"read", "", false, false},
        {"read", "read", false, false},      {"read", "newsletter", false, false},
        {"polls", "polls", true, true},      {"polls", "articles", false, false},
        {"polls", "poll", false, false},     {"read polls", "articles", true, false},
        {"admin", "accounts", true, true},   {"admin", "", true, true},
        {"admin", "newsletter", true, true}, {"admin", "polls", false, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_str scopes = vp_str_of(rows[i].scopes);
        assert_int_equal(accounts_scopes_cover(scopes, rows[i].service, true), rows[i].read);
        assert_int_equal(accounts_scopes_cover(scopes, rows[i].service, false), rows[i].write);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads), cmocka_unit_test(writes),
                                       cmocka_unit_test(covers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
