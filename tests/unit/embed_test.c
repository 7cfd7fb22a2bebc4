/* embed_test.c - files that the build put into this binary. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "embed.h"

extern const vp_embedded test_files[];

static const vp_embedded *find(const char *name) {
    for (const vp_embedded *e = test_files; e->name; e++)
        if (strcmp(e->name, name) == 0) return e;
    fail_msg("%s is not there", name);
    return NULL;
}

static void has_all_and_an_end(void **state) {
    int n = 0;
    while (test_files[n].name) n++;
    assert_int_equal(n, 3);
    assert_null(test_files[n].data);
    assert_int_equal(test_files[n].size, 0);
}

static void keeps_all_bytes(void **state) {
    const vp_embedded *e = find("bytes.bin");
    assert_int_equal(e->size, 512);
    for (int i = 0; i < 512; i++) assert_int_equal((unsigned char)e->data[i], i % 256);
    assert_int_equal(e->data[512], 0);
}

static void keeps_text(void **state) {
    const vp_embedded *e = find("text.lua");
    assert_string_equal(e->data, "#!lua name=x\n\"?\\?/ text\n");
    assert_int_equal(e->size, strlen(e->data));
}

static void keeps_an_empty_file(void **state) {
    const vp_embedded *e = find("empty.txt");
    assert_int_equal(e->size, 0);
    assert_string_equal(e->data, "");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_all_and_an_end),
        cmocka_unit_test(keeps_all_bytes),
        cmocka_unit_test(keeps_text),
        cmocka_unit_test(keeps_an_empty_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
