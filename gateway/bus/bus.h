/* bus.h - calls from this process to the services' instances, over ZeroMQ.
 * One dispatcher thread owns every socket. Any thread submits a call and waits for it; only the
 * dispatcher completes a call, also at its deadline, so a call may live on the caller's stack from
 * bus_submit until bus_wait returns (or `done` has run). SPDX-License-Identifier: MIT */
#ifndef BUS_H
#define BUS_H

#include <stdatomic.h>
#include <zmq.h>

#include "curve.h"
#include "envelope.h"
#include "metrics.h"
#include "registry.h"
#include "route.h"

enum {
    BUS_CALLS = 4096,         /* calls outstanding in all; more are VP_EBUSY */
    BUS_INSTANCE_CALLS = 256, /* outstanding at one instance; more wait, see lane.h */
    BUS_INSTANCE_MORE = 8,    /* those that are for this very instance: to look and to drain */
    BUS_RESENDS = 3, /* an instance that died or has no store hands its calls on at most so often */
    BUS_LOCALS = 2,
    BUS_LIST_MAX = 2 * VP_REGISTRY_INSTANCES + BUS_LOCALS
};

typedef struct bus bus;
typedef struct bus_call bus_call;

/* Where a call goes; from bus_route. */
typedef struct bus_target {
    char service[24];
    int64_t body_max;
    uint32_t route; /* for bus_call.route */
} bus_target;

struct bus_call {
    /* in: all borrowed until completion */
    const char *service;
    const char *to;             /* id of the one instance that it is for; NULL: any */
    uint32_t route;             /* only instances that announce this one; 0: any */
    vp_str head, context, body; /* blocks of fields; see envelope.h */
    uint8_t resend_id[VP_ULID_BYTES];
    int64_t timeout_ms;
    void (*done)(bus_call *call); /* runs on the dispatcher's thread; NULL: somebody waits */
    void *user;
    /* out */
    vp_err err;        /* VP_OK: a reply; VP_EAWAY, VP_EBUSY, VP_ETIMEOUT, VP_EPROTO */
    vp_envelope reply; /* borrows frame[] */
    zmq_msg_t frame[VP_ENVELOPE_FRAMES];
    int n_frames;
    /* the bus's own */
    bus_call *next, *before;
    struct bus_lane *lane; /* that it waits in; or NULL */
    _Atomic uint32_t state;
    int64_t deadline_ms, sent_us, waits_ms;
    uint32_t slot;
    int instance, resends;
};

/* redis_url: where the registry is. zmq, and curve (our key and whom we call; NULL: this machine
 * only), outlive the bus. */
VP_CHECKED vp_err bus_new(bus **out, void *zmq, vp_curve *curve, const char *redis_url,
                          vp_fault *why);
void bus_destroy(bus **self_p); /* fails what is outstanding with VP_EAWAY, ends the threads */

/* Adds an instance that is not in the registry (accounts, over inproc). Before any call. */
VP_CHECKED vp_err bus_add_local(bus *self, const vp_registry_record *record, vp_fault *why);

/* Reads the registry once and starts the threads. */
VP_CHECKED vp_err bus_start(bus *self, vp_fault *why);

/* Who answers method and raw path. VP_ENOTFOUND; VP_EMETHOD with the methods in allow; VP_EAWAY:
 * nothing at all is announced yet. HEAD is looked up as GET. Thread-safe, lock-free. */
VP_CHECKED vp_err bus_route(bus *self, vp_str method, vp_str raw_path, bus_target *out,
                            char allow[64]);

/* Where the services are that have ever announced this very pattern since this process began, by
 * name. Returns how many, at most `most`. Thread-safe, lock-free. */
int bus_services(bus *self, vp_str method, vp_str pattern, bus_target out[], int most);

void bus_call_init(bus_call *call, const char *service, int64_t timeout_ms);
void bus_submit(bus *self, bus_call *call);
void bus_wait(bus_call *call);
void bus_call_release(bus_call *call); /* frees the reply's frames */

/* Redis clock in ms as the bus last learned it; for not_after. */
int64_t bus_now(const bus *self);
bool bus_redis_up(const bus *self);
bool bus_service_ready(bus *self, const char *service); /* does at least one instance answer? */
/* One of all that run, by what is known here. */
typedef struct bus_instance {
    char service[24];
    char id[VP_ULID_LEN + 1];
    char version[24];
    char endpoint[192];
    char curve[VP_REGISTRY_CURVE + 1]; /* its public key; "" for none */
    int64_t started_ms;
    int outstanding, load;
    bool local;    /* in this process */
    bool callable; /* a gateway or live is not */
    bool ready;    /* answers, and has Redis; of one that is not callable: is in the registry */
    bool draining;
} bus_instance;

/* Also those that drain and so have left the registry, until they have gone. By service and id;
 * returns how many. */
int bus_list(bus *self, bus_instance out[BUS_LIST_MAX]);
/* As a JSON array of
 * {service,id,version,load,draining,ready,outstanding,started_at,endpoint,curve}. */
void bus_status(bus *self, vp_buf *out);

/* Puts this process itself into the registry, to be seen and never called, until bus_leave or the
 * end. Once; after bus_start. Its load is the calls that are outstanding unless it is set. */
void bus_announce(bus *self, const char *service, const char *endpoint);
void bus_set_load(bus *self, int load);
void bus_leave(bus *self);
/* Calls fn for each live instance's publish endpoint (for voxpop-live). */
void bus_publishers(bus *self, void (*fn)(void *user, const vp_registry_record *r), void *user);
/* Grows whenever the set of instances changes. */
uint64_t bus_generation(const bus *self);
void bus_metrics(bus *self, vp_buf *out);

#endif
