/* fanout_load.c - many watchers of one event stream, and how late its frames arrive.
 *   fanout-load PORT PATH WATCHERS SECONDS PID
 * Reads from the beginning, but counts only frames stamped ("T=" and nanoseconds of the wall clock)
 * after all watchers are connected and have settled, so connecting is not measured. Prints one line
 * of JSON; memory is that of process PID. SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "mem.h"

enum {
    PER_ADDRESS = 20000, /* local ports taken of one loopback address */
    AT_ONCE = 64,        /* connections opened between two looks at the others */
    SETTLE_MS = 2000,
    STAMPS_MAX = 65536,
    CHUNK = 8192
};

typedef struct load {
    int64_t port, watchers, seconds, pid;
    const char *path;
    int epoll, open, closed;
    int64_t begin, end; /* stamps that count; 0: not yet */
    double *late;       /* milliseconds */
    size_t n, cap;
    int64_t stamp[STAMPS_MAX]; /* different ones seen */
    size_t n_stamps;
} load;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static long resident(int64_t pid) {
    char name[64];
    long pages = 0;
    snprintf(name, sizeof name, "/proc/%lld/statm", (long long)pid);
    FILE *f = fopen(name, "r");
    if (!f) return 0;
    if (fscanf(f, "%*d %ld", &pages) != 1) pages = 0;
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static bool open_watcher(load *l, int i) {
    const int one = 1;
    char request[256];
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(i / PER_ADDRESS));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)l->port);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", l->path);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (bind(fd, (struct sockaddr *)&from, sizeof from) ||
        connect(fd, (struct sockaddr *)&to, sizeof to) || send(fd, request, (size_t)n, 0) != n ||
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event)) {
        close(fd);
        return false;
    }
    l->open++;
    return true;
}

static void note_stamp(load *l, int64_t stamp) {
    for (size_t i = l->n_stamps; i > 0; i--)
        if (l->stamp[i - 1] == stamp) return;
    if (l->n_stamps < STAMPS_MAX) l->stamp[l->n_stamps++] = stamp;
}

static void note(load *l, int64_t stamp, int64_t at) {
    if (!l->begin || stamp < l->begin || stamp > l->end) return;
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 65536;
        l->late = vp_realloc(l->late, l->cap * sizeof *l->late);
    }
    l->late[l->n++] = (double)(at - stamp) / 1e6;
    note_stamp(l, stamp);
}

static void take(load *l, vp_str text, int64_t at) {
    for (const char *p; (p = memmem(text.p, text.n, "T=", 2));) {
        size_t left = text.n - (size_t)(p + 2 - text.p), n = 0;
        int64_t stamp;
        while (n < left && p[2 + n] >= '0' && p[2 + n] <= '9') n++;
        if (!vp_str_int(vp_str_n(p + 2, n), 0, INT64_MAX, &stamp)) note(l, stamp, at);
        text = vp_str_n(p + 2 + n, left - n);
    }
}

static void read_some(load *l, int wait_ms) {
    struct epoll_event event[256];
    char chunk[CHUNK];
    int n = epoll_wait(l->epoll, event, 256, wait_ms);
    for (int i = 0; i < n; i++) {
        ssize_t got = recv(event[i].data.fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (got > 0) take(l, vp_str_n(chunk, (size_t)got), now_ns());
        if (got > 0 || (got < 0 && errno == EAGAIN)) continue;
        close(event[i].data.fd);
        l->closed++;
    }
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void report(load *l, double connect_s, long before, long after) {
    double missing = (double)l->n_stamps * l->open - (double)l->n;
    qsort(l->late, l->n, sizeof *l->late, by_size);
    printf("{\"watchers\":%d,\"closed\":%d,\"connect_s\":%.2f,\"frames\":%zu,\"missing\":%.0f,"
           "\"rss_before\":%ld,\"rss_after\":%ld,\"bytes_per_watcher\":%.0f",
           l->open, l->closed, connect_s, l->n, missing, before, after,
           l->open ? (double)(after - before) / l->open : 0);
    if (l->n)
        printf(",\"p50_ms\":%.1f,\"p99_ms\":%.1f,\"max_ms\":%.1f", l->late[l->n / 2],
               l->late[l->n * 99 / 100], l->late[l->n - 1]);
    printf("}\n");
}

static void run(load *l) {
    int64_t start = now_ns();
    long before = resident(l->pid);
    for (int i = 0; i < l->watchers; i++) {
        if (!open_watcher(l, i)) break;
        if (i % AT_ONCE == 0) read_some(l, 0);
    }
    int64_t connected = now_ns();
    int64_t second = INT64_C(1000000000);
    l->begin = connected + SETTLE_MS * INT64_C(1000000);
    l->end = l->begin + l->seconds * second;
    while (now_ns() < l->end) read_some(l, 100);
    long after = resident(l->pid);
    int64_t late_end = l->end + 2 * second; /* the last ones are still on their way */
    while (now_ns() < late_end) read_some(l, 100);
    report(l, (double)(connected - start) / 1e9, before, after);
}

int main(int argc, char **argv) {
    static load l;
    struct rlimit files;
    const struct {
        int64_t *to, max;
    } numbers[] = {
        {&l.port, 65535}, {NULL, 0}, {&l.watchers, 200000}, {&l.seconds, 600}, {&l.pid, INT32_MAX}};
    bool good = argc == 6;
    for (int i = 0; good && i < 5; i++)
        good =
            !numbers[i].to || !vp_str_int(vp_str_of(argv[i + 1]), 1, numbers[i].max, numbers[i].to);
    if (!good) {
        fprintf(stderr, "usage: fanout-load PORT PATH WATCHERS SECONDS PID\n");
        return 1;
    }
    l.path = argv[2];
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    run(&l);
    free(l.late);
    return l.open == l.watchers && !l.closed ? 0 : 1;
}
