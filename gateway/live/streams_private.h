/* streams_private.h - what the files of the streams share: streams.c (their lives), answer.c (from
 * a request to a stream or an answer) and output.c (frames onto the wire).
 * SPDX-License-Identifier: MIT */
#ifndef LIVE_STREAMS_PRIVATE_H
#define LIVE_STREAMS_PRIVATE_H

#include <event2/event_struct.h>

#include "address.h"
#include "callers.h"
#include "counters.h"
#include "request.h"
#include "streams.h"

typedef enum stream_phase {
    STREAM_READING,  /* the head is not there yet */
    STREAM_WATCHING, /* nothing is in the way of its next frame */
    STREAM_BLOCKED,  /* its socket takes no more just now */
    STREAM_ENDING,   /* answered; what the client still sends is thrown away */
    STREAM_PHASES
} stream_phase;

typedef struct live_stream {
    struct event event;
    streams *home;
    TAILQ_ENTRY(live_stream) link;  /* all of one phase, the longest in it first */
    TAILQ_ENTRY(live_stream) ready; /* those with something to send */
    int64_t since_ms;               /* in this phase, or the last beat, or the last byte taken */
    live_frame *pending;            /* goes first; begun, or of this stream alone */
    board_watch *watch;
    vp_caller *caller;
    char *head;         /* what has come of a head, when it came in parts */
    uint32_t dirty;     /* topics whose frame it has to get */
    uint32_t told;      /* topics whose snapshot it got */
    uint32_t offset;    /* bytes of pending that are sent */
    uint32_t discarded; /* bytes that came after the head */
    uint16_t head_n;
    uint8_t phase, n_watches;
    bool is_ready, pending_snapshot;
} live_stream;

TAILQ_HEAD(stream_list, live_stream);

struct streams {
    streams_options o;
    http_networks trusted;
    vp_callers *callers;
    live_frame *beat;
    struct event *work; /* sends to those that are ready, some at a time */
    struct stream_list phase[STREAM_PHASES], ready;
    int n, watchers;
    char scratch[LIVE_HEAD_MAX];
};

void stream_enter(live_stream *w, stream_phase phase);
void stream_close(live_stream *w);

/* Sends what there is to send. The stream may be gone afterwards. */
void stream_flush(live_stream *w);

/* Answers a whole head, or one that is no head. The stream may be gone afterwards. */
void stream_answer(live_stream *w, const live_request *r);
void stream_refuse(live_stream *w, int status, const char *detail);

#endif
