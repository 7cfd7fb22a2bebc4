/* topic.c - see topic.h. SPDX-License-Identifier: MIT */
#include "topic.h"

#include "ulid.h"

bool vp_topic_valid(vp_str name) {
    const char *colon = name.n ? memchr(name.p, ':', name.n) : NULL;
    if (!colon || colon == name.p || name.n > VP_TOPIC_NAME_MAX) return false;
    size_t prefix = (size_t)(colon - name.p);
    for (size_t i = 0; i < prefix; i++)
        if (name.p[i] < 'a' || name.p[i] > 'z') return false;
    return vp_ulid_valid(vp_str_n(colon + 1, name.n - prefix - 1));
}

bool vp_topic_valid_inside(vp_str name) {
    bool sealed = vp_topic_is_sealed(name);
    return name.n <= VP_TOPIC_NAME_MAX &&
           vp_topic_valid(sealed ? vp_str_n(name.p + 1, name.n - 1) : name);
}

vp_str vp_topic_seal(vp_str name, char out[VP_TOPIC_NAME_MAX + 1]) {
    if (name.n >= VP_TOPIC_NAME_MAX) return (vp_str){NULL, 0};
    out[0] = VP_TOPIC_SEALED;
    memcpy(out + 1, name.p, name.n);
    out[name.n + 1] = '\0';
    return vp_str_n(out, name.n + 1);
}

void vp_topic_stamp(const vp_topic_state *s, char out[VP_TOPIC_STAMP_MAX], size_t *n) {
    for (int i = 0; i < 8; i++) out[i] = (char)(s->version >> (56 - 8 * i));
    size_t len = s->event.n < VP_TOPIC_EVENT_MAX ? s->event.n : VP_TOPIC_EVENT_MAX;
    memcpy(out + 8, s->event.p, len);
    *n = 8 + len;
}

static bool is_event(vp_str e) {
    for (size_t i = 0; i < e.n; i++)
        if (e.p[i] < 'a' || e.p[i] > 'z') return false;
    return e.n > 0;
}

vp_err vp_topic_decode(const vp_str *frames, size_t n, vp_topic_state *out, vp_fault *why) {
    *out = (vp_topic_state){0};
    if (n < VP_TOPIC_FRAMES || !vp_topic_valid_inside(frames[0]) || frames[1].n < 9 ||
        frames[1].n > VP_TOPIC_STAMP_MAX) {
        vp_fault_set(why, "not a topic's state");
        return VP_EPROTO;
    }
    if (frames[2].n > VP_TOPIC_DATA_MAX) {
        vp_fault_set(why, "state of %zu bytes", frames[2].n);
        return VP_ETOOBIG;
    }
    out->topic = frames[0];
    for (int i = 0; i < 8; i++) out->version = out->version << 8 | (uint8_t)frames[1].p[i];
    out->event = vp_str_n(frames[1].p + 8, frames[1].n - 8);
    out->data = frames[2];
    /* The event's name goes onto an SSE line and the data too: no line ends inside. */
    if (!is_event(out->event) || memchr(out->data.p, '\n', out->data.n) ||
        memchr(out->data.p, '\r', out->data.n)) {
        vp_fault_set(why, "a state with line ends or a bad event");
        return VP_EPROTO;
    }
    return VP_OK;
}
