/* operations.h - the accounts' operation table, for accounts.c alone, and what its files share.
 * LOOK and ACT operations serve the gateway's own code (signin.c, passwords.c), never a client.
 * SPDX-License-Identifier: MIT */
#ifndef ACCOUNTS_OPERATIONS_H
#define ACCOUNTS_OPERATIONS_H

#include "service.h"

enum {
    ACCOUNTS_SESSION_DAYS = 14,
    ACCOUNTS_LOGIN_MAX = 64,
    ACCOUNTS_SECRET = 32, /* bytes of a session's, token's or link's secret */
    ACCOUNTS_HASH_TEXT = 43,
    ACCOUNTS_TOKENS_MAX = 64, /* of one account */
    ACCOUNTS_AGENT_MAX = 100, /* characters of a User-Agent that are kept with a session */
    ACCOUNTS_RESET_S = 3600,
    ACCOUNTS_LINES = 10 /* of a body or answer between the HTTP threads and the loop */
};

typedef struct accounts_state {
    const char *secrets; /* folder */
    bool settled;        /* an account exists: the secret file is not needed any more */
} accounts_state;

extern const vp_op accounts_ops[];
/* The hash under which a secret is known. */
void accounts_hash(vp_str secret, char out[ACCOUNTS_HASH_TEXT + 1]);
/* path of the one-time secret file */
void accounts_secret_path(const char *secrets, char *out, size_t n);
/* Splits "a\nb\n…" into slices; what is missing is empty. Returns how many there are. */
int accounts_lines(vp_str text, vp_str out[ACCOUNTS_LINES]);

/* -- for the files of operations ------------------------------------------------------------ */

/* A new secret and its hash; prefix: "vxp_" of a token, else "". */
typedef struct accounts_secret {
    char text[48], hash[ACCOUNTS_HASH_TEXT + 1];
} accounts_secret;
void accounts_secret_make(const char *prefix, accounts_secret *out);

vp_str accounts_element(const redisReply *r, size_t i); /* a text of an array, else empty */
/* "name":"value", or null for an empty one. */
void accounts_member(vp_buf *out, const char *name, vp_str value);
/* "name":"2026-…Z" from Unix milliseconds as text, or null. */
void accounts_time(vp_buf *out, const char *name, vp_str ms);
vp_step accounts_personal(vp_call *call, int status); /* an answer for nobody else */
vp_step accounts_lines_finish(vp_call *call);         /* an array of texts, a line each */
vp_step accounts_word_finish(vp_call *call);          /* lines; late and other are answered */

/* records.c */
vp_step accounts_create_prepare(vp_call *call);
vp_step accounts_create_finish(vp_call *call);
vp_step accounts_list_prepare(vp_call *call);
vp_step accounts_list_finish(vp_call *call);
vp_step accounts_get_prepare(vp_call *call);
vp_step accounts_get_finish(vp_call *call);
vp_step accounts_me_prepare(vp_call *call);
vp_step accounts_me_finish(vp_call *call);
vp_step accounts_change_prepare(vp_call *call);
vp_step accounts_change_finish(vp_call *call);
vp_step accounts_remove_prepare(vp_call *call);
vp_step accounts_remove_finish(vp_call *call);
vp_step accounts_reset_prepare(vp_call *call);
vp_step accounts_reset_finish(vp_call *call);

/* sessions.c */
vp_step sessions_list_prepare(vp_call *call);
vp_step sessions_list_finish(vp_call *call);
vp_step sessions_end_prepare(vp_call *call);
vp_step sessions_end_others_prepare(vp_call *call);
vp_step sessions_end_finish(vp_call *call);

/* tokens.c */
vp_step tokens_create_prepare(vp_call *call);
vp_step tokens_create_finish(vp_call *call);
vp_step tokens_list_prepare(vp_call *call);
vp_step tokens_list_finish(vp_call *call);
vp_step tokens_end_prepare(vp_call *call);
vp_step tokens_end_finish(vp_call *call);

#endif
