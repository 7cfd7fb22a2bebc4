/* service_calls.c - calls between the wire and the batch: a slot for each, what a peer's bytes say,
 * who may call what, and the answer back; pings, too. See service_loop.h.
 * SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "service_loop.h"

/* -- slots ---------------------------------------------------------------------------------- */

slot *service_slot_get(vp_service *s) {
    slot *k = s->free_slots;
    assert(s->in_work < SLOTS_MAX);
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
    k->fetched = k->unsure = k->abroad = false;
    k->etag[0] = '\0';
    vp_call *c = &k->call;
    c->service = s;
    c->self = s->def->self;
    c->op = NULL;
    memset(c->field, 0, sizeof c->field);
    c->params.n = 0;
    c->body = (vp_str){0};
    c->role = VP_ROLE_NONE;
    c->trace.request[0] = c->trace.parent[0] = '\0';
    c->round = c->n_replies = c->status = c->retry_after_s = 0;
    c->problem.code = VP_OK;
    c->problem.detail[0] = '\0';
    c->problem.n_fields = 0;
    return k;
}

void service_replies_free(slot *k) {
    for (int i = 0; i < k->call.n_replies; i++)
        if (k->call.reply[i] && !k->joined[i]) freeReplyObject(k->call.reply[i]);
    k->call.n_replies = 0;
}

