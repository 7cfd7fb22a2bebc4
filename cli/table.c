/* table.c - see table.h. SPDX-License-Identifier: MIT */
#include "table.h"

#include <assert.h>
#include <stdio.h>

#include "json.h"
#include "text.h"

enum { CELL_MAX = 256 };

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

/* Places that a text takes, more or less: one for each code point. */
static int width_of(const char *text) {
    int n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void print_row(const cli_column *columns, int n, const cell *row, const int *widths) {
    for (int i = 0; i < n; i++) {
        int padding = widths[i] - width_of(row[i].text);
        if (i) fputs("  ", stdout);
        if (columns[i].right) printf("%*s", padding, "");
        fputs(row[i].text, stdout);
        if (!columns[i].right && i + 1 < n) printf("%*s", padding, "");
    }
    putchar('\n');
}

static void fill_row(const cli_column *columns, int n, const json_t *record, cell *row) {
    for (int i = 0; i < n; i++) row[i] = cell_of(json_object_get(record, columns[i].field));
}

void cli_table_print(const cli_column *columns, int n, const json_t *rows) {
    cell row[CLI_COLUMNS_MAX];
    int widths[CLI_COLUMNS_MAX] = {0};
    size_t n_rows = json_array_size(rows);
    assert(n <= CLI_COLUMNS_MAX);
    if (n_rows > CLI_ROWS_MAX) n_rows = CLI_ROWS_MAX;
    for (int i = 0; i < n; i++) widths[i] = width_of(columns[i].title);
    for (size_t r = 0; r < n_rows; r++) {
        fill_row(columns, n, json_array_get(rows, r), row);
        for (int i = 0; i < n; i++)
            if (width_of(row[i].text) > widths[i]) widths[i] = width_of(row[i].text);
    }
    for (int i = 0; i < n; i++) snprintf(row[i].text, sizeof row[i].text, "%s", columns[i].title);
    print_row(columns, n, row, widths);
    for (size_t r = 0; r < n_rows; r++) {
        fill_row(columns, n, json_array_get(rows, r), row);
        print_row(columns, n, row, widths);
    }
}

void cli_json_print(const json_t *value) {
    vp_buf text;
    vp_buf_init(&text, SIZE_MAX);
    vp_json_write(&text, value);
    puts(text.data);
    vp_buf_release(&text);
}
