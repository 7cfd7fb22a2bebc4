/* service.h - the loop that every service is: one thread, and it never blocks.
 * It polls its ROUTER socket, its Redis connection and the next timer. The calls of one batch are
 * prepared (validate, append Redis commands), flushed once, and finished when the replies are
 * there; meanwhile the next batch collects. So pipelining, and one fsync for all of a batch, grow
 * by themselves under load. An operation is a row of a table. Handlers run on the loop's thread,
 * have 2 ms each and never wait. Everything here belongs to that thread.
 * SPDX-License-Identifier: MIT */
#ifndef VP_SERVICE_H
#define VP_SERVICE_H

#include "envelope.h"
#include "functions.h"
#include "json.h"
#include "metrics.h"
#include "problem.h"
#include "route.h"
#include "seal.h"
#include "store.h"
#include "topic.h"
#include "trace.h"

enum {
    VP_SERVICE_CALLS = 1024, /* calls in work at once; more are answered 503 */
    VP_SERVICE_BATCH = 256,  /* calls in one batch */
    VP_SERVICE_TIMERS = 8,   /* of one service */
    VP_SERVICE_OPS = 92,     /* the same; the loop adds four of its own */
    VP_SERVICE_SOURCES = 2,  /* other services whose facts are read */
    VP_CALL_COMMANDS = 16,   /* Redis commands of one call in one round */
    VP_CALL_ROUNDS = 64,     /* rounds of one call */
    VP_CALL_ANSWER_MAX = 4 * 1024 * 1024,
    VP_JOIN_MAX = 64,  /* calls in one joined function call */
    VP_ARGS_MAX = 1024 /* arguments of one Redis command */
};

typedef struct vp_service vp_service;
typedef struct vp_call vp_call;

typedef enum vp_step {
    VP_STEP_DONE, /* the answer (or problem) is set */
    VP_STEP_WAIT  /* commands were appended: call finish when their replies are there */
} vp_step;

typedef enum vp_role {
    VP_ROLE_NONE,
    VP_ROLE_MODERATOR,
    VP_ROLE_AUTHOR,
    VP_ROLE_EDITOR,
    VP_ROLE_ADMIN
} vp_role;

/* "admin", "editor", "author", "moderator"; anything else is VP_ROLE_NONE, whose name is "". */
vp_role vp_role_parse(vp_str name);
const char *vp_role_name(vp_role role);

/* Who may call an operation; a zero row does not compile into a table that starts (asserted). */
typedef enum vp_may {
    VP_MAY_ANYONE = 1,
    VP_MAY_SIGNED_IN,
    VP_MAY_MODERATOR, /* moderator, editor, admin */
    VP_MAY_AUTHOR,    /* author, editor, admin */
    VP_MAY_EDITOR,    /* editor, admin */
    VP_MAY_ADMIN,
    VP_MAY_INSIDE /* other processes of the system, never a client */
} vp_may;

typedef struct vp_op {
    const char *name;    /* "polls.cast": logs, metrics, scope of Idempotency-Key */
    const char *method;  /* GET (HEAD too), POST...; SYNC, LOOK, ACT: inside; NULL: a timer */
    const char *pattern; /* "/api/v1/polls/{id}"; NULL of a timer */
    vp_may may;
    int64_t size; /* of a call: the body's cap in bytes (0: no body); of a timer: period in ms */
    vp_step (*prepare)(vp_call *call);
    vp_step (*finish)(vp_call *call); /* NULL when prepare always answers */
} vp_op;

