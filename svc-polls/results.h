/* results.h - what this service tells of a poll's numbers: to whom, in which answer, on which
 * topic. Also the state that all its operations share. SPDX-License-Identifier: MIT */
#ifndef POLLS_RESULTS_H
#define POLLS_RESULTS_H

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

/* A read of one poll for this reader, in as many rounds as it takes to know whether the reader may
 * see the numbers. begin: in prepare; step: in finish. */
vp_step polls_look_begin(vp_call *call);
/* VP_STEP_WAIT: another round. VP_STEP_DONE: failed, or *out and *visible are set. */
vp_step polls_look_step(vp_call *call, polls_found *out, bool *visible);

void polls_etag_field(vp_call *call, const polls_tally *t, bool visible);
/* ETag, Cache-Control and Surrogate-Key of a read. */
void polls_read_fields(vp_call *call, const polls_record *r, bool visible);

/* Brings the poll's row up to date with a tally. NULL: the call has failed. */
polls_memo_row *polls_refresh(vp_call *call, vp_str id, vp_str tally);
/* Hands the topic's state out when it is newer than what went out before. After a ballot only
 * where the results are public: else the time of a frame would tell of a vote. */
void polls_publish(vp_call *call, polls_memo_row *row);

vp_step polls_results_prepare(vp_call *call); /* GET /api/v1/polls/{id}/results */
vp_step polls_results_finish(vp_call *call);
vp_step polls_topics_prepare(vp_call *call); /* SYNC /topics */
vp_step polls_topics_finish(vp_call *call);

#endif
