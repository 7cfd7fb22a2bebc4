/* live_board_test.c - the newest state of each topic: order, pace, and who is told.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "board.h"
#include "callers.h"
#include "seal.h"

#define TOPIC "poll:01ARZ3NDEKTSV4RRFFQ69G5FAV"

#define SEALED "~" TOPIC

typedef struct world {
    board *b;
    int changed, wanted, counted, watched; /* watched: begun less ended */
    char named[VP_TOPIC_NAME_MAX + 1];     /* whose watched came last */
} world;

static void on_changed(void *user, board_topic *t) {
    assert_non_null(t->frame);
    ((world *)user)->changed++;
}

static void on_wanted(void *user) {
    ((world *)user)->wanted++;
}

static void on_watched(void *user, const board_topic *t, bool on) {
    world *w = user;
    w->watched += on ? 1 : -1;
    snprintf(w->named, sizeof w->named, "%s", t->name);
}

static void on_counted(void *user, board_topic *t) {
    assert_non_null(t->number);
    ((world *)user)->counted++;
}

static int set_up(void **state) {
    world *w = test_calloc(1, sizeof *w);
    const board_hooks hooks = {on_changed, on_wanted, on_watched, on_counted, w};
    w->b = board_new(&hooks);
    *state = w;
    return vp_seal_init();
}

static int tear_down(void **state) {
    world *w = *state;
    board_destroy(&w->b);
    test_free(w);
    return 0;
}

static bool offer(world *w, board_topic *t, uint64_t version, const char *data, int64_t now) {
    const vp_topic_state s = {.topic = board_name(t),
                              .event = VP_STR("tally"),
                              .data = vp_str_of(data),
                              .version = version};
    return board_offer(w->b, t, &s, now);
}

/* The frame's text, as a snapshot or as it is. */
static bool frame_is(const board *b, const live_frame *f, bool snapshot, int seq,
                     const char *data) {
    char want[256], got[256], id[64] = "";
    struct iovec part[2];
    size_t n = 0;
    if (seq) snprintf(id, sizeof id, "id: %s-%d\n", board_epoch(b), seq);
    snprintf(want, sizeof want, "event: %s\n%sdata: %s\n\n", snapshot ? "snapshot" : "tally", id,
             data);
    int parts = frame_pieces(f, snapshot, 0, part);
    for (int i = 0; i < parts; n += part[i++].iov_len)
        memcpy(got + n, part[i].iov_base, part[i].iov_len);
    got[n] = '\0';
    return n == frame_size(f, snapshot) && !strcmp(want, got);
}

static void the_highest_version_wins(void **state) {
    world *w = *state;
    board_topic *t = board_enter(w->b, VP_STR(TOPIC), 0);
    assert_true(t == board_enter(w->b, VP_STR(TOPIC), 0) && t == board_find(w->b, VP_STR(TOPIC)));
    assert_true(offer(w, t, 0, "{\"v\":0}", 1000)); /* the first one, whatever it is */
    assert_false(offer(w, t, 0, "{\"v\":0}", 1001));
    assert_true(offer(w, t, 5, "{\"v\":5}", 1300));
    assert_false(offer(w, t, 4, "{\"v\":4}", 1600));
    assert_false(offer(w, t, 5, "{\"v\":6}", 1600));
    assert_false(offer(w, t, 6, "", 1600));
    assert_true(offer(w, t, 1 << 20, "{\"v\":6}", 1001));
    assert_int_equal(w->changed, 1);
    board_tick(w->b, 1200);
    assert_int_equal(w->changed, 2);
    assert_true(frame_is(w->b, t->frame, false, 2, "{\"v\":6}"));
    assert_true(frame_is(w->b, t->frame, true, 2, "{\"v\":6}"));
}

