/* service_test.c - a service's loop over inproc, with a Redis made for it (fake_redis.h).
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <semaphore.h>
#include <signal.h>
#include <zmq.h>

#include "clock.h"
#include "fake_redis.h"
#include "log.h"
#include "service.h"

enum { DEADLINE_MS = 20000, ANSWER_MAX = 64 * 1024, CALLERS = 4, TOO_MANY = 40, ATTEMPTS = 5 };

/* -- the service --------------------------------------------------------------------------------
 */

static vp_step master_prepare(vp_call *call) {
    vp_buf_add_str(&call->out, vp_service_master(call->service));
    return vp_call_answer(call, 200);
}

/* Until when a write of it may be done, by the clock of the service's own Redis. */
static vp_step fence_prepare(vp_call *call) {
    vp_buf_addf(&call->out, "%lld", (long long)call->not_after_ms);
    return vp_call_answer(call, 200);
}

static vp_step json_prepare(vp_call *call) {
    static const vp_json_rule rules[] = {{NULL}};
    json_t *body;
    if (!vp_call_json(call, rules, &body)) return VP_STEP_DONE;
    return vp_call_answer(call, 204);
}

static vp_step list_prepare(vp_call *call) {
    vp_buf_adds(&call->out, "{\"items\":[]");
    vp_call_next(call, 't', VP_STR("k"));
    vp_buf_addc(&call->out, '}');
    return vp_call_answer(call, 200);
}

static atomic_int ticks;

static vp_step tick_prepare(vp_call *call) {
    ticks++;
    return vp_call_answer(call, 204);
}

/* Holds the loop, which no service may, until the test lets it go. */
static vp_step hold_prepare(vp_call *call) {
    sem_t *gate = call->self;
    sem_wait(gate);
    return vp_call_answer(call, 204);
}

/* Is in work for as long as Redis is silent. */
static vp_step stuck_prepare(vp_call *call) {
    const vp_str get[] = {VP_STR("GET"), VP_STR("silence")};
    vp_call_command(call, 2, get);
    return VP_STEP_WAIT;
}

static vp_step stuck_finish(vp_call *call) {
    return vp_call_answer(call, 200);
}

static const vp_op ops[] = {
    {"t.hold", "POST", "/hold", VP_MAY_ANYONE, 0, hold_prepare, NULL},
    {"t.stuck", "GET", "/stuck", VP_MAY_ANYONE, 0, stuck_prepare, stuck_finish},
    {"t.list", "GET", "/list/{of}", VP_MAY_ANYONE, 0, list_prepare, NULL},
    {"t.json", "POST", "/json", VP_MAY_ANYONE, 1024, json_prepare, NULL},
    {"t.master", "GET", "/master", VP_MAY_ANYONE, 0, master_prepare, NULL},
    {"t.fence", "GET", "/fence", VP_MAY_ANYONE, 0, fence_prepare, NULL},
    {"t.3", "GET", "/3", VP_MAY_ANYONE, 0, master_prepare, NULL},
    {"t.4", "GET", "/4", VP_MAY_ANYONE, 0, master_prepare, NULL},
    {"t.5", "GET", "/5", VP_MAY_ANYONE, 0, master_prepare, NULL},
    {"t.6", "GET", "/6", VP_MAY_ANYONE, 0, master_prepare, NULL},
    {"t.tick", NULL, NULL, VP_MAY_INSIDE, 5, tick_prepare, NULL},
    {NULL},
};

typedef struct stage {
    void *zmq;
    fake_redis redis;
    fake_redis registry; /* if it is another one */
    bool split;
    vp_service *service;
    vp_service_def def;
    pthread_t thread;
    atomic_bool stop;
    sem_t gate; /* of the operation that holds the loop */
    void *caller[CALLERS + 1];
    int n_callers;
    bool ended; /* the thread has been joined */
} stage;

static void *serve(void *stage_) {
    stage *s = stage_;
    vp_service_run(s->service, &s->stop);
    vp_service_destroy(&s->service);
    return NULL;
}

