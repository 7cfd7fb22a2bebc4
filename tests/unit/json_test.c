/* json_test.c - reading, checking and writing JSON. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "json.h"

static json_t *parse(const char *text) {
    json_t *v;
    vp_fault why = {""};
    if (vp_json_parse(vp_str_of(text), &v, &why)) fail_msg("%s: %s", text, why.text);
    return v;
}

static void writes_what_it_read(void **state) {
    static const struct {
        const char *in, *out; /* out NULL: the same */
    } rows[] = {
        {"{}", NULL},
        {"[]", NULL},
        {"null", NULL},
        {"true", NULL},
        {"false", NULL},
        {"0", NULL},
        {"-9223372036854775808", NULL},
        {"9223372036854775807", NULL},
        {"1.5", NULL},
        {"1e300", NULL},
        {"0.1", NULL},
        {"33.3", NULL},
        {"0.30000000000000004", NULL},
        {"-0.0", NULL},
        {"\"\"", NULL},
        {"\"a\\nb\"", NULL},
        {"\"\\u00e4\\ud83d\\ude00\"", "\"\xC3\xA4\xF0\x9F\x98\x80\""},
        {"\"</script>\"", "\"\\u003c/script>\""},
        {" { \"z\" : 1 , \"a\" : [ 1 , 2.0 , { } ] } ", "{\"z\":1,\"a\":[1,2.0,{}]}"},
        {"{\"b\":{\"c\":null},\"a\":[[],[1]]}", NULL},
        {"{\"\":1,\"\\\"\":2}", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_buf b;
        json_t *v = parse(rows[i].in);
        vp_buf_init(&b, 1000);
        vp_json_write(&b, v);
        assert_string_equal(b.data, rows[i].out ? rows[i].out : rows[i].in);
        vp_buf_release(&b);
        json_decref(v);
    }
}

static const struct {
    vp_str text;
    const char *word;
} bad_rows[] = {
    {VP_STR_INIT(""), ""},
    {VP_STR_INIT(" "), ""},
    {VP_STR_INIT("{"), "line 1"},
    {VP_STR_INIT("{\"a\":1"), "ends too early"},
    {VP_STR_INIT("{\n\"a\":1,\n\"a\":2}"), "line 3"},
    {VP_STR_INIT("{\"a\":1,\"a\":1}"), "twice"},
    {VP_STR_INIT("{\"a\":1,\"\\u0061\":1}"), "twice"},
    {VP_STR_INIT("{\"x\":{\"a\":1,\"a\":1}}"), "twice"},
    {VP_STR_INIT("\"\\u0000\""), "NUL"},
    {VP_STR_INIT("{\"a\\u0000b\":1}"), "NUL"},
    {VP_STR_INIT("\"a\0b\""), ""},
    {VP_STR_INIT("1\0"), ""},
    {VP_STR_INIT("\"\xFF\""), "UTF-8"},
    {VP_STR_INIT("\"\xC0\x80\""), "UTF-8"},
    {VP_STR_INIT("\"\xED\xA0\x80\""), "UTF-8"},
    {VP_STR_INIT("\"\xC3\""), "UTF-8"},
    {VP_STR_INIT("\"\\ud800\""), ""},
    {VP_STR_INIT("\"\\udc00\""), ""},
    {VP_STR_INIT("\"\\ud800\\ud800\""), ""},
    {VP_STR_INIT("\"\n\""), ""},
    {VP_STR_INIT("\"\\x\""), ""},
    {VP_STR_INIT("1 2"), "more text"},
    {VP_STR_INIT("{} x"), "more text"},
    {VP_STR_INIT("9223372036854775808"), "out of range"},
    {VP_STR_INIT("1e999"), "out of range"},
    {VP_STR_INIT("01"), ""},
    {VP_STR_INIT("+1"), ""},
    {VP_STR_INIT(".5"), ""},
    {VP_STR_INIT("NaN"), ""},
    {VP_STR_INIT("[1,]"), ""},
    {VP_STR_INIT("{\"a\":1,}"), ""},
    {VP_STR_INIT("{a:1}"), ""},
    {VP_STR_INIT("'a'"), ""},
    {VP_STR_INIT("/* */ 1"), ""},
    {VP_STR_INIT("\xEF\xBB\xBF{}"), ""},
    {VP_STR_INIT("]"), ""},
    {VP_STR_INIT("\"\\"), ""},
};

static void refuses(void **state) {
    for (size_t i = 0; i < COUNT(bad_rows); i++) {
        json_t *v = (json_t *)&v;
        vp_fault why = {""};
        CHECK_ROW(i, vp_json_parse(bad_rows[i].text, &v, &why) == VP_ESYNTAX);
        CHECK_ROW(i, v == NULL && why.text[0]);
        if (!strstr(why.text, bad_rows[i].word)) fail_msg("row %d: %s", (int)i, why.text);
        CHECK_ROW(i, vp_str_is_utf8(vp_str_of(why.text)));
        CHECK_ROW(i, vp_json_parse(bad_rows[i].text, &v, NULL) == VP_ESYNTAX);
    }
    json_t *v;
    assert_int_equal(vp_json_parse((vp_str){NULL, 0}, &v, NULL), VP_ESYNTAX);
}

