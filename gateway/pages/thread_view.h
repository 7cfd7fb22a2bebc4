/* thread_view.h - comments and the form below them, as an article's page shows them. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef PAGES_THREAD_VIEW_H
#define PAGES_THREAD_VIEW_H

#include <jansson.h>

#include "buf.h"

/* What somebody wrote that was not taken, or who is to be answered. Borrowed. */
typedef struct comment_draft {
    vp_str author_name, author_email, body_markdown;
    vp_str parent_id;     /* absent: not a reply */
    vp_str parent_author; /* known when the parent is */
    bool refused;
    vp_str error;          /* one sentence */
    const json_t *problem; /* the service's, with errors for fields; may be NULL */
} comment_draft;

/* Completes a comment and its replies in place; open: may they be answered? */
void thread_comment(json_t *comment, bool open);
/* The thread of {items, comment_count, next_cursor} as the service answers; items become its own.
 * next_href: where more of it is; absent: nowhere. */
json_t *thread_view(json_t *page, bool open, vp_str next_href);
/* Is the comment somewhere among these and their replies? */
bool thread_has(const json_t *comments, vp_str id);

json_t *thread_form(vp_str action, const comment_draft *draft);

#endif
