/* metrics_test.c - counters and histograms as Prometheus text. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "metrics.h"

static void writes_counters_and_gauges(void **state) {
    static vp_metric table[] = {
        {"x_requests_total", "class=\"2xx\"", VP_COUNTER, "Requests."},
        {"x_requests_total", "class=\"5xx\"", VP_COUNTER, "Not used."},
        {"x_open", NULL, VP_GAUGE, "Open now."},
    };
    vp_buf b;
    vp_buf_init(&b, 10000);
    vp_metric_add(&table[0], 2);
    vp_metric_add(&table[0], 1);
    vp_metric_set(&table[2], 7);
    vp_metric_add(&table[2], -9);
    vp_metrics_write(&b, table, COUNT(table));
    assert_string_equal(b.data, "# HELP x_requests_total Requests.\n"
                                "# TYPE x_requests_total counter\n"
                                "x_requests_total{class=\"2xx\"} 3\n"
                                "x_requests_total{class=\"5xx\"} 0\n"
                                "# HELP x_open Open now.\n"
                                "# TYPE x_open gauge\n"
                                "x_open -2\n");
    vp_buf_release(&b);
}

static void puts_into_buckets(void **state) {
    static const struct {
        int64_t us;
        int bucket;
    } rows[] = {
        {-5, 0},      {0, 0},       {1, 0},       {50, 0},      {51, 1},       {100, 1},
        {101, 2},     {200, 2},     {201, 3},     {400, 3},     {1600, 5},     {1601, 6},
        {409600, 13}, {409601, 14}, {819200, 14}, {819201, 15}, {1000000, 15}, {INT64_MAX / 2, 15}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_metric m = {"x", NULL, VP_HISTOGRAM, NULL};
        vp_metric_observe_us(&m, rows[i].us);
        for (int k = 0; k < VP_METRIC_BUCKETS; k++)
            CHECK_ROW(i, atomic_load(&m.bucket[k]) == (k == rows[i].bucket));
        CHECK_ROW(i, atomic_load(&m.value) == (rows[i].us < 0 ? 0 : rows[i].us));
    }
}

static void writes_histograms(void **state) {
    static vp_metric table[] = {
        {"x_seconds", "route=\"/a\"", VP_HISTOGRAM, "Time."},
        {"y_seconds", NULL, VP_HISTOGRAM, NULL},
    };
    static const char *const lines[] = {
        "# HELP x_seconds Time.\n# TYPE x_seconds histogram\n",
        "\nx_seconds_bucket{route=\"/a\",le=\"0.00005\"} 1\n",
        "\nx_seconds_bucket{route=\"/a\",le=\"0.0001\"} 1\n",
        "\nx_seconds_bucket{route=\"/a\",le=\"0.0512\"} 1\n",
        "\nx_seconds_bucket{route=\"/a\",le=\"0.8192\"} 2\n",
        "\nx_seconds_bucket{route=\"/a\",le=\"+Inf\"} 3\n",
        "\nx_seconds_sum{route=\"/a\"} 2.60001\n",
        "\nx_seconds_count{route=\"/a\"} 3\n",
        "\n# TYPE y_seconds histogram\n",
        "\ny_seconds_bucket{le=\"0.00005\"} 0\n",
        "\ny_seconds_bucket{le=\"+Inf\"} 0\n",
        "\ny_seconds_sum 0.0\n",
        "\ny_seconds_count 0\n",
    };
    vp_buf b;
    vp_buf_init(&b, 10000);
    vp_metric_observe_us(&table[0], 10);
    vp_metric_observe_us(&table[0], 600000);
    vp_metric_observe_us(&table[0], 2000000);
    vp_metrics_write(&b, table, COUNT(table));
    for (size_t i = 0; i < COUNT(lines); i++) CHECK_ROW(i, strstr(b.data, lines[i]) != NULL);
    vp_buf_release(&b);
}

static void writes_sizes(void **state) {
    static const struct {
        int64_t n;
        int bucket;
    } rows[] = {{0, 0}, {1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {256, 8}, {16384, 14}, {16385, 15}};
    vp_metric m = {"x", "a=\"b\"", VP_SIZES, "Sizes."};
    vp_buf b;
    for (size_t i = 0; i < COUNT(rows); i++) {
        long long before = atomic_load(&m.bucket[rows[i].bucket]);
        vp_metric_own_observe(&m, rows[i].n);
        CHECK_ROW(i, atomic_load(&m.bucket[rows[i].bucket]) == before + 1);
    }
    vp_buf_init(&b, 10000);
    vp_metrics_write(&b, &m, 1);
    assert_non_null(strstr(b.data, "# TYPE x histogram\nx_bucket{a=\"b\",le=\"1\"} 2\n"
                                   "x_bucket{a=\"b\",le=\"2\"} 3\n"));
    assert_non_null(strstr(b.data, "x_bucket{a=\"b\",le=\"+Inf\"} 9\n"
                                   "x_sum{a=\"b\"} 33040\nx_count{a=\"b\"} 9\n"));
    vp_buf_release(&b);
}

static void one_writer_counts_the_same(void **state) {
    vp_metric own = {"x", NULL, VP_HISTOGRAM, NULL}, any = own;
    for (int64_t us = -1; us < 2000000; us += 777) {
        vp_metric_own_observe(&own, us);
        vp_metric_observe_us(&any, us);
    }
    vp_metric_own_add(&own, 5);
    vp_metric_add(&any, 5);
    assert_int_equal(atomic_load(&own.value), atomic_load(&any.value));
    for (int k = 0; k < VP_METRIC_BUCKETS; k++)
        assert_int_equal(atomic_load(&own.bucket[k]), atomic_load(&any.bucket[k]));
}

static void rows_that_are_left_out(void **state) {
    static const vp_metric rows[] = {{"x", "a=\"1\"", VP_COUNTER, "X."},
                                     {"x", "a=\"2\"", VP_COUNTER, "X."},
                                     {"y", NULL, VP_GAUGE, NULL}};
    const char *last = NULL;
    vp_buf b;
    vp_buf_init(&b, 1000);
    vp_metrics_write_row(&b, &rows[1], &last);
    vp_metrics_write_row(&b, &rows[2], &last);
    assert_string_equal(b.data, "# HELP x X.\n# TYPE x counter\nx{a=\"2\"} 0\n"
                                "# TYPE y gauge\ny 0\n");
    vp_buf_release(&b);
}

static vp_metric shared = {"shared", NULL, VP_HISTOGRAM, NULL};

static void *observe_many(void *unused) {
    for (int i = 0; i < 10000; i++) vp_metric_observe_us(&shared, 3);
    return NULL;
}

static void loses_nothing(void **state) {
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, observe_many, NULL), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_int_equal(atomic_load(&shared.value), 120000);
    assert_int_equal(atomic_load(&shared.bucket[0]), 40000);
}

static double value_of(const char *page, const char *name) {
    char line[80];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(page, line);
    if (!at) fail_msg("%s is missing", name);
    return strtod(at + strlen(line), NULL);
}

static void describes_the_process(void **state) {
    vp_buf b;
    vp_buf_init(&b, 10000);
    vp_metrics_write_process(&b);
    double fds = value_of(b.data, "process_open_fds");
    assert_true(fds >= 3);
    assert_true(value_of(b.data, "process_resident_memory_bytes") > 100000);
    double age = (double)time(NULL) - value_of(b.data, "process_start_time_seconds");
    assert_true(age > -3 && age < 600);
    assert_true(value_of(b.data, "process_cpu_seconds_total") >= 0);
    FILE *f = tmpfile();
    assert_non_null(f);
    vp_buf_clear(&b);
    vp_metrics_write_process(&b);
    assert_true(value_of(b.data, "process_open_fds") == fds + 1);
    fclose(f);
    vp_buf_release(&b);
}

static void obeys_the_cap(void **state) {
    vp_buf b;
    vp_buf_init(&b, 20);
    vp_metrics_write(&b, &shared, 1);
    assert_true(b.over);
    vp_buf_release(&b);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_counters_and_gauges),
        cmocka_unit_test(puts_into_buckets),
        cmocka_unit_test(writes_histograms),
        cmocka_unit_test(loses_nothing),
        cmocka_unit_test(describes_the_process),
        cmocka_unit_test(obeys_the_cap),
        cmocka_unit_test(writes_sizes),
        cmocka_unit_test(one_writer_counts_the_same),
        cmocka_unit_test(rows_that_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
