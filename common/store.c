/* store.c - see store.h.
 * Stages: away (retry_ms says when to try again), resolving, connecting, greeting (a frozen or
 * loading Redis accepts connections too, so only answered commands make it up), up. With Sentinels
 * a first connection asks one of them for the master, the next one in turn each time; whoever is
 * named has to say itself that it is a master. hiredis only formats commands and parses replies;
 * reading is ours, since its own read takes 16 KiB at a time. Names are resolved by threads of the
 * C library (getaddrinfo_a), so that a slow resolver does not hold the loop.
 * SPDX-License-Identifier: MIT */
#include "store.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "store_url.h"

enum {
    STORE_BACKOFF_MIN_MS = 20,
    STORE_BACKOFF_MAX_MS = 500,
    STORE_STEADY_MS = 1000,  /* a connection that lasted so long begins the backoff anew */
    STORE_CONNECT_MS = 1000, /* each stage */
    STORE_READ = 64 * 1024,
    STORE_READS = 8, /* in one pump, so that a flood of replies cannot hold the loop */
    STORE_ARGS = 1024 + 16,
    STORE_GREETINGS = 4
};

typedef enum stage { AWAY, RESOLVING, CONNECTING, GREETING, UP } stage;

/* What the greeting asks, in the order of the replies. */
typedef enum greeting { G_AUTH, G_ROLE, G_SELECT, G_PING, G_MASTER } greeting;

struct vp_store {
    vp_store_url url;
    stage stage;
    bool asking;          /* a Sentinel, who is the master */
    unsigned next;        /* Sentinel to ask */
    vp_store_host target; /* of this attempt; path: none */
    struct gaicb lookup;  /* of target; in use while resolving */
    redisContext *ctx;
    bool lost;
    greeting greeting[STORE_GREETINGS];
    int n_greetings, greeted;
    uint64_t generation;
    int64_t retry_ms, stage_by_ms, up_ms;
    int backoff_ms;
    char *readbuf;
};

static vp_store *make(void) {
    vp_store *s = vp_calloc(1, sizeof *s);
    s->backoff_ms = STORE_BACKOFF_MIN_MS;
    s->readbuf = vp_alloc(STORE_READ);
    return s;
}

vp_err vp_store_new(vp_store **out, const char *url, vp_fault *why) {
    vp_store *s = make();
    vp_err rc = vp_store_url_read(url, &s->url, why);
    *out = s;
    if (rc) vp_store_destroy(out);
    return rc;
}

vp_store *vp_store_twin(const vp_store *of) {
    if (!of->url.sentinel) return NULL;
    vp_store *s = make();
    s->url = of->url;
    s->next = of->next;
    return s;
}

bool vp_store_same(const vp_store *a, const vp_store *b) {
    return a->target.port == b->target.port && !strcmp(a->target.name, b->target.name);
}

/* The library may still be at it: then it has to be waited for, since it writes into ours. */
static void end_lookup(vp_store *s) {
    const struct gaicb *const list[] = {&s->lookup};
    if (s->stage == RESOLVING && gai_cancel(&s->lookup) == EAI_NOTCANCELED)
        while (gai_error(&s->lookup) == EAI_INPROGRESS) gai_suspend(list, 1, NULL);
    if (s->lookup.ar_result) freeaddrinfo(s->lookup.ar_result);
    s->lookup = (struct gaicb){0};
}

void vp_store_destroy(vp_store **self_p) {
    vp_store *s = *self_p;
    if (!s) return;
    end_lookup(s);
    if (s->ctx) redisFree(s->ctx);
    free(s->readbuf);
    explicit_bzero(s->url.password, sizeof s->url.password);
    free(s);
    *self_p = NULL;
}

/* Ends the attempt or the connection; the next attempt waits longer each time. */
static void give_up(vp_store *s) {
    int64_t now = vp_clock_ms();
    if (s->ctx) redisFree(s->ctx);
    s->ctx = NULL;
    if (s->stage == UP && now - s->up_ms >= STORE_STEADY_MS) s->backoff_ms = STORE_BACKOFF_MIN_MS;
    if (s->stage == UP) s->lost = true;
    s->stage = AWAY;
    s->asking = false;
    s->retry_ms = now + s->backoff_ms;
    s->backoff_ms =
        s->backoff_ms * 2 < STORE_BACKOFF_MAX_MS ? s->backoff_ms * 2 : STORE_BACKOFF_MAX_MS;
}

