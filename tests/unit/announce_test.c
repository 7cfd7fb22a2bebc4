/* announce_test.c - what instances say of themselves and of topics: registry records, states of
 * topics, the names of functions. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>

#include "functions.h"
#include "registry.h"
#include "topic.h"

#define ID "01JDXEXAMP1E00000000000000"

static vp_registry_route routes[] = {{"GET", "/api/v1/polls", 0},
                                     {"POST", "/api/v1/polls/{id}/ballots", 4096}};
static const vp_registry_record record = {.service = "polls",
                                          .id = ID,
                                          .version = "0.1.0",
                                          .endpoint = "tcp://10.0.0.7:5550",
                                          .publish = "tcp://10.0.0.7:5551",
                                          .topics = "poll",
                                          .curve = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
                                          .started_ms = 1795507518077,
                                          .load = 7,
                                          .draining = true,
                                          .protocol = 1,
                                          .n_routes = 2,
                                          .routes = routes};

static void a_record_comes_back(void **state) {
    vp_registry_record r;
    vp_fault why = {""};
    vp_buf b;
    vp_buf_init(&b, 16384);
    vp_registry_write(&b, &record);
    assert_int_equal(vp_registry_read(vp_buf_str(&b), &r, &why), VP_OK);
    assert_string_equal(r.service, "polls");
    assert_string_equal(r.id, ID);
    assert_string_equal(r.endpoint, record.endpoint);
    assert_string_equal(r.publish, record.publish);
    assert_string_equal(r.topics, "poll");
    assert_string_equal(r.curve, record.curve);
    assert_true(r.started_ms == record.started_ms && r.load == 7 && r.draining);
    assert_int_equal(r.n_routes, 2);
    assert_string_equal(r.routes[1].method, "POST");
    assert_string_equal(r.routes[1].pattern, routes[1].pattern);
    assert_int_equal(r.routes[1].body_max, 4096);
    vp_registry_release(&r);
    vp_buf_release(&b);
}

static void a_bad_record_is_refused(void **state) {
    static const char *const rows[] = {
        "",
        "{}",
        "[]",
        "{\"service\":\"polls\"}",
        "{\"service\":\"\",\"id\":\"" ID "\",\"endpoint\":\"x\"}",
        "{\"service\":\"polls\",\"id\":\"short\",\"endpoint\":\"x\"}",
        "{\"service\":\"polls\",\"id\":\"" ID "\",\"endpoint\":\"\"}",
        "{\"service\":\"a name that is longer than any\",\"id\":\"" ID "\",\"endpoint\":\"x\"}",
        "{\"service\":\"polls\",\"id\":\"" ID "\",\"endpoint\":\"x\",\"routes\":[[1,2,3]]}",
        "{\"service\":\"polls\",\"id\":\"" ID "\",\"endpoint\":\"x\",\"routes\":[[\"GET\"]]}",
        "{\"service\":\"polls\",\"id\":\"" ID
        "\",\"endpoint\":\"x\",\"routes\":[[\"TOOLONGAMETHOD\",\"/\",0]]}",
        "{\"service\":\"polls\",\"id\":\"" ID
        "\",\"endpoint\":\"x\",\"routes\":[[\"GET\",\"/\",-1]]}",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_registry_record r;
        vp_fault why = {""};
        CHECK_ROW(i, vp_registry_read(vp_str_of(rows[i]), &r, &why) != VP_OK);
        CHECK_ROW(i, why.text[0] != '\0');
        CHECK_ROW(i, r.routes == NULL);
    }
}

static void unknown_members_are_ignored(void **state) {
    vp_registry_record r;
    vp_fault why = {""};
    assert_int_equal(vp_registry_read(VP_STR("{\"service\":\"polls\",\"id\":\"" ID
                                             "\",\"endpoint\":\"x\",\"colour\":\"red\","
                                             "\"routes\":[[\"GET\",\"/\",0,\"new\"]]}"),
                                      &r, &why),
                     VP_OK);
    assert_int_equal(r.n_routes, 1);
    vp_registry_release(&r);
}

static void add_command(void *text, int argc, const vp_str *argv) {
    for (int i = 0; i < argc; i++) {
        vp_buf_add_str(text, argv[i].n > 40 ? VP_STR("RECORD") : argv[i]);
        vp_buf_addc(text, i + 1 < argc ? ' ' : '\n');
    }
}

static void comes_and_goes(void **state) {
    vp_buf b;
    vp_buf_init(&b, 16384);
    vp_registry_beat(&record, 1795507518077, add_command, &b);
    assert_string_equal(b.data, "SET instance:" ID " RECORD PX 5000\n"
                                "ZADD instances 1795507518077 " ID "\n"
                                "ZREMRANGEBYSCORE instances -inf (1795507458077\n");
    vp_buf_clear(&b);
    vp_registry_leave(&record, add_command, &b);
    assert_string_equal(b.data, "DEL instance:" ID "\nZREM instances " ID "\n");
    vp_buf_release(&b);
}

static void topic_names(void **state) {
    static const struct {
        const char *name;
        bool valid, inside;
    } rows[] = {
        {"poll:" ID, true, true},
        {"article:" ID, true, true},
        {"~poll:" ID, false, true},
        {"~", false},
        {"~~poll:" ID, false},
        {"poll:~" ID, false},
        {"po~ll:" ID, false},
        {"~poll:", false},
        {"~:" ID, false},
        {"~abcdefghijabcdefghijabcdefghijabcdefg:" ID, false}, /* 65 bytes */
        {"abcdefghijabcdefghijabcdefghijabcdefg:" ID, true, true},
        {"", false},
        {"poll", false},
        {"poll:", false},
        {":" ID, false},
        {"Poll:" ID, false},
        {"po ll:" ID, false},
        {"poll:" ID "0", false},
        {"poll:" ID "\n", false},
        {"poll:01jdxexamp1e00000000000000", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_str name = vp_str_of(rows[i].name);
        CHECK_ROW(i, vp_topic_valid(name) == rows[i].valid);
        CHECK_ROW(i, vp_topic_valid_inside(name) == rows[i].inside);
        char sealed[VP_TOPIC_NAME_MAX + 1];
        if (!rows[i].valid) continue;
        vp_str twin = vp_topic_seal(name, sealed);
        CHECK_ROW(i, name.n == VP_TOPIC_NAME_MAX
                         ? !twin.p
                         : vp_topic_is_sealed(twin) && vp_topic_valid_inside(twin) &&
                               vp_str_eq(vp_str_of(sealed + 1), name));
    }
}

