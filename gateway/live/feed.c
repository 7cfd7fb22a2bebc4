/* feed.c - see feed.h.
 * ZMQ_FD tells of changes, not of states: it is readable once when something has come, so the
 * socket is read until it is empty after every use, and looked at by the tick as well.
 * SPDX-License-Identifier: MIT */
#include "feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "board.h"
#include "clock.h"
#include "counters.h"
#include "log.h"
#include "mem.h"

enum {
    PUBLISHERS = VP_REGISTRY_INSTANCES,
    PORTION = 256,      /* messages taken before the loop looks round */
    HIGH_WATER = 2048,  /* messages kept of one publisher; more are lost and caught up */
    RECONNECT_MS = 100, /* and up to: */
    RECONNECT_MAX_MS = 2000,
    SUBSCRIPTIONS = BOARD_TOPICS, /* on their way to one publisher; without one, catch-up helps */
    RETRY_MS = 1000, /* one that is not trusted is looked at again: the list of keys may change */
    ALIVE_MS = 2000, /* a silent peer is asked whether it lives, and given up after twice that */
};

typedef struct publisher {
    char endpoint[192], key[VP_CURVE_TEXT + 1];
    bool seen;
} publisher;

struct feed {
    feed_options o;
    void *socket;
    struct event *readable, *again;
    uint64_t generation;
    bool missing; /* some publisher could not be connected */
    int64_t looked_ms;
    int prefixes; /* of services, that are subscribed to */
    int n;
    publisher publisher[PUBLISHERS];
};

/* -- publishers ------------------------------------------------------------------------------- */

/* Several instances that follow one another at one endpoint are one publisher for us, unless the
 * key is another: then the older connection goes first, since a socket has only one to an endpoint.
 * The registry names the one that spoke last first. */
static bool is_known(feed *f, const vp_registry_record *r) {
    for (int i = 0; i < f->n; i++) {
        publisher *p = &f->publisher[i];
        if (strcmp(p->endpoint, r->publish)) continue;
        if (p->seen || !strcmp(p->key, r->curve)) {
            p->seen = true;
            return true;
        }
        zmq_disconnect(f->socket, p->endpoint);
        *p = f->publisher[--f->n];
        return false;
    }
    return false;
}

static void see(void *feed_, const vp_registry_record *r) {
    feed *f = feed_;
    if (is_known(f, r) || f->n == PUBLISHERS) return;
    vp_err rc = vp_curve_connect(f->o.curve, f->socket, r->service, r->publish, r->curve);
    if (rc) {
        if (rc != VP_EDENIED) /* which is told */
            vp_log(VP_LOG_WARN, NULL, "%s publishes at %s: %s", r->service, r->publish,
                   zmq_strerror(errno));
        f->missing = true;
        return;
    }
    publisher *p = &f->publisher[f->n++];
    snprintf(p->endpoint, sizeof p->endpoint, "%s", r->publish);
    snprintf(p->key, sizeof p->key, "%s", r->curve);
    p->seen = true;
    vp_log(VP_LOG_DEBUG, NULL, "listening to %s at %s", r->service, r->publish);
}

static void look_for_publishers(feed *f) {
    uint64_t generation = bus_generation(f->o.bus);
    int64_t now = vp_clock_ms();
    if (generation == f->generation && !(f->missing && now - f->looked_ms >= RETRY_MS)) return;
    f->generation = generation;
    f->looked_ms = now;
    f->missing = false;
    for (int i = 0; i < f->n; i++) f->publisher[i].seen = false;
    bus_publishers(f->o.bus, see, f);
    for (int i = 0; i < f->n; i++) {
        if (f->publisher[i].seen) continue;
        zmq_disconnect(f->socket, f->publisher[i].endpoint);
        f->publisher[i--] = f->publisher[--f->n];
    }
}

/* -- topics ----------------------------------------------------------------------------------- */

static void subscribe(feed *f, vp_str prefix, bool on) {
    if (zmq_setsockopt(f->socket, on ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, prefix.p, prefix.n))
        vp_log(VP_LOG_WARN, NULL, "feed: %s", zmq_strerror(errno));
}

/* With its colon, so that no prefix takes in what belongs to another; and none begins with the sign
 * of sealed topics. */
static void take_prefixes(feed *f) {
    char prefix[VP_TOPIC_NAME_MAX + 2];
    services_tick(f->o.services);
    for (; f->prefixes < f->o.services->n; f->prefixes++) {
        int n = snprintf(prefix, sizeof prefix, "%s:", f->o.services->row[f->prefixes].prefix);
        subscribe(f, vp_str_n(prefix, (size_t)n), true);
    }
}

