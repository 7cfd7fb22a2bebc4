/* store.h - one Redis connection of one thread, over hiredis.
 * Non-blocking: commands are appended, pumped out and their replies taken in order. A failed
 * connection is replaced, with backoff from STORE_BACKOFF_MIN_MS to STORE_BACKOFF_MAX_MS; while
 * it is away, appending fails at once. With Sentinels each new connection is to the master that
 * they name, if that says so too. User data goes through argument vectors only.
 * SPDX-License-Identifier: MIT */
#ifndef VP_STORE_H
#define VP_STORE_H

#include <hiredis/hiredis.h>

#include "buf.h"

typedef struct vp_store vp_store;

/* url: see store_url.h. Does not connect yet. VP_EINVAL for a bad url. */
VP_CHECKED vp_err vp_store_new(vp_store **out, const char *url, vp_fault *why);
void vp_store_destroy(vp_store **self_p);
/* A second connection by the same url, to find out whom the Sentinels name now; NULL: there are
 * none. */
vp_store *vp_store_twin(const vp_store *self);
/* Are both connected to what the Sentinels call by one name? */
bool vp_store_same(const vp_store *a, const vp_store *b);

/* Drives connecting, writing and reading; never blocks. Call when the descriptor is ready and at
 * least every 100 ms. VP_EAWAY once for each lost connection (all replies still owed are lost);
 * VP_OK otherwise. */
VP_CHECKED vp_err vp_store_pump(vp_store *self, vp_fault *why);
/* Only writes what was appended; what goes wrong is for the next pump. */
void vp_store_flush(vp_store *self);
bool vp_store_up(const vp_store *self);             /* connected and usable */
uint64_t vp_store_generation(const vp_store *self); /* grows with every new connection */
int vp_store_fd(const vp_store *self);              /* -1 while there is none */
bool vp_store_wants_write(const vp_store *self);

/* VP_EAWAY while away. */
VP_CHECKED vp_err vp_store_append(vp_store *self, int argc, const vp_str *argv);
/* The next reply that has fully arrived, or NULL. The caller frees it (freeReplyObject). */
redisReply *vp_store_reply(vp_store *self);
/* Gives the connection up (a reply is overdue): the next pump tells VP_EAWAY. */
void vp_store_drop(vp_store *self);

/* For threads that may wait: connects if needed, one command, its reply (caller frees). */
VP_CHECKED vp_err vp_store_ask(vp_store *self, int timeout_ms, int argc, const vp_str *argv,
                               redisReply **out, vp_fault *why);

#endif
