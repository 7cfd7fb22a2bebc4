/* query_test.c - query strings and forms. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>

#include "query.h"

static const struct {
    vp_str raw;
    bool plus;
    const char *text; /* NULL: refused */
} decode_rows[] = {
    {VP_STR_INIT(""), true, ""},
    {VP_STR_INIT("plain"), true, "plain"},
    {VP_STR_INIT("a+b%2Bc"), true, "a b+c"},
    {VP_STR_INIT("a+b%2bc"), false, "a+b+c"},
    {VP_STR_INIT("%41%7a"), true, "Az"},
    {VP_STR_INIT("%2541"), true, "%41"},
    {VP_STR_INIT("%c3%A4\xC3\xA4"), true, "\xC3\xA4\xC3\xA4"},
    {VP_STR_INIT("%0d%0a"), true, "\r\n"},
    {VP_STR_INIT("%"), true, NULL},
    {VP_STR_INIT("%4"), true, NULL},
    {VP_STR_INIT("a%4"), true, NULL},
    {VP_STR_INIT("%4g"), true, NULL},
    {VP_STR_INIT("%g4"), true, NULL},
    {VP_STR_INIT("%%41"), true, NULL},
    {VP_STR_INIT("%+1"), true, NULL},
    {VP_STR_INIT("%u0041"), true, NULL},
    {VP_STR_INIT("%00"), true, NULL},
    {VP_STR_INIT("a\0"), true, NULL},
    {VP_STR_INIT("%ff"), true, NULL},
    {VP_STR_INIT("\xFF"), true, NULL},
    {VP_STR_INIT("%c0%80"), true, NULL},
    {VP_STR_INIT("%ed%a0%80"), true, NULL},
    {VP_STR_INIT("%f4%90%80%80"), true, NULL},
    {VP_STR_INIT("%c3"), true, NULL},
};

static void decodes(void **state) {
    for (size_t i = 0; i < COUNT(decode_rows); i++) {
        vp_buf b;
        vp_buf_init(&b, 100);
        vp_buf_adds(&b, "before:");
        vp_err rc = vp_query_decode(decode_rows[i].raw, decode_rows[i].plus, &b);
        CHECK_ROW(i, rc == (decode_rows[i].text ? VP_OK : VP_ESYNTAX));
        assert_memory_equal(b.data, "before:", 7);
        assert_string_equal(b.data + 7, decode_rows[i].text ? decode_rows[i].text : "");
        assert_int_equal(b.len, strlen(b.data));
        vp_buf_release(&b);
    }
}

/* A character cut in two over two values is not one, though the bytes would join. */
static void does_not_join_values(void **state) {
    vp_buf b;
    vp_buf_init(&b, 100);
    vp_buf_adds(&b, "\xC3");
    assert_int_equal(vp_query_decode(VP_STR("%a4"), true, &b), VP_ESYNTAX);
    vp_buf_release(&b);
}

static void obeys_the_cap(void **state) {
    vp_buf b;
    vp_buf_init(&b, 3);
    assert_int_equal(vp_query_decode(VP_STR("%41%42%43"), true, &b), VP_OK); /* 3 when decoded */
    assert_string_equal(b.data, "ABC");
    assert_int_equal(vp_query_decode(VP_STR("D"), true, &b), VP_ETOOBIG);
    assert_true(b.over);
    vp_buf_release(&b);
}

static void encodes(void **state) {
    char every[255], *p = every;
    vp_buf b, back;
    vp_buf_init(&b, 1000);
    vp_buf_init(&back, 1000);
    vp_query_encode(&b, VP_STR("aZ09-._~ +/?&=%\xC3\xA4\n"));
    assert_string_equal(b.data, "aZ09-._~%20%2B%2F%3F%26%3D%25%C3%A4%0A");
    vp_buf_clear(&b);
    for (int c = 1; c < 128; c++) *p++ = (char)c;
    vp_query_encode(&b, vp_str_n(every, 127));
    assert_int_equal(vp_query_decode(vp_buf_str(&b), true, &back), VP_OK);
    assert_int_equal(back.len, 127);
    assert_memory_equal(back.data, every, 127);
    vp_query_encode(&b, (vp_str){NULL, 0});
    vp_buf_release(&b);
    vp_buf_release(&back);
}

static void walks(void **state) {
    static const struct {
        const char *query, *pairs; /* name>value; of each */
    } rows[] = {
        {"", ""},
        {"&", ""},
        {"&&&", ""},
        {"a=1", "a>1;"},
        {"a=1&b=2", "a>1;b>2;"},
        {"&a=1&&b=2&", "a>1;b>2;"},
        {"a", "a>;"},
        {"a=", "a>;"},
        {"=", ">;"},
        {"=v", ">v;"},
        {"a=b=c", "a>b=c;"},
        {"a&a=2", "a>;a>2;"},
        {"a%3D=%26", "a%3D>%26;"},
        {"a;b=1", "a;b>1;"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_str rest = vp_str_of(rows[i].query), name, value;
        char pairs[64] = "";
        size_t used = 0;
        while (vp_query_next(&rest, &name, &value))
            used += (size_t)snprintf(pairs + used, sizeof pairs - used, "%.*s>%.*s;", (int)name.n,
                                     name.p, (int)value.n, value.p);
        assert_string_equal(pairs, rows[i].pairs);
        assert_false(vp_query_next(&rest, &name, &value));
    }
    vp_str rest = {NULL, 0}, name, value;
    assert_false(vp_query_next(&rest, &name, &value));
}

static void finds_by_name(void **state) {
    static const struct {
        const char *query, *name;
        vp_err rc;
        const char *value; /* NULL: absent */
    } rows[] = {
        {"", "a", VP_OK, NULL},
        {"a=1", "a", VP_OK, "1"},
        {"a=1&a=2", "a", VP_OK, "1"},
        {"b=1&a=2", "a", VP_OK, "2"},
        {"a", "a", VP_OK, ""},
        {"a=", "a", VP_OK, ""},
        {"A=1", "a", VP_OK, NULL},
        {"aa=1", "a", VP_OK, NULL},
        {"a=1", "aa", VP_OK, NULL},
        {"%61=1", "a", VP_OK, "1"},
        {"x+y=1", "x y", VP_OK, "1"},
        {"a%00=1", "a", VP_OK, NULL},
        {"%=0&a%=1&a=2", "a", VP_OK, "2"}, /* a malformed name is no name of ours */
        {"a=x+y%20z", "a", VP_OK, "x y z"},
        {"a=%zz", "a", VP_ESYNTAX, NULL},
        {"a=%zz&a=1", "a", VP_ESYNTAX, NULL},
        {"b=%zz&a=1", "a", VP_OK, "1"},
        {"a=%00", "a", VP_ESYNTAX, NULL},
        {"a=12345678901234567", "a", VP_ETOOBIG, NULL},
    };
    vp_buf b;
    vp_buf_init(&b, 16);
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_str value = VP_STR("old");
        vp_err rc = vp_query_get(vp_str_of(rows[i].query), rows[i].name, &b, &value);
        CHECK_ROW(i, rc == rows[i].rc);
        CHECK_ROW(i, (value.p != NULL) == (rows[i].value != NULL));
        if (value.p) assert_string_equal(value.p, rows[i].value);
        CHECK_ROW(i, value.n == (rows[i].value ? strlen(rows[i].value) : 0));
    }
    vp_buf_release(&b);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes),       cmocka_unit_test(does_not_join_values),
        cmocka_unit_test(obeys_the_cap), cmocka_unit_test(encodes),
        cmocka_unit_test(walks),         cmocka_unit_test(finds_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
