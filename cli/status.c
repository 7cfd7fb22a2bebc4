/* status.c - the instances that the gateway knows, as a table; once, or again and again.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "json.h"
#include "table.h"
#include "text.h"

enum { WATCH_SECONDS = 2, WATCH_MOST = 3600 };

static const cli_column columns[] = {
    {"SERVICE", "service", false},        {"ID", "id", false},
    {"VERSION", "version", false},        {"LOAD", "load", true},
    {"OUTSTANDING", "outstanding", true}, {"READY", "ready", false},
    {"DRAINING", "draining", false},      {"AGE", "age", true},
};

/* In the largest unit that it has two of. */
static void age_write(int64_t seconds, char out[32]) {
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    enum { UNITS = sizeof units / sizeof *units };
    int i = 0;
    while (i < UNITS - 1 && seconds < 2 * units[i].seconds) i++;
    snprintf(out, 32, "%lld %s", (long long)(seconds / units[i].seconds), units[i].unit);
}

/* -1: it is not there or no time. */
static int64_t time_of(const json_t *record, const char *name) {
    int64_t ms;
    const char *text = json_string_value(json_object_get(record, name));
    return text && !vp_time_parse(vp_str_of(text), &ms) ? ms : -1;
}

/* By the clock of the gateway, whose list it is; one that does not tell it has ours. */
static void add_ages(const json_t *status, const json_t *instances) {
    int64_t now = time_of(status, "at");
    size_t i;
    json_t *row;
    if (now < 0) now = vp_clock_wall();
    json_array_foreach(instances, i, row) {
        char age[32];
        int64_t since = time_of(row, "started_at");
        if (since < 0) continue;
        age_write(now > since ? (now - since) / 1000 : 0, age);
        json_object_set_new(row, "age", json_string(age));
    }
}

/* before: what is printed in front, once there is something to print. */
static vp_err show(cli_run *run, const char *before, vp_fault *why) {
    json_t *status = NULL;
    vp_err rc = cli_http_get(run->http, "/api/v1/status", &status, why);
    if (rc) return rc;
    const json_t *instances = json_object_get(status, "instances");
    if (run->args.json) {
        cli_json_print(status);
    } else if (json_is_array(instances)) {
        add_ages(status, instances);
        fputs(before, stdout);
        cli_table_print(columns, sizeof columns / sizeof *columns, instances);
    } else {
        vp_fault_set(why, "the answer has no list of instances");
        rc = VP_EPROTO;
    }
    json_decref(status);
    return rc;
}

/* Goes on when the gateway is away for a while; ends by a signal, or when it may not ask. */
static vp_err watch(cli_run *run, int64_t seconds, vp_fault *why) {
    const char *clear = isatty(STDOUT_FILENO) && !run->args.json ? "\033[H\033[2J" : "";
    cli_http_set_patience(run->http, 0);
    while (!ferror(stdout)) {
        vp_fault fault = {0};
        vp_err rc = show(run, clear, &fault);
        if (rc == VP_EAUTH || rc == VP_EDENIED) {
            vp_fault_set(why, "%s", fault.text);
            return rc;
        }
        if (rc) {
            cli_text_plain(fault.text);
            printf("%s%s\n", clear, fault.text);
        }
        fflush(stdout);
        nanosleep(&(struct timespec){.tv_sec = seconds}, NULL);
    }
    return VP_OK;
}

vp_err cli_status(cli_run *run, vp_fault *why) {
    int64_t seconds = WATCH_SECONDS;
    if (run->args.n_words && !run->args.watch) {
        vp_fault_set(why, "a number of seconds is for --watch only");
        return VP_EINVAL;
    }
    if (run->args.n_words && vp_str_int(vp_str_of(run->args.words[0]), 1, WATCH_MOST, &seconds)) {
        vp_fault_set(why, "--watch takes a number of seconds from 1 to %d", WATCH_MOST);
        return VP_EINVAL;
    }
    return run->args.watch ? watch(run, seconds, why) : show(run, "", why);
}
