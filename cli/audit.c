/* audit.c - who did what. SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli.h"
#include "json.h"
#include "pages.h"
#include "query.h"
#include "table.h"
#include "text.h"

enum { ROWS_USUAL = 50, PATH_BYTES = 2048 };

static vp_err print_line(const json_t *entry, void *user, vp_fault *why) {
    (void)user;
    (void)why;
    cli_json_print(entry);
    return VP_OK;
}

/* An entry as a row: the actor's login beside the rest. */
static vp_err add_row(const json_t *entry, void *rows, vp_fault *why) {
    json_t *row = json_copy((json_t *)(uintptr_t)entry);
    (void)why;
    json_object_set(row, "by", json_object_get(json_object_get(entry, "actor"), "login"));
    json_array_append_new(rows, row);
    return VP_OK;
}

static vp_err print_table(cli_run *run, const char *path, int64_t count, vp_fault *why) {
    static const cli_column columns[] = {
        {"AT", "at", false},         {"BY", "by", false},         {"ACTION", "action", false},
        {"OBJECT", "object", false}, {"DETAIL", "detail", false},
    };
    json_t *rows = json_array();
    vp_err rc = cli_pages(run, path, (size_t)count, add_row, rows, why);
    if (!rc) cli_table_print(columns, sizeof columns / sizeof *columns, rows);
    json_decref(rows);
    return rc;
}

static void add_filter(vp_buf *path, const char *name, const char *value) {
    if (!value) return;
    vp_buf_addf(path, "%c%s=", strchr(path->data, '?') ? '&' : '?', name);
    vp_query_encode(path, vp_str_of(value));
}

vp_err cli_audit(cli_run *run, vp_fault *why) {
    const cli_args *args = &run->args;
    int64_t count;
    vp_buf path;
    bool lines = args->json || args->format;
    if (args->format && strcmp(args->format, "jsonl") != 0) {
        vp_fault_set(why, "--format must be jsonl");
        return VP_EINVAL;
    }
    vp_err rc = cli_number(args->count, "--count", 1, lines ? INT32_MAX : CLI_ROWS_MAX,
                           lines ? INT32_MAX : ROWS_USUAL, &count, why);
    if (rc) return rc;
    vp_buf_init(&path, PATH_BYTES);
    vp_buf_adds(&path, "/api/v1/audit");
    add_filter(&path, "account", args->account);
    add_filter(&path, "action", args->action);
    add_filter(&path, "object", args->object);
    if (path.over)
        rc = VP_ETOOBIG;
    else if (lines)
        rc = cli_pages(run, path.data, (size_t)count, print_line, NULL, why);
    else
        rc = print_table(run, path.data, count, why);
    vp_buf_release(&path);
    return rc;
}
