<<<<<<< Updated upstream
/* status.c - the instances that the gateway knows, as a table. SPDX-License-Identifier: MIT */
#include "cli.h"
#include "table.h"

static const cli_column columns[] = {
    {"SERVICE", "service", false},   {"ID", "id", false},
    {"VERSION", "version", false},   {"LOAD", "load", true},
    {"DRAINING", "draining", false}, {"OUTSTANDING", "outstanding", true},
    {"ENDPOINT", "endpoint", false},
};
=======
/* status.c - the instances that the gateway knows, as a table; once, or again and again.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "json.h"
#include "text.h"

enum { CELL_MAX = 48, ROWS_MAX = 1000, WATCH_SECONDS = 2, WATCH_MOST = 3600 };

typedef struct cell {
    char text[CELL_MAX];
} cell;

static cell cell_of(const json_t *v, int64_t now_ms);
static cell age_of(const json_t *started, int64_t now_ms);

/* Title and field of a column, and how it is shown. */
static const struct {
    const char *title, *field;
    bool right;
    cell (*show)(const json_t *v, int64_t now_ms);
} columns[] = {
    {"SERVICE", "service", false, cell_of},        {"ID", "id", false, cell_of},
    {"VERSION", "version", false, cell_of},        {"LOAD", "load", true, cell_of},
    {"OUTSTANDING", "outstanding", true, cell_of}, {"READY", "ready", false, cell_of},
    {"DRAINING", "draining", false, cell_of},      {"AGE", "started_at", true, age_of},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* In the largest unit that it has two of. */
static cell age_of(const json_t *started, int64_t now_ms) {
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    enum { UNITS = sizeof units / sizeof *units };
    cell c = {"-"};
    int64_t since;
    const char *text = json_string_value(started);
    if (!text || vp_time_parse(vp_str_of(text), &since)) return c;
    int64_t age = now_ms > since ? (now_ms - since) / 1000 : 0;
    int i = 0;
    while (i < UNITS - 1 && age < 2 * units[i].seconds) i++;
    snprintf(c.text, sizeof c.text, "%lld %s", (long long)(age / units[i].seconds), units[i].unit);
    return c;
}

static cell cell_of(const json_t *v, int64_t now_ms) {
    cell c = {"-"};
    (void)now_ms;
    if (json_is_string(v)) {
        snprintf(c.text, sizeof c.text, "%s", json_string_value(v));
    } else if (json_is_integer(v)) {
        snprintf(c.text, sizeof c.text, "%lld", (long long)json_integer_value(v));
    } else if (json_is_real(v)) {
        snprintf(c.text, sizeof c.text, "%.2f", json_real_value(v));
    } else if (json_is_boolean(v)) {
        snprintf(c.text, sizeof c.text, "%s", json_is_true(v) ? "yes" : "no");
    }
    cli_text_plain(c.text);
    return c;
}

static void print_row(const cell row[COLUMNS], const int widths[COLUMNS]) {
    for (int i = 0; i < COLUMNS; i++) {
        if (i) fputs("  ", stdout);
        if (columns[i].right)
            printf("%*s", widths[i], row[i].text);
        else
            printf("%-*s", i + 1 < COLUMNS ? widths[i] : 0, row[i].text);
    }
    putchar('\n');
}

static void fill_row(cell row[COLUMNS], const json_t *instance, int64_t now_ms) {
    for (int i = 0; i < COLUMNS; i++)
        row[i] = columns[i].show(json_object_get(instance, columns[i].field), now_ms);
}

static void print_table(const json_t *instances, int64_t now_ms) {
    cell row[COLUMNS];
    int widths[COLUMNS];
    size_t n = json_array_size(instances);
    if (n > ROWS_MAX) n = ROWS_MAX;
    for (int i = 0; i < COLUMNS; i++) widths[i] = (int)strlen(columns[i].title);
    for (size_t r = 0; r < n; r++) {
        fill_row(row, json_array_get(instances, r), now_ms);
        for (int i = 0; i < COLUMNS; i++)
            if ((int)strlen(row[i].text) > widths[i]) widths[i] = (int)strlen(row[i].text);
    }
    for (int i = 0; i < COLUMNS; i++)
        snprintf(row[i].text, sizeof row[i].text, "%s", columns[i].title);
    print_row(row, widths);
    for (size_t r = 0; r < n; r++) {
        fill_row(row, json_array_get(instances, r), now_ms);
        print_row(row, widths);
    }
}

static void print_json(const json_t *status) {
    vp_buf text;
    vp_buf_init(&text, SIZE_MAX);
    vp_json_write(&text, status);
    puts(text.data);
    vp_buf_release(&text);
}
>>>>>>> Stashed changes

/* By the clock of the gateway, whose list it is; a gateway that does not tell it has ours. */
static int64_t time_of(const json_t *status) {
    int64_t ms;
    const char *text = json_string_value(json_object_get(status, "at"));
    return text && !vp_time_parse(vp_str_of(text), &ms) ? ms : vp_clock_wall();
}

/* before: what is printed in front, once there is something to print. */
static vp_err show(cli_run *run, const char *before, vp_fault *why) {
    json_t *status = NULL;
    vp_err rc = cli_http_get(run->http, "/api/v1/status", &status, why);
    if (rc) return rc;
    const json_t *instances = json_object_get(status, "instances");
<<<<<<< Updated upstream
    if (run->args.json) {
        cli_json_print(status);
    } else if (json_is_array(instances)) {
        cli_table_print(columns, sizeof columns / sizeof *columns, instances);
    } else {
=======
    if (!json_is_array(instances)) {
>>>>>>> Stashed changes
        vp_fault_set(why, "the answer has no list of instances");
        rc = VP_EPROTO;
    } else {
        fputs(before, stdout);
        if (run->args.json)
            print_json(status);
        else
            print_table(instances, time_of(status));
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
