/* match_test.c - what If-Match names. SPDX-License-Identifier: MIT */
#include "unit.h"

#include "match.h"

static void match_reads(void **state) {
    static const struct {
        vp_str field;
        vp_err rc;
        int64_t revision;
    } rows[] = {
        {{NULL, 0}, VP_ENEEDMATCH, 0},
        {VP_STR_INIT(""), VP_ENEEDMATCH, 0},
        {VP_STR_INIT("  "), VP_ENEEDMATCH, 0},
        {VP_STR_INIT("*"), VP_OK, VP_MATCH_ANY},
        {VP_STR_INIT(" \"3\" "), VP_OK, 3},
        {VP_STR_INIT("\"12.7\""), VP_OK, 12},
        {VP_STR_INIT("\"12.07\""), VP_OK, 12},
        {VP_STR_INIT("\"9223372036854775807.1\""), VP_OK, INT64_MAX},
        {VP_STR_INIT("\"9223372036854775808.1\""), VP_ESTALE, 0},
        {VP_STR_INIT("12.7"), VP_ESTALE, 0},
        {VP_STR_INIT("W/\"12.7\""), VP_ESTALE, 0},
        {VP_STR_INIT("\"x.1\""), VP_ESTALE, 0},
        {VP_STR_INIT("\"0.1\""), VP_ESTALE, 0},
        {VP_STR_INIT("\"-1.1\""), VP_ESTALE, 0},
        {VP_STR_INIT("\"\""), VP_ESTALE, 0},
        {VP_STR_INIT("\".\""), VP_ESTALE, 0},
        {VP_STR_INIT("\"1.2\", \"2.3\""), VP_ESTALE, 0},
        {VP_STR_INIT("\"1\", \"2\""), VP_ESTALE, 0},
        {VP_STR_INIT("\""), VP_ESTALE, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t revision = -1;
        CHECK_ROW(i, vp_match_read(rows[i].field, &revision) == rows[i].rc);
        CHECK_ROW(i, rows[i].rc || revision == rows[i].revision);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(match_reads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
