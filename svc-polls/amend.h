/* amend.h - what a draft changes in the poll that it was made from: an edit for the store, and what
 * each change asks of the poll. Pure. SPDX-License-Identifier: MIT */
#ifndef POLLS_AMEND_H
#define POLLS_AMEND_H

#include "polls_store.h"

/* What has to hold for a change; edit() in polls.lua decides. Of an archived poll nothing may. */
enum {
    POLLS_NEEDS_UNCLOSED = 1,
    POLLS_NEEDS_UNOPENED = 2,
    POLLS_NEEDS_UNVOTED = 4,
    POLLS_NEEDS_SETTLED = 8 /* no vote yet, or no more votes */
};

/* Which members of the body ask for what. Borrows nothing. */
enum { POLLS_ASKED_MAX = POLLS_OPTIONS_MAX + 16 };
typedef struct polls_asked {
    int n;
    struct {
        char pointer[24];
        unsigned needs;
    } row[POLLS_ASKED_MAX];
} polls_asked;

typedef struct polls_amendment {
    polls_edit edit; /* borrows from the drafts and from what follows */
    polls_asked asked;
    char conditions[64], removed[POLLS_CHOICES_TEXT_MAX], new_[POLLS_CHOICES_TEXT_MAX];
    char number[POLLS_EDIT_FIELDS][24];
    int n_numbers;
    vp_buf lines;
} polls_amendment;

/* Who changes it, and when. */
typedef struct polls_editor {
    vp_str login;
    int64_t now; /* Unix ms */
} polls_editor;

/* The draft that would make the poll as it is; *source holds its texts (a reference of the
 * caller's, also on failure, then perhaps NULL). VP_EPROTO. */
VP_CHECKED vp_err polls_draft_of(const polls_record *r, json_t **source, polls_draft *out);

/* history: the lines so far. False: nothing changes. To be released in either case. */
bool polls_amend(const polls_draft *before, const polls_draft *after, const polls_editor *by,
                 const vp_str *history, size_t n_history, polls_amendment *out);
void polls_amendment_release(polls_amendment *a);

#endif
