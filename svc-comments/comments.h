/* comments.h - the operations of comments; the table of operations is in main.c.
 * SPDX-License-Identifier: MIT */
#ifndef COMMENTS_H
#define COMMENTS_H

#include "service.h"

enum { COMMENTS_OF_ARTICLES }; /* index of the service's sources */

vp_step comments_post_prepare(vp_call *call);
vp_step comments_post_finish(vp_call *call);
vp_step comments_get_prepare(vp_call *call);
vp_step comments_get_finish(vp_call *call);
vp_step comments_thread_prepare(vp_call *call);  /* an article's roots */
vp_step comments_replies_prepare(vp_call *call); /* a comment's replies */
vp_step comments_page_finish(vp_call *call);     /* of both */
vp_step comments_recent_prepare(vp_call *call);
vp_step comments_recent_finish(vp_call *call);
vp_step comments_counts_prepare(vp_call *call);
vp_step comments_counts_finish(vp_call *call);
vp_step comments_topics_prepare(vp_call *call); /* SYNC: newer states of topics */
vp_step comments_topics_finish(vp_call *call);

#endif
