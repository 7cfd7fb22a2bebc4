/* keyring.c - one's own tokens and sessions: listed and ended. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "json.h"
#include "pages.h"
#include "table.h"
#include "ulid.h"

static vp_err list(cli_run *run, const char *path, const cli_column *columns, int n,
                   vp_fault *why) {
    json_t *all;
    vp_err rc = cli_pages_all(run, path, &all, why);
    if (!rc && run->args.json)
        cli_json_print(all);
    else if (!rc)
        cli_table_print(columns, n, all);
    json_decref(all);
    return rc;
}

/* The last segment of a path is what was typed. */
static vp_err end(cli_run *run, const char *path, vp_fault *why) {
    cli_answer answer;
    cli_call call = {.method = "DELETE", .path = path};
    vp_err rc = cli_http_call(run->http, &call, &answer, why);
    if (!rc) puts("ended");
    cli_answer_release(&answer);
    return rc;
}

static vp_err end_one(cli_run *run, const char *of, vp_fault *why) {
    char path[128];
    const char *id = run->args.words[0];
    if (!vp_ulid_valid(vp_str_of(id))) {
        vp_fault_set(why, "an id is 26 capitals and digits; the list has them");
        return VP_EINVAL;
    }
    snprintf(path, sizeof path, "/api/v1/%s/%s", of, id);
    return end(run, path, why);
}

/* Scopes in one text, for a column. */
static json_t *with_scopes(const json_t *token) {
    json_t *row = json_copy((json_t *)(uintptr_t)token), *scope;
    const json_t *scopes = json_object_get(token, "scopes");
    vp_buf text;
    size_t i;
    vp_buf_init(&text, 1024);
    json_array_foreach(scopes, i, scope) {
        vp_buf_addf(&text, "%s%s", i ? " " : "",
                    json_is_string(scope) ? json_string_value(scope) : "");
    }
    json_object_set_new(row, "for", json_string(text.len ? text.data : "all"));
    vp_buf_release(&text);
    return row;
}

vp_err cli_token_list(cli_run *run, vp_fault *why) {
    static const cli_column columns[] = {
        {"ID", "id", false},           {"NAME", "name", false},
        {"FOR", "for", false},         {"CREATED", "created_at", false},
        {"ENDS", "expires_at", false}, {"LAST USED", "last_used_at", false},
    };
    json_t *all, *rows, *token;
    size_t i;
    if (run->args.json) return list(run, "/api/v1/tokens", columns, 0, why);
    vp_err rc = cli_pages_all(run, "/api/v1/tokens", &all, why);
    rows = json_array();
    json_array_foreach(all, i, token) {
        json_array_append_new(rows, with_scopes(token));
    }
    if (!rc) cli_table_print(columns, sizeof columns / sizeof *columns, rows);
    json_decref(rows);
    json_decref(all);
    return rc;
}

vp_err cli_token_end(cli_run *run, vp_fault *why) {
    return end_one(run, "tokens", why);
}

vp_err cli_session_list(cli_run *run, vp_fault *why) {
    static const cli_column columns[] = {
        {"ID", "id", false},
        {"SINCE", "created_at", false},
        {"LAST SEEN", "last_seen_at", false},
        {"BROWSER", "agent", false},
    };
    return list(run, "/api/v1/sessions", columns, sizeof columns / sizeof *columns, why);
}

vp_err cli_session_end(cli_run *run, vp_fault *why) {
    if (strcmp(run->args.words[0], "others") == 0) return end(run, "/api/v1/sessions", why);
    return end_one(run, "sessions", why);
}
