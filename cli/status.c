/* status.c - the instances that the gateway knows, as a table. SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli.h"
#include "json.h"
#include "text.h"

enum { CELL_MAX = 48, ROWS_MAX = 1000 };

/* Title and field of a column. */
static const struct {
    const char *title, *field;
    bool right;
} columns[] = {
    {"SERVICE", "service", false},   {"ID", "id", false},
    {"VERSION", "version", false},   {"LOAD", "load", true},
    {"DRAINING", "draining", false}, {"OUTSTANDING", "outstanding", true},
    {"ENDPOINT", "endpoint", false},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

typedef struct cell {
    char text[CELL_MAX];
} cell;

static cell cell_of(const json_t *v) {
    cell c = {"-"};
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

static void fill_row(cell row[COLUMNS], const json_t *instance) {
    for (int i = 0; i < COLUMNS; i++) row[i] = cell_of(json_object_get(instance, columns[i].field));
}

static void print_table(const json_t *instances) {
    cell row[COLUMNS];
    int widths[COLUMNS];
    size_t n = json_array_size(instances);
    if (n > ROWS_MAX) n = ROWS_MAX;
    for (int i = 0; i < COLUMNS; i++) widths[i] = (int)strlen(columns[i].title);
    for (size_t r = 0; r < n; r++) {
        fill_row(row, json_array_get(instances, r));
        for (int i = 0; i < COLUMNS; i++)
            if ((int)strlen(row[i].text) > widths[i]) widths[i] = (int)strlen(row[i].text);
    }
    for (int i = 0; i < COLUMNS; i++)
        snprintf(row[i].text, sizeof row[i].text, "%s", columns[i].title);
    print_row(row, widths);
    for (size_t r = 0; r < n; r++) {
        fill_row(row, json_array_get(instances, r));
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

vp_err cli_status(cli_run *run, vp_fault *why) {
    json_t *status = NULL;
    vp_err rc = cli_http_get(run->http, "/api/v1/status", &status, why);
    if (rc) return rc;
    const json_t *instances = json_object_get(status, "instances");
    if (run->args.json) {
        print_json(status);
    } else if (json_is_array(instances)) {
        print_table(instances);
    } else {
        vp_fault_set(why, "the answer has no list of instances");
        rc = VP_EPROTO;
    }
    json_decref(status);
    return rc;
}
