/* table.h - JSON records as a table for people, and as JSON. SPDX-License-Identifier: MIT */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <jansson.h>
#include <stdbool.h>

enum { CLI_ROWS_MAX = 1000, CLI_COLUMNS_MAX = 8 };

typedef struct cli_column {
    const char *title, *field;
    bool right; /* numbers */
} cli_column;

/* rows: a list of objects, of which at most CLI_ROWS_MAX are shown; what could steer a terminal is
 * not. n: at most CLI_COLUMNS_MAX. */
void cli_table_print(const cli_column *columns, int n, const json_t *rows);
/* One line. */
void cli_json_print(const json_t *value);

#endif