static void five_frames_a_second(void **state) {
    world *w = *state;
    board_topic *t = board_enter(w->b, VP_STR(TOPIC), 0);
    assert_int_equal(board_next_ms(w->b), -1);
    for (int64_t now = 1000; now < 2000; now += 10) {
        assert_true(offer(w, t, (uint64_t)now, "{}", now));
        board_tick(w->b, now);
    }
    assert_int_equal(w->changed, 5);
    assert_int_equal(board_next_ms(w->b), 2000);
    board_tick(w->b, 2000);
    assert_int_equal(w->changed, 6); /* the last one is not lost */
    board_tick(w->b, 2200);
    assert_int_equal(w->changed, 6);
    assert_int_equal(board_next_ms(w->b), -1);
    assert_true(offer(w, t, 3000, "{}", 3000));
    assert_int_equal(w->changed, 7); /* after a pause at once */
}

static void numbers_follow_the_frames(void **state) {
    world *w = *state;
    board_topic *a = board_enter(w->b, VP_STR(TOPIC), 0);
    board_topic *b = board_enter(w->b, VP_STR("article:01ARZ3NDEKTSV4RRFFQ69G5FAV"), 0);
    offer(w, a, 1, "{}", 1000);
    offer(w, a, 2, "{}", 1050); /* accepted before b, but goes out after it */
    offer(w, b, 1, "{}", 1100);
    assert_int_equal(a->frame->seq, 1);
    assert_int_equal(b->frame->seq, 2);
    board_tick(w->b, 1200);
    assert_int_equal(a->frame->seq, 3);
    assert_int_equal(board_seq(w->b), 3);
}

static void absent_until_it_is_there(void **state) {
    world *w = *state;
    board_watch watch = {.bit = 1};
    board_topic *t = board_enter(w->b, VP_STR(TOPIC), 0);
    board_watch_add(w->b, t, &watch);
    assert_int_equal(w->wanted, 1);
    assert_true(board_first_wanted(w->b) == t);
    board_absent(w->b, t, 1000);
    assert_null(board_first_wanted(w->b));
    assert_int_equal(t->phase, BOARD_ABSENT);
    assert_int_equal(t->ask_ms, 1000 + BOARD_ABSENT_MS);
    assert_false(t->frame->state);
    assert_non_null(memmem(t->frame->bytes, t->frame->n, "\"status\":404", 12));
    assert_true(offer(w, t, 0, "{}", 1001));
    assert_int_equal(t->phase, BOARD_KNOWN);
    assert_true(t->frame->state);
    board_absent(w->b, t, 2000);
    assert_int_equal(t->phase, BOARD_KNOWN); /* a state that is there stays */
    assert_int_equal(w->changed, 2);
    board_watch_end(w->b, &watch, 2000);
}

static void idle_topics_are_forgotten(void **state) {
    world *w = *state;
    board_watch watch = {.bit = 1};
    board_topic *t = board_enter(w->b, VP_STR(TOPIC), 0);
    board_watch_add(w->b, t, &watch);
    offer(w, t, 1, "{}", 0);
    offer(w, t, 2, "{}", 0);
    board_tick(w->b, 10 * BOARD_IDLE_MS);
    assert_non_null(board_find(w->b, VP_STR(TOPIC)));
    board_watch_end(w->b, &watch, 1000);
    board_tick(w->b, 1000 + BOARD_IDLE_MS - 1);
    assert_non_null(board_find(w->b, VP_STR(TOPIC)));
    board_tick(w->b, 1000 + BOARD_IDLE_MS);
    assert_null(board_find(w->b, VP_STR(TOPIC)));
    assert_null(board_first(w->b));
}

static void the_board_is_bounded(void **state) {
    world *w = *state;
    static board_watch watch[BOARD_TOPICS];
    char name[VP_TOPIC_NAME_MAX];
    for (int i = 0; i < BOARD_TOPICS; i++) {
        int n = snprintf(name, sizeof name, "poll:01ARZ3NDEKTSV4RRFF%08d", i);
        watch[i] = (board_watch){.bit = 1};
        board_topic *t = board_enter(w->b, vp_str_n(name, (size_t)n), 0);
        assert_non_null(t);
        board_watch_add(w->b, t, &watch[i]);
    }
    assert_null(board_enter(w->b, VP_STR(TOPIC), 0));
    board_watch_end(w->b, &watch[7], 1);
    assert_non_null(board_enter(w->b, VP_STR(TOPIC), 2)); /* the idle one makes room */
    assert_null(board_find(w->b, VP_STR("poll:01ARZ3NDEKTSV4RRFF00000007")));
    for (int i = 0; i < BOARD_TOPICS; i++) board_watch_end(w->b, &watch[i], 3);
}

