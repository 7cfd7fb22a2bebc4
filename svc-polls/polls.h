/* polls.h - operations on polls: make, read, list, and the timers that open and close what is due
 * and forget the voters of archived polls. SPDX-License-Identifier: MIT */
#ifndef POLLS_POLLS_H
#define POLLS_POLLS_H

#include "polls_store.h"

vp_step polls_create_prepare(vp_call *call); /* POST /api/v1/polls */
vp_step polls_create_finish(vp_call *call);
vp_step polls_list_prepare(vp_call *call); /* GET /api/v1/polls */
vp_step polls_list_finish(vp_call *call);
vp_step polls_current_prepare(vp_call *call); /* GET /api/v1/polls/current */
vp_step polls_current_finish(vp_call *call);
vp_step polls_get_prepare(vp_call *call); /* GET /api/v1/polls/{id} */
vp_step polls_get_finish(vp_call *call);
vp_step polls_due_prepare(vp_call *call); /* each POLLS_DUE_MS */
vp_step polls_due_finish(vp_call *call);

vp_step polls_sweep_prepare(vp_call *call); /* each POLLS_SWEEP_MS */
vp_step polls_sweep_finish(vp_call *call);

enum { POLLS_DUE_MS = 250, POLLS_SWEEP_MS = 500 };

/* The poll as JSON. visible: with its results. */
void polls_write(vp_buf *out, const polls_record *r, bool visible);
/* Answers with the poll that a write has made or changed, in the round after the write, which ended
 * with polls_store_read(call, id, NULL, false); its topics move on. */
vp_step polls_answer_written(vp_call *call, int status, vp_str id);

#endif
