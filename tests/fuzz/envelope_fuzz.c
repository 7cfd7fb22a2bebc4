/* envelope_fuzz.c - what other processes send: an envelope with its fields, a topic's state, a
 * registry record. The input is frames, each with two bytes of length in front.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "envelope.h"
#include "registry.h"
#include "topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAMES = 6 };

/* Not assert: a fuzzer must find a broken rule in any build. */
static void must(bool holds) {
    if (!holds) abort();
}

static void check_fields(vp_str block) {
    vp_str value[VP_FIELD_COUNT] = {{0}};
    vp_fault why = {""};
    if (vp_fields_decode(block, value, &why)) must(why.text[0] != '\0');
    for (int i = 0; i < VP_FIELD_COUNT; i++)
        must(!value[i].n || (value[i].p > block.p && value[i].p + value[i].n <= block.p + block.n));
}

static void check_envelope(const vp_str *frames, size_t n) {
    vp_envelope e, again;
    vp_fault why = {""};
    uint8_t header[VP_ENVELOPE_HEADER];
    if (vp_envelope_decode(frames, n, &e, &why)) {
        must(why.text[0] != '\0');
        return;
    }
    must(e.head.n <= VP_ENVELOPE_HEAD_MAX && e.context.n <= VP_ENVELOPE_HEAD_MAX);
    must(e.not_after_ms >= 0);
    check_fields(e.head);
    check_fields(e.context);
    vp_envelope_header(&e, header);
    vp_str frame = vp_str_n(header, sizeof header);
    must(vp_envelope_decode(&frame, 1, &again, &why) == VP_OK);
    must(again.call_id == e.call_id && again.left_ms == e.left_ms && again.kind == e.kind &&
         again.status == e.status && again.not_after_ms == e.not_after_ms);
}

static void check_topic(const vp_str *frames, size_t n) {
    vp_topic_state s;
    vp_fault why = {""};
    if (vp_topic_decode(frames, n, &s, &why)) return;
    must(vp_topic_valid(s.topic) && s.event.n > 0 && s.event.n <= VP_TOPIC_EVENT_MAX);
    must(!memchr(s.data.p, '\n', s.data.n));
}

static void check_record(vp_str text) {
    vp_registry_record r, again;
    vp_fault why = {""};
    vp_buf b;
    if (vp_registry_read(text, &r, &why)) return;
    vp_buf_init(&b, 1024 * 1024);
    vp_registry_write(&b, &r);
    must(!b.over && vp_registry_read(vp_buf_str(&b), &again, &why) == VP_OK);
    must(again.n_routes == r.n_routes);
    vp_registry_release(&again);
    vp_registry_release(&r);
    vp_buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vp_str frames[FRAMES];
    size_t n = 0, at = 0;
    while (n < FRAMES && size - at >= 2) {
        size_t len = (size_t)data[at] << 8 | data[at + 1];
        at += 2;
        if (len > size - at) len = size - at;
        frames[n++] = vp_str_n(data + at, len);
        at += len;
    }
    check_envelope(frames, n);
    check_topic(frames, n);
    check_record(vp_str_n(data, size));
    if (size) check_fields(vp_str_n(data, size));
    return 0;
}
