/* accounts.c - accounts that are there: listed, changed, removed, helped with a new password.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli.h"
#include "json.h"
#include "pages.h"
#include "query.h"
#include "table.h"
#include "text.h"

enum { PATH_MAX_LEN = 512 };

/* What a login stands for. */
typedef struct found {
    char path[PATH_MAX_LEN], match[32]; /* of the account; its revision as If-Match */
} found;

vp_err cli_account_list(cli_run *run, vp_fault *why) {
    static const cli_column columns[] = {
        {"LOGIN", "login", false},        {"ROLE", "role", false},
        {"DISABLED", "disabled", false},  {"CONTRIBUTOR", "contributor_handle", false},
        {"CREATED", "created_at", false}, {"ID", "id", false},
    };
    json_t *all;
    vp_err rc = cli_pages_all(run, "/api/v1/accounts", &all, why);
    if (!rc && run->args.json)
        cli_json_print(all);
    else if (!rc)
        cli_table_print(columns, sizeof columns / sizeof *columns, all);
    json_decref(all);
    return rc;
}

static vp_err find(cli_run *run, found *out, vp_fault *why) {
    json_t *page = NULL;
    vp_buf path;
    const char *login = run->args.words[0];
    vp_buf_init(&path, PATH_MAX_LEN);
    vp_buf_adds(&path, "/api/v1/accounts?login=");
    vp_query_encode(&path, vp_str_of(login));
    vp_err rc = path.over ? VP_ETOOBIG : cli_http_get(run->http, path.data, &page, why);
    const json_t *account = json_array_get(json_object_get(page, "items"), 0);
    vp_str id = vp_json_text(account, "id");
    if (!rc && !id.n) rc = VP_ENOTFOUND;
    if (rc && id.n == 0) vp_fault_set(why, "there is no account %s", login);
    snprintf(out->path, sizeof out->path, "/api/v1/accounts/%.*s", (int)id.n, id.n ? id.p : "");
    snprintf(out->match, sizeof out->match, "\"%lld\"",
             (long long)vp_json_int(account, "revision", 1));
    json_decref(page);
    vp_buf_release(&path);
    return rc;
}

static void print_account(const json_t *answer) {
    const json_t *a = json_object_get(answer, "account");
    vp_str handle = vp_json_text(a, "contributor_handle");
    printf("account ");
    cli_print(vp_json_text(a, "login"));
    printf("  role ");
    cli_print(vp_json_text(a, "role"));
    if (handle.n) printf("  contributor ");
    cli_print(handle);
    puts(vp_json_bool(a, "disabled", false) ? "  disabled" : "");
}

/* body: taken. */
static vp_err change(cli_run *run, json_t *body, vp_fault *why) {
    found f;
    cli_answer answer = {0};
    vp_err rc = find(run, &f, why);
    if (!rc) {
        cli_call call = {.method = "PATCH", .path = f.path, .body = body, .match = f.match};
        rc = cli_http_call(run->http, &call, &answer, why);
    }
    if (!rc) print_account(answer.body);
    cli_answer_release(&answer);
    json_decref(body);
    return rc;
}

vp_err cli_account_set(cli_run *run, vp_fault *why) {
    const char *role = run->args.role, *handle = run->args.handle;
    if (!role && !handle) {
        vp_fault_set(why, "say what is to change: --role, --handle");
        return VP_EINVAL;
    }
    json_t *body = json_pack("{s:s*}", "role", role);
    json_t *name = !handle ? NULL : strcmp(handle, "-") != 0 ? json_string(handle) : json_null();
    if (!body || (handle && json_object_set_new(body, "contributor_handle", name))) {
        vp_fault_set(why, "--role and --handle must be UTF-8");
        json_decref(body);
        return VP_EINVAL;
    }
    return change(run, body, why);
}

vp_err cli_account_disable(cli_run *run, vp_fault *why) {
    return change(run, json_pack("{s:b}", "disabled", 1), why);
}

vp_err cli_account_enable(cli_run *run, vp_fault *why) {
    return change(run, json_pack("{s:b}", "disabled", 0), why);
}

vp_err cli_account_remove(cli_run *run, vp_fault *why) {
    found f;
    cli_answer answer = {0};
    vp_err rc = find(run, &f, why);
    if (!rc) {
        cli_call call = {.method = "DELETE", .path = f.path, .match = f.match};
        rc = cli_http_call(run->http, &call, &answer, why);
    }
    if (!rc) {
        printf("account ");
        cli_print(vp_str_of(run->args.words[0]));
        puts(" is gone");
    }
    cli_answer_release(&answer);
    return rc;
}

vp_err cli_account_reset(cli_run *run, vp_fault *why) {
    found f;
    cli_answer answer = {0};
    vp_err rc = find(run, &f, why);
    if (!rc) {
        char path[PATH_MAX_LEN + 8];
        snprintf(path, sizeof path, "%s/reset", f.path);
        cli_call call = {.method = "POST", .path = path};
        rc = cli_http_call(run->http, &call, &answer, why);
    }
    if (!rc) {
        cli_print(vp_json_text(answer.body, "url"));
        putchar('\n');
    }
    cli_answer_release(&answer);
    return rc;
}
