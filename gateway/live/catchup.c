/* catchup.c - see catchup.h.
 * A question keeps its own text: topics may leave the board while it is on its way, so the answer
 * is matched by name. SPDX-License-Identifier: MIT */
#include "catchup.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "counters.h"
#include "json.h"
#include "log.h"
#include "mem.h"

enum {
    PREFIXES = 32,
    QUESTIONS = 128, /* of one prefix on their way at once: the whole board */
    LINE_MAX_BYTES = VP_TOPIC_NAME_MAX + 1 + 20 + 1, /* name, space, version, end */
    BODY_MAX = CATCHUP_TOPICS * LINE_MAX_BYTES
};

typedef struct question question;

/* Who answers for the topics of a prefix; kept when its service is away. */
typedef struct answerer {
    char prefix[VP_TOPIC_NAME_MAX + 1], service[24];
    int64_t body_max;
    int most;       /* topics in one question: halved when an answer is refused as too large */
    int under_way;  /* questions */
    question *open; /* being filled */
} answerer;

struct question {
    bus_call call;
    vp_buf head, body;
    int n;
    answerer *to;
    catchup *home;
    question *next;
};

struct catchup {
    bus *bus;
    board *board;
    struct event *wake, *soon, *again, *round;
    int fd;
    question *_Atomic done; /* pushed by the dispatcher's thread */
    uint64_t generation;
    int n;
    answerer answerer[PREFIXES];
};

static void start_timer(struct event *timer, int ms) {
    struct timeval after = {ms / 1000, ms % 1000 * 1000};
    if (!event_pending(timer, EV_TIMEOUT, NULL)) event_add(timer, &after);
}

/* -- who answers ------------------------------------------------------------------------------ */

static answerer *find_answerer(catchup *c, vp_str prefix) {
    for (int i = 0; i < c->n; i++)
        if (vp_str_eq(vp_str_of(c->answerer[i].prefix), prefix)) return &c->answerer[i];
    return NULL;
}

static vp_str prefix_of(vp_str topic) {
    const char *colon = memchr(topic.p, ':', topic.n);
    return vp_str_n(topic.p, colon ? (size_t)(colon - topic.p) : topic.n);
}

static int64_t body_max_of(const vp_registry_record *r) {
    for (int i = 0; i < r->n_routes; i++)
        if (!strcmp(r->routes[i].method, "SYNC") && !strcmp(r->routes[i].pattern, "/topics"))
            return r->routes[i].body_max;
    return 0;
}

/* Topics of which nothing is known may be asked for now. */
static void free_unknown(catchup *c, vp_str prefix) {
    for (board_topic *t = board_first(c->board); t; t = board_next(t))
        if (t->phase != BOARD_KNOWN && vp_str_eq(prefix_of(board_name(t)), prefix)) t->ask_ms = 0;
    start_timer(c->again, CATCHUP_SOON_MS);
}

/* The first service that announces a prefix has it as long as this hub lives. */
static void add_answerer(catchup *c, vp_str prefix, const vp_registry_record *r) {
    int64_t body_max = body_max_of(r);
    answerer *a = find_answerer(c, prefix);
    if (body_max < LINE_MAX_BYTES || prefix.n > VP_TOPIC_NAME_MAX) return;
    if (!a) {
        if (c->n == PREFIXES) return;
        a = &c->answerer[c->n++];
        *a = (answerer){.most = CATCHUP_TOPICS};
        memcpy(a->prefix, prefix.p, prefix.n);
        snprintf(a->service, sizeof a->service, "%s", r->service);
        free_unknown(c, prefix);
    }
    if (!strcmp(a->service, r->service)) a->body_max = body_max;
}

static void see(void *catchup_, const vp_registry_record *r) {
    vp_str rest = vp_str_of(r->topics);
    while (rest.n) {
        const char *space = memchr(rest.p, ' ', rest.n);
        size_t n = space ? (size_t)(space - rest.p) : rest.n;
        if (n) add_answerer(catchup_, vp_str_n(rest.p, n), r);
        rest = vp_str_n(rest.p + n, rest.n - n);
        if (space) rest = vp_str_n(rest.p + 1, rest.n - 1);
    }
}

