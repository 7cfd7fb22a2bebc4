/* list_page.h - a page of a list: the members that one round brought, kept for the rounds after it.
 * SPDX-License-Identifier: MIT */
#ifndef ARTICLES_LIST_PAGE_H
#define ARTICLES_LIST_PAGE_H

#include "cursor.h"
#include "service.h"

typedef struct list_page {
    int64_t limit;
    int n;         /* members */
    int done;      /* of them, written to the answer */
    bool more;     /* the list goes on after `last` */
    bool personal; /* the answer is for this actor alone */
    vp_str last;
    vp_str member[VP_LIST_MAX]; /* borrow text */
    char text[VP_LIST_MAX][VP_CURSOR_KEY_MAX];
    char last_text[VP_CURSOR_KEY_MAX];
} list_page;

/* Takes up to `limit` members from element `first` on; one more than that says that the list goes
 * on. */
void list_page_take(list_page *page, const redisReply *reply, size_t first);
void list_page_last(list_page *page, vp_str last); /* goes on after this one instead */
/* Ends the answer {"items":[… : the cursor, an ETag of the whole body, and the headers. */
vp_step list_page_answer(vp_call *call, const list_page *page, char tag, vp_str surrogate_key);

#endif
