/* http_guard_test.c - what CivetWeb lets through and the guard does not. Requests are parsed here
 * as CivetWeb does it: in place, leniently, writing NUL over what it consumes.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <ctype.h>
#include <stdio.h>

#include "guard.h"
#include "request.h"

#define GET "GET / HTTP/1.1\r\n"
#define H   "Host: a.example\r\n"

static char bytes[32 * 1024];

/* One word and the white space behind it, line ends too. */
static char *take_word(char **at) {
    char *word = *at;
    while (isgraph((unsigned char)**at)) (*at)++;
    while (isspace((unsigned char)**at)) *(*at)++ = '\0';
    return word;
}

/* One field; false at the first line that does not begin like one. */
static bool take_field(char **at, struct mg_header *h) {
    char *p = *at;
    while (*p != ':' && *p >= 33 && *p <= 126) p++;
    if (p == *at) return false;
    h->name = *at;
    while (*p == ' ') *p++ = '\0';
    *p++ = '\0';
    while (*p == ' ' || *p == '\t') p++;
    h->value = p;
    while (*p && *p != '\r' && *p != '\n') p++;
    if (*p == '\r') *p++ = '\0';
    if (*p) *p++ = '\0';
    *at = p;
    return true;
}

static void parse(const char *text, struct mg_request_info *ri) {
    size_t n = strlen(text);
    char *at = bytes;
    assert_true(n && n < sizeof bytes - 4);
    memset(ri, 0, sizeof *ri);
    memset(bytes, 0, n + 4);
    memcpy(bytes, text, n - 1); /* the last LF is overwritten */
    ri->request_method = take_word(&at);
    char *target = take_word(&at);
    ri->http_version = take_word(&at) + strlen("HTTP/");
    while (ri->num_headers < MG_MAX_HEADERS &&
           take_field(&at, &ri->http_headers[ri->num_headers])) {
        ri->num_headers++;
        if (*at == '\r' || *at == '\n') break;
    }
    char *mark = strchr(target, '?');
    if (mark) *mark++ = '\0';
    ri->request_uri = target;
    ri->query_string = mark;
}

static http_refusal judge(const char *text, http_head *head) {
    struct mg_request_info ri;
    parse(text, &ri);
    return http_guard(&ri, head);
}

