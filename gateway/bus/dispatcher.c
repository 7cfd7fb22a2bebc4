/* dispatcher.c - the one thread that owns every ZeroMQ socket of the bus, and the only one that
 * completes calls.
 * An instance is a DEALER of its own: connected when the registry names it, usable from its first
 * pong, closed on disconnection or silence and never left to reconnect, because a peer that comes
 * back on its old endpoint would be handed stale calls. A call id is table slot and generation, so
 * a late reply finds nobody. Every send is non-blocking.
 * Who gets a call: the one with the fewest outstanding, a newcomer as if it had more for a while.
 * When all that could take it are full, a call waits in its service's lane, for a while.
 * An instance that lets calls run into their deadline one after another is passed over but for a
 * try now and then; when a service has no other, its calls fail at once (the breaker). One that
 * says that it has no store gets none that another one may take, and hands on those that it has.
 * SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bus_private.h"
#include "clock.h"
#include "lane.h"
#include "log.h"
#include "mem.h"

enum {
    SWEEP_MS = 20,
    IDLE_MS = 50,
    RECEIVE_BUDGET = 256,
    INSTANCES = VP_REGISTRY_INSTANCES,
    SLOW_START_MS = 2000, /* a newcomer's share grows for so long */
    BREAKER_CALLS = 8,    /* so many deadlines missed in a row open the breaker */
    BREAKER_MS = 500      /* then one call is tried so often */
};

typedef struct instance {
    bus_instance record; /* who it is; the rest of it is filled in when it is reported */
    void *socket, *monitor;
    int fd, monitor_fd; /* edge-triggered: readable when there is news */
    bool local, ready, draining;
    bool away;    /* has no store, by what it said last */
    bool alarmed; /* the monitor has news */
    bool touched; /* was sent to, or has news: it has to be read until it is dry */
    int outstanding, load;
    int missed; /* deadlines since its last reply */
    int64_t heard_ms, pinged_ms, ready_ms, try_ms;
    uint32_t route[VP_REGISTRY_ROUTES]; /* keys of those that it announces */
    int n_routes;
} instance;

typedef struct call_slot {
    bus_call *call; /* NULL: free */
    uint32_t generation;
    int next_free;
} call_slot;

typedef struct dispatch {
    bus *b;
    instance inst[INSTANCES];
    int n;
    call_slot slot[BUS_CALLS];
    int free_slot, high; /* slots from high on were never used */
    int outstanding;
    bus_lanes lanes;
    uint64_t monitors; /* opened so far */
    int64_t swept_ms, looked_ms;
    struct pollfd fds[1 + 2 * INSTANCES];
} dispatch;

/* -- slots ------------------------------------------------------------------------------------ */

static void slots_init(dispatch *d) {
    for (int i = 0; i < BUS_CALLS; i++) d->slot[i].next_free = i + 1 < BUS_CALLS ? i + 1 : -1;
}

static bool slot_take(dispatch *d, bus_call *call) {
    int i = d->free_slot;
    if (i < 0) return false;
    d->free_slot = d->slot[i].next_free;
    if (i >= d->high) d->high = i + 1;
    d->slot[i].call = call;
    call->slot = (uint32_t)i;
    d->outstanding++;
    return true;
}

static void slot_free(dispatch *d, uint32_t i) {
    d->slot[i].call = NULL;
    d->slot[i].generation++;
    d->slot[i].next_free = d->free_slot;
    d->free_slot = (int)i;
    d->outstanding--;
}

static void breaker_opens(const instance *in) {
    vp_metric_add(&bus_metric[BUS_M_BREAKER], 1);
    vp_log(VP_LOG_WARN, NULL, "%s %s: missed %d deadlines in a row", in->record.service,
           in->record.id, in->missed);
}

static void complete(dispatch *d, bus_call *call, vp_err err) {
    static const struct {
        vp_err err;
        int metric;
    } counted[] = {{VP_ETIMEOUT, BUS_M_TIMEOUT}, {VP_EBUSY, BUS_M_BUSY}, {VP_EAWAY, BUS_M_AWAY}};
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
        if (counted[i].err == err) vp_metric_add(&bus_metric[counted[i].metric], 1);
    if (call->instance >= 0) {
        instance *in = &d->inst[call->instance];
        in->outstanding--;
        if (err == VP_ETIMEOUT && ++in->missed == BREAKER_CALLS) breaker_opens(in);
    }
    if (call->lane) bus_lane_remove(&d->lanes, call);
    slot_free(d, call->slot);
    bus_complete(call, err);
}