static void enter(vp_store *s, stage next) {
    s->stage = next;
    s->stage_by_ms = vp_clock_ms() + STORE_CONNECT_MS;
}

static void connect_to(vp_store *s, const char *address, vp_fault *why) {
    s->ctx = address ? redisConnectNonBlock(address, s->target.port)
                     : redisConnectUnixNonBlock(s->url.path);
    if (!s->ctx || s->ctx->err) {
        vp_fault_set(why, "redis: %s", s->ctx ? s->ctx->errstr : "no memory");
        give_up(s);
        return;
    }
    enter(s, CONNECTING);
}

/* Begins to look the target's name up; an address is connected to at once. */
static void start_resolving(vp_store *s, vp_fault *why) {
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *numeric = NULL;
    struct gaicb *list[] = {&s->lookup};
    if (!getaddrinfo(s->target.name, NULL, &hints, &numeric)) {
        freeaddrinfo(numeric);
        connect_to(s, s->target.name, why);
        return;
    }
    s->lookup = (struct gaicb){.ar_name = s->target.name};
    if (getaddrinfo_a(GAI_NOWAIT, list, 1, NULL)) {
        vp_fault_set(why, "redis: %s cannot be looked up", s->target.name);
        give_up(s);
        return;
    }
    enter(s, RESOLVING);
}

/* A resolver that is slow is waited for, without a bound of ours: it has its own, and no second
 * thread may be started meanwhile. */
static void finish_resolving(vp_store *s, vp_fault *why) {
    char address[NI_MAXHOST];
    int rc = gai_error(&s->lookup);
    if (rc == EAI_INPROGRESS) return;
    const struct addrinfo *first = rc ? NULL : s->lookup.ar_result;
    if (!rc && first)
        rc = getnameinfo(first->ai_addr, first->ai_addrlen, address, sizeof address, NULL, 0,
                         NI_NUMERICHOST);
    s->stage = AWAY;
    end_lookup(s);
    if (rc || !first) {
        vp_fault_set(why, "redis: %s: %s", s->target.name, gai_strerror(rc ? rc : EAI_NONAME));
        give_up(s);
        return;
    }
    connect_to(s, address, why);
}

static void start_connecting(vp_store *s, vp_fault *why) {
    s->asking = s->url.sentinel;
    if (s->url.n_hosts == 0) {
        connect_to(s, NULL, why);
        return;
    }
    s->target = s->url.host[s->url.sentinel ? s->next++ % (unsigned)s->url.n_hosts : 0];
    start_resolving(s, why);
}

/* -- greeting -------------------------------------------------------------------------------- */

static void greet(vp_store *s, greeting g, int argc, const char **argv) {
    redisAppendCommandArgv(s->ctx, argc, argv, NULL);
    s->greeting[s->n_greetings++] = g;
}

static void start_greeting(vp_store *s) {
    const vp_store_url *u = &s->url;
    char db[16];
    snprintf(db, sizeof db, "%d", u->db);
    s->n_greetings = s->greeted = 0;
    if (s->asking) {
        greet(s, G_MASTER, 3, (const char *[]){"SENTINEL", "GET-MASTER-ADDR-BY-NAME", u->master});
    } else {
        if (u->password[0] && u->user[0])
            greet(s, G_AUTH, 3, (const char *[]){"AUTH", u->user, u->password});
        else if (u->password[0])
            greet(s, G_AUTH, 2, (const char *[]){"AUTH", u->password});
        if (u->sentinel) greet(s, G_ROLE, 1, (const char *[]){"ROLE"});
        if (u->db) greet(s, G_SELECT, 2, (const char *[]){"SELECT", db});
        greet(s, G_PING, 1, (const char *[]){"PING"});
    }
    enter(s, GREETING);
}

