/* diff.h - two texts line by line: what was taken out and what was put in (Myers' shortest edit
 * script). Bounded: where the texts differ by more than DIFF_EDITS_MAX lines, or it takes more than
 * DIFF_STEPS_MAX comparisons, all that is between the first and the last difference counts as
 * changed. Pure. SPDX-License-Identifier: MIT */
#ifndef ARTICLES_DIFF_H
#define ARTICLES_DIFF_H

#include "buf.h"

enum {
    DIFF_EDITS_MAX = 500,        /* lines taken out and put in; 1 MB while it looks */
    DIFF_STEPS_MAX = 1000 * 1000 /* a few milliseconds */
};

typedef enum diff_op { DIFF_SAME, DIFF_REMOVED, DIFF_ADDED } diff_op;

/* Lines [before, before + n) of the one text, [after, after + n) of the other; of what was removed
 * or added, where it would stand in the other one. */
typedef struct diff_block {
    diff_op op;
    size_t before, after, n;
} diff_block;

typedef struct diff {
    vp_str *before, *after; /* lines, without their ends; they borrow from the texts */
    size_t n_before, n_after;
    diff_block *block; /* in order */
    size_t n;
    bool exact; /* false: a bound was met */
} diff;

void diff_make(diff *d, vp_str before, vp_str after); /* release it */
void diff_release(diff *d);

#endif
