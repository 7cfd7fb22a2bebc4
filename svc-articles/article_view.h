/* article_view.h - one article as an answer: for readers, and with more for those who may change
 * it. SPDX-License-Identifier: MIT */
#ifndef ARTICLES_VIEW_H
#define ARTICLES_VIEW_H

#include "articles_store.h"

bool article_is_staff(const vp_call *call);
vp_step article_absent(vp_call *call); /* 404 */

/* Round: one article, by its id. */
void article_view_read(vp_call *call, vp_str id);
/* The replies of that round as the answer's body and ETag; false: not there, or not for this
 * actor. */
bool article_view_write(vp_call *call, articles_row *row);
/* Its parts: without the closing brace; the ETag. */
void article_view_add(vp_buf *out, const articles_row *row, bool with_body);
void article_view_etag(vp_call *call, const articles_row *row);

vp_str article_view_id(const articles_row *row);
vp_str article_view_slug(const articles_row *row);

/* Ends a write: reads of this round are the answer, which is nobody else's. */
vp_step article_view_answer(vp_call *call, int status);
/* The same as a problem: somebody was first, and this is what is there now. */
vp_step article_view_stale(vp_call *call);

#endif
