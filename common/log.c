/* log.c - see log.h.
 * One lock guards the kept lines and orders every write(2); a line is one write, so lines of
 * several processes on one pipe do not mix. SPDX-License-Identifier: MIT */
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

enum { KEPT_MAX = 64 * 1024, KEPT_MS = 1000, MESSAGE_MAX = 1024, LINE_MAX_BYTES = 8 * 1024 };

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static struct {
    const char *process;
    bool terminal;
    pthread_mutex_t lock;
    size_t kept; /* bytes in lines */
    int64_t kept_since;
    char lines[KEPT_MAX];
} self = {.process = "voxpop", .lock = PTHREAD_MUTEX_INITIALIZER};

static atomic_int lowest = VP_LOG_INFO;

void vp_log_init(const char *process, vp_log_level level) {
    static bool at_exit;
    self.process = process;
    self.terminal = isatty(STDERR_FILENO);
    atomic_store_explicit(&lowest, (int)level, memory_order_relaxed);
    if (!at_exit) at_exit = atexit(vp_log_flush) == 0;
}

bool vp_log_on(vp_log_level level) {
    return (int)level >= atomic_load_explicit(&lowest, memory_order_relaxed);
}

vp_err vp_log_level_parse(vp_str name, vp_log_level *out) {
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (!vp_str_eq(name, vp_str_of(level_names[i]))) continue;
        *out = (vp_log_level)i;
        return VP_OK;
    }
    return VP_EINVAL;
}

/* A log that cannot be written has nobody to tell, so the rest is dropped. */
static void put(const char *p, size_t n) {
    while (n) {
        ssize_t done = write(STDERR_FILENO, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return;
        p += done;
        n -= (size_t)done;
    }
}

static void put_kept(void) {
    put(self.lines, self.kept);
    self.kept = 0;
}

/* The clock of the timer tick is exact enough here and several times cheaper. */
static int64_t coarse_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return t.tv_sec * (int64_t)1000 + t.tv_nsec / 1000000;
}

static void format_terminal(vp_buf *b, vp_log_level level, const vp_trace *about, char *message) {
    int64_t ms = vp_clock_wall();
    time_t s = (time_t)(ms / 1000);
    struct tm t;
    localtime_r(&s, &t);
    for (char *p = message; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7F) *p = ' ';
    vp_buf_addf(b, "%02d:%02d:%02d.%03d %-5s %s  ", t.tm_hour, t.tm_min, t.tm_sec, (int)(ms % 1000),
                level_names[level], self.process);
    if (about && about->request[0]) vp_buf_addf(b, "[%s] ", about->request);
    vp_buf_adds(b, message);
}

void vp_log_add_ids(vp_buf *b, const vp_trace *about) {
    if (!about) return;
    vp_str trace = vp_trace_id(about);
    if (about->request[0]) {
        vp_buf_adds(b, ",\"request_id\":\"");
        vp_buf_adds(b, about->request);
        vp_buf_addc(b, '"');
    }
    if (!trace.n) return;
    vp_buf_adds(b, ",\"trace_id\":\"");
    vp_buf_add_str(b, trace);
    vp_buf_addc(b, '"');
}

static void format_json(vp_buf *b, vp_log_level level, const vp_trace *about, const char *message) {
    char time[VP_TIME_LEN + 1];
    int64_t ms = vp_clock_wall();
    vp_time_text(ms, time);
    vp_buf_addf(b, "{\"time\":\"%.19s.%03dZ\",\"level\":\"%s\",\"process\":", time,
                (int)(ms % 1000), level_names[level]);
    vp_buf_add_json(b, vp_str_of(self.process));
    vp_log_add_ids(b, about);
    vp_buf_adds(b, ",\"message\":");
    vp_buf_add_json(b, vp_str_of(message));
    vp_buf_addc(b, '}');
}

void vp_log_write(vp_log_level level, const vp_trace *about, const char *fmt, ...) {
    int saved_errno = errno;
    char message[MESSAGE_MAX];
    vp_buf line;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    vp_utf8_scrub(message);
    vp_buf_init(&line, LINE_MAX_BYTES); /* holds a message of which every byte is escaped */
    if (self.terminal) {
        format_terminal(&line, level, about, message);
    } else {
        format_json(&line, level, about, message);
    }
    vp_buf_addc(&line, '\n');
    pthread_mutex_lock(&self.lock);
    if (self.kept && coarse_ms() - self.kept_since >= KEPT_MS) put_kept();
    put(line.data, line.len);
    pthread_mutex_unlock(&self.lock);
    vp_buf_release(&line);
    errno = saved_errno;
}

void vp_log_raw(vp_str line) {
    if (line.n >= KEPT_MAX) line.n = KEPT_MAX - 1;
    int64_t now = coarse_ms();
    pthread_mutex_lock(&self.lock);
    if (line.n >= KEPT_MAX - self.kept) put_kept();
    if (!self.kept) self.kept_since = now;
    if (line.n) memcpy(self.lines + self.kept, line.p, line.n);
    self.kept += line.n;
    self.lines[self.kept++] = '\n';
    if (now - self.kept_since >= KEPT_MS) put_kept();
    pthread_mutex_unlock(&self.lock);
}

void vp_log_flush(void) {
    pthread_mutex_lock(&self.lock);
    put_kept();
    pthread_mutex_unlock(&self.lock);
}
