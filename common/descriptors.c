/* descriptors.c - see descriptors.h. SPDX-License-Identifier: MIT */
#include "descriptors.h"

#include <dirent.h>
#include <linux/tcp.h> /* it knows more of struct tcp_info than netinet/tcp.h */
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "buf.h"

static int local_port(int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } a = {0};
    socklen_t len = sizeof a;
    if (getsockname(fd, &a.any, &len)) return -1;
    if (a.any.sa_family == AF_INET) return ntohs(a.v4.sin_port);
    return a.any.sa_family == AF_INET6 ? ntohs(a.v6.sin6_port) : -1;
}

static bool is_listening(int fd) {
    int yes = 0;
    socklen_t len = sizeof yes;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 && yes;
}

void vp_descriptors_each(int port, void (*found)(int fd, bool listening, void *arg), void *arg) {
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    if (!dir) return;
    while ((entry = readdir(dir))) {
        int64_t fd;
        if (vp_str_int(vp_str_of(entry->d_name), 0, INT32_MAX, &fd) != VP_OK) continue;
        if (local_port((int)fd) == port) found((int)fd, is_listening((int)fd), arg);
    }
    closedir(dir);
}

int64_t vp_descriptors_taken(int fd) {
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    int unread = 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len)) return -1;
    if (len < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
        return -1;
    if (ioctl(fd, FIONREAD, &unread)) return -1;
    return (int64_t)info.tcpi_bytes_received - unread;
}
