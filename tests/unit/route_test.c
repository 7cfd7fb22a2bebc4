/* route_test.c - path patterns. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>

#include "route.h"

static const struct {
    const char *pattern;
    int n; /* -1: refused */
} pattern_rows[] = {
    {"/", 0},
    {"/api", 1},
    {"/api/v1/articles/{id}/comments", 5},
    {"/{a}/{b}/{c}/{d}", 4},
    {"/{a}/{b}/{c}/{d}/{e}", -1},
    {"/{a}/x/{a}", -1},
    {"/a/b/c/d/e/f/g/h/i/j", 10},
    {"/a/b/c/d/e/f/g/h/i/j/k", -1},
    {"/sitemap.xml", 1},
    {"/.well-known/x_y~z", 2},
    {"", -1},
    {"api", -1},
    {"//", -1},
    {"/api/", -1},
    {"/api//v1", -1},
    {"/.", -1},
    {"/../x", -1},
    {"/{}", -1},
    {"/{", -1},
    {"/}", -1},
    {"/{a", -1},
    {"/a}", -1},
    {"/a{b}", -1},
    {"/{a}b", -1},
    {"/{a-b}", -1},
    {"/{{a}}", -1},
    {"/%41", -1},
    {"/a?b", -1},
    {"/a b", -1},
    {"/\xC3\xA4", -1},
    {"/a23456789012345678901234567890123456789", 1},   /* 39 characters */
    {"/a234567890123456789012345678901234567890", -1}, /* 40 */
};

static void compiles(void **state) {
    for (size_t i = 0; i < COUNT(pattern_rows); i++) {
        vp_route route;
        vp_fault why = {""};
        vp_err rc = vp_route_compile(vp_str_of(pattern_rows[i].pattern), &route, &why);
        CHECK_ROW(i, rc == (pattern_rows[i].n < 0 ? VP_EINVAL : VP_OK));
        CHECK_ROW(i, rc ? why.text[0] != '\0' : route.n == pattern_rows[i].n);
    }
    vp_route route;
    assert_int_equal(vp_route_compile((vp_str){NULL, 0}, &route, NULL), VP_EINVAL);
    assert_int_equal(vp_route_compile(VP_STR("/a\0b"), &route, NULL), VP_EINVAL);
}