/* -- sending ---------------------------------------------------------------------------------- */

/* How busy an instance counts as: calls outstanding, and the more the newer it is. */
static int64_t burden(const instance *in, int64_t now) {
    if (in->away) return INT64_MAX; /* it would answer first, and always with 503 */
    int64_t age = now - in->ready_ms;
    int64_t share = age >= SLOW_START_MS ? SLOW_START_MS : age < SWEEP_MS ? SWEEP_MS : age;
    return (int64_t)(in->outstanding + 1) * SLOW_START_MS / share;
}

/* While a service is updated, some of its instances may not have a route yet, or no longer. */
static bool announces(const instance *in, uint32_t route) {
    for (int i = 0; i < in->n_routes; i++)
        if (in->route[i] == route) return true;
    return false;
}

/* Is this one of those that the call may go to? With *why when it is, but not just now. */
static bool takes(const instance *in, const bus_call *call, int64_t now, vp_err *why) {
    if (!in->ready || strcmp(in->record.service, call->service)) return false;
    if (call->to ? strcmp(in->record.id, call->to) != 0 : in->draining) return false;
    if (call->route && !announces(in, call->route)) return false;
    if (in->missed >= BREAKER_CALLS && now < in->try_ms) return false;
    if (in->outstanding < BUS_INSTANCE_CALLS + (call->to ? BUS_INSTANCE_MORE : 0)) return true;
    *why = VP_EBUSY;
    return false;
}

static int choose(const dispatch *d, const bus_call *call, int64_t now, vp_err *why) {
    int best = -1;
    *why = VP_EAWAY;
    for (int i = 0; i < d->n; i++) {
        const instance *in = &d->inst[i];
        if (!takes(in, call, now, why)) continue;
        if (best < 0 || burden(in, now) < burden(&d->inst[best], now)) best = i;
    }
    /* Rather wait for one that is full than have the word of one without a store. */
    return best >= 0 && d->inst[best].away && *why == VP_EBUSY ? -1 : best;
}