void feed_take(feed *f, vp_str topic, bool on) {
    static const struct timeval at_once = {0, 0};
    if (!f) return;
    subscribe(f, topic, on);
    event_add(f->again, &at_once); /* that use of the socket may have swallowed the news */
}

/* -- states ----------------------------------------------------------------------------------- */

/* One message; its frames beyond those of a state are dropped. False: there is none. */
static bool receive(feed *f, zmq_msg_t part[VP_TOPIC_FRAMES], int *n) {
    bool more = true;
    *n = 0;
    while (more) {
        zmq_msg_t spare, *m = *n < VP_TOPIC_FRAMES ? &part[*n] : &spare;
        zmq_msg_init(m);
        if (zmq_msg_recv(m, f->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(m);
            return *n > 0; /* frames of a message arrive together: only the first can be missing */
        }
        more = zmq_msg_more(m);
        if (m == &spare)
            zmq_msg_close(m);
        else
            ++*n;
    }
    return true;
}

static bool take(feed *f) {
    zmq_msg_t part[VP_TOPIC_FRAMES];
    vp_str frame[VP_TOPIC_FRAMES];
    vp_topic_state state;
    vp_fault why = {0};
    int n;
    if (!receive(f, part, &n)) return false;
    for (int i = 0; i < n; i++) frame[i] = vp_str_n(zmq_msg_data(&part[i]), zmq_msg_size(&part[i]));
    live_count(LIVE_M_STATES, 1);
    if (vp_topic_decode(frame, (size_t)n, &state, &why))
        live_count(LIVE_M_STATES_BAD, 1);
    else
        f->o.on_state(f->o.user, &state);
    for (int i = 0; i < n; i++) zmq_msg_close(&part[i]);
    return true;
}

static void drain(feed *f) {
    static const struct timeval at_once = {0, 0};
    for (int i = 0; i < PORTION; i++)
        if (!take(f)) return;
    event_add(f->again, &at_once);
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    drain(arg);
}

void feed_tick(feed *f) {
    take_prefixes(f);
    look_for_publishers(f);
    drain(f);
}

/* -- life ------------------------------------------------------------------------------------- */

static const struct {
    int option, value;
} socket_options[] = {
    {ZMQ_LINGER, 0},
    {ZMQ_RCVHWM, HIGH_WATER},
    {ZMQ_SNDHWM, SUBSCRIPTIONS},
    {ZMQ_RECONNECT_IVL, RECONNECT_MS},
    {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS},
    {ZMQ_HEARTBEAT_IVL, ALIVE_MS},
    {ZMQ_HEARTBEAT_TIMEOUT, 2 * ALIVE_MS},
};

static vp_err open_socket(feed *f, vp_fault *why) {
    int64_t most = VP_TOPIC_DATA_MAX + VP_CURVE_EXTRA;
    evutil_socket_t fd;
    size_t n = sizeof fd;
    bool ok = (f->socket = zmq_socket(f->o.zmq, ZMQ_SUB)) != NULL;
    for (size_t i = 0; ok && i < sizeof socket_options / sizeof *socket_options; i++)
        ok = !zmq_setsockopt(f->socket, socket_options[i].option, &socket_options[i].value,
                             sizeof(int));
    ok = ok && !zmq_setsockopt(f->socket, ZMQ_MAXMSGSIZE, &most, sizeof most) &&
         !zmq_getsockopt(f->socket, ZMQ_FD, &fd, &n);
    if (!ok) {
        vp_fault_set(why, "feed: %s", zmq_strerror(errno));
        return VP_ESYSTEM;
    }
    f->readable = event_new(f->o.base, fd, EV_READ | EV_PERSIST, on_readable, f);
    f->again = event_new(f->o.base, -1, 0, on_readable, f);
    if (f->readable && f->again && !event_add(f->readable, NULL)) return VP_OK;
    vp_fault_set(why, "feed: libevent gives no event");
    return VP_ESYSTEM;
}

vp_err feed_new(feed **out, const feed_options *o, vp_fault *why) {
    feed *f = vp_calloc(1, sizeof *f);
    f->o = *o;
    *out = f;
    vp_err rc = open_socket(f, why);
    if (rc)
        feed_destroy(out);
    else
        feed_tick(f);
    return rc;
}

void feed_destroy(feed **self_p) {
    feed *f = *self_p;
    if (!f) return;
    if (f->readable) event_free(f->readable);
    if (f->again) event_free(f->again);
    if (f->socket) zmq_close(f->socket);
    free(f);
    *self_p = NULL;
}
