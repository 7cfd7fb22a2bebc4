/* service.c - the loop; see service.h. Handlers' helpers are in call.c.
 * A slot goes: received (decoded, routed) → pending → prepared, in the batch → its replies come →
 * finished, then answered or prepared for one more round. Replies of Redis arrive in the order of
 * commands, so a ring of "owed" entries says whose each is. One batch is at Redis at a time.
 * SPDX-License-Identifier: MIT */
#include "service.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "registry.h"
#include "service_loop.h"

enum {
    OWED_MAX = VP_SERVICE_BATCH * VP_CALL_COMMANDS + 64,
    REDIS_OVERDUE_MS = 1000, /* a batch that waits longer ends the connection */
    REDIS_SILENT_MS = 3000,  /* so does any reply that is owed for longer with none before it */
    LOOP_WAIT_MS = 50,
    PEERS_MAX = 64,
    DRAIN_QUIET_MS = 100, /* no call for so long: drained */
    TIMERS_MAX = 8,
    MASTER_LEN = 8,
    MESSAGE_MAX = VP_ENVELOPE_BODY_MAX
};

/* Whose the next reply is. */
typedef enum owed_kind {
    OWED_SLOT,
    OWED_JOIN,
    OWED_LOAD,
    OWED_KEY,
    OWED_MASTER,
    OWED_TIME,
    OWED_BEAT
} owed_kind;
typedef struct owed {
    owed_kind kind;
    slot *slot;
    int index;
    join *join;
} owed;

typedef struct list {
    slot *first, *last;
    int n;
} list;

struct vp_service {
    const vp_service_def *def;
    void *zmq, *router, *publisher;
    int router_fd;   /* readable: the router has news. Edge-triggered, see receive_all */
    bool touched;    /* the router was sent to since it was last read dry */
    bool redis_news; /* its descriptor was ready: there is something to read */
    bool own_zmq, announce;
    vp_store *store;
    vp_functions functions;
    vp_route *route; /* of def->ops, in order */
    int n_ops;
    vp_registry_record record;
    uint64_t generation; /* of the store's connection that is set up */
    int setup_owed;      /* replies of the setup still to come; serving waits for them */
    bool setup_failed;
    bool reloading; /* the functions were missing in mid-work: calls wait for them */
    uint8_t site_key[VP_SEAL_KEY];
    char master[MASTER_LEN + 1]; /* the beginning of Redis' run id */
    int64_t clock_offset, beat_at, batch_sent, last_call;
    int64_t owed_since; /* the last reply came, or since it the first command went */
    slot *free_slots;
    int in_work;
    list pending, batch;
    int batch_owed;
    join *joins;
    owed *owed; /* ring */
    unsigned owed_head, owed_tail;
    int64_t timer_at[TIMERS_MAX];
    bool timer_busy[TIMERS_MAX];
    bool draining;
    zmq_msg_t peers[PEERS_MAX]; /* who pinged: told when we drain, which empties the list */
    int n_peers;
    bool known; /* somebody has pinged, and so may still call */
    uint64_t refused, unsent;
};

/* -- slots ---------------------------------------------------------------------------------- */

static void list_add(list *l, slot *k) {
    k->next = NULL;
    if (l->last)
        l->last->next = k;
    else
        l->first = k;
    l->last = k;
    l->n++;
}

static slot *list_take(list *l) {
    slot *k = l->first;
    if (!k) return NULL;
    l->first = k->next;
    if (!l->first) l->last = NULL;
    l->n--;
    return k;
}

static slot *slot_get(vp_service *s) {
    if (s->in_work >= VP_SERVICE_CALLS) return NULL;
    slot *k = s->free_slots;
    if (k) {
        s->free_slots = k->next;
    } else {
        k = vp_calloc(1, sizeof *k);
        vp_buf_init(&k->call.out, VP_CALL_ANSWER_MAX);
        vp_buf_init(&k->head, VP_ENVELOPE_HEAD_MAX);
    }
    s->in_work++;
    k->next = NULL;
    k->n_frames = k->timer = k->owed = k->n_next = k->n_owned = 0;
    k->failed = k->rerun = k->rerun_used = k->answered = false;
    k->etag[0] = '\0';
    vp_call *c = &k->call;
    c->service = s;
    c->self = s->def->self;
    c->op = NULL;
    memset(c->field, 0, sizeof c->field);
    c->params.n = 0;
    c->body = (vp_str){0};
    c->role = VP_ROLE_NONE;
    c->request_id[0] = '\0';
    c->round = c->n_replies = c->status = 0;
    c->problem.code = VP_OK;
    c->problem.detail[0] = '\0';
    c->problem.n_fields = 0;
    return k;
}

static void replies_free(slot *k) {
    for (int i = 0; i < k->call.n_replies; i++)
        if (k->call.reply[i] && !k->joined[i]) freeReplyObject(k->call.reply[i]);
    k->call.n_replies = 0;
}

