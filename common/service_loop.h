/* service_loop.h - the inside of a service, shared by the files that are it and by no other:
 *   service.c        life, the loop and its turn
 *   service_setup.c  what a new connection to Redis needs first
 *   service_calls.c  slots; calls and pings received, answers sent
 *   service_batch.c  commands, joins, replies, batches
 *   service_beat.c   timers, the registry, draining
 *   service_registry.c  a registry that is at another Redis
 *   service_events.c copies of other services' facts
 *   service_scout.c  is another Redis the master by now?
 *   service_metrics.c  what is counted; the operations that are the loop's own
 *   service_libraries.c  function libraries that nobody uses any more are deleted
 *   service_migrate.c  records of older schemas are counted and rewritten
 *   call.c           what handlers do with a call
 * A slot goes: received (decoded, routed) → pending → prepared, in the batch → its replies come →
 * finished, then answered or prepared for one more round. One batch is at Redis at a time. All of
 * it belongs to the loop's thread. SPDX-License-Identifier: MIT */
#ifndef VP_SERVICE_LOOP_H
#define VP_SERVICE_LOOP_H

#include <zmq.h>

#include "flood.h"
#include "link.h"
#include "registry.h"
#include "service.h"
#include "zap.h"

enum {
    /* Each timer has its own, and one is left for the message that is being received. */
    SLOTS_MAX = VP_SERVICE_CALLS + VP_SERVICE_TIMERS + 1,
    SLOT_OWNED = 24,
    SLOT_OUT_KEEP = 64 * 1024, /* memory for an answer that a slot keeps for its next call */
    SERVICE_CLASSES = 4,       /* of an answer's status: 2xx to 5xx */
    SERVICE_OWN_OPS = 4,
    SERVICE_AT_ONCE_OPS = 2, /* the last of them: answered while the call is received */
    JOIN_BYTES_MAX = 1024 * 1024,
    OWED_MAX = VP_SERVICE_BATCH * VP_CALL_COMMANDS + VP_SERVICE_SOURCES * VP_LINK_OWED_MAX + 64,
    PEERS_MAX = 64,
    MASTER_LEN = 8,
    SERVICE_CLOCK_SLOW_MS = 500 /* a TIME that took longer says less than the one before */
};

#define SERVICE_SITE_KEY VP_STR("site:key")

typedef struct service_follower service_follower;
typedef struct slot slot;
typedef struct join join;

/* A call in work with all that belongs to it; the handlers see its first member. */
struct slot {
    vp_call call;
    slot *next;     /* in the free list, the pending list or the batch */
    zmq_msg_t peer; /* routing id; unused for a timer */
    zmq_msg_t frame[VP_ENVELOPE_FRAMES];
    int n_frames;
    uint64_t call_id;
    int64_t deadline_ms, started_us;
    int timer;                     /* index + 1 of the timer row; 0: a peer's call */
    int owed;                      /* replies still to come in this round */
    int n_next;                    /* commands appended for the round that comes */
    bool joined[VP_CALL_COMMANDS]; /* that reply belongs to a join, not to us */
    bool joined_next[VP_CALL_COMMANDS];
    bool failed;            /* a reply was an error; the problem is set */
    bool rerun, rerun_used; /* the functions were missing: prepare again, once */
    bool fetched, unsure;   /* a source was asked for a fact; it did not say */
    bool abroad;            /* it is being asked: the slot is in no list */
    char fetched_id[VP_ULID_LEN + 1];
    bool answered;
    char etag[80];
    vp_buf head; /* fields of the answer */
    json_t *json;
    void *owned[SLOT_OWNED]; /* decoded query values and the like */
    int n_owned;
};

/* Calls of a batch that go in one function call. */
struct join {
    join *next;
    const char *name;
    vp_buf bytes; /* keys, shared and members' arguments, end to end */
    struct {
        uint32_t at, n;
    } part[VP_ARGS_MAX];
    int n_parts, n_keys, n_shared, n_members;
    slot *member[VP_JOIN_MAX];
    int index[VP_JOIN_MAX]; /* of the member's call->reply[] */
    redisReply *reply;      /* owns the members' elements; freed after they have finished */
};

/* Whose the next reply is. */
typedef enum owed_kind {
    OWED_SLOT,
    OWED_JOIN,
    OWED_LOAD,
    OWED_KEY,
    OWED_MASTER,
    OWED_TIME,
    OWED_MARK,
    OWED_REPLICA,
    OWED_FOLLOW,
    OWED_BEAT
} owed_kind;
typedef struct owed {
    owed_kind kind;
    slot *slot;
    int index;
    join *join;
    service_follower *follower;
    unsigned turn;
} owed;

