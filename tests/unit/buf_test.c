/* buf_test.c - bytes, UTF-8, numbers and growing buffers. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "buf.h"

static void compares(void **state) {
    assert_true(vp_str_eq(VP_STR("ab"), vp_str_n("abc", 2)));
    assert_false(vp_str_eq(VP_STR("ab"), VP_STR("abc")));
    assert_true(vp_str_eq((vp_str){NULL, 0}, VP_STR("")));
    assert_true(vp_str_eq_nocase(VP_STR("Content-LENGTH"), VP_STR("content-length")));
    assert_false(vp_str_eq_nocase(VP_STR("@"), VP_STR("`"))); /* these differ in the same bit */
    assert_false(vp_str_eq_nocase(VP_STR("\xC4"), VP_STR("\xE4")));
    assert_true(vp_str_starts(VP_STR("abc"), VP_STR("ab")));
    assert_true(vp_str_starts(VP_STR("abc"), VP_STR("")));
    assert_true(vp_str_starts((vp_str){NULL, 0}, (vp_str){NULL, 0}));
    assert_false(vp_str_starts(VP_STR("a"), VP_STR("ab")));
}

static void trims(void **state) {
    static const struct {
        vp_str in, out;
    } rows[] = {
        {VP_STR_INIT(""), VP_STR_INIT("")},
        {VP_STR_INIT(" \t\r\n\v\f"), VP_STR_INIT("")},
        {VP_STR_INIT("  a b "), VP_STR_INIT("a b")},
        {VP_STR_INIT("a"), VP_STR_INIT("a")},
        {VP_STR_INIT("\xC2\xA0"), VP_STR_INIT("\xC2\xA0")}, /* only ASCII */
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_ROW(i, vp_str_eq(vp_str_trim(rows[i].in), rows[i].out));
    assert_int_equal(vp_str_trim((vp_str){NULL, 0}).n, 0);
}

static const struct {
    vp_str text;
    bool ok;
} utf8_rows[] = {
    {VP_STR_INIT(""), true},
    {VP_STR_INIT("plain text of more than eight bytes"), true},
    {VP_STR_INIT("\x7F"), true},
    {VP_STR_INIT("\xC2\x80"), true},
    {VP_STR_INIT("\xDF\xBF"), true},
    {VP_STR_INIT("\xE0\xA0\x80"), true},
    {VP_STR_INIT("\xED\x9F\xBF"), true},     /* U+D7FF */
    {VP_STR_INIT("\xEE\x80\x80"), true},     /* U+E000 */
    {VP_STR_INIT("\xEF\xBF\xBF"), true},     /* U+FFFF */
    {VP_STR_INIT("\xF0\x90\x80\x80"), true}, /* U+10000 */
    {VP_STR_INIT("\xF4\x8F\xBF\xBF"), true}, /* U+10FFFF */
    {VP_STR_INIT("1234567\xC3\xA4 across the eighth byte"), true},
    {VP_STR_INIT("\0"), false},
    {VP_STR_INIT("12345678\0 in the second eight"), false},
    {VP_STR_INIT("1234567\0"), false},
    {VP_STR_INIT("\x80"), false},
    {VP_STR_INIT("12345678\xBF"), false},
    {VP_STR_INIT("\xC0\x80"), false}, /* overlong NUL */
    {VP_STR_INIT("\xC1\xBF"), false}, /* overlong */
    {VP_STR_INIT("\xE0\x9F\xBF"), false},
    {VP_STR_INIT("\xF0\x8F\xBF\xBF"), false},
    {VP_STR_INIT("\xED\xA0\x80"), false},     /* first surrogate */
    {VP_STR_INIT("\xED\xBF\xBF"), false},     /* last surrogate */
    {VP_STR_INIT("\xF4\x90\x80\x80"), false}, /* U+110000 */
    {VP_STR_INIT("\xF5\x80\x80\x80"), false},
    {VP_STR_INIT("\xFE"), false},
    {VP_STR_INIT("\xFF"), false},
    {VP_STR_INIT("\xC3"), false}, /* cut */
    {VP_STR_INIT("\xE2\x82"), false},
    {VP_STR_INIT("\xF0\x9F\x98"), false},
    {VP_STR_INIT("\xC3z"), false},
    {VP_STR_INIT("\xE2\x82z"), false},
    {VP_STR_INIT("\xF0\x9F\x98z"), false},
};

static void knows_utf8(void **state) {
    for (size_t i = 0; i < COUNT(utf8_rows); i++)
        CHECK_ROW(i, vp_str_is_utf8(utf8_rows[i].text) == utf8_rows[i].ok);
    assert_true(vp_str_is_utf8((vp_str){NULL, 0}));
}

/* All pairs of bytes, against the plain definition. */
static void knows_every_two_bytes(void **state) {
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char text[2] = {(char)a, (char)b};
            bool two = a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF;
            bool ascii = a > 0 && a < 0x80 && b > 0 && b < 0x80;
            assert_int_equal(vp_str_is_utf8(vp_str_n(text, 2)), two || ascii);
        }
    }
}

