/* fanout_source.c - a service for measuring voxpop-live: one poll whose state changes every
 * 500 ms and says when it did, in nanoseconds of the wall clock. Not installed.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "service.h"

#define TOPIC "poll:01ARZ3NDEKTSV4RRFFQ69G5FAV"

enum { EVERY_MS = 500, BODY_MAX = 64 * 1024, DATA_MAX = 256 };

static uint64_t version;

static void write_data(vp_buf *out) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    vp_buf_addf(out,
                "{\"topic\":\"" TOPIC "\",\"T=%lld\":1,\"version\":%llu,\"voters\":%llu,"
                "\"counts\":[123,456,789,1000,42,7],\"closed\":false}",
                t.tv_sec * 1000000000LL + t.tv_nsec, (unsigned long long)version,
                (unsigned long long)version);
}

static vp_step tick(vp_call *call) {
    vp_buf data;
    vp_buf_init(&data, DATA_MAX);
    version++;
    write_data(&data);
    const vp_topic_state state = {.topic = VP_STR(TOPIC),
                                  .event = VP_STR("tally"),
                                  .data = vp_buf_str(&data),
                                  .version = version};
    vp_service_publish(call->service, &state);
    vp_buf_release(&data);
    return vp_call_answer(call, 200);
}

/* Knows one topic, and never has anything that it did not publish; a first question (version 0)
 * gets the state without a time, so that it is not measured. */
static vp_step topics(vp_call *call) {
    const vp_str first = VP_STR(TOPIC " 0\n");
    bool asked = memmem(call->body.p, call->body.n, first.p, first.n) != NULL;
    vp_buf_adds(&call->out, "{\"states\":[");
    if (asked)
        vp_buf_addf(&call->out,
                    "{\"topic\":\"" TOPIC "\",\"version\":%llu,\"event\":\"tally\","
                    "\"data\":{\"topic\":\"" TOPIC "\",\"version\":%llu}}",
                    (unsigned long long)version, (unsigned long long)version);
    vp_buf_adds(&call->out, "]}");
    return vp_call_answer(call, 200);
}

static const vp_op ops[] = {
    {"fanout.tick", NULL, NULL, VP_MAY_INSIDE, EVERY_MS, tick, NULL},
    {"fanout.topics", "SYNC", "/topics", VP_MAY_INSIDE, BODY_MAX, topics, NULL},
    {NULL}};

int main(int argc, char **argv) {
    const vp_service_def def = {.name = "fanout", .ops = ops, .topics = "poll"};
    return vp_service_main(&def, argc, argv);
}
