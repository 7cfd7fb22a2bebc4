/* revisions.h - what an article was: its revisions, and what differs between two of them; for those
 * who may change it. SPDX-License-Identifier: MIT */
#ifndef ARTICLES_REVISIONS_H
#define ARTICLES_REVISIONS_H

#include "service.h"

vp_step articles_revisions_prepare(vp_call *call); /* GET …/revisions */
vp_step articles_revisions_finish(vp_call *call);
vp_step articles_revision_prepare(vp_call *call); /* GET …/revisions/{n} */
vp_step articles_revision_finish(vp_call *call);
vp_step articles_diff_prepare(vp_call *call); /* GET …/revisions/{n}/diff?to= */
vp_step articles_diff_finish(vp_call *call);

#endif
