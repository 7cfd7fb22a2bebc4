/* reads.h - how often articles are read: counted here without a word about who, and added up in
 * Redis every 2 s. What an instance has not handed over when it dies is lost; that is a number of a
 * list, not a record. SPDX-License-Identifier: MIT */
#ifndef ARTICLES_READS_H
#define ARTICLES_READS_H

#include "service.h"
#include "ulid.h"

enum {
    READS_SLOTS = 4096,
    READS_MAX = 3072
}; /* articles between two times; more are not counted */

typedef struct reads {
    struct {
        uint8_t id[VP_ULID_BYTES];
        uint32_t n; /* 0: free */
    } slot[READS_SLOTS];
    int used;
} reads;

void reads_add(reads *r, vp_str id); /* a valid ULID */
/* Takes up to max of them out; texts of ids, NUL-terminated. */
int reads_take(reads *r, char (*ids)[VP_ULID_LEN + 1], uint32_t *counts, int max);

vp_step reads_tick_prepare(vp_call *call); /* a timer; call->self is a reads */
vp_step reads_tick_finish(vp_call *call);

#endif
