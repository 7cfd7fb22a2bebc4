/* choices.h - what a ballot's body chooses: read, brought into one form, and held against a poll.
 * Options' ids are the numbers 1 to 99 as text. Pure. SPDX-License-Identifier: MIT */
#ifndef POLLS_CHOICES_H
#define POLLS_CHOICES_H

#include "json.h"
#include "tally.h"

enum { POLLS_CHOICES_TEXT_MAX = 3 * POLLS_OPTIONS_MAX + 1 };

extern const vp_json_rule polls_ballot_rules[];

typedef struct polls_choices {
    int n;
    uint8_t id[POLLS_OPTIONS_MAX]; /* as the client put them */
    size_t text_n;
    char text[POLLS_CHOICES_TEXT_MAX]; /* "1,3": ascending, so that order makes no other ballot */
} polls_choices;

/* body: an object that passed polls_ballot_rules. VP_EINVAL with fields such as /choices/0. */
VP_CHECKED vp_err polls_choices_read(const json_t *body, polls_choices *out, vp_problem *problem);

/* "1,3" as ["1","3"]. */
void polls_choices_write(vp_buf *out, vp_str choices);

/* What the poll allows, as the function tells it: "min max id,id,id". Sets the problem (422). */
void polls_choices_refuse(const polls_choices *c, vp_str allowed, vp_problem *problem);

#endif
