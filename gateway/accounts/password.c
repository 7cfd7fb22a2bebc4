/* password.c - Argon2id of libsodium, two at a time. SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sodium.h>

#include "accounts_private.h"

enum { AT_A_TIME = 2 };

_Static_assert(ACCOUNTS_PASSWORD_HASH >= crypto_pwhash_STRBYTES, "a hash fits");

static void enter(accounts_passwords *p) {
    while (sem_wait(&p->free) && errno == EINTR) continue;
}

vp_err accounts_password_init(accounts_passwords *p) {
    if (sem_init(&p->free, 0, AT_A_TIME)) return VP_ESYSTEM;
    return accounts_password_hash(p, VP_STR("nobody has this password"), p->dummy);
}

void accounts_password_end(accounts_passwords *p) {
    sem_destroy(&p->free);
}

vp_err accounts_password_hash(accounts_passwords *p, vp_str password,
                              char out[ACCOUNTS_PASSWORD_HASH]) {
    enter(p);
    int rc = crypto_pwhash_str(out, password.p, password.n, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                               crypto_pwhash_MEMLIMIT_INTERACTIVE);
    sem_post(&p->free);
    return rc ? VP_ESYSTEM : VP_OK;
}

bool accounts_password_ok(accounts_passwords *p, vp_str password, const char *hash) {
    enter(p);
    int rc = crypto_pwhash_str_verify(hash ? hash : p->dummy, password.p, password.n);
    sem_post(&p->free);
    return rc == 0 && hash;
}