/* -- asking ----------------------------------------------------------------------------------- */

/* On the dispatcher's thread. */
static void on_done(bus_call *call) {
    question *q = call->user;
    catchup *c = q->home;
    uint64_t one = 1;
    question *head = atomic_load(&c->done);
    do q->next = head;
    while (!atomic_compare_exchange_weak(&c->done, &head, q));
    ssize_t n = write(c->fd, &one, sizeof one); /* a full counter wakes just as well */
    (void)n;
}

static question *question_new(catchup *c, answerer *to) {
    question *q = vp_calloc(1, sizeof *q);
    q->home = c;
    q->to = to;
    vp_buf_init(&q->head, 128);
    vp_buf_init(&q->body, BODY_MAX + 1);
    vp_field_add(&q->head, VP_F_METHOD, VP_STR("SYNC"));
    vp_field_add(&q->head, VP_F_PATH, VP_STR("/topics"));
    return q;
}

static void question_free(question *q) {
    bus_call_release(&q->call);
    vp_buf_release(&q->head);
    vp_buf_release(&q->body);
    free(q);
}

static void ask(catchup *c, answerer *a) {
    question *q = a->open;
    if (!q) return;
    a->open = NULL;
    a->under_way++;
    bus_call_init(&q->call, a->service, CATCHUP_CALL_MS);
    q->call.head = vp_buf_str(&q->head);
    q->call.body = vp_buf_str(&q->body);
    q->call.done = on_done;
    q->call.user = q;
    vp_ulid_fast(vp_clock_wall(), q->call.resend_id);
    live_count(LIVE_M_ASKED, 1);
    bus_submit(c->bus, &q->call);
}

/* Puts a topic into its service's next question. False: not now. */
static bool ask_for(catchup *c, board_topic *t, int64_t now) {
    answerer *a = find_answerer(c, prefix_of(board_name(t)));
    if (!a) {
        if (now - t->made_ms >= CATCHUP_NOBODY_MS && bus_redis_up(c->bus))
            board_absent(c->board, t, now);
        return false;
    }
    if (a->under_way >= QUESTIONS) return false;
    if (!a->open) a->open = question_new(c, a);
    question *q = a->open;
    vp_buf_addf(&q->body, "%s %llu\n", t->name,
                t->phase == BOARD_KNOWN ? (unsigned long long)t->version : 0ULL);
    t->asking = true;
    t->ask_ms = now;
    board_unwant(c->board, t);
    if (++q->n >= a->most || q->body.len + LINE_MAX_BYTES > (size_t)a->body_max) ask(c, a);
    return true;
}

static void ask_open(catchup *c) {
    for (int i = 0; i < c->n; i++) ask(c, &c->answerer[i]);
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
    for (board_topic *t = board_first_wanted(c->board); t; t = board_first_wanted(c->board)) {
        if (ask_for(c, t, now)) continue;
        board_unwant(c->board, t);
        start_timer(c->again, CATCHUP_AGAIN_MS);
    }
    ask_open(c);
}

