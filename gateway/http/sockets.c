/* sockets.c - see sockets.h. SPDX-License-Identifier: MIT */
#include "sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

typedef union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
} any_address;

static int port_of(const any_address *a) {
    if (a->any.sa_family == AF_INET) return ntohs(a->v4.sin_port);
    if (a->any.sa_family == AF_INET6) return ntohs(a->v6.sin6_port);
    return -1;
}

bool http_socket_peer(int fd, char address[HTTP_ADDRESS_LEN], int *port) {
    any_address a = {0};
    socklen_t len = sizeof a;
    if (getpeername(fd, &a.any, &len)) return false;
    const void *from = a.any.sa_family == AF_INET ? (const void *)&a.v4.sin_addr : &a.v6.sin6_addr;
    *port = port_of(&a);
    return *port >= 0 && inet_ntop(a.any.sa_family, from, address, HTTP_ADDRESS_LEN) != NULL;
}

int64_t http_socket_silent_ms(int fd) {
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    int unread = 0;
    if (ioctl(fd, FIONREAD, &unread) || unread) return 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len)) return 0;
    return info.tcpi_last_data_sent;
}
