/* invitations.h - the invitation codes of a poll: making more, and looking at them. They are not
 * kept but made of their numbers and the poll's key, so they last as long as that. Authors have
 * those of their own polls, editors all. SPDX-License-Identifier: MIT */
#ifndef POLLS_INVITATIONS_H
#define POLLS_INVITATIONS_H

#include "service.h"

vp_step polls_issue_prepare(vp_call *call); /* POST …/codes */
vp_step polls_issue_finish(vp_call *call);
vp_step polls_codes_prepare(vp_call *call); /* GET …/codes */
vp_step polls_codes_finish(vp_call *call);

#endif
