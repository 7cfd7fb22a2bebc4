/* link.h - a connection of a loop to one more Redis: commands go out, replies come to a handler in
 * the same order, and the loop never waits. A reply that is overdue ends the connection, and what
 * is still owed is then told as lost. Made anew by itself, with the backoff of store.h. Belongs to
 * the loop's thread. SPDX-License-Identifier: MIT */
#ifndef VP_LINK_H
#define VP_LINK_H

#include "store.h"

enum {
    VP_LINK_OWED_MAX = 256,   /* replies that may be owed */
    VP_LINK_OVERDUE_MS = 1000 /* a reply may take so long */
};

typedef struct vp_link vp_link;

/* What a reply is to: as it was asked. */
typedef struct vp_link_asked {
    int what;
    unsigned turn;
    void *whose;
    int64_t sent_ms;
} vp_link_asked;

typedef struct vp_link_handler {
    void (*up)(void *user);                                     /* a new connection is there */
    void (*heard)(void *user, vp_link_asked to, redisReply *r); /* NULL: the reply is lost */
    void (*lost)(void *user, const char *why);                  /* after what was owed */
    void *user;
} vp_link_handler;

/* url: see store_url.h. Does not connect yet. */
VP_CHECKED vp_err vp_link_new(vp_link **out, const char *url, const vp_link_handler *handler,
                              vp_fault *why);
void vp_link_destroy(vp_link **self_p); /* what is owed is told as lost before */
/* False: it is away, or too much is owed; nothing will be heard of it. */
bool vp_link_ask(vp_link *self, vp_link_asked to, int argc, const vp_str *argv);
bool vp_link_up(const vp_link *self);
bool vp_link_owes(const vp_link *self);
int vp_link_db(const vp_link *self); /* the number of its database */
/* To wait for; fd -1: nothing. What poll found is told by vp_link_news. */
int vp_link_fd(const vp_link *self);
bool vp_link_wants_write(const vp_link *self);
void vp_link_news(vp_link *self);
/* Connects, writes, reads; cheap when there is nothing to do. At least every 100 ms. */
void vp_link_turn(vp_link *self);
void vp_link_drop(vp_link *self); /* ends the connection; lost is told by the next turn */

#endif
