/* catchup.c - see catchup.h.
 * A question keeps its own text: topics may leave the board while it is on its way, so the answer
 * is matched by name. SPDX-License-Identifier: MIT */
#include "catchup.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "counters.h"
#include "json.h"
#include "log.h"
#include "mem.h"

enum {
    QUESTIONS = 128, /* of one prefix on their way at once: the whole board */
    LINE_MAX_BYTES = VP_TOPIC_NAME_MAX + 1 + 20 + 1, /* name, space, version, end */
    BODY_MAX = CATCHUP_TOPICS * LINE_MAX_BYTES
};

typedef struct question {
    ask ask; /* its user: the catchup */
    int n, row;
} question;

/* What goes on with the service of one row. */
typedef struct talk {
    int most;       /* topics in one question: halved when an answer is refused as too large */
    int under_way;  /* questions */
    question *open; /* being filled */
} talk;

struct catchup {
    catchup_options o;
    struct event *soon, *again, *round;
    int seen; /* rows of services */
    talk talk[SERVICES_PREFIXES];
};

static void start_timer(struct event *timer, int ms) {
    struct timeval after = {ms / 1000, ms % 1000 * 1000};
    if (!event_pending(timer, EV_TIMEOUT, NULL)) event_add(timer, &after);
}

/* -- who answers ------------------------------------------------------------------------------ */

/* The row of the service that can be asked for a topic; -1: none. */
static int row_of(const catchup *c, const board_topic *t) {
    const services_row *row = services_of(c->o.services, board_name(t));
    if (!row || row->body_max[SERVICES_TOPICS] < LINE_MAX_BYTES) return -1;
    return (int)(row - c->o.services->row);
}

/* Topics of which nothing is known may be asked for now. */
static void free_unknown(catchup *c) {
    for (board_topic *t = board_first(c->o.board); t; t = board_next(t))
        if (t->phase != BOARD_KNOWN && row_of(c, t) >= c->seen) t->ask_ms = 0;
    start_timer(c->again, CATCHUP_SOON_MS);
}

void catchup_tick(catchup *c) {
    services_tick(c->o.services);
    int n = c->o.services->n;
    if (n == c->seen) return;
    for (int i = c->seen; i < n; i++) c->talk[i] = (talk){.most = CATCHUP_TOPICS};
    free_unknown(c);
    c->seen = n;
}

/* -- asking ----------------------------------------------------------------------------------- */

static void on_answered(ask *a);

static question *question_new(catchup *c, int row) {
    question *q = vp_calloc(1, sizeof *q);
    ask_init(&q->ask, services_path_text(SERVICES_TOPICS), BODY_MAX + 1);
    q->ask.answered = on_answered;
    q->ask.user = c;
    q->row = row;
    return q;
}

static void send_open(catchup *c, int row) {
    talk *to = &c->talk[row];
    if (!to->open) return;
    ask_submit(c->o.asker, &to->open->ask, c->o.services->row[row].service);
    to->under_way++;
    to->open = NULL;
}

/* Puts a topic into its service's next question. False: not now. */
static bool ask_for(catchup *c, board_topic *t, int64_t now) {
    int row = row_of(c, t);
    if (row < 0 || row >= c->seen) {
        if (now - t->made_ms >= CATCHUP_NOBODY_MS && bus_redis_up(c->o.bus))
            board_absent(c->o.board, t, now);
        return false;
    }
    talk *to = &c->talk[row];
    if (to->under_way >= QUESTIONS) return false;
    if (!to->open) to->open = question_new(c, row);
    question *q = to->open;
    vp_buf_addf(&q->ask.body, "%s %llu\n", t->name,
                t->phase == BOARD_KNOWN ? (unsigned long long)t->version : 0ULL);
    t->asking = true;
    t->ask_ms = now;
    board_unwant(c->o.board, t);
    int64_t room = c->o.services->row[row].body_max[SERVICES_TOPICS] - (int64_t)q->ask.body.len;
    if (++q->n >= to->most || room < LINE_MAX_BYTES) send_open(c, row);
    return true;
}

static void ask_open(catchup *c) {
    for (int i = 0; i < c->seen; i++) send_open(c, i);
}

void catchup_soon(catchup *c) {
    start_timer(c->soon, CATCHUP_SOON_MS);
}

/* What cannot be asked for yet leaves the list, and is tried again by and by. */
static void on_soon(evutil_socket_t fd, short what, void *arg) {
    catchup *c = arg;
    int64_t now = vp_clock_ms();
    (void)fd;
    (void)what;
    catchup_tick(c);
    for (board_topic *t = board_first_wanted(c->o.board); t; t = board_first_wanted(c->o.board)) {
        if (ask_for(c, t, now)) continue;
        board_unwant(c->o.board, t);
        start_timer(c->again, CATCHUP_AGAIN_MS);
    }
    ask_open(c);
}

