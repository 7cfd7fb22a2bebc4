/* store.c - see store.h.
 * States: away (no context; retry_ms says when to try again), connecting, greeting (a frozen or
 * loading Redis accepts connections too, so only an answered command makes it up), up. hiredis only
 * formats commands and parses replies; reading is ours, since its own read takes 16 KiB at a time.
 * SPDX-License-Identifier: MIT */
#include "store.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"

enum {
    STORE_BACKOFF_MIN_MS = 20,
    STORE_BACKOFF_MAX_MS = 500,
    STORE_STEADY_MS = 1000, /* a connection that lasted so long begins the backoff anew */
    STORE_CONNECT_MS = 1000,
    STORE_READ = 64 * 1024,
    STORE_READS = 8, /* in one pump, so that a flood of replies cannot hold the loop */
    STORE_ARGS = 1024 + 16
};

struct vp_store {
    char *host; /* of TCP; NULL: path */
    char *path;
    int port, db;
    redisContext *ctx;
    bool up, lost;
    int greetings; /* replies still to come before it is up */
    uint64_t generation;
    int64_t retry_ms, connect_by_ms, up_ms;
    int backoff_ms;
    char *readbuf;
};

static vp_err parse_tcp(vp_store *s, vp_str rest, vp_fault *why) {
    const char *slash = memchr(rest.p, '/', rest.n);
    vp_str db = {0};
    if (slash) {
        db = vp_str_n(slash + 1, rest.n - (size_t)(slash - rest.p) - 1);
        rest.n = (size_t)(slash - rest.p);
    }
    const char *colon = memrchr(rest.p, ':', rest.n);
    int64_t port = 6379, number = 0;
    size_t host = colon ? (size_t)(colon - rest.p) : rest.n;
    if (host == 0 || host > 255) goto bad;
    if (colon && vp_str_int(vp_str_n(colon + 1, rest.n - host - 1), 1, 65535, &port)) goto bad;
    if (db.n && vp_str_int(db, 0, 1023, &number)) goto bad;
    s->host = vp_strndup(rest.p, host);
    s->port = (int)port;
    s->db = (int)number;
    return VP_OK;
bad:
    vp_fault_set(why, "redis-url: not redis://host:port[/db] or unix:///path");
    return VP_EINVAL;
}

vp_err vp_store_new(vp_store **out, const char *url, vp_fault *why) {
    vp_store *s = vp_calloc(1, sizeof *s);
    vp_str u = vp_str_of(url);
    vp_err rc = VP_OK;
    if (vp_str_starts(u, VP_STR("unix://")) && u.n > 7 + 1)
        s->path = vp_strndup(u.p + 7, u.n - 7);
    else if (vp_str_starts(u, VP_STR("redis://")))
        rc = parse_tcp(s, vp_str_n(u.p + 8, u.n - 8), why);
    else
        rc = parse_tcp(s, (vp_str){0}, why);
    s->backoff_ms = STORE_BACKOFF_MIN_MS;
    s->readbuf = vp_alloc(STORE_READ);
    *out = s;
    if (rc) vp_store_destroy(out);
    return rc;
}

void vp_store_destroy(vp_store **self_p) {
    vp_store *s = *self_p;
    if (!s) return;
    if (s->ctx) redisFree(s->ctx);
    free(s->host);
    free(s->path);
    free(s->readbuf);
    free(s);
    *self_p = NULL;
}

/* Ends the connection; the next attempt waits longer each time. */
static void give_up(vp_store *s) {
    if (s->ctx) redisFree(s->ctx);
    s->ctx = NULL;
    if (s->up && vp_clock_ms() - s->up_ms >= STORE_STEADY_MS) s->backoff_ms = STORE_BACKOFF_MIN_MS;
    if (s->up) s->lost = true;
    s->up = false;
    s->greetings = 0;
    s->retry_ms = vp_clock_ms() + s->backoff_ms;
    s->backoff_ms =
        s->backoff_ms * 2 < STORE_BACKOFF_MAX_MS ? s->backoff_ms * 2 : STORE_BACKOFF_MAX_MS;
}

static void start_connecting(vp_store *s, vp_fault *why) {
    s->ctx = s->path ? redisConnectUnixNonBlock(s->path) : redisConnectNonBlock(s->host, s->port);
    if (!s->ctx || s->ctx->err) {
        vp_fault_set(why, "redis: %s", s->ctx ? s->ctx->errstr : "no memory");
        give_up(s);
        return;
    }
    s->connect_by_ms = vp_clock_ms() + STORE_CONNECT_MS;
}