static void ask_all(catchup *c, bool known_too) {
    int64_t now = vp_clock_ms();
    bool left = false;
    for (board_topic *t = board_first(c->board); t; t = board_next(t)) {
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
static void take_state(catchup *c, const answerer *from, const json_t *each, int64_t now) {
    vp_topic_state s = {.topic = vp_json_text(each, "topic"), .event = vp_json_text(each, "event")};
    const json_t *data = json_object_get(each, "data");
    int64_t version = vp_json_int(each, "version", -1);
    vp_buf text;
    vp_buf_init(&text, VP_TOPIC_DATA_MAX);
    if (json_is_object(data)) vp_json_write(&text, data);
    s.data = vp_buf_str(&text);
    s.version = (uint64_t)version;
    live_count(LIVE_M_STATES, 1);
    bool good = version >= 0 && is_event(s.event) && is_line(s.data) && vp_topic_valid(s.topic) &&
                vp_str_eq(prefix_of(s.topic), vp_str_of(from->prefix));
    board_topic *t = good ? board_find(c->board, s.topic) : NULL;
    if (!good) live_count(LIVE_M_STATES_BAD, 1);
    if (t) board_offer(c->board, t, &s, now);
    vp_buf_release(&text);
}

static bool take_states(catchup *c, const question *q, int64_t now) {
    json_t *answer = NULL;
    vp_fault why = {0};
    bool good = q->call.err == VP_OK && q->call.reply.status == 200 &&
                !vp_json_parse(q->call.reply.body, &answer, &why);
    const json_t *states = json_object_get(answer, "states");
    good = good && json_is_array(states);
    for (size_t i = 0; good && i < json_array_size(states); i++)
        take_state(c, q->to, json_array_get(states, i), now);
    json_decref(answer);
    return good;
}

/* Every topic that was asked for is free to be asked for again; without an answer a new one is,
 * soon, and one that was not in the answer is unknown. */
static void settle(catchup *c, const question *q, bool answered, int64_t now) {
    vp_str rest = vp_buf_str(&q->body);
    while (rest.n) {
        const char *space = memchr(rest.p, ' ', rest.n), *end = memchr(rest.p, '\n', rest.n);
        board_topic *t = board_find(c->board, vp_str_n(rest.p, (size_t)(space - rest.p)));
        rest = vp_str_n(end + 1, rest.n - (size_t)(end + 1 - rest.p));
        if (!t) continue;
        t->asking = false;
        if (answered && t->phase != BOARD_KNOWN) board_absent(c->board, t, now);
    }
    if (!answered) start_timer(c->again, CATCHUP_AGAIN_MS);
}

static void take_answer(catchup *c, question *q) {
    int64_t now = vp_clock_ms();
    bool answered = take_states(c, q, now);
    q->to->under_way--;
    if (!answered) {
        int status = q->call.err ? vp_err_status(q->call.err) : q->call.reply.status;
        live_count(LIVE_M_ASK_FAILED, 1);
        vp_log(VP_LOG_DEBUG, NULL, "%s: no states of %d topics: %d", q->to->service, q->n, status);
        if (status < 502 && q->to->most > 1) q->to->most /= 2;
    } else if (q->n == q->to->most && q->to->most < CATCHUP_TOPICS) {
        q->to->most *= 2;
    }
    settle(c, q, answered, now);
    question_free(q);
}

static void on_wake(evutil_socket_t fd, short what, void *arg) {
    catchup *c = arg;
    uint64_t count;
    (void)what;
    ssize_t n = read(fd, &count, sizeof count);
    (void)n;
    for (question *q = atomic_exchange(&c->done, NULL); q;) {
        question *next = q->next;
        take_answer(c, q);
        q = next;
    }
}

/* -- life ------------------------------------------------------------------------------------- */

void catchup_tick(catchup *c) {
    uint64_t generation = bus_generation(c->bus);
    if (generation == c->generation) return;
    c->generation = generation;
    bus_publishers(c->bus, see, c);
}

vp_err catchup_new(catchup **out, struct event_base *base, bus *bus_, board *board_,
                   vp_fault *why) {
    static const struct timeval every = {CATCHUP_MS / 1000, CATCHUP_MS % 1000 * 1000};
    catchup *c = vp_calloc(1, sizeof *c);
    *out = c;
    c->bus = bus_;
    c->board = board_;
    c->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (c->fd >= 0) c->wake = event_new(base, c->fd, EV_READ | EV_PERSIST, on_wake, c);
    c->soon = event_new(base, -1, 0, on_soon, c);
    c->again = event_new(base, -1, 0, on_again, c);
    c->round = event_new(base, -1, EV_PERSIST, on_round, c);
    if (c->wake && c->soon && c->again && c->round && !event_add(c->wake, NULL) &&
        !event_add(c->round, &every)) {
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
    struct event *const events[] = {c->wake, c->soon, c->again, c->round};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i]) event_free(events[i]);
    for (question *q = atomic_exchange(&c->done, NULL), *next; q; q = next) {
        next = q->next;
        question_free(q);
    }
    if (c->fd >= 0) close(c->fd);
    free(c);
    *self_p = NULL;
}
