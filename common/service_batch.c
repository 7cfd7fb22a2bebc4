/* service_batch.c - batches: commands go to Redis, their replies come back in the same order, so a
 * ring of "owed" entries says whose each is; calls that may be one function call are joined. A
 * batch is prepared, sent, and finished when its last reply is there. See service_loop.h.
 * SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "service_loop.h"

enum {
    REDIS_OVERDUE_MS = 1000, /* a batch that waits longer ends the connection */
    REDIS_SILENT_MS = 3000,  /* so does any reply that is owed for longer with none before it */
    REPLICA_MS = 500,        /* a replica has so long to take a batch's writes */
    REPLICA_KEY_MS = 60000,
    DEMOTED_MS = 1000 /* one that is no master is left at most so often */
};

/* -- commands and replies -------------------------------------------------------------------- */

void service_owe(vp_service *s, owed o) {
    assert(s->owed_tail - s->owed_head < OWED_MAX);
    if (s->owed_head == s->owed_tail) s->owed_since = vp_clock_ms();
    s->owed[s->owed_tail++ % OWED_MAX] = o;
    service_count(s, SERVICE_M_REDIS_COMMANDS, 1);
}

vp_err service_append(vp_service *s, slot *k, join *j, int argc, const vp_str *argv) {
    vp_err rc = vp_store_append(s->store, argc, argv);
    if (rc) return rc;
    service_owe(s, (owed){.kind = k ? OWED_SLOT : OWED_JOIN,
                          .slot = k,
                          .index = k ? k->n_next : 0,
                          .join = j});
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

typedef struct redis_error {
    const char *prefix;
    vp_err code;
    const char *detail;
    bool demoted; /* it is no master any more */
    bool lonely;  /* another one may be */
    bool reads;   /* and may go on */
} redis_error;

static const redis_error redis_errors[] = {
    {"LOADING", VP_EAWAY, "The store is starting."},
    {"MASTERDOWN", VP_EAWAY, "The store is changing its master.", .demoted = true},
    {"READONLY", VP_EAWAY, "The store is changing its master.", .demoted = true},
    {"NOREPLICAS", VP_EAWAY, "The store has too few replicas.", .lonely = true, .reads = true},
    {"OOM", VP_EAWAY, "The store is full.", .reads = true},
    {"MISCONF", VP_EAWAY, "The store cannot write to its disk.", .reads = true},
    {"BUSY", VP_EAWAY, "The store is busy."},
};

static const redis_error *find_error(const char *text) {
    for (size_t i = 0; i < sizeof redis_errors / sizeof redis_errors[0]; i++)
        if (!strncmp(text, redis_errors[i].prefix, strlen(redis_errors[i].prefix)))
            return &redis_errors[i];
    return NULL;
}

void service_heed(vp_service *s, const char *error) {
    const redis_error *found = find_error(error);
    if (!found) return;
    s->demoted |= found->demoted;
    s->lonely |= found->lonely;
}

bool service_reads_only(const char *error) {
    const redis_error *found = find_error(error);
    return found && found->reads;
}

static void reply_error(slot *k, const char *text) {
    const redis_error *found = find_error(text);
    if (found) {
        vp_problem_set(&k->call.problem, found->code, "%s", found->detail);
        k->failed = true;
        service_heed(k->call.service, text);
        return;
    }
    if (strstr(text, "Function not found")) {
        k->rerun = !k->rerun_used; /* nothing was done: load and prepare again */
        k->failed = k->rerun_used;
        if (k->failed) vp_problem_set(&k->call.problem, VP_EAWAY, "The store takes no functions.");
        return;
    }
    vp_log(VP_LOG_ERROR, &k->call.trace, "%s: redis: %s", k->call.op->name, text);
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

static void wait_for_replica(vp_service *s) {
    char ms[16];
    snprintf(ms, sizeof ms, "%d", REPLICA_MS);
    vp_str wait[] = {VP_STR("WAIT"), VP_STR("1"), vp_str_of(ms)};
    if (vp_store_append(s->store, 3, wait)) return; /* then the whole batch fails */
    service_owe(s, (owed){.kind = OWED_REPLICA});
    s->batch_owed++;
}

/* The small write at the end of a batch was taken, or not. */
static void on_mark(vp_service *s, bool taken) {
    bool was_alone = s->alone;
    s->alone = !taken;
    s->unsafe |= !taken;
    if (was_alone && taken) wait_for_replica(s); /* which was not asked for before */
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
    case OWED_MARK:
        s->batch_owed--;
        on_mark(s, r->type != REDIS_REPLY_ERROR);
        break;
    case OWED_REPLICA:
        s->batch_owed--;
        s->unsafe |= r->type != REDIS_REPLY_INTEGER || r->integer < 1;
        break;
    case OWED_FOLLOW: service_events_reply(o.follower, o.turn, r); break;
    default: service_set_up_reply(s, o.kind, r);
    }
    freeReplyObject(r);
}

/* -- batches ---------------------------------------------------------------------------------- */

/* A handler has run: what it appended becomes the slot's round, or the call is answered. */
static void after_step(vp_service *s, slot *k, vp_step step) {
    vp_call *c = &k->call;
    service_replies_free(k);
    if (k->abroad) return;
    c->n_replies = k->n_next;
    memset(c->reply, 0, sizeof c->reply);
    memcpy(k->joined, k->joined_next, sizeof k->joined);
    k->n_next = 0;
    if (step == VP_STEP_WAIT && k->owed == 0 && !c->problem.code)
        vp_call_fail(c, VP_ESYSTEM, "The operation waits for nothing.");
    if (k->owed == 0)
        service_answer(s, k);
    else
        list_add(&s->batch, k); /* also one that failed half-way: its replies still come */
}

static void run_prepare(vp_service *s, slot *k) {
    vp_call *c = &k->call;
    if (!k->timer && vp_clock_ms() > k->deadline_ms) {
        vp_call_fail(c, VP_ETIMEOUT, "It waited past its deadline.");
        service_count(s, SERVICE_M_EXPIRED, 1);
        service_answer(s, k);
        return;
    }
    after_step(s, k, c->op->prepare(c));
}

void service_again(vp_service *s, slot *k) {
    vp_call *c = &k->call;
    service_replies_free(k);
    c->round = 0;
    vp_buf_clear(&c->out);
    vp_buf_clear(&k->head);
    k->etag[0] = '\0';
    if (service_serving(s) || s->reloading) {
        list_add(&s->pending, k);
    } else {
        vp_call_fail(c, VP_EAWAY, "The store cannot be reached just now.");
        service_answer(s, k);
    }
}

static void run_finish(vp_service *s, slot *k) {
    vp_call *c = &k->call;
    if (k->failed || c->problem.code || c->status) { /* decided before its last reply came */
        service_answer(s, k);
        return;
    }
    if (k->rerun) {
        k->rerun = false;
        k->rerun_used = true;
        if (!s->setup_owed) service_load_functions(s); /* once for all of the batch */
        s->reloading = true;
        service_again(s, k);
        return;
    }
    c->round++;
    if (c->round > VP_CALL_ROUNDS || !c->op->finish) {
        vp_call_fail(c, VP_ESYSTEM, "The operation does not end.");
        service_answer(s, k);
        return;
    }
    after_step(s, k, c->op->finish(c));
}

static void send_joins(vp_service *s) {
    for (join *j = s->joins; j; j = j->next) {
        service_count(s, SERVICE_M_JOINED, j->n_members - 1);
        if (!join_append(s, j)) continue;
        for (int i = 0; i < j->n_members; i++) {
            j->member[i]->owed--;
            vp_call_fail(&j->member[i]->call, VP_EAWAY, "The store cannot be reached just now.");
        }
    }
}

static bool writes(const slot *k) {
    static const vp_str reads[] = {VP_STR_INIT("GET"), VP_STR_INIT("LOOK"), VP_STR_INIT("SYNC")};
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
        if (!k->timer && vp_str_eq(vp_str_of(k->call.op->method), reads[i])) return false;
    return !k->timer;
}

/* All replies of the batch are there: finish its calls. Some go on for another round. */
void service_finish_batch(vp_service *s) {
    list old = s->batch;
    join *joins = s->joins;
    bool unsafe = s->unsafe;
    if (old.first)
        vp_metric_own_observe(&s->metric[SERVICE_M_REDIS_SECONDS],
                              vp_clock_us() - s->batch_sent_us);
    service_count(s, SERVICE_M_REPLICA_MISSED, unsafe);
    s->batch = (list){0};
    s->joins = NULL;
    s->unsafe = false;
    s->lonely |= unsafe;
    for (slot *k; (k = list_take(&old));) {
        if (unsafe && writes(k)) {
            k->failed = true;
            vp_problem_set(&k->call.problem, VP_EAWAY, "The store has no replica that keeps up.");
        }
        run_finish(s, k);
    }
    joins_free(joins);
}

/* Asks that a replica has all of this batch. With a small write of its own: a retry that finds its
 * answer remembered writes nothing, and WAIT would return before the first one's writes are there.
 * A Redis that takes no writes for want of replicas would let WAIT run into its limit, and with it
 * the reads of the batch: there replicas are waited for only when that write was taken. */
static void ask_replica(vp_service *s) {
    char key[64], number[24], ms[16];
    bool any = false;
    for (const slot *k = s->batch.first; k && !any; k = k->next) any = writes(k);
    if (!any) return;
    snprintf(key, sizeof key, "wait:%s", s->record.id);
    snprintf(number, sizeof number, "%llu", (unsigned long long)++s->batches);
    snprintf(ms, sizeof ms, "%d", REPLICA_KEY_MS);
    vp_str set[] = {VP_STR("SET"), vp_str_of(key), vp_str_of(number), VP_STR("PX"), vp_str_of(ms)};
    if (vp_store_append(s->store, 5, set)) return; /* then the whole batch fails */
    service_owe(s, (owed){.kind = OWED_MARK});
    s->batch_owed++;
    if (!s->alone) wait_for_replica(s);
}

void service_start_batch(vp_service *s) {
    if (service_serving(s))
        for (slot *k; s->batch.n < VP_SERVICE_BATCH && (k = list_take(&s->pending));)
            run_prepare(s, k);
    send_joins(s);
    if (s->replica) ask_replica(s);
    if (s->batch.first) vp_metric_own_observe(&s->metric[SERVICE_M_BATCH], s->batch.n);
    s->batch_sent_us = vp_clock_us();
    s->batch_sent = vp_clock_ms();
}

/* The connection is lost: what is in work may or may not have been done; say 503, and a retry with
 * the same resend id or Idempotency-Key finds out. */
void service_fail_all(vp_service *s, const char *why) {
    list all[2] = {s->batch, s->pending};
    bool served = s->generation && !s->setup_owed && !s->setup_failed;
    vp_log(VP_LOG_WARN, NULL, "%s", why);
    s->batch = s->pending = (list){0};
    s->batch_owed = 0;
    s->unsafe = s->alone = s->demoted = s->lonely = false;
    s->owed_head = s->owed_tail;
    s->setup_owed = 0;
    s->reloading = false;
    s->generation = 0;
    for (int i = 0; i < 2; i++)
        for (slot *k; (k = list_take(&all[i]));) {
            k->failed = true;
            vp_problem_set(&k->call.problem, VP_EAWAY, "The store cannot be reached just now.");
            service_answer(s, k);
        }
    joins_free(s->joins);
    s->joins = NULL;
    if (served) service_tell_peers(s);
}

/* A frozen Redis takes commands and never answers. Without calls only beats are owed, and their
 * number must not grow. */
bool service_overdue(const vp_service *s) {
    int64_t now = vp_clock_ms();
    if (s->owed_head == s->owed_tail) return false;
    return (s->batch_owed && now - s->batch_sent > REDIS_OVERDUE_MS) ||
           now - s->owed_since > REDIS_SILENT_MS;
}

void service_pump(vp_service *s) {
    vp_fault why = {0};
    s->redis_news = false;
    if (service_overdue(s)) {
        vp_fault_set(&why, "redis: no reply in time");
        vp_store_drop(s->store);
    }
    vp_err rc = vp_store_pump(s->store, &why);
    for (redisReply *r; !rc && s->owed_head != s->owed_tail && (r = vp_store_reply(s->store));) {
        s->owed_since = vp_clock_ms();
        on_reply(s, s->owed[s->owed_head++ % OWED_MAX], r);
    }
    if (!rc && s->demoted && s->batch_owed == 0 && vp_clock_ms() >= s->demoted_ms) {
        s->demoted_ms = vp_clock_ms() + DEMOTED_MS;
        vp_fault_set(&why, "redis: no longer a master that may write");
        vp_store_drop(s->store);
    }
    if (!rc && s->generation && !vp_store_up(s->store)) rc = vp_store_pump(s->store, &why);
    if (rc) {
        service_fail_all(s, why.text[0] ? why.text : "redis: away");
        return;
    }
    if (s->batch_owed == 0) s->demoted = false;
    if (vp_store_up(s->store) && s->generation != vp_store_generation(s->store)) service_set_up(s);
}
