/* ulid_test.c - identifiers. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "ulid.h"

static const int64_t LAST_MS = ((int64_t)1 << 48) - 1;

static void writes_known_text(void **state) {
    static const struct {
        uint8_t bytes[VP_ULID_BYTES];
        const char *text;
    } rows[] = {
        {{0}, "00000000000000000000000000"},
        {{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
         "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"},
        {{0, 0, 0, 0, 0, 1}, "00000000010000000000000000"},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, "00000000000000000000000001"},
        /* 0x0123456789ABCDEF0011223344556677 in base 32 */
        {{0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66,
          0x77},
         "014D2PF2DBSQQG04926D25ASKQ"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[VP_ULID_LEN + 1];
        vp_ulid_text(rows[i].bytes, text);
        assert_string_equal(text, rows[i].text);
        assert_true(vp_ulid_valid(vp_str_of(text)));
        uint8_t back[VP_ULID_BYTES];
        vp_ulid_bytes(vp_str_of(text), back);
        assert_memory_equal(back, rows[i].bytes, sizeof back);
    }
}

static void keeps_its_time(void **state) {
    static const int64_t times[] = {0, 1, 31, 32, 1795501251000, ((int64_t)1 << 47) + 5};
    for (size_t i = 0; i <= COUNT(times); i++) {
        int64_t ms = i < COUNT(times) ? times[i] : LAST_MS;
        char text[VP_ULID_LEN + 1];
        uint8_t bytes[VP_ULID_BYTES];
        vp_ulid_make(ms, text);
        assert_true(vp_ulid_valid(vp_str_of(text)));
        assert_int_equal(vp_ulid_ms(vp_str_of(text)), ms);
        vp_ulid_fast(ms, bytes);
        vp_ulid_text(bytes, text);
        assert_true(vp_ulid_valid(vp_str_of(text)));
        assert_int_equal(vp_ulid_ms(vp_str_of(text)), ms);
    }
}

/* A later time sorts later, whatever the random part. */
static void sorts_by_time(void **state) {
    char before[VP_ULID_LEN + 1] = "", text[VP_ULID_LEN + 1];
    uint8_t bytes[VP_ULID_BYTES];
    for (int64_t ms = 1795501251000; ms < 1795501253000; ms++) {
        if (ms % 2) {
            vp_ulid_make(ms, text);
        } else {
            vp_ulid_fast(ms, bytes);
            vp_ulid_text(bytes, text);
        }
        assert_true(strcmp(before, text) < 0);
        memcpy(before, text, sizeof text);
    }
}

static void knows_valid(void **state) {
    static const struct {
        vp_str text;
        bool ok;
    } rows[] = {
        {VP_STR_INIT("01ARZ3NDEKTSV4RRFFQ69G5FAV"), true},
        {VP_STR_INIT("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), true},
        {VP_STR_INIT("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), false}, /* over 128 bits */
        {VP_STR_INIT("ZZZZZZZZZZZZZZZZZZZZZZZZZZ"), false},
        {VP_STR_INIT("01arz3ndektsv4rrffq69g5fav"), false},
        {VP_STR_INIT("01ARZ3NDEKTSV4RRFFQ69G5FA"), false},
        {VP_STR_INIT("01ARZ3NDEKTSV4RRFFQ69G5FAVV"), false},
        {VP_STR_INIT("01ARZ3NDEKTSV4RRFFQ69G5FAI"), false},
        {VP_STR_INIT("01ARZ3NDEKTSV4RRFFQ69G5FAL"), false},
        {VP_STR_INIT("01ARZ3NDEKTSV4RRFFQ69G5FAO"), false},
        {VP_STR_INIT("01ARZ3NDEKTSV4RRFFQ69G5FAU"), false},
        {VP_STR_INIT("01ARZ3NDEKTSV4RRFFQ69G5FA\0"), false},
        {VP_STR_INIT("01ARZ3NDEKTSV4RRFFQ69G5FA\xC3"), false},
        {VP_STR_INIT("\xC3"
                     "1ARZ3NDEKTSV4RRFFQ69G5FAV"),
         false},
        {VP_STR_INIT("-1ARZ3NDEKTSV4RRFFQ69G5FAV"), false},
        {VP_STR_INIT(""), false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_ROW(i, vp_ulid_valid(rows[i].text) == rows[i].ok);
    assert_false(vp_ulid_valid((vp_str){NULL, 0}));
}

enum { THREADS = 4, EACH = 20000 };
typedef uint8_t id[VP_ULID_BYTES];

static void *make_many(void *p) {
    id *ids = p;
    for (int i = 0; i < EACH; i++) vp_ulid_fast(1795501251000, ids[i]);
    return NULL;
}

static int compare(const void *a, const void *b) {
    return memcmp(a, b, VP_ULID_BYTES);
}

static void threads_do_not_collide(void **state) {
    id *ids = calloc(THREADS * EACH, sizeof *ids);
    pthread_t thread[THREADS];
    assert_non_null(ids);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, make_many, ids + i * EACH), 0);
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(thread[i], NULL), 0);
    qsort(ids, THREADS * EACH, sizeof *ids, compare);
    for (int i = 1; i < THREADS * EACH; i++) assert_true(compare(ids[i - 1], ids[i]) != 0);
    free(ids);
}

/* Each random bit is set about half of the time. */
static void fast_ones_use_all_bits(void **state) {
    int set[80] = {0};
    for (int n = 0; n < 4000; n++) {
        id one;
        vp_ulid_fast(0, one);
        for (int i = 0; i < 80; i++) set[i] += one[6 + i / 8] >> i % 8 & 1;
    }
    for (int i = 0; i < 80; i++) CHECK_ROW(i, set[i] > 1700 && set[i] < 2300);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_known_text),      cmocka_unit_test(keeps_its_time),
        cmocka_unit_test(sorts_by_time),          cmocka_unit_test(knows_valid),
        cmocka_unit_test(threads_do_not_collide), cmocka_unit_test(fast_ones_use_all_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
