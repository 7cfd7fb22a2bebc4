/* memo.h - what this instance remembers of the polls in use, so that a ballot needs no extra round
 * and a batch renders its results once. Bounded; any row may be forgotten at any time, and
 * nothing in it decides anything: the functions do. SPDX-License-Identifier: MIT */
#ifndef POLLS_MEMO_H
#define POLLS_MEMO_H

#include "tally.h"
#include "voters.h"

enum { POLLS_MEMO_SETS = 64, POLLS_MEMO_WAYS = 4 };

typedef struct polls_memo_row {
    char id[VP_ULID_LEN + 1];
    bool has_key;
    uint8_t key[VP_SEAL_KEY]; /* of the poll's MACs; never changes */
    polls_voting voting;      /* as it was when the key came */
    int64_t published;        /* version of the topic's state that went out last */
    int64_t sealed;           /* the same of its sealed twin */
    polls_tally tally;        /* read from text; n of text 0: none yet */
    size_t text_n, json_n;
    char text[POLLS_TALLY_TEXT_MAX], json[POLLS_TALLY_TEXT_MAX]; /* the same as results */
} polls_memo_row;

typedef struct polls_memo {
    polls_memo_row row[POLLS_MEMO_SETS][POLLS_MEMO_WAYS];
    uint8_t oldest[POLLS_MEMO_SETS];
} polls_memo;

/* id: a valid ULID. NULL when it is not remembered. */
polls_memo_row *polls_memo_find(polls_memo *m, vp_str id);
/* Its row, which may be a fresh one in place of another poll's. */
polls_memo_row *polls_memo_take(polls_memo *m, vp_str id);
/* The same, and keeps the key of the poll (VP_SEAL_KEY bytes) and who may vote. */
polls_memo_row *polls_memo_keep(polls_memo *m, vp_str id, vp_str key, polls_voting voting);
/* Brings tally and json up to date with a text from a function. VP_EPROTO: it is none. */
VP_CHECKED vp_err polls_memo_update(polls_memo_row *row, vp_str text);

#endif
