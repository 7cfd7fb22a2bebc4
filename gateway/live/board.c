/* board.c - see board.h.
 * Topics hang in a hash table keyed by a secret of the process, because clients choose names; in
 * the list of all; and while that is so, in the lists of those that cool down (in the order in
 * which they may speak again), that are wanted, and that nobody watches (longest ago first).
 * SPDX-License-Identifier: MIT */
#include "board.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "seal.h"

enum { BUCKETS = 2 * BOARD_TOPICS, PROBLEM_MAX = 512, NUMBER_MAX = 256 };

TAILQ_HEAD(topics, board_topic);

struct board {
    board_hooks hooks;
    char epoch[BOARD_EPOCH_LEN + 1];
    uint8_t key[crypto_shorthash_KEYBYTES];
    uint64_t seq;
    int n;
    struct topics all, cooling, wanted, idle;
    board_topic *bucket[BUCKETS];
};

board *board_new(const board_hooks *hooks) {
    static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
    board *b = vp_calloc(1, sizeof *b);
    uint8_t random[BOARD_EPOCH_LEN];
    b->hooks = *hooks;
    vp_seal_random(random, sizeof random);
    vp_seal_random(b->key, sizeof b->key);
    for (int i = 0; i < BOARD_EPOCH_LEN; i++) b->epoch[i] = digits[random[i] & 31];
    TAILQ_INIT(&b->all);
    TAILQ_INIT(&b->cooling);
    TAILQ_INIT(&b->wanted);
    TAILQ_INIT(&b->idle);
    return b;
}

const char *board_epoch(const board *b) {
    return b->epoch;
}

uint64_t board_seq(const board *b) {
    return b->seq;
}

/* -- finding ---------------------------------------------------------------------------------- */

static board_topic **bucket_of(board *b, vp_str name) {
    uint64_t hash;
    crypto_shorthash((uint8_t *)&hash, (const uint8_t *)name.p, name.n, b->key);
    return &b->bucket[hash % BUCKETS];
}

board_topic *board_find(board *b, vp_str name) {
    board_topic *t = *bucket_of(b, name);
    while (t && !vp_str_eq(board_name(t), name)) t = t->in_bucket;
    return t;
}

board_topic *board_find_sealed(board *b, vp_str public_name) {
    char name[VP_TOPIC_NAME_MAX + 1];
    vp_str sealed = vp_topic_seal(public_name, name);
    return sealed.n ? board_find(b, sealed) : NULL;
}

board_topic *board_twin(board *b, const board_topic *t) {
    vp_str name = board_public_name(t);
    return t->sealed ? board_find(b, name) : board_find_sealed(b, name);
}

static void forget(board *b, board_topic *t) {
    board_topic **at = bucket_of(b, board_name(t));
    while (*at != t) at = &(*at)->in_bucket;
    *at = t->in_bucket;
    TAILQ_REMOVE(&b->all, t, all);
    if (t->is_cooling) TAILQ_REMOVE(&b->cooling, t, cooling);
    if (t->is_idle) TAILQ_REMOVE(&b->idle, t, idle);
    board_unwant(b, t);
    frame_drop(&t->frame);
    frame_drop(&t->number);
    free(t->held.data);
    free(t);
    b->n--;
}

void board_destroy(board **self_p) {
    board *b = *self_p;
    if (!b) return;
    for (board_topic *t = TAILQ_FIRST(&b->all); t; t = TAILQ_FIRST(&b->all)) forget(b, t);
    free(b);
    *self_p = NULL;
}

static void set_idle(board *b, board_topic *t, int64_t now) {
    t->is_idle = true;
    t->idle_ms = now;
    TAILQ_INSERT_TAIL(&b->idle, t, idle);
}

board_topic *board_enter(board *b, vp_str name, int64_t now) {
    board_topic *t = board_find(b, name);
    if (t) return t;
    if (b->n == BOARD_TOPICS && !TAILQ_EMPTY(&b->idle)) forget(b, TAILQ_FIRST(&b->idle));
    if (b->n == BOARD_TOPICS) return NULL;
    t = vp_calloc(1, sizeof *t);
    TAILQ_INIT(&t->watches);
    t->made_ms = now;
    t->sealed = vp_topic_is_sealed(name);
    t->name_n = (uint8_t)name.n;
    memcpy(t->name, name.p, name.n);
    board_topic **head = bucket_of(b, name);
    t->in_bucket = *head;
    *head = t;
    TAILQ_INSERT_TAIL(&b->all, t, all);
    b->n++;
    set_idle(b, t, now);
    return t;
}

void board_watch_add(board *b, board_topic *t, board_watch *w) {
    bool first = t->is_idle;
    w->topic = t;
    TAILQ_INSERT_TAIL(&t->watches, w, link);
    t->n_watches++;
    t->newcomers = true;
    if (first) {
        TAILQ_REMOVE(&b->idle, t, idle);
        t->is_idle = false;
        b->hooks.watched(b->hooks.user, t, true);
    }
    /* Of a sealed one nothing was published to us while nobody watched. */
    if (t->phase == BOARD_NEW || (first && t->sealed)) board_want(b, t);
}

void board_watch_end(board *b, board_watch *w, int64_t now) {
    board_topic *t = w->topic;
    if (!t) return;
    TAILQ_REMOVE(&t->watches, w, link);
    w->topic = NULL;
    if (--t->n_watches) return;
    frame_drop(&t->number);
    set_idle(b, t, now);
    b->hooks.watched(b->hooks.user, t, false);
}

