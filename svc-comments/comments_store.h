/* comments_store.h - alone knows the Redis keys of comments.
 * A function here appends one call's commands for a round; readers take their replies apart.
 *
 *   comment:{ID}            hash    the record: schema, article, parent, depth, status, markdown,
 * e-mail comment:{ID}:public     string  shown text (thread.h) comment:{ID}:replies    zset    ids,
 * score 0: in order of time thread:{ARTICLE}:roots, thread:{ARTICLE}:all   zset   ids, score 0
 *   thread:{ARTICLE}:newest string  up to THREAD_NEWEST ids
 *   comments:recent         zset    the newest 1,000 ids of all, score 0
 *   fact:thread:ARTICLE     string  for other services: "COUNT VERSION"
 *   fact:article:ARTICLE    string  of svc-articles
 * SPDX-License-Identifier: MIT */
#ifndef COMMENTS_STORE_H
#define COMMENTS_STORE_H

#include "comment_form.h"
#include "service.h"
#include "thread.h"

enum { COMMENTS_COUNTS_MAX = 200, COMMENTS_TOPICS_MAX = 512 };

void comments_store_post(vp_call *call, vp_str article, const comment_form *form, vp_str actor);
/* The outcome "posted" and what comes with it. */
typedef struct comments_posted {
    vp_str id, article, newest;
    thread_fact fact;
} comments_posted;
bool comments_store_posted(const redisReply *reply, comments_posted *out);

/* Round: one comment. *text is its shown text. */
void comments_store_read(vp_call *call, vp_str id);
bool comments_store_one(const vp_call *call, vp_str *text, int64_t *replies);

/* Round: a page of an article's roots, or of the replies to parent (then article is absent); with
 * an article its fact comes as reply 1. */
void comments_store_page(vp_call *call, vp_str article, vp_str parent, bool newest, vp_str after,
                         int64_t limit);
typedef struct comments_page {
    vp_str article, last; /* last: where to go on; empty at the end */
    thread_fact fact;
} comments_page;
bool comments_store_page_head(const redisReply *reply, comments_page *out);
/* The i-th comment in order of reading; false past the last one. */
bool comments_store_page_row(const redisReply *reply, size_t i, int64_t *level, int64_t *replies,
                             vp_str *text);

/* Round: the newest of all. */
void comments_store_recent(vp_call *call, vp_str after, int64_t limit);
bool comments_store_recent_row(const redisReply *reply, size_t i, int64_t *replies, vp_str *text,
                               vp_str *article_fact);

/* Round: facts of n threads, at most COMMENTS_TOPICS_MAX; `whole` also their newest ids and the
 * facts of their articles. */
void comments_store_facts(vp_call *call, const vp_str *articles, int n, bool whole);
typedef struct comments_state {
    thread_fact fact;
    vp_str newest, article; /* article: its fact */
} comments_state;
void comments_store_state(const vp_call *call, int i, comments_state *out);

/* A text reply, or nothing. */
vp_str comments_store_text(const redisReply *reply);

#endif
