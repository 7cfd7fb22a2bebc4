/* guard.h - what a request must be before anybody sees it. CivetWeb is lenient: it cuts fields at
 * 64, ends them at the first odd line, takes two lengths or a length beside chunks, and skips
 * white space where none may stand. All of that is refused here, in one pass over the fields.
 * Pure functions over what CivetWeb parsed. SPDX-License-Identifier: MIT */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include <civetweb.h>

#include "buf.h"

/* Fields that this room itself looks at. */
typedef enum http_known {
    HTTP_HOST,
    HTTP_EXPECT,
    HTTP_COOKIE,
    HTTP_ORIGIN,
    HTTP_CONNECTION,
    HTTP_CONTENT_TYPE,
    HTTP_IF_NONE_MATCH,
    HTTP_CONTENT_LENGTH,
    HTTP_SEC_FETCH_SITE,
    HTTP_X_FORWARDED_FOR,
    HTTP_TRANSFER_ENCODING,
    HTTP_KNOWN_COUNT
} http_known;

typedef enum http_refusal {
    HTTP_FINE,
    HTTP_BAD_SHAPE,    /* request line or fields are not as RFC 9112 writes them */
    HTTP_BAD_METHOD,   /* none of ours */
    HTTP_BAD_TARGET,   /* not a path, or with bytes that no path has */
    HTTP_MANY_FIELDS,  /* CivetWeb's 64, so that some may be hidden */
    HTTP_DOUBLE_FIELD, /* one that may stand once */
    HTTP_BAD_HOST,     /* missing, doubled or no host */
    HTTP_BAD_LENGTH,   /* Content-Length doubled, not digits, or too large to count */
    HTTP_BAD_ENCODING, /* Transfer-Encoding other than chunked, doubled, or beside a length */
    HTTP_FORGED,       /* another site speaks through a reader's browser */
    HTTP_UNREADABLE,   /* CivetWeb itself gave up */
    HTTP_CROWDED,      /* the address has all the connections that it may have */
    HTTP_SILENT,       /* no head yet, while others wait for a thread: ended early, no answer */
    HTTP_FULL,         /* all threads are at work: more would only wait */
    HTTP_REFUSAL_COUNT
} http_refusal;

typedef struct http_head {
    vp_str known[HTTP_KNOWN_COUNT]; /* the first of its name, trimmed; {NULL, 0} if absent */
    int64_t content_length;         /* 0 if absent */
    bool http_1_1, chunked, expects, keep_alive;
} http_head;

/* Fills *head; it is only to be used when the answer is HTTP_FINE. */
http_refusal http_guard(const struct mg_request_info *ri, http_head *head);
/* Status of the answer, a label for metrics and a sentence for the client. */
int http_refusal_status(http_refusal r);
const char *http_refusal_detail(http_refusal r);

/* RFC 9110 field names, ASCII without case. */
bool http_name_is(const char *field, vp_str name);
/* Whether a comma-separated list has this token. */
bool http_list_has(vp_str list, vp_str token);

#endif
