/* scopes.h - what a token with scopes may be used for. Pure.
 * "read" is reading of articles, comments and polls; "articles", "comments" and "polls" are reading
 * and writing there; "admin" is all of the gateway's own (accounts, tokens, sessions, the audit
 * log, instances), and export, import and migration of all services. A token without scopes is for
 * everything that its account may. The role decides besides. SPDX-License-Identifier: MIT */
#ifndef ACCOUNTS_SCOPES_H
#define ACCOUNTS_SCOPES_H

#include <jansson.h>

#include "buf.h"
#include "problem.h"

enum { ACCOUNTS_SCOPES_MAX = 64 }; /* bytes of all of them, with spaces between */

/* list: of a body, or NULL for none. out: "" for none. Adds what is wrong. */
void accounts_scopes_read(const json_t *list, char out[ACCOUNTS_SCOPES_MAX], vp_problem *problem);
/* As a JSON array, or null. */
void accounts_scopes_write(vp_buf *out, vp_str scopes);
/* May a token with these scopes (none: all) call this service? service: "" for what is nobody's or
 * the gateway's own. */
bool accounts_scopes_cover(vp_str scopes, const char *service, bool reads_only);

#endif
