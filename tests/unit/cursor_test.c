/* cursor_test.c - places in lists. SPDX-License-Identifier: MIT */
#include "unit.h"

#include "cursor.h"
#include "seal.h"

static void comes_back(void **state) {
    for (size_t n = 1; n <= VP_CURSOR_KEY_MAX; n++) {
        char in[VP_CURSOR_KEY_MAX], out[VP_CURSOR_KEY_MAX + 1];
        size_t size = 0;
        vp_buf b;
        for (size_t i = 0; i < n; i++) in[i] = (char)(i * 37 + n); /* zeros and high bytes too */
        vp_buf_init(&b, 200);
        vp_cursor_write(&b, vp_str_n(in, n));
        assert_int_equal(strcspn(b.data, "+/= "), b.len);
        assert_int_equal(vp_cursor_read(vp_buf_str(&b), out, &size), VP_OK);
        assert_int_equal(size, n);
        assert_memory_equal(out, in, n);
        assert_int_equal(out[n], 0);
        vp_buf_release(&b);
    }
}

static void refuses_garbage(void **state) {
    static const vp_str rows[] = {
        VP_STR_INIT(""),           VP_STR_INIT("A"),
        VP_STR_INIT("AAAAA"),      VP_STR_INIT("YQ=="),
        VP_STR_INIT("YQ="),        VP_STR_INIT("+/+/"),
        VP_STR_INIT("YR"),         /* bits behind the last byte */ VP_STR_INIT("YWJ"),
        VP_STR_INIT(" YQ"),        VP_STR_INIT("YQ "),
        VP_STR_INIT("YQ\n"),       VP_STR_INIT("Y.Q"),
        VP_STR_INIT("YQ\0"),       VP_STR_INIT("\xC3\xA4"),
        VP_STR_INIT("%59%51"),     VP_STR_INIT("....."),
        VP_STR_INIT("YQ\xC3\xBF"),
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char key[VP_CURSOR_KEY_MAX + 1] = "old";
        size_t n = 77;
        CHECK_ROW(i, vp_cursor_read(rows[i], key, &n) == VP_EINVAL);
        CHECK_ROW(i, n == 77);
        assert_string_equal(key, "old");
    }
    char key[VP_CURSOR_KEY_MAX + 1];
    size_t n;
    assert_int_equal(vp_cursor_read((vp_str){NULL, 0}, key, &n), VP_EINVAL);
}

static void refuses_long_ones(void **state) {
    char text[400], key[VP_CURSOR_KEY_MAX + 1];
    size_t n;
    memset(text, 'A', sizeof text);
    assert_int_equal(vp_cursor_read(vp_str_n(text, 128), key, &n), VP_OK); /* 96 bytes */
    assert_int_equal(n, 96);
    assert_int_equal(vp_cursor_read(vp_str_n(text, 130), key, &n), VP_EINVAL);
    assert_int_equal(vp_cursor_read(vp_str_n(text, 400), key, &n), VP_EINVAL);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(refuses_garbage),
        cmocka_unit_test(refuses_long_ones),
    };
    if (vp_seal_init()) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
