/* http_origin_test.c - the rule against forged requests. SPDX-License-Identifier: MIT */
#include "unit.h"

#include "origin.h"

#define HOST   "news.example:8080"
#define FORM   "application/x-www-form-urlencoded"
#define PUBLIC "https://news.example/"

typedef struct row {
    const char *method, *origin, *site, *type, *cookie, *public_url;
    bool ok;
} row;

static const row rows[] = {
    /* reading is free */
    {"GET", "https://evil.example", "cross-site", NULL, "a=b", "", true},
    {"HEAD", "null", NULL, NULL, NULL, "", true},
    {"OPTIONS", "https://evil.example", "cross-site", NULL, NULL, "", true},
    /* our own pages */
    {"POST", "http://" HOST, NULL, FORM, "a=b", "", true},
    {"POST", "https://" HOST, "same-origin", FORM, "a=b", "", true},
    {"POST", "HTTP://NEWS.example:8080", NULL, FORM, NULL, "", true},
    {"POST", NULL, "same-origin", FORM, "a=b", "", true},
    {"POST", NULL, "none", FORM, "a=b", "", true},
    {"POST", "https://news.example", NULL, FORM, "a=b", PUBLIC, true},
    {"POST", "https://news.example", NULL, FORM, "a=b", "https://news.example/site/", true},
    /* others, with or without a cookie */
    {"POST", "https://evil.example", NULL, "application/json", NULL, "", false},
    {"PUT", "https://evil.example", "same-origin", NULL, NULL, "", false},
    {"DELETE", "null", NULL, NULL, NULL, "", false},
    {"POST", "NULL", NULL, NULL, NULL, "", false},
    {"PATCH", "http://" HOST, "cross-site", NULL, NULL, "", false},
    {"POST", NULL, "same-site", "application/json", NULL, "", false},
    {"POST", NULL, "cross-site", "application/json", NULL, "", false},
    {"POST", NULL, "", "application/json", NULL, "", false},
    {"POST", "", NULL, "application/json", NULL, "", false},
    {"POST", "http://", NULL, "application/json", NULL, "", false},
    {"POST", "ftp://" HOST, NULL, "application/json", NULL, "", false},
    {"POST", "http://" HOST ".evil.example", NULL, NULL, NULL, "", false},
    {"POST", "http://news.example", NULL, NULL, NULL, "", false},
    {"POST", "http://" HOST, NULL, NULL, NULL, PUBLIC, false},
    {"POST", "https://news.example.evil.example", NULL, NULL, NULL, PUBLIC, false},
    /* both headers missing */
    {"POST", NULL, NULL, "application/json", NULL, "", true},
    {"DELETE", NULL, NULL, NULL, NULL, "", true},
    {"POST", NULL, NULL, "application/json", "a=b", "", false},
    {"POST", NULL, NULL, "application/json", "", "", false},
    {"POST", NULL, NULL, FORM, NULL, "", false},
    {"POST", NULL, NULL, "Multipart/Form-Data; boundary=x", NULL, "", false},
    {"POST", NULL, NULL, "text/plain;charset=utf-8", NULL, "", false},
    {"POST", NULL, NULL, "text/plain ; charset=utf-8", NULL, "", false},
    {"POST", NULL, NULL, "text/plainer", NULL, "", true},
};

static void decides(void **state) {
    for (size_t i = 0; i < COUNT(rows); i++) {
        const row *r = &rows[i];
        http_head head = {.known = {[HTTP_HOST] = VP_STR(HOST),
                                    [HTTP_ORIGIN] = vp_str_of(r->origin),
                                    [HTTP_SEC_FETCH_SITE] = vp_str_of(r->site),
                                    [HTTP_CONTENT_TYPE] = vp_str_of(r->type),
                                    [HTTP_COOKIE] = vp_str_of(r->cookie)}};
        CHECK_ROW(i,
                  http_origin_ok(&head, vp_str_of(r->method), vp_str_of(r->public_url)) == r->ok);
    }
}

static void needs_a_host_or_a_public_url(void **state) {
    http_head head = {.known = {[HTTP_ORIGIN] = VP_STR("http://")}};
    assert_false(http_origin_ok(&head, VP_STR("POST"), VP_STR("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides),
        cmocka_unit_test(needs_a_host_or_a_public_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
