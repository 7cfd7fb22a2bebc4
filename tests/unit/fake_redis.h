/* fake_redis.h - a Redis of one connection on a thread of a test: it answers what a service asks at
 * set-up, and may be told to be another one, to hang up, or to be silent on a key.
 * SPDX-License-Identifier: MIT */
#ifndef VP_FAKE_REDIS_H
#define VP_FAKE_REDIS_H

#include <assert.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FAKE_REDIS_LOOK_MS = 5 }; /* how often it looks at what it is told */

typedef struct fake_redis {
    char folder[32], url[64], path[48];
    int listener;
    pthread_t thread;
    atomic_int life;          /* the run id begins with it, in hex; 0: INFO does not tell one */
    atomic_int told;          /* how often INFO was asked */
    atomic_int keys;          /* and how often the site's key */
    atomic_llong time;        /* what TIME says, in seconds */
    atomic_bool hang_up, end; /* hang_up goes back to false when it is done */
} fake_redis;

static void fake_redis_say(int fd, const char *text) {
    ssize_t n = write(fd, text, strlen(text));
    (void)n; /* whoever has gone needs no answer */
}

static void fake_redis_bulk(int fd, const char *text) {
    char out[256];
    snprintf(out, sizeof out, "$%zu\r\n%s\r\n", strlen(text), text);
    fake_redis_say(fd, out);
}

/* False: nothing is answered any more, as by one that is frozen. */
static bool fake_redis_answer(fake_redis *f, int fd, redisReply *command) {
    const char *word = command->element[0]->str;
    const char *key = command->elements > 1 ? command->element[1]->str : "";
    char info[128];
    if (strcmp(word, "TIME") == 0) {
        snprintf(info, sizeof info, "*2\r\n$10\r\n%010lld\r\n$1\r\n0\r\n", (long long)f->time);
        fake_redis_say(fd, info);
    } else if (strcmp(word, "INFO") == 0) {
        f->told++;
        snprintf(info, sizeof info, "# Server\r\nredis_version:7.0.0\r\n");
        if (f->life)
            snprintf(info, sizeof info, "# Server\r\nrun_id:%08x%032d\r\nport:0\r\n",
                     (unsigned)f->life, 0);
        fake_redis_bulk(fd, info);
    } else if (strcmp(word, "GET") == 0 && strcmp(key, "site:key") == 0) {
        f->keys++;
        fake_redis_bulk(fd, "01234567890123456789012345678901");
    } else if (strcmp(word, "GET") == 0 && strcmp(key, "silence") == 0) {
        return false;
    } else {
        fake_redis_say(fd, "+OK\r\n");
    }
    return true;
}

static void fake_redis_serve(fake_redis *f, int fd) {
    redisReader *reader = redisReaderCreate();
    bool talks = true;
    char bytes[16 * 1024];
    while (!f->end && !f->hang_up) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, FAKE_REDIS_LOOK_MS) <= 0) continue;
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n <= 0) break;
        redisReaderFeed(reader, bytes, (size_t)n);
        for (void *r = NULL; redisReaderGetReply(reader, &r) == REDIS_OK && r;) {
            talks = talks && fake_redis_answer(f, fd, r);
            freeReplyObject(r);
        }
    }
    redisReaderFree(reader);
    close(fd);
    f->hang_up = false;
}

static void *fake_redis_run(void *self) {
    fake_redis *f = self;
    while (!f->end) {
        struct pollfd p = {.fd = f->listener, .events = POLLIN};
        if (poll(&p, 1, FAKE_REDIS_LOOK_MS) <= 0) continue;
        int fd = accept(f->listener, NULL, NULL);
        if (fd >= 0) fake_redis_serve(f, fd);
    }
    return NULL;
}

static void fake_redis_start(fake_redis *f) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(f->folder, sizeof f->folder, "/tmp/voxpop-fake-XXXXXX");
    if (!mkdtemp(f->folder)) abort();
    snprintf(f->path, sizeof f->path, "%s/redis", f->folder);
    snprintf(f->url, sizeof f->url, "unix://%s", f->path);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", f->path);
    f->life = 1;
    f->time = 1800000000;
    f->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(f->listener, (struct sockaddr *)&at, sizeof at) || listen(f->listener, 8) ||
        pthread_create(&f->thread, NULL, fake_redis_run, f))
        abort();
}

static void fake_redis_stop(fake_redis *f) {
    f->end = true;
    pthread_join(f->thread, NULL);
    close(f->listener);
    unlink(f->path);
    rmdir(f->folder);
}

#endif
