/* metrics.h - counters, gauges and histograms in a table, written as Prometheus text. A table that
 * several threads write belongs to the process: there adding is one relaxed atomic. One that only
 * one thread writes has the cheaper ones below. Any thread may read.
 * SPDX-License-Identifier: MIT */
#ifndef VP_METRICS_H
#define VP_METRICS_H

#include <stdatomic.h>

#include "buf.h"

enum { VP_METRIC_BUCKETS = 16 }; /* of a histogram: its first bound * 2^i, the last is +Inf */

typedef enum vp_metric_kind {
    VP_COUNTER,
    VP_GAUGE,
    VP_HISTOGRAM, /* of microseconds, written as seconds; from 50 us on */
    VP_SIZES      /* a histogram of numbers; from 1 on */
} vp_metric_kind;

typedef struct vp_metric {
    const char *name;   /* voxpop_gateway_requests_total */
    const char *labels; /* e.g. "class=\"2xx\"" or NULL */
    vp_metric_kind kind;
    const char *help; /* rows of the same name stand together; only the first one's help is used */
    atomic_llong value; /* histogram: the sum */
    atomic_llong bucket[VP_METRIC_BUCKETS];
} vp_metric;

void vp_metric_add(vp_metric *m, long long n);
void vp_metric_set(vp_metric *m, long long v);
void vp_metric_observe_us(vp_metric *m, int64_t us);

/* For a table with one writing thread. */
static inline void vp_metric_own_add(vp_metric *m, long long n) {
    long long v = atomic_load_explicit(&m->value, memory_order_relaxed);
    atomic_store_explicit(&m->value, v + n, memory_order_relaxed);
}
void vp_metric_own_observe(vp_metric *m, int64_t v); /* in the unit of its kind */

void vp_metrics_write(vp_buf *out, const vp_metric *table, size_t n);
/* One row; with its head unless *last, the name of the row before, is the same. */
void vp_metrics_write_row(vp_buf *out, const vp_metric *m, const char **last);
/* voxpop_build_info: which version this is. */
void vp_metrics_write_build(vp_buf *out);
/* Resident memory, descriptors, start and processor time of this process: process_... */
void vp_metrics_write_process(vp_buf *out);

#endif
