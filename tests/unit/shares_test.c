/* shares_test.c - whole percentages. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "shares.h"

static void shares_of_four(void **state) {
    static const struct {
        int64_t counts[4];
        int percent[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0, 0, 0}},        {{1, 1, 1, 0}, {34, 33, 33, 0}},
        {{1, 1, 1, 1}, {25, 25, 25, 25}},    {{2, 1, 0, 0}, {67, 33, 0, 0}},
        {{1, 2, 3, 1}, {14, 29, 43, 14}},    {{INT64_MAX, INT64_MAX, -5, 0}, {50, 50, 0, 0}},
        {{999999, 1, 0, 0}, {100, 0, 0, 0}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int percent[4];
        vp_shares(rows[i].counts, 4, percent);
        CHECK_ROW(i, !memcmp(percent, rows[i].percent, sizeof percent));
    }
}

/* Each is its exact share rounded down or up, and together they are the whole. */
static void shares_add_up(void **state) {
    int64_t counts[50];
    int percent[50];
    uint64_t x = 12345;
    for (int round = 0; round < 2000; round++) {
        int64_t total = 0;
        int sum = 0;
        size_t n = 1 + (size_t)round % COUNT(counts);
        for (size_t i = 0; i < n; i++) {
            x = x * 6364136223846793005U + 1442695040888963407U;
            counts[i] = (int64_t)(x >> 33) % (round % 7 ? 1000 : 3);
            total += counts[i];
        }
        vp_shares(counts, n, percent);
        for (size_t i = 0; i < n; i++) {
            sum += percent[i];
            CHECK_ROW(round, !total || (percent[i] >= counts[i] * 100 / total &&
                                        percent[i] <= counts[i] * 100 / total + 1));
        }
        CHECK_ROW(round, sum == (total ? 100 : 0));
    }
}

static void shares_of_nothing(void **state) {
    vp_shares(NULL, 0, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_of_four),
        cmocka_unit_test(shares_add_up),
        cmocka_unit_test(shares_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