/* Names, states, problems and watches of one twin say nothing to the other. */
static void twins_are_apart(void **state) {
    world *w = *state;
    board_watch open = {.bit = 1}, sealed = {.bit = 1};
    board_topic *a = board_enter(w->b, VP_STR(TOPIC), 0);
    assert_null(board_twin(w->b, a));
    assert_null(board_find_sealed(w->b, VP_STR(TOPIC)));
    board_topic *b = board_enter(w->b, VP_STR(SEALED), 0);
    assert_true(a != b && !a->sealed && b->sealed);
    assert_true(board_twin(w->b, a) == b && board_twin(w->b, b) == a);
    assert_true(board_find(w->b, VP_STR(TOPIC)) == a && board_find(w->b, VP_STR(SEALED)) == b);
    assert_true(board_find_sealed(w->b, VP_STR(TOPIC)) == b);
    assert_true(vp_str_eq(board_name(b), VP_STR(SEALED)));
    assert_true(vp_str_eq(board_public_name(b), VP_STR(TOPIC)));
    assert_true(vp_str_eq(board_public_name(a), VP_STR(TOPIC)));
    board_watch_add(w->b, a, &open);
    assert_string_equal(w->named, TOPIC);
    board_watch_add(w->b, b, &sealed);
    assert_string_equal(w->named, SEALED);
    offer(w, b, 7, "{\"secret\":1}", 1000);
    assert_null(a->frame);
    assert_int_equal(a->phase, BOARD_NEW);
    board_absent(w->b, a, 1000);
    assert_int_equal(b->phase, BOARD_KNOWN);
    offer(w, a, 1, "{\"closed\":false}", 1001);
    assert_true(frame_is(w->b, a->frame, false, 2, "{\"closed\":false}"));
    /* Without a number: from that of others nobody learns of it. */
    assert_true(frame_is(w->b, b->frame, false, 0, "{\"secret\":1}"));
    assert_true(frame_is(w->b, b->frame, true, 0, "{\"secret\":1}"));
    assert_int_equal(board_seq(w->b), 2);
    board_watch_end(w->b, &open, 2000);
    board_watch_end(w->b, &sealed, 2000);
}

static void a_sealed_topic_hides_its_name(void **state) {
    world *w = *state;
    board_watch watch = {.bit = 1};
    board_topic *t = board_enter(w->b, VP_STR(SEALED), 0);
    board_watch_add(w->b, t, &watch);
    board_absent(w->b, t, 0);
    assert_non_null(memmem(t->frame->bytes, t->frame->n, "\"" TOPIC "\"", sizeof TOPIC + 1));
    board_count(w->b, t, 5);
    assert_non_null(memmem(t->number->bytes, t->number->n, "\"" TOPIC "\"", sizeof TOPIC + 1));
    board_watch_end(w->b, &watch, 0);
}

/* Its states come only while it is watched, so who comes again asks. */
static void a_sealed_topic_is_asked_for_anew(void **state) {
    world *w = *state;
    static const char *const names[] = {TOPIC, SEALED};
    for (int sealed = 0; sealed < 2; sealed++) {
        board_watch first = {.bit = 1}, second = {.bit = 1};
        board_topic *t = board_enter(w->b, vp_str_of(names[sealed]), 0);
        board_watch_add(w->b, t, &first);
        offer(w, t, 1, "{}", 0);
        board_watch_add(w->b, t, &second);
        assert_null(board_first_wanted(w->b)); /* somebody watches: it is up to date */
        board_watch_end(w->b, &first, 0);
        assert_int_equal(w->watched, 1);
        board_watch_end(w->b, &second, 0);
        assert_int_equal(w->watched, 0);
        board_watch_add(w->b, t, &first);
        assert_true(board_first_wanted(w->b) == (sealed ? t : NULL));
        board_watch_end(w->b, &first, 0);
        board_unwant(w->b, t);
    }
}