/* -- states ----------------------------------------------------------------------------------- */

/* Frames of sealed topics have no number and use none up: from the numbers of others nobody is to
 * learn that something sealed has changed. */
static uint64_t next_number(board *b, const board_topic *t) {
    return t->sealed ? 0 : ++b->seq;
}

static void go_out(board *b, board_topic *t, live_frame *frame) {
    frame_drop(&t->frame);
    t->frame = frame;
    b->hooks.changed(b->hooks.user, t);
}

/* The held state goes out; its topic may not speak for a while. */
static void let_out(board *b, board_topic *t, int64_t now) {
    live_frame *f = frame_of_state(vp_str_n(t->held.event, t->held.event_n), b->epoch,
                                   next_number(b, t), vp_str_n(t->held.data, t->held.n));
    free(t->held.data);
    t->held.data = NULL;
    t->phase = BOARD_KNOWN;
    t->out_ms = now;
    t->is_cooling = true;
    TAILQ_INSERT_TAIL(&b->cooling, t, cooling);
    go_out(b, t, f);
}

static void hold(board_topic *t, const vp_topic_state *s) {
    t->held.data = vp_realloc(t->held.data, s->data.n);
    memcpy(t->held.data, s->data.p, s->data.n);
    t->held.n = s->data.n;
    memcpy(t->held.event, s->event.p, s->event.n);
    t->held.event_n = s->event.n;
    t->version = s->version;
}

bool board_offer(board *b, board_topic *t, const vp_topic_state *s, int64_t now) {
    bool any = t->phase == BOARD_KNOWN || t->held.data;
    if ((any && s->version <= t->version) || !s->data.n) return false;
    hold(t, s);
    board_unwant(b, t);
    if (!t->is_cooling) let_out(b, t, now);
    return true;
}

void board_problem_write(vp_buf *out, vp_str name, vp_err code) {
    vp_buf_adds(out, "event: problem\ndata: {\"topic\":");
    vp_buf_add_json(out, name);
    vp_buf_addf(out, ",\"status\":%d,\"title\":", vp_err_status(code));
    vp_buf_add_json(out, vp_str_of(vp_err_title(code)));
    vp_buf_adds(out, "}\n\n");
}

void board_absent(board *b, board_topic *t, int64_t now) {
    vp_buf event;
    board_unwant(b, t);
    t->ask_ms = now + BOARD_ABSENT_MS;
    if (t->phase != BOARD_NEW) return;
    t->phase = BOARD_ABSENT;
    vp_buf_init(&event, PROBLEM_MAX);
    board_problem_write(&event, board_public_name(t), VP_ENOTFOUND);
    go_out(b, t, frame_of_bytes(vp_buf_str(&event), next_number(b, t)));
    vp_buf_release(&event);
}

static live_frame *frame_of_number(const board_topic *t, int64_t watchers) {
    vp_buf event;
    vp_buf_init(&event, NUMBER_MAX);
    vp_buf_adds(&event, "event: watchers\ndata: {\"topic\":");
    vp_buf_add_json(&event, board_public_name(t));
    vp_buf_addf(&event, ",\"watchers\":%lld}\n\n", (long long)watchers);
    live_frame *f = frame_of_bytes(vp_buf_str(&event), 0);
    vp_buf_release(&event);
    return f;
}

void board_count(board *b, board_topic *t, int64_t watchers) {
    bool another = !t->number || watchers != t->watchers;
    if (!t->n_watches || (!another && !t->newcomers)) return;
    if (another) {
        frame_drop(&t->number);
        t->number = frame_of_number(t, watchers);
        t->watchers = watchers;
    }
    for (board_watch *each = TAILQ_FIRST(&t->watches); each; each = TAILQ_NEXT(each, link))
        if (another || !each->heard) each->heard = each->owed = true;
    t->newcomers = false;
    b->hooks.counted(b->hooks.user, t);
}

int64_t board_next_ms(const board *b) {
    const board_topic *t = TAILQ_FIRST(&b->cooling);
    return t ? t->out_ms + BOARD_EVERY_MS : -1;
}

void board_tick(board *b, int64_t now) {
    board_topic *t, *next;
    while ((t = TAILQ_FIRST(&b->cooling)) && now - t->out_ms >= BOARD_EVERY_MS) {
        TAILQ_REMOVE(&b->cooling, t, cooling);
        t->is_cooling = false;
        if (t->held.data) let_out(b, t, now);
    }
    for (t = TAILQ_FIRST(&b->idle); t && now - t->idle_ms >= BOARD_IDLE_MS; t = next) {
        next = TAILQ_NEXT(t, idle);
        forget(b, t);
    }
}

/* -- asking ----------------------------------------------------------------------------------- */

void board_want(board *b, board_topic *t) {
    if (t->asking || t->is_wanted) return;
    t->is_wanted = true;
    TAILQ_INSERT_TAIL(&b->wanted, t, wanted);
    b->hooks.wanted(b->hooks.user);
}

void board_unwant(board *b, board_topic *t) {
    if (t->is_wanted) TAILQ_REMOVE(&b->wanted, t, wanted);
    t->is_wanted = false;
}

board_topic *board_first_wanted(const board *b) {
    return TAILQ_FIRST(&b->wanted);
}

board_topic *board_first(const board *b) {
    return TAILQ_FIRST(&b->all);
}
