/* http.h - calls of the HTTP API: JSON out, JSON in, one after the other on one connection.
 * An answer has a cap, a call a deadline. A call that the server could not take (429, 502, 503,
 * 504) or whose answer was lost is repeated with the same Idempotency-Key, after Retry-After or a
 * growing pause, while the patience lasts. SPDX-License-Identifier: MIT */
#ifndef CLI_HTTP_H
#define CLI_HTTP_H

#include <jansson.h>
#include <signal.h>

#include "buf.h"

enum { CLI_PATIENCE_MS = 60000 }; /* no repetition begins later than this after the first try */

typedef struct cli_http cli_http; /* opaque: holds a connection */

typedef struct cli_call {
    const char *method, *path; /* path: under the URL, from /api on */
    const json_t *body;        /* NULL: none */
    const char *key;           /* Idempotency-Key; NULL: none */
    const char *first_account; /* X-First-Account; NULL: none */
    const char *match;         /* If-Match; NULL: none */
    const char *accept;        /* the answer is wanted as it comes, of this type; NULL: JSON */
    bool anonymous;            /* as a reader: without the token */
    bool harmless; /* doing it twice does no harm, so it may be repeated without a key; GET, PUT
                      and DELETE always may */
} cli_call;

typedef struct cli_answer {
    long status;  /* 0: there was none */
    json_t *body; /* NULL: none, or not JSON of a failure */
    vp_buf text;  /* of a call with accept that did not fail */
} cli_answer;

/* url: http or https, perhaps with a path before /api. token: NULL or visible ASCII; borrowed. */
VP_CHECKED vp_err cli_http_new(cli_http **out, const char *url, const char *token, vp_fault *why);
void cli_http_destroy(cli_http **self);

/* From here on cookies are kept and sent, with the proof that no foreign page is behind it. */
void cli_http_keep_cookies(cli_http *self);
void cli_http_set_patience(cli_http *self, int64_t ms);
/* A call under way ends when the flag of a signal handler is up. */
void cli_http_stop_on(cli_http *self, const volatile sig_atomic_t *flag);

/* VP_OK for a status of 2xx. Otherwise *why is one sentence from the answer or about its absence,
 * and the code is that of the status. The caller frees with cli_answer_release in any case. */
VP_CHECKED vp_err cli_http_call(cli_http *self, const cli_call *call, cli_answer *out,
                                vp_fault *why);
void cli_answer_release(cli_answer *answer);

/* A read whose answer is an object; *out is a new reference. */
VP_CHECKED vp_err cli_http_get(cli_http *self, const char *path, json_t **out, vp_fault *why);

#endif