static void scrubs(void **state) {
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"all is well \xC3\xA4", "all is well \xC3\xA4"},
        {"cut \xF0\x9F\x98", "cut ???"},
        {"\xED\xA0\x80|", "???|"},
        {"a\xFFz", "a?z"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[32];
        snprintf(text, sizeof text, "%s", rows[i].in);
        vp_utf8_scrub(text);
        assert_string_equal(text, rows[i].out);
    }
}

static void reads_integers(void **state) {
    static const struct {
        vp_str text;
        int64_t min, max;
        vp_err rc;
        int64_t value;
    } rows[] = {
        {VP_STR_INIT("0"), 0, 10, VP_OK, 0},
        {VP_STR_INIT("-0"), 0, 10, VP_OK, 0},
        {VP_STR_INIT("10"), 0, 10, VP_OK, 10},
        {VP_STR_INIT("0010"), 0, 10, VP_OK, 10},
        {VP_STR_INIT("-5"), -5, 10, VP_OK, -5},
        {VP_STR_INIT("9223372036854775807"), INT64_MIN, INT64_MAX, VP_OK, INT64_MAX},
        {VP_STR_INIT("-9223372036854775808"), INT64_MIN, INT64_MAX, VP_OK, INT64_MIN},
        {VP_STR_INIT("9223372036854775808"), INT64_MIN, INT64_MAX, VP_EINVAL, 0},
        {VP_STR_INIT("-9223372036854775809"), INT64_MIN, INT64_MAX, VP_EINVAL, 0},
        {VP_STR_INIT("99999999999999999999999999"), INT64_MIN, INT64_MAX, VP_EINVAL, 0},
        {VP_STR_INIT("11"), 0, 10, VP_EINVAL, 0},
        {VP_STR_INIT("-1"), 0, 10, VP_EINVAL, 0},
        {VP_STR_INIT(""), 0, 10, VP_EINVAL, 0},
        {VP_STR_INIT("-"), -9, 10, VP_EINVAL, 0},
        {VP_STR_INIT("+1"), 0, 10, VP_EINVAL, 0},
        {VP_STR_INIT(" 1"), 0, 10, VP_EINVAL, 0},
        {VP_STR_INIT("1 "), 0, 10, VP_EINVAL, 0},
        {VP_STR_INIT("1\0"), 0, 10, VP_EINVAL, 0},
        {VP_STR_INIT("0x1"), 0, 10, VP_EINVAL, 0},
        {VP_STR_INIT("1.0"), 0, 10, VP_EINVAL, 0},
        {VP_STR_INIT("--1"), -9, 10, VP_EINVAL, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t value = 77;
        CHECK_ROW(i, vp_str_int(rows[i].text, rows[i].min, rows[i].max, &value) == rows[i].rc);
        CHECK_ROW(i, value == (rows[i].rc ? 77 : rows[i].value));
    }
    int64_t value;
    assert_int_equal(vp_str_int((vp_str){NULL, 0}, 0, 1, &value), VP_EINVAL);
}

static void grows(void **state) {
    vp_buf b;
    vp_buf_init(&b, 100000);
    assert_null(b.data);
    for (int i = 0; i < 10000; i++) {
        vp_buf_adds(&b, "0123456789");
        assert_true(b.len < b.cap && b.cap <= b.max + 1);
        assert_int_equal(b.data[b.len], 0);
    }
    assert_false(b.over);
    assert_int_equal(b.len, 100000);
    assert_memory_equal(b.data + 99990, "0123456789", 11);
    vp_buf_release(&b);
    assert_null(b.data);
    assert_int_equal(b.max, 100000);
    vp_buf_addc(&b, 'x');
    assert_string_equal(b.data, "x");
    vp_buf_release(&b);
}

static void adds_nothing(void **state) {
    vp_buf b;
    vp_buf_init(&b, 0);
    vp_buf_add(&b, NULL, 0);
    vp_buf_add_str(&b, (vp_str){NULL, 0});
    vp_buf_adds(&b, "");
    vp_buf_add_html(&b, (vp_str){NULL, 0});
    vp_buf_addf(&b, "%s", "");
    assert_false(b.over);
    assert_int_equal(vp_buf_str(&b).n, 0);
    vp_buf_addc(&b, 'x');
    assert_true(b.over);
    vp_buf_release(&b);
}

static volatile size_t huge = SIZE_MAX; /* not seen through by the compiler */

/* One byte over the cap, by each way of adding. */
static void add_one_over(vp_buf *b, int way) {
    switch (way) {
    case 0: vp_buf_add(b, "abcde", 5); break;
    case 1: vp_buf_adds(b, "abcde"); break;
    case 2: vp_buf_add_str(b, VP_STR("abcde")); break;
    case 3: vp_buf_addf(b, "%s", "abcde"); break;
    case 4: vp_buf_add_int(b, 12345); break;
    case 5: vp_buf_add_json(b, VP_STR("abc")); break;
    case 6: vp_buf_add_html(b, VP_STR("<a")); break;
    case 7: assert_null(vp_buf_room(b, 5)); break;
    default: vp_buf_add(b, "", huge); break; /* a sum that would wrap */
    }
}

static void goes_over(void **state) {
    for (int way = 0; way < 9; way++) {
        vp_buf b;
        vp_buf_init(&b, 8);
        vp_buf_adds(&b, "1234");
        vp_buf_addf(&b, "%s", "");
        assert_string_equal(b.data, "1234");
        add_one_over(&b, way);
        CHECK_ROW(way, b.over && !b.data && b.len == 0);
        vp_buf_addc(&b, 'x'); /* what follows is ignored */
        vp_buf_addf(&b, "%d", 1);
        assert_null(vp_buf_room(&b, 1));
        CHECK_ROW(way, b.over && !b.data && b.len == 0);
        assert_null(vp_buf_take(&b, NULL));
        CHECK_ROW(way, !b.over && b.max == 8);
        vp_buf_adds(&b, "12345678");
        assert_string_equal(b.data, "12345678");
        vp_buf_release(&b);
    }
}

static void has_no_wrapping_cap(void **state) {
    vp_buf b;
    vp_buf_init(&b, SIZE_MAX);
    vp_buf_adds(&b, "abc");
    vp_buf_add(&b, "", huge - 2);
    assert_true(b.over);
    vp_buf_release(&b);
}

static void clears_and_takes(void **state) {
    vp_buf b;
    size_t n = 9;
    vp_buf_init(&b, 8);
    char *text = vp_buf_take(&b, &n);
    assert_string_equal(text, "");
    assert_int_equal(n, 0);
    free(text);
    vp_buf_adds(&b, "abc");
    const char *before = b.data;
    vp_buf_clear(&b);
    assert_int_equal(b.len, 0);
    vp_buf_adds(&b, "de");
    assert_ptr_equal(b.data, before);
    text = vp_buf_take(&b, &n);
    assert_string_equal(text, "de");
    assert_int_equal(n, 2);
    assert_null(b.data);
    free(text);
    vp_buf_adds(&b, "123456789");
    assert_true(b.over);
    vp_buf_clear(&b);
    assert_false(b.over);
    vp_buf_release(&b);
}

static void gives_room(void **state) {
    vp_buf b;
    vp_buf_init(&b, 1000);
    vp_buf_adds(&b, "ab");
    char *to = vp_buf_room(&b, 998);
    assert_non_null(to);
    memset(to, 'x', 998);
    vp_buf_grew(&b, 500);
    assert_int_equal(b.len, 502);
    assert_int_equal(strlen(b.data), 502);
    vp_buf_grew(&b, 0);
    assert_non_null(vp_buf_room(&b, 0));
    vp_buf_release(&b);
}

static void formats(void **state) {
    static const int64_t numbers[] = {0,  7,         -7,        10,       1234567890123,
                                      -1, INT64_MAX, INT64_MIN, INT32_MIN};
    vp_buf b;
    vp_buf_init(&b, 5000);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        char want[32];
        snprintf(want, sizeof want, "%lld", (long long)numbers[i]);
        vp_buf_clear(&b);
        vp_buf_add_int(&b, numbers[i]);
        assert_string_equal(b.data, want);
    }
    vp_buf_release(&b);
    for (int i = 0; i < 300; i++) vp_buf_addf(&b, "%03d|%s,", i, "abc"); /* across growth */
    assert_int_equal(b.len, 300 * 8);
    assert_memory_equal(b.data + 299 * 8, "299|abc,", 9);
    vp_buf_release(&b);
}

