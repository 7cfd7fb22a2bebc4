/* Calls that wait until an instance has room. SPDX-License-Identifier: MIT */
#include "lane.h"

#include "unit.h"

static void one_lane_each(void **state) {
    (void)state;
    bus_lanes l = {0};
    bus_call a = {.service = "polls"}, b = {.service = "articles"}, c = {.service = "polls"};
    assert_null(bus_lane_find(&l, "polls"));
    assert_true(bus_lane_add(&l, &a, 1) && bus_lane_add(&l, &b, 2) && bus_lane_add(&l, &c, 3));
    assert_int_equal(l.n, 3);
    assert_ptr_equal(bus_lane_find(&l, "polls")->first, &a);
    assert_ptr_equal(bus_lane_find(&l, "articles")->first, &b);
    bus_lane_remove(&l, &a);
    assert_ptr_equal(bus_lane_find(&l, "polls")->first, &c);
    bus_lane_remove(&l, &c);
    assert_null(bus_lane_find(&l, "polls"));
    assert_int_equal(l.n, 1);
    assert_null(a.lane);
}

static void out_of_the_middle(void **state) {
    (void)state;
    bus_lanes l = {0};
    bus_call call[5];
    for (int i = 0; i < 5; i++) {
        call[i] = (bus_call){.service = "polls"};
        assert_true(bus_lane_add(&l, &call[i], i));
    }
    bus_lane_remove(&l, &call[2]);
    bus_lane_remove(&l, &call[4]);
    bus_lane_remove(&l, &call[0]);
    bus_lane *lane = bus_lane_find(&l, "polls");
    assert_ptr_equal(lane->first, &call[1]);
    assert_ptr_equal(lane->first->next, &call[3]);
    assert_ptr_equal(lane->last, &call[3]);
    assert_true(bus_lane_add(&l, &call[0], 9));
    assert_ptr_equal(call[3].next, &call[0]);
    assert_int_equal(lane->n, 3);
}

static void more_services_than_lanes(void **state) {
    (void)state;
    bus_lanes l = {0};
    char name[BUS_LANES + 1][8];
    bus_call call[BUS_LANES + 1];
    for (int i = 0; i <= BUS_LANES; i++) {
        snprintf(name[i], sizeof name[i], "s%d", i);
        call[i] = (bus_call){.service = name[i]};
        assert_int_equal(bus_lane_add(&l, &call[i], 0), i < BUS_LANES);
    }
    bus_lane_remove(&l, &call[3]);
    assert_true(bus_lane_add(&l, &call[BUS_LANES], 0));
}

/* Half of a short time, and never longer than BUS_LANE_MS. */
static void for_how_long(void **state) {
    (void)state;
    const struct {
        int64_t timeout_ms, waited_ms;
        bool over;
    } rows[] = {{2000, 0, false},          {2000, BUS_LANE_MS - 1, false},
                {2000, BUS_LANE_MS, true}, {30000, BUS_LANE_MS, true},
                {200, 99, false},          {200, 100, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bus_call call = {.timeout_ms = rows[i].timeout_ms, .waits_ms = 7};
        assert_int_equal(bus_lane_over(&call, 7 + rows[i].waited_ms), rows[i].over);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_lane_each),
        cmocka_unit_test(out_of_the_middle),
        cmocka_unit_test(more_services_than_lanes),
        cmocka_unit_test(for_how_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
