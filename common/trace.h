/* trace.h - which request something is about: its id, and its trace through all processes, as W3C
 * Trace Context writes it. Logs show both. SPDX-License-Identifier: MIT */
#ifndef VP_TRACE_H
#define VP_TRACE_H

#include "buf.h"
#include "ulid.h"

enum { VP_TRACE_ID = 32, VP_TRACEPARENT = 55 };

typedef struct vp_trace {
    char request[VP_ULID_LEN + 1];   /* "": none */
    char parent[VP_TRACEPARENT + 1]; /* what those that we call are told; "": none */
} vp_trace;

/* A request of ours. Its trace is named like it, and we are its first span. */
void vp_trace_begin(vp_trace *t, const uint8_t request[VP_ULID_BYTES]);
/* Takes the trace up that whoever asks us is in; a bad one changes nothing. */
void vp_trace_join(vp_trace *t, vp_str traceparent);
/* What a caller says that its call is about; what is not valid is left out. */
void vp_trace_take(vp_trace *t, vp_str request, vp_str traceparent);
vp_str vp_trace_id(const vp_trace *t); /* {NULL, 0}: there is none */

/* Of version 00, or of a later one as far as it is like that: "00-" 32 hex digits "-" 16 "-" 2,
 * lower case, neither of the ids zero. */
bool vp_traceparent_valid(vp_str s);

#endif
