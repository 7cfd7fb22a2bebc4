/* pages.h - a list of the API, page by page. SPDX-License-Identifier: MIT */
#ifndef CLI_PAGES_H
#define CLI_PAGES_H

#include "cli.h"

/* Calls take for each element, up to most of them; path may have a query. take says how it went. */
typedef vp_err cli_take(const json_t *item, void *user, vp_fault *why);
VP_CHECKED vp_err cli_pages(cli_run *run, const char *path, size_t most, cli_take *take, void *user,
                            vp_fault *why);
/* The first CLI_ROWS_MAX elements as a list; the caller frees *out, also after a failure. */
VP_CHECKED vp_err cli_pages_all(cli_run *run, const char *path, json_t **out, vp_fault *why);

#endif
