/* article_change.h - changes of one article: read it, work out what it is to be, and let the
 * function decide. If-Match says which revision the client has; 412 brings the newest one.
 * SPDX-License-Identifier: MIT */
#ifndef ARTICLES_CHANGE_H
#define ARTICLES_CHANGE_H

#include "articles_store.h"

/* A function's word as the answer. */
vp_step article_refuse(vp_call *call, vp_str word);
/* The reply of articles_store_open, for those who may change the article. False: the call has
 * failed.
 */
bool article_opened(vp_call *call, articles_opened *a);
/* If-Match as functions take it: a revision, or "*". False: the call has failed. */
bool article_match(vp_call *call, char out[24], int64_t *revision);

vp_step articles_patch_prepare(vp_call *call);
vp_step articles_edit_put_prepare(vp_call *call);
vp_step articles_edit_publish_prepare(vp_call *call);
vp_step articles_restore_prepare(vp_call *call);
vp_step articles_change_finish(vp_call *call); /* of all four */

vp_step articles_delete_prepare(vp_call *call);
vp_step articles_delete_finish(vp_call *call);
vp_step articles_undelete_prepare(vp_call *call);
vp_step articles_undelete_finish(vp_call *call);
vp_step articles_edit_delete_prepare(vp_call *call);
vp_step articles_edit_delete_finish(vp_call *call);

#endif
