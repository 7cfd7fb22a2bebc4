/* hub.c - see hub.h.
 * Order of life: bus and ZeroMQ, board, streams, feed, catch-up, listener; in the opposite order at
 * the end, but that the bus goes before the catch-up whose calls it ends.
 * SPDX-License-Identifier: MIT */
#include "hub.h"

#include <errno.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "board.h"
#include "bus.h"
#include "catchup.h"
#include "clock.h"
#include "counters.h"
#include "feed.h"
#include "log.h"
#include "streams.h"

enum {
    TICK_MS = 100,
    BACKLOG = 4096,
    SEND_BUFFER = 64 * 1024, /* of a stream, in the kernel: what a slow reader gets late at most */
    SILENT_MS = 60000        /* a client that acknowledges nothing for so long is gone */
};

typedef struct hub {
    hub_options o;
    struct event_base *base;
    void *zmq;
    bus *bus;
    board *board;
    streams *streams;
    feed *feed;
    catchup *catchup;
    struct evconnlistener *listener;
    struct event *tick, *cool, *term, *interrupt;
    bool deaf; /* out of descriptors: the listener rests until the next tick */
    char address[80];
} hub;

/* -- what happens ----------------------------------------------------------------------------- */

/* Held states go out at their time, not at the tick's. */
static void plan_cooling(hub *h) {
    int64_t due = board_next_ms(h->board), left = due - vp_clock_ms();
    if (due < 0 || event_pending(h->cool, EV_TIMEOUT, NULL)) return;
    if (left < 0) left = 0;
    struct timeval after = {left / 1000, left % 1000 * 1000};
    event_add(h->cool, &after);
}

static void on_cool(evutil_socket_t fd, short what, void *arg) {
    hub *h = arg;
    (void)fd;
    (void)what;
    board_tick(h->board, vp_clock_ms());
    plan_cooling(h);
}

static void on_changed(void *hub_, board_topic *t) {
    hub *h = hub_;
    streams_changed(h->streams, t);
    plan_cooling(h);
}

static void on_wanted(void *hub_) {
    hub *h = hub_;
    catchup_soon(h->catchup);
}

static void on_state(void *hub_, const vp_topic_state *s) {
    hub *h = hub_;
    board_topic *t = board_find(h->board, s->topic);
    if (t) board_offer(h->board, t, s, vp_clock_ms());
}

static void on_tick(evutil_socket_t fd, short what, void *arg) {
    hub *h = arg;
    (void)fd;
    (void)what;
    feed_tick(h->feed);
    catchup_tick(h->catchup);
    board_tick(h->board, vp_clock_ms());
    streams_tick(h->streams, vp_clock_ms());
    plan_cooling(h);
    if (h->deaf && !evconnlistener_enable(h->listener)) h->deaf = false;
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd,
                          struct sockaddr *peer, int n, void *arg) {
    const hub *h = arg;
    (void)listener;
    (void)peer;
    (void)n;
    streams_accept(h->streams, fd);
}

static void on_accept_failed(struct evconnlistener *listener, void *arg) {
    hub *h = arg;
    vp_log(VP_LOG_WARN, NULL, "accept: %s", evutil_socket_error_to_string(errno));
    evconnlistener_disable(listener);
    h->deaf = true;
}

static void on_signal(evutil_socket_t fd, short what, void *arg) {
    hub *h = arg;
    (void)fd;
    (void)what;
    event_base_loopbreak(h->base);
}

/* -- start ------------------------------------------------------------------------------------ */

static void raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        vp_log(VP_LOG_WARN, NULL, "the number of descriptors stays bounded");
}

/* Connections inherit these, so that accepting one takes no further call. */
static const struct {
    int level, name, value;
} socket_options[] = {
    {SOL_SOCKET, SO_SNDBUF, SEND_BUFFER},
    {IPPROTO_TCP, TCP_NODELAY, 1},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, SILENT_MS},
};

/* "ADDRESS:PORT", "[IPv6]:PORT" or "NAME:PORT". */
static struct addrinfo *find_listen(const char *text) {
    char host[100];
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    bool brackets = n > 2 && text[0] == '[' && text[n - 1] == ']';
    if (n == 0 || n >= sizeof host) return NULL;
    snprintf(host, sizeof host, "%.*s", (int)(brackets ? n - 2 : n), text + brackets);
    return getaddrinfo(host, colon + 1, &wanted, &found) ? NULL : found;
}

