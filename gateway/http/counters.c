/* counters.c - see counters.h. SPDX-License-Identifier: MIT */
#include "counters.h"

#include "metrics.h"

enum { CLASSES = 5 };

#define COUNT_OF(t) (sizeof(t) / sizeof *(t))
#define ANSWERED(i, text)                                                                          \
    [i] = {.name = "voxpop_gateway_requests_total", .labels = "class=\"" text "\""}

static vp_metric answers[CLASSES] = {
    [0] = {.name = "voxpop_gateway_requests_total",
           .labels = "class=\"1xx\"",
           .help = "Requests answered by the public port, by class of status."},
    ANSWERED(1, "2xx"),
    ANSWERED(2, "3xx"),
    ANSWERED(3, "4xx"),
    ANSWERED(4, "5xx"),
};

#define REFUSED(why, text)                                                                         \
    [why] = {.name = "voxpop_gateway_refused_total", .labels = "reason=\"" text "\""}

/* The row of HTTP_FINE carries the help and is written as well, always 0. */
static vp_metric refused[HTTP_REFUSAL_COUNT] = {
    [HTTP_FINE] = {.name = "voxpop_gateway_refused_total",
                   .labels = "reason=\"none\"",
                   .help = "Requests that were refused before any handler saw them."},
    REFUSED(HTTP_BAD_SHAPE, "shape"),
    REFUSED(HTTP_BAD_METHOD, "method"),
    REFUSED(HTTP_BAD_TARGET, "target"),
    REFUSED(HTTP_MANY_FIELDS, "many_fields"),
    REFUSED(HTTP_DOUBLE_FIELD, "double_field"),
    REFUSED(HTTP_BAD_HOST, "host"),
    REFUSED(HTTP_BAD_LENGTH, "length"),
    REFUSED(HTTP_BAD_ENCODING, "encoding"),
    REFUSED(HTTP_FORGED, "forged"),
    REFUSED(HTTP_UNREADABLE, "unreadable"),
    REFUSED(HTTP_CROWDED, "crowded"),
    REFUSED(HTTP_SILENT, "silent"),
    REFUSED(HTTP_FULL, "full"),
};

static vp_metric others[] = {
    {.name = "voxpop_gateway_requests_in_flight",
     .kind = VP_GAUGE,
     .help = "Requests that a handler is working on."},
    {.name = "voxpop_gateway_request_seconds",
     .kind = VP_HISTOGRAM,
     .help = "From the parsed request to the written answer."},
    {.name = "voxpop_gateway_connections",
     .kind = VP_GAUGE,
     .help = "Connections that have a thread of the public port."},
    {.name = "voxpop_gateway_threads", .kind = VP_GAUGE, .help = "Threads of the public port."},
};

void http_count_answer(int status, int64_t us) {
    int class = status / 100 - 1;
    if (class >= 0 && class < CLASSES) vp_metric_add(&answers[class], 1);
    vp_metric_observe_us(&others[1], us);
}

void http_count_refusal(http_refusal why) {
    vp_metric_add(&refused[why], 1);
}
void http_count_now(int in_flight, int connections, int threads) {
    vp_metric_set(&others[0], in_flight);
    vp_metric_set(&others[2], connections);
    vp_metric_set(&others[3], threads);
}

void http_counters_write(vp_buf *out) {
    vp_metrics_write(out, answers, COUNT_OF(answers));
    vp_metrics_write(out, refused, COUNT_OF(refused));
    vp_metrics_write(out, others, COUNT_OF(others));
}
