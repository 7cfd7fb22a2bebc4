/* polls_store.h - polls in Redis: the one place that knows their keys and the shapes of their
 * functions' answers (polls.lua, beside which the keys are listed). Each call of this file adds one
 * command to the round; each decoder takes its reply. SPDX-License-Identifier: MIT */
#ifndef POLLS_STORE_H
#define POLLS_STORE_H

#include "choices.h"
#include "draft.h"
#include "service.h"
#include "voters.h"

enum {
    POLLS_STATES_AT_ONCE = 128, /* topics in one command */
    POLLS_USED_AT_ONCE = 500,   /* codes in one command */
    POLLS_SERIES_AT_ONCE = 720, /* minutes in one command */
    POLLS_HISTORY_MAX = 500     /* lines; HISTORY_MAX of polls.lua */
};

/* A poll as it is kept. Texts are borrowed from the reply. */
typedef struct polls_record {
    vp_str id, kind, options, question; /* options: JSON */
    vp_str article, owner, ids;         /* ids: "1,2,3" */
    int64_t min, max, opens_at, closes_at /* 0: never */, created_at;
    int64_t cap, codes; /* of an address and day; how many codes there are */
    int64_t last;       /* the highest id that an option ever had; 0 of polls of schema 1 */
    bool changeable, edited;
    polls_voting voting;
    polls_tally tally;
} polls_record;

/* -- writes. With the Idempotency-Key and the resend id of the call; outcomes are read by
 * vp_call_outcome. ------------------------------------------------------------------------ */

/* Outcomes: "made" and the id. */
void polls_store_create(vp_call *call, vp_str id, const polls_draft *d);
/* The second element of an outcome: the id, or what the word needs. */
vp_str polls_store_second(const redisReply *reply);
vp_str polls_store_third(const redisReply *reply);

/* What an edit does, in the terms of edit() in polls.lua. Lists end with an absent text; field and
 * value take turns. */
enum { POLLS_EDIT_FIELDS = 32, POLLS_EDIT_LINES = POLLS_OPTIONS_MAX + 1 };
typedef struct polls_edit {
    int64_t revision;
    vp_str conditions;    /* "unvoted,unclosed,unopened,unarchived,settled" or some of them */
    vp_str removed, new_; /* ids: "2,5" */
    int n_lines, n_fields;
    vp_str line[POLLS_EDIT_LINES], field[2 * POLLS_EDIT_FIELDS];
} polls_edit;
/* Outcomes: "edited", "missing", "denied", "stale" (and the revision), "full" (of history),
 * "removed" (an option that is to go has votes), or why a condition fails: "voted", "shut",
 * "opened", "archived", "unsettled". */
void polls_store_edit(vp_call *call, vp_str id, const polls_edit *e);
/* move: "close", "reopen" or "archive"; closes_at: of a reopened poll, 0 for never.
 * Outcomes: "moved", "same", "not" (and the status that forbids it), "past", "missing", "denied".
 */
void polls_store_move(vp_call *call, vp_str id, const char *move, int64_t closes_at);
/* Outcomes: "deleted", "missing", "denied", "stale", "voted". */
void polls_store_delete(vp_call *call, vp_str id, int64_t revision);
/* n more codes. Outcomes: "issued" (the first, the last), "missing", "denied", "others" (the poll
 * goes without codes), "archived", "full". */
void polls_store_issue(vp_call *call, vp_str id, int64_t n);

/* mode: "newest", "random" or "fixed"; id: of fixed, or absent. Outcomes: "placed", "missing". */
void polls_store_place(vp_call *call, vp_str mode, vp_str id);
void polls_store_placement(vp_call *call); /* HMGET: mode, id or "" ; nil: newest */

/* -- ballots ------------------------------------------------------------------------------ */

/* One ballot; those of a batch for one poll go in one function call. address: POLLS_ADDRESS_MARK
 * bytes, or absent. The reply is a text: a word, then what belongs to it. */