static void ask_all(catchup *c, bool known_too) {
    int64_t now = vp_clock_ms();
    bool left = false;
    for (board_topic *t = board_first(c->o.board); t; t = board_next(t)) {
        if (t->asking || t->ask_ms > now || (t->phase == BOARD_KNOWN && !known_too)) continue;
        if (!ask_for(c, t, now)) left |= t->phase == BOARD_NEW;
    }
    ask_open(c);
    if (left) start_timer(c->again, CATCHUP_AGAIN_MS);
}

static void on_again(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    ask_all(arg, false);
}

static void on_round(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    ask_all(arg, true);
}

/* -- answers ---------------------------------------------------------------------------------- */

static bool is_line(vp_str s) {
    return s.n && !memchr(s.p, '\n', s.n) && !memchr(s.p, '\r', s.n);
}

static bool is_event(vp_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'a' || s.p[i] > 'z') return false;
    return s.n > 0 && s.n <= VP_TOPIC_EVENT_MAX;
}

/* A member that is no state of a topic that this service answers for is passed over. */
static void take_state(catchup *c, int row, const json_t *each, int64_t now) {
    vp_topic_state s = {.topic = vp_json_text(each, "topic"), .event = vp_json_text(each, "event")};
    const json_t *data = json_object_get(each, "data");
    int64_t version = vp_json_int(each, "version", -1);
    vp_buf text;
    vp_buf_init(&text, VP_TOPIC_DATA_MAX);
    if (json_is_object(data)) vp_json_write(&text, data);
    s.data = vp_buf_str(&text);
    s.version = (uint64_t)version;
    live_count(LIVE_M_STATES, 1);
    bool good = version >= 0 && is_event(s.event) && is_line(s.data) &&
                vp_topic_valid_inside(s.topic) &&
                services_of(c->o.services, s.topic) == &c->o.services->row[row];
    board_topic *t = good ? board_find(c->o.board, s.topic) : NULL;
    if (!good) live_count(LIVE_M_STATES_BAD, 1);
    if (t) board_offer(c->o.board, t, &s, now);
    vp_buf_release(&text);
}

static bool take_states(catchup *c, const question *q, int64_t now) {
    json_t *answer = NULL;
    vp_fault why = {0};
    bool good = ask_status(&q->ask) == 200 && !vp_json_parse(q->ask.call.reply.body, &answer, &why);
    const json_t *states = json_object_get(answer, "states");
    good = good && json_is_array(states);
    for (size_t i = 0; good && i < json_array_size(states); i++)
        take_state(c, q->row, json_array_get(states, i), now);
    json_decref(answer);
    return good;
}

/* Every topic that was asked for is free to be asked for again; without an answer a new one is,
 * soon, and one that was not in the answer is unknown. */
static void settle(catchup *c, const question *q, bool answered, int64_t now) {
    vp_str rest = vp_buf_str(&q->ask.body);
    while (rest.n) {
        const char *space = memchr(rest.p, ' ', rest.n), *end = memchr(rest.p, '\n', rest.n);
        board_topic *t = board_find(c->o.board, vp_str_n(rest.p, (size_t)(space - rest.p)));
        rest = vp_str_n(end + 1, rest.n - (size_t)(end + 1 - rest.p));
        if (!t) continue;
        t->asking = false;
        if (answered && t->phase != BOARD_KNOWN) board_absent(c->o.board, t, now);
    }
    if (!answered) start_timer(c->again, CATCHUP_AGAIN_MS);
}

static void on_answered(ask *a) {
    question *q = (question *)a; /* its first member */
    catchup *c = a->user;
    talk *with = &c->talk[q->row];
    int64_t now = vp_clock_ms();
    bool answered = take_states(c, q, now);
    with->under_way--;
    if (!answered) {
        int status = ask_status(a);
        live_count(LIVE_M_ASK_FAILED, 1);
        vp_log(VP_LOG_DEBUG, NULL, "%s: no states of %d topics: %d",
               c->o.services->row[q->row].service, q->n, status);
        if (status < 502 && with->most > 1) with->most /= 2;
    } else if (q->n == with->most && with->most < CATCHUP_TOPICS) {
        with->most *= 2;
    }
    settle(c, q, answered, now);
    ask_release(a);
    free(q);
}

/* -- life ------------------------------------------------------------------------------------- */

vp_err catchup_new(catchup **out, const catchup_options *o, vp_fault *why) {
    static const struct timeval every = {CATCHUP_MS / 1000, CATCHUP_MS % 1000 * 1000};
    catchup *c = vp_calloc(1, sizeof *c);
    *out = c;
    c->o = *o;
    c->soon = event_new(o->base, -1, 0, on_soon, c);
    c->again = event_new(o->base, -1, 0, on_again, c);
    c->round = event_new(o->base, -1, EV_PERSIST, on_round, c);
    if (c->soon && c->again && c->round && !event_add(c->round, &every)) {
        catchup_tick(c);
        return VP_OK;
    }
    vp_fault_set(why, "catch-up: libevent gives no event");
    catchup_destroy(out);
    return VP_ESYSTEM;
}

void catchup_destroy(catchup **self_p) {
    catchup *c = *self_p;
    if (!c) return;
    struct event *const events[] = {c->soon, c->again, c->round};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i]) event_free(events[i]);
    free(c);
    *self_p = NULL;
}
