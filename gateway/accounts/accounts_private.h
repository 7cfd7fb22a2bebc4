/* accounts_private.h - what the files of accounts/ share. SPDX-License-Identifier: MIT */
#ifndef ACCOUNTS_PRIVATE_H
#define ACCOUNTS_PRIVATE_H

#include <pthread.h>
#include <semaphore.h>

#include "accounts.h"
#include "operations.h"

/* Argon2id, at most two at a time: each takes 64 MiB while it runs. */
typedef struct accounts_passwords {
    sem_t free;
    char dummy[128]; /* verified against when there is no such account, so that it takes as long */
} accounts_passwords;

struct accounts {
    accounts_state state;
    accounts_passwords passwords;
    vp_service_def def;
    vp_service *service;
    pthread_t thread;
    bool running;
    atomic_bool stop;
};

enum { ACCOUNTS_PASSWORD_HASH = 128 };

VP_CHECKED vp_err accounts_password_init(accounts_passwords *p);
void accounts_password_end(accounts_passwords *p);
VP_CHECKED vp_err accounts_password_hash(accounts_passwords *p, vp_str password,
                                         char out[ACCOUNTS_PASSWORD_HASH]);
/* hash: NULL verifies against the dummy, and says no. */
bool accounts_password_ok(accounts_passwords *p, vp_str password, const char *hash);

#endif
