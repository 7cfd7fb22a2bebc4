/* flood_test.c - who sends too much without ending a message, over real connections.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flood.h"

enum { PIECE = 32 * 1024 };

/* A port of ours with one connection to it: fd[0] is ours, fd[1] the other side. */
typedef struct place {
    vp_flood *flood;
    int listener, fd[2];
    char endpoint[40];
    int64_t now;
} place;

static void open_place(place *p, bool heard) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    *p = (place){.flood = vp_flood_new(), .now = 1000};
    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(p->listener, 4), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&at, &n), 0);
    p->fd[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(p->fd[1], (struct sockaddr *)&at, sizeof at), 0);
    p->fd[0] = accept(p->listener, NULL, NULL);
    assert_true(p->fd[0] >= 0);
    snprintf(p->endpoint, sizeof p->endpoint, "tcp://host:%d", ntohs(at.sin_port));
    vp_flood_watch(p->flood, p->endpoint, heard);
    vp_flood_watch(p->flood, "inproc://elsewhere", heard);
    vp_flood_watch(p->flood, "", heard);
}

static void close_place(place *p) {
    close(p->listener);
    close(p->fd[0]);
    close(p->fd[1]);
    vp_flood_destroy(&p->flood);
}

/* So many bytes come, and are taken. */
static void come(const place *p, int64_t n) {
    static char bytes[PIECE];
    while (n > 0) {
        size_t piece = n < PIECE ? (size_t)n : PIECE;
        assert_int_equal(send(p->fd[1], bytes, piece, MSG_NOSIGNAL), (ssize_t)piece);
        assert_int_equal(recv(p->fd[0], bytes, piece, MSG_WAITALL), (ssize_t)piece);
        n -= (int64_t)piece;
    }
}

static int look(place *p) {
    p->now += VP_FLOOD_LOOK_MS;
    return vp_flood_look(p->flood, p->now);
}

static bool is_cut(const place *p) {
    char byte;
    return recv(p->fd[1], &byte, 1, MSG_DONTWAIT) == 0;
}

static void whole_messages_are_many(void **state) {
    place p;
    open_place(&p, true);
    for (int i = 0; i < 4; i++) {
        come(&p, VP_FLOOD_MAX / 2);
        vp_flood_heard(p.flood, p.fd[0]);
        assert_int_equal(look(&p), 0);
    }
    assert_false(is_cut(&p));
    close_place(&p);
}

static void one_without_end_is_cut(void **state) {
    place p;
    open_place(&p, true);
    vp_flood_heard(p.flood, p.fd[0]);
    assert_int_equal(look(&p), 0);
    come(&p, VP_FLOOD_MAX);
    assert_int_equal(look(&p), 0); /* as much as may be */
    come(&p, 1);
    assert_int_equal(vp_flood_look(p.flood, p.now + 1), 0); /* too soon to look again */
    assert_int_equal(look(&p), 1);
    assert_true(is_cut(&p));
    assert_int_equal(look(&p), 0);
    close_place(&p);
}

static void a_new_connection_begins_anew(void **state) {
    place p;
    open_place(&p, true);
    come(&p, VP_FLOOD_MAX);
    vp_flood_heard(p.flood, p.fd[0]);
    assert_int_equal(look(&p), 0);
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    assert_int_equal(getsockname(p.listener, (struct sockaddr *)&at, &n), 0);
    int old = p.fd[0];
    close(p.fd[0]);
    close(p.fd[1]);
    p.fd[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(p.fd[1], (struct sockaddr *)&at, sizeof at), 0);
    int fresh = accept(p.listener, NULL, NULL);
    assert_int_equal(dup2(fresh, old), old); /* the same descriptor */
    if (fresh != old) close(fresh);
    p.fd[0] = old;
    assert_int_equal(look(&p), 0);
    come(&p, VP_FLOOD_MAX + 1);
    assert_int_equal(look(&p), 1);
    close_place(&p);
}

static void subscriptions_have_a_rate(void **state) {
    place p;
    open_place(&p, false);
    come(&p, VP_FLOOD_UNHEARD);
    assert_int_equal(look(&p), 0);
    for (int i = 0; i < 20; i++) { /* as fast as they may come */
        come(&p, VP_FLOOD_RATE * VP_FLOOD_LOOK_MS / 1000);
        assert_int_equal(look(&p), 0);
    }
    come(&p, VP_FLOOD_RATE);
    assert_int_equal(look(&p), 1);
    assert_true(is_cut(&p));
    close_place(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_messages_are_many),
        cmocka_unit_test(one_without_end_is_cut),
        cmocka_unit_test(a_new_connection_begins_anew),
        cmocka_unit_test(subscriptions_have_a_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