/* -- a caller -----------------------------------------------------------------------------------
 */

typedef struct answer {
    vp_envelope e;
    vp_str field[VP_FIELD_COUNT]; /* in bytes[] */
    char head[ANSWER_MAX], body[ANSWER_MAX];
} answer;

static void *caller(stage *s) {
    int wait = DEADLINE_MS, linger = 0;
    void *socket = zmq_socket(s->zmq, ZMQ_DEALER);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait, sizeof wait);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(socket, "inproc://service"), 0);
    assert_true(s->n_callers <= CALLERS);
    return s->caller[s->n_callers++] = socket;
}

static void send_frame(void *socket, vp_str bytes, int flags) {
    assert_true(zmq_send(socket, bytes.n ? bytes.p : "", bytes.n, flags) >= 0);
}

/* fields: of the head, besides method and path; ended by tag 0. */
typedef struct field {
    vp_field tag;
    const char *value;
} field;

static void ask_until(void *socket, int64_t not_after_ms, const char *method, const char *path,
                      const field *fields, const char *body) {
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_envelope e = {.kind = VP_KIND_CALL, .left_ms = DEADLINE_MS, .not_after_ms = not_after_ms};
    vp_buf head;
    vp_buf_init(&head, VP_ENVELOPE_HEAD_MAX);
    vp_envelope_header(&e, header);
    vp_field_add(&head, VP_F_METHOD, vp_str_of(method));
    vp_field_add(&head, VP_F_PATH, vp_str_of(path));
    for (; fields && fields->tag; fields++)
        vp_field_add(&head, fields->tag, vp_str_of(fields->value));
    send_frame(socket, vp_str_n(header, sizeof header), ZMQ_SNDMORE);
    send_frame(socket, vp_buf_str(&head), ZMQ_SNDMORE);
    send_frame(socket, (vp_str){0}, ZMQ_SNDMORE);
    send_frame(socket, vp_str_of(body), 0);
    vp_buf_release(&head);
}

static void ask(void *socket, const char *method, const char *path, const field *fields,
                const char *body) {
    ask_until(socket, INT64_MAX, method, path, fields, body);
}

/* The next message, whatever its kind. */
static void hear(void *socket, answer *a) {
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_str frame[VP_ENVELOPE_FRAMES] = {{(char *)header, 0}, {a->head, 0}, {NULL, 0}, {a->body, 0}};
    size_t room[] = {sizeof header, sizeof a->head, 0, sizeof a->body - 1};
    vp_fault why = {0};
    int more = 1;
    size_t n = sizeof more;
    void *to[] = {header, a->head, NULL, a->body};
    memset(a, 0, sizeof *a);
    for (int i = 0; more; i++) {
        assert_true(i < VP_ENVELOPE_FRAMES);
        int got = zmq_recv(socket, to[i], room[i], 0);
        assert_true(got >= 0 && (size_t)got <= room[i]);
        frame[i].n = (size_t)got;
        assert_int_equal(zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &n), 0);
    }
    assert_int_equal(vp_envelope_decode(frame, VP_ENVELOPE_FRAMES, &a->e, &why), VP_OK);
    assert_int_equal(vp_fields_decode(a->e.head, a->field, &why), VP_OK);
}

static int call(void *socket, const char *method, const char *path, const field *fields,
                const char *body, answer *a) {
    ask(socket, method, path, fields, body);
    hear(socket, a);
    assert_int_equal(a->e.kind, VP_KIND_REPLY);
    return a->e.status;
}

/* Asks again until the service is set up, and says with which Redis. */
static void wait_for_master(void *socket, const char *is) {
    int64_t by = vp_clock_ms() + DEADLINE_MS;
    answer a;
    for (;;) {
        int status = call(socket, "GET", "/master", NULL, "", &a);
        if (status == 200 && strcmp(a.body, is) == 0) return;
        assert_true(status == 503 || status == 200);
        if (vp_clock_ms() > by) fail_msg("not %s but %s", is, a.body);
        poll(NULL, 0, 2);
    }
}

