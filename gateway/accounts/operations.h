/* operations.h - the accounts' operation table, for accounts.c alone. SPDX-License-Identifier: MIT
 */
#ifndef ACCOUNTS_OPERATIONS_H
#define ACCOUNTS_OPERATIONS_H

#include "service.h"

enum {
    ACCOUNTS_SESSION_DAYS = 14,
    ACCOUNTS_LOGIN_MAX = 64,
    ACCOUNTS_SECRET = 32, /* bytes of a session's or token's secret */
    ACCOUNTS_HASH_TEXT = 43,
    ACCOUNTS_TOKENS_MAX = 64 /* of one account */
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

#endif
