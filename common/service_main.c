/* service_main.c - a service as a whole process; see service.h. SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "conf.h"
#include "curve.h"
#include "describe.h"
#include "log.h"
#include "mem.h"
#include "process.h"
#include "registry.h"
#include "service.h"

extern char **environ;

static atomic_bool stop; /* lock-free, so a signal handler may set it */

static void on_term(int sig) {
    (void)sig;
    atomic_store(&stop, true);
}

static void catch_signals(void) {
    struct sigaction act = {.sa_handler = on_term};
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    act.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &act, NULL);
}

static int print_operations(const vp_service_def *def) {
    const char *separator = "[";
    vp_buf out;
    vp_buf_init(&out, VP_CALL_ANSWER_MAX);
    vp_describe_service(&out, def->name, def->ops, &separator);
    vp_describe_print(&out, separator);
    vp_buf_release(&out);
    return 0;
}

typedef struct settings {
    const char *durability, *publish, *level;
    char source[VP_SERVICE_SOURCES][48]; /* names of the settings of def->sources */
    vp_curve_options keys;
    vp_service_options o;
    bool operations;
} settings;

static vp_err configure(settings *s, const vp_service_def *def, int argc, char **argv, bool *done,
                        vp_fault *why) {
    const vp_conf_item own[] = {
        {"redis-url", VP_CONF_TEXT, &s->o.redis_url, "redis://127.0.0.1:6379", 1, 1000,
         "Redis: redis://host:port[/db], redis+sentinel://h1,h2,h3/master or unix:///path"},
        {"registry-url", VP_CONF_TEXT, &s->o.registry_url, "", 0, 1000, VP_REGISTRY_URL_HELP},
        {"durability", VP_CONF_TEXT, &s->durability, "local", 1, 10, VP_DURABILITY_HELP},
        {"bind", VP_CONF_TEXT, &s->o.bind, "tcp://127.0.0.1:*", 1, 150,
         "ZeroMQ endpoint for calls"},
        {"publish", VP_CONF_TEXT, &s->publish, "tcp://127.0.0.1:*", 0, 150,
         "ZeroMQ endpoint for the states of topics"},
        {"advertise", VP_CONF_TEXT, &s->o.advertise, "", 0, 100,
         "host name announced to the others, when bound to a wildcard address"},
        VP_CURVE_ITEMS(s->keys),
        {"log-access", VP_CONF_FLAG, &s->o.log_access, "no", 0, 0, "log each call"},
        {"operations", VP_CONF_FLAG, &s->operations, "no", 0, 0,
         "print what this service answers, as JSON, and end"},
        {"log-level", VP_CONF_TEXT, &s->level, "info", 1, 10, "debug, info, warn or error"}};
    enum { OWN = sizeof own / sizeof *own };
    vp_conf_item items[OWN + VP_SERVICE_SOURCES + 1] = {{NULL}};
    memcpy(items, own, sizeof own);
    for (int i = 0; def->sources && def->sources[i].name; i++) {
        snprintf(s->source[i], sizeof s->source[i], "%.32s-redis-url", def->sources[i].name);
        items[OWN + i] = (vp_conf_item){s->source[i],
                                        VP_CONF_TEXT,
                                        &s->o.source_url[i],
                                        "",
                                        0,
                                        1000,
                                        "that service's Redis; empty: ours"};
    }
    return vp_conf_load(items, def->name, argc, argv, environ, done, why);
}

int vp_service_main(const vp_service_def *def, int argc, char **argv) {
    settings s = {0};
    vp_fault why = {0};
    vp_service *service = NULL;
    vp_curve *curve = NULL;
    vp_log_level log_level = VP_LOG_INFO;
    bool done = false;
    vp_mem_init();
    vp_process_batch();
    if (configure(&s, def, argc, argv, &done, &why)) goto failed;
    if (done) return 0;
    if (s.operations) return print_operations(def);
    if (vp_log_level_parse(vp_str_of(s.level), &log_level)) {
        vp_fault_set(&why, "log-level: %.20s", s.level);
        goto failed;
    }
    if (vp_service_durability(s.durability, &s.o.replica, &why)) goto failed;
    vp_log_init(def->name, log_level);
    if (vp_seal_init()) {
        vp_fault_set(&why, "libsodium does not start");
        goto failed;
    }
    if (vp_curve_new(&curve, &s.keys, &why)) goto failed;
    catch_signals();
    s.o.publish = def->topics && def->topics[0] ? s.publish : "";
    s.o.curve = curve;
    s.o.announce = true;
    if (vp_service_new(&service, def, &s.o, &why)) goto failed;
    vp_service_run(service, &stop);
    vp_service_destroy(&service);
    vp_curve_destroy(&curve);
    vp_log(VP_LOG_INFO, NULL, "stopped");
    return 0;
failed:
    vp_curve_destroy(&curve);
    fprintf(stderr, "voxpop-%s: %s\n", def->name, why.text);
    return 1;
}
