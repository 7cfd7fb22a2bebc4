/* passes.c - see passes.h. A pass stands in the slot of the first second that begins after its
 * end. SPDX-License-Identifier: MIT */
#include "passes.h"

#include <stdlib.h>

#include "mem.h"

void passes_init(passes *s, int64_t now_ms) {
    *s = (passes){.second = now_ms / PASSES_SLOT_MS};
}

live_pass *passes_add(passes *s, struct live_stream *stream, int64_t now_ms, int64_t left_ms) {
    live_pass *p = vp_calloc(1, sizeof *p);
    if (left_ms > PASSES_MOST_MS) left_ms = PASSES_MOST_MS;
    if (left_ms < 0) left_ms = 0;
    int64_t second = (now_ms + left_ms) / PASSES_SLOT_MS + 1;
    p->stream = stream;
    LIST_INSERT_HEAD(&s->slot[second % PASSES_SLOTS], p, link);
    return p;
}

void passes_end(live_pass **p_p) {
    if (!*p_p) return;
    LIST_REMOVE(*p_p, link);
    free(*p_p);
    *p_p = NULL;
}

struct live_stream *passes_due(passes *s, int64_t now_ms) {
    int64_t now = now_ms / PASSES_SLOT_MS;
    if (now - s->second > PASSES_SLOTS) s->second = now - PASSES_SLOTS; /* once round is all */
    for (; s->second < now; s->second++) {
        const live_pass *p = LIST_FIRST(&s->slot[(s->second + 1) % PASSES_SLOTS]);
        if (p) return p->stream;
    }
    return NULL;
}
