/* bus_private.h - what the files of bus/ share: bus.c (the callers' side), dispatcher.c (the
 * thread that owns every socket), directory.c (the thread that reads the registry) and seen.c (who
 * is there).
 * SPDX-License-Identifier: MIT */
#ifndef BUS_PRIVATE_H
#define BUS_PRIVATE_H

#include <pthread.h>

#include "bus.h"
#include "store.h"

enum {
    BUS_DIRECTORY_MS = 250, /* the registry is read so often */
    BUS_PING_MS = 400,      /* each instance is pinged so often */
    BUS_SILENCE_MS = 1500,  /* an instance that says nothing for so long is dead */
    BUS_RETIRE_MS = 60000,  /* an old view may be in use for so long at most */
    BUS_RETIRED = 1024      /* views kept that long; more wait, unpublished */
};

/* One route of one service, compiled. */
typedef struct bus_route_row {
    vp_route route;
    char method[8];
    bus_target target;
} bus_route_row;

/* What the registry said last; immutable once published. */
typedef struct bus_view {
    vp_registry_record record[VP_REGISTRY_INSTANCES];
    int n_records;
    bus_route_row *row; /* sorted by nothing; grouped by the path's number of segments */
    int n_rows;
    int first[VP_ROUTE_SEGMENTS + 2]; /* rows of n segments: first[n] up to first[n + 1] */
    int64_t retired_ms;
} bus_view;

/* One that is not called, and how busy it says it is. */
typedef struct bus_door {
    char id[VP_ULID_LEN + 1];
    int load;
} bus_door;

struct bus {
    void *zmq;
    vp_curve *curve;
    /* directory */
    vp_store *store;
    pthread_t directory;
    bus_view *_Atomic view;
    bus_view *retired[BUS_RETIRED];
    int n_retired;
    vp_registry_record local[BUS_LOCALS];
    int n_locals;
    uint64_t text_hash;
    _Atomic uint64_t generation;
    _Atomic int64_t clock_offset;
    atomic_bool redis_up;
    /* dispatcher */
    pthread_t dispatcher;
    bus_call *_Atomic submitted; /* last in, first out; turned round by the dispatcher */
    atomic_bool asleep;
    int wake; /* eventfd */
    struct dispatch *dispatch;
    _Atomic int outstanding;
    pthread_mutex_t status_lock; /* of status[] and door[] */
    bus_instance status[VP_REGISTRY_INSTANCES];
    int n_status;
    bus_door door[VP_REGISTRY_INSTANCES];
    int n_doors;
    /* our own record; the directory's thread has it once it is announced */
    vp_registry_record own;
    int64_t own_beat_ms; /* 0: it is not in the registry */
    bool refused;        /* Redis took no beat of ours for want of replicas */
    int64_t left_ms;     /* when it was left for that */
    _Atomic int own_load;
    atomic_bool announced;
    bool started;
    atomic_bool stop;
};

void *bus_directory_run(void *bus_);
bool bus_directory_read(bus *b); /* once, on the caller's thread; false: Redis is away */
void bus_view_free(bus_view *v);
bus_instance bus_instance_of(const vp_registry_record *r);
/* The same for patterns that differ in the names of their parameters only; never 0. */
uint32_t bus_route_key(const vp_registry_route *r);
void bus_note_doors(bus *b, const redisReply *records);
void bus_own_tick(bus *b, bool redis_up);
void *bus_dispatcher_run(void *bus_);
void bus_wake(bus *b);
void bus_complete(bus_call *call, vp_err err);

extern vp_metric bus_metric[];
enum {
    BUS_M_CALLS,
    BUS_M_LATE,
    BUS_M_TIMEOUT,
    BUS_M_BUSY,
    BUS_M_AWAY,
    BUS_M_RESENT,
    BUS_M_BAD,
    BUS_M_DEATHS,
    BUS_M_BREAKER,
    BUS_M_INSTANCES,
    BUS_M_OUTSTANDING,
    BUS_M_WAITING,
    BUS_M_WAIT,
    BUS_M_LATENCY,
    BUS_METRICS
};

#endif
