/* accounts_private.h - what the files of accounts/ share. SPDX-License-Identifier: MIT */
#ifndef ACCOUNTS_PRIVATE_H
#define ACCOUNTS_PRIVATE_H

#include <pthread.h>
#include <semaphore.h>

#include "accounts.h"
#include "json.h"
#include "operations.h"

enum {
    ACCOUNTS_PASSWORD_HASH = 128,
    ACCOUNTS_PASSWORD_MIN = 10, /* characters */
    ACCOUNTS_PASSWORD_MAX = 256,
    ACCOUNTS_BODY_MAX = 8192 /* two passwords of escaped characters */
};

/* Argon2id, at most two at a time: each takes 64 MiB while it runs. Whoever comes waits
 * ACCOUNTS_SLOT_MS at most, and at most ACCOUNTS_SLOT_WAITERS wait. */
enum { ACCOUNTS_SLOTS = 2, ACCOUNTS_SLOT_MS = 3000, ACCOUNTS_SLOT_WAITERS = 32 };
typedef struct accounts_passwords {
    sem_t free;
    atomic_int waiting;
    char dummy[ACCOUNTS_PASSWORD_HASH]; /* verified against when there is no such account, so that
                                           it takes as long */
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

/* -- password.c ----------------------------------------------------------------------------- */

VP_CHECKED vp_err accounts_password_init(accounts_passwords *p);
void accounts_password_end(accounts_passwords *p);
/* VP_EBUSY: no slot became free in time, or too many wait. */
VP_CHECKED vp_err accounts_password_hash(accounts_passwords *p, vp_str password,
                                         char out[ACCOUNTS_PASSWORD_HASH]);
/* hash: NULL verifies against the dummy, and says no. */
VP_CHECKED vp_err accounts_password_ok(accounts_passwords *p, vp_str password, const char *hash,
                                       bool *ok);

/* -- signin.c, for the other files of the HTTP thread --------------------------------------- */

/* LOOK (a question) or ACT (a write) with a body; the answer's body into out, its status too.
 * VP_EAWAY, VP_ETIMEOUT: there was none. */
VP_CHECKED vp_err accounts_ask(bus *b, const http_request *r, vp_str method, const char *path,
                               vp_str body, vp_buf *out, int *status);
/* The same with n lines as the body. VP_ESYSTEM when the answer is no 200. line: those of the
 * answer, kept by out. */
VP_CHECKED vp_err accounts_ask_lines(bus *b, const http_request *r, vp_str method, const char *path,
                                     const vp_str *body, int n, vp_buf *out,
                                     vp_str line[ACCOUNTS_LINES]);
/* Counts an attempt to tell the password of a login. False: it may not be made now, and 429 is
 * answered, or what else is wrong. */
bool accounts_attempt(bus *b, const http_request *r, http_reply *p, vp_str login);
/* False: the body is not what it should be, and that is answered. */
bool accounts_read_json(http_request *r, http_reply *p, const vp_json_rule *rules, json_t **out);
void accounts_failed(http_reply *p, const http_request *r, vp_err rc);
/* 204, for nobody else. */
void accounts_done(http_reply *p);

/* -- handlers ------------------------------------------------------------------------------- */

typedef void accounts_handler(accounts *a, bus *b, http_request *r, http_reply *p);
accounts_handler accounts_sign_in, accounts_sign_out;                           /* signin.c */
accounts_handler accounts_create, accounts_change_password, accounts_use_reset; /* passwords.c */
accounts_handler accounts_audit;                                                /* audit_log.c */

#endif
