/* metrics.c - see metrics.h.
 * Values are read one by one while others add, so a page is not one moment; each number is.
 * SPDX-License-Identifier: MIT */
#include "metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* What the kinds are called, and a histogram's first bound. */
static const struct {
    const char *type;
    int first;
} kinds[] = {
    [VP_COUNTER] = {"counter", 0},
    [VP_GAUGE] = {"gauge", 0},
    [VP_HISTOGRAM] = {"histogram", 50},
    [VP_SIZES] = {"histogram", 1},
};

void vp_metric_add(vp_metric *m, long long n) {
    atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

void vp_metric_set(vp_metric *m, long long v) {
    atomic_store_explicit(&m->value, v, memory_order_relaxed);
}

/* The first bucket whose bound, first * 2^i, is not below v. */
static int bucket_of(int64_t v, int first) {
    if (v <= first) return 0;
    int i = 64 - __builtin_clzll((unsigned long long)(v - 1) / (unsigned)first);
    return i < VP_METRIC_BUCKETS - 1 ? i : VP_METRIC_BUCKETS - 1;
}

void vp_metric_observe_us(vp_metric *m, int64_t us) {
    if (us < 0) us = 0;
    int i = bucket_of(us, kinds[VP_HISTOGRAM].first);
    atomic_fetch_add_explicit(&m->value, us, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->bucket[i], 1, memory_order_relaxed);
}

void vp_metric_own_observe(vp_metric *m, int64_t v) {
    if (v < 0) v = 0;
    atomic_llong *bucket = &m->bucket[bucket_of(v, kinds[m->kind].first)];
    long long n = atomic_load_explicit(bucket, memory_order_relaxed);
    vp_metric_own_add(m, v);
    atomic_store_explicit(bucket, n + 1, memory_order_relaxed);
}

static long long read_value(const atomic_llong *v) {
    return atomic_load_explicit(v, memory_order_relaxed);
}

static void add_seconds(vp_buf *out, long long us) {
    char text[32];
    int n = snprintf(text, sizeof text, "%lld.%06lld", us / 1000000, us % 1000000);
    while (text[n - 1] == '0' && text[n - 2] != '.') n--;
    vp_buf_add(out, text, (size_t)n);
}

/* A sum or a bound, in what is shown. */
static void add_amount(vp_buf *out, const vp_metric *m, long long v) {
    if (m->kind == VP_HISTOGRAM)
        add_seconds(out, v);
    else
        vp_buf_add_int(out, v);
}

/* name + suffix {labels,le="..."}; bound: -1 for none, 0 for +Inf. */
static void add_name(vp_buf *out, const vp_metric *m, const char *suffix, long long bound) {
    vp_buf_adds(out, m->name);
    vp_buf_adds(out, suffix);
    if (m->labels || bound >= 0) {
        vp_buf_addc(out, '{');
        if (m->labels) vp_buf_adds(out, m->labels);
        if (bound >= 0) {
            vp_buf_adds(out, m->labels ? ",le=\"" : "le=\"");
            if (bound)
                add_amount(out, m, bound);
            else
                vp_buf_adds(out, "+Inf");
            vp_buf_addc(out, '"');
        }
        vp_buf_addc(out, '}');
    }
    vp_buf_addc(out, ' ');
}

static void write_histogram(vp_buf *out, const vp_metric *m) {
    long long count = 0;
    for (int i = 0; i < VP_METRIC_BUCKETS; i++) {
        bool last = i == VP_METRIC_BUCKETS - 1;
        count += read_value(&m->bucket[i]);
        add_name(out, m, "_bucket", last ? 0 : (long long)kinds[m->kind].first << i);
        vp_buf_add_int(out, count);
        vp_buf_addc(out, '\n');
    }
    add_name(out, m, "_sum", -1);
    add_amount(out, m, read_value(&m->value));
    vp_buf_addc(out, '\n');
    add_name(out, m, "_count", -1);
    vp_buf_add_int(out, count);
    vp_buf_addc(out, '\n');
}

static void write_head(vp_buf *out, const char *name, const char *type, const char *help) {
    if (help) vp_buf_addf(out, "# HELP %s %s\n", name, help);
    vp_buf_addf(out, "# TYPE %s %s\n", name, type);
}

void vp_metrics_write_row(vp_buf *out, const vp_metric *m, const char **last) {
    if (!*last || !vp_str_eq(vp_str_of(m->name), vp_str_of(*last)))
        write_head(out, m->name, kinds[m->kind].type, m->help);
    *last = m->name;
    if (kinds[m->kind].first) {
        write_histogram(out, m);
        return;
    }
    add_name(out, m, "", -1);
    vp_buf_add_int(out, read_value(&m->value));
    vp_buf_addc(out, '\n');
}

void vp_metrics_write(vp_buf *out, const vp_metric *table, size_t n) {
    const char *last = NULL;
    for (size_t i = 0; i < n; i++) vp_metrics_write_row(out, &table[i], &last);
}

void vp_metrics_write_build(vp_buf *out) {
    write_head(out, "voxpop_build_info", "gauge", "1, and the version as a label.");
    vp_buf_adds(out, "voxpop_build_info{version=\"" VP_VERSION "\"} 1\n");
}

static long long resident_bytes(void) {
    long long size, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    if (fscanf(f, "%lld %lld", &size, &resident) != 2) resident = 0;
    fclose(f);
    return resident * sysconf(_SC_PAGESIZE);
}

static long long open_descriptors(void) {
    long long n = 0;
    DIR *d = opendir("/proc/self/fd");
    if (!d) return 0;
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) n += e->d_name[0] != '.';
    closedir(d);
    return n - 1; /* the one that lists them */
}

/* The kernel keeps the start in ticks since boot, as the 22nd field of stat. */
static long long start_time(void) {
    struct timespec wall, since_boot;
    long long ticks = 0;
    FILE *f = fopen("/proc/self/stat", "re");
    if (!f) return 0;
    /* The second field is a name in parentheses; ours has no ')'. */
    if (fscanf(f,
               "%*[^)]) %*c" /* then the fields 4 to 21 */
               "%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%lld",
               &ticks) != 1)
        ticks = 0;
    fclose(f);
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    long long boot_ms =
        (wall.tv_sec - since_boot.tv_sec) * 1000LL + (wall.tv_nsec - since_boot.tv_nsec) / 1000000;
    return (boot_ms + ticks * 1000 / sysconf(_SC_CLK_TCK)) / 1000;
}

static long long cpu_us(void) {
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u)) return 0;
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

void vp_metrics_write_process(vp_buf *out) {
    static const struct {
        const char *name, *help;
        long long (*read)(void);
    } gauges[] = {
        {"process_resident_memory_bytes", "Resident memory.", resident_bytes},
        {"process_open_fds", "Open file descriptors.", open_descriptors},
        {"process_start_time_seconds", "Start, in Unix time.", start_time},
    };
    for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++) {
        write_head(out, gauges[i].name, "gauge", gauges[i].help);
        vp_buf_addf(out, "%s %lld\n", gauges[i].name, gauges[i].read());
    }
    write_head(out, "process_cpu_seconds_total", "counter", "Processor time, user and system.");
    vp_buf_adds(out, "process_cpu_seconds_total ");
    add_seconds(out, cpu_us());
    vp_buf_addc(out, '\n');
}
