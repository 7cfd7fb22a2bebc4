/* live_unseal_test.c - what tickets open for a stream, and when it ends.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>

#include "passes.h"
#include "unseal.h"

#define A "01ARZ3NDEKTSV4RRFFQ69G5FAA"
#define B "01ARZ3NDEKTSV4RRFFQ69G5FAB"
#define C "01ARZ3NDEKTSV4RRFFQ69G5FAC"

static const uint8_t key[VP_SEAL_KEY] = "a key of exactly thirty-two byte";
static const uint8_t other[VP_SEAL_KEY] = "another of exactly thirty-two by";
static const int64_t NOW = 1795501251000;

static void add(live_tickets *t, const uint8_t *with, const char *id, int64_t expires) {
    vp_buf b;
    vp_buf_init(&b, VP_TICKET_TEXT + 1);
    vp_ticket_write(with, vp_str_of(id), expires, &b);
    memcpy(t->text[t->n++], b.data, b.len + 1);
    vp_buf_release(&b);
}

/* Bit 0 is poll A, 1 an article with A's id, 2 no topic, 3 poll B. */
static void name_topics(live_topics *out) {
    vp_fault why = {""};
    assert_int_equal(request_topics(VP_STR("topic=poll:" A "&topic=article:" A "&topic=~poll:" C
                                           "&topic=poll:" B),
                                    out, &why),
                     VP_OK);
}

static void tickets_open_their_polls_only(void **state) {
    live_topics topics;
    live_tickets t = {0};
    live_unsealed got;
    name_topics(&topics);
    unseal_read(key, &t, &topics, NOW, &got);
    assert_true(got.topics == 0 && got.until_ms == INT64_MAX && !got.doubtful && got.n == 0);
    add(&t, key, B, NOW + 9000);
    unseal_read(key, &t, &topics, NOW, &got);
    assert_true(got.topics == 8 && got.until_ms == NOW + 9000 && !got.doubtful);
    add(&t, key, A, NOW + 5000);
    unseal_read(key, &t, &topics, NOW, &got); /* never the article */
    assert_true(got.topics == 9 && got.until_ms == NOW + 5000 && !got.doubtful);
}

static void bad_tickets_open_nothing(void **state) {
    live_topics topics;
    live_tickets t = {0};
    live_unsealed got;
    name_topics(&topics);
    t.n++; /* no ticket at all */
    add(&t, key, A, NOW);
    add(&t, key, C, NOW + 1000); /* of no topic here, although somebody tried to name it */
    unseal_read(key, &t, &topics, NOW, &got);
    assert_true(got.topics == 0 && got.until_ms == INT64_MAX && !got.doubtful);
    assert_int_equal(got.ticket[0].err, VP_EDENIED);
    assert_int_equal(got.ticket[0].topic, -1);
    assert_int_equal(got.ticket[1].err, VP_ESTALE);
    assert_int_equal(got.ticket[1].topic, 0);
    assert_int_equal(got.ticket[2].err, VP_ENOTFOUND);
    add(&t, other, A, NOW + 1000);
    unseal_read(key, &t, &topics, NOW, &got);
    assert_true(got.topics == 0 && got.doubtful);
    assert_int_equal(got.ticket[3].err, VP_EDENIED);
    add(&t, key, A, NOW + 2000); /* a good one among them */
    unseal_read(key, &t, &topics, NOW, &got);
    assert_true(got.topics == 1 && got.until_ms == NOW + 2000);
}

static void without_a_key_nothing_opens(void **state) {
    live_topics topics;
    live_tickets t = {0};
    live_unsealed got;
    name_topics(&topics);
    add(&t, key, A, NOW + 1000);
    unseal_read(NULL, &t, &topics, NOW, &got);
    assert_true(got.topics == 0 && got.until_ms == INT64_MAX && !got.doubtful);
    assert_int_equal(got.ticket[0].err, VP_EAWAY);
}

