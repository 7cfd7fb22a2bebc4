/* backup.c - a copy of all that Redis holds, as of one moment: it is asked for as a replica would,
 * and comes as an RDB while everything goes on. Asked for with rdb-only, Redis ends the connection
 * behind it and counts us as no replica of its own.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "archive.h"
#include "mem.h"
#include "query.h"
#include "redis.h"
#include "stop.h"
#include "store_url.h"

enum { BYTES_AT_ONCE = 256 * 1024, LINE_MAX_LEN = 256, WAIT_MS = 200, MARK = 40 };

static const char rdb_magic[] = "REDIS";

/* What comes from the socket; bytes from `at` on have not been looked at. */
typedef struct stream {
    int fd;
    size_t at, n;
    char bytes[BYTES_AT_ONCE];
} stream;

/* Puts what comes behind what is there, whose beginning moves to the front. While Redis prepares,
 * it sends a line end every ten seconds. */
static vp_err read_more(stream *s, vp_fault *why) {
    int64_t by = vp_clock_ms() + CLI_REDIS_SILENT_MS;
    memmove(s->bytes, s->bytes + s->at, s->n - s->at);
    s->n -= s->at;
    s->at = 0;
    while (!cli_stopped() && vp_clock_ms() < by) {
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        if (poll(&p, 1, WAIT_MS) <= 0) continue;
        ssize_t n = recv(s->fd, s->bytes + s->n, sizeof s->bytes - s->n, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (n <= 0) {
            vp_fault_set(why, "redis: %s", n ? strerror(errno) : "ended the connection");
            return VP_EAWAY;
        }
        s->n += (size_t)n;
        return VP_OK;
    }
    vp_fault_set(why, cli_stopped() ? "stopped" : "redis: nothing came in time");
    return VP_ETIMEOUT;
}

/* The next line that is not empty, without its end. */
static vp_err read_line(stream *s, char out[LINE_MAX_LEN], vp_fault *why) {
    for (;;) {
        char *end = memchr(s->bytes + s->at, '\n', s->n - s->at);
        if (!end && s->n - s->at >= LINE_MAX_LEN) {
            vp_fault_set(why, "redis: a line is too long");
            return VP_EPROTO;
        }
        if (!end) {
            vp_err rc = read_more(s, why);
            if (rc) return rc;
            continue;
        }
        vp_str line = vp_str_trim(vp_str_n(s->bytes + s->at, (size_t)(end - s->bytes) - s->at));
        s->at = (size_t)(end - s->bytes) + 1;
        if (!line.n) continue;
        snprintf(out, LINE_MAX_LEN, "%.*s", (int)line.n, line.p);
        return VP_OK;
    }
}

/* A command, and the line that answers it. */
static vp_err say(stream *s, const char *command, char answer[LINE_MAX_LEN], vp_fault *why) {
    size_t n = strlen(command);
    if (send(s->fd, command, n, MSG_NOSIGNAL) != (ssize_t)n) { /* the buffer is empty */
        vp_fault_set(why, "redis: %s", strerror(errno));
        return VP_EAWAY;
    }
    vp_err rc = read_line(s, answer, why);
    if (rc || answer[0] != '-') return rc;
    vp_fault_set(why, "redis: %s", answer + 1);
    return VP_EPROTO;
}

/* Ready to send: line says how the RDB comes. */
static vp_err ask_for_all(stream *s, char line[LINE_MAX_LEN], vp_fault *why) {
    vp_err rc = say(s, "REPLCONF rdb-only 1\r\n", line, why);
    if (!rc) rc = say(s, "REPLCONF capa eof\r\n", line, why);
    if (!rc) rc = say(s, "PSYNC ? -1\r\n", line, why);
    if (!rc && strncmp(line, "+FULLRESYNC", 11) != 0) {
        vp_fault_set(why, "redis: unexpected answer to PSYNC");
        rc = VP_EPROTO;
    }
    if (!rc) rc = read_line(s, line, why);
    if (!rc && line[0] != '$') {
        vp_fault_set(why, "redis: %s", line[0] == '-' ? line + 1 : "unexpected answer to PSYNC");
        rc = VP_EPROTO;
    }
    return rc;
}

static vp_err check_magic(stream *s, vp_fault *why) {
    vp_err rc = VP_OK;
    size_t n = strlen(rdb_magic);
    while (!rc && s->n - s->at < n) rc = read_more(s, why);
    if (rc || memcmp(s->bytes + s->at, rdb_magic, n) == 0) return rc;
    vp_fault_set(why, "redis: what came is no RDB");
    return VP_EPROTO;
}

/* Redis has it on its disk, and knows how long it is. */
static vp_err take_counted(stream *s, int64_t left, cli_archive *to, vp_fault *why) {
    vp_err rc = VP_OK;
    while (!rc && left > 0) {
        if (s->at == s->n) rc = read_more(s, why);
        size_t n = s->n - s->at;
        if ((int64_t)n > left) n = (size_t)left;
        if (!rc) rc = cli_archive_add(to, s->bytes + s->at, n, why);
        s->at += n;
        left -= (int64_t)n;
    }
    return rc;
}

/* It comes as it is made: a mark of 40 bytes, drawn for this time, is behind its end. */
static vp_err take_marked(stream *s, const char mark[MARK], cli_archive *to, vp_fault *why) {
    for (;;) {
        size_t n = s->n - s->at;
        bool end = n >= MARK && memcmp(s->bytes + s->n - MARK, mark, MARK) == 0;
        if (n > MARK) {
            vp_err rc = cli_archive_add(to, s->bytes + s->at, n - MARK, why);
            if (rc) return rc;
            s->at += n - MARK;
        }
        if (end) return VP_OK;
        vp_err rc = read_more(s, why);
        if (rc) return rc;
    }
}

static vp_err take(int fd, cli_archive *to, vp_fault *why) {
    static const char eof[] = "$EOF:";
    char line[LINE_MAX_LEN];
    int64_t bytes = 0;
    stream *s = vp_calloc(1, sizeof *s);
    s->fd = fd;
    vp_err rc = ask_for_all(s, line, why);
    bool marked = !rc && strncmp(line, eof, strlen(eof)) == 0;
    if (!rc && (marked ? strlen(line) != strlen(eof) + MARK
                       : vp_str_int(vp_str_of(line + 1), 1, INT64_MAX, &bytes) != VP_OK)) {
        vp_fault_set(why, "redis: unexpected answer to PSYNC");
        rc = VP_EPROTO;
    }
    if (!rc) rc = check_magic(s, why);
    if (!rc)
        rc = marked ? take_marked(s, line + strlen(eof), to, why) : take_counted(s, bytes, to, why);
    free(s);
    return rc;
}

static vp_str version_of(const redisReply *info) {
    static const char name[] = "redis_version:";
    const char *at = info->type == REDIS_REPLY_STRING ? strstr(info->str, name) : NULL;
    if (!at) return VP_STR("unknown");
    size_t n = strcspn(at + strlen(name), "\r\n \t");
    return vp_str_n(at + strlen(name), n);
}

/* -- which Redis ------------------------------------------------------------------------------- */

/* Another server with the same user, password and database. NULL: it cannot be reached. */
static vp_store *open_other(const vp_store_url *like, const char *host, const char *port) {
    vp_buf url;
    vp_store *store = NULL;
    vp_buf_init(&url, 4 * VP_STORE_SECRET_MAX * 2 + VP_STORE_HOST_MAX + 64);
    vp_buf_adds(&url, "redis://");
    if (like->password[0]) {
        vp_query_encode(&url, vp_str_of(like->user));
        vp_buf_addc(&url, ':');
        vp_query_encode(&url, vp_str_of(like->password));
        vp_buf_addc(&url, '@');
    }
    vp_buf_addf(&url, strchr(host, ':') ? "[%s]:%s/%d" : "%s:%s/%d", host, port, like->db);
    vp_err rc = url.over ? VP_ETOOBIG : cli_redis_open(&store, url.data, NULL);
    if (url.data) explicit_bzero(url.data, url.len);
    vp_buf_release(&url);
    return rc ? NULL : store;
}

/* [slave, host, port, connected, offset] */
static bool follows(vp_store *store) {
    redisReply *role = NULL;
    vp_err rc = cli_redis_ask(store, 1, (vp_str[]){VP_STR("ROLE")}, &role, NULL);
    bool yes = !rc && role->type == REDIS_REPLY_ARRAY && role->elements == 5 &&
               role->element[3]->type == REDIS_REPLY_STRING &&
               !strcmp(role->element[3]->str, "connected");
    if (role) freeReplyObject(role);
    return yes;
}

/* Behind Sentinels a replica of the master is asked when there is one: that spares the master, and
 * a Sentinel that looks at a master meanwhile would take us for a replica, for ever. */
static vp_err prefer_replica(vp_store **store, const vp_store_url *where, vp_fault *why) {
    redisReply *role = NULL;
    vp_store *found = NULL;
    vp_err rc = cli_redis_ask(*store, 1, (vp_str[]){VP_STR("ROLE")}, &role, why);
    bool listed = !rc && role->type == REDIS_REPLY_ARRAY && role->elements == 3 &&
                  role->element[2]->type == REDIS_REPLY_ARRAY;
    for (size_t i = 0; listed && !found && i < role->element[2]->elements; i++) {
        const redisReply *r = role->element[2]->element[i];
        found = open_other(where, r->element[0]->str, r->element[1]->str);
        if (found && !follows(found)) vp_store_destroy(&found);
    }
    if (found) {
        vp_store_destroy(store);
        *store = found;
    }
    if (role) freeReplyObject(role);
    return rc;
}

/* The store finds and greets the right Redis; then its connection is ours. */
static vp_err take_one(const char *url, cli_archive *to, vp_fault *why) {
    static const vp_str ask[] = {VP_STR_INIT("INFO"), VP_STR_INIT("server")};
    vp_store *store = NULL;
    vp_store_url where;
    redisReply *info = NULL;
    vp_err rc = vp_store_url_read(url, &where, why);
    if (!rc) rc = cli_redis_open(&store, url, why);
    if (!rc && where.sentinel) rc = prefer_replica(&store, &where, why);
    if (!rc) rc = cli_redis_ask(store, 2, ask, &info, why);
    if (!rc) rc = cli_archive_begin(to, version_of(info), where.db, why);
    if (!rc) rc = take(vp_store_fd(store), to, why);
    if (!rc) rc = cli_archive_end(to, why);
    if (info) freeReplyObject(info);
    vp_store_destroy(&store);
    explicit_bzero(&where, sizeof where);
    return rc;
}

vp_err cli_backup(cli_run *run, vp_fault *why) {
    const char *path = run->args.words[0];
    int64_t began = vp_clock_ms();
    cli_urls urls;
    cli_archive *to = NULL;
    cli_stop_catch();
    vp_err rc = cli_urls_read(run, true, &urls, why);
    if (!rc && !urls.n) {
        vp_fault_set(why, "say where Redis is: --redis-url, or VOXPOP_REDIS_URL");
        rc = VP_EINVAL;
    }
    if (!rc) {
        run->at = path;
        rc = cli_archive_create(&to, path, urls.n, why);
    }
    for (int i = 0; i < urls.n && !rc; i++) rc = take_one(urls.url[i], to, why);
    if (!rc) rc = cli_archive_commit(to, why);
    if (!rc)
        printf("%s: %lld bytes of %d Redis, in %.1f s\n", path, (long long)cli_archive_bytes(to),
               urls.n, (double)(vp_clock_ms() - began) / 1000);
    cli_archive_destroy(&to);
    cli_urls_release(&urls);
    return rc;
}
