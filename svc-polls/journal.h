/* journal.h - the journal of a poll: every ballot that was counted, by its id, with what it chose,
 * and every one that was taken back; no voter, no time. SPDX-License-Identifier: MIT */
#ifndef POLLS_JOURNAL_H
#define POLLS_JOURNAL_H

#include "service.h"

vp_step polls_journal_prepare(vp_call *call); /* GET …/ballots */
vp_step polls_journal_finish(vp_call *call);

#endif
