/* sockets.h - what is known of a connection's socket. CivetWeb hands out no descriptors, and two
 * things need them: to stop listening without stopping, and to cut a connection that drips. See
 * common/descriptors.h. SPDX-License-Identifier: MIT */
#ifndef HTTP_SOCKETS_H
#define HTTP_SOCKETS_H

#include "address.h"
#include "descriptors.h"

/* The peer of a connection as CivetWeb writes it; false when there is none. */
bool http_socket_peer(int fd, char address[HTTP_ADDRESS_LEN], int *port);
/* How long nothing has been sent to it, or since it was made; 0: it has sent what nobody has read,
 * or is no such socket. What it sends meanwhile does not matter. */
int64_t http_socket_silent_ms(int fd);

#endif
