/* request.h - the head of a watcher's request: a small, strict reader of HTTP/1.1 heads, and what
 * /live takes from one. Pure functions over bytes. A connection carries one request, so bodies and
 * whatever else follows the head are of no interest. SPDX-License-Identifier: MIT */
#ifndef LIVE_REQUEST_H
#define LIVE_REQUEST_H

#include "ticket.h"
#include "topic.h"

enum {
    LIVE_HEAD_MAX = 8 * 1024,
    LIVE_FIELDS_MAX = 100,
    LIVE_FORWARDED_MAX = 8, /* of several X-Forwarded-For lines the last ones count */
    LIVE_TOPICS_MAX = 32,
    LIVE_TICKETS_MAX = LIVE_TOPICS_MAX
};

typedef enum live_head { LIVE_HEAD_MORE, LIVE_HEAD_WHOLE, LIVE_HEAD_BAD } live_head;

/* Slices borrow the bytes that were read. */
typedef struct live_request {
    vp_str method, path, query; /* raw; query without '?' */
    vp_str last_event_id;       /* of the header */
    vp_str forwarded[LIVE_FORWARDED_MAX];
    size_t n_forwarded;
} live_request;

/* MORE: the head's end is not there yet. BAD: it is no acceptable head, *why says the cause. */
live_head request_read(vp_str bytes, live_request *out, vp_fault *why);

/* What ?topic= names, each once, in order. A name that is no topic's is kept, cut to fit, because
 * its watcher is told so on the stream. */
typedef struct live_topics {
    int n;
    struct {
        char name[VP_TOPIC_NAME_MAX + 1];
        bool valid;
    } item[LIVE_TOPICS_MAX];
} live_topics;

/* VP_ESYNTAX: a bad escape, no topic, or more than LIVE_TOPICS_MAX. */
VP_CHECKED vp_err request_topics(vp_str query, live_topics *out, vp_fault *why);

/* What ?ticket= brings, in order. One that cannot be a ticket is kept as an empty text, because its
 * watcher is told so on the stream. */
typedef struct live_tickets {
    int n;
    char text[LIVE_TICKETS_MAX][VP_TICKET_TEXT + 1];
} live_tickets;

/* VP_ESYNTAX: more than LIVE_TICKETS_MAX. */
VP_CHECKED vp_err request_tickets(vp_str query, live_tickets *out, vp_fault *why);

/* Last-Event-ID, of the header or else of the query. */
typedef enum live_since { LIVE_SINCE_START, LIVE_SINCE_SEQ, LIVE_SINCE_ELSEWHERE } live_since;
live_since request_since(const live_request *r, const char *epoch, uint64_t *seq);

#endif
