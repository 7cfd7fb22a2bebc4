/* refusal.c - see refusal.h. SPDX-License-Identifier: MIT */
#include "refusal.h"

static const polls_refusal common[] = {
    {VP_STR_INIT("missing"), VP_ENOTFOUND, "There is no such poll."},
    {VP_STR_INIT("denied"), VP_EDENIED, "This poll is somebody else's."},
    {VP_STR_INIT("stale"), VP_ESTALE, "The poll has changed meanwhile."},
    {VP_STR_INIT("archived"), VP_ECONFLICT, "An archived poll stays as it is."},
    {{NULL, 0}},
};

static const polls_refusal *find(const polls_refusal *table, vp_str word) {
    while (table->word.p && !vp_str_eq(word, table->word)) table++;
    return table;
}

vp_step polls_refuse(vp_call *call, vp_str word, const polls_refusal *table) {
    const polls_refusal *r = find(table, word);
    if (!r->word.p) r = find(common, word);
    if (!r->word.p) return vp_call_fail(call, VP_ESYSTEM, "The operation has no outcome.");
    return vp_call_fail(call, r->code, "%s", r->detail);
}
