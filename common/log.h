/* log.h - one line per event on standard error: JSON when that is not a terminal.
 * Thread-safe; never logs addresses, secrets or bodies. SPDX-License-Identifier: MIT */
#ifndef VP_LOG_H
#define VP_LOG_H

#include "trace.h"

typedef enum vp_log_level { VP_LOG_DEBUG, VP_LOG_INFO, VP_LOG_WARN, VP_LOG_ERROR } vp_log_level;

/* process: "gateway", "polls"...; level: the lowest that is written. */
void vp_log_init(const char *process, vp_log_level level);
bool vp_log_on(vp_log_level level);
VP_CHECKED vp_err vp_log_level_parse(vp_str name, vp_log_level *out);

/* about: the request that it is about, or NULL. Level is tested before anything is formatted. */
#define vp_log(level, about, ...)                                                                  \
    do {                                                                                           \
        if (vp_log_on(level)) vp_log_write((level), (about), __VA_ARGS__);                         \
    } while (0)
void vp_log_write(vp_log_level level, const vp_trace *about, const char *fmt, ...) VP_PRINTF(3, 4)
    __attribute__((cold));
/* ,"request_id":"...","trace_id":"..." as far as they are known: for lines made elsewhere. */
void vp_log_add_ids(vp_buf *out, const vp_trace *about);
/* A ready line (no newline) through the same lock: the access log. It is kept for up to a second
 * or 64 KiB, until the next call here; a loop should call vp_log_flush when it has nothing to do.
 */
void vp_log_raw(vp_str line);
/* Writes out what vp_log_raw keeps. Also done at exit. */
void vp_log_flush(void);

#endif