static bool send_frame(instance *in, vp_str frame, bool more) {
    in->touched = true; /* sending may swallow the news */
    return zmq_send(in->socket, frame.n ? frame.p : "", frame.n,
                    ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0;
}

static bool send_call(dispatch *d, instance *in, const bus_call *call, int64_t left) {
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_envelope e = {.kind = VP_KIND_CALL,
                     .call_id = (uint64_t)d->slot[call->slot].generation << 32 | call->slot,
                     .not_after_ms = bus_now(d->b) + left,
                     .left_ms = (uint32_t)left};
    memcpy(e.resend_id, call->resend_id, sizeof e.resend_id);
    vp_envelope_header(&e, header);
    const vp_str frame[] = {vp_str_n(header, sizeof header), call->head, call->context, call->body};
    int last = call->body.n ? 3 : call->context.n ? 2 : 1;
    for (int i = 0; i <= last; i++)
        if (!send_frame(in, frame[i], i < last)) return false;
    return true;
}

/* Gives a call to an instance, if one has room. A refused send, far below the high-water mark,
 * means that the peer is just going: the next one is asked, and that one is used again only if it
 * answers another ping. */
static vp_err try_send(dispatch *d, bus_call *call, int64_t now) {
    int64_t left = call->deadline_ms - now;
    vp_err why = VP_EAWAY;
    if (left <= 0) return VP_ETIMEOUT;
    for (int i; (i = choose(d, call, now, &why)) >= 0;) {
        if (send_call(d, &d->inst[i], call, left)) {
            call->instance = i;
            d->inst[i].outstanding++;
            d->inst[i].try_ms = now + BREAKER_MS;
            return VP_OK;
        }
        d->inst[i].ready = false;
    }
    return why;
}

/* A call that has a slot is sent, waits in line, or is completed. */
static void dispatch_call(dispatch *d, bus_call *call) {
    int64_t now = vp_clock_ms();
    bool line = !call->to && bus_lane_find(&d->lanes, call->service);
    call->instance = -1;
    vp_err why = line ? VP_EBUSY : try_send(d, call, now);
    if (why == VP_EBUSY && !call->to && bus_lane_add(&d->lanes, call, now)) return;
    if (why) complete(d, call, why);
}

/* Replies have made room. True: something was sent. */
static bool serve_lanes(dispatch *d) {
    int64_t now = d->lanes.n ? vp_clock_ms() : 0;
    bool sent = false;
    for (int i = 0; d->lanes.n && i < BUS_LANES; i++) {
        bus_lane *lane = &d->lanes.lane[i];
        while (lane->n) {
            bus_call *call = lane->first;
            vp_err why = try_send(d, call, now);
            if (why == VP_EBUSY) break;
            if (why) {
                complete(d, call, why);
                continue;
            }
            vp_metric_observe_us(&bus_metric[BUS_M_WAIT], (now - call->waits_ms) * 1000);
            bus_lane_remove(&d->lanes, call);
            sent = true;
        }
    }
    return sent;
}

/* An instance without a store has answered that it cannot: another one takes the call, under the
 * same resend id, if there is one. */
static bool hand_on(dispatch *d, bus_call *call) {
    vp_err why;
    int64_t now = vp_clock_ms();
    int other = call->resends < BUS_RESENDS && !call->to ? choose(d, call, now, &why) : -1;
    if (other < 0 || d->inst[other].away || call->deadline_ms <= now) return false;
    call->resends++;
    d->inst[call->instance].outstanding--;
    d->slot[call->slot].generation++;
    vp_metric_add(&bus_metric[BUS_M_RESENT], 1);
    dispatch_call(d, call);
    return true;
}

static void take_submitted(dispatch *d) {
    bus_call *last = atomic_exchange(&d->b->submitted, NULL), *first = NULL;
    while (last) { /* turned round: first come, first served */
        bus_call *next = last->next;
        last->next = first;
        first = last;
        last = next;
    }
    while (first) {
        bus_call *call = first;
        first = call->next;
        vp_metric_add(&bus_metric[BUS_M_CALLS], 1);
        if (slot_take(d, call)) {
            dispatch_call(d, call);
        } else {
            vp_metric_add(&bus_metric[BUS_M_BUSY], 1);
            bus_complete(call, VP_EBUSY);
        }
    }
}

static void ping(dispatch *d, instance *in, int64_t now) {
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_envelope e = {.kind = VP_KIND_PING};
    (void)d;
    in->pinged_ms = now;
    vp_envelope_header(&e, header);
    /* Refused while it is not connected: again soon. */
    send_frame(in, vp_str_n(header, sizeof header), false);
}

/* -- instances -------------------------------------------------------------------------------- */

static bool open_monitor(dispatch *d, instance *in) {
    char where[64];
    /* A number of its own: the name of a closed one is given back only some time later. */
    snprintf(where, sizeof where, "inproc://monitor-%llu", (unsigned long long)d->monitors++);
    if (zmq_socket_monitor(in->socket, where, ZMQ_EVENT_DISCONNECTED)) return false;
    in->monitor = zmq_socket(d->b->zmq, ZMQ_PAIR);
    return in->monitor && !zmq_connect(in->monitor, where);
}

static void instance_add(dispatch *d, const vp_registry_record *r, bool local) {
    int zero = 0, one = 1, never = -1;
    int64_t max = VP_ENVELOPE_BODY_MAX + VP_CURVE_EXTRA;
    if (d->n == INSTANCES) return;
    if (!vp_curve_trusts(d->b->curve, r->service, r->endpoint, r->curve)) return;
    instance *in = &d->inst[d->n];
    *in = (instance){.record = bus_instance_of(r), .local = local, .heard_ms = vp_clock_ms()};
    in->record.local = local;
    for (int i = 0; i < r->n_routes && i < VP_REGISTRY_ROUTES; i++)
        in->route[in->n_routes++] = bus_route_key(&r->routes[i]);
    in->socket = zmq_socket(d->b->zmq, ZMQ_DEALER);
    if (!in->socket) return;
    zmq_setsockopt(in->socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(in->socket, ZMQ_IMMEDIATE, &one, sizeof one);
    if (!local) zmq_setsockopt(in->socket, ZMQ_RECONNECT_IVL, &never, sizeof never);
    zmq_setsockopt(in->socket, ZMQ_MAXMSGSIZE, &max, sizeof max);
    size_t n = sizeof in->fd;
    in->monitor_fd = -1;
    bool ok = (local || open_monitor(d, in)) &&
              !vp_curve_connect(d->b->curve, in->socket, r->service, r->endpoint, r->curve) &&
              !zmq_getsockopt(in->socket, ZMQ_FD, &in->fd, &n);
    if (ok && in->monitor) ok = !zmq_getsockopt(in->monitor, ZMQ_FD, &in->monitor_fd, &n);
    if (ok) {
        /* Both are read once: what comes to a socket that was never read from is no news to its
         * descriptor. */
        in->touched = in->alarmed = true;
        d->n++;
        return;
    }
    vp_log(VP_LOG_WARN, NULL, "%s at %s: %s", in->record.service, in->record.endpoint,
           zmq_strerror(errno));
    if (in->monitor) zmq_close(in->monitor);
    zmq_close(in->socket);
}

/* Its calls go to another instance under the same resend id; the last instance takes its place in
 * the table. */
static void instance_remove(dispatch *d, int gone, const char *why) {
    instance *in = &d->inst[gone];
    if (in->ready) {
        vp_metric_add(&bus_metric[BUS_M_DEATHS], !in->draining);
        vp_log(VP_LOG_INFO, NULL, "%s %s: %s, %d calls in work", in->record.service, in->record.id,
               why, in->outstanding);
    }
    if (in->monitor) {
        zmq_socket_monitor(in->socket, NULL, 0);
        zmq_close(in->monitor);
    }
    zmq_close(in->socket);
    int last = --d->n;
    if (gone != last) *in = d->inst[last];
    for (int i = 0; i < d->high; i++) {
        bus_call *call = d->slot[i].call;
        if (!call) continue;
        if (call->instance == gone)
            call->instance = -2; /* of the dead one: below */
        else if (call->instance == last)
            call->instance = gone;
    }
    for (int i = 0; i < d->high; i++) {
        bus_call *call = d->slot[i].call;
        if (!call || call->instance != -2) continue;
        call->instance = -1;
        if (++call->resends > BUS_RESENDS) {
            complete(d, call, VP_EAWAY);
            continue;
        }
        vp_metric_add(&bus_metric[BUS_M_RESENT], 1);
        d->slot[i].generation++; /* a reply to the first sending is late from now on */
        dispatch_call(d, call);
    }
}

static int instance_find(const dispatch *d, const char *id) {
    for (int i = 0; i < d->n; i++)
        if (!strcmp(d->inst[i].record.id, id)) return i;
    return -1;
}

/* The registry introduces. One that was given up as silent is tried again as long as it is named
 * there, but it is used only when it has answered a ping. */
static void look_for_instances(dispatch *d, int64_t now) {
    const bus_view *v = atomic_load(&d->b->view);
    if (!v || now - d->looked_ms < BUS_DIRECTORY_MS / 2) return;
    d->looked_ms = now;
    for (int i = 0; i < v->n_records; i++)
        if (v->record[i].n_routes && !v->record[i].draining &&
            instance_find(d, v->record[i].id) < 0)
            instance_add(d, &v->record[i], false);
}

static void report_status(dispatch *d) {
    bus *b = d->b;
    int ready = 0;
    pthread_mutex_lock(&b->status_lock);
    b->n_status = d->n;
    for (int i = 0; i < d->n; i++) {
        const instance *in = &d->inst[i];
        b->status[i] = in->record;
        b->status[i].ready = in->ready && !in->away;
        b->status[i].draining = in->draining;
        b->status[i].outstanding = in->outstanding;
        b->status[i].load = in->load;
        ready += in->ready;
    }
    pthread_mutex_unlock(&b->status_lock);
    atomic_store(&b->outstanding, d->outstanding);
    vp_metric_set(&bus_metric[BUS_M_INSTANCES], ready);
    vp_metric_set(&bus_metric[BUS_M_OUTSTANDING], d->outstanding);
    vp_metric_set(&bus_metric[BUS_M_WAITING], d->lanes.n);
}

static void sweep(dispatch *d, int64_t now) {
    d->swept_ms = now;
    for (int i = 0; i < d->high; i++) {
        bus_call *call = d->slot[i].call;
        if (call && call->deadline_ms <= now)
            complete(d, call, VP_ETIMEOUT);
        else if (call && call->lane && bus_lane_over(call, now))
            complete(d, call, VP_EBUSY);
    }
    for (int i = 0; i < d->n; i++) {
        instance *in = &d->inst[i];
        int64_t every = in->ready ? BUS_PING_MS : SWEEP_MS;
        if (now - in->pinged_ms >= every) ping(d, in, now);
        if (now - in->heard_ms > BUS_SILENCE_MS && !in->local) instance_remove(d, i--, "silent");
    }
    look_for_instances(d, now);
    report_status(d);
}

/* -- receiving -------------------------------------------------------------------------------- */

static void drop_rest(void *socket) {
    int more = 1;
    size_t n = sizeof more;
    zmq_msg_t m;
    while (!zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &n) && more) {
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, socket, ZMQ_DONTWAIT) < 0) more = 0;
        zmq_msg_close(&m);
    }
}

