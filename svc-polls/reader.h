/* reader.h - a poll and who asks for it: what this reader may see, in one round or two. Also the
 * state that all operations of this service share. SPDX-License-Identifier: MIT */
#ifndef POLLS_READER_H
#define POLLS_READER_H

#include "memo.h"
#include "polls_store.h"

/* The service's own state: call->self. */
typedef struct polls_self {
    polls_voter_keys voter_keys;
    polls_memo memo;
} polls_self;

polls_self *polls_self_of(const vp_call *call); /* with keys that follow the site's key */
bool polls_is_staff(const vp_call *call);

vp_step polls_unknown(vp_call *call); /* 404 */
/* The reply of polls_store_read. False: the call has failed, perhaps with 404. */
bool polls_found_one(vp_call *call, vp_str id, polls_found *out);
/* Is it the actor's own, or is the actor an editor? False: the call has failed. */
bool polls_may_change(vp_call *call, const polls_record *r);

/* What the request brings to be known as a voter; code may be absent. */
polls_bearer polls_bearer_of(const vp_call *call, vp_str code);
/* A poll's row with its key, when it is remembered. */
polls_memo_row *polls_row_with_key(const vp_call *call, vp_str id);
/* The same, with voting as the record has it now. */
polls_memo_row *polls_row_now(const vp_call *call, const polls_record *r);
/* Fails the call for a result of polls_voter_of that is not VP_OK. */
vp_step polls_no_voter(vp_call *call, vp_err why);

/* A read of one poll for this reader, in as many rounds as it takes to know whether the reader may
 * see the numbers. begin: in prepare; step: in finish. */
vp_step polls_look_begin(vp_call *call);
/* VP_STEP_WAIT: another round. VP_STEP_DONE: failed, or *out and *visible are set. */
vp_step polls_look_step(vp_call *call, polls_found *out, bool *visible);

void polls_etag_field(vp_call *call, const polls_tally *t, bool visible);
/* An ETag that is a hash of the body as it stands. */
void polls_body_etag(vp_call *call);
/* surrogate: what a shared copy is purged by; absent: the answer is private. */
void polls_cache_fields(vp_call *call, vp_str surrogate);
/* The surrogate of what is the same for all readers of a poll. */
vp_str polls_surrogate(vp_str id, char out[64]);
/* ETag, Cache-Control and Surrogate-Key of a read of one poll. */
void polls_read_fields(vp_call *call, const polls_record *r, bool visible);

/* A ticket's text in quotes, for who may see results that are hidden from others; or null. */
void polls_add_ticket(vp_call *call, vp_str id, const polls_tally *t, bool visible);

vp_step polls_results_prepare(vp_call *call); /* GET /api/v1/polls/{id}/results */
vp_step polls_results_finish(vp_call *call);

#endif
