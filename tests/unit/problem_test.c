/* problem_test.c - error bodies. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>

#include <jansson.h>

#include "problem.h"

static void writes_little(void **state) {
    vp_problem p = {.code = VP_ENOTFOUND};
    vp_buf b;
    vp_buf_init(&b, 1000);
    vp_problem_write(&b, &p, (vp_str){NULL, 0});
    assert_string_equal(b.data,
                        "{\"type\":\"about:blank\",\"title\":\"Not found\",\"status\":404}");
    vp_buf_release(&b);
}

static void writes_all(void **state) {
    vp_problem p = {0};
    vp_buf b;
    vp_buf_init(&b, 1000);
    vp_problem_field(&p, "/options/1/text", "has %d \"<\"", 3);
    vp_problem_field(&p, "?limit", "must be a number");
    assert_int_equal(p.code, VP_EINVAL);
    assert_int_equal(vp_problem_set(&p, VP_EINVAL, "Two fields are %s.", "bad"), VP_EINVAL);
    vp_problem_write(&b, &p, VP_STR("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    assert_string_equal(
        b.data,
        "{\"type\":\"about:blank\",\"title\":\"Not acceptable as it is\",\"status\":422,"
        "\"detail\":\"Two fields are bad.\",\"instance\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\","
        "\"errors\":[{\"pointer\":\"/options/1/text\",\"detail\":\"has 3 \\\"\\u003c\\\"\"},"
        "{\"pointer\":\"?limit\",\"detail\":\"must be a number\"}]}");
    vp_buf_release(&b);
}

static void keeps_the_first(void **state) {
    vp_problem p = {0};
    assert_int_equal(vp_problem_set(&p, VP_ECONFLICT, "first"), VP_ECONFLICT);
    assert_int_equal(vp_problem_set(&p, VP_EINVAL, "second"), VP_ECONFLICT);
    assert_int_equal(vp_problem_set(&p, VP_ECONFLICT, "third"), VP_ECONFLICT);
    vp_problem_field(&p, "/x", "bad");
    assert_int_equal(p.code, VP_ECONFLICT);
    assert_string_equal(p.detail, "first");
    assert_int_equal(vp_problem_set(NULL, VP_EBUSY, "nobody asks"), VP_EBUSY);
    vp_problem_field(NULL, "/x", "nobody asks");
}

static void has_room_for_some_fields(void **state) {
    vp_problem p = {0};
    for (int i = 0; i < VP_PROBLEM_FIELDS + 5; i++) vp_problem_field(&p, "/x", "%d", i);
    assert_int_equal(p.n_fields, VP_PROBLEM_FIELDS);
    assert_string_equal(p.fields[VP_PROBLEM_FIELDS - 1].detail, "15");
}

/* Texts are cut inside of a character, and bytes are no text; the body is JSON all the same. */
static void stays_json(void **state) {
    char text[400];
    for (size_t offset = 0; offset < 4; offset++) {
        vp_problem p = {0};
        vp_buf b;
        memset(text, 'x', offset);
        for (size_t i = offset; i + 4 < sizeof text; i += 4)
            memcpy(text + i, "\xF0\x9F\x98\x80", 5);
        vp_problem_field(&p, text, "%s", text);
        vp_problem_set(&p, VP_EINVAL, "%s\xFF", text);
        vp_buf_init(&b, 10000);
        vp_problem_write(&b, &p, VP_STR("/a\xFF"));
        json_t *v = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(v);
        assert_null(json_object_get(v, "instance"));
        json_decref(v);
        vp_buf_release(&b);
    }
}

static void knows_every_status(void **state) {
    for (int e = 1; e < VP_ERR_COUNT; e++) {
        vp_problem p = {.code = (vp_err)e};
        vp_buf b;
        vp_buf_init(&b, 1000);
        vp_problem_write(&b, &p, VP_STR("/polls"));
        json_t *v = json_loadb(b.data, b.len, 0, NULL);
        json_int_t status = json_integer_value(json_object_get(v, "status"));
        CHECK_ROW(e, status >= 400 && status < 600);
        CHECK_ROW(e, json_string_length(json_object_get(v, "title")) > 0);
        json_decref(v);
        vp_buf_release(&b);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_little),   cmocka_unit_test(writes_all),
        cmocka_unit_test(keeps_the_first), cmocka_unit_test(has_room_for_some_fields),
        cmocka_unit_test(stays_json),      cmocka_unit_test(knows_every_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