static void finish_connecting(vp_store *s, vp_fault *why) {
    struct pollfd p = {.fd = s->ctx->fd, .events = POLLOUT};
    if (poll(&p, 1, 0) == 0) {
        if (vp_clock_ms() > s->connect_by_ms) {
            vp_fault_set(why, "redis: no answer to connect");
            give_up(s);
        }
        return;
    }
    int err = 0;
    socklen_t n = sizeof err;
    if (getsockopt(s->ctx->fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0) err = errno;
    if (err) {
        vp_fault_set(why, "redis: %s", strerror(err));
        give_up(s);
        return;
    }
    redisAppendCommand(s->ctx, "SELECT %d", s->db);
    redisAppendCommand(s->ctx, "PING");
    s->greetings = 2;
}

/* SELECT is answered by a Redis that is still loading, PING is not. */
static void finish_greeting(vp_store *s, vp_fault *why) {
    redisReply *reply = NULL;
    while (s->greetings && redisReaderGetReply(s->ctx->reader, (void **)&reply) == REDIS_OK &&
           reply && reply->type != REDIS_REPLY_ERROR) {
        freeReplyObject(reply);
        reply = NULL;
        s->greetings--;
    }
    if (s->greetings == 0) {
        s->up = true;
        s->generation++;
        s->up_ms = vp_clock_ms();
    } else if (reply || s->ctx->reader->err || vp_clock_ms() > s->connect_by_ms) {
        vp_fault_set(why, "redis: %s", reply ? reply->str : "no answer to the greeting");
        give_up(s);
    }
    if (reply) freeReplyObject(reply);
}

static void read_replies(vp_store *s, vp_fault *why) {
    for (int i = 0; i < STORE_READS; i++) {
        ssize_t n = recv(s->ctx->fd, s->readbuf, STORE_READ, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
        if (n <= 0) {
            vp_fault_set(why, "redis: %s", n == 0 ? "closed the connection" : strerror(errno));
            give_up(s);
            return;
        }
        if (redisReaderFeed(s->ctx->reader, s->readbuf, (size_t)n) != REDIS_OK) {
            vp_fault_set(why, "redis: %s", s->ctx->reader->errstr);
            give_up(s);
            return;
        }
        if (n < STORE_READ) return;
    }
}

static void write_commands(vp_store *s, vp_fault *why) {
    int done = 0;
    if (redisBufferWrite(s->ctx, &done) == REDIS_OK) return;
    vp_fault_set(why, "redis: %s", s->ctx->errstr);
    give_up(s);
}

void vp_store_flush(vp_store *s) {
    if (s->up) write_commands(s, NULL);
}

vp_err vp_store_pump(vp_store *s, vp_fault *why) {
    if (!s->ctx && !s->lost && vp_clock_ms() >= s->retry_ms) start_connecting(s, why);
    if (s->ctx && !s->up && !s->greetings) finish_connecting(s, why);
    if (s->ctx && (s->up || s->greetings)) write_commands(s, why);
    if (s->ctx && (s->up || s->greetings)) read_replies(s, why);
    if (s->ctx && s->greetings) finish_greeting(s, why);
    if (!s->lost) return VP_OK;
    s->lost = false;
    return VP_EAWAY;
}

bool vp_store_up(const vp_store *s) {
    return s->up;
}

uint64_t vp_store_generation(const vp_store *s) {
    return s->generation;
}

int vp_store_fd(const vp_store *s) {
    return s->ctx ? s->ctx->fd : -1;
}

bool vp_store_wants_write(const vp_store *s) {
    return s->ctx && ((!s->up && !s->greetings) || (s->ctx->obuf && *s->ctx->obuf));
}

vp_err vp_store_append(vp_store *s, int argc, const vp_str *argv) {
    if (!s->up) return VP_EAWAY;
    const char *arg[STORE_ARGS];
    size_t len[STORE_ARGS];
    if (argc < 1 || argc > STORE_ARGS) return VP_ETOOBIG;
    for (int i = 0; i < argc; i++) {
        arg[i] = argv[i].n ? argv[i].p : "";
        len[i] = argv[i].n;
    }
    if (redisAppendCommandArgv(s->ctx, argc, arg, len) == REDIS_OK) return VP_OK;
    give_up(s);
    return VP_EAWAY;
}

redisReply *vp_store_reply(vp_store *s) {
    void *reply = NULL;
    if (!s->up) return NULL;
    if (redisReaderGetReply(s->ctx->reader, &reply) != REDIS_OK) give_up(s);
    return reply;
}

void vp_store_drop(vp_store *s) {
    if (s->ctx) give_up(s);
}

vp_err vp_store_ask(vp_store *s, int timeout_ms, int argc, const vp_str *argv, redisReply **out,
                    vp_fault *why) {
    int64_t by = vp_clock_ms() + timeout_ms;
    bool sent = false;
    *out = NULL;
    for (;;) {
        vp_err rc = vp_store_pump(s, why);
        if (rc && sent) return rc;
        if (vp_store_up(s) && !sent) {
            if ((rc = vp_store_append(s, argc, argv))) return rc;
            sent = true;
            continue;
        }
        if (sent && (*out = vp_store_reply(s))) return VP_OK;
        int64_t left = by - vp_clock_ms();
        if (left <= 0) break;
        struct pollfd p = {.fd = vp_store_fd(s),
                           .events = (short)(POLLIN | (vp_store_wants_write(s) ? POLLOUT : 0))};
        int wait = p.fd < 0 || left > 20 ? 20 : (int)left;
        poll(&p, p.fd < 0 ? 0 : 1, wait);
    }
    vp_fault_set(why, sent ? "redis: no reply in time" : "redis: cannot be reached");
    if (sent) vp_store_drop(s);
    return sent ? VP_ETIMEOUT : VP_EAWAY;
}
