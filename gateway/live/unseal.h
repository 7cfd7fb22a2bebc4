/* unseal.h - which of a stream's topics its tickets unseal. A ticket counts for the poll that it
 * names and for nothing else, and only if that poll is one of the stream's topics. Pure: no clock,
 * no sockets. SPDX-License-Identifier: MIT */
#ifndef LIVE_UNSEAL_H
#define LIVE_UNSEAL_H

#include "request.h"

/* Topics that have sealed twins, and whose service has the key of tickets. */
#define UNSEAL_PREFIX "poll"

typedef struct live_unsealed {
    uint32_t topics;  /* bit i: item i of the topics is to be watched sealed */
    int64_t until_ms; /* Unix: when the first of the good tickets ends; INT64_MAX: there is none */
    bool doubtful;    /* one was not signed with this key: perhaps the key is another by now */
    int n;
    struct {
        vp_err err; /* VP_OK; VP_EAWAY: no key; VP_EDENIED, VP_ESTALE; VP_ENOTFOUND: of no topic
                       here */
        int topic;  /* -1: not known */
    } ticket[LIVE_TICKETS_MAX];
} live_unsealed;

/* key: NULL when it is not known yet; now_ms: Unix. */
void unseal_read(const uint8_t *key, const live_tickets *tickets, const live_topics *topics,
                 int64_t now_ms, live_unsealed *out);
/* Appends an event for each ticket that is not good. */
void unseal_problems_write(vp_buf *out, const live_unsealed *u, const live_topics *topics);

/* What a watcher is told about a ticket; topic may be absent. */
void unseal_problem_write(vp_buf *out, vp_str topic, const char *ticket, vp_err code);

#endif
