/* stop.c - see stop.h. SPDX-License-Identifier: MIT */
#include "stop.h"

static volatile sig_atomic_t stop;

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

void cli_stop_catch(void) {
    struct sigaction action = {.sa_handler = on_signal}, before; /* without SA_RESTART: waits end */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (!sigaction(SIGHUP, NULL, &before) && before.sa_handler != SIG_IGN) /* nohup */
        sigaction(SIGHUP, &action, NULL);
}

bool cli_stopped(void) {
    return stop;
}

const volatile sig_atomic_t *cli_stop_flag(void) {
    return &stop;
}
