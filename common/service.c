/* service.c - a service's life, its loop and one turn of it; see service.h. The other parts of the
 * inside are listed in service_loop.h. SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "service_loop.h"

enum {
    LOOP_WAIT_MS = 50,
    MESSAGE_MAX = VP_ENVELOPE_BODY_MAX + VP_CURVE_EXTRA,
    /* A peer whose machine is gone cannot hang up: it is asked, and cut when it does not answer. */
    ALIVE_MS = 3000,
    LINGER_MS = 300
};

static int wait_ms(const vp_service *s, int64_t now) {
    int64_t wait = LOOP_WAIT_MS;
    if (!service_serving(s)) return LOOP_WAIT_MS; /* no timer runs */
    for (int i = 0; i < s->n_ops; i++)
        if (!s->ops[i].method && !s->timer_busy[i] && s->timer_at[i] - now < wait)
            wait = s->timer_at[i] - now;
    int64_t next = service_events_next(s);
    if (next - now < wait) wait = next - now;
    return wait < 1 ? 1 : (int)wait;
}

static void wait(vp_service *s) {
    enum { ROUTER, STORE, LINKS, FDS = LINKS + VP_SERVICE_SOURCES + 1 };
    struct pollfd fds[FDS] = {{.fd = s->router_fd, .events = POLLIN},
                              {.fd = vp_store_fd(s->store), .events = POLLIN}};
    vp_link *link[FDS] = {NULL};
    int n = LINKS;
    if (vp_store_wants_write(s->store)) fds[STORE].events |= POLLOUT;
    if (s->registry) link[n++] = s->registry;
    for (int i = 0; i < VP_SERVICE_SOURCES; i++)
        if ((link[n] = service_events_link(s, i))) n++;
    for (int i = LINKS; i < n; i++) {
        bool out = vp_link_wants_write(link[i]);
        fds[i] =
            (struct pollfd){.fd = vp_link_fd(link[i]), .events = out ? POLLIN | POLLOUT : POLLIN};
    }
    /* A descriptor of -1 is passed over. */
    if (!poll(fds, (nfds_t)n, wait_ms(s, vp_clock_ms())) && s->log_access) vp_log_flush();
    s->redis_news = fds[STORE].revents != 0;
    for (int i = LINKS; i < n; i++)
        if (fds[i].revents) vp_link_news(link[i]);
}

/* One turn. Answers go out before the router is read, so that what they set free is in the next
 * batch. True: nothing is left to do without news. */
static bool turn(vp_service *s) {
    service_look_for_master(s);
    if (s->redis_news || !service_serving(s) || service_overdue(s) || s->demoted) service_pump(s);
    if (s->registry) vp_link_turn(s->registry);
    service_events_turn(s);
    bool idle = s->batch_owed == 0;
    if (idle) service_finish_batch(s);
    bool dry = service_receive(s);
    if (dry) service_count(s, SERVICE_M_REFUSED, vp_flood_look(s->flood, vp_clock_ms()));
    service_run_timers(s, vp_clock_ms());
    if (!idle) return dry && !s->touched;
    service_start_batch(s);
    vp_store_flush(s->store);
    return dry && !s->touched && (s->batch_owed > 0 || !s->batch.first);
}

void vp_service_run(vp_service *s, const atomic_bool *stop) {
    int64_t drain_by = 0;
    for (;;) {
        int64_t now = vp_clock_ms();
        if ((*stop || s->drain_asked) && !s->draining) {
            service_drain(s);
            drain_by = now + VP_DRAIN_MS;
        }
        if (s->draining && (service_drained(s, now) || now > drain_by)) return;
        service_beat(s, now);
        if (turn(s)) wait(s);
    }
}

