/* frame.c - see frame.h. SPDX-License-Identifier: MIT */
#include "frame.h"

#include <assert.h>
#include <stdlib.h>

#include "mem.h"
#include "topic.h"

enum { AROUND_DATA = 128 }; /* more than event, id and the names of the lines */

static const vp_str snapshot_line = VP_STR_INIT("event: snapshot\n");

live_frame *frame_of_bytes(vp_str bytes, uint64_t seq) {
    live_frame *f = vp_alloc(sizeof *f + bytes.n);
    *f = (live_frame){.refs = 1, .n = (uint32_t)bytes.n, .seq = seq};
    if (bytes.n) memcpy(f->bytes, bytes.p, bytes.n);
    return f;
}

live_frame *frame_of_state(vp_str event, const char *epoch, uint64_t seq, vp_str data) {
    vp_buf b;
    vp_buf_init(&b, VP_TOPIC_DATA_MAX + AROUND_DATA);
    vp_buf_adds(&b, "event: ");
    vp_buf_add_str(&b, event);
    vp_buf_addc(&b, '\n');
    size_t first = b.len;
    if (seq) vp_buf_addf(&b, "id: %s-%llu\n", epoch, (unsigned long long)seq);
    vp_buf_adds(&b, "data: ");
    vp_buf_add_str(&b, data);
    vp_buf_adds(&b, "\n\n");
    assert(!b.over);
    live_frame *f = frame_of_bytes(vp_buf_str(&b), seq);
    f->state = true;
    f->first = (uint32_t)first;
    vp_buf_release(&b);
    return f;
}

live_frame *frame_share(live_frame *f) {
    f->refs++;
    return f;
}

void frame_drop(live_frame **f_p) {
    if (*f_p && --(*f_p)->refs == 0) free(*f_p);
    *f_p = NULL;
}

size_t frame_size(const live_frame *f, bool snapshot) {
    return snapshot ? f->n - f->first + snapshot_line.n : f->n;
}

static int add(struct iovec *out, int n, const char *p, size_t size, size_t *skip) {
    size_t over = *skip < size ? *skip : size;
    *skip -= over;
    if (over == size) return n;
    memcpy(&out[n].iov_base, &(const char *){p + over}, sizeof p); /* sendmsg does not write */
    out[n].iov_len = size - over;
    return n + 1;
}

int frame_pieces(const live_frame *f, bool snapshot, size_t from, struct iovec out[2]) {
    if (!snapshot) return add(out, 0, f->bytes, f->n, &from);
    int n = add(out, 0, snapshot_line.p, snapshot_line.n, &from);
    return add(out, n, f->bytes + f->first, f->n - f->first, &from);
}
