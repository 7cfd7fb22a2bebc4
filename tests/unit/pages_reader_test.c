/* pages_reader_test.c - the quick reader against jansson's own. SPDX-License-Identifier: MIT */
#include "unit.h"

#include "json.h"
#include "reader.h"

static void check_same(int row, vp_str text) {
    json_t *quick, *slow;
    vp_err rc = reader_json(text, &quick), expected = vp_json_parse(text, &slow, NULL);
    CHECK_ROW(row, rc == expected);
    CHECK_ROW(row, (quick != NULL) == (slow != NULL));
    if (quick) CHECK_ROW(row, json_equal(quick, slow));
    json_decref(quick);
    json_decref(slow);
}

static const vp_str texts[] = {
    VP_STR_INIT("{}"),
    VP_STR_INIT("[]"),
    VP_STR_INIT(" { \"a\" : [ 1 , -2, 3.5e2, true,false , null ] , \"b\":{\"c\":\"d\"}}\n"),
    VP_STR_INIT("\"\""),
    VP_STR_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    VP_STR_INIT("\"a\\u003cb\\u00e9\\u20ac\\ud83e\\udd8a!\""),
    VP_STR_INIT("\"\xF0\x9F\xA6\x8A plain\""),
    VP_STR_INIT("0"),
    VP_STR_INIT("-0"),
    VP_STR_INIT("9223372036854775807"),
    VP_STR_INIT("-9223372036854775808"),
    VP_STR_INIT("1E5"),
    VP_STR_INIT("{\"\":1}"),
    /* none of these is JSON as we take it */
    VP_STR_INIT(""),
    VP_STR_INIT(" "),
    VP_STR_INIT("{"),
    VP_STR_INIT("["),
    VP_STR_INIT("[1"),
    VP_STR_INIT("[1,"),
    VP_STR_INIT("[1,]"),
    VP_STR_INIT("[,1]"),
    VP_STR_INIT("{\"a\"}"),
    VP_STR_INIT("{\"a\":}"),
    VP_STR_INIT("{\"a\":1,}"),
    VP_STR_INIT("{a:1}"),
    VP_STR_INIT("{} {}"),
    VP_STR_INIT("tru"),
    VP_STR_INIT("truex"),
    VP_STR_INIT("01"),
    VP_STR_INIT("-"),
    VP_STR_INIT("+1"),
    VP_STR_INIT("1."),
    VP_STR_INIT(".5"),
    VP_STR_INIT("1e"),
    VP_STR_INIT("1e999"),
    VP_STR_INIT("9223372036854775808"),
    VP_STR_INIT("\""),
    VP_STR_INIT("\"\\"),
    VP_STR_INIT("\"\\\""),
    VP_STR_INIT("\"\\x\""),
    VP_STR_INIT("\"\\u12\""),
    VP_STR_INIT("\"\\u12g4\""),
    VP_STR_INIT("\"\\u0000\""),
    VP_STR_INIT("\"\\ud800\""),
    VP_STR_INIT("\"\\ud800\\u0041\""),
    VP_STR_INIT("\"\\udc00\""),
    VP_STR_INIT("\"a\nb\""),
    VP_STR_INIT("\"\xFF\""),
    VP_STR_INIT("\"\xC0\xAF\""),
    VP_STR_INIT("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"),
    VP_STR_INIT("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"),
};

static void test_table(void **state) {
    for (size_t i = 0; i < COUNT(texts); i++) check_same((int)i, texts[i]);
    check_same(-1, vp_str_n("{\"a\":\"b\0\"}", 10));
}

/* Every beginning of a text, so that the end is met everywhere; exact copies show reads past it. */
static void test_cut(void **state) {
    for (size_t i = 0; i < COUNT(texts); i++) {
        for (size_t n = 0; n < texts[i].n; n++) {
            char *copy = test_malloc(n + 1);
            memcpy(copy, texts[i].p, n);
            check_same((int)i, vp_str_n(copy, n));
            test_free(copy);
        }
    }
}

static void test_doubles(void **state) {
    json_t *v;
    assert_int_equal(reader_json(VP_STR("{\"a\":1,\"a\":2}"), &v), VP_OK);
    assert_int_equal(vp_json_int(v, "a", 0), 2);
    json_decref(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_cut),
                                       cmocka_unit_test(test_doubles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
