/* main.c - voxpop-live: live results for browsers. SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "conf.h"
#include "hub.h"
#include "log.h"
#include "mem.h"
#include "registry.h"
#include "seal.h"

extern char **environ;

int main(int argc, char **argv) {
    hub_options o;
    const char *level;
    const vp_conf_item items[] = {
        {"listen", VP_CONF_TEXT, &o.listen, "127.0.0.1:8081", 1, 100,
         "address and port for browsers; port 0: any free one"},
        {"admin-listen", VP_CONF_TEXT, &o.admin_listen, "", 0, 100,
         "address and port of /livez, /readyz and /metrics, never on the internet; empty: none"},
        {"redis-url", VP_CONF_TEXT, &o.redis_url, "redis://127.0.0.1:6379", 1, 1000,
         "Redis: redis://host:port[/db], redis+sentinel://h1,h2,h3/master or unix:///path"},
        {"registry-url", VP_CONF_TEXT, &o.registry_url, "", 0, 1000, VP_REGISTRY_URL_HELP},
        {"trusted-proxies", VP_CONF_TEXT, &o.trusted_proxies, "", 0, 2000,
         "addresses and networks whose X-Forwarded-For is believed"},
        {"streams-per-address", VP_CONF_INT, &o.streams_per_address, "64", 0, 1000000,
         "streams that one client address may have; 0: any number"},
        {"watchers-max", VP_CONF_INT, &o.watchers_max, "60000", 1, 1000000,
         "streams in all; more are sent away for a while"},
        VP_CURVE_ITEMS(o.keys),
        {"log-level", VP_CONF_TEXT, &level, "info", 1, 10, "debug, info, warn or error"},
        {NULL}};
    vp_fault why = {0};
    vp_log_level log_level = VP_LOG_INFO;
    bool done = false;
    vp_mem_init();
    if (vp_conf_load(items, "live", argc, argv, environ, &done, &why)) goto failed;
    if (done) return 0;
    if (vp_log_level_parse(vp_str_of(level), &log_level)) {
        vp_fault_set(&why, "log-level: must be debug, info, warn or error");
        goto failed;
    }
    vp_log_init("live", log_level);
    if (vp_seal_init()) {
        vp_fault_set(&why, "libsodium does not start");
        goto failed;
    }
    if (hub_run(&o, &why)) goto failed;
    vp_log(VP_LOG_INFO, NULL, "stopped");
    return 0;
failed:
    fprintf(stderr, "voxpop-live: %s\n", why.text);
    return 1;
}
