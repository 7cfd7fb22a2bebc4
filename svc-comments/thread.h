/* thread.h - shown comments put together as JSON. Pure: no service, no store.
 * SPDX-License-Identifier: MIT */
#ifndef COMMENTS_THREAD_H
#define COMMENTS_THREAD_H

#include "buf.h"
#include "topic.h"
#include "ulid.h"

enum { THREAD_NEWEST = 5 };

/* A stored text "REVISION EXCERPT\n{json" taken apart; all borrow it. */
typedef struct thread_shown {
    int64_t revision;
    vp_str excerpt; /* a JSON text */
    vp_str json;    /* without its closing brace */
    vp_str id, article;
} thread_shown;

bool thread_shown_read(vp_str text, thread_shown *out);
/* The object with what moves added, still without its closing brace. */
void thread_shown_write(vp_buf *out, const thread_shown *shown, int64_t replies);

/* Writes nested comments from rows in order of reading. Zero-initialise. */
typedef struct thread_tree {
    int open; /* objects whose replies are being written */
    bool comma;
} thread_tree;
void thread_tree_add(thread_tree *tree, vp_buf *out, int64_t level, int64_t replies, vp_str text);
void thread_tree_end(thread_tree *tree, vp_buf *out);

/* The fact of a thread, "COUNT VERSION". One that nobody has changed yet has version 1. */
typedef struct thread_fact {
    int64_t count, version;
} thread_fact;
thread_fact thread_fact_read(vp_str text);

/* The fact of an article, "REVISION STATUS OPEN SLUG TITLE". False: readers do not see it. */
typedef struct thread_article {
    vp_str status, slug, title;
    bool open;
} thread_article;
bool thread_article_read(vp_str text, thread_article *out);

/* The state of a topic; newest: up to THREAD_NEWEST ids separated by spaces. */
void thread_state_write(vp_buf *out, vp_str topic, int64_t count, vp_str newest);

#endif
