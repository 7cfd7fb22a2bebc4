/* wire.c - see wire.h. SPDX-License-Identifier: MIT */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "clock.h"
#include "envelope.h"
#include "json.h"
#include "mem.h"
#include "seal.h"

enum { CALL_MS = 30000, HEAD_MAX = 4096 };

struct cli_wire {
    void *zmq, *socket;
    vp_curve *curve;
    uint64_t calls;
};

static vp_err open_keys(vp_curve **out, const char *secret, cli_wire_target *t, vp_fault *why) {
    if (!secret || !*secret) return VP_OK;
    if (!t->key[0] && zmq_curve_public(t->key, secret)) {
        vp_fault_set(why, "the secret key is none of %d characters", VP_CURVE_TEXT);
        return VP_EINVAL;
    }
    char allow[VP_CURVE_TEXT + 2]; /* behind a comma: a key may begin as a path does */
    snprintf(allow, sizeof allow, ",%s", t->key);
    const vp_curve_options o = {.secret_key = secret, .allow = allow};
    return vp_curve_new(out, &o, why);
}

static vp_err connect_to(cli_wire *w, const cli_wire_target *t, vp_fault *why) {
    int zero = 0, wait = CLI_WIRE_PONG_MS;
    int64_t most = VP_ENVELOPE_BODY_MAX + VP_CURVE_EXTRA;
    w->zmq = zmq_ctx_new();
    w->socket = w->zmq ? zmq_socket(w->zmq, ZMQ_DEALER) : NULL;
    if (!w->socket) return VP_ESYSTEM;
    zmq_setsockopt(w->socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(w->socket, ZMQ_SNDTIMEO, &wait, sizeof wait);
    zmq_setsockopt(w->socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
    vp_err rc = vp_curve_connect(w->curve, w->socket, "it", t->endpoint, t->key);
    if (rc)
        vp_fault_set(why, "cannot be connected: %s",
                     rc == VP_EDENIED ? "it needs a key" : zmq_strerror(zmq_errno()));
    return rc;
}

vp_err cli_wire_open(cli_wire **out, cli_wire_target *t, const char *secret, vp_fault *why) {
    cli_wire *w = vp_calloc(1, sizeof *w);
    vp_err rc = open_keys(&w->curve, secret, t, why);
    if (!rc) rc = connect_to(w, t, why);
    if (rc) cli_wire_close(&w);
    *out = w;
    return rc;
}

void cli_wire_close(cli_wire **self_p) {
    cli_wire *w = *self_p;
    if (!w) return;
    if (w->socket) zmq_close(w->socket);
    if (w->zmq) zmq_ctx_term(w->zmq);
    vp_curve_destroy(&w->curve);
    free(w);
    *self_p = NULL;
}

/* -- messages ---------------------------------------------------------------------------------- */

typedef struct message {
    zmq_msg_t frame[VP_ENVELOPE_FRAMES];
    int n;
    vp_envelope e; /* borrows from the frames */
} message;

static void release(message *m) {
    for (int i = 0; i < m->n; i++) zmq_msg_close(&m->frame[i]);
    m->n = 0;
}

/* The whole message is there as soon as its first frame is. What follows the fourth is dropped. */
static vp_err receive(cli_wire *w, int64_t by, message *m, vp_fault *why) {
    vp_str part[VP_ENVELOPE_FRAMES];
    int64_t left = by - vp_clock_ms();
    int wait = left > 0 ? (int)left : 0, more = 1;
    zmq_msg_t rest;
    zmq_setsockopt(w->socket, ZMQ_RCVTIMEO, &wait, sizeof wait);
    for (m->n = 0; more;) {
        zmq_msg_t *frame = m->n < VP_ENVELOPE_FRAMES ? &m->frame[m->n] : &rest;
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, w->socket, 0) < 0) {
            release(m);
            return VP_ETIMEOUT;
        }
        more = zmq_msg_more(frame);
        if (frame == &rest)
            zmq_msg_close(&rest);
        else
            part[m->n++] = vp_str_n(zmq_msg_data(frame), zmq_msg_size(frame));
    }
    vp_err rc = vp_envelope_decode(part, (size_t)m->n, &m->e, why);
    if (rc) release(m);
    return rc;
}

/* -- ping -------------------------------------------------------------------------------------- */

