/* bus_test.c - which of several instances a call goes to, while they are of different versions: two
 * services of one name over inproc, of which only one has a new route. SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <signal.h>

#include "bus_private.h"
#include "clock.h"
#include "fake_redis.h"
#include "log.h"
#include "service.h"

enum { DEADLINE_MS = 20000, INSTANCES = 2, CALLS = 40 };

static vp_step who_prepare(vp_call *call) {
    vp_buf_adds(&call->out, call->self);
    return vp_call_answer(call, 200);
}

static const vp_op older[] = {{"t.old", "GET", "/old", VP_MAY_ANYONE, 0, who_prepare, NULL},
                              {"t.gone", "GET", "/gone", VP_MAY_ANYONE, 0, who_prepare, NULL},
                              {NULL}};
static const vp_op newer[] = {{"t.old", "GET", "/old", VP_MAY_ANYONE, 0, who_prepare, NULL},
                              {"t.new", "GET", "/new/{id}", VP_MAY_ANYONE, 0, who_prepare, NULL},
                              {NULL}};

static const struct {
    const char *bind;
    const vp_op *ops;
    char name[8];
} rows[INSTANCES] = {{"inproc://older", older, "older"}, {"inproc://newer", newer, "newer"}};

typedef struct one {
    fake_redis redis;
    vp_service *service;
    vp_service_def def;
    pthread_t thread;
    atomic_bool stop;
} one;

typedef struct stage {
    void *zmq;
    bus *bus;
    one at[INSTANCES];
} stage;

static void *serve(void *one_) {
    one *o = one_;
    vp_service_run(o->service, &o->stop);
    vp_service_destroy(&o->service);
    return NULL;
}

/* Asks one of those that announce the route for the path; gives the status, 0 when nobody did. */
static int ask(stage *s, uint32_t route, const char *path, char name[8]) {
    bus_call call;
    vp_buf head;
    vp_buf_init(&head, VP_ENVELOPE_HEAD_MAX);
    vp_field_add(&head, VP_F_METHOD, VP_STR("GET"));
    vp_field_add(&head, VP_F_PATH, vp_str_of(path));
    bus_call_init(&call, "t", DEADLINE_MS);
    call.route = route;
    call.head = vp_buf_str(&head);
    bus_submit(s->bus, &call);
    bus_wait(&call);
    int status = call.err ? 0 : call.reply.status;
    snprintf(name, 8, "%.*s", call.err ? 0 : (int)call.reply.body.n, call.reply.body.p);
    bus_call_release(&call);
    vp_buf_release(&head);
    return status;
}

static uint32_t key(const char *method, const char *pattern) {
    vp_registry_route r = {.body_max = 0};
    snprintf(r.method, sizeof r.method, "%s", method);
    snprintf(r.pattern, sizeof r.pattern, "%s", pattern);
    return bus_route_key(&r);
}

/* Both answer, and are set up. */
static void wait_for_both(stage *s) {
    int64_t by = vp_clock_ms() + DEADLINE_MS;
    char name[8];
    while (ask(s, key("GET", "/gone"), "/gone", name) != 200 ||
           ask(s, key("GET", "/new/{id}"), "/new/1", name) != 200) {
        assert_true(vp_clock_ms() < by);
        poll(NULL, 0, 2);
    }
}

static void a_call_goes_to_those_who_have_its_route(void **state) {
    stage *s = *state;
    char name[8];
    wait_for_both(s);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(ask(s, key("GET", "/new/{id}"), "/new/1", name), 200);
        assert_string_equal(name, "newer");
        assert_int_equal(ask(s, key("GET", "/gone"), "/gone", name), 200);
        assert_string_equal(name, "older");
        assert_int_equal(ask(s, key("GET", "/old"), "/old", name), 200);
        assert_int_equal(ask(s, 0, "/old", name), 200);
    }
    assert_int_equal(ask(s, key("GET", "/never"), "/never", name), 0);
}

static void a_route_is_known_by_what_it_takes(void **state) {
    assert_int_equal(key("GET", "/a/{id}/b"), key("GET", "/a/{poll}/b"));
    assert_int_equal(key("GET", "/a/{}"), key("GET", "/a/{id}"));
    static const char *const others[][2] = {
        {"POST", "/a/{id}/b"}, {"GET", "/a/{id}"}, {"GET", "/a/{id}/c"}, {"GET", "/a/id/b"}};
    for (size_t i = 0; i < COUNT(others); i++)
        CHECK_ROW(i, key(others[i][0], others[i][1]) != key("GET", "/a/{id}/b"));
}

static int start(void **state) {
    stage *s = calloc(1, sizeof *s);
    vp_fault why = {0};
    *state = s;
    s->zmq = zmq_ctx_new();
    for (int i = 0; i < INSTANCES; i++) {
        one *o = &s->at[i];
        fake_redis_start(&o->redis);
        o->def = (vp_service_def){
            .name = "t", .ops = rows[i].ops, .topics = "", .self = (void *)(uintptr_t)rows[i].name};
        const vp_service_options options = {
            .zmq = s->zmq, .redis_url = o->redis.url, .bind = rows[i].bind, .publish = ""};
        if (vp_service_new(&o->service, &o->def, &options, &why)) return 1;
    }
    if (bus_new(&s->bus, s->zmq, NULL, "unix:///nowhere", &why)) return 1;
    for (int i = 0; i < INSTANCES; i++)
        if (bus_add_local(s->bus, vp_service_record(s->at[i].service), &why)) return 1;
    for (int i = 0; i < INSTANCES; i++)
        if (pthread_create(&s->at[i].thread, NULL, serve, &s->at[i])) return 1;
    return bus_start(s->bus, &why) != VP_OK;
}

static int end(void **state) {
    stage *s = *state;
    bus_destroy(&s->bus);
    for (int i = 0; i < INSTANCES; i++) {
        s->at[i].stop = true;
        pthread_join(s->at[i].thread, NULL);
        fake_redis_stop(&s->at[i].redis);
    }
    zmq_ctx_term(s->zmq);
    free(s);
    return 0;
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_call_goes_to_those_who_have_its_route, start, end),
        cmocka_unit_test(a_route_is_known_by_what_it_takes),
    };
    signal(SIGPIPE, SIG_IGN); /* as main does */
    if (vp_seal_init()) return 1;
    vp_log_init("bus_test", VP_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