/* -- tests --------------------------------------------------------------------------------------
 */

static void a_new_connection_may_be_to_another_redis(void **state) {
    stage *s = *state;
    void *socket = caller(s);
    wait_for_master(socket, "00000001");
    s->redis.life = 0xabc;
    s->redis.hang_up = true;
    wait_for_master(socket, "00000abc");
}

static void nothing_is_served_by_a_redis_without_a_run_id(void **state) {
    stage *s = *state;
    void *socket = caller(s);
    answer a;
    wait_for_master(socket, "00000001");
    s->redis.told = 0;
    s->redis.life = 0;
    s->redis.hang_up = true;
    while (s->redis.told < 3) /* the connection is tried anew */
        if (call(socket, "GET", "/master", NULL, "", &a) == 200)
            assert_string_equal(a.body, "00000001");
    assert_int_equal(call(socket, "GET", "/master", NULL, "", &a), 503);
    assert_true(vp_str_eq(a.field[VP_F_RETRY_AFTER], VP_STR("1")));
    s->redis.life = 2;
    wait_for_master(socket, "00000002");
}

static void a_body_has_to_be_json(void **state) {
    static const struct {
        const char *type;
        int status;
    } rows[] = {
        {"application/json", 204},
        {"Application/JSON", 204},
        {"application/json; charset=utf-8", 204},
        {"application/json;charset=utf-8", 204},
        {"application/json ; charset=utf-8", 204},
        {"application/json\t;charset=utf-8", 204},
        {"", 204}, /* none */
        {"application/jsonp", 415},
        {"application/json-seq", 415},
        {"application/jso", 415},
        {"application/problem+json", 415},
        {"text/plain; application/json", 415},
        {";application/json", 415},
        {"application/x-www-form-urlencoded", 415},
    };
    stage *s = *state;
    void *socket = caller(s);
    answer a;
    wait_for_master(socket, "00000001");
    for (size_t i = 0; i < COUNT(rows); i++) {
        field fields[] = {{VP_F_CONTENT_TYPE, rows[i].type}, {0}};
        CHECK_ROW(i, call(socket, "POST", "/json", fields, "{}", &a) == rows[i].status);
    }
}

static void a_link_stays_within_its_brackets(void **state) {
    static const struct {
        const char *path, *query, *link; /* C: the cursor */
    } rows[] = {
        {"/list/a", "", "</list/a?cursor=C>; rel=\"next\""},
        {"/list/a", "cursor=old&limit=2", "</list/a?cursor=C&limit=2>; rel=\"next\""},
        {"/list/a", "q=%3E+x&%63ursor=old",
         "</list/a?cursor=C&q=%3E+x&%63ursor=old>; rel=\"next\""},
        {"/list/a", "q=>,<x>;\"'\\", "</list/a?cursor=C&q=%3E,%3Cx%3E;%22'%5C>; rel=\"next\""},
        {"/list/a>b", ">=\xC3\xA9", "</list/a%3Eb?cursor=C&%3E=%C3%A9>; rel=\"next\""},
        {"/list/a", "q=a\r\n b", "</list/a?cursor=C&q=a%0D%0A%20b>; rel=\"next\""},
    };
    stage *s = *state;
    void *socket = caller(s);
    answer a;
    wait_for_master(socket, "00000001");
    for (size_t i = 0; i < COUNT(rows); i++) {
        field fields[] = {{VP_F_QUERY, rows[i].query}, {0}};
        CHECK_ROW(i, call(socket, "GET", rows[i].path, fields, "", &a) == 200);
        char want[256], got[256];
        const char *c = strchr(rows[i].link, 'C'), *cursor = strstr(a.body, "\"next_cursor\":\"");
        assert_non_null(cursor);
        cursor += strlen("\"next_cursor\":\"");
        snprintf(want, sizeof want, "%.*s%.*s%s", (int)(c - rows[i].link), rows[i].link,
                 (int)strcspn(cursor, "\""), cursor, c + 1);
        snprintf(got, sizeof got, "%.*s", (int)a.field[VP_F_LINK].n, a.field[VP_F_LINK].p);
        assert_string_equal(got, want);
    }
}

