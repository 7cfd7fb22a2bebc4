/* streams.c - see streams.h.
 * A stream is in exactly one phase and in its list; entering a list puts it at the end, so the
 * first one is always the next whose time runs out. A topic's new frame marks its watchers and
 * queues them; the queue is worked off in portions, so that a topic with many watchers does not
 * keep the loop from everything else. A stream with a ticket has an entry in the wheel of passes.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "seal.h"
#include "streams_private.h"

enum {
    PORTION = 512,      /* streams served before the loop looks round */
    READING_MAX = 1024, /* connections beyond watchers_max: heads and short answers */
    ADMIN_MAX = 64,     /* and beyond those: of the admin's door */
    LAST_WORDS_MAX = 256,
    DISCARD_MAX = 64 * 1024,   /* a client that goes on talking is cut off */
    FAREWELL_MIN_MS = 1000,    /* watchers come back within */
    FAREWELL_SPREAD_MS = 7000, /* and not all at once */
    FAREWELL_MS = 800,         /* the process has to end: who is not told by then is not told */
};

static void give_up(live_stream *w) {
    live_count(LIVE_M_REFUSED_HEAD, 1);
    stream_close(w);
}

static void stuck(live_stream *w) {
    live_count(LIVE_M_STUCK, 1);
    stream_close(w);
}

static void beat(live_stream *w) {
    stream_enter(w, STREAM_WATCHING); /* at the end of the list again */
    if (w->pending || w->dirty) return;
    w->pending = frame_share(w->home->beat);
    stream_flush(w);
}

/* How long a stream is left alone in each phase, and what is done then. */
static const struct {
    int64_t ms;
    void (*due)(live_stream *w);
} phases[STREAM_PHASES] = {
    [STREAM_READING] = {STREAMS_HEAD_MS, give_up},
    [STREAM_WATCHING] = {STREAMS_BEAT_MS, beat},
    [STREAM_BLOCKED] = {STREAMS_STUCK_MS, stuck},
    [STREAM_ENDING] = {STREAMS_END_MS, stream_close},
};

/* Its time is over. What it has not got yet it does not get any more. One that is blocked is in the
 * middle of a frame, and just ends. */
