/* watch.h - cuts connections whose body drips in, or that do not read their answer. CivetWeb's own
 * time-out starts anew with every byte, so that one byte in two seconds would hold a thread for
 * ever. Each thread has a place with a deadline; a watchdog looks at all of them four times a
 * second. While all threads of a door are taken it hurries: whoever has sent no whole head for as
 * long as HTTP_WATCH_SILENT_MS is cut, so that thousands of silent connections are through in a
 * moment, and deadlines come HTTP_WATCH_SOONER_MS sooner. SPDX-License-Identifier: MIT */
#ifndef HTTP_WATCH_H
#define HTTP_WATCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "address.h"

enum {
    HTTP_WATCH_TICK_MS = 250,
    HTTP_WATCH_HURRY_MS = 100, /* the tick of a watchdog in a hurry */
    HTTP_WATCH_SILENT_MS = 250,
    HTTP_WATCH_SOONER_MS = 2750,
    HTTP_WATCH_DOORS = 2
};

/* Written by its own thread; peer and ports under the watch's lock. */
typedef struct http_watched {
    struct http_watched *next;
    atomic_llong deadline_us; /* vp_clock_us; 0: nothing to watch */
    atomic_bool writing;      /* then both directions are cut; else an answer can still go out */
    atomic_bool busy;         /* a head is there, and its answer is not out yet */
    atomic_bool cut;          /* set by the watchdog, for the thread to know why nothing comes */
    int port, peer_port;
    char peer[HTTP_ADDRESS_LEN];
} http_watched;

/* What may be full: connections that threads have, and how many can be had. */
typedef struct http_watch_door {
    int port, threads;
    const atomic_int *connections;
} http_watch_door;

typedef struct http_watch {
    pthread_t thread;
    bool running, stop;
    pthread_mutex_t lock;
    pthread_cond_t stopping;
    http_watched *first;
    http_watch_door doors[HTTP_WATCH_DOORS];
    int n_doors;
} http_watch;

VP_CHECKED vp_err http_watch_start(http_watch *w, vp_fault *why);
void http_watch_stop(http_watch *w); /* also of one that never started */
void http_watch_join(http_watch *w, http_watched *place);
/* connections lives as long as the watch runs. */
void http_watch_add_door(http_watch *w, int port, const atomic_int *connections, int threads);
/* The connection that this thread serves now. */
void http_watch_peer(http_watch *w, http_watched *place, int port, const char *peer, int peer_port);

static inline void http_watch_busy(http_watched *place, bool busy) {
    atomic_store(&place->busy, busy);
}

static inline void http_watch_until(http_watched *place, bool writing, int64_t deadline_us) {
    atomic_store_explicit(&place->writing, writing, memory_order_relaxed);
    atomic_store_explicit(&place->deadline_us, deadline_us, memory_order_relaxed);
}

#endif
