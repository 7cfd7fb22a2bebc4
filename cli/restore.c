/* restore.c - a backup into an empty Redis. A scratch Redis reads the RDB, which only Redis can,
 * and from there each key goes over as it is, with its lifetime. A mark in the target says which
 * backup is on its way: so the same one goes on after it was cut short, and nothing else is written
 * to. Function libraries do not go over: services load their own. SPDX-License-Identifier: MIT */
#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mem.h"
#include "redis.h"
#include "stop.h"
#include "store_url.h"

enum {
    KEYS_ASKED = 256,
    KEYS_MAX = 1024, /* of one answer to SCAN; it may give some more than were asked for */
    BATCH_BYTES =
        8 * 1024 * 1024, /* on their way at once, as Redis has them in memory; or one key */
    MARK_HEX = 2 * CLI_ARCHIVE_HASH
};

static const vp_str mark_key = VP_STR_INIT("restoring");

typedef struct copy {
    vp_store *from, *to;
    bool again; /* goes on with one that was cut short */
    int64_t keys, there;
} copy;

/* -- the scratch Redis ------------------------------------------------------------------------- */

static vp_err put_rdb(cli_archive *archive, int part, const cli_scratch *scratch, vp_fault *why) {
    char path[CLI_SCRATCH_PATH];
    cli_scratch_path(scratch, "dump.rdb", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        vp_fault_set(why, "%s: %s", path, strerror(errno));
        return VP_ESYSTEM;
    }
    vp_err rc = cli_archive_copy(archive, part, fd, why);
    if (close(fd) && !rc) {
        vp_fault_set(why, "%s: %s", path, strerror(errno));
        rc = VP_ESYSTEM;
    }
    return rc;
}

/* Services and we look at database 0. */
static vp_err to_front(const char *url, int db, vp_fault *why) {
    char number[16];
    vp_store *store = NULL;
    redisReply *reply = NULL;
    if (db == 0) return VP_OK;
    snprintf(number, sizeof number, "%d", db);
    vp_err rc = cli_redis_open(&store, url, why);
    if (!rc)
        rc = cli_redis_ask(store, 3, (vp_str[]){VP_STR("SWAPDB"), VP_STR("0"), vp_str_of(number)},
                           &reply, why);
    if (reply) freeReplyObject(reply);
    vp_store_destroy(&store);
    return rc;
}

vp_err cli_restore_scratch(cli_archive *archive, int part, cli_scratch **out,
                           char url[CLI_SCRATCH_PATH + 16], vp_fault *why) {
    vp_err rc = cli_scratch_new(out, why);
    if (!rc) rc = put_rdb(archive, part, *out, why);
    if (!rc) rc = cli_scratch_redis(*out, url, why);
    if (!rc) rc = to_front(url, cli_archive_part(archive, part)->db, why);
    if (rc) cli_scratch_destroy(out);
    return rc;
}

/* -- the target -------------------------------------------------------------------------------- */

/* Which backup it is, as a text. */
static void mark_of(const cli_archive *archive, int part, char out[MARK_HEX + 1]) {
    const cli_part *p = cli_archive_part(archive, part);
    sodium_bin2hex(out, MARK_HEX + 1, p->hash, sizeof p->hash);
}

/* Nothing but our mark may be in there, or what this very backup has brought. */
static vp_err claim(copy *c, const char *mark, vp_fault *why) {
    redisReply *size = NULL, *set = NULL, *seen = NULL;
    vp_str text = vp_str_of(mark);
    vp_err rc = cli_redis_ask(c->to, 2, (vp_str[]){VP_STR("GET"), mark_key}, &seen, why);
    if (!rc && seen->type == REDIS_REPLY_STRING)
        c->again = vp_str_eq(vp_str_n(seen->str, seen->len), text);
    if (!rc && !c->again) rc = cli_redis_ask(c->to, 1, (vp_str[]){VP_STR("DBSIZE")}, &size, why);
    if (!rc && !c->again && size->integer > 0) {
        vp_fault_set(why, "that Redis is not empty, and nothing was written to it");
        rc = VP_ECONFLICT;
    }
    if (!rc && !c->again)
        rc = cli_redis_ask(c->to, 3, (vp_str[]){VP_STR("SET"), mark_key, text}, &set, why);
    if (seen) freeReplyObject(seen);
    if (size) freeReplyObject(size);
    if (set) freeReplyObject(set);
    return rc;
}