static void a_link_that_is_too_long_is_left_out(void **state) {
    stage *s = *state;
    void *socket = caller(s);
    char query[VP_FIELD_MAX / 2];
    field fields[] = {{VP_F_QUERY, query}, {0}};
    answer a;
    wait_for_master(socket, "00000001");
    memset(query, '>', sizeof query - 1);
    query[sizeof query - 1] = '\0';
    assert_int_equal(call(socket, "GET", "/list/a", fields, "", &a), 200);
    assert_null(a.field[VP_F_LINK].p);
    assert_non_null(strstr(a.body, "\"next_cursor\":\""));
}

static void a_timer_may_stand_in_any_row(void **state) {
    int64_t by = vp_clock_ms() + DEADLINE_MS;
    ticks = 0;
    while (ticks < 3) {
        assert_true(vp_clock_ms() < by);
        poll(NULL, 0, 2);
    }
}

static void send_ping(void *socket) {
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_envelope_header(&(vp_envelope){.kind = VP_KIND_PING}, header);
    send_frame(socket, vp_str_n(header, sizeof header), 0);
}

/* Asks for more than the service takes while its loop is held, each caller's ping behind its own
 * calls; gives the most calls that a pong tells of, itself among them. refused: how many were too
 * many. */
static int overload(stage *s, void *first, void *const callers[CALLERS], int *refused) {
    enum { EACH = (VP_SERVICE_CALLS + TOO_MANY) / CALLERS };
    answer a;
    int most = 0;
    *refused = 0;
    ask(first, "POST", "/hold", NULL, "");
    for (int i = 0; i < CALLERS; i++) {
        for (int k = 0; k < EACH; k++) ask(callers[i], "GET", "/stuck", NULL, "");
        send_ping(callers[i]);
    }
    sem_post(&s->gate);
    hear(first, &a);
    assert_int_equal(a.e.status, 204);
    for (int i = 0; i < CALLERS * (EACH + 1); i++) {
        hear(callers[i % CALLERS], &a);
        if (a.e.kind == VP_KIND_PONG) {
            if ((int)a.e.left_ms > most) most = (int)a.e.left_ms;
            continue;
        }
        assert_int_equal(a.e.status, 503); /* at once, or when Redis has been silent for too long */
        if (strstr(a.body, "Too many calls")) ++*refused;
    }
    return most;
}

/* A machine that stalls for as long as Redis may be silent makes one attempt prove nothing. */
static void a_ping_is_answered_under_overload(void **state) {
    stage *s = *state;
    void *first = caller(s), *callers[CALLERS];
    int refused, most = 0;
    for (int i = 0; i < CALLERS; i++) callers[i] = caller(s);
    for (int i = 0; i < ATTEMPTS && most <= VP_SERVICE_CALLS; i++) {
        wait_for_master(first, "00000001");
        most = overload(s, first, callers, &refused);
    }
    assert_true(most > VP_SERVICE_CALLS);
    assert_true(refused > 0);
}

/* The number in the row of /metrics that begins so; -1: there is none. */
static long long number(void *socket, const char *row) {
    answer a;
    char line[128];
    snprintf(line, sizeof line, "\n%s ", row);
    assert_int_equal(call(socket, "SYNC", "/metrics", NULL, "", &a), 200);
    assert_true(vp_str_starts(a.field[VP_F_CONTENT_TYPE], VP_STR("text/plain")));
    const char *at = strstr(a.body, line);
    return at ? strtoll(at + strlen(line), NULL, 10) : -1;
}

