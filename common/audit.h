/* audit.h - reading a service's part of the audit log, which audit.lua writes. Each service that
 * logs has one row VP_AUDIT_OP in its table; a gateway asks all of them and merges by time, so it
 * does not matter whether they share one Redis. SPDX-License-Identifier: MIT */
#ifndef VP_AUDIT_H
#define VP_AUDIT_H

#include "service.h"

enum {
    VP_AUDIT_LIMIT = 1000, /* entries of one answer */
    VP_AUDIT_ID_MAX = 42   /* MILLISECONDS-NUMBER */
};

/* SYNC /audit. Body: five lines, each but the first two may be empty:
 *   where to begin: "+", an entry's id, or "(" and an id to go on after it
 *   how many
 *   account: only what the account with this id or login did
 *   action: only this one, or all whose names begin with it and a dot ("polls" for "polls.close")
 *   object: only what was done to it ("poll:ID")
 * Answer: {"items":[{"id","at","actor":{"id","login"},"action","object","detail"}],"next"}, newest
 * first. next is the id of the last entry that was looked at, or null at the end of the log; with a
 * filter there may be fewer items than asked for, or none, and still a next. */
#define VP_AUDIT_OP(service)                                                                       \
    { service ".audit", "SYNC", "/audit", VP_MAY_INSIDE, 1024, vp_audit_prepare, vp_audit_finish }

vp_step vp_audit_prepare(vp_call *call);
vp_step vp_audit_finish(vp_call *call);

/* Appends a command to this round that writes an entry of its own, named after the operation: for
 * what no function of the service does in one step. */
void vp_audit_note(vp_call *call, const char *object, const char *detail);

/* An entry's id, or its text with the sign in front. Both numbers fit in 64 bits. */
bool vp_audit_id_read(vp_str text, uint64_t *ms, uint64_t *number);

#endif
