/* moves.h - closing, opening again and archiving a poll by hand. Authors move their own polls,
 * editors all. SPDX-License-Identifier: MIT */
#ifndef POLLS_MOVES_H
#define POLLS_MOVES_H

#include "service.h"

/* POST …/close and …/archive; a body is passed over. */
vp_step polls_close_prepare(vp_call *call);
vp_step polls_close_finish(vp_call *call);
vp_step polls_archive_prepare(vp_call *call);
vp_step polls_archive_finish(vp_call *call);
/* POST …/reopen; a body may say until when. */
vp_step polls_reopen_prepare(vp_call *call);
vp_step polls_reopen_finish(vp_call *call);

#endif