static void numbers_of_watchers(void **state) {
    world *w = *state;
    board_watch a = {.bit = 1}, b = {.bit = 1};
    board_topic *t = board_enter(w->b, VP_STR(TOPIC), 0);
    board_count(w->b, t, 4); /* nobody is there to hear it */
    assert_null(t->number);
    board_watch_add(w->b, t, &a);
    board_count(w->b, t, 4);
    assert_int_equal(w->counted, 1);
    assert_true(a.owed && t->n_watches == 1);
    static const char event[] =
        "event: watchers\ndata: {\"topic\":\"" TOPIC "\",\"watchers\":4}\n\n";
    assert_int_equal(t->number->n, sizeof event - 1);
    assert_memory_equal(t->number->bytes, event, sizeof event - 1);
    a.owed = false;
    board_count(w->b, t, 4);
    assert_int_equal(w->counted, 1); /* the same as before */
    board_watch_add(w->b, t, &b);
    assert_false(b.owed); /* with the next round */
    board_count(w->b, t, 4);
    assert_true(!a.owed && b.owed);
    b.owed = false;
    board_count(w->b, t, 3);
    assert_true(a.owed && b.owed);
    assert_int_equal(w->counted, 3);
    board_watch_end(w->b, &a, 0);
    assert_int_equal(t->n_watches, 1);
    board_watch_end(w->b, &b, 0);
    assert_null(t->number); /* it would be an old one for whoever comes */
}

static void pieces_of_a_frame(void **state) {
    live_frame *f = frame_of_state(VP_STR("closed"), "e", 9, VP_STR("{\"a\":1}"));
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        char whole[128], rest[128];
        struct iovec part[2];
        size_t size = frame_size(f, snapshot), n = 0;
        int parts = frame_pieces(f, snapshot, 0, part);
        for (int i = 0; i < parts; n += part[i++].iov_len)
            memcpy(whole + n, part[i].iov_base, part[i].iov_len);
        assert_int_equal(n, size);
        for (size_t from = 0; from <= size; from++) {
            parts = frame_pieces(f, snapshot, from, part);
            n = 0;
            for (int i = 0; i < parts; n += part[i++].iov_len)
                memcpy(rest + n, part[i].iov_base, part[i].iov_len);
            assert_int_equal(n, size - from);
            assert_memory_equal(rest, whole + from, n);
        }
    }
    live_frame *shared = frame_share(f);
    frame_drop(&f);
    assert_null(f);
    assert_int_equal(shared->refs, 1);
    frame_drop(&shared);
    frame_drop(&shared);
}

static void callers_are_counted(void **state) {
    static const struct {
        const char *address;
        bool enters;
    } rows[] = {
        {"10.0.0.1", true},     {"10.0.0.1", true},
        {"10.0.0.1", false},    {"10.0.0.2", true},
        {"2001:db8::1", true},  {"2001:db8:0:0:ffff::2", true}, /* the same /64 */
        {"2001:db8::3", false}, {"2001:db8:0:1::1", true},
        {"unknown", true},
    };
    vp_caller *entered[COUNT(rows)];
    vp_callers *s = vp_callers_new(2);
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_ROW(i, vp_callers_enter(s, rows[i].address, &entered[i]) == rows[i].enters);
    vp_callers_leave(s, &entered[0]);
    assert_true(vp_callers_enter(s, "10.0.0.1", &entered[0]));
    assert_false(vp_callers_enter(s, "10.0.0.1", &entered[2]));
    for (size_t i = 0; i < COUNT(rows); i++) vp_callers_leave(s, &entered[i]);
    vp_callers_destroy(&s);
    s = vp_callers_new(0);
    for (int i = 0; i < 100; i++) assert_true(vp_callers_enter(s, "10.0.0.1", &entered[0]));
    assert_null(entered[0]);
    vp_callers_destroy(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_highest_version_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(five_frames_a_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_follow_the_frames, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absent_until_it_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(idle_topics_are_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_board_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(twins_are_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sealed_topic_hides_its_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sealed_topic_is_asked_for_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_of_watchers, set_up, tear_down),
        cmocka_unit_test(pieces_of_a_frame),
        cmocka_unit_test(callers_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