static void what_is_done_is_counted(void **state) {
    stage *s = *state;
    void *socket = caller(s);
    answer a;
    wait_for_master(socket, "00000001");
    assert_int_equal(number(socket, "voxpop_service_redis_up"), 1);
    assert_int_equal(number(socket, "voxpop_service_calls_total{op=\"t.list\",class=\"2xx\"}"), -1);
    for (int i = 0; i < 3; i++) call(socket, "GET", "/list/a", NULL, "", &a);
    call(socket, "POST", "/json", NULL, "no", &a);
    call(socket, "GET", "/nothing", NULL, "", &a);
    static const struct {
        const char *row;
        int n;
    } rows[] = {
        {"voxpop_service_calls_total{op=\"t.list\",class=\"2xx\"}", 3},
        {"voxpop_service_calls_total{op=\"t.list\",class=\"5xx\"}", 0},
        {"voxpop_service_calls_total{op=\"t.json\",class=\"4xx\"}", 1},
        {"voxpop_service_call_seconds_count{op=\"t.list\"}", 3},
        {"voxpop_service_calls_unrouted_total", 1},
        {"voxpop_service_redis_connections_total", 1},
        {"voxpop_service_draining", 0},
        {"voxpop_service_timers_total{op=\"t.tick\",is=\"failed\"}", 0},
        {"voxpop_service_calls_total{op=\"t.stuck\",class=\"2xx\"}", -1}, /* never called */
        {"process_open_fds", -1}, /* that is for the whole process to say */
    };
    for (size_t i = 0; i < COUNT(rows); i++) CHECK_ROW(i, number(socket, rows[i].row) == rows[i].n);
    assert_true(number(socket, "voxpop_service_calls_total{op=\"service.metrics\",class=\"2xx\"}") >
                9);
    send_frame(socket, VP_STR("rubbish"), 0);
    assert_int_equal(number(socket, "voxpop_service_messages_refused_total"), 1);
}

/* A call as a peer of another version may send it: its number, a longer header, further flags, a
 * field and a frame that are not known. */
static void ask_as(void *socket, uint8_t version, uint64_t call_id) {
    uint8_t header[VP_ENVELOPE_HEADER + 8] = {0};
    vp_envelope e = {.kind = VP_KIND_CALL,
                     .flags = 0xfe,
                     .call_id = call_id,
                     .left_ms = DEADLINE_MS,
                     .not_after_ms = INT64_MAX};
    vp_buf head;
    vp_buf_init(&head, VP_ENVELOPE_HEAD_MAX);
    vp_envelope_header(&e, header);
    header[3] = version;
    vp_field_add(&head, VP_F_METHOD, VP_STR("GET"));
    vp_field_add(&head, VP_F_PATH, VP_STR("/master"));
    vp_field_add(&head, (vp_field)201, VP_STR("of a later version"));
    send_frame(socket, vp_str_n(header, sizeof header), ZMQ_SNDMORE);
    send_frame(socket, vp_buf_str(&head), ZMQ_SNDMORE);
    send_frame(socket, VP_STR(""), ZMQ_SNDMORE);
    send_frame(socket, VP_STR(""), ZMQ_SNDMORE);
    send_frame(socket, VP_STR("of a later version"), 0);
    vp_buf_release(&head);
}

/* Neighbours are answered, in our version; others are dropped and counted. */
static void versions_side_by_side(void **state) {
    stage *s = *state;
    void *socket = caller(s);
    answer a;
    int refused = 0;
    wait_for_master(socket, "00000001");
    for (int version = 0; version < 8; version++) {
        if (!vp_protocol_speaks(VP_PROTOCOL, version)) refused++;
        ask_as(socket, (uint8_t)version, (uint64_t)version + 1);
    }
    for (int version = 0; version < 8; version++) {
        if (!vp_protocol_speaks(VP_PROTOCOL, version)) continue;
        hear(socket, &a);
        assert_int_equal(a.e.version, VP_PROTOCOL);
        assert_true(a.e.call_id == (uint64_t)version + 1);
        assert_int_equal(a.e.status, 200);
        assert_string_equal(a.body, "00000001");
    }
    assert_int_equal(number(socket, "voxpop_service_messages_refused_total"), refused);
}

