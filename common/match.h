/* match.h - If-Match of a write to a record that exists: which revision the client has. ETags are
 * "REVISION.REST" and only the revision counts, so that votes and comments make no editor's copy
 * stale. SPDX-License-Identifier: MIT */
#ifndef VP_MATCH_H
#define VP_MATCH_H

#include "buf.h"

enum { VP_MATCH_ANY = 0 }; /* of "*": whatever revision there is; real ones begin at 1 */

/* field: the header's value, one ETag or "*". VP_ENEEDMATCH when it is absent; VP_ESTALE when it
 * is something else, such as a weak ETag or several. */
VP_CHECKED vp_err vp_match_read(vp_str field, int64_t *revision);

#endif
