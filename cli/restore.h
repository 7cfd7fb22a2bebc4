/* restore.h - the parts of restoring, for restore.c and verify.c. SPDX-License-Identifier: MIT */
#ifndef CLI_RESTORE_H
#define CLI_RESTORE_H

#include "archive.h"
#include "scratch.h"

/* Starts a scratch Redis on one part of the archive. *out is NULL on failure. */
VP_CHECKED vp_err cli_restore_scratch(cli_archive *archive, int part, cli_scratch **out,
                                      char url[CLI_SCRATCH_PATH + 16], vp_fault *why);
/* Services on a scratch copy of the archive look at all that is theirs; prints what they found.
 * VP_ECONFLICT: something is wrong. */
VP_CHECKED vp_err cli_verify(cli_archive *archive, vp_fault *why);

#endif
