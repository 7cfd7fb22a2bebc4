/* articles_store.h - alone knows the Redis keys of articles, contributors and tags.
 * A function here appends one call's commands for a round; the *_row functions read their replies.
 *
 *   article:{ID}            hash    the record; record.lua names its fields
 *   article:{ID}:public     string  shown text of a published or archived article
 *   article:{ID}:draft      string  shown text of any other: never both
 *   article:{ID}:body       string  body_html as a JSON text
 *   article:{ID}:revisions  hash    mN: "WHEN\nACCOUNT\nLOGIN\nWHAT\nTITLE"; dN: a packed document
 *   article:{ID}:autosave   hash    account: "WHEN\nREVISION\n" and a packed document
 *   article:slug:SLUG       string  ID, also of a former slug
 *   articles:published, articles:tag:TAG, articles:section:SECTION, articles:language:LANGUAGE,
 *   articles:by:HANDLE      zset    13 digits of milliseconds and ID, score 0
 *   articles:status:STATUS, articles:owner:ACCOUNT, articles:group:ID    zset    IDs
 *   articles:read, articles:commented    zset    ID by reads of the last days, and by comments
 *   articles:reads:DAY, articles:read:days, articles:counted    see lists.lua
 *   articles:due            zset    ID by when something is to happen to it
 *   tags, tags:counts, tags:names    zset, hash, hash   folded tag; published articles; as written
 *   articles:sections, :counts, :names                   the same of sections
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
    bool draft; /* not public */
} articles_row;

/* Round: one article. Drafts too when `drafts`; one command either way. */
void articles_store_read(vp_call *call, vp_str id, bool drafts);
bool articles_store_row(const redisReply *reply, articles_row *row); /* false: not there */
void articles_store_find(vp_call *call, vp_str slug);                /* reply: its ID or nil */
/* What only those get to know who may change it: with articles_store_read. */
void articles_store_desk(vp_call *call, vp_str id);
typedef struct articles_desk {
    vp_str markdown, owner, handles, edit;
} articles_desk;
bool articles_store_desk_row(const redisReply *reply, articles_desk *desk);

/* Which published articles: by one or two of tag, section, contributor and language, and within
 * times. A text that is absent is not asked for. */
typedef struct articles_filter {
    vp_str tag, section, contributor, language; /* folded */
    char start[112], stop[20];                  /* of the range, as ZRANGE takes it; newest first */
} articles_filter;
/* Round: members of that list, limit + 1 of them; of two filters an array that begins with where to
 * go on ("" at the end). True: of two. */
bool articles_store_list(vp_call *call, const articles_filter *filter, int64_t limit);
/* Rounds whose reply is such an array: articles of a status that this actor may change; the most
 * read ("articles:read") or commented ("articles:commented"); those that share tags with one. */
void articles_store_status(vp_call *call, vp_str status, vp_str after, int64_t limit);
void articles_store_top(vp_call *call, vp_str key, vp_str after, int64_t limit);
void articles_store_related(vp_call *call, vp_str name, int64_t limit);
void articles_store_both(const redisReply *reply, list_page *page); /* where that goes on */
/* Round: the articles of n members. _nth: false past the last one; no json: it is not public, or,
 * when drafts are asked for, public. */
void articles_store_rows(vp_call *call, const vp_str *members, int n, bool bodies, bool drafts);
bool articles_store_nth(const vp_call *call, int i, articles_row *row);

/* -- for those who may change it; see life.lua ------------------------------------------------ */

/* Is it the actor's own, or is the actor an editor? */
bool articles_store_mine(const vp_call *call, vp_str owner, vp_str handles);

/* An article to be changed, as slices of a reply. */
enum { ARTICLES_EXTRAS = 4 };
typedef struct articles_opened {
    vp_str id, status, slug, head, tail, handles, owner, group, edit, live, markdown;
    int64_t revision, when, ends;
    vp_str extra[ARTICLES_EXTRAS]; /* absent beyond what was asked for */
} articles_opened;

/* Round: the article (an id or slug), and what else of it: "plain" nothing; "live", "edit" a packed
 * document, and of the edit its meta; "revisions" a document and a meta each of revisions a and b;
 * "history" see articles_store_history; "autosave" the slot of account a. */
void articles_store_open(vp_call *call, vp_str name, const char *extra, vp_str a, vp_str b);
bool articles_store_opened(const redisReply *reply, articles_opened *out); /* false: not there */
/* Metas of revisions, newest first: where to go on ("" at the end), and the nth: its number and
 * what follows. */
vp_str articles_store_history_next(const redisReply *reply);
bool articles_store_history(const redisReply *reply, size_t nth, vp_str *number, vp_str *meta);

typedef struct articles_save {
    vp_str id, expect; /* a revision; "" of a new article */
    vp_str what;       /* the revision's word */
    bool edit;         /* it is the pending edit that is published */
    vp_str before, packed;
    const article_form *form; /* NULL: only what this call did before is asked for */
} articles_save;
/* Outcomes: saved, missing, denied, stale, no-edit, move, contributor, slug, group. */
void articles_store_save(vp_call *call, const articles_save *save);
/* Round: the shown text as it would be with the form's fields; see articles_store_shown. */
void articles_store_preview(vp_call *call, vp_str id, const article_form *form);
/* The pending edit. Outcomes: saved, missing, denied, stale, move. */
void articles_store_stash(vp_call *call, const articles_save *save);
/* what: deleted, undeleted, discarded. Outcomes: moved, same, missing, denied, stale, move,
 * no-edit.
 */
void articles_store_move(vp_call *call, vp_str name, vp_str expect, const char *what);
/* Outcomes: kept, full, missing, denied. */
void articles_store_autosave(vp_call *call, vp_str name, vp_str packed);

/* Round: folded names ("tags", "articles:sections") after `after`; then counts and names of them.
 */
void articles_store_tags(vp_call *call, const char *kind, vp_str after, int64_t limit);
void articles_store_tag_rows(vp_call *call, const char *kind, const vp_str *tags, int n);
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
/* Round: how often each of n articles was read; none: what is to be done beside it. */
enum { ARTICLES_COUNT_MAX = 128 };
void articles_store_count(vp_call *call, const vp_str *ids, const uint32_t *reads, int n);

#endif
