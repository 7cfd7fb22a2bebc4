/* poll_box.h - a poll as its box shows it: the form, the results, or why there are none. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef PAGES_POLL_BOX_H
#define PAGES_POLL_BOX_H

#include <jansson.h>

#include "buf.h"

/* What became of a ballot, told in the address by ?voted= after a form was posted; or what its
 * voter wants of it. */
typedef enum poll_voted {
    POLL_NOT_VOTED,
    POLL_COUNTED,    /* 1 */
    POLL_CHANGED,    /* changed */
    POLL_REFUSED,    /* already: the poll itself says why */
    POLL_CHANGING,   /* change: the form with what was chosen */
    POLL_WITHDRAWN,  /* withdrawn */
    POLL_NO_BALLOT,  /* none */
    POLL_NO_CHOICE,  /* nothing */
    POLL_BAD_CHOICE, /* refused */
    POLL_NO_CODE,    /* nocode */
    POLL_BAD_CODE,   /* code */
    POLL_NO_ACCOUNT, /* account */
    POLL_TOO_MANY,   /* many: from one network */
    POLL_NO_COOKIE,  /* cookie: in an embed */
    POLL_AWAY        /* away: in an embed */
} poll_voted;

typedef struct poll_wish {
    vp_str home;  /* raw path of the page that has the box; absent: the poll's own page */
    bool results; /* asked for instead of the form */
    poll_voted voted;
    bool embed;               /* in a frame of another site */
    const json_t *mine;       /* this voter's ballot, {choices}; NULL: none, or not kept */
    char idempotency_key[32]; /* for the forms of a page that is nobody else's; else empty */
} poll_wish;

poll_voted poll_voted_parse(vp_str word);
const char *poll_voted_word(poll_voted v);

/* poll: as its service answers. A new reference. */
json_t *poll_box(const json_t *poll, const poll_wish *wish);
/* One of a list of polls. */
json_t *poll_line(const json_t *poll);
/* The list of what was changed in a poll, {items} as its service answers. NULL: nothing. */
json_t *poll_history(const json_t *history);
/* Does the answer depend on who asks? Then nobody else may be given it. */
bool poll_is_personal(const json_t *poll, const poll_wish *wish);
/* May its voters be asked what they have chosen, by their cookie or account? */
bool poll_keeps_ballots(const json_t *poll);
/* Appends the poll's topic, after a space if need be, while there is anything to hear. */
void poll_topic(const json_t *poll, vp_buf *topics);

#endif
