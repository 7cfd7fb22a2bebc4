/* draft.h - the body that makes a poll, checked and brought into one form. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef POLLS_DRAFT_H
#define POLLS_DRAFT_H

#include "json.h"
#include "tally.h"
#include "voters.h"

enum { POLLS_CAP_DEFAULT = 500, POLLS_CAP_MAX = 1000000 };

extern const vp_json_rule polls_draft_rules[];

typedef struct polls_draft {
    vp_str question, kind, results; /* borrowed from the body */
    vp_str article;                 /* a ULID, or absent */
    vp_buf options;                 /* [{"id":"1","text":"…"}, …]: kept and answered as it is */
    vp_buf ids;                     /* 1,2,3 */
    vp_buf folded;                  /* question and options as they are searched for */
    polls_voting voting;
    int64_t cap; /* of an address prefix and day; 0 where there is none */
    int64_t min, max;
    int64_t opens_at, closes_at; /* 0: at once, never */
    bool changeable;
} polls_draft;

/* body: an object that passed polls_draft_rules; now: Unix ms. VP_EINVAL with the bad fields.
 * To be released in either case. */
VP_CHECKED vp_err polls_draft_read(const json_t *body, int64_t now, polls_draft *out,
                                   vp_problem *problem);
void polls_draft_release(polls_draft *d);

#endif
