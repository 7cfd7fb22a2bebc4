/* watch.c - see watch.h.
 * The descriptor is found by both ends' addresses. Should the connection end meanwhile, nothing is
 * found, or at worst a later one of the same peer and port is cut. SPDX-License-Identifier: MIT */
#include "watch.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"
#include "counters.h"
#include "sockets.h"

enum { PORTS = 65536 };

static bool is_late(const http_watched *place, int64_t now_us) {
    long long deadline = atomic_load_explicit(&place->deadline_us, memory_order_relaxed);
    return deadline && deadline < now_us;
}

typedef struct search {
    const http_watch *watch;
    int port;
    int64_t now_us; /* by which a deadline has passed */
} search;

/* A thread in poll wakes; one that writes fails. */
static void cut_if_late(int fd, bool listening, void *arg) {
    const search *s = arg;
    char peer[HTTP_ADDRESS_LEN];
    int peer_port;
    if (listening || !http_socket_peer(fd, peer, &peer_port)) return;
    for (http_watched *p = s->watch->first; p; p = p->next) {
        if (p->port != s->port || p->peer_port != peer_port || strcmp(p->peer, peer) != 0) continue;
        if (!is_late(p, s->now_us)) continue;
        atomic_store(&p->cut, true);
        shutdown(fd, atomic_load(&p->writing) ? SHUT_RDWR : SHUT_RD);
    }
}

/* One port in a round; another's turn comes with the next. */
static void look(http_watch *w, int64_t now_us) {
    search s = {.watch = w, .now_us = now_us};
    for (const http_watched *p = w->first; p; p = p->next)
        if (is_late(p, now_us)) s.port = p->port;
    if (s.port) vp_descriptors_each(s.port, cut_if_late, &s);
}

/* Peers' ports with a request in work; that two peers may have the same one spares some. */
typedef struct peers {
    uint8_t busy[PORTS / 8];
} peers;

/* Bytes that nobody has read are a head that waits for a thread. */
static void cut_if_silent(int fd, bool listening, void *arg) {
    const peers *p = arg;
    char peer[HTTP_ADDRESS_LEN];
    int port;
    if (listening || !http_socket_peer(fd, peer, &port)) return;
    if (p->busy[port / 8] & 1 << port % 8) return;
    if (http_socket_silent_ms(fd) < HTTP_WATCH_SILENT_MS) return;
    http_count_refusal(HTTP_SILENT);
    shutdown(fd, SHUT_RD);
}

static void hurry(const http_watch *w, int port) {
    peers p = {0};
    for (const http_watched *each = w->first; each; each = each->next)
        if (each->port == port && atomic_load(&each->busy))
            p.busy[each->peer_port / 8] |= (uint8_t)(1 << each->peer_port % 8);
    vp_descriptors_each(port, cut_if_silent, &p);
}

/* Whether a door is full. */
static bool look_round(http_watch *w) {
    bool full = false;
    for (int i = 0; i < w->n_doors; i++) {
        if (atomic_load(w->doors[i].connections) < w->doors[i].threads) continue;
        hurry(w, w->doors[i].port);
        full = true;
    }
    look(w, vp_clock_us() + (full ? HTTP_WATCH_SOONER_MS * 1000 : 0));
    return full;
}

static void *run(void *arg) {
    http_watch *w = arg;
    bool full = false;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (full ? HTTP_WATCH_HURRY_MS : HTTP_WATCH_TICK_MS) * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&w->stopping, &w->lock, &until);
        full = look_round(w);
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

void http_watch_add_door(http_watch *w, int port, const atomic_int *connections, int threads) {
    pthread_mutex_lock(&w->lock);
    if (w->n_doors < HTTP_WATCH_DOORS)
        w->doors[w->n_doors++] = (http_watch_door){port, threads, connections};
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
