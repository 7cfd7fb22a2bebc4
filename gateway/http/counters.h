/* counters.h - what http/ counts for /metrics. SPDX-License-Identifier: MIT */
#ifndef HTTP_COUNTERS_H
#define HTTP_COUNTERS_H

#include "guard.h"

void http_count_answer(int status, int64_t us);
void http_count_refusal(http_refusal why);
void http_count_now(int in_flight, int connections, int threads);
void http_counters_write(vp_buf *out);

#endif