/* Keys of a database that do not end by themselves. */
static vp_err lasting_keys(vp_store *store, int db, int64_t *out, vp_fault *why) {
    char name[16];
    redisReply *info = NULL;
    long long keys = 0, ending = 0;
    snprintf(name, sizeof name, "\ndb%d:", db);
    vp_err rc = cli_redis_ask(store, 2, (vp_str[]){VP_STR("INFO"), VP_STR("keyspace")}, &info, why);
    const char *at = info && info->type == REDIS_REPLY_STRING ? strstr(info->str, name) : NULL;
    if (at && sscanf(at + strlen(name), "keys=%lld,expires=%lld", &keys, &ending) != 2) {
        vp_fault_set(why, "redis: INFO cannot be read");
        rc = VP_EPROTO;
    }
    *out = keys - ending;
    if (info) freeReplyObject(info);
    return rc;
}

/* All has come: is it all that is there? Then the mark goes. */
static vp_err settle(copy *c, int db, vp_fault *why) {
    int64_t from = 0, to = 0;
    redisReply *reply = NULL;
    vp_err rc = lasting_keys(c->from, 0, &from, why);
    if (!rc) rc = lasting_keys(c->to, db, &to, why);
    if (!rc && from + 1 != to) {
        vp_fault_set(why, "%lld keys came and %lld are there: somebody else writes to that Redis",
                     (long long)from, (long long)to - 1);
        rc = VP_ECONFLICT;
    }
    if (!rc) rc = cli_redis_ask(c->to, 2, (vp_str[]){VP_STR("DEL"), mark_key}, &reply, why);
    if (reply) freeReplyObject(reply);
    return rc;
}

/* -- keys -------------------------------------------------------------------------------------- */

static void free_replies(redisReply **replies, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (replies[i]) freeReplyObject(replies[i]);
}

static vp_str text_of(const redisReply *r) {
    return r->type == REDIS_REPLY_STRING ? vp_str_n(r->str, r->len) : (vp_str){0};
}

static vp_err unreachable(vp_fault *why) {
    vp_fault_set(why, "redis: cannot be reached");
    return VP_EAWAY;
}

/* One that has ended by itself meanwhile is left out. */
static vp_err judge(copy *c, const redisReply *r, vp_str key, vp_fault *why) {
    bool there = r->type == REDIS_REPLY_ERROR && !strncmp(r->str, "BUSYKEY", 7);
    c->keys += r->type != REDIS_REPLY_ERROR;
    c->there += there && c->again;
    if (r->type != REDIS_REPLY_ERROR || (there && c->again)) return VP_OK;
    if (there)
        vp_fault_set(why, "%.*s is there already: somebody else writes to that Redis", (int)key.n,
                     key.p);
    else
        vp_fault_set(why, "redis: %s", r->str);
    return there ? VP_ECONFLICT : VP_EPROTO;
}

/* dumps: for each key what DUMP and PEXPIRETIME said. */
static vp_err put_keys(copy *c, redisReply **keys, size_t n, redisReply **dumps, vp_fault *why) {
    redisReply *done[KEYS_MAX];
    size_t asked = 0, at[KEYS_MAX];
    for (size_t i = 0; i < n; i++) {
        char ends[24];
        long long when = dumps[2 * i + 1]->integer;
        vp_str dump = text_of(dumps[2 * i]);
        if (!dump.p) continue;
        snprintf(ends, sizeof ends, "%lld", when > 0 ? when : 0);
        vp_str restore[] = {VP_STR("RESTORE"), text_of(keys[i]), vp_str_of(ends), dump,
                            VP_STR("ABSTTL")};
        if (vp_store_append(c->to, 5, restore)) return unreachable(why);
        at[asked++] = i;
    }
    vp_err rc = cli_redis_replies(c->to, done, asked, why);
    for (size_t i = 0; i < asked && !rc; i++) rc = judge(c, done[i], text_of(keys[at[i]]), why);
    free_replies(done, asked);
    return rc;
}

static vp_err move_keys(copy *c, redisReply **keys, size_t n, vp_fault *why) {
    redisReply *dumps[2 * KEYS_MAX];
    for (size_t i = 0; i < n; i++) {
        vp_str key = text_of(keys[i]);
        if (vp_store_append(c->from, 2, (vp_str[]){VP_STR("DUMP"), key}) ||
            vp_store_append(c->from, 2, (vp_str[]){VP_STR("PEXPIRETIME"), key}))
            return unreachable(why);
    }
    vp_err rc = cli_redis_replies(c->from, dumps, 2 * n, why);
    if (!rc) rc = put_keys(c, keys, n, dumps, why);
    free_replies(dumps, 2 * n);
    return rc;
}

