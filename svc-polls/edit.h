/* edit.h - changing and deleting a poll, and what was changed in its wording. Authors change their
 * own polls, editors all. SPDX-License-Identifier: MIT */
#ifndef POLLS_EDIT_H
#define POLLS_EDIT_H

#include "service.h"

vp_step polls_edit_prepare(vp_call *call); /* PATCH /api/v1/polls/{id} */
vp_step polls_edit_finish(vp_call *call);
vp_step polls_delete_prepare(vp_call *call); /* DELETE /api/v1/polls/{id} */
vp_step polls_delete_finish(vp_call *call);
vp_step polls_history_prepare(vp_call *call); /* GET …/history */
vp_step polls_history_finish(vp_call *call);

#endif