static void watchers_are_told(void **state) {
    live_topics topics;
    live_tickets t = {0};
    live_unsealed got;
    vp_buf b;
    name_topics(&topics);
    t.n++;
    add(&t, key, B, NOW);
    add(&t, key, A, NOW + 1);
    vp_buf_init(&b, 1024);
    unseal_read(key, &t, &topics, NOW, &got);
    unseal_problems_write(&b, &got, &topics);
    assert_string_equal(b.data, "event: problem\ndata: {\"ticket\":\"refused\",\"status\":403,"
                                "\"title\":\"Not allowed\"}\n\n"
                                "event: problem\ndata: {\"topic\":\"poll:" B
                                "\",\"ticket\":\"refused\",\"status\":403,"
                                "\"title\":\"Not allowed\"}\n\n");
    vp_buf_clear(&b);
    t.n = 0;
    add(&t, key, A, NOW + 1);
    unseal_read(NULL, &t, &topics, NOW, &got);
    unseal_problems_write(&b, &got, &topics);
    assert_string_equal(b.data, "event: problem\ndata: {\"ticket\":\"unchecked\",\"status\":503,"
                                "\"title\":\"Away\"}\n\n");
    vp_buf_release(&b);
}

/* -- the wheel -------------------------------------------------------------------------------- */

typedef struct wheel {
    passes p;
    char stream[8]; /* their addresses stand for streams */
} wheel;

static struct live_stream *stream(wheel *w, int i) {
    return (struct live_stream *)(void *)&w->stream[i];
}

static void passes_end_in_time(void **state) {
    static const int64_t left[] = {0, 1, 999, 1000, 60000, VP_TICKET_MS, INT64_MAX, -5};
    wheel *w = test_calloc(1, sizeof *w);
    live_pass *pass[COUNT(left)];
    int64_t begun = 123456789, ended[COUNT(left)] = {0};
    passes_init(&w->p, begun);
    for (size_t i = 0; i < COUNT(left); i++)
        pass[i] = passes_add(&w->p, stream(w, (int)i), begun, left[i]);
    for (int64_t now = begun; now < begun + VP_TICKET_MS + 5000; now += 100)
        for (struct live_stream *s = passes_due(&w->p, now); s; s = passes_due(&w->p, now)) {
            size_t i = (size_t)((char *)(void *)s - w->stream);
            ended[i] = now;
            passes_end(&pass[i]);
            assert_null(pass[i]);
        }
    for (size_t i = 0; i < COUNT(left); i++) {
        int64_t due = left[i] > VP_TICKET_MS ? VP_TICKET_MS : left[i] < 0 ? 0 : left[i];
        CHECK_ROW(i, ended[i] >= begun + due && ended[i] <= begun + due + PASSES_SLOT_MS + 100);
    }
    passes_end(&pass[0]);
    test_free(w);
}

/* A loop that stood still for a while ends nobody early, and afterwards all whose time it is. */
static void passes_after_a_pause(void **state) {
    static const int64_t pauses[] = {900, 60000, 120000};
    for (size_t i = 0; i < COUNT(pauses); i++) {
        wheel *w = test_calloc(1, sizeof *w);
        int64_t now = 5000;
        passes_init(&w->p, now);
        live_pass *soon = passes_add(&w->p, stream(w, 0), now, 100);
        now += pauses[i];
        live_pass *late = passes_add(&w->p, stream(w, 1), now, VP_TICKET_MS);
        struct live_stream *s = passes_due(&w->p, now);
        CHECK_ROW(i, s == (pauses[i] > 1100 ? stream(w, 0) : NULL));
        passes_end(&soon);
        CHECK_ROW(i, !passes_due(&w->p, now));
        CHECK_ROW(i, !passes_due(&w->p, now + VP_TICKET_MS - 1));
        CHECK_ROW(i, passes_due(&w->p, now + VP_TICKET_MS + PASSES_SLOT_MS) == stream(w, 1));
        passes_end(&late);
        live_pass *again = passes_add(&w->p, stream(w, 2), now + VP_TICKET_MS, VP_TICKET_MS);
        CHECK_ROW(i, passes_due(&w->p, INT64_C(1) << 40) == stream(w, 2)); /* after years */
        passes_end(&again);
        CHECK_ROW(i, !passes_due(&w->p, INT64_C(1) << 40));
        test_free(w);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tickets_open_their_polls_only),
        cmocka_unit_test(bad_tickets_open_nothing),
        cmocka_unit_test(without_a_key_nothing_opens),
        cmocka_unit_test(watchers_are_told),
        cmocka_unit_test(passes_end_in_time),
        cmocka_unit_test(passes_after_a_pause),
    };
    if (vp_seal_init()) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
