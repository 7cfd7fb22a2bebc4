/* counters.h - what voxpop-live counts. SPDX-License-Identifier: MIT */
#ifndef LIVE_COUNTERS_H
#define LIVE_COUNTERS_H

#include "metrics.h"

enum {
    LIVE_M_WATCHERS,
    LIVE_M_STREAMS,
    LIVE_M_FRAMES,
    LIVE_M_CONFLATED,
    LIVE_M_STUCK,
    LIVE_M_REFUSED_HEAD,
    LIVE_M_REFUSED_ADDRESS,
    LIVE_M_REFUSED_FULL,
    LIVE_M_TICKETS_GOOD,
    LIVE_M_TICKETS_REFUSED,
    LIVE_M_TICKETS_UNCHECKED,
    LIVE_M_EXPIRED,
    LIVE_M_STATES,
    LIVE_M_STATES_BAD,
    LIVE_M_ASKED,
    LIVE_M_ASK_FAILED,
    LIVE_METRICS
};

extern vp_metric live_metric[LIVE_METRICS];

static inline void live_count(int which, long long n) {
    vp_metric_add(&live_metric[which], n);
}

#endif
