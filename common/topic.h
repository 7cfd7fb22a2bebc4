/* topic.h - the newest state of a topic ("poll:ID", "article:ID") on its way to voxpop-live.
 * Always a whole state with a version, never an increment: any message may be lost.
 * A topic may have a sealed twin, "~poll:ID": its state is only for those who hold a ticket. Such
 * names are for the wire between processes; nothing that a browser says may be taken for one.
 * Three ZeroMQ frames: topic | version (8 bytes, big-endian) and event name | data (a JSON object).
 * SPDX-License-Identifier: MIT */
#ifndef VP_TOPIC_H
#define VP_TOPIC_H

#include "buf.h"

enum {
    VP_TOPIC_NAME_MAX = 64,
    VP_TOPIC_EVENT_MAX = 16,
    VP_TOPIC_DATA_MAX = 64 * 1024,
    VP_TOPIC_FRAMES = 3,
    VP_TOPIC_STAMP_MAX = 8 + VP_TOPIC_EVENT_MAX,
    VP_TOPIC_SEALED = '~'
};

typedef struct vp_topic_state {
    vp_str topic, event, data; /* event: "tally", "closed" or "article" */
    uint64_t version;          /* only grows; a reader keeps the highest */
} vp_topic_state;

/* prefix:ULID with a lower-case prefix of letters: what browsers may name. */
bool vp_topic_valid(vp_str name);
/* The same, or with VP_TOPIC_SEALED in front: what processes may name to each other. */
bool vp_topic_valid_inside(vp_str name);
static inline bool vp_topic_is_sealed(vp_str name) {
    return name.n > 0 && name.p[0] == VP_TOPIC_SEALED;
}
/* The sealed twin's name of a valid one, kept in out; absent when it would be too long. */
vp_str vp_topic_seal(vp_str name, char out[VP_TOPIC_NAME_MAX + 1]);
void vp_topic_stamp(const vp_topic_state *s, char out[VP_TOPIC_STAMP_MAX], size_t *n);
VP_CHECKED vp_err vp_topic_decode(const vp_str *frames, size_t n, vp_topic_state *out,
                                  vp_fault *why);

#endif
