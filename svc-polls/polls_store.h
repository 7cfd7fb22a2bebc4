/* polls_store.h - polls in Redis: the one place that knows their keys and the shapes of their
 * functions' answers (polls.lua, beside which the keys are listed). Each call of this file adds one
 * command to the round; each decoder takes its reply. SPDX-License-Identifier: MIT */
#ifndef POLLS_STORE_H
#define POLLS_STORE_H

#include "choices.h"
#include "draft.h"
#include "service.h"
#include "voters.h"

enum { POLLS_STATES_AT_ONCE = 128 };

/* A poll as it is kept. Texts are borrowed from the reply. */
typedef struct polls_record {
    vp_str id, kind, options, question; /* options: JSON */
    int64_t min, max, opens_at, closes_at /* 0: never */, created_at;
    bool changeable;
    polls_tally tally;
} polls_record;

/* With the Idempotency-Key and the resend id of the call. Outcomes: "made" and the id. */
void polls_store_create(vp_call *call, vp_str id, const polls_draft *d);
vp_str polls_store_made(const redisReply *reply);

/* Outcomes: "moved", "closed", "archived", "missing". */
void polls_store_close(vp_call *call, vp_str id);

/* voter: POLLS_VOTER_MARK bytes to be looked up, or NULL. */
void polls_store_read(vp_call *call, vp_str id, const uint8_t *voter, bool want_key);
typedef struct polls_found {
    polls_record record;
    bool voted;
    vp_str tally_text; /* what record.tally was read from */
    vp_str key;        /* VP_SEAL_KEY bytes when it was wanted and is there */
} polls_found;
/* VP_ENOTFOUND; VP_EPROTO for what cannot be read. */
VP_CHECKED vp_err polls_store_found(const redisReply *reply, vp_str id, polls_found *out);

/* Newest first; status: POLLS_STATUS_COUNT for all; after: the last id the client has, or absent.
 */
void polls_store_page(vp_call *call, polls_status status, vp_str after, int64_t count);
VP_CHECKED vp_err polls_store_listed(const redisReply *element, polls_record *out);

/* One ballot; those of a batch for one poll go in one function call. The reply is a text: a word,
 * then what belongs to it. */
void polls_store_cast(vp_call *call, vp_str id, const polls_marks *marks, const polls_choices *c);
vp_str polls_store_word(const redisReply *reply, vp_str *rest);

/* "ID VERSION ID VERSION …" of at most POLLS_STATES_AT_ONCE polls: those that are newer. */
void polls_store_states(vp_call *call, vp_str known);
/* Opens and closes what is due. */
void polls_store_due(vp_call *call);
/* An element of either's reply. */
VP_CHECKED vp_err polls_store_state(const redisReply *element, vp_str *id, vp_str *tally);

#endif
