/* ceiling.c - CivetWeb alone with a fixed answer: the ceiling of any gateway on it, and the unit of
 * the benchmark's ratios. usage: ceiling PORT BODY_BYTES. SPDX-License-Identifier: MIT */
#include <civetweb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BODY_MAX = 64 * 1024 };

typedef struct answer {
    char text[BODY_MAX + 256];
    size_t n;
} answer;

static int handle(struct mg_connection *conn, void *answer_) {
    const answer *a = answer_;
    mg_write(conn, a->text, a->n);
    return 200;
}

int main(int argc, char **argv) {
    static answer a;
    long body = argc == 3 ? strtol(argv[2], NULL, 10) : -1;
    if (body < 0 || body > BODY_MAX) {
        fprintf(stderr, "usage: ceiling PORT BODY_BYTES\n");
        return 2;
    }
    int head =
        snprintf(a.text, sizeof a.text,
                 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %ld\r\n"
                 "Connection: keep-alive\r\nETag: \"1.0\"\r\nCache-Control: max-age=1\r\n\r\n",
                 body);
    memset(a.text + head, 'x', (size_t)body);
    a.n = (size_t)head + (size_t)body;
    char port[64];
    snprintf(port, sizeof port, "127.0.0.1:%s", argv[1]);
    const char *options[] = {"listening_ports",
                             port,
                             "num_threads",
                             "128",
                             "enable_keep_alive",
                             "yes",
                             "keep_alive_timeout_ms",
                             "5000",
                             "tcp_nodelay",
                             "1",
                             NULL};
    mg_init_library(0);
    struct mg_context *context = mg_start(NULL, NULL, options);
    if (!context) return 1;
    mg_set_request_handler(context, "/", handle, &a);
    pause();
    return 0;
}
