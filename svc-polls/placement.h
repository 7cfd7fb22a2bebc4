/* placement.h - which poll stands on the front page. SPDX-License-Identifier: MIT */
#ifndef POLLS_PLACEMENT_H
#define POLLS_PLACEMENT_H

#include "service.h"

vp_step polls_placement_prepare(vp_call *call); /* GET /api/v1/polls/placement */
vp_step polls_placement_finish(vp_call *call);
vp_step polls_place_prepare(vp_call *call); /* PUT /api/v1/polls/placement */
vp_step polls_place_finish(vp_call *call);

#endif
