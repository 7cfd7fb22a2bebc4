/* redis.c - see redis.h. SPDX-License-Identifier: MIT */
#include "redis.h"

#include <poll.h>
#include <sodium.h>
#include <stdlib.h>

#include "clock.h"
#include "mem.h"
#include "stop.h"
#include "text.h"

enum { WAIT_MS = 100 };

static vp_err add_file(cli_run *run, const char *path, cli_urls *out, vp_fault *why) {
    vp_err rc = cli_secret_read(path, &out->url[out->n], why);
    if (rc)
        run->at = path;
    else
        out->n++;
    return rc;
}

static void add_text(const char *text, cli_urls *out) {
    out->url[out->n++] = vp_strndup(text, strlen(text));
}

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

vp_err cli_urls_read(cli_run *run, bool environment, cli_urls *out, vp_fault *why) {
    const cli_args *a = &run->args;
    vp_err rc = VP_OK;
    int n = 0;
    *out = (cli_urls){0};
    for (int i = 0; i < CLI_REDIS_MAX; i++)
        n += (a->redis_url[i] != NULL) + (a->redis_file[i] != NULL);
    if (n > CLI_REDIS_MAX) {
        vp_fault_set(why, "there may be %d Redis servers", CLI_REDIS_MAX);
        return VP_EINVAL;
    }
    for (int i = 0; i < CLI_REDIS_MAX && a->redis_url[i]; i++) add_text(a->redis_url[i], out);
    for (int i = 0; i < CLI_REDIS_MAX && a->redis_file[i] && !rc; i++)
        rc = add_file(run, a->redis_file[i], out, why);
    if (rc || out->n || !environment) return rc;
    const char *text = setting("VOXPOP_REDIS_URL"), *file = setting("VOXPOP_REDIS_URL_FILE");
    if (text) add_text(text, out);
    return !text && file ? add_file(run, file, out, why) : VP_OK;
}

void cli_urls_release(cli_urls *urls) {
    for (int i = 0; i < urls->n; i++) {
        sodium_memzero(urls->url[i], strlen(urls->url[i]));
        free(urls->url[i]);
    }
    urls->n = 0;
}

vp_err cli_redis_open(vp_store **out, const char *url, vp_fault *why) {
    redisReply *pong = NULL;
    vp_err rc = vp_store_new(out, url, why);
    if (!rc)
        rc = vp_store_ask(*out, CLI_REDIS_CONNECT_MS, 1, (vp_str[]){VP_STR("PING")}, &pong, why);
    if (pong) freeReplyObject(pong);
    if (rc) vp_store_destroy(out);
    return rc;
}

vp_err cli_redis_ask(vp_store *store, int argc, const vp_str *argv, redisReply **out,
                     vp_fault *why) {
    *out = NULL;
    vp_err rc = vp_store_ask(store, CLI_REDIS_SILENT_MS, argc, argv, out, why);
    if (rc || (*out)->type != REDIS_REPLY_ERROR) return rc;
    vp_fault_set(why, "redis: %s", (*out)->str);
    freeReplyObject(*out);
    *out = NULL;
    return VP_EPROTO;
}

vp_err cli_redis_replies(vp_store *store, redisReply **replies, size_t n, vp_fault *why) {
    int64_t heard = vp_clock_ms();
    size_t got = 0;
    memset(replies, 0, n * sizeof *replies);
    while (got < n) {
        vp_err rc = vp_store_pump(store, why);
        if (rc) return rc;
        for (redisReply *r; got < n && (r = vp_store_reply(store)); replies[got++] = r)
            heard = vp_clock_ms();
        if (got == n) break;
        if (cli_stopped()) {
            vp_fault_set(why, "stopped");
            return VP_ETIMEOUT;
        }
        if (vp_clock_ms() - heard > CLI_REDIS_SILENT_MS) {
            vp_fault_set(why, "redis: no reply in time");
            return VP_ETIMEOUT;
        }
        struct pollfd p = {.fd = vp_store_fd(store),
                           .events = (short)(POLLIN | (vp_store_wants_write(store) ? POLLOUT : 0))};
        poll(&p, 1, WAIT_MS);
    }
    return VP_OK;
}