static void expire(live_stream *w) {
    vp_buf words;
    live_count(LIVE_M_EXPIRED, 1);
    if (w->phase != STREAM_WATCHING) {
        stream_close(w);
        return;
    }
    vp_buf_init(&words, LAST_WORDS_MAX);
    unseal_problem_write(&words, (vp_str){NULL, 0}, "expired", VP_EDENIED);
    ssize_t sent =
        send(event_get_fd(&w->event), words.data, words.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    vp_buf_release(&words);
    if (sent < 0)
        stream_close(w);
    else
        stream_end(w);
}

void streams_tick(streams *s, int64_t now) {
    live_stream *over;
    while ((over = passes_due(&s->passes, now))) expire(over);
    for (int i = 0; i < STREAM_PHASES; i++) {
        live_stream *w = TAILQ_FIRST(&s->phase[i]);
        while (w && now - w->since_ms >= phases[i].ms) {
            phases[i].due(w);
            w = TAILQ_FIRST(&s->phase[i]);
        }
    }
}

/* -- reading ---------------------------------------------------------------------------------- */

/* Keeps a part of a head; most heads come whole and are never copied. */
static void keep_head(live_stream *w, size_t n) {
    w->head = vp_realloc(w->head, n);
    memcpy(w->head, w->home->scratch, n);
    w->head_n = (uint16_t)n;
}

static void take_head(live_stream *w, size_t n) {
    live_request r;
    vp_fault why = {0};
    live_head got = request_read(vp_str_n(w->home->scratch, n), &r, &why);
    if (got == LIVE_HEAD_MORE && n < LIVE_HEAD_MAX) {
        keep_head(w, n);
        return;
    }
    free(w->head);
    w->head = NULL;
    if (got == LIVE_HEAD_WHOLE)
        stream_answer(w, &r);
    else if (got == LIVE_HEAD_BAD)
        stream_refuse(w, 400, why.text);
    else
        stream_refuse(w, 431, "The request's head is too large.");
}

/* After the head only the end of the connection is of interest. */
static bool discard(live_stream *w, size_t n) {
    w->discarded += (uint32_t)n;
    return w->discarded <= DISCARD_MAX;
}

static void on_readable(live_stream *w) {
    bool reading = w->phase == STREAM_READING;
    size_t have = reading ? w->head_n : 0;
    char *to = w->home->scratch;
    ssize_t n = recv(event_get_fd(&w->event), to + have, LIVE_HEAD_MAX - have, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0 || (!reading && !discard(w, (size_t)n))) {
        stream_close(w);
        return;
    }
    if (!reading) return;
    if (have) memcpy(to, w->head, have);
    take_head(w, have + (size_t)n);
}

static void on_event(evutil_socket_t fd, short what, void *arg) {
    live_stream *w = arg;
    (void)fd;
    if (what & EV_WRITE)
        stream_flush(w); /* a read event that came with it comes again */
    else
        on_readable(w);
}

/* -- lives ------------------------------------------------------------------------------------ */

static void listen_for(live_stream *w, evutil_socket_t fd, short what) {
    event_assign(&w->event, w->home->o.base, fd, (short)(what | EV_PERSIST), on_event, w);
    event_add(&w->event, NULL);
}

void stream_enter(live_stream *w, stream_phase phase) {
    struct stream_list *lists = w->home->phase;
    bool was_blocked = w->phase == STREAM_BLOCKED, blocked = phase == STREAM_BLOCKED;
    TAILQ_REMOVE(&lists[w->phase], w, link);
    TAILQ_INSERT_TAIL(&lists[phase], w, link);
    w->phase = (uint8_t)phase;
    w->since_ms = vp_clock_ms();
    if (was_blocked == blocked) return;
    event_del(&w->event);
    listen_for(w, event_get_fd(&w->event), blocked ? EV_READ | EV_WRITE : EV_READ);
}

void streams_accept(streams *s, evutil_socket_t fd, streams_door door) {
    bool admin = door == STREAMS_ADMIN;
    if (s->n >= s->o.watchers_max + READING_MAX + (admin ? ADMIN_MAX : 0)) {
        live_count(LIVE_M_REFUSED_FULL, 1);
        close(fd);
        return;
    }
    live_stream *w = vp_calloc(1, sizeof *w);
    w->home = s;
    w->phase = STREAM_READING;
    w->admin = admin;
    w->since_ms = vp_clock_ms();
    TAILQ_INSERT_TAIL(&s->phase[STREAM_READING], w, link);
    listen_for(w, fd, EV_READ);
    s->n++;
}

/* It watches nothing any more. */
static void leave(live_stream *w) {
    streams *s = w->home;
    int64_t now = vp_clock_ms();
    if (w->phase == STREAM_WATCHING || w->phase == STREAM_BLOCKED) s->watchers--;
    vp_metric_set(&live_metric[LIVE_M_WATCHERS], s->watchers);
    if (w->is_ready) TAILQ_REMOVE(&s->ready, w, ready);
    w->is_ready = false;
    for (int i = 0; i < w->n_watches; i++) board_watch_end(s->o.board, &w->watch[i], now);
    w->n_watches = 0;
    w->dirty = 0;
    w->owed = false;
    vp_callers_leave(s->callers, &w->caller);
    frame_drop(&w->pending);
    free(w->watch);
    w->watch = NULL;
    if (w->phase == STREAM_READING)
        free(w->head);
    else
        passes_end(&w->pass);
    w->pass = NULL;
}

void stream_end(live_stream *w) {
    if (shutdown(event_get_fd(&w->event), SHUT_WR)) {
        stream_close(w);
        return;
    }
    leave(w);
    stream_enter(w, STREAM_ENDING);
}

void stream_close(live_stream *w) {
    streams *s = w->home;
    leave(w);
    event_del(&w->event);
    close(event_get_fd(&w->event));
    TAILQ_REMOVE(&s->phase[w->phase], w, link);
    free(w);
    s->n--;
}

static void close_all(streams *s) {
    for (int i = 0; i < STREAM_PHASES; i++)
        for (live_stream *w = TAILQ_FIRST(&s->phase[i]), *next; w; w = next) {
            next = TAILQ_NEXT(w, link);
            stream_close(w);
        }
}

/* -- fan-out ---------------------------------------------------------------------------------- */

static void queue(live_stream *w) {
    if (w->is_ready || w->phase == STREAM_BLOCKED) return;
    w->is_ready = true;
    TAILQ_INSERT_TAIL(&w->home->ready, w, ready);
}

static void work_soon(streams *s) {
    static const struct timeval at_once = {0, 0};
    if (!TAILQ_EMPTY(&s->ready)) event_add(s->work, &at_once);
}

void streams_changed(streams *s, board_topic *t) {
    for (const board_watch *each = TAILQ_FIRST(&t->watches); each; each = TAILQ_NEXT(each, link)) {
        live_stream *w = each->stream;
        if (w->dirty & each->bit) live_count(LIVE_M_CONFLATED, 1);
        w->dirty |= each->bit;
        queue(w);
    }
    work_soon(s);
}

void streams_counted(streams *s, board_topic *t) {
    for (const board_watch *each = TAILQ_FIRST(&t->watches); each; each = TAILQ_NEXT(each, link)) {
        if (!each->owed) continue;
        each->stream->owed = true;
        queue(each->stream);
    }
    work_soon(s);
}

static void on_work(evutil_socket_t fd, short what, void *arg) {
    streams *s = arg;
    (void)fd;
    (void)what;
    for (int i = 0; i < PORTION && !TAILQ_EMPTY(&s->ready); i++) {
        live_stream *w = TAILQ_FIRST(&s->ready);
        TAILQ_REMOVE(&s->ready, w, ready);
        w->is_ready = false;
        if (w->phase == STREAM_WATCHING) stream_flush(w);
    }
    work_soon(s);
}

/* Goes out together with the end of the stream: one packet. */
static void say_farewell(const live_stream *w) {
    char text[32];
    uint32_t random;
    vp_seal_random(&random, sizeof random);
    int n =
        snprintf(text, sizeof text, "retry: %u\n\n", FAREWELL_MIN_MS + random % FAREWELL_SPREAD_MS);
    ssize_t sent =
        send(event_get_fd(&w->event), text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE);
    (void)sent; /* one that takes nothing now has the retry of its beginning */
}

/* A frame that was begun cannot be followed by anything else than its rest, so a blocked stream
 * just ends. */
void streams_farewell(streams *s) {
    int64_t by = vp_clock_ms() + FAREWELL_MS;
    for (live_stream *w = TAILQ_FIRST(&s->phase[STREAM_WATCHING]), *next; w; w = next) {
        next = TAILQ_NEXT(w, link);
        if (vp_clock_ms() < by) say_farewell(w);
        stream_close(w);
    }
    close_all(s);
}

/* -- all of them ------------------------------------------------------------------------------ */

vp_err streams_new(streams **out, const streams_options *o, vp_fault *why) {
    streams *s = vp_calloc(1, sizeof *s);
    vp_err rc = http_networks_parse(o->trusted_proxies, &s->trusted, why);
    s->o = *o;
    s->callers = vp_callers_new(o->per_address);
    passes_init(&s->passes, vp_clock_ms());
    s->beat = frame_of_bytes(VP_STR(": hb\n\n"), 0);
    for (int i = 0; i < STREAM_PHASES; i++) TAILQ_INIT(&s->phase[i]);
    TAILQ_INIT(&s->ready);
    s->work = event_new(o->base, -1, 0, on_work, s);
    if (!rc && !s->work) {
        vp_fault_set(why, "libevent gives no timer");
        rc = VP_ESYSTEM;
    }
    *out = s;
    if (rc) streams_destroy(out);
    return rc;
}

void streams_destroy(streams **self_p) {
    streams *s = *self_p;
    if (!s) return;
    close_all(s);
    if (s->work) event_free(s->work);
    frame_drop(&s->beat);
    vp_callers_destroy(&s->callers);
    free(s);
    *self_p = NULL;
}
