/* tally.h - the numbers of one poll as its functions tell them, and as JSON.
 * Functions send a tally as one text (polls.lua); a batch of ballots shares it. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef POLLS_TALLY_H
#define POLLS_TALLY_H

#include "buf.h"

enum {
    POLLS_OPTIONS_MAX = 24,
    POLLS_TALLY_TEXT_MAX = 1024, /* the longest text and JSON of a tally; both fit with room */
    POLLS_ETAG_MAX = 64
};

typedef enum polls_status {
    POLLS_SCHEDULED,
    POLLS_OPEN,
    POLLS_CLOSED,
    POLLS_ARCHIVED,
    POLLS_STATUS_COUNT
} polls_status;

/* Who may see the results; staff (author and above) always may. */
typedef enum polls_shown {
    POLLS_ALWAYS,
    POLLS_AFTER_VOTE,  /* who has voted */
    POLLS_AFTER_CLOSE, /* everybody, once it is closed */
    POLLS_STAFF,
    POLLS_SHOWN_COUNT
} polls_shown;

const char *polls_status_word(polls_status s);
const char *polls_shown_word(polls_shown s);
/* POLLS_STATUS_COUNT when it is none. */
polls_status polls_status_of(vp_str word);

typedef struct polls_tally {
    polls_status status;
    polls_shown shown;
    int64_t revision, version, stamp, voters, votes;
    int n;
    struct {
        vp_str id; /* digits; borrowed from the text */
        int64_t count;
    } option[POLLS_OPTIONS_MAX];
} polls_tally;

/* The text up to the next separator, or to the end; *rest is what follows. Empty at the end. */
vp_str polls_cut(vp_str *rest, char separator);

/* VP_EPROTO when it is not such a text. */
VP_CHECKED vp_err polls_tally_read(vp_str text, polls_tally *out);

bool polls_tally_closed(const polls_tally *t);
/* May everybody see the numbers? Then answers may be shared, and the topic carries them. */
bool polls_tally_public(const polls_tally *t);
bool polls_tally_visible(const polls_tally *t, bool staff, bool voted);

/* {"poll_id":…} as in the HTTP contract. */
void polls_tally_write(vp_buf *out, vp_str poll_id, const polls_tally *t);
/* "REVISION.REST": REST is the version; where that is not shown it is "0" and the stamp, so that
 * votes leave it alone and it equals no version. */
void polls_tally_etag(const polls_tally *t, bool visible, char out[POLLS_ETAG_MAX]);

/* The state of the topic poll:ID: its version, event and data. Hidden numbers are not in it, but in
 * that of its sealed twin. */
int64_t polls_state_version(const polls_tally *t, bool sealed);
const char *polls_state_event(const polls_tally *t);
void polls_state_write(vp_buf *out, vp_str poll_id, const polls_tally *t, bool sealed);

#endif