static vp_err listen_at(hub *h, vp_fault *why) {
    struct addrinfo *at = find_listen(h->o.listen);
    if (!at) {
        vp_fault_set(why, "--listen: must be ADDRESS:PORT");
        return VP_EINVAL;
    }
    h->listener =
        evconnlistener_new_bind(h->base, on_connection, h,
                                LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
                                BACKLOG, at->ai_addr, (int)at->ai_addrlen);
    freeaddrinfo(at);
    if (!h->listener) {
        vp_fault_set(why, "%s: %s", h->o.listen, evutil_socket_error_to_string(errno));
        return VP_ESYSTEM;
    }
    evconnlistener_set_error_cb(h->listener, on_accept_failed);
    for (size_t i = 0; i < sizeof socket_options / sizeof *socket_options; i++)
        if (setsockopt(evconnlistener_get_fd(h->listener), socket_options[i].level,
                       socket_options[i].name, &socket_options[i].value, sizeof(int)))
            vp_log(VP_LOG_WARN, NULL, "a socket option is not known here: %d",
                   socket_options[i].name);
    return VP_OK;
}

/* Where it really listens: the port may have been 0. */
static void find_address(hub *h) {
    struct sockaddr_storage at = {0};
    socklen_t n = sizeof at;
    char host[64], port[8];
    if (getsockname(evconnlistener_get_fd(h->listener), (struct sockaddr *)&at, &n) ||
        getnameinfo((struct sockaddr *)&at, n, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    snprintf(h->address, sizeof h->address, at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
             port);
}

static vp_err open_bus(hub *h, vp_fault *why) {
    if (!(h->zmq = zmq_ctx_new())) {
        vp_fault_set(why, "ZeroMQ does not start");
        return VP_ESYSTEM;
    }
    vp_err rc = bus_new(&h->bus, h->zmq, h->o.redis_url, why);
    return rc ? rc : bus_start(h->bus, why);
}

static vp_err open_events(hub *h, vp_fault *why) {
    static const struct timeval every = {0, TICK_MS * 1000};
    h->tick = event_new(h->base, -1, EV_PERSIST, on_tick, h);
    h->cool = event_new(h->base, -1, 0, on_cool, h);
    h->term = evsignal_new(h->base, SIGTERM, on_signal, h);
    h->interrupt = evsignal_new(h->base, SIGINT, on_signal, h);
    if (h->tick && h->cool && h->term && h->interrupt && !event_add(h->tick, &every) &&
        !event_add(h->term, NULL) && !event_add(h->interrupt, NULL))
        return VP_OK;
    vp_fault_set(why, "libevent gives no event");
    return VP_ESYSTEM;
}

static vp_err open_all(hub *h, vp_fault *why) {
    vp_err rc;
    const board_hooks hooks = {.changed = on_changed, .wanted = on_wanted, .user = h};
    h->board = board_new(&hooks);
    if (!(h->base = event_base_new())) {
        vp_fault_set(why, "libevent does not start");
        return VP_ESYSTEM;
    }
    const streams_options of_streams = {.base = h->base,
                                        .board = h->board,
                                        .watchers_max = (int)h->o.watchers_max,
                                        .per_address = (int)h->o.streams_per_address,
                                        .trusted_proxies = h->o.trusted_proxies};
    if ((rc = open_events(h, why))) return rc;
    if ((rc = streams_new(&h->streams, &of_streams, why))) return rc;
    if ((rc = open_bus(h, why))) return rc;
    const feed_options of_feed = {
        .base = h->base, .zmq = h->zmq, .bus = h->bus, .on_state = on_state, .user = h};
    if ((rc = feed_new(&h->feed, &of_feed, why))) return rc;
    if ((rc = catchup_new(&h->catchup, h->base, h->bus, h->board, why))) return rc;
    return listen_at(h, why);
}

/* -- end -------------------------------------------------------------------------------------- */

static void close_all(hub *h) {
    struct event *const events[] = {h->tick, h->cool, h->term, h->interrupt};
    if (h->listener) evconnlistener_free(h->listener);
    if (h->streams) streams_farewell(h->streams);
    feed_destroy(&h->feed);
    bus_destroy(&h->bus);
    catchup_destroy(&h->catchup);
    streams_destroy(&h->streams);
    board_destroy(&h->board);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i]) event_free(events[i]);
    if (h->base) event_base_free(h->base);
    if (h->zmq) zmq_ctx_term(h->zmq);
}

vp_err hub_run(const hub_options *o, vp_fault *why) {
    hub h = {.o = *o};
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    vp_err rc = open_all(&h, why);
    if (!rc) {
        find_address(&h);
        vp_log(VP_LOG_INFO, NULL, "ready at http://%s/live", h.address);
        event_base_dispatch(h.base);
        vp_log(VP_LOG_INFO, NULL, "stopping, %lld watchers",
               (long long)live_metric[LIVE_M_WATCHERS].value);
    }
    close_all(&h);
    return rc;
}
