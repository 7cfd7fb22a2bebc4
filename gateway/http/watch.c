/* watch.c - see watch.h.
 * The descriptor is found by both ends' addresses. Should the connection end meanwhile, nothing is
 * found, or at worst a later one of the same peer and port is cut. SPDX-License-Identifier: MIT */
#include "watch.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"
#include "sockets.h"

static bool is_late(const http_watched *place, int64_t now_us) {
    long long deadline = atomic_load_explicit(&place->deadline_us, memory_order_relaxed);
    return deadline && deadline < now_us;
}

typedef struct search {
    const http_watch *watch;
    int port;
} search;

/* A thread in poll wakes; one that writes fails. */
static void cut_if_late(int fd, bool listening, void *arg) {
    const search *s = arg;
    char peer[HTTP_ADDRESS_LEN];
    int peer_port;
    int64_t now_us = vp_clock_us();
    if (listening || !http_socket_peer(fd, peer, &peer_port)) return;
    for (const http_watched *p = s->watch->first; p; p = p->next) {
        if (p->port != s->port || p->peer_port != peer_port || strcmp(p->peer, peer) != 0) continue;
        if (is_late(p, now_us)) shutdown(fd, atomic_load(&p->writing) ? SHUT_RDWR : SHUT_RD);
    }
}

/* One port in a round; another's turn comes with the next. */
static void look(http_watch *w) {
    int64_t now_us = vp_clock_us();
    search s = {.watch = w};
    for (const http_watched *p = w->first; p; p = p->next)
        if (is_late(p, now_us)) s.port = p->port;
    if (s.port) http_sockets_each(s.port, cut_if_late, &s);
}

static void *run(void *arg) {
    http_watch *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += HTTP_WATCH_TICK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&w->stopping, &w->lock, &until);
        look(w);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

vp_err http_watch_start(http_watch *w, vp_fault *why) {
    pthread_condattr_t attributes;
    memset(w, 0, sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->stopping, &attributes);
    pthread_condattr_destroy(&attributes);
    int failed = pthread_create(&w->thread, NULL, run, w);
    w->running = !failed;
    if (!failed) return VP_OK;
    vp_fault_set(why, "no thread for the watchdog: %s", strerror(failed));
    return VP_ESYSTEM;
}

void http_watch_stop(http_watch *w) {
    if (!w->running) return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->stopping);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    w->running = false;
}

void http_watch_join(http_watch *w, http_watched *place) {
    pthread_mutex_lock(&w->lock);
    place->next = w->first;
    w->first = place;
    pthread_mutex_unlock(&w->lock);
}

void http_watch_peer(http_watch *w, http_watched *place, int port, const char *peer,
                     int peer_port) {
    if (place->peer_port == peer_port && strcmp(place->peer, peer) == 0) return;
    pthread_mutex_lock(&w->lock);
    place->port = port;
    place->peer_port = peer_port;
    memcpy(place->peer, peer, strnlen(peer, sizeof place->peer - 1) + 1);
    place->peer[sizeof place->peer - 1] = '\0';
    pthread_mutex_unlock(&w->lock);
}
