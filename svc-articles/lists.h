/* lists.h - articles in order of time, of being read or commented; of a status, for those who may
 * change them; related ones; and what they are listed under. SPDX-License-Identifier: MIT */
#ifndef ARTICLES_LISTS_H
#define ARTICLES_LISTS_H

#include "service.h"

vp_step articles_list_prepare(vp_call *call); /* GET /api/v1/articles */
vp_step articles_list_finish(vp_call *call);
vp_step articles_related_prepare(vp_call *call); /* GET …/{id}/related */
vp_step articles_tags_prepare(vp_call *call);    /* GET /api/v1/tags */
vp_step articles_tags_finish(vp_call *call);
vp_step articles_sections_prepare(vp_call *call); /* GET /api/v1/sections */
vp_step articles_sections_finish(vp_call *call);

#endif