void polls_store_cast(vp_call *call, vp_str id, polls_voting voting, const polls_marks *marks,
                      const polls_choices *c, vp_str address);
void polls_store_withdraw(vp_call *call, vp_str id, polls_voting voting, const polls_marks *marks);
vp_str polls_store_word(const redisReply *reply, vp_str *rest);

/* -- reads -------------------------------------------------------------------------------- */

/* voter: POLLS_VOTER_MARK bytes to be looked up, or NULL. */
void polls_store_read(vp_call *call, vp_str id, const uint8_t *voter, bool want_key);
typedef struct polls_found {
    polls_record record;
    bool voted;
    vp_str choices;    /* "1,3" of a voter of a changeable poll */
    vp_str tally_text; /* what record.tally was read from */
    vp_str key;        /* VP_SEAL_KEY bytes when it was wanted and is there */
} polls_found;
/* VP_ENOTFOUND; VP_EPROTO for what cannot be read. */
VP_CHECKED vp_err polls_store_found(const redisReply *reply, vp_str id, polls_found *out);

/* Newest first; status: POLLS_STATUS_COUNT for all; after: the last id the client has, or absent;
 * words: folded, all have to occur, at most POLLS_WORDS_MAX. */
enum { POLLS_WORDS_MAX = 8 };
void polls_store_page(vp_call *call, polls_status status, vp_str after, int64_t count,
                      const vp_str *words, int n_words);
/* The list in the reply, and the id after which the next page begins (absent: none). */
const redisReply *polls_store_items(const redisReply *reply, vp_str *next);
/* An element of the list. */
VP_CHECKED vp_err polls_store_listed(const redisReply *element, polls_record *out);
/* The one of the front page: the reply is an element, or an empty array. */
void polls_store_current(vp_call *call);

/* "ID VERSION ID VERSION …" of at most POLLS_STATES_AT_ONCE topics, ~ before an id whose sealed
 * state is meant: those that are newer. */
void polls_store_states(vp_call *call, vp_str known);
/* Opens and closes what is due. */
void polls_store_due(vp_call *call);
/* An element of either's reply. *sealed may be NULL. */
VP_CHECKED vp_err polls_store_state(const redisReply *element, vp_str *id, bool *sealed,
                                    vp_str *tally);
/* Forgets voters of archived polls bit by bit. */
void polls_store_sweep(vp_call *call);
bool polls_store_rewrite_due(const redisReply *reply); /* of sweep */
void polls_store_rewrite(vp_call *call);               /* of the append-only file */
/* "ID N ID N …", at most POLLS_STATES_AT_ONCE: an array of totals in that order. */
void polls_store_watchers(vp_call *call, vp_str hub, vp_str counts);

/* Lines of JSON, oldest first. */
void polls_store_history(vp_call *call, vp_str id);
/* Up to POLLS_SERIES_AT_ONCE minutes since 1970: minute and "OPTION N OPTION N …" in turn. */
void polls_store_series(vp_call *call, vp_str id, int64_t from, int64_t to);
/* Entries after one (absent: from the start): [[entry, [choices, ballot ids, …]], …]. */
void polls_store_journal(vp_call *call, vp_str id, vp_str after, int64_t count);
/* n marks of POLLS_VOTER_MARK bytes: a text of as many '0' and '1'. */
void polls_store_used(vp_call *call, vp_str id, const uint8_t *marks, int n);

/* A recount, by its run (a ULID). begin's outcomes: "begun", "missing". */
void polls_store_recount_begin(vp_call *call, vp_str id, vp_str run);
/* The next piece; names and values in turn as the run keeps them (journal.lua), none: it is gone.
 */
void polls_store_recount_step(vp_call *call, vp_str id, vp_str run, bool repair);

/* Lets the loop go on with other calls for a round. */
void polls_store_pause(vp_call *call);

/* A text of a reply, absent if it is none; an element of an array, NULL if there is none. */
vp_str polls_reply_text(const redisReply *r);
const redisReply *polls_reply_at(const redisReply *r, size_t i);

#endif
