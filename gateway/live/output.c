/* output.c - frames onto the wire: what a stream has to get is planned anew for each write, so a
 * frame that was not begun is replaced by a newer one for free. The number of watchers of a topic
 * comes after the topic's first state. SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>

#include "streams_private.h"

enum { PARTS = 16 }; /* frames in one write */

typedef struct part {
    board_watch *watch; /* NULL: the pending frame */
    live_frame *frame;
    bool snapshot, number;
} part;

/* The one with the lowest number: so that a watcher which has number N has all below. */
static board_watch *oldest(const live_stream *w, uint32_t dirty) {
    board_watch *best = NULL;
    for (; dirty; dirty &= dirty - 1) {
        board_watch *each = &w->watch[__builtin_ctz(dirty)];
        if (!best || each->topic->frame->seq < best->topic->frame->seq) best = each;
    }
    return best;
}

static int plan(const live_stream *w, part out[PARTS]) {
    int n = 0;
    uint32_t dirty = w->dirty;
    if (w->pending) out[n++] = (part){NULL, w->pending, w->pending_snapshot, false};
    while (dirty && n < PARTS) {
        board_watch *each = oldest(w, dirty);
        live_frame *f = each->topic->frame;
        out[n++] = (part){each, f, f->state && !(w->told & each->bit), false};
        dirty &= ~each->bit;
    }
    for (int i = 0; w->owed && i < w->n_watches && n < PARTS; i++) {
        board_watch *each = &w->watch[i];
        bool begun = (w->told & each->bit) || (w->dirty & ~dirty & each->bit);
        if (each->owed && begun) out[n++] = (part){each, each->topic->number, false, true};
    }
    return n;
}

/* Bytes taken by the socket; 0 when it is full, -1 when it is broken. */
static ssize_t send_parts(const live_stream *w, const part *parts, int n) {
    struct iovec pieces[2 * PARTS];
    struct msghdr message = {.msg_iov = pieces};
    for (int i = 0; i < n; i++) {
        size_t from = parts[i].watch ? 0 : w->offset;
        message.msg_iovlen += (size_t)frame_pieces(parts[i].frame, parts[i].snapshot, from,
                                                   pieces + message.msg_iovlen);
    }
    ssize_t sent = sendmsg(event_get_fd(&w->event), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

static void settle_number(live_stream *w, board_watch *watch) {
    watch->owed = w->owed = false;
    for (int i = 0; i < w->n_watches; i++) w->owed |= w->watch[i].owed;
}

/* This topic's frame is sent or begun. */
static void settle(live_stream *w, const part *p) {
    if (!p->watch) return;
    if (p->number) {
        settle_number(w, p->watch);
        return;
    }
    w->dirty &= ~p->watch->bit;
    if (p->frame->state) w->told |= p->watch->bit;
}

/* Takes `sent` bytes off the plan. True: all of it went. */
static bool commit(live_stream *w, const part *parts, int n, size_t sent) {
    for (int i = 0; i < n; i++) {
        const part *p = &parts[i];
        size_t begun = p->watch ? 0 : w->offset;
        size_t left = frame_size(p->frame, p->snapshot) - begun;
        if (sent < left) {
            if (sent && p->watch) {
                settle(w, p);
                w->pending = frame_share(p->frame);
                w->pending_snapshot = p->snapshot;
            }
            if (sent) w->offset = (uint32_t)(begun + sent);
            return false;
        }
        sent -= left;
        settle(w, p);
        live_count(LIVE_M_FRAMES, 1);
        if (p->watch) continue;
        frame_drop(&w->pending);
        w->pending_snapshot = false;
        w->offset = 0;
    }
    return true;
}

void stream_flush(live_stream *w) {
    part parts[PARTS];
    for (int n = plan(w, parts); n; n = plan(w, parts)) {
        ssize_t sent = send_parts(w, parts, n);
        if (sent < 0) {
            stream_close(w);
            return;
        }
        if (commit(w, parts, n, (size_t)sent)) continue;
        if (sent || w->phase != STREAM_BLOCKED) stream_enter(w, STREAM_BLOCKED);
        return;
    }
    if (w->phase == STREAM_BLOCKED) stream_enter(w, STREAM_WATCHING);
}