vp_err cli_wire_ping(cli_wire *w, uint32_t *load, vp_fault *why) {
    uint8_t header[VP_ENVELOPE_HEADER];
    const vp_envelope e = {.kind = VP_KIND_PING};
    message m;
    int64_t by = vp_clock_ms() + CLI_WIRE_PONG_MS;
    vp_envelope_header(&e, header);
    if (zmq_send(w->socket, header, sizeof header, 0) < 0) return VP_ETIMEOUT;
    vp_err rc = receive(w, by, &m, why);
    if (rc == VP_ETIMEOUT) vp_fault_set(why, "no answer within %d s", CLI_WIRE_PONG_MS / 1000);
    if (rc) return rc;
    if (m.e.kind != VP_KIND_PONG) {
        rc = VP_EPROTO;
    } else if (m.e.flags & VP_FLAG_DRAINING) {
        vp_fault_set(why, "it drains");
        rc = VP_EAWAY;
    }
    *load = m.e.left_ms;
    release(&m);
    return rc;
}

/* -- calls ------------------------------------------------------------------------------------- */

static bool send_frame(cli_wire *w, const void *p, size_t n, bool more) {
    return zmq_send(w->socket, p, n, more ? ZMQ_SNDMORE : 0) >= 0;
}

static bool send_call(cli_wire *w, const char *method, const char *path, const char *query,
                      vp_str body) {
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_buf head, context;
    char nobody[VP_ULID_LEN + 1];
    vp_envelope e = {.kind = VP_KIND_CALL,
                     .call_id = ++w->calls,
                     .left_ms = CALL_MS,
                     .not_after_ms = vp_clock_wall() + CALL_MS};
    vp_seal_random(e.resend_id, sizeof e.resend_id);
    vp_ulid_text((uint8_t[VP_ULID_BYTES]){0}, nobody);
    vp_buf_init(&head, HEAD_MAX);
    vp_buf_init(&context, HEAD_MAX);
    vp_field_add(&head, VP_F_METHOD, vp_str_of(method));
    vp_field_add(&head, VP_F_PATH, vp_str_of(path));
    vp_field_add(&head, VP_F_QUERY, vp_str_of(query));
    vp_field_add(&context, VP_F_ACTOR_ID, vp_str_of(nobody));
    vp_field_add(&context, VP_F_ACTOR_LOGIN, VP_STR("voxpop"));
    vp_field_add(&context, VP_F_ACTOR_ROLE, VP_STR("admin"));
    vp_envelope_header(&e, header);
    bool sent = !head.over && send_frame(w, header, sizeof header, true) &&
                send_frame(w, head.data, head.len, true) &&
                send_frame(w, context.data, context.len, true) &&
                send_frame(w, body.n ? body.p : "", body.n, false);
    vp_buf_release(&head);
    vp_buf_release(&context);
    return sent;
}

static vp_err judge(const message *m, const char *method, const char *path, json_t **out,
                    vp_fault *why) {
    json_t *answer = NULL;
    vp_err rc = m->e.body.n ? vp_json_parse(m->e.body, &answer, NULL) : VP_EPROTO;
    if (m->e.status / 100 != 2) {
        vp_str detail = vp_json_text(answer, "detail");
        vp_fault_set(why, "%s %s: %d %.*s", method, path, m->e.status, (int)detail.n,
                     detail.n ? detail.p : "");
        rc = m->e.status == 503 ? VP_EAWAY : VP_EPROTO;
    } else if (rc || !json_is_object(answer)) {
        vp_fault_set(why, "%s %s: the answer is no JSON object", method, path);
        rc = VP_EPROTO;
    }
    if (!rc) *out = json_incref(answer);
    json_decref(answer);
    return rc;
}

vp_err cli_wire_call(cli_wire *w, const char *method, const char *path, const char *query,
                     vp_str body, json_t **out, vp_fault *why) {
    int64_t by = vp_clock_ms() + CALL_MS;
    *out = NULL;
    if (!send_call(w, method, path, query, body)) {
        vp_fault_set(why, "%s %s: cannot be sent", method, path);
        return VP_ETIMEOUT;
    }
    for (;;) {
        message m;
        vp_err rc = receive(w, by, &m, why);
        if (rc) vp_fault_set(why, "%s %s: no answer within %d s", method, path, CALL_MS / 1000);
        if (rc) return rc;
        bool ours = m.e.kind == VP_KIND_REPLY && m.e.call_id == w->calls;
        if (ours) rc = judge(&m, method, path, out, why);
        release(&m);
        if (ours) return rc;
    }
}