static void slot_put(vp_service *s, slot *k) {
    replies_free(k);
    for (int i = 0; i < k->n_frames; i++) zmq_msg_close(&k->frame[i]);
    if (!k->timer) zmq_msg_close(&k->peer);
    for (int i = 0; i < k->n_owned; i++) free(k->owned[i]);
    json_decref(k->json);
    k->json = NULL;
    free(k->call.state);
    k->call.state = NULL;
    if (k->call.out.over || k->call.out.cap > SLOT_OUT_KEEP)
        vp_buf_release(&k->call.out);
    else
        vp_buf_clear(&k->call.out);
    vp_buf_clear(&k->head);
    k->next = s->free_slots;
    s->free_slots = k;
    s->in_work--;
}

/* -- answering ------------------------------------------------------------------------------ */

static bool etag_matches(vp_str list_of_tags, const char *etag) {
    size_t n = strlen(etag);
    if (n == 0 || list_of_tags.n == 0) return false;
    if (vp_str_eq(list_of_tags, VP_STR("*"))) return true;
    return memmem(list_of_tags.p, list_of_tags.n, etag, n) != NULL; /* quotes are part of a tag */
}

static void problem_body(slot *k) {
    vp_call *c = &k->call;
    vp_buf_clear(&c->out);
    vp_buf_clear(&k->head);
    c->status = vp_err_status(c->problem.code);
    vp_problem_write(&c->out, &c->problem, vp_str_of(c->request_id));
    vp_field_add(&k->head, VP_F_CONTENT_TYPE, VP_STR("application/problem+json"));
    vp_field_add(&k->head, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    if (c->status == 503 || c->status == 504) vp_field_add(&k->head, VP_F_RETRY_AFTER, VP_STR("1"));
}

static bool send_part(vp_service *s, vp_str part, int flags) {
    s->touched = true;
    if (zmq_send(s->router, part.n ? part.p : "", part.n, flags | ZMQ_DONTWAIT) >= 0) return true;
    s->unsent++;
    return false;
}

static void send_reply(vp_service *s, slot *k) {
    vp_call *c = &k->call;
    vp_envelope e = {.kind = VP_KIND_REPLY,
                     .flags = s->draining ? VP_FLAG_DRAINING : 0,
                     .status = (uint16_t)c->status,
                     .call_id = k->call_id};
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_str body = vp_buf_str(&c->out);
    memcpy(e.resend_id, c->resend_id, sizeof e.resend_id);
    vp_envelope_header(&e, header);
    if (zmq_msg_send(&k->peer, s->router, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        s->unsent++; /* the caller is gone, or does not read: normal */
        return;
    }
    if (!send_part(s, vp_str_n(header, sizeof header), ZMQ_SNDMORE)) return;
    if (!send_part(s, vp_buf_str(&k->head), body.n ? ZMQ_SNDMORE : 0)) return;
    if (body.n && send_part(s, (vp_str){0}, ZMQ_SNDMORE)) send_part(s, body, 0);
}

/* Ends a call, whichever way it went. */
static void answer(vp_service *s, slot *k) {
    vp_call *c = &k->call;
    assert(!k->answered);
    k->answered = true;
    if (c->out.over || k->head.over)
        vp_problem_set(&c->problem, VP_ESYSTEM, "The answer is too large.");
    if (!c->problem.code && c->status == 0)
        vp_problem_set(&c->problem, VP_ESYSTEM, "The operation gave no answer.");
    if (k->timer) {
        s->timer_busy[k->timer - 1] = false;
        if (c->problem.code && c->problem.code != VP_EAWAY)
            vp_log(VP_LOG_WARN, NULL, "%s: %s", c->op->name, c->problem.detail);
    } else {
        if (c->problem.code)
            problem_body(k);
        else if (c->status == 200 && vp_str_eq(c->field[VP_F_METHOD], VP_STR("GET")) &&
                 etag_matches(c->field[VP_F_IF_NONE_MATCH], k->etag)) {
            c->status = 304;
            vp_buf_clear(&c->out);
        }
        if (c->status >= 500)
            vp_log(c->status == 503 ? VP_LOG_DEBUG : VP_LOG_WARN, c->request_id, "%s: %d %s",
                   c->op ? c->op->name : "-", c->status, c->problem.detail);
        send_reply(s, k);
    }
    slot_put(s, k);
}

/* -- receiving ------------------------------------------------------------------------------ */

static void find_op(vp_service *s, vp_call *c) {
    int best = -1;
    c->op = NULL;
    for (int i = 0; i < s->n_ops; i++) {
        const vp_op *op = &s->def->ops[i];
        if (!op->method || !vp_str_eq(vp_str_of(op->method), c->field[VP_F_METHOD])) continue;
        if (s->route[i].specificity <= best) continue;
        if (!vp_route_match(&s->route[i], c->field[VP_F_PATH], NULL)) continue;
        best = s->route[i].specificity;
        c->op = op;
    }
    if (c->op) vp_route_match(&s->route[c->op - s->def->ops], c->field[VP_F_PATH], &c->params);
}

static bool serving(const vp_service *s) {
    return s->generation && !s->setup_owed && !s->setup_failed && vp_store_up(s->store);
}

/* What every row shares: the route, who may, the body's cap. */
static void admit(vp_service *s, slot *k) {
    vp_call *c = &k->call;
    c->role = vp_role_parse(c->field[VP_F_ACTOR_ROLE]);
    vp_str id = c->field[VP_F_REQUEST_ID];
    if (vp_ulid_valid(id)) {
        memcpy(c->request_id, id.p, VP_ULID_LEN);
        c->request_id[VP_ULID_LEN] = '\0';
    }
    find_op(s, c);
    if (!c->op)
        vp_call_fail(c, VP_ENOTFOUND, "Nothing is here.");
    else if (!vp_call_may(c, c->op->may))
        vp_call_fail(c, c->role ? VP_EDENIED : VP_EAUTH, "%s",
                     c->role ? "This account may not do that." : "Please sign in first.");
    else if ((int64_t)c->body.n > c->op->size)
        vp_call_fail(c, VP_ETOOBIG, "The body may have %lld bytes.", (long long)c->op->size);
    else if (!serving(s) && !s->reloading)
        vp_call_fail(c, VP_EAWAY, "The store cannot be reached just now.");
    if (c->problem.code)
        answer(s, k);
    else
        list_add(&s->pending, k);
}

static void pong(vp_service *s, zmq_msg_t *peer, uint64_t call_id) {
    vp_envelope e = {.kind = VP_KIND_PONG,
                     .flags = s->draining ? VP_FLAG_DRAINING : 0,
                     .call_id = call_id,
                     .left_ms = (uint32_t)s->in_work};
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_envelope_header(&e, header);
    if (zmq_msg_send(peer, s->router, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        send_part(s, vp_str_n(header, sizeof header), 0);
    else
        s->unsent++;
}

static void remember_peer(vp_service *s, zmq_msg_t *peer) {
    s->known = true;
    if (s->draining) return; /* the pong says so */
    for (int i = 0; i < s->n_peers; i++)
        if (zmq_msg_size(&s->peers[i]) == zmq_msg_size(peer) &&
            !memcmp(zmq_msg_data(&s->peers[i]), zmq_msg_data(peer), zmq_msg_size(peer)))
            return;
    int at = s->n_peers < PEERS_MAX ? s->n_peers++ : 0;
    if (at < s->n_peers - 1) zmq_msg_close(&s->peers[at]);
    zmq_msg_init(&s->peers[at]);
    zmq_msg_copy(&s->peers[at], peer);
}

/* One whole message: the routing id into k->peer, up to four frames; further ones are dropped.
 * False: nothing is there. */
static bool receive(vp_service *s, slot *k) {
    zmq_msg_init(&k->peer);
    if (zmq_msg_recv(&k->peer, s->router, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&k->peer);
        return false;
    }
    bool more = zmq_msg_more(&k->peer);
    while (more) {
        zmq_msg_t spare, *m = k->n_frames < VP_ENVELOPE_FRAMES ? &k->frame[k->n_frames] : &spare;
        zmq_msg_init(m);
        if (zmq_msg_recv(m, s->router, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(m);
            break; /* frames of a message arrive together, so this is the end of the context */
        }
        more = zmq_msg_more(m);
        if (m == &spare)
            zmq_msg_close(m);
        else
            k->n_frames++;
    }
    return true;
}

static void take(vp_service *s, slot *k) {
    vp_str frames[VP_ENVELOPE_FRAMES];
    vp_envelope e;
    vp_fault why = {0};
    vp_call *c = &k->call;
    for (int i = 0; i < k->n_frames; i++)
        frames[i] = vp_str_n(zmq_msg_data(&k->frame[i]), zmq_msg_size(&k->frame[i]));
    if (vp_envelope_decode(frames, (size_t)k->n_frames, &e, &why)) {
        s->refused++;
        vp_log(VP_LOG_WARN, NULL, "dropped a message: %s", why.text);
        slot_put(s, k);
        return;
    }
    if (e.kind == VP_KIND_PING) {
        remember_peer(s, &k->peer);
        pong(s, &k->peer, e.call_id);
        slot_put(s, k);
        return;
    }
    if (e.kind != VP_KIND_CALL) {
        s->refused++;
        slot_put(s, k);
        return;
    }
    s->last_call = vp_clock_ms();
    k->call_id = e.call_id;
    k->started_us = vp_clock_us();
    k->deadline_ms = s->last_call + e.left_ms;
    c->not_after_ms = e.not_after_ms;
    c->body = e.body;
    memcpy(c->resend_id, e.resend_id, sizeof c->resend_id);
    if (vp_fields_decode(e.head, c->field, &why) || vp_fields_decode(e.context, c->field, &why)) {
        s->refused++;
        vp_call_fail(c, VP_EPROTO, "%s", why.text);
        answer(s, k);
        return;
    }
    admit(s, k);
}

/* Takes what has arrived, until the router is dry: its descriptor tells of news only once, and
 * sending may swallow that. Polling the descriptor instead of the socket saves several system calls
 * a turn. False: more may be there. When all slots are in work the rest waits in the socket, whose
 * peers hold at most 256 calls each. */
static bool receive_all(vp_service *s) {
    s->touched = false;
    for (int i = 0; i < VP_SERVICE_BATCH; i++) {
        slot *k = slot_get(s);
        if (!k) return true;
        if (!receive(s, k)) {
            k->timer = 1; /* there is no peer to close */
            slot_put(s, k);
            return true;
        }
        take(s, k);
    }
    return false;
}

/* -- commands and replies -------------------------------------------------------------------- */

static void owe(vp_service *s, owed o) {
    assert(s->owed_tail - s->owed_head < OWED_MAX);
    if (s->owed_head == s->owed_tail) s->owed_since = vp_clock_ms();
    s->owed[s->owed_tail++ % OWED_MAX] = o;
}

vp_err service_append(vp_service *s, slot *k, join *j, int argc, const vp_str *argv) {
    vp_err rc = vp_store_append(s->store, argc, argv);
    if (rc) return rc;
    owe(s,
        (owed){
            .kind = k ? OWED_SLOT : OWED_JOIN, .slot = k, .index = k ? k->n_next : 0, .join = j});
    s->batch_owed++;
    return VP_OK;
}

const char *service_prefix(const vp_service *s) {
    return s->functions.prefix;
}

join *service_join(vp_service *s, const char *name, vp_str key, bool *fresh) {
    for (join *j = s->joins; j; j = j->next)
        if (j->n_members < VP_JOIN_MAX && !j->reply && !strcmp(j->name, name) &&
            vp_str_eq(vp_str_n(j->bytes.data + j->part[0].at, j->part[0].n), key)) {
            *fresh = false;
            return j;
        }
    join *j = vp_alloc(sizeof *j);
    j->name = name;
    j->n_parts = j->n_keys = j->n_shared = j->n_members = 0;
    j->reply = NULL;
    vp_buf_init(&j->bytes, JOIN_BYTES_MAX);
    j->next = s->joins;
    s->joins = j;
    *fresh = true;
    return j;
}

static void joins_free(join *first) {
    while (first) {
        join *j = first;
        first = j->next;
        if (j->reply) freeReplyObject(j->reply);
        vp_buf_release(&j->bytes);
        free(j);
    }
}

/* FCALL name n_keys keys… members shared… args… */
static vp_err join_append(vp_service *s, join *j) {
    vp_str argv[VP_ARGS_MAX + 8];
    char full[128], keys[16], members[16];
    int n = 0;
    snprintf(full, sizeof full, "%s%s", s->functions.prefix, j->name);
    snprintf(keys, sizeof keys, "%d", j->n_keys);
    snprintf(members, sizeof members, "%d", j->n_members);
    argv[n++] = VP_STR("FCALL");
    argv[n++] = vp_str_of(full);
    argv[n++] = vp_str_of(keys);
    for (int i = 0; i < j->n_parts; i++) {
        if (i == j->n_keys) argv[n++] = vp_str_of(members);
        argv[n++] = vp_str_n(j->bytes.data + j->part[i].at, j->part[i].n);
    }
    return service_append(s, NULL, j, n, argv);
}

static const struct {
    const char *prefix;
    vp_err code;
    const char *detail;
} redis_errors[] = {
    {"LOADING", VP_EAWAY, "The store is starting."},
    {"MASTERDOWN", VP_EAWAY, "The store is changing its master."},
    {"READONLY", VP_EAWAY, "The store is changing its master."},
    {"NOREPLICAS", VP_EAWAY, "The store has too few replicas."},
    {"OOM", VP_EAWAY, "The store is full."},
    {"MISCONF", VP_EAWAY, "The store cannot write to its disk."},
    {"BUSY", VP_EAWAY, "The store is busy."},
};

static void reply_error(slot *k, const char *text) {
    for (size_t i = 0; i < sizeof redis_errors / sizeof redis_errors[0]; i++)
        if (!strncmp(text, redis_errors[i].prefix, strlen(redis_errors[i].prefix))) {
            vp_problem_set(&k->call.problem, redis_errors[i].code, "%s", redis_errors[i].detail);
            k->failed = true;
            return;
        }
    if (strstr(text, "Function not found") && !k->rerun_used) {
        k->rerun = true; /* nothing was done: load and prepare again */
        return;
    }
    vp_log(VP_LOG_ERROR, k->call.request_id, "%s: redis: %s", k->call.op->name, text);
    vp_problem_set(&k->call.problem, VP_ESYSTEM, "The store refused the operation.");
    k->failed = true;
}

static void slot_reply(slot *k, int index, redisReply *r) {
    k->owed--;
    if (r->type == REDIS_REPLY_ERROR) {
        reply_error(k, r->str);
        if (!k->joined[index]) freeReplyObject(r);
        return;
    }
    k->call.reply[index] = r;
}

static void join_reply(join *j, redisReply *r) {
    j->reply = r;
    bool whole = r->type == REDIS_REPLY_ARRAY && r->elements == (size_t)j->n_members;
    for (int i = 0; i < j->n_members; i++) {
        slot *k = j->member[i];
        if (whole) {
            slot_reply(k, j->index[i], r->element[i]);
        } else {
            k->owed--;
            reply_error(k,
                        r->type == REDIS_REPLY_ERROR ? r->str : "a joined reply of another length");
        }
    }
}

/* Appends a command whose reply serving waits for. */
static void set_up_ask(vp_service *s, owed_kind kind, int argc, const vp_str *argv) {
    if (vp_store_append(s->store, argc, argv)) return;
    owe(s, (owed){.kind = kind});
    s->setup_owed++;
}

static void load_functions(vp_service *s) {
    vp_str load[] = {VP_STR("FUNCTION"), VP_STR("LOAD"),
                     vp_str_n(s->functions.source, s->functions.size)};
    if (s->functions.source) set_up_ask(s, OWED_LOAD, 3, load);
}

static void ask_time(vp_service *s) {
    vp_str time[] = {VP_STR("TIME")};
    if (!vp_store_append(s->store, 1, time)) owe(s, (owed){.kind = OWED_TIME});
}

/* After every (re)connection: the clock, functions, the site's key, which Redis it is. */
static void set_up(vp_service *s) {
    uint8_t fresh[VP_SEAL_KEY];
    vp_seal_random(fresh, sizeof fresh);
    vp_str set[] = {VP_STR("SET"), VP_STR("site:key"), vp_str_n(fresh, sizeof fresh), VP_STR("NX")};
    vp_str get[] = {VP_STR("GET"), VP_STR("site:key")};
    vp_str info[] = {VP_STR("INFO"), VP_STR("server")};
    s->generation = vp_store_generation(s->store);
    s->setup_owed = 0;
    s->setup_failed = false;
    s->master[0] = '\0';
    ask_time(s); /* before what serving waits for, so that nothing is served without the clock */
    load_functions(s);
    if (!vp_store_append(s->store, 4, set)) owe(s, (owed){.kind = OWED_BEAT});
    set_up_ask(s, OWED_KEY, 2, get);
    set_up_ask(s, OWED_MASTER, 2, info);
    s->beat_at = vp_clock_ms();
}

/* Without functions, key and run id nothing can be served: then the connection is tried anew, with
 * its backoff. */
static void set_up_step(vp_service *s, bool ok) {
    s->setup_failed |= !ok;
    if (--s->setup_owed > 0) return;
    s->reloading = false;
    if (s->setup_failed)
        vp_store_drop(s->store);
    else
        vp_log(VP_LOG_INFO, NULL, "ready at %s", s->record.endpoint);
}

static void on_load(vp_service *s, const redisReply *r) {
    bool ok = r->type != REDIS_REPLY_ERROR || strstr(r->str, "already exists");
    if (!ok) vp_log(VP_LOG_ERROR, NULL, "functions cannot be loaded: %s", r->str);
    set_up_step(s, ok);
}

static void on_key(vp_service *s, const redisReply *r) {
    bool ok = r->type == REDIS_REPLY_STRING && r->len == VP_SEAL_KEY;
    if (ok)
        memcpy(s->site_key, r->str, VP_SEAL_KEY);
    else
        vp_log(VP_LOG_ERROR, NULL, "the site's key in Redis is not %d bytes", VP_SEAL_KEY);
    set_up_step(s, ok);
}

static void on_master(vp_service *s, const redisReply *r) {
    static const char name[] = "\nrun_id:";
    const char *at = r->type == REDIS_REPLY_STRING ? strstr(r->str, name) : NULL;
    size_t n = at ? strspn(at + strlen(name), "0123456789abcdef") : 0;
    if (n >= MASTER_LEN)
        snprintf(s->master, sizeof s->master, "%.*s", MASTER_LEN, at + strlen(name));
    else
        vp_log(VP_LOG_ERROR, NULL, "Redis does not tell its run id");
    set_up_step(s, n >= MASTER_LEN);
}

static void on_time(vp_service *s, const redisReply *r) {
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2) return;
    int64_t sec, us;
    if (vp_str_int(vp_str_n(r->element[0]->str, r->element[0]->len), 0, INT64_MAX / 2000, &sec) ||
        vp_str_int(vp_str_n(r->element[1]->str, r->element[1]->len), 0, 999999, &us))
        return;
    s->clock_offset = sec * 1000 + us / 1000 - vp_clock_ms();
}

static void on_reply(vp_service *s, owed o, redisReply *r) {
    switch (o.kind) {
    case OWED_SLOT:
        s->batch_owed--;
        slot_reply(o.slot, o.index, r);
        return;
    case OWED_JOIN:
        s->batch_owed--;
        join_reply(o.join, r);
        return;
    case OWED_LOAD: on_load(s, r); break;
    case OWED_KEY: on_key(s, r); break;
    case OWED_MASTER: on_master(s, r); break;
    case OWED_TIME: on_time(s, r); break;
    case OWED_BEAT: break;
    }
    freeReplyObject(r);
}

/* -- batches ---------------------------------------------------------------------------------- */

/* A handler has run: what it appended becomes the slot's round, or the call is answered. */
static void after_step(vp_service *s, slot *k, vp_step step) {
    vp_call *c = &k->call;
    replies_free(k);
    c->n_replies = k->n_next;
    memset(c->reply, 0, sizeof c->reply);
    memcpy(k->joined, k->joined_next, sizeof k->joined);
    k->n_next = 0;
    if (step == VP_STEP_WAIT && k->owed == 0 && !c->problem.code)
        vp_call_fail(c, VP_ESYSTEM, "The operation waits for nothing.");
    if (k->owed == 0)
        answer(s, k);
    else
        list_add(&s->batch, k); /* also one that failed half-way: its replies still come */
}

static void run_prepare(vp_service *s, slot *k) {
    vp_call *c = &k->call;
    if (!k->timer && vp_clock_ms() > k->deadline_ms) {
        vp_call_fail(c, VP_ETIMEOUT, "It waited past its deadline.");
        answer(s, k);
        return;
    }
    after_step(s, k, c->op->prepare(c));
}

static void run_finish(vp_service *s, slot *k) {
    vp_call *c = &k->call;
    if (k->failed || c->problem.code || c->status) { /* decided before its last reply came */
        answer(s, k);
        return;
    }
    if (k->rerun) {
        k->rerun = false;
        k->rerun_used = true;
        replies_free(k);
        c->round = 0;
        vp_buf_clear(&c->out);
        vp_buf_clear(&k->head);
        k->etag[0] = '\0';
        if (!s->setup_owed) load_functions(s); /* once for all of the batch */
        s->reloading = true;
        list_add(&s->pending, k);
        return;
    }
    c->round++;
    if (c->round > VP_CALL_ROUNDS || !c->op->finish) {
        vp_call_fail(c, VP_ESYSTEM, "The operation does not end.");
        answer(s, k);
        return;
    }
    after_step(s, k, c->op->finish(c));
}

static void send_joins(vp_service *s) {
    for (join *j = s->joins; j; j = j->next) {
        if (!join_append(s, j)) continue;
        for (int i = 0; i < j->n_members; i++) {
            j->member[i]->owed--;
            vp_call_fail(&j->member[i]->call, VP_EAWAY, "The store cannot be reached just now.");
        }
    }
}

/* All replies of the batch are there: finish its calls. Some go on for another round. */
static void finish_batch(vp_service *s) {
    list old = s->batch;
    join *joins = s->joins;
    s->batch = (list){0};
    s->joins = NULL;
    for (slot *k; (k = list_take(&old));) run_finish(s, k);
    joins_free(joins);
}

static void start_batch(vp_service *s) {
    if (serving(s))
        for (slot *k; s->batch.n < VP_SERVICE_BATCH && (k = list_take(&s->pending));)
            run_prepare(s, k);
    send_joins(s);
    s->batch_sent = vp_clock_ms();
}

/* The connection is lost: what is in work may or may not have been done; say 503, and a retry with
 * the same resend id or Idempotency-Key finds out. */
static void fail_all(vp_service *s, const char *why) {
    list all[2] = {s->batch, s->pending};
    vp_log(VP_LOG_WARN, NULL, "%s", why);
    s->batch = s->pending = (list){0};
    s->batch_owed = 0;
    s->owed_head = s->owed_tail;
    s->setup_owed = 0;
    s->reloading = false;
    s->generation = 0;
    for (int i = 0; i < 2; i++)
        for (slot *k; (k = list_take(&all[i]));) {
            k->failed = true;
            vp_problem_set(&k->call.problem, VP_EAWAY, "The store cannot be reached just now.");
            answer(s, k);
        }
    joins_free(s->joins);
    s->joins = NULL;
}

/* A frozen Redis takes commands and never answers. Without calls only beats are owed, and their
 * number must not grow. */
static bool overdue(const vp_service *s) {
    int64_t now = vp_clock_ms();
    if (s->owed_head == s->owed_tail) return false;
    return (s->batch_owed && now - s->batch_sent > REDIS_OVERDUE_MS) ||
           now - s->owed_since > REDIS_SILENT_MS;
}

static void pump(vp_service *s) {
    vp_fault why = {0};
    s->redis_news = false;
    if (overdue(s)) {
        vp_fault_set(&why, "redis: no reply in time");
        vp_store_drop(s->store);
    }
    vp_err rc = vp_store_pump(s->store, &why);
    for (redisReply *r; !rc && s->owed_head != s->owed_tail && (r = vp_store_reply(s->store));) {
        s->owed_since = vp_clock_ms();
        on_reply(s, s->owed[s->owed_head++ % OWED_MAX], r);
    }
    if (!rc && s->generation && !vp_store_up(s->store)) rc = vp_store_pump(s->store, &why);
    if (rc) {
        fail_all(s, why.text[0] ? why.text : "redis: away");
        return;
    }
    if (vp_store_up(s->store) && s->generation != vp_store_generation(s->store)) set_up(s);
}

/* -- timers and the registry ------------------------------------------------------------------ */

static void start_timer(vp_service *s, int row) {
    slot *k = slot_get(s);
    if (!k) return;
    k->timer = row + 1;
    k->call.op = &s->def->ops[row];
    k->call.not_after_ms = INT64_MAX;
    s->timer_busy[row] = true;
    list_add(&s->pending, k);
}

static void run_timers(vp_service *s, int64_t now) {
    if (!serving(s)) return;
    for (int i = 0; i < s->n_ops; i++) {
        const vp_op *op = &s->def->ops[i];
        if (op->method || s->timer_busy[i] || now < s->timer_at[i]) continue;
        s->timer_at[i] = now + op->size;
        start_timer(s, i);
    }
}

static void append_beat(vp_service *s, int argc, const vp_str *argv) {
    if (!vp_store_append(s->store, argc, argv)) owe(s, (owed){.kind = OWED_BEAT});
}

static void beat(vp_service *s, int64_t now) {
    if (now < s->beat_at || !serving(s)) return;
    s->beat_at = now + VP_REGISTRY_BEAT_MS;
    ask_time(s);
    if (!s->announce || s->draining || !s->clock_offset) return;
    char key[64], score[24], old[24];
    vp_buf b;
    vp_buf_init(&b, VP_ENVELOPE_HEAD_MAX);
    s->record.load = s->in_work;
    vp_registry_write(&b, &s->record);
    snprintf(key, sizeof key, "instance:%s", s->record.id);
    snprintf(score, sizeof score, "%lld", (long long)vp_service_now(s));
    snprintf(old, sizeof old, "(%lld", (long long)(vp_service_now(s) - 12 * VP_REGISTRY_LIFE_MS));
    vp_str id = vp_str_of(s->record.id), set = VP_STR("instances");
    char life[16];
    snprintf(life, sizeof life, "%d", VP_REGISTRY_LIFE_MS);
    append_beat(
        s, 5,
        (vp_str[]){VP_STR("SET"), vp_str_of(key), vp_buf_str(&b), VP_STR("PX"), vp_str_of(life)});
    append_beat(s, 4, (vp_str[]){VP_STR("ZADD"), set, vp_str_of(score), id});
    append_beat(s, 4, (vp_str[]){VP_STR("ZREMRANGEBYSCORE"), set, VP_STR("-inf"), vp_str_of(old)});
    vp_buf_release(&b);
}

/* Out of the registry, and every caller that we know is told on the wire, which is faster. */
static void start_draining(vp_service *s) {
    char key[64];
    s->draining = true;
    s->last_call = vp_clock_ms();
    vp_log(VP_LOG_INFO, NULL, "draining, %d calls in work", s->in_work);
    if (s->announce && vp_store_up(s->store)) {
        snprintf(key, sizeof key, "instance:%s", s->record.id);
        append_beat(s, 2, (vp_str[]){VP_STR("DEL"), vp_str_of(key)});
        append_beat(s, 3, (vp_str[]){VP_STR("ZREM"), VP_STR("instances"), vp_str_of(s->record.id)});
    }
    for (int i = 0; i < s->n_peers; i++) pong(s, &s->peers[i], 0);
    for (int i = 0; i < s->n_peers; i++) zmq_msg_close(&s->peers[i]);
    s->n_peers = 0;
}

static bool drained(const vp_service *s, int64_t now) {
    return s->in_work == 0 && s->owed_head == s->owed_tail &&
           (!s->known || now - s->last_call > DRAIN_QUIET_MS);
}

/* -- life ------------------------------------------------------------------------------------- */

static int wait_ms(const vp_service *s, int64_t now) {
    int64_t wait = LOOP_WAIT_MS;
    if (!serving(s)) return LOOP_WAIT_MS; /* no timer runs */
    for (int i = 0; i < s->n_ops; i++)
        if (!s->def->ops[i].method && !s->timer_busy[i] && s->timer_at[i] - now < wait)
            wait = s->timer_at[i] - now;
    return wait < 1 ? 1 : (int)wait;
}

static void wait(vp_service *s) {
    struct pollfd fds[2] = {{.fd = s->router_fd, .events = POLLIN},
                            {.fd = vp_store_fd(s->store), .events = POLLIN}};
    if (vp_store_wants_write(s->store)) fds[1].events |= POLLOUT;
    poll(fds, 2, wait_ms(s, vp_clock_ms())); /* a descriptor of -1 is passed over */
    s->redis_news = fds[1].revents != 0;
}

/* One turn. Answers go out before the router is read, so that what they set free is in the next
 * batch. True: nothing is left to do without news. */
static bool turn(vp_service *s) {
    if (s->redis_news || !serving(s) || overdue(s)) pump(s);
    bool idle = s->batch_owed == 0;
    if (idle) finish_batch(s);
    bool dry = receive_all(s);
    run_timers(s, vp_clock_ms());
    if (!idle) return dry && !s->touched;
    start_batch(s);
    vp_store_flush(s->store);
    return dry && !s->touched && (s->batch_owed > 0 || !s->batch.first);
}

void vp_service_run(vp_service *s, const atomic_bool *stop) {
    int64_t drain_by = 0;
    for (;;) {
        int64_t now = vp_clock_ms();
        if (*stop && !s->draining) {
            start_draining(s);
            drain_by = now + VP_DRAIN_MS;
        }
        if (s->draining && (drained(s, now) || now > drain_by)) return;
        beat(s, now);
        if (turn(s)) wait(s);
    }
}

static vp_err bind_socket(vp_service *s, int type, const char *where, const char *advertise,
                          void **out, char *endpoint, size_t size, vp_fault *why) {
    int linger = 300, mandatory = 1;
    int64_t max = MESSAGE_MAX;
    size_t n = size;
    char real[192];
    *out = zmq_socket(s->zmq, type);
    if (!*out) goto failed;
    zmq_setsockopt(*out, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(*out, ZMQ_MAXMSGSIZE, &max, sizeof max);
    if (type == ZMQ_ROUTER)
        zmq_setsockopt(*out, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    if (zmq_bind(*out, where)) goto failed;
    n = sizeof real;
    if (zmq_getsockopt(*out, ZMQ_LAST_ENDPOINT, real, &n)) goto failed;
    const char *port = strrchr(real, ':');
    if (advertise && advertise[0] && !strncmp(real, "tcp://", 6) && port)
        snprintf(endpoint, size, "tcp://%.120s%s", advertise, port);
    else
        snprintf(endpoint, size, "%s", real);
    return VP_OK;
failed:
    vp_fault_set(why, "%s: %s", where, zmq_strerror(errno));
    return VP_ESYSTEM;
}

static vp_err compile_ops(vp_service *s, vp_fault *why) {
    while (s->def->ops[s->n_ops].name) s->n_ops++;
    assert(s->n_ops <= VP_REGISTRY_ROUTES);
    s->route = vp_calloc((size_t)s->n_ops, sizeof *s->route);
    s->record.routes = vp_calloc((size_t)s->n_ops, sizeof *s->record.routes);
    for (int i = 0; i < s->n_ops; i++) {
        const vp_op *op = &s->def->ops[i];
        assert(op->prepare && (op->method ? op->may != 0 : i < TIMERS_MAX));
        if (!op->method) continue;
        vp_err rc = vp_route_compile(vp_str_of(op->pattern), &s->route[i], why);
        if (rc) return rc;
        vp_registry_route *r = &s->record.routes[s->record.n_routes++];
        snprintf(r->method, sizeof r->method, "%s", op->method);
        snprintf(r->pattern, sizeof r->pattern, "%s", op->pattern);
        r->body_max = op->size;
    }
    return VP_OK;
}

vp_err vp_service_new(vp_service **out, const vp_service_def *def, const vp_service_options *o,
                      vp_fault *why) {
    vp_service *s = vp_calloc(1, sizeof *s);
    vp_err rc;
    s->def = def;
    s->announce = o->announce;
    s->owed = vp_calloc(OWED_MAX, sizeof *s->owed);
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
    if ((rc = vp_store_new(&s->store, o->redis_url, why))) goto done;
    rc = bind_socket(s, ZMQ_ROUTER, o->bind, o->advertise, &s->router, s->record.endpoint,
                     sizeof s->record.endpoint, why);
    size_t n = sizeof s->router_fd;
    if (!rc && zmq_getsockopt(s->router, ZMQ_FD, &s->router_fd, &n)) rc = VP_ESYSTEM;
    if (!rc && o->publish && o->publish[0])
        rc = bind_socket(s, ZMQ_PUB, o->publish, o->advertise, &s->publisher, s->record.publish,
                         sizeof s->record.publish, why);
done:
    *out = s;
    if (rc) vp_service_destroy(out);
    return rc;
}

void vp_service_destroy(vp_service **self_p) {
    vp_service *s = *self_p;
    if (!s) return;
    if (s->in_work) fail_all(s, "stopped with calls in work");
    if (s->router) zmq_close(s->router);
    if (s->publisher) zmq_close(s->publisher);
    while (s->free_slots) {
        slot *k = s->free_slots;
        s->free_slots = k->next;
        vp_buf_release(&k->call.out);
        vp_buf_release(&k->head);
        free(k);
    }
    vp_store_destroy(&s->store);
    vp_functions_release(&s->functions);
    vp_registry_release(&s->record);
    if (s->own_zmq && s->zmq) zmq_ctx_term(s->zmq);
    free(s->route);
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
    assert(vp_topic_valid(state->topic));
    if (!s->publisher || state->data.n > VP_TOPIC_DATA_MAX) return;
    vp_topic_stamp(state, stamp, &n);
    /* A PUB socket never blocks: a subscriber that does not read loses frames, and catches up. */
    zmq_send(s->publisher, state->topic.p, state->topic.n, ZMQ_SNDMORE);
    zmq_send(s->publisher, stamp, n, ZMQ_SNDMORE);
    zmq_send(s->publisher, state->data.p, state->data.n, 0);
}
