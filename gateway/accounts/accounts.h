/* accounts.h - who is asking: accounts, sessions and tokens.
 * The records are kept by an operation table like any service's, run by the common loop on a thread
 * of the gateway and reached over inproc (operations.c). What needs the password or the session's
 * secret happens on the HTTP thread (signin.c), so that neither travels. SPDX-License-Identifier:
 * MIT */
#ifndef ACCOUNTS_H
#define ACCOUNTS_H

#include "bus.h"
#include "reply.h"
#include "request.h"

typedef struct accounts accounts;

typedef struct accounts_options {
    const char *redis_url, *registry_url;
    const char *secrets; /* folder of the one-time secret file "first-account", which is there while
                            no account exists; "" for none */
    bool replica;        /* see vp_service_options */
} accounts_options;

/* Starts the thread and adds the instance to the bus (before bus_start). */
VP_CHECKED vp_err accounts_new(accounts **out, void *zmq, bus *b, const accounts_options *options,
                               vp_fault *why);
/* After bus_destroy: nobody calls any more. */
void accounts_destroy(accounts **self_p);

/* Finds out who asks, from the bearer token or the session cookie, and sets role and actor in r.
 * VP_OK also when nobody is signed in; VP_EAUTH for a bad token; VP_EDENIED when the token's scopes
 * do not cover this request; VP_EAWAY and the like. */
VP_CHECKED vp_err accounts_actor(bus *b, http_request *r);

/* What needs a password, a session's secret or all services: signing in and out, setting passwords,
 * the audit log. False: it is none of these. */
bool accounts_handle(accounts *a, bus *b, http_request *r, http_reply *p);
/* Sets a password by a link. VP_EINVAL: it is none; VP_ENOTFOUND: the link is not good (any more);
 * VP_EBUSY, VP_EAWAY, VP_ETIMEOUT. */
VP_CHECKED vp_err accounts_reset_password(accounts *a, bus *b, const http_request *r, vp_str token,
                                          vp_str password);
/* All that accounts answer, here and in their loop: rows for --operations. */
void accounts_operations(vp_buf *out, const char **separator);

#endif
