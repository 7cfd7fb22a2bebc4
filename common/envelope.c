/* envelope.c - see envelope.h and PROTOCOL.md. SPDX-License-Identifier: MIT */
#include "envelope.h"

static void put(uint8_t *p, uint64_t v, int bytes) {
    for (int i = bytes - 1; i >= 0; i--, v >>= 8) p[i] = (uint8_t)v;
}

static uint64_t get(const uint8_t *p, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v = v << 8 | p[i];
    return v;
}

void vp_envelope_header(const vp_envelope *e, uint8_t out[VP_ENVELOPE_HEADER]) {
    memcpy(out, "VXP", 3);
    out[3] = VP_PROTOCOL;
    out[4] = e->kind;
    out[5] = e->flags;
    put(out + 6, e->status, 2);
    put(out + 8, e->call_id, 8);
    put(out + 16, (uint64_t)e->not_after_ms, 8);
    put(out + 24, e->left_ms, 4);
    put(out + 28, 0, 4);
    memcpy(out + 32, e->resend_id, VP_ULID_BYTES);
}

static vp_err header_decode(vp_str h, vp_envelope *out, vp_fault *why) {
    const uint8_t *p = (const uint8_t *)h.p;
    if (h.n < VP_ENVELOPE_HEADER) {
        vp_fault_set(why, "header of %zu bytes", h.n);
        return VP_EPROTO;
    }
    if (memcmp(p, "VXP", 3) != 0) {
        vp_fault_set(why, "not a Voxpop message");
        return VP_EPROTO;
    }
    out->version = p[3];
    if (!vp_protocol_speaks(VP_PROTOCOL, out->version)) {
        vp_fault_set(why, "protocol %u, ours is %d", out->version, VP_PROTOCOL);
        return VP_EPROTO;
    }
    out->kind = p[4];
    if (out->kind < VP_KIND_CALL || out->kind > VP_KIND_PONG) {
        vp_fault_set(why, "kind %u", out->kind);
        return VP_EPROTO;
    }
    out->flags = p[5];
    out->status = (uint16_t)get(p + 6, 2);
    out->call_id = get(p + 8, 8);
    out->not_after_ms = (int64_t)(get(p + 16, 8) & INT64_MAX);
    out->left_ms = (uint32_t)get(p + 24, 4);
    memcpy(out->resend_id, p + 32, VP_ULID_BYTES);
    return VP_OK;
}

vp_err vp_envelope_decode(const vp_str *frames, size_t n, vp_envelope *out, vp_fault *why) {
    *out = (vp_envelope){0};
    if (n == 0) {
        vp_fault_set(why, "no frames");
        return VP_EPROTO;
    }
    vp_err rc = header_decode(frames[0], out, why);
    if (rc) return rc;
    if (n > 1) out->head = frames[1];
    if (n > 2) out->context = frames[2];
    if (n > 3) out->body = frames[3];
    if (out->head.n > VP_ENVELOPE_HEAD_MAX || out->context.n > VP_ENVELOPE_HEAD_MAX ||
        out->body.n > VP_ENVELOPE_BODY_MAX) {
        vp_fault_set(why, "head %zu, context %zu, body %zu bytes", out->head.n, out->context.n,
                     out->body.n);
        return VP_ETOOBIG;
    }
    return VP_OK;
}

void vp_field_add(vp_buf *block, vp_field tag, vp_str value) {
    if (value.n == 0) return;
    if (value.n > VP_FIELD_MAX) value.n = VP_FIELD_MAX;
    char *p = vp_buf_room(block, value.n + 3);
    if (!p) return;
    p[0] = (char)tag;
    p[1] = (char)(value.n >> 8);
    p[2] = (char)value.n;
    memcpy(p + 3, value.p, value.n);
    vp_buf_grew(block, value.n + 3);
}

vp_err vp_fields_decode(vp_str block, vp_str value[VP_FIELD_COUNT], vp_fault *why) {
    const uint8_t *p = (const uint8_t *)block.p;
    size_t left = block.n;
    while (left > 0) {
        size_t n = left < 3 ? 0 : (size_t)p[1] << 8 | p[2];
        if (left < 3 || n > left - 3) {
            vp_fault_set(why, "a field is cut short");
            return VP_EPROTO;
        }
        if (n > VP_FIELD_MAX) {
            vp_fault_set(why, "a field of %zu bytes", n);
            return VP_EPROTO;
        }
        if (p[0] < VP_FIELD_COUNT) value[p[0]] = vp_str_n(p + 3, n);
        p += 3 + n;
        left -= 3 + n;
    }
    return VP_OK;
}
