/* zprobe.c - somebody at a ZeroMQ endpoint, with any keys or none, for the tests.
 *   zprobe ENDPOINT [--server KEY] [--secret KEY] [--sub PREFIX] [--wait MS]
 *          [--garbage MESSAGES] [--huge BYTES] [--frames FRAMES]
 * It sends the garbage, one huge frame and one message of so many empty frames, if asked for, and
 * then pings; exit 0: a pong came in time, 1: none. With --sub it subscribes instead, and waits for
 * one state. Without --server it does not speak CURVE; without --secret it has a key that nobody
 * knows. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "clock.h"
#include "envelope.h"
#include "mem.h"

enum { KEY = 40, FRAMES = 6, FRAME_MAX = 300 };

typedef struct wish {
    const char *endpoint, *server, *secret, *sub;
    int64_t wait, garbage, huge, frames;
} wish;

static bool take(wish *w, const char *name, const char *value) {
    const struct {
        const char *name;
        const char **text;
        int64_t *number;
    } rows[] = {{"--server", &w->server, NULL},   {"--secret", &w->secret, NULL},
                {"--sub", &w->sub, NULL},         {"--wait", NULL, &w->wait},
                {"--garbage", NULL, &w->garbage}, {"--huge", NULL, &w->huge},
                {"--frames", NULL, &w->frames}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, name)) continue;
        if (rows[i].text) *rows[i].text = value;
        return rows[i].text || !vp_str_int(vp_str_of(value), 0, 1 << 28, rows[i].number);
    }
    return false;
}

static void be_secure(void *socket, const wish *w) {
    char public[KEY + 1], secret[KEY + 1];
    if (w->secret)
        snprintf(secret, sizeof secret, "%s", w->secret);
    else
        zmq_curve_keypair(public, secret);
    if (zmq_curve_public(public, secret) ||
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, w->server, strlen(w->server)) ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public, KEY) ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, KEY)) {
        fprintf(stderr, "zprobe: these are no keys\n");
        exit(2);
    }
}

/* The same numbers each time. */
static uint32_t next_number(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Messages of random frames, some of them as long as a header or beginning like one. Ends when
 * there is nobody to send to any more. */
static void send_garbage(void *socket, int64_t n) {
    static const size_t sizes[] = {0, 1, 47, 48, 49, FRAME_MAX};
    char frame[FRAME_MAX];
    uint32_t state = 1;
    for (int64_t i = 0; i < n; i++) {
        int frames = 1 + (int)(next_number(&state) % FRAMES);
        for (int k = 1; k <= frames; k++) {
            for (size_t b = 0; b < sizeof frame; b++) frame[b] = (char)next_number(&state);
            if (next_number(&state) % 2) memcpy(frame, "VXP\1\1", 5);
            size_t size = sizes[next_number(&state) % (sizeof sizes / sizeof *sizes)];
            if (zmq_send(socket, frame, size, k < frames ? ZMQ_SNDMORE : 0) < 0) return;
        }
    }
}

static void send_ping(void *socket) {
    uint8_t header[VP_ENVELOPE_HEADER];
    const vp_envelope e = {.kind = VP_KIND_PING};
    vp_envelope_header(&e, header);
    zmq_send(socket, header, sizeof header, 0);
}

static bool is_pong(const uint8_t *bytes, int n) {
    vp_envelope e;
    vp_str frame = vp_str_n(bytes, n > 0 ? (size_t)n : 0);
    return n >= VP_ENVELOPE_HEADER && !vp_envelope_decode(&frame, 1, &e, NULL) &&
           e.kind == VP_KIND_PONG;
}

/* What else comes, such as answers to garbage, is passed over. */
static bool is_answered(void *socket, const wish *w) {
    int64_t end = vp_clock_ms() + w->wait;
    for (int64_t left = w->wait; left > 0; left = end - vp_clock_ms()) {
        uint8_t bytes[VP_ENVELOPE_HEADER];
        int ms = (int)left;
        zmq_setsockopt(socket, ZMQ_RCVTIMEO, &ms, sizeof ms);
        int n = zmq_recv(socket, bytes, sizeof bytes, 0);
        if (n >= 0 && (w->sub || is_pong(bytes, n))) return true;
    }
    return false;
}

int main(int argc, char **argv) {
    wish w = {.endpoint = argc > 1 ? argv[1] : "", .wait = 5000};
    int none = 0, sending = 200;
    for (int i = 2; i < argc; i += 2)
        if (i + 1 == argc || !take(&w, argv[i], argv[i + 1])) {
            fprintf(stderr, "zprobe: %s?\n", argv[i]);
            return 2;
        }
    void *zmq = zmq_ctx_new(), *socket = zmq_socket(zmq, w.sub ? ZMQ_SUB : ZMQ_DEALER);
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_SNDTIMEO, &sending, sizeof sending);
    if (w.server) be_secure(socket, &w);
    if (w.sub) zmq_setsockopt(socket, ZMQ_SUBSCRIBE, w.sub, strlen(w.sub));
    bool ok = !zmq_connect(socket, w.endpoint);
    if (ok && !w.sub) {
        send_garbage(socket, w.garbage);
        if (w.huge) {
            char *bytes = vp_calloc(1, (size_t)w.huge);
            zmq_send(socket, bytes, (size_t)w.huge, 0);
            free(bytes);
        }
        for (int64_t i = 1; i <= w.frames; i++)
            zmq_send(socket, "", 0, i < w.frames ? ZMQ_SNDMORE : 0);
        send_ping(socket);
    }
    ok = ok && is_answered(socket, &w);
    puts(ok ? "answered" : "silence");
    zmq_close(socket);
    zmq_ctx_term(zmq);
    return ok ? 0 : 1;
}
