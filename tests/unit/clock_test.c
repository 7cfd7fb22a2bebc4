/* clock_test.c - clocks and RFC 3339. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <time.h>

#include "clock.h"

static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
} rows[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2026-11-24T06:20:51Z", 1795501251000},
    {"2026-11-24t06:20:51z", 1795501251000},
    {"2026-11-24T06:20:51.5Z", 1795501251500},
    {"2026-11-24T06:20:51.123456789Z", 1795501251123},
    {"2026-11-24T06:20:51.9999Z", 1795501251999},
    {"2026-11-24T06:20:51+00:00", 1795501251000},
    {"2026-11-24T06:20:51-00:00", 1795501251000},
    {"2026-11-24T07:50:51+01:30", 1795501251000},
    {"2026-11-23T22:20:51-08:00", 1795501251000},
    {"2026-11-25T06:19:51+23:59", 1795501251000},
    {"1970-01-01T01:00:00+01:00", 0},
    {"1969-12-31T23:00:00-01:00", 0},
    {"1970-01-01T00:00:00+00:01", -1},
    {"1969-12-31T23:59:59Z", -1},
    {"0000-01-01T00:00:00Z", -1},
    {"9999-12-31T23:59:59Z", 253402300799000},
    {"9999-12-31T23:59:59.999Z", 253402300799999},
    {"9999-12-31T23:59:59-00:01", -1},
    {"10000-01-01T00:00:00Z", -1},
    {"2024-02-29T00:00:00Z", 1709164800000},
    {"2023-02-29T00:00:00Z", -1},
    {"2000-02-29T12:00:00Z", 951825600000},
    {"2100-02-29T00:00:00Z", -1},
    {"2100-03-01T00:00:00Z", 4107542400000},
    {"2026-04-30T23:59:59Z", 1777593599000},
    {"2026-04-31T00:00:00Z", -1},
    {"2026-00-01T00:00:00Z", -1},
    {"2026-13-01T00:00:00Z", -1},
    {"2026-01-00T00:00:00Z", -1},
    {"2026-01-32T00:00:00Z", -1},
    {"2026-01-01T24:00:00Z", -1},
    {"2026-01-01T23:60:00Z", -1},
    {"2026-01-01T23:59:61Z", -1},
    {"2016-12-31T23:59:60Z", 1483228800000}, /* a leap second */
    {"2017-01-01T00:59:60+01:00", 1483228800000},
    {"2016-12-31T23:58:60Z", -1},
    {"2026-01-01T00:00:00", -1},
    {"2026-01-01T00:00:00+1:00", -1},
    {"2026-01-01T00:00:00+0100", -1},
    {"2026-01-01T00:00:00+24:00", -1},
    {"2026-01-01T00:00:00+01:60", -1},
    {"2026-01-01T00:00:00*01:00", -1},
    {"2026-01-01T00:00:00.Z", -1},
    {"2026-01-01T00:00:00,5Z", -1},
    {"2026-01-01T00:00:00Z ", -1},
    {"2026-01-01T00:00:00ZZ", -1},
    {" 2026-01-01T00:00:00Z", -1},
    {"2026-01-01 00:00:00Z", -1},
    {"2026-01-01T00:00Z", -1},
    {"2026-1-1T00:00:00Z", -1},
    {"2026-01-01", -1},
    {"-026-01-01T00:00:00Z", -1},
    {"+2026-01-01T00:00:00Z", -1},
    {"1795501251", -1},
    {"tomorrow", -1},
    {"", -1},
};

static void parses(void **state) {
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ms = -7;
        vp_err rc = vp_time_parse(vp_str_of(rows[i].text), &ms);
        CHECK_ROW(i, rc == (rows[i].ms < 0 ? VP_EINVAL : VP_OK));
        CHECK_ROW(i, ms == (rows[i].ms < 0 ? -7 : rows[i].ms));
    }
}

/* No prefix of a good time is one, and none makes it read behind its end. */
static void refuses_prefixes(void **state) {
    static const char text[] = "2026-11-24T06:20:51.5+01:00";
    int64_t ms;
    for (size_t n = 0; n < sizeof text - 1; n++)
        CHECK_ROW(n, vp_time_parse(vp_str_n(text, n), &ms) == VP_EINVAL);
    assert_int_equal(vp_time_parse(vp_str_n(text, sizeof text - 1), &ms), VP_OK);
}

static void writes_and_reads_back(void **state) {
    /* A prime step visits every time of day and every day of the calendar in turn. */
    for (int64_t s = 0; s <= 253402300799; s += 7368787) {
        char text[VP_TIME_LEN + 1], want[64];
        int64_t ms = -1;
        time_t t = (time_t)s;
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", &tm);
        vp_time_text(s * 1000 + 999, text);
        assert_string_equal(text, want);
        assert_int_equal(vp_time_parse(vp_str_of(text), &ms), VP_OK);
        assert_int_equal(ms, s * 1000);
    }
}

static void writes_ends_of_years(void **state) {
    for (int y = 1970; y < 9999; y++) {
        char text[VP_TIME_LEN + 1], want[64];
        int64_t ms;
        snprintf(want, sizeof want, "%04d-12-31T23:59:59Z", y);
        assert_int_equal(vp_time_parse(vp_str_of(want), &ms), VP_OK);
        vp_time_text(ms, text);
        assert_string_equal(text, want);
        snprintf(want, sizeof want, "%04d-01-01T00:00:00Z", y + 1);
        vp_time_text(ms + 1000, text);
        assert_string_equal(text, want);
    }
}

static void keeps_within_its_years(void **state) {
    char text[VP_TIME_LEN + 1];
    vp_time_text(-1, text);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    vp_time_text(INT64_MIN, text);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    vp_time_text(253402300800000, text);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
    vp_time_text(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
}

static void clocks_go(void **state) {
    int64_t us = vp_clock_us(), ms = vp_clock_ms(), wall = vp_clock_wall();
    assert_true(vp_clock_us() >= us);
    assert_true(vp_clock_ms() >= ms);
    assert_true(ms >= us / 1000 && ms - us / 1000 < 60000);
    assert_true(wall / 1000 - (int64_t)time(NULL) <= 0 && wall / 1000 > (int64_t)time(NULL) - 60);
    while (vp_clock_us() == us) continue;
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(refuses_prefixes),
        cmocka_unit_test(writes_and_reads_back),
        cmocka_unit_test(writes_ends_of_years),
        cmocka_unit_test(keeps_within_its_years),
        cmocka_unit_test(clocks_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
