/* polls.h - operations on polls: make, read, list, close, and the timer that opens and closes what
 * is due. SPDX-License-Identifier: MIT */
#ifndef POLLS_POLLS_H
#define POLLS_POLLS_H

#include "service.h"

vp_step polls_create_prepare(vp_call *call); /* POST /api/v1/polls */
vp_step polls_create_finish(vp_call *call);
vp_step polls_list_prepare(vp_call *call); /* GET /api/v1/polls */
vp_step polls_list_finish(vp_call *call);
vp_step polls_current_prepare(vp_call *call); /* GET /api/v1/polls/current */
vp_step polls_current_finish(vp_call *call);
vp_step polls_get_prepare(vp_call *call); /* GET /api/v1/polls/{id} */
vp_step polls_get_finish(vp_call *call);
vp_step polls_close_prepare(vp_call *call); /* POST /api/v1/polls/{id}/close */
vp_step polls_close_finish(vp_call *call);
vp_step polls_due_prepare(vp_call *call); /* each POLLS_DUE_MS */
vp_step polls_due_finish(vp_call *call);

enum { POLLS_DUE_MS = 250 };

#endif
