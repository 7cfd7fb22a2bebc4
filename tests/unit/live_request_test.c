/* live_request_test.c - heads of watchers' requests. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>

#include "request.h"

#define ID   "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define HOST "Host: x\r\n"

static const struct {
    vp_str bytes;
    live_head got;
} head_rows[] = {
    {VP_STR_INIT(""), LIVE_HEAD_MORE},
    {VP_STR_INIT("GET"), LIVE_HEAD_MORE},
    {VP_STR_INIT("GET / HTTP/1.1\r\n" HOST), LIVE_HEAD_MORE},
    {VP_STR_INIT("GET / HTTP/1.1\r\n" HOST "\r"), LIVE_HEAD_MORE},
    {VP_STR_INIT("GET / HTTP/1.1\r\n" HOST "\r\n"), LIVE_HEAD_WHOLE},
    {VP_STR_INIT("GET / HTTP/1.1\r\n" HOST "\r\nwhatever\0follows"), LIVE_HEAD_WHOLE},
    {VP_STR_INIT("GET / HTTP/1.0\r\n\r\n"), LIVE_HEAD_WHOLE},
    {VP_STR_INIT("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), LIVE_HEAD_WHOLE},
    {VP_STR_INIT("GET / HTTP/1.1\r\nhOST:x\r\nA:\r\n\r\n"), LIVE_HEAD_WHOLE},
    {VP_STR_INIT("GET / HTTP/1.1\r\n" HOST "A: \t\xC3\xA4 \r\n\r\n"), LIVE_HEAD_WHOLE},
    {VP_STR_INIT("GET / HTTP/1.1\r\n\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET / HTTP/1.1\r\n" HOST HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET / HTTP/1.1\n" HOST "\n\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET / HTTP/1.1\n" HOST "\r\n\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET / HTTP/1.1\r\n" HOST ": empty\r\n\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("\r\n\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET /\r\n\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET  / HTTP/1.1\r\n" HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET / HTTP/1.1 \r\n" HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET / HTTP/2.0\r\n" HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET / http/1.1\r\n" HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("G\tT / HTTP/1.1\r\n" HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\n" HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET * HTTP/1.1\r\n" HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET live HTTP/1.1\r\n" HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET http://x/ HTTP/1.1\r\n" HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET /#a HTTP/1.1\r\n" HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET /\x7F HTTP/1.1\r\n" HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET /\t HTTP/1.1\r\n" HOST "\r\n"), LIVE_HEAD_BAD},
    {VP_STR_INIT("GET /\0 HTTP/1.1\r\n" HOST "\r\n"), LIVE_HEAD_BAD},
};

static void heads(void **state) {
    for (size_t i = 0; i < COUNT(head_rows); i++) {
        live_request r;
        vp_fault why = {""};
        CHECK_ROW(i, request_read(head_rows[i].bytes, &r, &why) == head_rows[i].got);
        CHECK_ROW(i, (head_rows[i].got == LIVE_HEAD_BAD) == (why.text[0] != '\0'));
    }
}

static void parts_of_a_head(void **state) {
    const vp_str head =
        VP_STR("GET /live?topic=a&b=c?d HTTP/1.1\r\n" HOST "Last-Event-ID:  ab-7 \r\n"
               "X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2, 3.3.3.3\r\n\r\n");
    live_request r;
    assert_int_equal(request_read(head, &r, NULL), LIVE_HEAD_WHOLE);
    assert_true(vp_str_eq(r.method, VP_STR("GET")));
    assert_true(vp_str_eq(r.path, VP_STR("/live")));
    assert_true(vp_str_eq(r.query, VP_STR("topic=a&b=c?d")));
    assert_true(vp_str_eq(r.last_event_id, VP_STR("ab-7")));
    assert_int_equal(r.n_forwarded, 2);
    assert_true(vp_str_eq(r.forwarded[1], VP_STR("2.2.2.2, 3.3.3.3")));
}

static void fields_are_bounded(void **state) {
    vp_buf b;
    vp_buf_init(&b, LIVE_HEAD_MAX);
    live_request r;
    vp_buf_adds(&b, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 1; i < LIVE_FIELDS_MAX; i++) vp_buf_addf(&b, "X-Forwarded-For: 10.0.0.%d\r\n", i);
    vp_buf_adds(&b, "\r\n");
    assert_int_equal(request_read(vp_buf_str(&b), &r, NULL), LIVE_HEAD_WHOLE);
    assert_int_equal(r.n_forwarded, LIVE_FORWARDED_MAX);
    assert_true(vp_str_eq(r.forwarded[LIVE_FORWARDED_MAX - 1], VP_STR("10.0.0.99")));
    assert_true(vp_str_eq(r.forwarded[0], VP_STR("10.0.0.92")));
    b.len -= 2;
    vp_buf_adds(&b, "One: more\r\n\r\n");
    assert_int_equal(request_read(vp_buf_str(&b), &r, NULL), LIVE_HEAD_BAD);
    vp_buf_release(&b);
}

static void topics(void **state) {
    static const struct {
        const char *query;
        vp_err rc;
        int n, valid;
        const char *first;
    } rows[] = {
        {"topic=poll:" ID, VP_OK, 1, 1, "poll:" ID},
        {"topic=poll%3A" ID "&x=1&topic=article:" ID, VP_OK, 2, 2, "poll:" ID},
        {"topic=poll:" ID "&topic=poll:" ID, VP_OK, 1, 1, "poll:" ID},
        {"ticket=a&topic=huh", VP_OK, 1, 0, "huh"},
        {"topic=", VP_OK, 1, 0, ""},
        {"topic", VP_OK, 1, 0, ""},
        {"topic=poll:01arz3ndektsv4rrffq69g5fav", VP_OK, 1, 0, "poll:01arz3ndektsv4rrffq69g5fav"},
        {"topic=poll:" ID "0", VP_OK, 1, 0, "poll:" ID "0"},
        {"topic=%0A", VP_OK, 1, 0, "\n"},
        {"topic=~poll:" ID, VP_OK, 1, 0, "~poll:" ID}, /* not for browsers */
        {"topic=%7Epoll%3A" ID, VP_OK, 1, 0, "~poll:" ID},
        {"topic=poll:" ID "&topic=%7Epoll:" ID, VP_OK, 2, 1, "poll:" ID},
        {"topic=0123456789012345678901234567890123456789012345678901234567890123456789", VP_OK, 1,
         0, "0123456789012345678901234567890123456789012345678901234567890123"},
        {"topic=012345678901234567890123456789012345678901234567890123456789012%c3%a4", VP_OK, 1, 0,
         "012345678901234567890123456789012345678901234567890123456789012"},
        {"", VP_ESYNTAX, 0, 0, NULL},
        {"topics=poll:" ID, VP_ESYNTAX, 0, 0, NULL},
        {"topic=%", VP_ESYNTAX, 0, 0, NULL},
        {"topic=%00", VP_ESYNTAX, 0, 0, NULL},
        {"topic=%ff", VP_ESYNTAX, 0, 0, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        live_topics got;
        vp_fault why = {""};
        vp_err rc = request_topics(vp_str_of(rows[i].query), &got, &why);
        int valid = 0;
        CHECK_ROW(i, rc == rows[i].rc);
        CHECK_ROW(i, (rc != VP_OK) == (why.text[0] != '\0'));
        if (rc) continue;
        for (int k = 0; k < got.n; k++) valid += got.item[k].valid;
        CHECK_ROW(i, got.n == rows[i].n && valid == rows[i].valid);
        CHECK_ROW(i, !strcmp(got.item[0].name, rows[i].first));
    }
}

