/* watch.h - cuts connections whose body drips in, or that do not read their answer. CivetWeb's own
 * time-out starts anew with every byte, so that one byte in two seconds would hold a thread for
 * ever. Each thread has a place with a deadline; a watchdog looks at all of them four times a
 * second. SPDX-License-Identifier: MIT */
#ifndef HTTP_WATCH_H
#define HTTP_WATCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "address.h"

enum { HTTP_WATCH_TICK_MS = 250 };

/* Written by its own thread; peer and ports under the watch's lock. */
typedef struct http_watched {
    struct http_watched *next;
    atomic_llong deadline_us; /* vp_clock_us; 0: nothing to watch */
    atomic_bool writing;      /* then both directions are cut; else an answer can still go out */
    int port, peer_port;
    char peer[HTTP_ADDRESS_LEN];
} http_watched;

typedef struct http_watch {
    pthread_t thread;
    bool running, stop;
    pthread_mutex_t lock;
    pthread_cond_t stopping;
    http_watched *first;
} http_watch;

VP_CHECKED vp_err http_watch_start(http_watch *w, vp_fault *why);
void http_watch_stop(http_watch *w); /* also of one that never started */
void http_watch_join(http_watch *w, http_watched *place);
/* The connection that this thread serves now. */
void http_watch_peer(http_watch *w, http_watched *place, int port, const char *peer, int peer_port);

static inline void http_watch_until(http_watched *place, bool writing, int64_t deadline_us) {
    atomic_store_explicit(&place->writing, writing, memory_order_relaxed);
    atomic_store_explicit(&place->deadline_us, deadline_us, memory_order_relaxed);
}

#endif