static void heard(instance *in, const vp_envelope *e) {
    in->heard_ms = vp_clock_ms();
    if (e->flags & VP_FLAG_DRAINING) in->draining = true;
    in->away = e->flags & VP_FLAG_AWAY;
    if (e->kind != VP_KIND_PONG) return;
    in->load = (int)e->left_ms;
    if (in->ready) return;
    in->ready = true;
    in->ready_ms = in->heard_ms;
    vp_log(VP_LOG_INFO, NULL, "%s %s answers", in->record.service, in->record.id);
}

/* The call that a reply belongs to, if anybody still waits for it. */
static bus_call *find_call(dispatch *d, int i, uint64_t id) {
    uint32_t at = (uint32_t)id, generation = (uint32_t)(id >> 32);
    if (at >= BUS_CALLS || d->slot[at].generation != generation) return NULL;
    bus_call *call = d->slot[at].call;
    return call && call->instance == i ? call : NULL;
}

/* Frames go straight into the call, since small ones hold their bytes inside. */
static void receive_reply(dispatch *d, instance *in, bus_call *call, zmq_msg_t *first) {
    vp_str frame[VP_ENVELOPE_FRAMES];
    vp_fault why = {0};
    zmq_msg_init(&call->frame[0]);
    zmq_msg_move(&call->frame[0], first);
    call->n_frames = 1;
    while (zmq_msg_more(&call->frame[call->n_frames - 1]) && call->n_frames < VP_ENVELOPE_FRAMES) {
        zmq_msg_t *m = &call->frame[call->n_frames];
        zmq_msg_init(m);
        if (zmq_msg_recv(m, in->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(m);
            break;
        }
        call->n_frames++;
    }
    for (int i = 0; i < call->n_frames; i++)
        frame[i] = vp_str_n(zmq_msg_data(&call->frame[i]), zmq_msg_size(&call->frame[i]));
    vp_err rc = vp_envelope_decode(frame, (size_t)call->n_frames, &call->reply, &why);
    if (!rc && (call->reply.status < 200 || call->reply.status > 599)) rc = VP_EPROTO;
    if (rc)
        vp_metric_add(&bus_metric[BUS_M_BAD], 1);
    else
        vp_metric_observe_us(&bus_metric[BUS_M_LATENCY], vp_clock_us() - call->sent_us);
    complete(d, call, rc ? VP_EPROTO : VP_OK);
}

/* One message; false when there is none. */
static bool receive(dispatch *d, int i) {
    instance *in = &d->inst[i];
    zmq_msg_t first;
    vp_envelope e;
    vp_fault why = {0};
    zmq_msg_init(&first);
    if (zmq_msg_recv(&first, in->socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&first);
        return false;
    }
    vp_str header = vp_str_n(zmq_msg_data(&first), zmq_msg_size(&first));
    bus_call *call = NULL;
    if (vp_envelope_decode(&header, 1, &e, &why)) {
        vp_metric_add(&bus_metric[BUS_M_BAD], 1);
    } else {
        heard(in, &e);
        if (e.kind == VP_KIND_REPLY) {
            in->missed = 0;
            call = find_call(d, i, e.call_id);
            if (!call) vp_metric_add(&bus_metric[BUS_M_LATE], 1);
            if (call && in->away && e.status == 503 && hand_on(d, call)) call = NULL;
        }
    }
    if (call) receive_reply(d, in, call, &first);
    zmq_msg_close(&first);
    drop_rest(in->socket);
    return true;
}

static bool disconnected(instance *in) {
    bool gone = false;
    zmq_msg_t m;
    if (!in->monitor) return false;
    zmq_msg_init(&m);
    while (zmq_msg_recv(&m, in->monitor, ZMQ_DONTWAIT) >= 0)
        gone = true; /* the only event asked for */
    zmq_msg_close(&m);
    return gone;
}

/* -- the loop --------------------------------------------------------------------------------- */

/* The descriptors instead of the sockets: zmq_poll would make a system call or two for each socket,
 * every time. */
static void wait_for_work(dispatch *d) {
    d->fds[0] = (struct pollfd){.fd = d->b->wake, .events = POLLIN};
    for (int i = 0; i < d->n; i++) {
        d->fds[1 + 2 * i] = (struct pollfd){.fd = d->inst[i].fd, .events = POLLIN};
        d->fds[2 + 2 * i] = (struct pollfd){.fd = d->inst[i].monitor_fd, .events = POLLIN};
    }
    atomic_store(&d->b->asleep, true);
    int wait = atomic_load(&d->b->submitted) ? 0 : d->outstanding ? SWEEP_MS : IDLE_MS;
    poll(d->fds, (nfds_t)(1 + 2 * d->n), wait);
    atomic_store(&d->b->asleep, false);
    if (d->fds[0].revents) {
        uint64_t count;
        ssize_t got = read(d->b->wake, &count, sizeof count);
        (void)got;
    }
    for (int i = 0; i < d->n; i++) {
        if (d->fds[1 + 2 * i].revents) d->inst[i].touched = true;
        if (d->fds[2 + 2 * i].revents) d->inst[i].alarmed = d->inst[i].touched = true;
    }
}

/* Reads every touched instance until it is dry, then buries those that have gone: their last
 * replies count. False: there is more to read. */
static bool serve_instances(dispatch *d) {
    for (int i = d->n - 1; i >= 0; i--) { /* backwards: a removal puts the last one in the gap */
        instance *in = &d->inst[i];
        if (!in->touched) continue;
        int budget = RECEIVE_BUDGET;
        while (budget > 0 && receive(d, i)) budget--;
        in->touched = budget == 0;
        if (!in->alarmed) continue;
        in->alarmed = false;
        if (disconnected(in)) instance_remove(d, i, "gone");
    }
    for (int i = 0; i < d->n; i++)
        if (d->inst[i].touched) return false;
    return true;
}

static void end(dispatch *d) {
    while (d->n) {
        instance *in = &d->inst[--d->n];
        if (in->monitor) {
            zmq_socket_monitor(in->socket, NULL, 0);
            zmq_close(in->monitor);
        }
        zmq_close(in->socket);
    }
    take_submitted(d);
    for (int i = 0; i < d->high; i++)
        if (d->slot[i].call) {
            d->slot[i].call->instance = -1;
            complete(d, d->slot[i].call, VP_EAWAY);
        }
}

void *bus_dispatcher_run(void *bus_) {
    dispatch *d = vp_calloc(1, sizeof *d);
    d->b = bus_;
    slots_init(d);
    for (int i = 0; i < d->b->n_locals; i++) instance_add(d, &d->b->local[i], true);
    while (!d->b->stop) {
        int64_t now = vp_clock_ms();
        if (now - d->swept_ms >= SWEEP_MS) sweep(d, now);
        take_submitted(d);
        bool dry = serve_instances(d);
        if (serve_lanes(d)) dry = false; /* sending may have swallowed news */
        if (dry) wait_for_work(d);
    }
    end(d);
    free(d);
    return NULL;
}