static vp_err bind_socket(vp_service *s, int type, const char *where, const vp_service_options *o,
                          void **out, char *endpoint, size_t size, vp_fault *why) {
    static const struct {
        int option, value;
    } options[] = {{ZMQ_LINGER, LINGER_MS},
                   {ZMQ_HEARTBEAT_IVL, ALIVE_MS},
                   {ZMQ_HEARTBEAT_TIMEOUT, 2 * ALIVE_MS}};
    int mandatory = 1;
    int64_t max = MESSAGE_MAX;
    size_t n = size;
    char real[192];
    *out = zmq_socket(s->zmq, type);
    if (!*out) goto failed;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        zmq_setsockopt(*out, options[i].option, &options[i].value, sizeof options[i].value);
    zmq_setsockopt(*out, ZMQ_MAXMSGSIZE, &max, sizeof max);
    if (type == ZMQ_ROUTER)
        zmq_setsockopt(*out, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    vp_err rc = vp_curve_bind(o->curve, *out, where, why);
    if (rc) return rc;
    n = sizeof real;
    if (zmq_getsockopt(*out, ZMQ_LAST_ENDPOINT, real, &n)) goto failed;
    const char *port = strrchr(real, ':');
    if (o->advertise && o->advertise[0] && !strncmp(real, "tcp://", 6) && port)
        snprintf(endpoint, size, "tcp://%.120s%s", o->advertise, port);
    else
        snprintf(endpoint, size, "%s", real);
    return VP_OK;
failed:
    vp_fault_set(why, "%s: %s", where, zmq_strerror(errno));
    return VP_ESYSTEM;
}

static vp_err compile_ops(vp_service *s, vp_fault *why) {
    int timers = 0, n = 0;
    while (s->def->ops[n].name) n++;
    s->n_ops = n + SERVICE_OWN_OPS;
    assert(n <= VP_SERVICE_OPS && s->n_ops <= VP_REGISTRY_ROUTES);
    s->ops = vp_calloc((size_t)s->n_ops, sizeof *s->ops);
    memcpy(s->ops, s->def->ops, (size_t)n * sizeof *s->ops);
    memcpy(s->ops + n, service_own_ops, sizeof service_own_ops);
    snprintf(s->migrate_pattern, sizeof s->migrate_pattern, SERVICE_MIGRATE_PATTERN, s->def->name);
    s->route = vp_calloc((size_t)s->n_ops, sizeof *s->route);
    s->record.routes = vp_calloc((size_t)s->n_ops, sizeof *s->record.routes);
    for (int i = 0; i < s->n_ops; i++) {
        vp_op *op = &s->ops[i];
        if (op->method && !op->pattern) op->pattern = s->migrate_pattern;
        assert(op->prepare && (op->may || !op->method));
        if (!op->method) {
            timers++;
            continue;
        }
        vp_err rc = vp_route_compile(vp_str_of(op->pattern), &s->route[i], why);
        if (rc) return rc;
        vp_registry_route *r = &s->record.routes[s->record.n_routes++];
        snprintf(r->method, sizeof r->method, "%s", op->method);
        snprintf(r->pattern, sizeof r->pattern, "%s", op->pattern);
        r->body_max = op->size;
    }
    assert(timers <= VP_SERVICE_TIMERS);
    return VP_OK;
}

vp_err vp_service_durability(const char *text, bool *replica, vp_fault *why) {
    *replica = !strcmp(text, "replica");
    if (*replica || !strcmp(text, "local")) return VP_OK;
    vp_fault_set(why, "durability: local or replica");
    return VP_EINVAL;
}

vp_err vp_service_new(vp_service **out, const vp_service_def *def, const vp_service_options *o,
                      vp_fault *why) {
    vp_service *s = vp_calloc(1, sizeof *s);
    vp_err rc;
    s->def = def;
    s->announce = o->announce;
    s->replica = o->replica;
    s->log_access = o->log_access;
    s->owed = vp_calloc(OWED_MAX, sizeof *s->owed);
    s->flood = vp_flood_new();
    s->own_zmq = !o->zmq;
    s->zmq = o->zmq ? o->zmq : zmq_ctx_new();
    snprintf(s->record.service, sizeof s->record.service, "%s", def->name);
    snprintf(s->record.version, sizeof s->record.version, "%s", VP_VERSION);
    snprintf(s->record.topics, sizeof s->record.topics, "%s", def->topics ? def->topics : "");
    vp_ulid_make(vp_clock_wall(), s->record.id);
    s->record.started_ms = vp_clock_wall();
    s->record.protocol = VP_PROTOCOL;
    if (def->lua) vp_functions_init(&s->functions, def->name, def->lua);
    if ((rc = compile_ops(s, why))) goto done;
    service_metrics_init(s);
    if ((rc = vp_store_new(&s->store, o->redis_url, why))) goto done;
    if (o->registry_url && o->registry_url[0] && strcmp(o->registry_url, o->redis_url) &&
        (rc = service_registry_new(s, o->registry_url, why)))
        goto done;
    if ((rc = service_events_new(s, o, why))) goto done;
    snprintf(s->record.curve, sizeof s->record.curve, "%s", vp_curve_public(o->curve));
    /* Before any socket, else keys that come early are not asked for. */
    if (s->record.curve[0] && (rc = vp_zap_start(&s->zap, s->zmq, o->curve, why))) goto done;
    rc = bind_socket(s, ZMQ_ROUTER, o->bind, o, &s->router, s->record.endpoint,
                     sizeof s->record.endpoint, why);
    size_t n = sizeof s->router_fd;
    if (!rc && zmq_getsockopt(s->router, ZMQ_FD, &s->router_fd, &n)) rc = VP_ESYSTEM;
    if (!rc && o->publish && o->publish[0])
        rc = bind_socket(s, ZMQ_PUB, o->publish, o, &s->publisher, s->record.publish,
                         sizeof s->record.publish, why);
    vp_flood_watch(s->flood, s->record.endpoint, true);
    vp_flood_watch(s->flood, s->record.publish, false);
done:
    *out = s;
    if (rc) vp_service_destroy(out);
    return rc;
}

void vp_service_destroy(vp_service **self_p) {
    vp_service *s = *self_p;
    if (!s) return;
    service_events_destroy(s);
    if (s->in_work) service_fail_all(s, "stopped with calls in work");
    if (s->router) zmq_close(s->router);
    if (s->publisher) zmq_close(s->publisher);
    vp_zap_stop(&s->zap);
    vp_flood_destroy(&s->flood);
    service_slots_free(s);
    vp_link_destroy(&s->registry);
    vp_store_destroy(&s->scout);
    vp_store_destroy(&s->store);
    vp_functions_release(&s->functions);
    vp_registry_release(&s->record);
    if (s->own_zmq && s->zmq) zmq_ctx_term(s->zmq);
    free(s->op_counts);
    free(s->route);
    free(s->ops);
    free(s->owed);
    free(s);
    *self_p = NULL;
}

const vp_registry_record *vp_service_record(const vp_service *s) {
    return &s->record;
}

int64_t vp_service_now(const vp_service *s) {
    return vp_clock_ms() + s->clock_offset;
}

const uint8_t *vp_service_site_key(const vp_service *s) {
    return s->site_key;
}

vp_str vp_service_master(const vp_service *s) {
    return vp_str_of(s->master);
}

void vp_service_publish(vp_service *s, const vp_topic_state *state) {
    char stamp[VP_TOPIC_STAMP_MAX];
    size_t n;
    assert(vp_topic_valid_inside(state->topic));
    if (!s->publisher || state->data.n > VP_TOPIC_DATA_MAX) return;
    vp_topic_stamp(state, stamp, &n);
    service_count(s, SERVICE_M_PUBLISHED, 1);
    /* A PUB socket never blocks: a subscriber that does not read loses frames, and catches up. */
    zmq_send(s->publisher, state->topic.p, state->topic.n, ZMQ_SNDMORE);
    zmq_send(s->publisher, stamp, n, ZMQ_SNDMORE);
    zmq_send(s->publisher, state->data.p, state->data.n, 0);
}