static void has_a_depth(void **state) {
    static const char *const opens[] = {"[", "{\"a\":"}, *const closes[] = {"]", "}"};
    for (int kind = 0; kind < 2; kind++) {
        for (int depth = 15; depth <= 18; depth++) {
            vp_buf b;
            json_t *v;
            vp_buf_init(&b, 1000);
            for (int i = 0; i < depth; i++) vp_buf_adds(&b, opens[kind]);
            vp_buf_adds(&b, "1");
            for (int i = 0; i < depth; i++) vp_buf_adds(&b, closes[kind]);
            vp_err rc = vp_json_parse(vp_buf_str(&b), &v, NULL);
            assert_int_equal(rc, depth <= VP_JSON_MAX_DEPTH ? VP_OK : VP_ESYNTAX);
            json_decref(v);
            vp_buf_release(&b);
        }
    }
    /* Wide is not deep, nor are brackets in a text. */
    json_decref(parse("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]"));
    json_decref(parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[\""));
    json_decref(parse("[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[\"]"));
    json_decref(parse("[\"\\\\\",[]]"));
}

static void survives_a_bomb(void **state) {
    size_t n = 1000000;
    json_t *v;
    char *text = malloc(n);
    memset(text, '[', n);
    assert_int_equal(vp_json_parse(vp_str_n(text, n), &v, NULL), VP_ESYNTAX);
    free(text);
}

static const vp_json_rule rules[] = {
    {"title", VP_JSON_TEXT, true, 1, 5},  {"kind", VP_JSON_TEXT, false, 0, 0, "single multiple"},
    {"free", VP_JSON_TEXT, false, 0, 0},  {"least", VP_JSON_TEXT, false, 3, 0},
    {"count", VP_JSON_INT, false, 1, 10}, {"any", VP_JSON_INT, false, 0, 0},
    {"open", VP_JSON_BOOL, false},        {"options", VP_JSON_LIST, false, 2, 3},
    {"more", VP_JSON_OBJECT, false},      {"at", VP_JSON_TIME, false},
    {"poll", VP_JSON_ID, false},          {NULL},
};

/* An object beside a title that is fine, unless it has its own, and where it is wrong. */
static const struct {
    const char *members, *pointer, *word;
} check_rows[] = {
    {"\"title\":\"ok\"", NULL, NULL},
    {"\"title\":\"ok\",\"unknown\":1", NULL, NULL},
    {"\"title\":\"  \xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4 \\n\"", NULL, NULL},
    {"\"title\":\"123456\"", "/title", "at most 5 characters"},
    {"\"title\":\"\"", "/title", "empty"},
    {"\"title\":\" \\t\\n\"", "/title", "empty"},
    {"\"title\":null", "/title", "needed"},
    {"\"x\":1", "/title", "needed"},
    {"\"title\":5", "/title", "text"},
    {"\"title\":[\"a\"]", "/title", "text"},
    {"\"title\":\"a\",\"kind\":null", NULL, NULL},
    {"\"title\":\"a\",\"kind\":\"single\"", NULL, NULL},
    {"\"title\":\"a\",\"kind\":\" multiple \"", NULL, NULL},
    {"\"title\":\"a\",\"kind\":\"singl\"", "/kind", "one of: single multiple"},
    {"\"title\":\"a\",\"kind\":\"single multiple\"", "/kind", "one of"},
    {"\"title\":\"a\",\"kind\":\"\"", "/kind", "one of"},
    {"\"title\":\"a\",\"free\":\"any length at all\"", NULL, NULL},
    {"\"title\":\"a\",\"least\":\"ab\"", "/least", "at least 3"},
    {"\"title\":\"a\",\"least\":\"abc and more\"", NULL, NULL},
    {"\"title\":\"a\",\"count\":1", NULL, NULL},
    {"\"title\":\"a\",\"count\":10", NULL, NULL},
    {"\"title\":\"a\",\"count\":0", "/count", "from 1 to 10"},
    {"\"title\":\"a\",\"count\":11", "/count", "from 1 to 10"},
    {"\"title\":\"a\",\"count\":1.0", "/count", "whole number"},
    {"\"title\":\"a\",\"count\":\"1\"", "/count", "whole number"},
    {"\"title\":\"a\",\"any\":-9223372036854775808", NULL, NULL},
    {"\"title\":\"a\",\"open\":true", NULL, NULL},
    {"\"title\":\"a\",\"open\":false", NULL, NULL},
    {"\"title\":\"a\",\"open\":0", "/open", "true or false"},
    {"\"title\":\"a\",\"open\":\"true\"", "/open", "true or false"},
    {"\"title\":\"a\",\"options\":[1,2]", NULL, NULL},
    {"\"title\":\"a\",\"options\":[]", "/options", "empty"},
    {"\"title\":\"a\",\"options\":[1]", "/options", "at least 2 elements"},
    {"\"title\":\"a\",\"options\":[1,2,3,4]", "/options", "at most 3 elements"},
    {"\"title\":\"a\",\"options\":{}", "/options", "list"},
    {"\"title\":\"a\",\"more\":{}", NULL, NULL},
    {"\"title\":\"a\",\"more\":[]", "/more", "object"},
    {"\"title\":\"a\",\"at\":\"2026-11-24T06:20:51Z\"", NULL, NULL},
    {"\"title\":\"a\",\"at\":\"2026-11-24\"", "/at", "time"},
    {"\"title\":\"a\",\"at\":1795501251", "/at", "text"},
    {"\"title\":\"a\",\"poll\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\"", NULL, NULL},
    {"\"title\":\"a\",\"poll\":\"01arz3ndektsv4rrffq69g5fav\"", "/poll", "id"},
};