static void slot_put(vp_service *s, slot *k) {
    service_replies_free(k);
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

void service_slots_free(vp_service *s) {
    while (s->free_slots) {
        slot *k = s->free_slots;
        s->free_slots = k->next;
        vp_buf_release(&k->call.out);
        vp_buf_release(&k->head);
        free(k);
    }
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
    vp_problem_write(&c->out, &c->problem, vp_str_of(c->trace.request));
    vp_field_add(&k->head, VP_F_CONTENT_TYPE, VP_STR("application/problem+json"));
    vp_field_add(&k->head, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    if (c->status == 503 || c->status == 504 || c->retry_after_s) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", c->retry_after_s ? c->retry_after_s : 1);
        vp_field_add(&k->head, VP_F_RETRY_AFTER, vp_str_of(seconds));
    }
}

static bool send_part(vp_service *s, vp_str part, int flags) {
    s->touched = true;
    if (zmq_send(s->router, part.n ? part.p : "", part.n, flags | ZMQ_DONTWAIT) >= 0) return true;
    service_count(s, SERVICE_M_UNSENT, 1);
    return false;
}

/* What every word of ours says about us. */
static uint8_t flags(const vp_service *s) {
    return (uint8_t)((s->draining ? VP_FLAG_DRAINING : 0) |
                     (service_serving(s) || s->reloading ? 0 : VP_FLAG_AWAY));
}

static void send_reply(vp_service *s, slot *k) {
    vp_call *c = &k->call;
    vp_envelope e = {.kind = VP_KIND_REPLY,
                     .flags = flags(s),
                     .status = (uint16_t)c->status,
                     .call_id = k->call_id};
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_str body = vp_buf_str(&c->out);
    memcpy(e.resend_id, c->resend_id, sizeof e.resend_id);
    vp_envelope_header(&e, header);
    if (zmq_msg_send(&k->peer, s->router, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        service_count(s, SERVICE_M_UNSENT, 1); /* the caller is gone, or does not read: normal */
        return;
    }
    if (!send_part(s, vp_str_n(header, sizeof header), ZMQ_SNDMORE)) return;
    if (!send_part(s, vp_buf_str(&k->head), body.n ? ZMQ_SNDMORE : 0)) return;
    if (body.n && send_part(s, (vp_str){0}, ZMQ_SNDMORE)) send_part(s, body, 0);
}

/* Ends a call, whichever way it went. */
void service_answer(vp_service *s, slot *k) {
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
            vp_log(c->status == 503 ? VP_LOG_DEBUG : VP_LOG_WARN, &c->trace, "%s: %d %s",
                   c->op ? c->op->name : "-", c->status, c->problem.detail);
        send_reply(s, k);
    }
    service_count_answer(s, k);
    slot_put(s, k);
}

/* -- receiving ------------------------------------------------------------------------------ */

static void find_op(vp_service *s, vp_call *c) {
    int best = -1;
    c->op = NULL;
    for (int i = 0; i < s->n_ops; i++) {
        const vp_op *op = &s->ops[i];
        if (!op->method || !vp_str_eq(vp_str_of(op->method), c->field[VP_F_METHOD])) continue;
        if (s->route[i].specificity <= best) continue;
        if (!vp_route_match(&s->route[i], c->field[VP_F_PATH], NULL)) continue;
        best = s->route[i].specificity;
        c->op = op;
    }
    if (c->op) vp_route_match(&s->route[c->op - s->ops], c->field[VP_F_PATH], &c->params);
}

/* What every row shares: the route, who may, the body's cap. */
static void admit(vp_service *s, slot *k) {
    vp_call *c = &k->call;
    c->role = vp_role_parse(c->field[VP_F_ACTOR_ROLE]);
    vp_trace_take(&c->trace, c->field[VP_F_REQUEST_ID], c->field[VP_F_TRACEPARENT]);
    find_op(s, c);
    if (!c->op)
        vp_call_fail(c, VP_ENOTFOUND, "Nothing is here.");
    else if (!vp_call_may(c, c->op->may))
        vp_call_fail(c, c->role ? VP_EDENIED : VP_EAUTH, "%s",
                     c->role ? "This account may not do that." : "Please sign in first.");
    else if ((int64_t)c->body.n > c->op->size)
        vp_call_fail(c, VP_ETOOBIG, "The body may have %lld bytes.", (long long)c->op->size);
    else if (service_is_at_once(s, c->op))
        c->op->prepare(c);
    else if (!service_serving(s) && !s->reloading)
        vp_call_fail(c, VP_EAWAY, "The store cannot be reached just now.");
    else if (s->in_work > VP_SERVICE_CALLS) /* with this one */
        vp_call_fail(c, VP_EBUSY, "Too many calls are in work.");
    if (c->problem.code == VP_EBUSY) service_count(s, SERVICE_M_SHED, 1);
    if (c->problem.code || c->status)
        service_answer(s, k);
    else
        list_add(&s->pending, k);
}

static void pong(vp_service *s, zmq_msg_t *peer, uint64_t call_id) {
    vp_envelope e = {.kind = VP_KIND_PONG,
                     .flags = flags(s),
                     .call_id = call_id,
                     .left_ms = (uint32_t)s->in_work};
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_envelope_header(&e, header);
    if (zmq_msg_send(peer, s->router, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        send_part(s, vp_str_n(header, sizeof header), 0);
    else
        service_count(s, SERVICE_M_UNSENT, 1);
}

static bool is_same(zmq_msg_t *a, zmq_msg_t *b) {
    return zmq_msg_size(a) == zmq_msg_size(b) &&
           !memcmp(zmq_msg_data(a), zmq_msg_data(b), zmq_msg_size(b));
}

/* Callers ping again and again; one that asked but once, as a probe does, gives way. */
static void remember_peer(vp_service *s, zmq_msg_t *peer) {
    int at = 0;
    s->known = true;
    if (s->draining) return; /* the pong says so */
    for (int i = 0; i < s->n_peers; i++) {
        if (is_same(&s->peers[i], peer)) {
            s->peer_ms[i] = vp_clock_ms();
            return;
        }
        if (s->peer_ms[i] < s->peer_ms[at]) at = i;
    }
    if (s->n_peers < PEERS_MAX)
        at = s->n_peers++;
    else
        zmq_msg_close(&s->peers[at]);
    s->peer_ms[at] = vp_clock_ms();
    zmq_msg_init(&s->peers[at]);
    zmq_msg_copy(&s->peers[at], peer);
}

void service_tell_peers(vp_service *s) {
    for (int i = 0; i < s->n_peers; i++) {
        zmq_msg_t peer; /* sending takes it */
        zmq_msg_init(&peer);
        zmq_msg_copy(&peer, &s->peers[i]);
        pong(s, &peer, 0);
        zmq_msg_close(&peer);
    }
}

void service_forget_peers(vp_service *s) {
    for (int i = 0; i < s->n_peers; i++) zmq_msg_close(&s->peers[i]);
    s->n_peers = 0;
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
        if (!more) vp_flood_heard(s->flood, zmq_msg_get(m, ZMQ_SRCFD));
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
        service_count(s, SERVICE_M_REFUSED, 1);
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
        service_count(s, SERVICE_M_REFUSED, 1);
        slot_put(s, k);
        return;
    }
    s->last_call = vp_clock_ms();
    k->call_id = e.call_id;
    k->started_us = vp_clock_us();
    k->deadline_ms = s->last_call + e.left_ms;
    c->not_after_ms = service_fence(s, e.not_after_ms);
    c->body = e.body;
    memcpy(c->resend_id, e.resend_id, sizeof c->resend_id);
    if (vp_fields_decode(e.head, c->field, &why) || vp_fields_decode(e.context, c->field, &why)) {
        service_count(s, SERVICE_M_REFUSED, 1);
        vp_call_fail(c, VP_EPROTO, "%s", why.text);
        service_answer(s, k);
        return;
    }
    admit(s, k);
}

/* Takes what has arrived, until the router is dry: its descriptor tells of news only once, and
 * sending may swallow that. Polling the descriptor instead of the socket saves several system calls
 * a turn. It is read however many calls are in work: behind those that have to be refused there may
 * be a ping, and a peer that hears nothing gives us up. False: more may be there. */
bool service_receive(vp_service *s) {
    s->touched = false;
    for (int i = 0; i < VP_SERVICE_BATCH; i++) {
        slot *k = service_slot_get(s);
        if (!receive(s, k)) {
            k->timer = 1; /* there is no peer to close */
            slot_put(s, k);
            return true;
        }
        take(s, k);
    }
    return false;
}
