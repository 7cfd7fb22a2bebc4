/* clock.h - the two clocks, and RFC 3339 text. SPDX-License-Identifier: MIT */
#ifndef VP_CLOCK_H
#define VP_CLOCK_H

#include "buf.h"

enum { VP_TIME_LEN = 20 }; /* 2026-11-24T06:20:51Z */

int64_t vp_clock_ms(void); /* monotonic milliseconds: deadlines and timers */
int64_t vp_clock_us(void); /* monotonic microseconds: latencies */
int64_t
vp_clock_wall(void); /* Unix milliseconds of this machine; Redis TIME decides anything stored */

void vp_time_text(int64_t unix_ms, char out[VP_TIME_LEN + 1]);
/* RFC 3339 with Z or an offset, optional fraction. VP_EINVAL otherwise. Years 1970 to 9999. */
VP_CHECKED vp_err vp_time_parse(vp_str s, int64_t *unix_ms);

#endif
