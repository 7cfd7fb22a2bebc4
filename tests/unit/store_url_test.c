/* store_url_test.c - where Redis is. SPDX-License-Identifier: MIT */
#include "store_url.h"

#include "unit.h"

static void takes(void **state) {
    static const struct {
        const char *text, *host, *user, *password, *path;
        int port, db;
    } rows[] = {
        {"redis://127.0.0.1", "127.0.0.1", "", "", "", 6379, 0},
        {"redis://redis.example:1234/7", "redis.example", "", "", "", 1234, 7},
        {"redis://h/", "h", "", "", "", 6379, 0},
        {"redis://[::1]:1/2", "::1", "", "", "", 1, 2},
        {"redis://[fe80::1]", "fe80::1", "", "", "", 6379, 0},
        {"redis://polls:s%40cret%3a@h:9", "h", "polls", "s@cret:", "", 9, 0},
        {"redis://:only@h", "h", "", "only", "", 6379, 0},
        {"unix:///run/redis.sock", "", "", "", "/run/redis.sock", 0, 0},
        {"unix://u:p@/run/redis.sock", "", "u", "p", "/run/redis.sock", 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_store_url u;
        CHECK_ROW(i, vp_store_url_read(rows[i].text, &u, NULL) == VP_OK);
        CHECK_ROW(i, !strcmp(u.host[0].name, rows[i].host) && u.host[0].port == rows[i].port);
        CHECK_ROW(i, !strcmp(u.user, rows[i].user) && !strcmp(u.password, rows[i].password));
        CHECK_ROW(i, !strcmp(u.path, rows[i].path) && u.db == rows[i].db && !u.sentinel);
    }
}

static void takes_sentinels(void **state) {
    vp_store_url u;
    assert_int_equal(vp_store_url_read("redis+sentinel://u:p@s1,s2:5000,[::1]:7/main/3", &u, NULL),
                     VP_OK);
    assert_true(u.sentinel && u.n_hosts == 3 && u.db == 3);
    assert_string_equal(u.master, "main");
    assert_string_equal(u.host[0].name, "s1");
    assert_int_equal(u.host[0].port, 26379);
    assert_int_equal(u.host[1].port, 5000);
    assert_string_equal(u.host[2].name, "::1");
    assert_string_equal(u.user, "u");
}

static void refuses(void **state) {
    static const char *rows[] = {
        "",
        "redis",
        "redis://",
        "redis://:6379",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://h/x",
        "redis://h/-1",
        "redis://h/1024",
        "redis://user@h",
        "redis://a%zz:b@h",
        "redis://[::1",
        "redis://[::1]x",
        "rediss://h",
        "http://h",
        "unix://",
        "unix:///",
        "unix://run/redis.sock",
        "redis+sentinel://h",
        "redis+sentinel://h/",
        "redis+sentinel:///main",
        "redis+sentinel://h,,i/main",
        "redis+sentinel://a,b,c,d,e,f,g,h,i/main",
        "redis+sentinel://h/main/x",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_store_url u;
        vp_fault why = {{0}};
        CHECK_ROW(i, vp_store_url_read(rows[i], &u, &why) == VP_EINVAL && why.text[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes),
        cmocka_unit_test(takes_sentinels),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
