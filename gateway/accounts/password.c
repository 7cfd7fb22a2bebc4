/* password.c - Argon2id of libsodium, two at a time. SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sodium.h>
#include <time.h>

#include "accounts_private.h"

_Static_assert(ACCOUNTS_PASSWORD_HASH >= crypto_pwhash_STRBYTES, "a hash fits");

static struct timespec deadline(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at); /* sem_timedwait knows no other */
    at.tv_sec += ACCOUNTS_SLOT_MS / 1000;
    return at;
}

static vp_err enter(accounts_passwords *p) {
    if (!sem_trywait(&p->free)) return VP_OK;
    if (atomic_fetch_add(&p->waiting, 1) >= ACCOUNTS_SLOT_WAITERS) {
        atomic_fetch_sub(&p->waiting, 1);
        return VP_EBUSY;
    }
    struct timespec until = deadline();
    int rc;
    do rc = sem_timedwait(&p->free, &until);
    while (rc && errno == EINTR);
    atomic_fetch_sub(&p->waiting, 1);
    return rc ? VP_EBUSY : VP_OK;
}

vp_err accounts_password_init(accounts_passwords *p) {
    if (sem_init(&p->free, 0, ACCOUNTS_SLOTS)) return VP_ESYSTEM;
    return accounts_password_hash(p, VP_STR("nobody has this password"), p->dummy);
}

void accounts_password_end(accounts_passwords *p) {
    sem_destroy(&p->free);
}

vp_err accounts_password_hash(accounts_passwords *p, vp_str password,
                              char out[ACCOUNTS_PASSWORD_HASH]) {
    vp_err rc = enter(p);
    if (rc) return rc;
    if (crypto_pwhash_str(out, password.p, password.n, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE))
        rc = VP_ESYSTEM;
    sem_post(&p->free);
    return rc;
}

vp_err accounts_password_ok(accounts_passwords *p, vp_str password, const char *hash, bool *ok) {
    *ok = false;
    vp_err rc = enter(p);
    if (rc) return rc;
    int wrong = crypto_pwhash_str_verify(hash ? hash : p->dummy, password.p, password.n);
    sem_post(&p->free);
    *ok = !wrong && hash;
    return VP_OK;
}