static void topics_are_bounded(void **state) {
    vp_buf b;
    vp_buf_init(&b, LIVE_HEAD_MAX);
    live_topics got;
    for (int i = 0; i < LIVE_TOPICS_MAX; i++)
        vp_buf_addf(&b, "topic=poll:01ARZ3NDEKTSV4RRFFQ69G5F%02d&", i);
    vp_buf_adds(&b, "topic=poll:01ARZ3NDEKTSV4RRFFQ69G5F00");
    assert_int_equal(request_topics(vp_buf_str(&b), &got, NULL), VP_OK);
    assert_int_equal(got.n, LIVE_TOPICS_MAX);
    vp_buf_adds(&b, "&topic=another");
    assert_int_equal(request_topics(vp_buf_str(&b), &got, NULL), VP_ESYNTAX);
    vp_buf_release(&b);
}

#define TICKET "AVb70uW6r8h2EzTB0W1UewAAAZNcaVAA.0123456789abcdefghij-_"

static void tickets(void **state) {
    static const struct {
        const char *query;
        int n;
        const char *first;
    } rows[] = {
        {"", 0, NULL},
        {"topic=a", 0, NULL},
        {"tickets=" TICKET, 0, NULL},
        {"ticket=" TICKET, 1, TICKET},
        {"topic=a&ticket=" TICKET "&ticket=" TICKET, 2, TICKET},
        {"ticket=%41Vb70uW6r8h2EzTB0W1UewAAAZNcaVAA%2E0123456789abcdefghij-_", 1, TICKET},
        {"ticket", 1, ""},
        {"ticket=", 1, ""},
        {"ticket=a", 1, ""},
        {"ticket=" TICKET "A", 1, ""},
        {"ticket=%", 1, ""},
        {"ticket=%00" TICKET, 1, ""},
        {"ticket=%ff&ticket=" TICKET, 2, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        live_tickets got;
        vp_fault why = {""};
        CHECK_ROW(i, request_tickets(vp_str_of(rows[i].query), &got, &why) == VP_OK);
        CHECK_ROW(i, got.n == rows[i].n);
        CHECK_ROW(i, !got.n || !strcmp(got.text[0], rows[i].first));
    }
}

static void tickets_are_bounded(void **state) {
    vp_buf b;
    vp_buf_init(&b, LIVE_HEAD_MAX);
    live_tickets got;
    vp_fault why = {""};
    for (int i = 0; i < LIVE_TICKETS_MAX; i++) vp_buf_adds(&b, "ticket=" TICKET "&");
    assert_int_equal(request_tickets(vp_buf_str(&b), &got, &why), VP_OK);
    assert_int_equal(got.n, LIVE_TICKETS_MAX);
    assert_string_equal(got.text[LIVE_TICKETS_MAX - 1], TICKET);
    vp_buf_adds(&b, "ticket");
    assert_int_equal(request_tickets(vp_buf_str(&b), &got, &why), VP_ESYNTAX);
    assert_string_not_equal(why.text, "");
    vp_buf_release(&b);
}

static void event_ids(void **state) {
    static const struct {
        const char *header, *query;
        live_since since;
        uint64_t seq;
    } rows[] = {
        {"", "", LIVE_SINCE_START, 0},
        {"", "last_event_id=", LIVE_SINCE_START, 0},
        {"abc-0", "", LIVE_SINCE_SEQ, 0},
        {"abc-17", "", LIVE_SINCE_SEQ, 17},
        {"", "last_event_id=abc-17", LIVE_SINCE_SEQ, 17},
        {"abc-18", "last_event_id=abc-17", LIVE_SINCE_SEQ, 18},
        {"abc-9223372036854775807", "", LIVE_SINCE_SEQ, INT64_MAX},
        {"abc-9223372036854775808", "", LIVE_SINCE_ELSEWHERE, 0},
        {"abc-", "", LIVE_SINCE_ELSEWHERE, 0},
        {"abc--1", "", LIVE_SINCE_ELSEWHERE, 0},
        {"abc-1x", "", LIVE_SINCE_ELSEWHERE, 0},
        {"abc17", "", LIVE_SINCE_ELSEWHERE, 0},
        {"abcd-17", "", LIVE_SINCE_ELSEWHERE, 0},
        {"ab-17", "", LIVE_SINCE_ELSEWHERE, 0},
        {"1-1", "", LIVE_SINCE_ELSEWHERE, 0},
        {"", "last_event_id=%ff", LIVE_SINCE_ELSEWHERE, 0},
        {"abc-000000000000000000000000000000000000000000000000000000000000001", "",
         LIVE_SINCE_ELSEWHERE, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t seq;
        live_request r = {.last_event_id = vp_str_of(rows[i].header),
                          .query = vp_str_of(rows[i].query)};
        CHECK_ROW(i, request_since(&r, "abc", &seq) == rows[i].since);
        CHECK_ROW(i, rows[i].since != LIVE_SINCE_SEQ || seq == rows[i].seq);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),     cmocka_unit_test(parts_of_a_head),
        cmocka_unit_test(topics),    cmocka_unit_test(fields_are_bounded),
        cmocka_unit_test(event_ids), cmocka_unit_test(topics_are_bounded),
        cmocka_unit_test(tickets),   cmocka_unit_test(tickets_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
