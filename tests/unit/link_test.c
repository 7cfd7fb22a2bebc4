/* link_test.c - a link to a Redis made for it (fake_redis.h). SPDX-License-Identifier: MIT */
#include "unit.h"

#include <signal.h>

#include "clock.h"
#include "fake_redis.h"
#include "link.h"

enum { DEADLINE_MS = 20000, HEARD_MAX = 512 };

typedef struct stage {
    fake_redis redis;
    vp_link *link;
    int up, lost, n, answers;
    vp_link_asked to[HEARD_MAX];
} stage;

static void on_up(void *stage_) {
    ((stage *)stage_)->up++;
}

static void on_heard(void *stage_, vp_link_asked to, redisReply *r) {
    stage *s = stage_;
    assert_true(s->n < HEARD_MAX);
    s->to[s->n++] = to;
    s->answers += r != NULL;
}

static void on_lost(void *stage_, const char *why) {
    assert_true(why[0]);
    ((stage *)stage_)->lost++;
}

/* One turn, and what poll would find. */
static void turn(stage *s) {
    struct pollfd p = {.fd = vp_link_fd(s->link), .events = POLLIN};
    if (vp_link_wants_write(s->link)) p.events |= POLLOUT;
    if (poll(&p, 1, 5) > 0) vp_link_news(s->link);
    vp_link_turn(s->link);
}

#define TURN_UNTIL(s, condition)                                                                   \
    for (int64_t by = vp_clock_ms() + DEADLINE_MS; !(condition);) {                                \
        assert_true(vp_clock_ms() < by);                                                           \
        turn(s);                                                                                   \
    }

static bool ask(stage *s, int what, const char *key) {
    return vp_link_ask(s->link, (vp_link_asked){.what = what, .turn = 7, .whose = s}, 2,
                       (const vp_str[]){VP_STR("GET"), vp_str_of(key)});
}

static void replies_come_in_the_order_of_asking(void **state) {
    stage *s = *state;
    assert_false(ask(s, 1, "x")); /* there is no connection yet */
    TURN_UNTIL(s, s->up);
    for (int i = 0; i < 100; i++) assert_true(ask(s, i, "x"));
    TURN_UNTIL(s, s->n == 100);
    assert_false(vp_link_owes(s->link));
    assert_int_equal(s->answers, 100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(s->to[i].what, i);
        assert_int_equal(s->to[i].turn, 7);
        assert_ptr_equal(s->to[i].whose, s);
    }
}

static void only_so_many_are_owed(void **state) {
    stage *s = *state;
    TURN_UNTIL(s, s->up);
    for (int i = 0; i < VP_LINK_OWED_MAX; i++) assert_true(ask(s, i, "x"));
    assert_false(ask(s, VP_LINK_OWED_MAX, "x"));
    TURN_UNTIL(s, s->n == VP_LINK_OWED_MAX);
    assert_true(ask(s, 0, "x"));
}

static void what_is_owed_is_lost_with_the_connection(void **state) {
    stage *s = *state;
    TURN_UNTIL(s, s->up);
    assert_true(ask(s, 1, "silence"));
    assert_true(ask(s, 2, "x"));
    turn(s);
    s->redis.hang_up = true;
    TURN_UNTIL(s, s->lost);
    assert_int_equal(s->n, 2);
    assert_int_equal(s->answers, 0);
    assert_int_equal(s->to[1].what, 2);
    TURN_UNTIL(s, s->up == 2); /* by itself */
    assert_true(ask(s, 3, "x"));
    TURN_UNTIL(s, s->answers == 1);
}

static void silence_ends_the_connection(void **state) {
    stage *s = *state;
    TURN_UNTIL(s, s->up);
    assert_true(ask(s, 1, "silence"));
    TURN_UNTIL(s, s->lost);
    assert_int_equal(s->answers, 0);
    assert_int_equal(s->n, 1);
    TURN_UNTIL(s, s->up == 2);
}

static void the_end_tells_what_is_owed(void **state) {
    stage *s = *state;
    TURN_UNTIL(s, s->up);
    assert_true(ask(s, 1, "silence"));
    vp_link_destroy(&s->link);
    assert_int_equal(s->n, 1);
    assert_int_equal(s->lost, 0);
    assert_null(s->link);
}

static void a_url_has_to_be_one(void **state) {
    stage *s = *state;
    vp_link *link;
    vp_fault why = {0};
    const vp_link_handler handler = {.up = on_up, .heard = on_heard, .lost = on_lost, .user = s};
    assert_int_equal(vp_link_new(&link, "http://x", &handler, &why), VP_EINVAL);
    assert_null(link);
    assert_int_equal(vp_link_new(&link, "redis://x/7", &handler, &why), VP_OK);
    assert_int_equal(vp_link_db(link), 7);
    vp_link_destroy(&link);
}

static int start(void **state) {
    stage *s = calloc(1, sizeof *s);
    vp_fault why = {0};
    const vp_link_handler handler = {.up = on_up, .heard = on_heard, .lost = on_lost, .user = s};
    *state = s;
    fake_redis_start(&s->redis);
    return vp_link_new(&s->link, s->redis.url, &handler, &why);
}

static int end(void **state) {
    stage *s = *state;
    fake_redis_stop(&s->redis);
    vp_link_destroy(&s->link);
    free(s);
    return 0;
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    static const struct CMUnitTest tests[] = {
        STAGED(replies_come_in_the_order_of_asking),
        STAGED(only_so_many_are_owed),
        STAGED(what_is_owed_is_lost_with_the_connection),
        STAGED(silence_ends_the_connection),
        STAGED(the_end_tells_what_is_owed),
        STAGED(a_url_has_to_be_one),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
