/* stop.h - a signal that ends a command which has something to put in order first.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_STOP_H
#define CLI_STOP_H

#include <signal.h>
#include <stdbool.h>

/* From here on SIGINT, SIGTERM and SIGHUP only raise the flag, and waits end early. */
void cli_stop_catch(void);
bool cli_stopped(void);
const volatile sig_atomic_t *cli_stop_flag(void);

#endif