static void checks(void **state) {
    for (size_t i = 0; i < COUNT(check_rows); i++) {
        char text[200], pointer[100];
        snprintf(text, sizeof text, "{%s}", check_rows[i].members);
        json_t *v = parse(text);
        vp_problem p = {0};
        vp_err rc = vp_json_check(v, rules, "/poll", &p);
        CHECK_ROW(i, rc == (check_rows[i].pointer ? VP_EINVAL : VP_OK));
        CHECK_ROW(i, p.code == rc && p.n_fields == (rc ? 1 : 0));
        CHECK_ROW(i, vp_json_check(v, rules, "", NULL) == rc);
        json_decref(v);
        if (!rc) continue;
        snprintf(pointer, sizeof pointer, "/poll%s", check_rows[i].pointer);
        assert_string_equal(p.fields[0].pointer, pointer);
        if (!strstr(p.fields[0].detail, check_rows[i].word))
            fail_msg("row %d: %s", (int)i, p.fields[0].detail);
    }
}

static void lists_all_bad_fields(void **state) {
    json_t *v = parse("{\"count\":0,\"open\":1,\"options\":[],\"at\":\"x\",\"poll\":\"x\"}");
    vp_problem p = {0};
    assert_int_equal(vp_json_check(v, rules, "", &p), VP_EINVAL);
    assert_int_equal(p.n_fields, 6);
    for (int i = 0; i < 4; i++) assert_int_equal(vp_json_check(v, rules, "", &p), VP_EINVAL);
    assert_int_equal(p.n_fields, VP_PROBLEM_FIELDS);
    json_decref(v);
}

static void keeps_an_earlier_code(void **state) {
    json_t *bad = parse("{}"), *good = parse("{\"title\":\"a\"}");
    vp_problem p = {.code = VP_ECONFLICT};
    assert_int_equal(vp_json_check(good, rules, "", &p), VP_OK);
    assert_int_equal(vp_json_check(bad, rules, "", &p), VP_EINVAL);
    assert_int_equal(p.code, VP_ECONFLICT);
    json_decref(bad);
    json_decref(good);
}

static void checks_objects_only(void **state) {
    static const char *const rows[] = {"[]", "\"title\"", "1", "null", "true"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *v = parse(rows[i]);
        vp_problem p = {0};
        assert_int_equal(vp_json_check(v, rules, "/options/1", &p), VP_EINVAL);
        assert_string_equal(p.fields[0].pointer, "/options/1");
        json_decref(v);
    }
    assert_int_equal(vp_json_check(NULL, rules, "", NULL), VP_EINVAL);
}

static void reads_members(void **state) {
    json_t *v = parse("{\"t\":\" a \",\"e\":\"\",\"i\":7,\"y\":true,\"n\":false,\"z\":null}");
    assert_true(vp_str_eq(vp_json_text(v, "t"), VP_STR(" a ")));
    assert_non_null(vp_json_text(v, "e").p);
    assert_null(vp_json_text(v, "missing").p);
    assert_null(vp_json_text(v, "z").p);
    assert_null(vp_json_text(v, "i").p);
    assert_int_equal(vp_json_int(v, "i", 3), 7);
    assert_int_equal(vp_json_int(v, "missing", 3), 3);
    assert_int_equal(vp_json_int(v, "z", 3), 3);
    assert_int_equal(vp_json_int(v, "t", 3), 3);
    assert_true(vp_json_bool(v, "y", false));
    assert_false(vp_json_bool(v, "n", true));
    assert_true(vp_json_bool(v, "z", true));
    assert_false(vp_json_bool(v, "i", false));
    assert_null(vp_json_text(NULL, "t").p);
    assert_int_equal(vp_json_int(NULL, "t", 3), 3);
    json_decref(v);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_it_read),
        cmocka_unit_test(refuses),
        cmocka_unit_test(has_a_depth),
        cmocka_unit_test(survives_a_bomb),
        cmocka_unit_test(checks),
        cmocka_unit_test(lists_all_bad_fields),
        cmocka_unit_test(keeps_an_earlier_code),
        cmocka_unit_test(checks_objects_only),
        cmocka_unit_test(reads_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
