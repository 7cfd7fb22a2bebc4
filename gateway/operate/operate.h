/* operate.h - what those who run the system see and do through a gateway: which instances there
 * are, their metrics, and that one takes its leave. SPDX-License-Identifier: MIT */
#ifndef OPERATE_OPERATE_H
#define OPERATE_OPERATE_H

#include "bus.h"
#include "reply.h"
#include "request.h"

/* False: the path is none of these. */
bool operate_handle(bus *b, http_request *r, http_reply *p);
/* Rows for --operations. */
void operate_operations(vp_buf *out, const char **separator);
/* The metrics of all instances of services; asks each and waits OPERATE_METRICS_MS at most. */
enum { OPERATE_METRICS_MS = 1000 };
void operate_metrics(bus *b, vp_buf *out);

#endif
