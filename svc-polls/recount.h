/* recount.h - the journal added up, piece by piece, and held against the tally; while votes come
 * in, up to the entry that was the last when it began. SPDX-License-Identifier: MIT */
#ifndef POLLS_RECOUNT_H
#define POLLS_RECOUNT_H

#include "service.h"

vp_step polls_recount_prepare(vp_call *call); /* POST …/recount */
vp_step polls_recount_finish(vp_call *call);

#endif