static void escapes(void **state) {
    static const struct {
        vp_str in;
        const char *json, *html;
    } rows[] = {
        {VP_STR_INIT(""), "\"\"", ""},
        {VP_STR_INIT("plain"), "\"plain\"", "plain"},
        {VP_STR_INIT("\"\\/"), "\"\\\"\\\\/\"", "&quot;\\/"},
        {VP_STR_INIT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t"},
        {VP_STR_INIT("\x01\x1F\x7F"), "\"\\u0001\\u001f\x7F\"", "\x01\x1F\x7F"},
        {VP_STR_INIT("</script>"), "\"\\u003c/script>\"", "&lt;/script&gt;"},
        {VP_STR_INIT("a&b'c"), "\"a&b'c\"", "a&amp;b&#39;c"},
        {VP_STR_INIT("\xE2\x80\xA8|\xE2\x80\xA9"), "\"\\u2028|\\u2029\"",
         "\xE2\x80\xA8|\xE2\x80\xA9"},
        {VP_STR_INIT("\xE2\x80\xA7\xE2\x80\xAA\xE2\x82\xAC"),
         "\"\xE2\x80\xA7\xE2\x80\xAA\xE2\x82\xAC\"", "\xE2\x80\xA7\xE2\x80\xAA\xE2\x82\xAC"},
        {VP_STR_INIT("\xE2"), "\"\xE2\"", "\xE2"}, /* not UTF-8, yet no read behind the end */
        {VP_STR_INIT("x\xE2\x80"), "\"x\xE2\x80\"", "x\xE2\x80"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_buf b;
        vp_buf_init(&b, 100);
        vp_buf_add_json(&b, rows[i].in);
        assert_string_equal(b.data, rows[i].json);
        vp_buf_clear(&b);
        vp_buf_addc(&b, '.');
        vp_buf_add_html(&b, rows[i].in);
        assert_string_equal(b.data + 1, rows[i].html);
        vp_buf_release(&b);
    }
}

/* Whatever stands where, next to whatever: eights and single bytes must agree. */
static void escapes_at_any_place(void **state) {
    static const char *const odd[] = {"\"", "\\", "<", "\x01", "\xE2\x80\xA8", "\xE2\x82\xAC"};
    static const char *const out[] = {"\\\"",    "\\\\",    "\\u003c",
                                      "\\u0001", "\\u2028", "\xE2\x82\xAC"};
    vp_buf in, json, want;
    vp_buf_init(&in, 100);
    vp_buf_init(&json, 200);
    vp_buf_init(&want, 200);
    for (size_t i = 0; i < COUNT(odd) * COUNT(odd) * 20 * 10; i++) {
        size_t a = i % COUNT(odd), b = i / COUNT(odd) % COUNT(odd),
               rest = i / COUNT(odd) / COUNT(odd);
        vp_buf_clear(&in);
        vp_buf_clear(&json);
        vp_buf_clear(&want);
        vp_buf_addf(&in, "%.*s%s%.*s%s%.*s", (int)(rest % 20), "abcdefghijklmnopqrst", odd[a],
                    (int)(rest / 20), "!#$%&()*+", odd[b], (int)(i % 11),
                    "\x7F"
                    "=;>@[]^_~");
        vp_buf_addf(&want, "\"%.*s%s%.*s%s%.*s\"", (int)(rest % 20), "abcdefghijklmnopqrst", out[a],
                    (int)(rest / 20), "!#$%&()*+", out[b], (int)(i % 11),
                    "\x7F"
                    "=;>@[]^_~");
        vp_buf_add_json(&json, vp_buf_str(&in));
        assert_string_equal(json.data, want.data);
    }
    vp_buf_release(&in);
    vp_buf_release(&json);
    vp_buf_release(&want);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(trims),
        cmocka_unit_test(knows_utf8),
        cmocka_unit_test(knows_every_two_bytes),
        cmocka_unit_test(scrubs),
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(grows),
        cmocka_unit_test(adds_nothing),
        cmocka_unit_test(goes_over),
        cmocka_unit_test(has_no_wrapping_cap),
        cmocka_unit_test(clears_and_takes),
        cmocka_unit_test(gives_room),
        cmocka_unit_test(formats),
        cmocka_unit_test(escapes),
        cmocka_unit_test(escapes_at_any_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
