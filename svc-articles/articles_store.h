/* articles_store.h - alone knows the Redis keys of articles, contributors and tags.
 * A function here appends one call's commands for a round; the *_row functions read their replies.
 *
 *   article:{ID}            hash    the record: schema, slug, status, pieces of JSON, markdown
 *   article:{ID}:public     string  shown text of a published or archived article
 *   article:{ID}:draft      string  shown text of any other: never both
 *   article:{ID}:body       string  body_html as a JSON text
 *   article:slug:SLUG       string  ID
 *   articles:published, articles:tag:TAG, articles:by:HANDLE
 *                           zset    13 digits of milliseconds and ID, score 0
 *   articles:due            zset    ID by publish_at
 *   tags, tags:counts, tags:names    zset, hash, hash   folded tag; published articles; as written
 *   contributor:{HANDLE}    hash    the record; :public its shown text, :articles zset of IDs
 *   contributors, contributors:renamed   zset   handles
 *   fact:article:ID         string  for other services: "REVISION STATUS OPEN SLUG TITLE"
 *   fact:thread:ID          string  of svc-comments: "COUNT VERSION"
 * SPDX-License-Identifier: MIT */
#ifndef ARTICLES_STORE_H
#define ARTICLES_STORE_H

#include "article_form.h"
#include "contributor_form.h"
#include "list_page.h"
#include "service.h"

/* An article as slices of a reply. json has no closing brace. */
typedef struct articles_row {
    vp_str json, body;
    int64_t revision, rendering; /* rendering: how often it was shown anew without being changed */
    int64_t comments, thread_version;
} articles_row;

/* Round: one article. Drafts too when `drafts`; one command either way. */
void articles_store_read(vp_call *call, vp_str id, bool drafts);
bool articles_store_row(const redisReply *reply, articles_row *row); /* false: not there */
void articles_store_find(vp_call *call, vp_str slug);                /* reply: its ID or nil */
void articles_store_markdown(vp_call *call, vp_str id);

/* Round: members of a list after `after` ("" from the start), newest first; limit + 1 of them, or,
 * with both a tag and a contributor, an array that begins with where to go on ("" at the end). */
void articles_store_list(vp_call *call, vp_str tag, vp_str contributor, vp_str after,
                         int64_t limit);
void articles_store_both(const redisReply *reply, list_page *page); /* where that goes on */
/* Round: the articles of n members. _nth: false past the last one; no json: it is not public. */
void articles_store_rows(vp_call *call, const vp_str *members, int n, bool bodies);
bool articles_store_nth(const vp_call *call, int i, articles_row *row);

void articles_store_create(vp_call *call, const article_form *form);

/* Round: folded tags after `after`; then counts and names of them. */
void articles_store_tags(vp_call *call, vp_str after, int64_t limit);
void articles_store_tag_rows(vp_call *call, const vp_str *tags, int n);
typedef struct articles_tag {
    vp_str name; /* as it was written last */
    int64_t count;
} articles_tag;
bool articles_store_tag(const vp_call *call, int i, articles_tag *tag);

/* Round: one contributor's shown text, and the bio as written. */
void articles_store_contributor(vp_call *call, vp_str handle);
void articles_store_contributors(vp_call *call, vp_str after, int64_t limit);
void articles_store_contributor_rows(vp_call *call, const vp_str *handles, int n);
/* Takes "REVISION RENDERING {json" apart. */
bool articles_store_shown(const redisReply *reply, articles_row *row);
/* if_match: a revision, "*", or nothing. */
void articles_store_put(vp_call *call, const contributor_form *form, vp_str if_match);
void articles_store_rename(vp_call *call, vp_str handle);

void articles_store_tick(vp_call *call);

#endif