static void metrics_do_not_need_redis(void **state) {
    stage *s = *state;
    void *socket = caller(s);
    answer a;
    wait_for_master(socket, "00000001");
    s->redis.life = 0;
    s->redis.hang_up = true;
    while (number(socket, "voxpop_service_redis_up") != 0) poll(NULL, 0, 2);
    assert_int_equal(call(socket, "GET", "/master", NULL, "", &a), 503);
    assert_true(number(socket, "voxpop_service_calls_total{op=\"t.master\",class=\"5xx\"}") > 0);
}

static void one_inside_another_process_does_not_drain(void **state) {
    stage *s = *state;
    void *socket = caller(s);
    answer a;
    assert_int_equal(call(socket, "SYNC", "/drain", NULL, "", &a), 409);
    wait_for_master(socket, "00000001");
}

static void one_that_is_asked_to_drains(void **state) {
    stage *s = *state;
    void *socket = caller(s);
    answer a;
    wait_for_master(socket, "00000001");
    ask(socket, "POST", "/hold", NULL, "");
    ask(socket, "SYNC", "/drain", NULL, "");
    ask(socket, "GET", "/master", NULL, ""); /* on its way before it was told */
    sem_post(&s->gate);
    int sum = 0;
    for (int i = 0; i < 3; i++) {
        hear(socket, &a);
        sum += a.e.status;
    }
    assert_int_equal(sum, 204 + 202 + 200);
    pthread_join(s->thread, NULL); /* by itself */
    s->ended = true;
}

/* A ping, and its pong. */
static int pinged(void *socket) {
    answer a;
    send_ping(socket);
    hear(socket, &a);
    assert_int_equal(a.e.kind, VP_KIND_PONG);
    return a.e.flags;
}

static void a_caller_is_told_when_redis_goes_and_comes(void **state) {
    stage *s = *state;
    void *socket = caller(s);
    answer a;
    wait_for_master(socket, "00000001");
    assert_int_equal(pinged(socket), 0);
    s->redis.life = 0; /* so it cannot be set up again */
    s->redis.hang_up = true;
    hear(socket, &a);
    assert_int_equal(a.e.kind, VP_KIND_PONG);
    assert_int_equal(a.e.flags, VP_FLAG_AWAY);
    assert_int_equal(call(socket, "GET", "/master", NULL, "", &a), 503);
    assert_int_equal(a.e.flags, VP_FLAG_AWAY);
    assert_int_equal(pinged(socket), VP_FLAG_AWAY);
    s->redis.life = 2;
    hear(socket, &a);
    assert_int_equal(a.e.kind, VP_KIND_PONG);
    assert_int_equal(a.e.flags, 0);
    assert_int_equal(call(socket, "GET", "/master", NULL, "", &a), 200);
    assert_string_equal(a.body, "00000002");
}

static void a_caller_is_told_however_many_probes_came(void **state) {
    enum { PROBES = 200 };
    stage *s = *state;
    void *socket = caller(s), *other = caller(s);
    answer a;
    wait_for_master(socket, "00000001");
    pinged(socket);
    for (int i = 0; i < PROBES; i++) {
        void *probe = caller(s);
        poll(NULL, 0, 1); /* the table goes by milliseconds */
        assert_int_equal(pinged(probe), 0);
        assert_int_equal(pinged(socket), 0);
        zmq_close(probe);
        s->n_callers--;
    }
    assert_int_equal(call(other, "SYNC", "/drain", NULL, "", &a), 202);
    hear(socket, &a);
    assert_int_equal(a.e.kind, VP_KIND_PONG);
    assert_int_equal(a.e.flags, VP_FLAG_DRAINING);
}

enum { HOUR_MS = 3600 * 1000, MINUTE_MS = 60 * 1000 };

static long long fence(void *socket, long long not_after_ms) {
    answer a;
    ask_until(socket, not_after_ms, "GET", "/fence", NULL, "");
    hear(socket, &a);
    assert_int_equal(a.e.status, 200);
    return atoll(a.body);
}

