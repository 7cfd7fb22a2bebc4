/* prompt.h - questions to the person at the terminal. SPDX-License-Identifier: MIT */
#ifndef CLI_PROMPT_H
#define CLI_PROMPT_H

#include "buf.h"

enum { CLI_LINE_MAX = 1024 };

/* One line from the controlling terminal, without its newline. hidden: typing is not shown.
 * VP_ESYSTEM without a terminal, or when a signal ends it. */
VP_CHECKED vp_err cli_prompt(const char *question, bool hidden, char out[CLI_LINE_MAX + 1],
                             vp_fault *why);

#endif