static const struct {
    const char *text;
    http_refusal refusal;
} rows[] = {
    {GET H "\r\n", HTTP_FINE},
    {"GET /a%20b/c?q=%2F&x HTTP/1.1\r\n" H "\r\n", HTTP_FINE},
    {"GET /?a?b HTTP/1.1\r\n" H "Accept: */*\r\n\r\n", HTTP_FINE},
    {GET "Host:a.example\r\nX-Empty:\r\nX-High: \xC3\xA4\r\n\r\n", HTTP_FINE},
    {GET "hOST: [::1]:8080\r\n\r\n", HTTP_FINE},
    {"GET / HTTP/1.0\r\nAccept: */*\r\n\r\n", HTTP_FINE},
    /* the line and the fields */
    {"GET  / HTTP/1.1\r\n" H "\r\n", HTTP_BAD_SHAPE},
    {"GET /  HTTP/1.1\r\n" H "\r\n", HTTP_BAD_SHAPE},
    {"GET\r\n/ HTTP/1.1\r\n" H "\r\n", HTTP_BAD_SHAPE},
    {"GET / HTTP/1.1\n" H "\r\n", HTTP_BAD_SHAPE},
    {"GET / HTTP/1.1\r\n " H "\r\n", HTTP_BAD_SHAPE},
    {GET "Host : a.example\r\n\r\n", HTTP_BAD_SHAPE},
    {GET "Host: a.example\n\r\n", HTTP_BAD_SHAPE},
    {GET "Host: a.example\nX: y\r\n\r\n", HTTP_BAD_SHAPE},
    {GET H "X: a\r\n folded\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n", HTTP_BAD_SHAPE},
    {GET H "\xC3\xA4: a\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n", HTTP_BAD_SHAPE},
    {GET H "\r hidden: 1\r\n\r\n", HTTP_BAD_SHAPE},
    {GET H "a\"b: c\r\n\r\n", HTTP_BAD_SHAPE},
    {GET H "Content(Length: 1\r\n\r\n", HTTP_BAD_SHAPE},
    /* methods */
    {"TRACE / HTTP/1.1\r\n" H "\r\n", HTTP_BAD_METHOD},
    {"CONNECT / HTTP/1.1\r\n" H "\r\n", HTTP_BAD_METHOD},
    {"PROPFIND / HTTP/1.1\r\n" H "\r\n", HTTP_BAD_METHOD},
    {"get / HTTP/1.1\r\n" H "\r\n", HTTP_BAD_METHOD},
    {"OPTIONS / HTTP/1.1\r\n" H "\r\n", HTTP_FINE},
    /* targets */
    {"GET http://a.example/ HTTP/1.1\r\n" H "\r\n", HTTP_BAD_TARGET},
    {"GET a HTTP/1.1\r\n" H "\r\n", HTTP_BAD_TARGET},
    {"GET * HTTP/1.1\r\n" H "\r\n", HTTP_BAD_TARGET},
    {"GET /a%00b HTTP/1.1\r\n" H "\r\n", HTTP_BAD_TARGET},
    {"GET /?a=%00 HTTP/1.1\r\n" H "\r\n", HTTP_BAD_TARGET},
    {"GET /a%zz HTTP/1.1\r\n" H "\r\n", HTTP_BAD_TARGET},
    {"GET /a% HTTP/1.1\r\n" H "\r\n", HTTP_BAD_TARGET},
    {"GET /a%4 HTTP/1.1\r\n" H "\r\n", HTTP_BAD_TARGET},
    {"GET /a#b HTTP/1.1\r\n" H "\r\n", HTTP_BAD_TARGET},
    {"GET /?a=%zz HTTP/1.1\r\n" H "\r\n", HTTP_FINE}, /* the query's reader decides */
    /* hosts */
    {GET "Accept: */*\r\n\r\n", HTTP_BAD_HOST},
    {GET "\r\n", HTTP_BAD_HOST},
    {"GET / HTTP/1.0\r\n\r\n", HTTP_BAD_HOST},
    {GET H H "\r\n", HTTP_BAD_HOST},
    {GET "Host:\r\n\r\n", HTTP_BAD_HOST},
    {GET "Host: a/b\r\n\r\n", HTTP_BAD_HOST},
    {GET "Host: a\"b\r\n\r\n", HTTP_BAD_HOST},
    {GET "Host: user@a\r\n\r\n", HTTP_BAD_HOST},
    {GET "Host: a, b\r\n\r\n", HTTP_BAD_HOST},
    /* lengths */
    {GET H "Content-Length: 5\r\n\r\n", HTTP_FINE},
    {GET H "Content-Length: 5  \r\n\r\n", HTTP_FINE},
    {GET H "Content-Length: 5\r\ncontent-length: 5\r\n\r\n", HTTP_BAD_LENGTH},
    {GET H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", HTTP_BAD_LENGTH},
    {GET H "Content-Length: +5\r\n\r\n", HTTP_BAD_LENGTH},
    {GET H "Content-Length: -5\r\n\r\n", HTTP_BAD_LENGTH},
    {GET H "Content-Length: 5, 5\r\n\r\n", HTTP_BAD_LENGTH},
    {GET H "Content-Length: 5x\r\n\r\n", HTTP_BAD_LENGTH},
    {GET H "Content-Length: 0x5\r\n\r\n", HTTP_BAD_LENGTH},
    {GET H "Content-Length:\r\n\r\n", HTTP_BAD_LENGTH},
    {GET H "Content-Length: 9999999999999999\r\n\r\n", HTTP_BAD_LENGTH},
    /* encodings */
    {GET H "Transfer-Encoding: chunked\r\n\r\n", HTTP_FINE},
    {GET H "Transfer-Encoding: Chunked\r\n\r\n", HTTP_FINE},
    {GET H "Transfer-Encoding: identity\r\n\r\n", HTTP_BAD_ENCODING},
    {GET H "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP_BAD_ENCODING},
    {GET H "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", HTTP_BAD_ENCODING},
    {GET H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", HTTP_BAD_ENCODING},
    {GET H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_BAD_ENCODING},
    {"GET / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", HTTP_BAD_ENCODING},
    /* others that may stand once */
    {GET H "Origin: a\r\nOrigin: b\r\n\r\n", HTTP_DOUBLE_FIELD},
    {GET H "Sec-Fetch-Site: none\r\nSec-Fetch-Site: none\r\n\r\n", HTTP_DOUBLE_FIELD},
    {GET H "Content-Type: a\r\nContent-Type: b\r\n\r\n", HTTP_DOUBLE_FIELD},
    {GET H "Cookie: a=b\r\nCookie: c=d\r\n\r\n", HTTP_FINE},
};

static void refuses_by_the_table(void **state) {
    for (size_t i = 0; i < COUNT(rows); i++) {
        http_head head;
        http_refusal refusal = judge(rows[i].text, &head);
        if (refusal != rows[i].refusal) fail_msg("row %d: %d", (int)i, (int)refusal);
    }
}

static void cuts_no_field_in_silence(void **state) {
    static const struct {
        int fields;
        http_refusal refusal;
    } counts[] = {{HTTP_HEADERS_MAX, HTTP_FINE},
                  {HTTP_HEADERS_MAX + 1, HTTP_MANY_FIELDS},
                  {HTTP_HEADERS_MAX + 20, HTTP_MANY_FIELDS}};
    for (size_t i = 0; i < COUNT(counts); i++) {
        char text[8 * 1024];
        http_head head;
        int n = snprintf(text, sizeof text, GET H);
        for (int k = 1; k < counts[i].fields; k++)
            n += snprintf(text + n, sizeof text - (size_t)n, "X-%d: %d\r\n", k, k);
        snprintf(text + n, sizeof text - (size_t)n, "\r\n");
        CHECK_ROW(i, judge(text, &head) == counts[i].refusal);
    }
}

static void reads_the_framing(void **state) {
    http_head head;
    assert_int_equal(judge("POST /a HTTP/1.1\r\n" H "Content-Length: 0042\r\n"
                           "Expect: 100-Continue\r\nContent-Type:  a/b \r\n\r\n",
                           &head),
                     HTTP_FINE);
    assert_int_equal(head.content_length, 42);
    assert_true(head.expects && head.http_1_1 && head.keep_alive && !head.chunked);
    assert_true(vp_str_eq(head.known[HTTP_CONTENT_TYPE], VP_STR("a/b")));
    assert_true(vp_str_eq(head.known[HTTP_HOST], VP_STR("a.example")));
    assert_null(head.known[HTTP_COOKIE].p);
    assert_int_equal(judge(GET H "Transfer-Encoding: chunked\r\n\r\n", &head), HTTP_FINE);
    assert_true(head.chunked && !head.expects);
    assert_int_equal(judge(GET H "Expect: 100-continue\r\n\r\n", &head), HTTP_FINE);
    assert_false(head.expects); /* there is nothing to wait for */
}

static void keeps_alive_as_told(void **state) {
    static const struct {
        const char *text;
        bool keep;
    } kept[] = {
        {GET H "\r\n", true},
        {GET H "Connection: close\r\n\r\n", false},
        {GET H "Connection: Keep-Alive\r\n\r\n", true},
        {GET H "Connection: TE, keep-alive\r\n\r\n", true},
        {GET H "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n", false},
        {GET H "Connection: keep-alive-not\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n" H "\r\n", false},
        {"GET / HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n", true},
    };
    for (size_t i = 0; i < COUNT(kept); i++) {
        http_head head;
        CHECK_ROW(i, judge(kept[i].text, &head) == HTTP_FINE);
        CHECK_ROW(i, head.keep_alive == kept[i].keep);
    }
}

static void every_refusal_is_an_error(void **state) {
    for (int i = HTTP_BAD_SHAPE; i < HTTP_REFUSAL_COUNT; i++) {
        CHECK_ROW(i, http_refusal_status((http_refusal)i) >= 400);
        CHECK_ROW(i, http_refusal_detail((http_refusal)i)[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_by_the_table),      cmocka_unit_test(cuts_no_field_in_silence),
        cmocka_unit_test(reads_the_framing),         cmocka_unit_test(keeps_alive_as_told),
        cmocka_unit_test(every_refusal_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
