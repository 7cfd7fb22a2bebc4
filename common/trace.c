/* trace.c - see trace.h. SPDX-License-Identifier: MIT */
#include "trace.h"

enum { TRACE_AT = 3, SPAN_AT = TRACE_AT + VP_TRACE_ID + 1, SPAN_BYTES = 8, FLAGS_AT = 53 };

static void put_hex(char *out, const uint8_t *bytes, size_t n) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
}

/* Lower-case hex digits; not all may be 0 when some has to be set. */
static bool is_hex(const char *p, size_t n, bool some) {
    bool set = false;
    for (size_t i = 0; i < n; i++) {
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f'))) return false;
        set |= p[i] != '0';
    }
    return set || !some;
}

bool vp_traceparent_valid(vp_str s) {
    if (s.n < VP_TRACEPARENT || !is_hex(s.p, 2, false) || memcmp(s.p, "ff", 2) == 0) return false;
    if (s.n > VP_TRACEPARENT && (memcmp(s.p, "00", 2) == 0 || s.p[VP_TRACEPARENT] != '-'))
        return false;
    return s.p[TRACE_AT - 1] == '-' && s.p[SPAN_AT - 1] == '-' && s.p[FLAGS_AT - 1] == '-' &&
           is_hex(s.p + TRACE_AT, VP_TRACE_ID, true) &&
           is_hex(s.p + SPAN_AT, 2 * SPAN_BYTES, true) && is_hex(s.p + FLAGS_AT, 2, false);
}

/* The random end of the request's id is our span's. */
void vp_trace_begin(vp_trace *t, const uint8_t request[VP_ULID_BYTES]) {
    vp_ulid_text(request, t->request);
    memset(t->parent, '-', VP_TRACEPARENT);
    memcpy(t->parent, "00", 2);
    put_hex(t->parent + TRACE_AT, request, VP_ULID_BYTES);
    put_hex(t->parent + SPAN_AT, request + VP_ULID_BYTES - SPAN_BYTES, SPAN_BYTES);
    memcpy(t->parent + FLAGS_AT, "00", 3);
}

void vp_trace_join(vp_trace *t, vp_str traceparent) {
    if (!vp_traceparent_valid(traceparent)) return;
    memcpy(t->parent + TRACE_AT, traceparent.p + TRACE_AT, VP_TRACE_ID);
    memcpy(t->parent + FLAGS_AT, traceparent.p + FLAGS_AT, 2);
}

void vp_trace_take(vp_trace *t, vp_str request, vp_str traceparent) {
    t->request[0] = t->parent[0] = '\0';
    if (vp_ulid_valid(request)) {
        memcpy(t->request, request.p, VP_ULID_LEN);
        t->request[VP_ULID_LEN] = '\0';
    }
    if (vp_traceparent_valid(traceparent)) {
        memcpy(t->parent, traceparent.p, VP_TRACEPARENT);
        t->parent[VP_TRACEPARENT] = '\0';
    }
}

vp_str vp_trace_id(const vp_trace *t) {
    return t->parent[0] ? vp_str_n(t->parent + TRACE_AT, VP_TRACE_ID) : (vp_str){0};
}
