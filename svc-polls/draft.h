/* draft.h - what a poll is to be like: a body that makes one, or that changes one, checked and
 * brought into one form. Pure. SPDX-License-Identifier: MIT */
#ifndef POLLS_DRAFT_H
#define POLLS_DRAFT_H

#include "json.h"
#include "tally.h"
#include "voters.h"

enum {
    POLLS_CAP_DEFAULT = 500,
    POLLS_CAP_MAX = 1000000,
    POLLS_OPTION_ID_MAX = 99 /* of all options that a poll ever had */
};

extern const vp_json_rule polls_draft_rules[];

typedef struct polls_option {
    int id; /* 1 to POLLS_OPTION_ID_MAX; never given to another option */
    vp_str text;
} polls_option;

typedef struct polls_draft {
    vp_str question, kind, results; /* texts are borrowed: from the body, or what it is based on */
    vp_str article;                 /* a ULID, or absent */
    polls_voting voting;
    int64_t cap; /* of an address prefix and day; 0 where there is none */
    int64_t min, max;
    int64_t opens_at, closes_at; /* 0: at once, never */
    bool changeable;
    int n, last; /* options; the highest id that any ever had */
    polls_option option[POLLS_OPTIONS_MAX];
    vp_buf options; /* [{"id":"1","text":"…"}, …]: kept and answered as it is */
    vp_buf ids;     /* 1,2,3 */
    vp_buf folded;  /* question and options as they are searched for */
} polls_draft;

/* body: an object that passed the rules. base: what it changes, NULL for a new poll; what the body
 * does not name stays as it is there. now: Unix ms. VP_EINVAL with the bad fields. To be released
 * in either case. */
VP_CHECKED vp_err polls_draft_read(const json_t *body, const polls_draft *base, int64_t now,
                                   polls_draft *out, vp_problem *problem);
void polls_draft_release(polls_draft *d);

#endif