/* Callers tell the time by the registry's Redis. This one's clock is an hour behind our own. */
static void a_fence_is_by_our_own_clock(void **state) {
    stage *s = *state;
    void *socket = caller(s);
    wait_for_master(socket, "00000001");
    long long at = 1799996400000, ours = fence(socket, at) - at;
    assert_true(ours > HOUR_MS - MINUTE_MS && ours < HOUR_MS + MINUTE_MS);
    assert_true(fence(socket, INT64_MAX) == INT64_MAX);
    assert_int_equal(s->redis.keys, 0); /* the site's key is the registry's */
    assert_true(s->registry.keys > 0);
}

static void a_registry_that_went_away_is_not_missed(void **state) {
    stage *s = *state;
    void *socket = caller(s);
    answer a;
    wait_for_master(socket, "00000001");
    fake_redis_stop(&s->registry);
    s->split = false;
    for (int i = 0; i < 100; i++)
        assert_int_equal(call(socket, "GET", "/master", NULL, "", &a), 200);
    s->redis.life = 7; /* nor when our own is another one */
    s->redis.hang_up = true;
    wait_for_master(socket, "00000007");
}

static int start_with(void **state, bool announce, bool split) {
    stage *s = calloc(1, sizeof *s);
    vp_fault why = {0};
    *state = s;
    s->zmq = zmq_ctx_new();
    fake_redis_start(&s->redis);
    s->split = split;
    if (split) fake_redis_start(&s->registry);
    s->registry.time = 1799996400;
    s->def = (vp_service_def){.name = "t", .ops = ops, .topics = "", .self = &s->gate};
    sem_init(&s->gate, 0, 0);
    const vp_service_options o = {.zmq = s->zmq,
                                  .redis_url = s->redis.url,
                                  .registry_url = split ? s->registry.url : "",
                                  .bind = "inproc://service",
                                  .publish = "",
                                  .announce = announce};
    return vp_service_new(&s->service, &s->def, &o, &why) ||
           pthread_create(&s->thread, NULL, serve, s);
}

static int start(void **state) {
    return start_with(state, false, false);
}

static int start_announced(void **state) {
    return start_with(state, true, false);
}

static int start_split(void **state) {
    return start_with(state, true, true);
}

static int end(void **state) {
    stage *s = *state;
    s->stop = true;
    sem_post(&s->gate);
    if (!s->ended) pthread_join(s->thread, NULL);
    fake_redis_stop(&s->redis);
    if (s->split) fake_redis_stop(&s->registry);
    for (int i = 0; i < s->n_callers; i++) zmq_close(s->caller[i]);
    zmq_ctx_term(s->zmq);
    sem_destroy(&s->gate);
    free(s);
    return 0;
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    static const struct CMUnitTest tests[] = {
        STAGED(a_new_connection_may_be_to_another_redis),
        STAGED(a_body_has_to_be_json),
        STAGED(a_link_stays_within_its_brackets),
        STAGED(a_link_that_is_too_long_is_left_out),
        STAGED(a_timer_may_stand_in_any_row),
        STAGED(a_ping_is_answered_under_overload),
        STAGED(nothing_is_served_by_a_redis_without_a_run_id),
        STAGED(what_is_done_is_counted),
        STAGED(versions_side_by_side),
        STAGED(metrics_do_not_need_redis),
        STAGED(one_inside_another_process_does_not_drain),
        cmocka_unit_test_setup_teardown(a_fence_is_by_our_own_clock, start_split, end),
        cmocka_unit_test_setup_teardown(a_registry_that_went_away_is_not_missed, start_split, end),
        cmocka_unit_test_setup_teardown(one_that_is_asked_to_drains, start_announced, end),
        cmocka_unit_test_setup_teardown(a_caller_is_told_when_redis_goes_and_comes, start_announced,
                                        end),
        cmocka_unit_test_setup_teardown(a_caller_is_told_however_many_probes_came, start_announced,
                                        end),
    };
    signal(SIGPIPE, SIG_IGN); /* as vp_service_main does */
    if (vp_seal_init()) return 1;
    vp_log_init("service_test", VP_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
