/* trace_test.c - traces as W3C Trace Context writes them. SPDX-License-Identifier: MIT */
#include "unit.h"

#include "trace.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN  "00f067aa0ba902b7"
#define GOOD  "00-" TRACE "-" SPAN "-01"

static const uint8_t id[VP_ULID_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255};

static void which_are_valid(void **state) {
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {GOOD, true},
        {"00-" TRACE "-" SPAN "-ff", true},
        {"cc-" TRACE "-" SPAN "-01", true},
        {"cc-" TRACE "-" SPAN "-01-what-comes", true},
        {"cc-" TRACE "-" SPAN "-01.what", false},
        {GOOD "-more", false},
        {GOOD " ", false},
        {"ff-" TRACE "-" SPAN "-01", false},
        {"00-" TRACE "-" SPAN "-0", false},
        {"00-" TRACE "-" SPAN "-0g", false},
        {"00-00000000000000000000000000000000-" SPAN "-01", false},
        {"00-" TRACE "-0000000000000000-01", false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", false},
        {"00_" TRACE "-" SPAN "-01", false},
        {"00-" TRACE "_" SPAN "-01", false},
        {"00-" TRACE "-" SPAN "_01", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_ROW(i, vp_traceparent_valid(vp_str_of(rows[i].text)) == rows[i].valid);
    assert_false(vp_traceparent_valid((vp_str){0}));
}

static void one_begins(void **state) {
    vp_trace t;
    char text[VP_ULID_LEN + 1];
    vp_trace_begin(&t, id);
    vp_ulid_text(id, text);
    assert_string_equal(t.request, text);
    assert_string_equal(t.parent, "00-0102030405060708090a0b0c0d0e0fff-090a0b0c0d0e0fff-00");
    assert_true(vp_traceparent_valid(vp_str_of(t.parent)));
    assert_true(vp_str_eq(vp_trace_id(&t), VP_STR("0102030405060708090a0b0c0d0e0fff")));
}

static void one_is_taken_up(void **state) {
    vp_trace t;
    vp_trace_begin(&t, id);
    vp_trace_join(&t, VP_STR("rubbish"));
    assert_string_equal(t.parent, "00-0102030405060708090a0b0c0d0e0fff-090a0b0c0d0e0fff-00");
    vp_trace_join(&t, VP_STR("cc-" TRACE "-" SPAN "-01-more"));
    assert_string_equal(t.parent, "00-" TRACE "-090a0b0c0d0e0fff-01");
}

static void what_a_caller_says(void **state) {
    vp_trace t;
    vp_trace_take(&t, VP_STR("01ARZ3NDEKTSV4RRFFQ69G5FAV"), VP_STR(GOOD));
    assert_string_equal(t.request, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert_true(vp_str_eq(vp_trace_id(&t), VP_STR(TRACE)));
    vp_trace_take(&t, VP_STR("\"},{"), VP_STR("00-\"}"));
    assert_string_equal(t.request, "");
    assert_int_equal(vp_trace_id(&t).n, 0);
    vp_trace_take(&t, (vp_str){0}, (vp_str){0});
    assert_string_equal(t.parent, "");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_are_valid),
        cmocka_unit_test(one_begins),
        cmocka_unit_test(one_is_taken_up),
        cmocka_unit_test(what_a_caller_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
