/* hub.c - see hub.h.
 * Order of life: board, bus and ZeroMQ, asker, streams, feed, catch-up, census, listeners; in the
 * opposite order at the end, but that the bus goes first of those whose calls it ends, and then the
 * asker, which hands back to each what has ended.
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
#include "census.h"
#include "clock.h"
#include "counters.h"
#include "feed.h"
#include "keyring.h"
#include "log.h"
#include "services.h"
#include "streams.h"

enum {
    TICK_MS = 100,
    BACKLOG = 4096,
    SEND_BUFFER = 64 * 1024, /* of a stream, in the kernel: what a slow reader gets late at most */
    SILENT_MS = 60000,       /* a client that acknowledges nothing for so long is gone */
    ADDRESS_MAX = 80
};

typedef struct hub {
    hub_options o;
    struct event_base *base;
    void *zmq;
    vp_curve *curve;
    bus *bus;
    board *board;
    streams *streams;
    feed *feed;
    catchup *catchup;
    census *census;
    asker *asker;
    services services;
    keyring keyring;
    struct evconnlistener *listener, *admin;
    struct event *tick, *cool, *term, *interrupt;
    bool deaf; /* out of descriptors: the listeners rest until the next tick */
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

static void on_watched(void *hub_, const board_topic *t, bool on) {
    hub *h = hub_;
    if (t->sealed) feed_take(h->feed, board_name(t), on);
}

static void on_counted(void *hub_, board_topic *t) {
    hub *h = hub_;
    streams_counted(h->streams, t);
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
    keyring_tick(&h->keyring);
    board_tick(h->board, vp_clock_ms());
    streams_tick(h->streams, vp_clock_ms());
    bus_set_load(h->bus, (int)atomic_load(&live_metric[LIVE_M_WATCHERS].value));
    plan_cooling(h);
    if (!h->deaf || evconnlistener_enable(h->listener)) return;
    h->deaf = h->admin && evconnlistener_enable(h->admin);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd,
                          struct sockaddr *peer, int n, void *arg) {
    const hub *h = arg;
    (void)peer;
    (void)n;
    streams_accept(h->streams, fd, listener == h->admin ? STREAMS_ADMIN : STREAMS_PUBLIC);
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

/* flag: whose text it is. *out is NULL for an empty text. */
static vp_err listen_at(hub *h, const char *flag, const char *text, struct evconnlistener **out,
                        vp_fault *why) {
    if (!*text) return VP_OK;
    struct addrinfo *at = find_listen(text);
    if (!at) {
        vp_fault_set(why, "--%s: must be ADDRESS:PORT", flag);
        return VP_EINVAL;
    }
    *out =
        evconnlistener_new_bind(h->base, on_connection, h,
                                LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
                                BACKLOG, at->ai_addr, (int)at->ai_addrlen);
    freeaddrinfo(at);
    if (!*out) {
        vp_fault_set(why, "%s: %s", text, evutil_socket_error_to_string(errno));
        return VP_ESYSTEM;
    }
    evconnlistener_set_error_cb(*out, on_accept_failed);
    for (size_t i = 0; i < sizeof socket_options / sizeof *socket_options; i++)
        if (setsockopt(evconnlistener_get_fd(*out), socket_options[i].level, socket_options[i].name,
                       &socket_options[i].value, sizeof(int)))
            vp_log(VP_LOG_WARN, NULL, "a socket option is not known here: %d",
                   socket_options[i].name);
    return VP_OK;
}

/* Where it really listens: the port may have been 0. */
static void find_address(struct evconnlistener *listener, char out[ADDRESS_MAX]) {
    struct sockaddr_storage at = {0};
    socklen_t n = sizeof at;
    char host[64], port[8];
    out[0] = '\0';
    if (getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&at, &n) ||
        getnameinfo((struct sockaddr *)&at, n, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    snprintf(out, ADDRESS_MAX, at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static void say_ready(const hub *h) {
    char address[ADDRESS_MAX], url[ADDRESS_MAX + 8];
    if (h->admin) {
        find_address(h->admin, address);
        vp_log(VP_LOG_INFO, NULL, "admin at http://%s", address);
    }
    find_address(h->listener, address);
    snprintf(url, sizeof url, "http://%s", address);
    bus_announce(h->bus, "live", url);
    vp_log(VP_LOG_INFO, NULL, "ready at %s/live", url);
}

static vp_err open_bus(hub *h, vp_fault *why) {
    if (!(h->zmq = zmq_ctx_new())) {
        vp_fault_set(why, "ZeroMQ does not start");
        return VP_ESYSTEM;
    }
    vp_err rc = vp_curve_new(&h->curve, &h->o.keys, why);
    const char *registry = h->o.registry_url[0] ? h->o.registry_url : h->o.redis_url;
    if (!rc) rc = bus_new(&h->bus, h->zmq, h->curve, registry, why);
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

static vp_err open_streams(hub *h, vp_fault *why) {
    const streams_options o = {.base = h->base,
                               .bus = h->bus,
                               .keyring = &h->keyring,
                               .board = h->board,
                               .watchers_max = (int)h->o.watchers_max,
                               .per_address = (int)h->o.streams_per_address,
                               .trusted_proxies = h->o.trusted_proxies};
    return streams_new(&h->streams, &o, why);
}

/* What talks to the services. */
static vp_err open_talks(hub *h, vp_fault *why) {
    const feed_options of_feed = {.base = h->base,
                                  .zmq = h->zmq,
                                  .curve = h->curve,
                                  .bus = h->bus,
                                  .services = &h->services,
                                  .on_state = on_state,
                                  .user = h};
    const catchup_options of_catchup = {.base = h->base,
                                        .bus = h->bus,
                                        .asker = h->asker,
                                        .services = &h->services,
                                        .board = h->board};
    const census_options of_census = {
        .base = h->base, .asker = h->asker, .services = &h->services, .board = h->board};
    vp_err rc = feed_new(&h->feed, &of_feed, why);
    if (!rc) rc = catchup_new(&h->catchup, &of_catchup, why);
    if (!rc) rc = census_new(&h->census, &of_census, why);
    return rc;
}

static vp_err open_all(hub *h, vp_fault *why) {
    vp_err rc;
    const board_hooks hooks = {.changed = on_changed,
                               .wanted = on_wanted,
                               .watched = on_watched,
                               .counted = on_counted,
                               .user = h};
    h->board = board_new(&hooks);
    if (!(h->base = event_base_new())) {
        vp_fault_set(why, "libevent does not start");
        return VP_ESYSTEM;
    }
    if ((rc = open_events(h, why))) return rc;
    if ((rc = open_bus(h, why))) return rc;
    if ((rc = asker_new(&h->asker, h->base, h->bus, why))) return rc;
    services_init(&h->services, h->bus);
    keyring_init(&h->keyring, h->asker, &h->services);
    if ((rc = open_streams(h, why))) return rc;
    if ((rc = open_talks(h, why))) return rc;
    if ((rc = listen_at(h, "admin-listen", h->o.admin_listen, &h->admin, why))) return rc;
    return listen_at(h, "listen", h->o.listen, &h->listener, why);
}

/* -- end -------------------------------------------------------------------------------------- */

static void close_all(hub *h) {
    struct event *const events[] = {h->tick, h->cool, h->term, h->interrupt};
    if (h->listener) evconnlistener_free(h->listener);
    if (h->admin) evconnlistener_free(h->admin);
    if (h->streams) streams_farewell(h->streams);
    feed_destroy(&h->feed);
    bus_destroy(&h->bus);
    asker_destroy(&h->asker);
    catchup_destroy(&h->catchup);
    census_destroy(&h->census);
    keyring_wipe(&h->keyring);
    streams_destroy(&h->streams);
    board_destroy(&h->board);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i]) event_free(events[i]);
    if (h->base) event_base_free(h->base);
    if (h->zmq) zmq_ctx_term(h->zmq);
    vp_curve_destroy(&h->curve);
}

vp_err hub_run(const hub_options *o, vp_fault *why) {
    hub h = {.o = *o};
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    vp_err rc = open_all(&h, why);
    if (!rc) {
        say_ready(&h);
        event_base_dispatch(h.base);
        vp_log(VP_LOG_INFO, NULL, "stopping, %lld watchers",
               (long long)live_metric[LIVE_M_WATCHERS].value);
    }
    close_all(&h);
    return rc;
}