/* One call in work. Requests are borrowed slices, valid until the answer. */
struct vp_call {
    vp_service *service;
    void *self; /* the service's own state, from its definition */
    const vp_op *op;
    /* request */
    vp_str field[VP_FIELD_COUNT]; /* VP_F_QUERY, VP_F_IF_MATCH ... ; absent: {NULL, 0} */
    vp_route_params params;       /* of op->pattern, decoded */
    vp_str body;
    vp_role role;   /* VP_F_ACTOR_ID and VP_F_ACTOR_LOGIN name the actor */
    vp_trace trace; /* for logs */
    uint8_t resend_id[VP_ULID_BYTES];
    int64_t not_after_ms; /* Redis clock */
    /* between prepare and finish */
    void *state; /* zeroed memory from vp_call_state, freed with the call */
    int round;   /* 0 in prepare, then 1, 2 … in finish */
    int n_replies;
    redisReply *reply[VP_CALL_COMMANDS]; /* of this round, in order; never errors */
    /* answer */
    int status;         /* 0: not yet */
    vp_buf out;         /* the body; JSON unless VP_F_CONTENT_TYPE is answered */
    vp_problem problem; /* code VP_OK: none */
    int retry_after_s;  /* told with a problem; 0: 1 s with 503 and 504, else nothing */
};

/* -- for handlers ------------------------------------------------------------------------- */

void *vp_call_state(vp_call *call, size_t n); /* allocates call->state once */

/* Appends a Redis command to this round. */
void vp_call_command(vp_call *call, int argc, const vp_str *argv);
/* FCALL of one of the service's functions ("cast" → polls_1_1a2b3c4d_cast). */
void vp_call_function(vp_call *call, const char *name, const vp_str *keys, int n_keys,
                      const vp_str *args, int n_args);
/* The same for a function that writes through once() of once.lua: two keys (resend id, idempotency
 * key) and two arguments (not_after, hash of the request) are put in front. Its reply is an array
 * whose first element is a word; see vp_call_outcome. */
void vp_call_function_once(vp_call *call, const char *name, const vp_str *keys, int n_keys,
                           const vp_str *args, int n_args);
/* Joins calls of this batch that name the same function and first key into one FCALL with the
 * arguments: number of members, shared…, then each member's args in turn. keys and shared are the
 * first member's. The function returns an array with one element for each member, and
 * call->reply[i] is that element. At most VP_JOIN_MAX members to a command. */
void vp_call_join(vp_call *call, const char *name, const vp_str *keys, int n_keys,
                  const vp_str *shared, int n_shared, const vp_str *args, int n_args);
/* The first word of a function's array reply. "late" (504) and "other" (422: the Idempotency-Key
 * was used with another body) are answered here: then it returns {NULL, 0} and the handler returns
 * DONE. */
vp_str vp_call_outcome(vp_call *call, const redisReply *reply);

/* A fact that is read here may be older than at its source, when that has a Redis of its own:
 * before a call is refused because of one, and with no command appended, its source can be asked.
 */
typedef enum vp_known {
    VP_KNOWN,  /* what was read is what the source says */
    VP_ASKING, /* return VP_STEP_WAIT: the call is prepared anew, when the newest is here */
    VP_UNSURE  /* the source cannot be asked just now */
} vp_known;
vp_known vp_call_refresh(vp_call *call, int source, vp_str id);

/* Sets the problem; the first one wins. Returns VP_STEP_DONE. */
vp_step vp_call_fail(vp_call *call, vp_err code, const char *fmt, ...) VP_PRINTF(3, 4);
/* The answer: body in call->out. For a 200 to a GET with an ETag, If-None-Match gives 304 by
 * itself. */
vp_step vp_call_answer(vp_call *call, int status);
void vp_call_reply_field(vp_call *call, vp_field tag, vp_str value); /* ETag, Location … */
/* Decoded query parameter (lifetime: the call); {NULL,0} if absent. Bad escapes fail the call. */
vp_str vp_call_query(vp_call *call, const char *name);
/* ?limit= (1..100, default 20); *cursor is the decoded key, n = 0 if absent. A bad one fails with
 * 400 (pointer "?limit" or "?cursor") and false is returned. tag: the first byte of this list's
 * cursors. */
bool vp_call_page(vp_call *call, char tag, int64_t *limit, char cursor[97], size_t *n);
/* Writes ,"next_cursor":"…" or null (key.n == 0) and the Link header. */
void vp_call_next(vp_call *call, char tag, vp_str key);
/* Parses the body as a JSON object and checks it; false: the call has failed (400, 415, 422). The
 * object lives as long as the call. */
