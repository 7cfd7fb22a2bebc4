/* ballots.h - casting a ballot, and in changeable polls looking at one's own and taking it back.
 * Casting is the path that has to be fast: once the poll's key is remembered it is one round,
 * shared by all ballots of a batch. SPDX-License-Identifier: MIT */
#ifndef POLLS_BALLOTS_H
#define POLLS_BALLOTS_H

#include "service.h"

vp_step polls_cast_prepare(vp_call *call); /* POST /api/v1/polls/{id}/ballots */
vp_step polls_cast_finish(vp_call *call);
vp_step polls_mine_prepare(vp_call *call); /* GET …/ballots/mine */
vp_step polls_mine_finish(vp_call *call);
vp_step polls_withdraw_prepare(vp_call *call); /* DELETE …/ballots/mine */
vp_step polls_withdraw_finish(vp_call *call);

#endif