/* What is counted; the last rows of all that /metrics shows. */
typedef enum service_metric {
    SERVICE_M_UNROUTED,
    SERVICE_M_SHED,
    SERVICE_M_EXPIRED,
    SERVICE_M_IN_WORK,
    SERVICE_M_PENDING,
    SERVICE_M_BATCH,
    SERVICE_M_REDIS_SECONDS,
    SERVICE_M_REDIS_COMMANDS,
    SERVICE_M_REDIS_CONNECTIONS,
    SERVICE_M_REDIS_UP,
    SERVICE_M_REPLICA_MISSED,
    SERVICE_M_JOINED,
    SERVICE_M_PUBLISHED,
    SERVICE_M_UNSENT,
    SERVICE_M_REFUSED,
    SERVICE_M_KEYS_REFUSED,
    SERVICE_M_DRAINING,
    SERVICE_METRICS
} service_metric;

/* Of one operation. */
typedef struct service_op_counts {
    bool used;
    vp_metric answers[SERVICE_CLASSES]; /* of a timer: done, failed */
    vp_metric seconds;
    char label[56], labels[SERVICE_CLASSES][72];
} service_op_counts;

typedef struct list {
    slot *first, *last;
    int n;
} list;

static inline void list_add(list *l, slot *k) {
    k->next = NULL;
    if (l->last)
        l->last->next = k;
    else
        l->first = k;
    l->last = k;
    l->n++;
}

static inline slot *list_take(list *l) {
    slot *k = l->first;
    if (!k) return NULL;
    l->first = k->next;
    if (!l->first) l->last = NULL;
    l->n--;
    return k;
}

struct vp_service {
    const vp_service_def *def;
    void *zmq, *router, *publisher;
    vp_zap *zap; /* NULL: without keys */
    vp_flood *flood;
    int router_fd;   /* readable: the router has news. Edge-triggered, see service_receive */
    bool touched;    /* the router was sent to since it was last read dry */
    bool redis_news; /* its descriptor was ready: there is something to read */
    bool own_zmq, announce, replica;
    vp_store *store;
    vp_link *registry;                              /* NULL: it is at the store */
    service_follower *follower[VP_SERVICE_SOURCES]; /* of def->sources, in order */
    vp_functions functions;
    vp_op *ops;      /* def->ops, and behind them the loop's own */
    vp_route *route; /* of ops, in order */
    int n_ops;
    vp_registry_record record;
    uint64_t generation; /* of the store's connection that is set up */
    int setup_owed;      /* replies of the setup still to come; serving waits for them */
    bool setup_failed;
    uint64_t told_ready; /* the generation of which the log said "ready" */
    bool reloading;      /* the functions were missing in mid-work: calls wait for them */
    bool keyed;          /* the site's key is known */
    uint8_t site_key[VP_SEAL_KEY];
    char master[MASTER_LEN + 1]; /* the beginning of Redis' run id */
    int64_t clock_offset, beat_at, batch_sent, batch_sent_us, last_call;
    int64_t time_sent;       /* when TIME was asked; 0: no answer to it is owed */
    bool clock_known;        /* on this connection */
    int64_t registry_offset; /* of the registry's clock, if that is another one */
    bool registry_clock_known;
    int64_t registry_refused_ms; /* until then refusals of the registry are passed over */
    int64_t owed_since;          /* the last reply came, or since it the first command went */
    slot *free_slots;
    int in_work;
    list pending, batch;
    int batch_owed;
    bool unsafe;  /* no replica has the batch's writes in time */
    bool alone;   /* Redis took no write of ours for want of replicas: they are not waited for */
    bool demoted; /* Redis says that it is no master, or the Sentinels name another */
    int64_t demoted_ms;
    vp_store *scout; /* see service_scout.c; NULL until it is needed, or without Sentinels */
    bool lonely;     /* nobody seems to follow this Redis */
    bool scouting;
    int64_t scout_ms; /* scouting: until when; else not before */
    uint64_t batches;
    join *joins;
    owed *owed; /* ring */
    unsigned owed_head, owed_tail;
    int64_t timer_at[VP_REGISTRY_ROUTES]; /* of ops; only those of timers are used */
    bool timer_busy[VP_REGISTRY_ROUTES];
    bool draining, drain_asked;
    zmq_msg_t peers[PEERS_MAX]; /* who pinged: told when we drain, which empties the list */
    int64_t peer_ms[PEERS_MAX]; /* and when */
    int n_peers;
    bool known; /* somebody has pinged, and so may still call */
    bool log_access;
    char migrate_pattern[48]; /* the path of one of our own operations */
    vp_metric metric[SERVICE_METRICS];
    service_op_counts *op_counts; /* of ops, in order */
};

