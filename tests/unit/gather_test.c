/* gather_test.c - metrics of several instances become one page. SPDX-License-Identifier: MIT */
#include "unit.h"

#include "gather.h"

static void rows_of_one_name_stand_together(void **state) {
    const gather_part parts[] = {
        {"polls", "A",
         VP_STR_INIT("# HELP x_total X.\n# TYPE x_total counter\nx_total 1\n"
                     "# TYPE y gauge\ny{a=\"b\"} 2\ny{a=\"c\"} 3\n")},
        {"articles", "B",
         VP_STR_INIT("# TYPE y gauge\ny 4\n"
                     "# HELP x_total X.\n# TYPE x_total counter\nx_total 5\n")},
    };
    vp_buf b;
    vp_buf_init(&b, 10000);
    gather_write(&b, parts, COUNT(parts));
    assert_string_equal(b.data, "# HELP x_total X.\n# TYPE x_total counter\n"
                                "x_total{service=\"polls\",instance=\"A\"} 1\n"
                                "x_total{service=\"articles\",instance=\"B\"} 5\n"
                                "# TYPE y gauge\n"
                                "y{service=\"polls\",instance=\"A\",a=\"b\"} 2\n"
                                "y{service=\"polls\",instance=\"A\",a=\"c\"} 3\n"
                                "y{service=\"articles\",instance=\"B\"} 4\n");
    vp_buf_release(&b);
}

static void odd_texts(void **state) {
    static const struct {
        vp_str text;
        const char *out;
    } rows[] = {
        {VP_STR_INIT(""), ""},
        {VP_STR_INIT("\n\n"), ""},
        {VP_STR_INIT("orphan 1\n"), ""},
        {VP_STR_INIT("# a word\n# TYPE x gauge\n\n# another\nx 1"),
         "# TYPE x gauge\nx{service=\"s\",instance=\"i\"} 1\n"},
        {VP_STR_INIT("# TYPE x gauge"), "# TYPE x gauge"},
        {VP_STR_INIT("# TYPE "), ""},
        {VP_STR_INIT("# TYPE x gauge\nx{"), "# TYPE x gauge\nx{service=\"s\",instance=\"i\",\n"},
        {VP_STR_INIT("# TYPE x gauge\nx 1\n# TYPE x gauge\nx 2\n"),
         "# TYPE x gauge\nx{service=\"s\",instance=\"i\"} 1\nx{service=\"s\",instance=\"i\"} 2\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const gather_part part = {"s", "i", rows[i].text};
        vp_buf b;
        vp_buf_init(&b, 10000);
        gather_write(&b, &part, 1);
        CHECK_ROW(i, strcmp(b.data ? b.data : "", rows[i].out) == 0);
        vp_buf_release(&b);
    }
}

static void labels_cannot_break_out(void **state) {
    const gather_part part = {"a\"b\\c\nd", "i", {NULL, 0}};
    vp_buf b;
    vp_buf_init(&b, 1000);
    gather_row(&b, VP_STR("x"), &part, VP_STR("} 1\n"));
    assert_string_equal(b.data, "x{service=\"a\\\"b\\\\c d\",instance=\"i\"} 1\n");
    vp_buf_release(&b);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_one_name_stand_together),
        cmocka_unit_test(odd_texts),
        cmocka_unit_test(labels_cannot_break_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
