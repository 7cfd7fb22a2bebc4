/* prompt.c - see prompt.h. The terminal is as it was before, also when a signal ends the question.
 * SPDX-License-Identifier: MIT */
#include "prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
    interrupted = number;
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
enum { SIGNALS = sizeof signals / sizeof *signals };

static void catch_signals(struct sigaction before[SIGNALS]) {
    struct sigaction action = {.sa_handler = on_signal}; /* without SA_RESTART: read() returns */
    interrupted = 0;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++) sigaction(signals[i], &action, &before[i]);
}

static void release_signals(const struct sigaction before[SIGNALS]) {
    for (int i = 0; i < SIGNALS; i++) sigaction(signals[i], &before[i], NULL);
}

static vp_err read_line(int fd, char out[CLI_LINE_MAX + 1], vp_fault *why) {
    size_t n = 0;
    for (;;) {
        char c;
        ssize_t got = interrupted ? -1 : read(fd, &c, 1);
        if (got != 1) {
            vp_fault_set(why, "nothing was entered");
            return VP_ESYSTEM;
        }
        if (c == '\n') break;
        if (n == CLI_LINE_MAX) {
            vp_fault_set(why, "more than %d bytes were entered", (int)CLI_LINE_MAX);
            return VP_ETOOBIG;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return VP_OK;
}

static void put(int fd, const char *text) {
    ssize_t n = write(fd, text, strlen(text));
    (void)n; /* a question that cannot be shown is not answered either */
}

vp_err cli_prompt(const char *question, bool hidden, char out[CLI_LINE_MAX + 1], vp_fault *why) {
    struct sigaction before[SIGNALS];
    struct termios shown, quiet;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    out[0] = '\0';
    if (fd < 0 || tcgetattr(fd, &shown)) {
        vp_fault_set(why, "there is no terminal to ask for: %s", question);
        if (fd >= 0) close(fd);
        return VP_ESYSTEM;
    }
    quiet = shown;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    catch_signals(before);
    put(fd, question);
    put(fd, ": ");
    if (hidden) tcsetattr(fd, TCSAFLUSH, &quiet);
    vp_err rc = read_line(fd, out, why);
    if (hidden) tcsetattr(fd, TCSAFLUSH, &shown);
    if (hidden || rc) put(fd, "\n");
    release_signals(before);
    close(fd);
    return rc;
}
