/* scratch.h - a folder that only we may read, with processes of our own in it: a Redis on a copy of
 * a backup, and services on that. All of it is gone afterwards; if we are killed, the processes
 * end, too. SPDX-License-Identifier: MIT */
#ifndef CLI_SCRATCH_H
#define CLI_SCRATCH_H

#include "buf.h"

enum { CLI_SCRATCH_PATH = 100, CLI_SCRATCH_PROCESSES = 8 };

typedef struct cli_scratch cli_scratch;

/* Under TMPDIR, or /tmp. */
VP_CHECKED vp_err cli_scratch_new(cli_scratch **out, vp_fault *why);
/* Ends the processes and removes the folder. */
void cli_scratch_destroy(cli_scratch **self_p);

/* Where something of this name is, or will be: short enough for a socket. */
void cli_scratch_path(const cli_scratch *self, const char *name, char out[CLI_SCRATCH_PATH]);
/* Starts a program: beside this one when its name begins with voxpop-, else from PATH. argv ends
 * with NULL. It sees no VOXPOP_ settings; what it says goes to NAME.log. */
VP_CHECKED vp_err cli_scratch_start(cli_scratch *self, const char *const *argv, vp_fault *why);
/* VP_EAWAY when a process has ended by itself; why has its last words. */
VP_CHECKED vp_err cli_scratch_check(cli_scratch *self, vp_fault *why);

/* Redis on a file dump.rdb, which the caller has put there. Waits until it is loaded. The URL is
 * for cli_redis_open and for services. */
VP_CHECKED vp_err cli_scratch_redis(cli_scratch *self, char url[CLI_SCRATCH_PATH + 16],
                                    vp_fault *why);

#endif