/* values: the parameters, each followed by ';'. NULL: no match. */
static const struct {
    const char *pattern;
    vp_str path;
    const char *values;
} match_rows[] = {
    {"/", VP_STR_INIT("/"), ""},
    {"/", VP_STR_INIT("/a"), NULL},
    {"/", VP_STR_INIT("//"), NULL},
    {"/", VP_STR_INIT(""), NULL},
    {"/a", VP_STR_INIT("/"), NULL},
    {"/a", VP_STR_INIT("/a"), ""},
    {"/a", VP_STR_INIT("a"), NULL},
    {"/a", VP_STR_INIT("/A"), NULL},
    {"/a", VP_STR_INIT("/a/"), NULL},
    {"/a", VP_STR_INIT("//a"), NULL},
    {"/a", VP_STR_INIT("/aa"), NULL},
    {"/a", VP_STR_INIT("/a/b"), NULL},
    {"/ab", VP_STR_INIT("/a"), NULL},
    {"/a/b", VP_STR_INIT("/a"), NULL},
    {"/a/b", VP_STR_INIT("/a//b"), NULL},
    {"/a/b", VP_STR_INIT("/a/./b"), NULL},
    {"/a/b", VP_STR_INIT("/a/c/../b"), NULL},
    {"/api", VP_STR_INIT("/%61pi"), ""},
    {"/api", VP_STR_INIT("/ap%69"), ""},
    {"/api", VP_STR_INIT("/%61%70%69"), ""},
    {"/api", VP_STR_INIT("/%2561pi"), NULL}, /* decoded once only */
    {"/api", VP_STR_INIT("/api%00"), NULL},
    {"/api", VP_STR_INIT("/api%"), NULL},
    {"/api", VP_STR_INIT("/api%2"), NULL},
    {"/api", VP_STR_INIT("/api%2F"), NULL},
    {"/api", VP_STR_INIT("/api%61"), NULL},
    {"/api", VP_STR_INIT("/ap"), NULL},
    {"/api", VP_STR_INIT("/ap%69/"), NULL},
    {"/api/v1", VP_STR_INIT("/ap%69/v%31"), ""},
    {"/api/v1", VP_STR_INIT("/ap%69%2Fv1"), NULL},
    {"/{a}/api/{b}", VP_STR_INIT("/%41/%61p%69/%42"), "A;B;"},
    {"/p/{id}", VP_STR_INIT("/p/7"), "7;"},
    {"/p/{id}", VP_STR_INIT("/p/"), NULL},
    {"/p/{id}", VP_STR_INIT("/p"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/7/"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/%41%c3%a4"), "A\xC3\xA4;"},
    {"/p/{id}", VP_STR_INIT("/p/\xC3\xA4"), "\xC3\xA4;"},
    {"/p/{id}", VP_STR_INIT("/p/a+b"), "a+b;"},
    {"/p/{id}", VP_STR_INIT("/p/%2525"), "%25;"},
    {"/p/{id}", VP_STR_INIT("/p/..."), "...;"},
    {"/p/{id}", VP_STR_INIT("/p/."), NULL},
    {"/p/{id}", VP_STR_INIT("/p/.."), NULL},
    {"/p/{id}", VP_STR_INIT("/p/%2e"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/%2E%2e"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/.%2e"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/a%2Fb"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/a%2fb"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/a%00"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/a\0b"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/%"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/%4"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/%4/1"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/%G1"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/%1G"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/%-1"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/\xFF"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/%ff"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/%c0%af"), NULL}, /* an overlong '/' */
    {"/p/{id}", VP_STR_INIT("/p/%ed%a0%80"), NULL},
    {"/p/{id}", VP_STR_INIT("/p/\xC3%a4"), "\xC3\xA4;"},
    {"/{a}/x/{b}", VP_STR_INIT("/1/x/2"), "1;2;"},
    {"/{a}/x/{b}", VP_STR_INIT("/%31/%78/%32"), "1;2;"},
    {"/{a}/x/{b}", VP_STR_INIT("/%31/y/%32"), NULL},
    {"/{a}/{b}/{c}/{d}", VP_STR_INIT("/%61/b/%63/d"), "a;b;c;d;"},
};

static void matches(void **state) {
    for (size_t i = 0; i < COUNT(match_rows); i++) {
        vp_route route;
        vp_route_params params;
        char values[64] = "";
        size_t used = 0;
        assert_int_equal(vp_route_compile(vp_str_of(match_rows[i].pattern), &route, NULL), VP_OK);
        bool matched = vp_route_match(&route, match_rows[i].path, &params);
        CHECK_ROW(i, matched == (match_rows[i].values != NULL));
        CHECK_ROW(i, vp_route_match(&route, match_rows[i].path, NULL) == matched);
        if (!matched) continue;
        CHECK_ROW(i, vp_route_path_ok(match_rows[i].path));
        for (int k = 0; k < params.n; k++)
            used += (size_t)snprintf(values + used, sizeof values - used, "%.*s;",
                                     (int)params.value[k].n, params.value[k].p);
        assert_string_equal(values, match_rows[i].values);
    }
    vp_route root;
    assert_int_equal(vp_route_compile(VP_STR("/"), &root, NULL), VP_OK);
    assert_false(vp_route_match(&root, (vp_str){NULL, 0}, NULL));
}

static void prefers_literals(void **state) {
    /* Of two patterns that match one path, the first of a row is the more specific one. */
    static const char *const rows[][2] = {
        {"/polls/new", "/polls/{id}"},
        {"/a/{x}/c", "/{x}/b/c"},
        {"/a/b/{x}", "/a/{x}/c"},
        {"/a/{x}/{y}", "/{x}/b/c"},
        {"/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/i/{j}"},
        {"/a/{b}/{c}/{d}", "/{a}/b/c/d"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_route a, b;
        assert_int_equal(vp_route_compile(vp_str_of(rows[i][0]), &a, NULL), VP_OK);
        assert_int_equal(vp_route_compile(vp_str_of(rows[i][1]), &b, NULL), VP_OK);
        CHECK_ROW(i, a.specificity > b.specificity);
    }
}

static void has_a_longest_path(void **state) {
    static char path[VP_ROUTE_PATH_MAX + 3];
    vp_route route;
    vp_route_params params;
    assert_int_equal(vp_route_compile(VP_STR("/{x}"), &route, NULL), VP_OK);
    memset(path, 'a', sizeof path);
    path[0] = '/';
    assert_true(vp_route_match(&route, vp_str_n(path, VP_ROUTE_PATH_MAX), &params));
    assert_int_equal(params.value[0].n, VP_ROUTE_PATH_MAX - 1);
    assert_false(vp_route_match(&route, vp_str_n(path, VP_ROUTE_PATH_MAX + 1), &params));
    assert_false(vp_route_path_ok(vp_str_n(path, VP_ROUTE_PATH_MAX + 1)));
    memcpy(path + VP_ROUTE_PATH_MAX - 3, "%41", 3);
    assert_true(vp_route_match(&route, vp_str_n(path, VP_ROUTE_PATH_MAX), &params));
    assert_int_equal(params.value[0].n, VP_ROUTE_PATH_MAX - 3);
    assert_int_equal(params.value[0].p[VP_ROUTE_PATH_MAX - 4], 'A');
}

static void knows_paths(void **state) {
    static const struct {
        vp_str path;
        bool ok;
    } rows[] = {
        {VP_STR_INIT("/"), true},
        {VP_STR_INIT("/a/b/c/d/e/f/g/h/i/j/k/l"), true},
        {VP_STR_INIT("/%41/\xC3\xA4"), true},
        {VP_STR_INIT("/a/.b/c."), true},
        {VP_STR_INIT(""), false},
        {VP_STR_INIT("a"), false},
        {VP_STR_INIT("*"), false},
        {VP_STR_INIT("http://x/"), false},
        {VP_STR_INIT("//"), false},
        {VP_STR_INIT("/a/"), false},
        {VP_STR_INIT("/a//b"), false},
        {VP_STR_INIT("/.."), false},
        {VP_STR_INIT("/a/%2e%2E"), false},
        {VP_STR_INIT("/a/%2f"), false},
        {VP_STR_INIT("/a%00b"), false},
        {VP_STR_INIT("/a\0"), false},
        {VP_STR_INIT("/a%zz"), false},
        {VP_STR_INIT("/\xC0\xAF"), false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_ROW(i, vp_route_path_ok(rows[i].path) == rows[i].ok);
}

static void tells_patterns_apart(void **state) {
    static const char *const rows[] = {"/", "/a", "/{a}", "/{b}", "/a/b", "/a/{b}", "/ab"};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t k = 0; k < COUNT(rows); k++) {
            vp_route a, b;
            vp_fault why = {""};
            assert_int_equal(vp_route_compile(vp_str_of(rows[i]), &a, &why), VP_OK);
            assert_int_equal(vp_route_compile(vp_str_of(rows[k]), &b, &why), VP_OK);
            CHECK_ROW(i, vp_route_same(&a, &b) == (i == k));
        }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_patterns_apart),
        cmocka_unit_test(compiles),
        cmocka_unit_test(matches),
        cmocka_unit_test(prefers_literals),
        cmocka_unit_test(has_a_longest_path),
        cmocka_unit_test(knows_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
