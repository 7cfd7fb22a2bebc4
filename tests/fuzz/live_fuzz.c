/* live_fuzz.c - the input as the bytes of a connection to /live, whole and in two parts, and what
 * its query and ids say. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert: a fuzzer must find a broken rule in any build. */
static void must(bool holds) {
    if (!holds) abort();
}

static bool inside(vp_str part, vp_str whole) {
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_topics(vp_str query) {
    live_topics topics;
    vp_fault why = {""};
    if (request_topics(query, &topics, &why)) {
        must(why.text[0] != '\0');
        return;
    }
    must(topics.n > 0 && topics.n <= LIVE_TOPICS_MAX);
    for (int i = 0; i < topics.n; i++) {
        vp_str name = vp_str_of(topics.item[i].name);
        must(name.n <= VP_TOPIC_NAME_MAX && vp_str_is_utf8(name));
        must(!topics.item[i].valid || vp_topic_valid(name));
        for (int k = 0; k < i; k++) must(strcmp(topics.item[i].name, topics.item[k].name) != 0);
    }
}

static void check_head(vp_str bytes) {
    live_request r, early;
    vp_fault why = {""};
    uint64_t seq;
    live_head got = request_read(bytes, &r, &why);
    must((got == LIVE_HEAD_BAD) == (why.text[0] != '\0'));
    vp_str half = vp_str_n(bytes.p, bytes.n / 2);
    live_head before = request_read(half, &early, NULL);
    if (before != LIVE_HEAD_MORE) must(got == before); /* what follows changes nothing */
    if (got != LIVE_HEAD_WHOLE) return;
    must(r.method.n > 0 && r.path.n > 0 && r.n_forwarded <= LIVE_FORWARDED_MAX);
    must(inside(r.method, bytes) && inside(r.path, bytes) && inside(r.query, bytes));
    must(inside(r.last_event_id, bytes));
    for (size_t i = 0; i < r.n_forwarded; i++) must(inside(r.forwarded[i], bytes));
    check_topics(r.query);
    if (request_since(&r, "epoch", &seq) != LIVE_SINCE_SEQ) must(seq == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vp_str bytes = vp_str_n(data, size);
    check_head(bytes);
    check_topics(bytes);
    return 0;
}
