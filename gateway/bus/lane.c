/* lane.c - see lane.h. SPDX-License-Identifier: MIT */
#include "lane.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

bus_lane *bus_lane_find(bus_lanes *l, const char *service) {
    for (int i = 0; l->n && i < BUS_LANES; i++)
        if (l->lane[i].n && !strcmp(l->lane[i].service, service)) return &l->lane[i];
    return NULL;
}

static bus_lane *find_empty(bus_lanes *l, const char *service) {
    for (int i = 0; i < BUS_LANES; i++) {
        if (l->lane[i].n) continue;
        snprintf(l->lane[i].service, sizeof l->lane[i].service, "%s", service);
        return &l->lane[i];
    }
    return NULL;
}

bool bus_lane_add(bus_lanes *l, bus_call *call, int64_t now_ms) {
    bus_lane *lane = bus_lane_find(l, call->service);
    if (!lane) lane = find_empty(l, call->service);
    if (!lane) return false;
    call->lane = lane;
    call->waits_ms = now_ms;
    call->next = NULL;
    call->before = lane->last;
    if (lane->last)
        lane->last->next = call;
    else
        lane->first = call;
    lane->last = call;
    lane->n++;
    l->n++;
    return true;
}

void bus_lane_remove(bus_lanes *l, bus_call *call) {
    bus_lane *lane = call->lane;
    assert(lane && lane->n > 0);
    if (call->before)
        call->before->next = call->next;
    else
        lane->first = call->next;
    if (call->next)
        call->next->before = call->before;
    else
        lane->last = call->before;
    call->next = call->before = NULL;
    call->lane = NULL;
    lane->n--;
    l->n--;
}

bool bus_lane_over(const bus_call *call, int64_t now_ms) {
    int64_t most = call->timeout_ms / BUS_LANE_SHARE;
    return now_ms - call->waits_ms >= (most < BUS_LANE_MS ? most : BUS_LANE_MS);
}