static void finish_connecting(vp_store *s, vp_fault *why) {
    struct pollfd p = {.fd = s->ctx->fd, .events = POLLOUT};
    if (poll(&p, 1, 0) == 0) {
        if (vp_clock_ms() > s->stage_by_ms) {
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
    start_greeting(s);
}

/* [host, port], or nil: this Sentinel does not know the master. */
static bool take_master(vp_store *s, const redisReply *r, vp_fault *why) {
    int64_t port;
    bool good = r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
                r->element[0]->type == REDIS_REPLY_STRING &&
                (size_t)r->element[0]->len <= VP_STORE_HOST_MAX &&
                r->element[1]->type == REDIS_REPLY_STRING &&
                !vp_str_int(vp_str_of(r->element[1]->str), 1, 65535, &port);
    if (!good) {
        vp_fault_set(why, "redis: the sentinel at %s knows no master %s", s->target.name,
                     s->url.master);
        return false;
    }
    snprintf(s->target.name, sizeof s->target.name, "%s", r->element[0]->str);
    s->target.port = (int)port;
    return true;
}

static bool take_greeting(vp_store *s, greeting g, const redisReply *r, vp_fault *why) {
    if (r->type == REDIS_REPLY_ERROR) {
        vp_fault_set(why, "redis: %s", r->str);
        return false;
    }
    if (g == G_MASTER) return take_master(s, r, why);
    if (g != G_ROLE) return true;
    bool master = r->type == REDIS_REPLY_ARRAY && r->elements > 0 &&
                  r->element[0]->type == REDIS_REPLY_STRING &&
                  !strcmp(r->element[0]->str, "master");
    if (!master) vp_fault_set(why, "redis: %s is no master", s->target.name);
    return master;
}

/* The Sentinel has said where the master is. */
static void go_to_master(vp_store *s, vp_fault *why) {
    redisFree(s->ctx);
    s->ctx = NULL;
    s->asking = false;
    start_resolving(s, why);
}

/* SELECT is answered by a Redis that is still loading, PING is not. */
static void finish_greeting(vp_store *s, vp_fault *why) {
    redisReply *reply = NULL;
    bool good = true;
    while (good && s->greeted < s->n_greetings &&
           redisReaderGetReply(s->ctx->reader, (void **)&reply) == REDIS_OK && reply) {
        good = take_greeting(s, s->greeting[s->greeted++], reply, why);
        freeReplyObject(reply);
        reply = NULL;
    }
    if (!good || s->ctx->reader->err) {
        vp_fault_set(why, "redis: %s", s->ctx->reader->errstr);
        give_up(s);
    } else if (s->greeted == s->n_greetings && s->asking) {
        go_to_master(s, why);
    } else if (s->greeted == s->n_greetings) {
        s->stage = UP;
        s->generation++;
        s->up_ms = vp_clock_ms();
    } else if (vp_clock_ms() > s->stage_by_ms) {
        vp_fault_set(why, "redis: no answer to the greeting");
        give_up(s);
    }
}

/* -- up --------------------------------------------------------------------------------------- */

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
    if (s->stage == UP) write_commands(s, NULL);
}

vp_err vp_store_pump(vp_store *s, vp_fault *why) {
    if (s->stage == AWAY && !s->lost && vp_clock_ms() >= s->retry_ms) start_connecting(s, why);
    if (s->stage == RESOLVING) finish_resolving(s, why);
    if (s->stage == CONNECTING) finish_connecting(s, why);
    if (s->stage >= GREETING) write_commands(s, why);
    if (s->stage >= GREETING) read_replies(s, why);
    if (s->stage == GREETING) finish_greeting(s, why);
    if (!s->lost) return VP_OK;
    s->lost = false;
    return VP_EAWAY;
}

bool vp_store_up(const vp_store *s) {
    return s->stage == UP;
}

uint64_t vp_store_generation(const vp_store *s) {
    return s->generation;
}

int vp_store_fd(const vp_store *s) {
    return s->ctx ? s->ctx->fd : -1;
}

bool vp_store_wants_write(const vp_store *s) {
    return s->ctx && (s->stage == CONNECTING || (s->ctx->obuf && *s->ctx->obuf));
}

vp_err vp_store_append(vp_store *s, int argc, const vp_str *argv) {
    if (s->stage != UP) return VP_EAWAY;
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
    if (s->stage != UP) return NULL;
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
