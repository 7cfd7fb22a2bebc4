/* zap.c - see zap.h. Requests are looked at in memory of a fixed size, one at a time.
 * SPDX-License-Identifier: MIT */
#include "zap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "clock.h"
#include "log.h"
#include "mem.h"

enum { TELL_MS = 10000 }; /* refusals are logged so often at most */

struct vp_zap {
    void *socket; /* the thread's */
    vp_curve *curve;
    int wake;
    pthread_t thread;
    _Atomic int64_t refused;
    int64_t told_ms;
};

vp_zap_status vp_zap_decode(const vp_str *frame, size_t n, vp_zap_request *out) {
    *out = (vp_zap_request){0};
    for (size_t i = 0; i < n; i++)
        if (frame[i].n > VP_ZAP_FRAME_MAX) return VP_ZAP_BROKEN;
    if (n > 1) out->id = frame[1];
    if (n < 6 || n > VP_ZAP_FRAMES || !vp_str_eq(frame[0], VP_STR("1.0"))) return VP_ZAP_BROKEN;
    if (!vp_str_eq(frame[2], VP_STR(VP_ZAP_DOMAIN)) || !vp_str_eq(frame[5], VP_STR("CURVE")))
        return VP_ZAP_REFUSED;
    if (n < VP_ZAP_FRAMES || frame[6].n != VP_CURVE_KEY) return VP_ZAP_BROKEN;
    out->key = (const uint8_t *)frame[6].p;
    return VP_ZAP_OK;
}

static void tell(vp_zap *z, const uint8_t *key) {
    char text[VP_CURVE_TEXT + 1] = "none";
    int64_t now = vp_clock_ms();
    int64_t refused = atomic_fetch_add(&z->refused, 1) + 1;
    if (z->told_ms && now - z->told_ms < TELL_MS) return;
    z->told_ms = now;
    if (key) zmq_z85_encode(text, key, VP_CURVE_KEY);
    vp_log(VP_LOG_WARN, NULL, "connection refused, key %s; %lld so far", text, (long long)refused);
}

static void answer(vp_zap *z, vp_str id, vp_zap_status status) {
    char code[12];
    int n = snprintf(code, sizeof code, "%d", status);
    const vp_str frame[] = {VP_STR("1.0"),         id,        vp_str_n(code, (size_t)n), VP_STR(""),
                            VP_STR("") /* user */, VP_STR("") /* metadata */};
    const int last = sizeof frame / sizeof *frame - 1;
    for (int i = 0; i <= last; i++)
        if (zmq_send(z->socket, frame[i].n ? frame[i].p : "", frame[i].n,
                     ZMQ_DONTWAIT | (i < last ? ZMQ_SNDMORE : 0)) < 0)
            return; /* whoever asked has gone */
}

/* One request. A frame that is too long keeps a byte more than it may have, and so is seen. */
static void serve(vp_zap *z) {
    char bytes[VP_ZAP_FRAMES + 1][VP_ZAP_FRAME_MAX + 1];
    vp_str frame[VP_ZAP_FRAMES + 1];
    vp_zap_request request;
    size_t n = 0, size = sizeof(int);
    int more = 1;
    while (more) {
        size_t i = n < VP_ZAP_FRAMES ? n : VP_ZAP_FRAMES; /* the rest overwrites itself */
        int got = zmq_recv(z->socket, bytes[i], sizeof bytes[i], ZMQ_DONTWAIT);
        if (got < 0 || zmq_getsockopt(z->socket, ZMQ_RCVMORE, &more, &size)) return;
        size_t kept = (size_t)got < sizeof bytes[i] ? (size_t)got : sizeof bytes[i];
        frame[i] = vp_str_n(bytes[i], kept);
        n = i + 1;
    }
    vp_zap_status status = vp_zap_decode(frame, n, &request);
    if (status == VP_ZAP_OK && !vp_curve_allows(z->curve, request.key)) status = VP_ZAP_LATER;
    answer(z, request.id, status);
    if (status != VP_ZAP_OK) tell(z, request.key);
}

static void *run(void *zap_) {
    vp_zap *z = zap_;
    zmq_pollitem_t items[] = {{.socket = z->socket, .events = ZMQ_POLLIN},
                              {.fd = z->wake, .events = ZMQ_POLLIN}};
    while (!items[1].revents && (zmq_poll(items, 2, -1) >= 0 || errno == EINTR))
        if (items[0].revents) serve(z);
    zmq_close(z->socket);
    return NULL;
}

/* Signals are for the process's own thread. */
static bool start_thread(vp_zap *z) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool ok = !pthread_create(&z->thread, NULL, run, z);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

vp_err vp_zap_start(vp_zap **out, void *zmq, vp_curve *curve, vp_fault *why) {
    vp_zap *z = vp_calloc(1, sizeof *z);
    int none = 0;
    z->curve = curve;
    z->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    z->socket = zmq_socket(zmq, ZMQ_REP);
    if (z->wake >= 0 && z->socket && !zmq_setsockopt(z->socket, ZMQ_LINGER, &none, sizeof none) &&
        !zmq_bind(z->socket, "inproc://zeromq.zap.01") && start_thread(z)) {
        *out = z;
        return VP_OK;
    }
    vp_fault_set(why, "no thread for CURVE keys: %s", zmq_strerror(errno));
    if (z->socket) zmq_close(z->socket);
    if (z->wake >= 0) close(z->wake);
    free(z);
    *out = NULL;
    return VP_ESYSTEM;
}

int64_t vp_zap_refused(const vp_zap *z) {
    return z ? atomic_load(&z->refused) : 0;
}

void vp_zap_stop(vp_zap **self_p) {
    vp_zap *z = *self_p;
    uint64_t one = 1;
    if (!z) return;
    ssize_t n = write(z->wake, &one, sizeof one);
    (void)n;
    pthread_join(z->thread, NULL);
    close(z->wake);
    free(z);
    *self_p = NULL;
}
