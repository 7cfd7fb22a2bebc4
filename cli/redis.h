/* redis.h - what backup and restore need of Redis: where it is, and many commands at once.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_REDIS_H
#define CLI_REDIS_H

#include "cli.h"
#include "store.h"

enum { CLI_REDIS_CONNECT_MS = 10000, CLI_REDIS_SILENT_MS = 60000 };

/* Those that options or, with `environment`, VOXPOP_REDIS_URL and VOXPOP_REDIS_URL_FILE name;
 * first the ones given as text. They may hold passwords: release wipes them. */
typedef struct cli_urls {
    char *url[CLI_REDIS_MAX];
    int n;
} cli_urls;
VP_CHECKED vp_err cli_urls_read(cli_run *run, bool environment, cli_urls *out, vp_fault *why);
void cli_urls_release(cli_urls *urls);

/* Connects. VP_EAWAY. */
VP_CHECKED vp_err cli_redis_open(vp_store **out, const char *url, vp_fault *why);
/* One command; an error is VP_EPROTO. Caller frees *out. */
VP_CHECKED vp_err cli_redis_ask(vp_store *store, int argc, const vp_str *argv, redisReply **out,
                                vp_fault *why);
/* The replies of the next n commands that were appended; caller frees each, also on failure those
 * that are not NULL. They may be errors. */
VP_CHECKED vp_err cli_redis_replies(vp_store *store, redisReply **replies, size_t n, vp_fault *why);

#endif
