/* streams_private.h - what the files of the streams share: streams.c (their lives), answer.c (from
 * a request to a stream or an answer) and output.c (frames onto the wire).
 * SPDX-License-Identifier: MIT */
#ifndef LIVE_STREAMS_PRIVATE_H
#define LIVE_STREAMS_PRIVATE_H

#include <event2/event_struct.h>

#include "address.h"
#include "callers.h"
#include "counters.h"
#include "passes.h"
#include "request.h"
#include "streams.h"
#include "unseal.h"

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
    union {
        char *head;      /* STREAM_READING: what has come of a head, when it came in parts */
        live_pass *pass; /* afterwards: of a stream with a ticket */
    };
    uint32_t dirty;     /* topics whose frame it has to get */
    uint32_t told;      /* topics whose snapshot it got */
    uint32_t offset;    /* bytes of pending that are sent */
    uint32_t discarded; /* bytes that came after the head */
    uint16_t head_n;
    uint8_t phase, n_watches;
    bool is_ready, pending_snapshot;
    bool owed; /* some of its watches are owed the number of watchers */
    bool admin;
} live_stream;

/* What 10,000 of them take is published: see BENCHMARKS.md. */
_Static_assert(sizeof(void *) != 8 || sizeof(live_stream) <= 232, "a stream has grown");
_Static_assert(sizeof(void *) != 8 || sizeof(board_watch) <= 40, "a watch has grown");

TAILQ_HEAD(stream_list, live_stream);

struct streams {
    streams_options o;
    http_networks trusted;
    vp_callers *callers;
    live_frame *beat;
    struct event *work; /* sends to those that are ready, some at a time */
    struct stream_list phase[STREAM_PHASES], ready;
    int n, watchers;
    passes passes;
    char scratch[LIVE_HEAD_MAX];
};

void stream_enter(live_stream *w, stream_phase phase);
void stream_close(live_stream *w);
/* It has said what it has to say: what is still read of it is thrown away, for a while. */
void stream_end(live_stream *w);

/* Sends what there is to send. The stream may be gone afterwards. */
void stream_flush(live_stream *w);

/* Answers a whole head, or one that is no head. The stream may be gone afterwards. */
void stream_answer(live_stream *w, const live_request *r);
void stream_refuse(live_stream *w, int status, const char *detail);

#endif
