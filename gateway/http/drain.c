/* drain.c - the end of a server that is at work. CivetWeb has only mg_stop, which cuts every
 * answer on its way, so it comes last: first the listening socket is replaced by a plug, a local
 * socket that nobody knows, so that new connections are refused; requests in work end; idle
 * connections are woken. SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "sockets.h"

enum { IDLE_MS = 500 }; /* for idle connections to notice that they are woken */

void http_drain_tell(http_server *s) {
    if (!atomic_load(&s->stopping)) return;
    pthread_mutex_lock(&s->lock);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* Until *what is 0, or the moment has come. */
static void wait_zero(http_server *s, atomic_int *what, int64_t until_ms) {
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    pthread_mutex_lock(&s->lock);
    while (atomic_load(what) > 0)
        if (pthread_cond_timedwait(&s->changed, &s->lock, &until) == ETIMEDOUT) break;
    pthread_mutex_unlock(&s->lock);
}

/* A listening local socket with one client waiting, or -1. The master thread sleeps in poll on the
 * old socket; woken by its end it looks at the new one, and the client makes it go round. */
static int make_plug(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t len = sizeof name.sun_family; /* only that: the kernel finds a name */
    int plug = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ready = plug >= 0 && client >= 0 && bind(plug, (struct sockaddr *)&name, len) == 0 &&
                 listen(plug, 1) == 0;
    len = sizeof name;
    ready = ready && getsockname(plug, (struct sockaddr *)&name, &len) == 0 &&
            connect(client, (struct sockaddr *)&name, len) == 0;
    if (client >= 0) close(client);
    if (ready || plug < 0) return plug;
    close(plug);
    return -1;
}

/* The plug takes the descriptor's number; the copy that is left ends the listening at once. */
static void replace_listener(int fd, bool listening, void *arg) {
    const http_door *door = arg;
    int copy = listening ? dup(fd) : -1;
    if (copy < 0) return;
    if (dup2(door->plug, fd) == fd) shutdown(copy, SHUT_RDWR);
    close(copy);
}

static void plug(http_door *door) {
    if (door->plug >= 0) return;
    door->plug = make_plug();
    if (door->plug >= 0) vp_descriptors_each(door->port, replace_listener, door);
}

/* What has already arrived is still read; behind it comes the end. */
static void wake(int fd, bool listening, void *arg) {
    (void)arg;
    if (!listening) shutdown(fd, SHUT_RD);
}

static void stop_door(http_door *door) {
    if (!door->ctx) return;
    plug(door);
    vp_descriptors_each(door->port, wake, NULL);
    wait_zero(door->server, &door->connections, vp_clock_ms() + IDLE_MS);
    /* The end of the plug wakes the master thread, which else sleeps for up to two seconds. */
    if (door->plug >= 0) shutdown(door->plug, SHUT_RDWR);
    mg_stop(door->ctx);
    door->ctx = NULL;
    if (door->plug >= 0) close(door->plug);
    door->plug = -1;
}

static void free_workers(http_door *door) {
    http_worker *next;
    for (http_worker *w = door->workers; w; w = next) {
        next = w->next;
        vp_buf_release(&w->out);
        vp_buf_release(&w->line);
        vp_buf_release(&w->headers);
        vp_buf_release(&w->own);
        vp_buf_release(&w->body);
        free(w);
    }
}

void http_server_stop(http_server **self_p, int drain_ms) {
    http_server *s = *self_p;
    if (!s) return;
    *self_p = NULL;
    atomic_store(&s->stopping, true);
    if (s->doors[0].ctx) {
        plug(&s->doors[0]);
        wait_zero(s, &s->in_flight, vp_clock_ms() + drain_ms);
    }
    stop_door(&s->doors[0]);
    stop_door(&s->doors[1]);
    http_watch_stop(&s->watch);
    free_workers(&s->doors[0]);
    free_workers(&s->doors[1]);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    vp_callers_destroy(&s->callers);
    mg_exit_library();
    free(s);
}