bool vp_call_json(vp_call *call, const vp_json_rule *rules, json_t **out);
bool vp_role_may(vp_role role, vp_may may);
bool vp_call_may(const vp_call *call, vp_may may);

/* -- for a service ------------------------------------------------------------------------ */

int64_t vp_service_now(const vp_service *s); /* Redis clock in ms, from its last TIME */
const uint8_t *
vp_service_site_key(const vp_service *s); /* VP_SEAL_KEY bytes, shared by the system */
/* Which Redis process this is: the first 8 hex digits of its run id. Another one may have lost what
 * was not yet on its disk. Known whenever a handler runs. */
vp_str vp_service_master(const vp_service *s);
/* Hands out the newest state of a topic; after the write is acknowledged. */
void vp_service_publish(vp_service *s, const vp_topic_state *state);

/* A kind of records. All that it was changed by is in one function of the service's library, named
 * `migrate`: K index, A where to go on ('' at the start), '1' to change nothing; its reply: '1'
 * when there is more, where to go on, how many were rewritten, then schemas and how many records
 * had each in turn. It looks at 1,000 elements at most. */
typedef struct vp_schema {
    const char *kind;  /* "poll" */
    int newest;        /* the schema that is written */
    const char *index; /* a sorted set of all ids; NULL: all records have the one schema */
} vp_schema;

/* Facts of another service that functions of this one read (events.lua). With a Redis of its own at
 * --NAME-redis-url they are copied into ours. */
typedef struct vp_source {
    const char *name;  /* "articles" */
    const char *facts; /* its facts' keys, before the id: "fact:article:" */
    int revision;      /* which word of a fact is its revision: 1 or 2 */
} vp_source;

typedef struct vp_service_def {
    const char *name;         /* "polls" */
    const vp_op *ops;         /* ended by {NULL}; at most VP_SERVICE_OPS */
    const vp_embedded *lua;   /* files of the service's functions, one library; NULL: none */
    const vp_source *sources; /* ended by {NULL}; NULL: none */
    const char *topics;       /* prefixes of the topics that it publishes; "" for none */
    void *self;
    const vp_schema *schemas; /* ended by {NULL}; NULL: it keeps no records */
} vp_service_def;

/* A whole process: configuration, logs, loop, drain on SIGTERM. Returns the exit status. */
int vp_service_main(const vp_service_def *def, int argc, char **argv);

/* A loop on a thread of another process, reached over inproc and not in the registry. */
typedef struct vp_service_options {
    void *zmq; /* shared context; NULL: own */
    const char *redis_url;
    const char *registry_url; /* where registry and site key are; "" or the same: there too */
    const char *source_url[VP_SERVICE_SOURCES]; /* of def->sources; "": at redis_url */
    const char *bind;      /* "tcp://127.0.0.1:*", "ipc:///path", "inproc://accounts" */
    const char *publish;   /* "" : none */
    const char *advertise; /* host that replaces a wildcard in the announced endpoints; "" : none */
    struct vp_curve *curve; /* curve.h: our key and whose calls come in; NULL: this machine only */
    bool announce;          /* write the registry */
    bool log_access;        /* log each call */
    bool replica;           /* a write is acknowledged only when a replica of Redis has it too */
} vp_service_options;
/* "local" or "replica". */
#define VP_DURABILITY_HELP                                                                         \
    "when a write is acknowledged: local (Redis has it) or replica (one of its replicas too)"
VP_CHECKED vp_err vp_service_durability(const char *text, bool *replica, vp_fault *why);
VP_CHECKED vp_err vp_service_new(vp_service **out, const vp_service_def *def,
                                 const vp_service_options *options, vp_fault *why);
/* Runs until *stop; then drains for at most VP_DRAIN_MS. Destroy on the same thread. */
enum { VP_DRAIN_MS = 2000 };
void vp_service_run(vp_service *s, const atomic_bool *stop);
void vp_service_destroy(vp_service **self_p);
/* What it announces; lives as long as the service. */
struct vp_registry_record;
const struct vp_registry_record *vp_service_record(const vp_service *s);

#endif
