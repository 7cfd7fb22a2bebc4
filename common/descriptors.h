/* descriptors.h - the TCP sockets behind a port of this process. Libraries that own them hand out
 * no descriptors, and who cuts a connection needs them. SPDX-License-Identifier: MIT */
#ifndef VP_DESCRIPTORS_H
#define VP_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

/* Calls back for each TCP socket whose local port is port. Slow (it reads /proc/self/fd): not for
 * the path of a request. */
void vp_descriptors_each(int port, void (*found)(int fd, bool listening, void *arg), void *arg);
/* Bytes that have come over a connection and were taken from it; -1: it is none. */
int64_t vp_descriptors_taken(int fd);

#endif
