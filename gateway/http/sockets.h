/* sockets.h - the sockets behind a port of this process. CivetWeb hands out no descriptors, and
 * two things need them: to stop listening without stopping, and to cut a connection that drips.
 * SPDX-License-Identifier: MIT */
#ifndef HTTP_SOCKETS_H
#define HTTP_SOCKETS_H

#include <stdbool.h>

#include "address.h"

/* Calls back for each TCP socket whose local port is port. Slow (it reads /proc/self/fd): not for
 * the path of a request. */
void http_sockets_each(int port, void (*found)(int fd, bool listening, void *arg), void *arg);
/* The peer of a connection as CivetWeb writes it; false when there is none. */
bool http_socket_peer(int fd, char address[HTTP_ADDRESS_LEN], int *port);
/* How long nothing has been sent to it, or since it was made; 0: it has sent what nobody has read,
 * or is no such socket. What it sends meanwhile does not matter. */
int64_t http_socket_silent_ms(int fd);

#endif