static void a_state_comes_back(void **state) {
    const vp_topic_state s = {.topic = VP_STR("poll:" ID),
                              .event = VP_STR("tally"),
                              .data = VP_STR("{}"),
                              .version = 0x0102030405060708};
    char stamp[VP_TOPIC_STAMP_MAX];
    size_t n;
    vp_topic_state back;
    vp_fault why = {""};
    vp_topic_stamp(&s, stamp, &n);
    const vp_str frames[] = {s.topic, vp_str_n(stamp, n), s.data};
    assert_int_equal(vp_topic_decode(frames, 3, &back, &why), VP_OK);
    assert_true(back.version == s.version);
    assert_true(vp_str_eq(back.event, s.event) && vp_str_eq(back.data, s.data));
}

static void a_bad_state_is_refused(void **state) {
    static const struct {
        size_t n;
        vp_str frame[3];
    } rows[] = {
        {0, {{0}}},
        {2, {VP_STR_INIT("poll:" ID), VP_STR_INIT("12345678tally")}},
        {3, {VP_STR_INIT("poll"), VP_STR_INIT("12345678tally"), VP_STR_INIT("{}")}},
        {3, {VP_STR_INIT("poll:" ID), VP_STR_INIT("12345678"), VP_STR_INIT("{}")}},
        {3, {VP_STR_INIT("poll:" ID), VP_STR_INIT("1234567"), VP_STR_INIT("{}")}},
        {3, {VP_STR_INIT("poll:" ID), VP_STR_INIT("12345678ta\nly"), VP_STR_INIT("{}")}},
        {3, {VP_STR_INIT("poll:" ID), VP_STR_INIT("12345678tally"), VP_STR_INIT("{\n}")}},
        {3, {VP_STR_INIT("poll:" ID), VP_STR_INIT("12345678tally"), VP_STR_INIT("{\r}")}},
        {3,
         {VP_STR_INIT("poll:" ID), VP_STR_INIT("12345678anamethatistoolong"), VP_STR_INIT("{}")}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_topic_state s;
        vp_fault why = {""};
        CHECK_ROW(i, vp_topic_decode(rows[i].frame, rows[i].n, &s, &why) == VP_EPROTO);
    }
}

static vp_embedded file(const char *name, const char *text) {
    return (vp_embedded){name, text, strlen(text)};
}

static void functions_carry_their_hash(void **state) {
    vp_functions one, other, again;
    vp_embedded lua[] = {file("a.lua", "local function cast() end"),
                         file("b.lua", "redis.register_function('@{cast}', cast) -- @{ @ {x"),
                         {NULL}};
    vp_embedded less[] = {lua[1], {NULL}};
    vp_functions_init(&one, "polls", lua);
    vp_functions_init(&again, "polls", lua);
    vp_functions_init(&other, "polls", less);
    assert_string_equal(one.prefix, again.prefix);
    assert_string_not_equal(one.prefix, other.prefix);
    assert_true(vp_str_starts(vp_str_of(one.prefix), VP_STR("polls_1_")));
    assert_int_equal(strlen(one.prefix), strlen("polls_1_12345678_"));
    char name[128];
    snprintf(name, sizeof name, "register_function('%scast'", one.prefix);
    assert_non_null(strstr(one.source, name));
    snprintf(name, sizeof name, "#!lua name=%.*s\n", (int)strlen(one.prefix) - 1, one.prefix);
    assert_true(vp_str_starts(vp_str_of(one.source), vp_str_of(name)));
    assert_non_null(strstr(one.source, "local function once(")); /* the prelude is in front */
    assert_non_null(strstr(one.source, "\nlocal function cast() end\nredis.register_function('"));
    assert_non_null(strstr(one.source, "-- @{ @ {x")); /* no '}' of its own: left alone */
    vp_functions_release(&one);
    vp_functions_release(&other);
    vp_functions_release(&again);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back),
        cmocka_unit_test(a_bad_record_is_refused),
        cmocka_unit_test(unknown_members_are_ignored),
        cmocka_unit_test(comes_and_goes),
        cmocka_unit_test(topic_names),
        cmocka_unit_test(a_state_comes_back),
        cmocka_unit_test(a_bad_state_is_refused),
        cmocka_unit_test(functions_carry_their_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