static inline void service_count(vp_service *s, service_metric which, long long n) {
    vp_metric_own_add(&s->metric[which], n);
}

/* -- service_setup.c ------------------------------------------------------------------------ */

bool service_serving(const vp_service *s); /* Redis is up and all is there that handlers need */
void service_set_up(vp_service *s);
void service_set_up_reply(vp_service *s, owed_kind kind, const redisReply *r);
void service_load_functions(vp_service *s);
void service_ask_time(vp_service *s);
bool service_run_id(const redisReply *r, char out[MASTER_LEN + 1]); /* of INFO server */
bool service_time_read(const redisReply *r, int64_t *ms);           /* of TIME */
bool service_take_key(vp_service *s, const redisReply *r);          /* false: it is none */

/* -- service_registry.c: with s->registry ----------------------------------------------------- */

VP_CHECKED vp_err service_registry_new(vp_service *s, const char *url, vp_fault *why);
void service_registry_beat(vp_service *s);
void service_registry_leave(vp_service *s);
/* A caller's not_after by the clock of our own Redis; without s->registry too. */
int64_t service_fence(const vp_service *s, int64_t not_after_ms);

/* -- service_calls.c ------------------------------------------------------------------------ */

slot *service_slot_get(vp_service *s); /* there is always one */
void service_slots_free(vp_service *s);
void service_replies_free(slot *k);
void service_answer(vp_service *s, slot *k); /* ends a call, whichever way it went */
bool service_receive(vp_service *s);         /* false: more may be there */
void service_tell_peers(vp_service *s);      /* that are known: a pong, without a ping */
void service_forget_peers(vp_service *s);

/* -- service_batch.c ------------------------------------------------------------------------ */

void service_owe(vp_service *s, owed o);
/* Appends a command whose reply is the slot's next one, or the join's. Exactly one is given. */
VP_CHECKED vp_err service_append(vp_service *s, slot *k, join *j, int argc, const vp_str *argv);
join *service_join(vp_service *s, const char *name, vp_str key, bool *fresh);
const char *service_prefix(const vp_service *s);
bool service_reads_only(const char *error); /* of a Redis that takes no writes just now */
bool service_overdue(const vp_service *s);
void service_pump(vp_service *s); /* Redis: out, in, and what its replies mean */
void service_finish_batch(vp_service *s);
void service_start_batch(vp_service *s);
void service_fail_all(vp_service *s, const char *why);
void service_again(vp_service *s, slot *k);                /* it is prepared anew */
void service_heed(vp_service *s, const char *redis_error); /* is another one the master by now? */

/* -- service_events.c ----------------------------------------------------------------------- */

VP_CHECKED vp_err service_events_new(vp_service *s, const vp_service_options *o, vp_fault *why);
void service_events_destroy(vp_service *s); /* calls that wait for a source are prepared anew */
void service_events_turn(vp_service *s);
int64_t service_events_next(const vp_service *s);         /* when it wants a turn */
vp_link *service_events_link(const vp_service *s, int i); /* NULL: none */
void service_events_reply(service_follower *f, unsigned turn, const redisReply *r);
void service_events_metrics(vp_service *s, vp_buf *out);

/* -- service_beat.c ------------------------------------------------------------------------- */

void service_run_timers(vp_service *s, int64_t now);
void service_beat(vp_service *s, int64_t now);
void service_drain(vp_service *s); /* begins to */
bool service_drained(const vp_service *s, int64_t now);

/* -- service_scout.c ------------------------------------------------------------------------ */

void service_look_for_master(vp_service *s); /* does nothing unless Redis seems to be lonely */

/* -- service_metrics.c ---------------------------------------------------------------------- */

extern const vp_op service_own_ops[SERVICE_OWN_OPS];
void service_metrics_init(vp_service *s); /* once ops are there */
/* A call or timer is decided. With log_access it is also logged. */
void service_count_answer(vp_service *s, const slot *k);
static inline bool service_is_at_once(const vp_service *s, const vp_op *op) {
    return op >= s->ops + s->n_ops - SERVICE_AT_ONCE_OPS;
}

/* -- service_libraries.c, service_migrate.c ------------------------------------------------- */

vp_step service_libraries_prepare(vp_call *call);
vp_step service_libraries_finish(vp_call *call);
#define SERVICE_MIGRATE_PATTERN "/api/v1/migrate/%s" /* of its name */
vp_step service_migrate_prepare(vp_call *call);
vp_step service_migrate_finish(vp_call *call);
enum { SERVICE_LIBRARIES_MS = 10 * 60 * 1000, SERVICE_MIGRATE_BODY = 256 };

#endif
