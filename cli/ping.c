/* ping.c - asks one instance on the wire whether it lives, as callers do, and without any other
 * process: for the health check of a container. SPDX-License-Identifier: MIT */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "cli.h"
#include "clock.h"
#include "curve.h"
#include "envelope.h"
#include "json.h"
#include "text.h"

enum { PONG_MS = 2000, ENDPOINT_MAX = 192 };

typedef struct target {
    char endpoint[ENDPOINT_MAX];
    char key[VP_CURVE_TEXT + 1]; /* its public key; "": it is not known */
} target;

static bool copy(char *to, size_t room, vp_str text) {
    if (text.n >= room) return false;
    if (text.n) memcpy(to, text.p, text.n);
    to[text.n] = '\0';
    return true;
}

/* Where an instance is, by its id. */
static vp_err find(cli_http *http, const char *id, target *out, vp_fault *why) {
    json_t *status = NULL;
    size_t i;
    const json_t *row;
    vp_err rc = cli_http_get(http, "/api/v1/status", &status, why);
    if (rc) return rc;
    rc = VP_ENOTFOUND;
    json_array_foreach(json_object_get(status, "instances"), i, row) {
        if (!vp_str_eq(vp_json_text(row, "id"), vp_str_of(id))) continue;
        if (copy(out->endpoint, sizeof out->endpoint, vp_json_text(row, "endpoint")) &&
            copy(out->key, sizeof out->key, vp_json_text(row, "curve")))
            rc = VP_OK;
    }
    if (rc) vp_fault_set(why, "no instance has this id");
    json_decref(status);
    return rc;
}

/* Our own key: "" when there is none. *kept: caller wipes and frees. */
static vp_err own_secret(const cli_run *run, char **kept, vp_fault *why) {
    const char *file = run->args.curve_file, *text = getenv("VOXPOP_CURVE_SECRET_KEY");
    if (!file) file = getenv("VOXPOP_CURVE_SECRET_KEY_FILE");
    if (file && *file) return cli_secret_read(file, kept, why);
    *kept = text ? strdup(text) : NULL;
    return VP_OK;
}

/* The one key that is trusted is the instance's. Whoever asks itself needs to name none. */
static vp_err open_keys(vp_curve **out, const char *secret, target *t, const char *server_key,
                        vp_fault *why) {
    if (!secret || !*secret) return VP_OK; /* plain, on this machine only */
    if (!server_key && t->key[0]) server_key = t->key;
    if (server_key && !copy(t->key, sizeof t->key, vp_str_of(server_key))) {
        vp_fault_set(why, "--server-key: a key has %d characters", VP_CURVE_TEXT);
        return VP_EINVAL;
    }
    if (!t->key[0] && zmq_curve_public(t->key, secret)) {
        vp_fault_set(why, "the secret key is none of %d characters", VP_CURVE_TEXT);
        return VP_EINVAL;
    }
    const vp_curve_options o = {.secret_key = secret, .allow = t->key};
    return vp_curve_new(out, &o, why);
}

static vp_err hear_pong(void *socket, int64_t since_us, const char *endpoint, vp_fault *why) {
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_envelope e;
    int n = zmq_recv(socket, header, sizeof header, 0);
    if (n < 0) {
        vp_fault_set(why, "no answer within %d s", PONG_MS / 1000);
        return VP_ETIMEOUT;
    }
    vp_str frame = vp_str_n(header, (size_t)n < sizeof header ? (size_t)n : sizeof header);
    vp_err rc = vp_envelope_decode(&frame, 1, &e, why);
    if (!rc && e.kind != VP_KIND_PONG) rc = VP_EPROTO;
    if (!rc && (e.flags & VP_FLAG_DRAINING)) {
        vp_fault_set(why, "it drains");
        rc = VP_EAWAY;
    }
    if (!rc)
        printf("%s answers after %.1f ms, %u calls in work\n", endpoint,
               (double)(vp_clock_us() - since_us) / 1000, e.left_ms);
    return rc;
}

static vp_err ping(void *zmq, vp_curve *curve, const target *t, vp_fault *why) {
    int zero = 0, wait = PONG_MS;
    uint8_t header[VP_ENVELOPE_HEADER];
    int64_t since_us = vp_clock_us();
    const vp_envelope e = {.kind = VP_KIND_PING};
    void *socket = zmq_socket(zmq, ZMQ_DEALER);
    if (!socket) return VP_ESYSTEM;
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_SNDTIMEO, &wait, sizeof wait);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait, sizeof wait);
    vp_envelope_header(&e, header);
    vp_err rc = vp_curve_connect(curve, socket, "ping", t->endpoint, t->key);
    if (rc)
        vp_fault_set(why, "cannot be connected: %s",
                     rc == VP_EDENIED ? "it needs a key" : zmq_strerror(zmq_errno()));
    else if (zmq_send(socket, header, sizeof header, 0) < 0)
        rc = VP_ETIMEOUT;
    else
        rc = hear_pong(socket, since_us, t->endpoint, why);
    zmq_close(socket);
    return rc;
}

vp_err cli_ping(cli_run *run, vp_fault *why) {
    const char *where = run->args.words[0];
    target t = {0};
    char *secret = NULL;
    vp_curve *curve = NULL;
    void *zmq = zmq_ctx_new();
    vp_err rc = zmq ? VP_OK : VP_ESYSTEM;
    run->at = where;
    if (!rc && vp_ulid_valid(vp_str_of(where)))
        rc = find(run->http, where, &t, why);
    else if (!rc && !copy(t.endpoint, sizeof t.endpoint, vp_str_of(where)))
        rc = VP_EINVAL;
    if (!rc) rc = own_secret(run, &secret, why);
    if (!rc) rc = open_keys(&curve, secret, &t, run->args.server_key, why);
    if (!rc) rc = ping(zmq, curve, &t, why);
    vp_curve_destroy(&curve);
    if (zmq) zmq_ctx_term(zmq);
    if (secret) sodium_memzero(secret, strlen(secret));
    free(secret);
    return rc;
}
