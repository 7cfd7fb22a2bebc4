/* service_loop.h - what service.c (the loop) and call.c (the handlers' helpers) share; no other
 * file includes it. SPDX-License-Identifier: MIT */
#ifndef VP_SERVICE_LOOP_H
#define VP_SERVICE_LOOP_H

#include <zmq.h>

#include "service.h"

enum { SLOT_OWNED = 24, SLOT_OUT_KEEP = 64 * 1024, JOIN_BYTES_MAX = 1024 * 1024 };

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

/* Appends a command whose reply is the slot's next one, or the join's. Exactly one is given. */
VP_CHECKED vp_err service_append(vp_service *s, slot *k, join *j, int argc, const vp_str *argv);
join *service_join(vp_service *s, const char *name, vp_str key, bool *fresh);
const char *service_prefix(const vp_service *s);

#endif
