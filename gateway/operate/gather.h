/* gather.h - the metrics of many instances as one page: rows of one name stand together under one
 * head, as Prometheus' text format wants it, and each says whose it is. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef OPERATE_GATHER_H
#define OPERATE_GATHER_H

#include "buf.h"

typedef struct gather_part {
    const char *service, *instance; /* labels of its rows; service and instance id */
    vp_str text;                    /* what it answered */
} gather_part;

void gather_write(vp_buf *out, const gather_part *parts, int n);
/* name{service="...",instance="..." with rest behind it, such as "} 1\n". */
void gather_row(vp_buf *out, vp_str name, const gather_part *p, vp_str rest);

#endif
