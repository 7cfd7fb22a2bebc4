/* topics.h - what live streams are told of polls. A poll whose results are not public has two
 * topics: poll:ID says no more than whether it is closed, and moves only with that; its sealed twin
 * ~poll:ID carries the numbers, for those who hold a ticket. SPDX-License-Identifier: MIT */
#ifndef POLLS_TOPICS_H
#define POLLS_TOPICS_H

#include "reader.h"

/* Brings the poll's row up to date with a tally. NULL: the call has failed. */
polls_memo_row *polls_refresh(vp_call *call, vp_str id, vp_str tally);
/* Hands out what is newer than what went out before. A poll's public state moves with ballots only
 * where the results are public: else the time of a frame would tell of a vote. */
void polls_publish(vp_call *call, polls_memo_row *row);

vp_step polls_topics_prepare(vp_call *call); /* SYNC /topics */
vp_step polls_topics_finish(vp_call *call);
vp_step polls_watchers_prepare(vp_call *call); /* SYNC /watchers */
vp_step polls_watchers_finish(vp_call *call);
vp_step polls_ticket_key_prepare(vp_call *call); /* SYNC /ticket-key */

#endif
