/* article.h - an article's page, for a reader and for a comment that was not taken.
 * SPDX-License-Identifier: MIT */
#ifndef PAGES_ARTICLE_H
#define PAGES_ARTICLE_H

#include "page.h"
#include "thread_view.h"

/* The article of params[0], an id or a slug. Its status; *out is there with 200. *moved, to be
 * released, has the path of its page where it is another one. */
int article_fetch(page *pg, json_t **out, vp_buf *moved);
/* Answers for a status other than 200, and for an article that has moved. */
void article_refuse(page *pg, int status, vp_buf *moved);
/* Answers with the page. article: NULL while it is away, and then only for a draft. */
void article_page(page *pg, json_t *article, const comment_draft *draft);
/* "/articles/" and the slug. */
void article_path(vp_str slug, vp_buf *out);

#endif
