/* metrics.h - counters, gauges and latency histograms in a static table, written as Prometheus
 * text. Adding is one relaxed atomic. The table belongs to the process. SPDX-License-Identifier:
 * MIT */
#ifndef VP_METRICS_H
#define VP_METRICS_H

#include <stdatomic.h>

#include "buf.h"

enum { VP_METRIC_BUCKETS = 16 }; /* histogram: 50 us * 2^i, the last is +Inf */

typedef enum vp_metric_kind { VP_COUNTER, VP_GAUGE, VP_HISTOGRAM } vp_metric_kind;

typedef struct vp_metric {
    const char *name;   /* voxpop_gateway_requests_total */
    const char *labels; /* e.g. "class=\"2xx\"" or NULL */
    vp_metric_kind kind;
    const char *help; /* rows of the same name stand together; only the first one's help is used */
    atomic_llong value; /* histogram: sum in microseconds */
    atomic_llong bucket[VP_METRIC_BUCKETS];
} vp_metric;

void vp_metric_add(vp_metric *m, long long n);
void vp_metric_set(vp_metric *m, long long v);
void vp_metric_observe_us(vp_metric *m, int64_t us);
void vp_metrics_write(vp_buf *out, const vp_metric *table, size_t n);
/* Resident memory, descriptors, start and processor time of this process: process_... */
void vp_metrics_write_process(vp_buf *out);

#endif