/* In batches that are bounded in bytes, by what each key takes in the scratch Redis. */
static vp_err move_page(copy *c, redisReply **keys, size_t n, vp_fault *why) {
    redisReply *sizes[KEYS_MAX];
    size_t first = 0;
    long long bytes = 0;
    for (size_t i = 0; i < n; i++) {
        vp_str usage[] = {VP_STR("MEMORY"), VP_STR("USAGE"), text_of(keys[i])};
        if (vp_store_append(c->from, 3, usage)) return unreachable(why);
    }
    vp_err rc = cli_redis_replies(c->from, sizes, n, why);
    for (size_t i = 0; i < n && !rc; i++) {
        long long size = sizes[i]->integer; /* 0: it has gone */
        if (i > first && bytes + size > BATCH_BYTES) {
            rc = move_keys(c, keys + first, i - first, why);
            first = i;
            bytes = 0;
        }
        bytes += size;
    }
    if (!rc && first < n) rc = move_keys(c, keys + first, n - first, why);
    free_replies(sizes, n);
    return rc;
}

static vp_err move_all(copy *c, vp_fault *why) {
    char cursor[32] = "0", count[16];
    vp_err rc = VP_OK;
    snprintf(count, sizeof count, "%d", KEYS_ASKED);
    do {
        redisReply *page = NULL;
        vp_str scan[] = {VP_STR("SCAN"), vp_str_of(cursor), VP_STR("COUNT"), vp_str_of(count)};
        rc = cli_redis_ask(c->from, 4, scan, &page, why);
        if (rc) return rc;
        redisReply *keys = page->element[1];
        snprintf(cursor, sizeof cursor, "%s", page->element[0]->str);
        for (size_t i = 0; i < keys->elements && !rc; i += KEYS_MAX) {
            size_t left = keys->elements - i;
            rc = move_page(c, keys->element + i, left < KEYS_MAX ? left : KEYS_MAX, why);
        }
        freeReplyObject(page);
    } while (!rc && strcmp(cursor, "0") != 0);
    return rc;
}

/* -- the command ------------------------------------------------------------------------------- */

static vp_err restore_part(cli_archive *archive, int part, const char *url, copy *c,
                           vp_fault *why) {
    char mark[MARK_HEX + 1], from[CLI_SCRATCH_PATH + 16];
    cli_scratch *scratch = NULL;
    vp_store_url where;
    mark_of(archive, part, mark);
    vp_err rc = vp_store_url_read(url, &where, why);
    if (!rc) rc = cli_redis_open(&c->to, url, why);
    if (!rc) rc = claim(c, mark, why);
    if (!rc) rc = cli_restore_scratch(archive, part, &scratch, from, why);
    if (!rc) rc = cli_redis_open(&c->from, from, why);
    if (!rc) rc = move_all(c, why);
    if (!rc) rc = settle(c, where.db, why);
    vp_store_destroy(&c->from);
    vp_store_destroy(&c->to);
    cli_scratch_destroy(&scratch);
    explicit_bzero(&where, sizeof where);
    return rc;
}

static vp_err restore_all(cli_run *run, cli_archive *archive, const cli_urls *urls, vp_fault *why) {
    vp_err rc = VP_OK;
    int64_t began = vp_clock_ms();
    int64_t keys = 0, there = 0;
    for (int i = 0; i < urls->n && !rc; i++) {
        copy c = {0};
        rc = restore_part(archive, i, urls->url[i], &c, why);
        keys += c.keys;
        there += c.there;
    }
    if (rc) return rc;
    printf("%s: %lld keys restored", run->at, (long long)keys);
    if (there) printf(", %lld had come before", (long long)there);
    printf(", in %.1f s\n", (double)(vp_clock_ms() - began) / 1000);
    return VP_OK;
}

static vp_err check(cli_archive *archive, const cli_urls *urls, bool verify, vp_fault *why) {
    vp_err rc = VP_OK;
    if (!urls->n && !verify) {
        vp_fault_set(why, "say where to: --redis-url; or --verify");
        return VP_EINVAL;
    }
    if (urls->n && urls->n != cli_archive_parts(archive)) {
        vp_fault_set(why, "it is of %d Redis, and %d are named", cli_archive_parts(archive),
                     urls->n);
        return VP_EINVAL;
    }
    for (int i = 0; i < cli_archive_parts(archive) && !rc; i++)
        rc = cli_archive_copy(archive, i, -1, why);
    return rc;
}

vp_err cli_restore(cli_run *run, vp_fault *why) {
    cli_urls urls;
    cli_archive *archive = NULL;
    cli_stop_catch();
    vp_err rc = cli_urls_read(run, false, &urls, why);
    if (!rc) {
        run->at = run->args.words[0];
        rc = cli_archive_open(&archive, run->at, why);
    }
    if (!rc) rc = check(archive, &urls, run->args.verify, why);
    if (!rc && run->args.verify) rc = cli_verify(archive, why);
    if (!rc && urls.n) rc = restore_all(run, archive, &urls, why);
    cli_archive_destroy(&archive);
    cli_urls_release(&urls);
    return rc;
}
