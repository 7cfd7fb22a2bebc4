/* reads.c - see reads.h. A hash table of the last two seconds: it is only ever emptied as a whole,
 * from its last slot on. SPDX-License-Identifier: MIT */
#include "reads.h"

#include "articles_store.h"

/* Ids are random in their last ten bytes. */
static size_t slot_of(const uint8_t id[VP_ULID_BYTES]) {
    return (size_t)(id[14] << 8 | id[15]) % READS_SLOTS;
}

void reads_add(reads *r, vp_str id) {
    uint8_t key[VP_ULID_BYTES];
    vp_ulid_bytes(id, key);
    size_t i = slot_of(key);
    while (r->slot[i].n && memcmp(r->slot[i].id, key, sizeof key)) i = (i + 1) % READS_SLOTS;
    if (!r->slot[i].n) {
        if (r->used == READS_MAX) return;
        memcpy(r->slot[i].id, key, sizeof key);
        r->used++;
    }
    r->slot[i].n++;
}

int reads_take(reads *r, char (*ids)[VP_ULID_LEN + 1], uint32_t *counts, int max) {
    int n = 0;
    for (int i = READS_SLOTS - 1; i >= 0 && n < max && r->used; i--) {
        if (!r->slot[i].n) continue;
        vp_ulid_text(r->slot[i].id, ids[n]);
        counts[n++] = r->slot[i].n;
        r->slot[i].n = 0;
        r->used--;
    }
    return n;
}

static int send(vp_call *call) {
    char text[ARTICLES_COUNT_MAX][VP_ULID_LEN + 1];
    vp_str ids[ARTICLES_COUNT_MAX];
    uint32_t counts[ARTICLES_COUNT_MAX];
    int n = reads_take(call->self, text, counts, ARTICLES_COUNT_MAX);
    for (int i = 0; i < n; i++) ids[i] = vp_str_n(text[i], VP_ULID_LEN);
    articles_store_count(call, ids, counts, n);
    return n;
}

typedef struct reads_state {
    bool last; /* nothing is left to be counted */
} reads_state;

vp_step reads_tick_prepare(vp_call *call) {
    reads_state *s = vp_call_state(call, sizeof *s);
    s->last = send(call) == 0;
    return VP_STEP_WAIT;
}

vp_step reads_tick_finish(vp_call *call) {
    reads_state *s = call->state;
    if (s->last) return vp_call_answer(call, 200);
    s->last = send(call) == 0;
    return VP_STEP_WAIT;
}
