/* hub.h - voxpop-live as a whole: one loop that takes states from the services and connections
 * from browsers, and brings them together. SPDX-License-Identifier: MIT */
#ifndef LIVE_HUB_H
#define LIVE_HUB_H

#include "curve.h"

typedef struct hub_options {
    const char *listen, *admin_listen, *redis_url, *registry_url, *trusted_proxies;
    int64_t streams_per_address, watchers_max;
    vp_curve_options keys;
} hub_options;

/* Runs until SIGTERM or SIGINT; then watchers are sent away, each with a time of its own. */
VP_CHECKED vp_err hub_run(const hub_options *options, vp_fault *why);

#endif
