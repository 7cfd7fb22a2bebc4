/* refusal.h - a function's word as the answer to the client. SPDX-License-Identifier: MIT */
#ifndef POLLS_REFUSAL_H
#define POLLS_REFUSAL_H

#include "service.h"

typedef struct polls_refusal {
    vp_str word;
    vp_err code;
    const char *detail;
} polls_refusal;

/* Fails the call. table: the words of this operation, ended by an absent one; words that many have
 * (missing, denied, stale, archived) are known. Any other word is a fault of ours. */
vp_step polls_refuse(vp_call *call, vp_str word, const polls_refusal *table);

#endif
