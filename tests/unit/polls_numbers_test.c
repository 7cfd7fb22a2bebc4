/* polls_numbers_test.c - what goes out of a poll in numbers: cells of a table, places in the
 * journal, lists of ids. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "choices.h"
#include "csv.h"
#include "places.h"

static void cells(void **state) {
    static const struct {
        const char *text, *cell;
    } rows[] = {
        {"", ","},
        {"Tea", "Tea,"},
        {"Tea, black", "\"Tea, black\","},
        {"\"Tea\"", "\"\"\"Tea\"\"\","},
        {"a\nb", "\"a\nb\","},
        {"a\rb", "\"a\rb\","},
        {"=1+1", "'=1+1,"},
        {"=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\","},
        {"+1", "'+1,"},
        {"-1", "'-1,"},
        {"@SUM(A1)", "'@SUM(A1),"},
        {"\tx", "'\tx,"},
        {"\r=1", "\"'\r=1\","},
        {"1=1", "1=1,"},
        {"'=1", "'=1,"},
        {"\u00e4\u20ac", "\u00e4\u20ac,"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_buf out;
        vp_buf_init(&out, 4096);
        polls_csv_cell(&out, vp_str_of(rows[i].text), false);
        assert_string_equal(out.data, rows[i].cell);
        vp_buf_release(&out);
    }
}

static void lines(void **state) {
    vp_buf out;
    vp_buf_init(&out, 4096);
    polls_csv_bom(&out);
    polls_csv_number(&out, -5, false);
    polls_csv_cell(&out, VP_STR("x"), true);
    polls_csv_number(&out, 7, true);
    assert_string_equal(out.data, "\xEF\xBB\xBF-5,x\r\n7\r\n");
    vp_buf_release(&out);
}

static void key_of(uint8_t seed, vp_str poll, uint8_t key[VP_SEAL_KEY]) {
    uint8_t site[VP_SEAL_KEY];
    memset(site, seed, sizeof site);
    polls_place_key(site, poll, key);
}

static void places_come_back(void **state) {
    static const polls_place rows[] = {
        {"", 0},
        {"", 5},
        {"1732429251000-0", 0},
        {"1732429251000-0", 127},
        {"1-4294967295", 65535},
        {"281474976710655-17", 1},
    };
    uint8_t key[VP_SEAL_KEY];
    key_of(1, VP_STR("01K0000000000000000000000A"), key);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[POLLS_PLACE_TEXT + 1];
        polls_place p = {"x", -1};
        assert_int_equal(polls_place_write(key, &rows[i], text), VP_OK);
        assert_int_equal(strlen(text), POLLS_PLACE_TEXT);
        assert_int_equal(polls_place_read(key, vp_str_of(text), &p), VP_OK);
        assert_string_equal(p.entry, rows[i].entry);
        assert_int_equal(p.skip, rows[i].skip);
    }
}

/* Neither of another poll nor of another site, nor with one bit that is another; and nothing of the
 * time can be seen: places that lie beside each other are as different as any. */
static void places_are_secret(void **state) {
    uint8_t key[VP_SEAL_KEY], poll[VP_SEAL_KEY], site[VP_SEAL_KEY];
    char text[POLLS_PLACE_TEXT + 1], next[POLLS_PLACE_TEXT + 1];
    polls_place p = {"1732429251000-0", 3}, q = {"1732429251000-1", 3}, out;
    key_of(1, VP_STR("01K0000000000000000000000A"), key);
    key_of(1, VP_STR("01K0000000000000000000000B"), poll);
    key_of(2, VP_STR("01K0000000000000000000000A"), site);
    assert_int_equal(polls_place_write(key, &p, text), VP_OK);
    assert_int_equal(polls_place_write(key, &q, next), VP_OK);
    assert_int_equal(polls_place_read(poll, vp_str_of(text), &out), VP_EINVAL);
    assert_int_equal(polls_place_read(site, vp_str_of(text), &out), VP_EINVAL);
    uint8_t a[16], b[16];
    size_t n;
    int differ = 0;
    assert_int_equal(vp_seal_unbase64(vp_str_of(text), a, sizeof a, &n), VP_OK);
    assert_int_equal(vp_seal_unbase64(vp_str_of(next), b, sizeof b, &n), VP_OK);
    for (int i = 0; i < 16; i++) differ += a[i] != b[i];
    assert_true(differ >= 12);
    for (int bit = 0; bit < 128; bit++) {
        memcpy(b, a, sizeof b);
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        vp_seal_base64(b, sizeof b, next);
        CHECK_ROW(bit, polls_place_read(key, vp_str_of(next), &out) == VP_EINVAL);
    }
    static const char *odd[] = {"", "x", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAA",
                                "=="};
    for (size_t i = 0; i < COUNT(odd); i++)
        CHECK_ROW(i, polls_place_read(key, vp_str_of(odd[i]), &out) == VP_EINVAL);
}

static void names_that_are_none(void **state) {
    static const char *rows[] = {"1732429251000", "-1", "x-1", "1-x", "1-4294967296", "1-1-1"};
    uint8_t key[VP_SEAL_KEY];
    key_of(1, VP_STR("01K0000000000000000000000A"), key);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[POLLS_PLACE_TEXT + 1];
        polls_place p = {"", 0};
        memcpy(p.entry, rows[i], strlen(rows[i]) + 1);
        CHECK_ROW(i, polls_place_write(key, &p, text) == VP_EPROTO);
    }
}

static void lists(void **state) {
    static const struct {
        const char *text, *json;
    } rows[] = {{"1", "[\"1\"]"}, {"1,3,12", "[\"1\",\"3\",\"12\"]"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_buf out;
        vp_buf_init(&out, 256);
        polls_choices_write(&out, vp_str_of(rows[i].text));
        assert_string_equal(out.data, rows[i].json);
        vp_buf_release(&out);
    }
}

static int set_up(void **state) {
    return vp_seal_init();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells),
        cmocka_unit_test(lines),
        cmocka_unit_test(places_come_back),
        cmocka_unit_test(places_are_secret),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
