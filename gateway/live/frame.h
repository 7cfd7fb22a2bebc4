/* frame.h - one ready piece of an event stream: built once, shared by reference among all who get
 * it, freed with the last reference. Belongs to the hub's thread.
 * SPDX-License-Identifier: MIT */
#ifndef LIVE_FRAME_H
#define LIVE_FRAME_H

#include <sys/uio.h>

#include "buf.h"

typedef struct live_frame {
    int refs;
    bool state;     /* a topic's state: its first sending to a watcher is called `snapshot` */
    uint32_t n;     /* bytes */
    uint32_t first; /* length of the line "event: NAME\n" that a state begins with */
    uint64_t seq;   /* order among all frames of public topics of this hub; of others 0 */
    char bytes[];
} live_frame;

/* event: NAME, id: EPOCH-SEQ (none with seq 0), data: the one line as the service gave it. */
live_frame *frame_of_state(vp_str event, const char *epoch, uint64_t seq, vp_str data);
/* Bytes as they are. */
live_frame *frame_of_bytes(vp_str bytes, uint64_t seq);
live_frame *frame_share(live_frame *f); /* one reference more */
void frame_drop(live_frame **f_p);      /* one less; sets *f_p to NULL; NULL-safe */

/* How long the frame is, as a snapshot or as it is. */
size_t frame_size(const live_frame *f, bool snapshot);
/* Its bytes from `from` on, in up to two pieces; returns how many. */
int frame_pieces(const live_frame *f, bool snapshot, size_t from, struct iovec out[2]);

#endif
