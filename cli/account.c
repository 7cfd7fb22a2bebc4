/* account.c - accounts and tokens. A password comes from VOXPOP_PASSWORD or the terminal, never
 * from the command line, and its memory is wiped. SPDX-License-Identifier: MIT */
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "clock.h"
#include "json.h"
#include "prompt.h"
#include "text.h"

enum { TOKEN_DAYS_MAX = 3650 };

typedef struct password {
    char text[CLI_LINE_MAX + 1];
} password;

static vp_err check_password(const password *p, vp_fault *why) {
    if (*p->text && vp_str_is_utf8(vp_str_of(p->text))) return VP_OK;
    vp_fault_set(why, *p->text ? "the password must be UTF-8" : "the password must not be empty");
    return VP_EINVAL;
}

static vp_err ask_password(bool twice, password *out, vp_fault *why) {
    password again;
    vp_err rc = cli_prompt("Password", true, out->text, why);
    if (rc || !twice) return rc;
    rc = cli_prompt("Password once more", true, again.text, why);
    if (!rc && strcmp(out->text, again.text) != 0) {
        vp_fault_set(why, "the two passwords are not the same");
        rc = VP_EINVAL;
    }
    sodium_memzero(&again, sizeof again);
    return rc;
}

static vp_err get_password(bool twice, password *out, vp_fault *why) {
    const char *given = getenv("VOXPOP_PASSWORD");
    vp_err rc = VP_OK;
    if (!given || !*given) {
        rc = ask_password(twice, out, why);
    } else if (strlen(given) > CLI_LINE_MAX) {
        vp_fault_set(why, "VOXPOP_PASSWORD is over %d bytes", (int)CLI_LINE_MAX);
        rc = VP_ETOOBIG;
    } else {
        memcpy(out->text, given, strlen(given) + 1);
    }
    return rc ? rc : check_password(out, why);
}

/* -- account add LOGIN ------------------------------------------------------------------------- */

static const char *const roles[] = {"admin", "editor", "author", "moderator", NULL};

static vp_err check_role(const char *role, vp_fault *why) {
    for (int i = 0; roles[i] && role; i++)
        if (strcmp(role, roles[i]) == 0) return VP_OK;
    vp_fault_set(why, "--role must be admin, editor, author or moderator");
    return VP_EINVAL;
}

/* The answer is the account, or {account}, as that of a session is. */
static const json_t *account_of(const json_t *body) {
    const json_t *inner = json_object_get(body, "account");
    return json_is_object(inner) ? inner : body;
}

static void print_account(const json_t *body, const cli_args *args) {
    vp_str id = vp_json_text(account_of(body), "id");
    printf("account ");
    cli_print(vp_str_of(args->words[0]));
    printf("  role %s", args->role);
    if (id.n) {
        fputs("  id ", stdout);
        cli_print(id);
    }
    putchar('\n');
}

static vp_err post_account(cli_run *run, const char *secret, const password *p, vp_fault *why) {
    char key[CLI_KEY_LEN + 1];
    cli_answer answer;
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:s*}", "login", run->args.words[0], "password", p->text, "role",
                  run->args.role, "contributor_handle", run->args.handle);
    if (!body) {
        vp_fault_set(why, "the login and the handle must be UTF-8");
        return VP_EINVAL;
    }
    cli_key_new(key);
    cli_call call = {.method = "POST",
                     .path = "/api/v1/accounts",
                     .body = body,
                     .key = key,
                     .first_account = secret,
                     .anonymous = secret != NULL};
    vp_err rc = cli_http_call(run->http, &call, &answer, why);
    if (!rc) print_account(answer.body, &run->args);
    cli_answer_release(&answer);
    json_decref(body);
    return rc;
}

vp_err cli_account_add(cli_run *run, vp_fault *why) {
    password p = {""};
    char *secret = NULL;
    vp_err rc = check_role(run->args.role, why);
    if (!rc && run->args.secret_file) {
        rc = cli_secret_read(run->args.secret_file, &secret, why);
        if (rc) run->at = run->args.secret_file;
    }
    if (!rc) rc = get_password(true, &p, why);
    if (!rc) rc = post_account(run, secret, &p, why);
    if (secret) sodium_memzero(secret, strlen(secret));
    sodium_memzero(&p, sizeof p);
    free(secret);
    return rc;
}

/* -- token add --------------------------------------------------------------------------------- */

static vp_err sign_in(cli_run *run, const char *login, const password *p, vp_fault *why) {
    cli_answer answer;
    json_t *body = json_pack("{s:s, s:s}", "login", login, "password", p->text);
    if (!body) {
        vp_fault_set(why, "the login must be UTF-8");
        return VP_EINVAL;
    }
    cli_call call = {.method = "POST",
                     .path = "/api/v1/sessions",
                     .body = body,
                     .anonymous = true,
                     .harmless = true};
    vp_err rc = cli_http_call(run->http, &call, &answer, why);
    cli_answer_release(&answer);
    json_decref(body);
    return rc;
}

/* The session was for the token alone. It would end by itself, so a failure is nothing. */
static void sign_out(cli_run *run) {
    cli_answer answer;
    cli_call call = {.method = "DELETE", .path = "/api/v1/sessions/current", .anonymous = true};
    vp_err rc = cli_http_call(run->http, &call, &answer, NULL);
    (void)rc;
    cli_answer_release(&answer);
}

/* When a token ends that lives so many days; NULL: never. */
static vp_err end_of_token(const char *days, char out[VP_TIME_LEN + 1], vp_fault *why) {
    int64_t n;
    vp_err rc = cli_number(days, "--days", 1, TOKEN_DAYS_MAX, 0, &n, why);
    if (!rc) vp_time_text(vp_clock_wall() + n * 24 * 3600 * 1000, out);
    return rc;
}

static vp_err token_body(const cli_args *args, json_t **out, vp_fault *why) {
    char end[VP_TIME_LEN + 1];
    json_t *scopes = args->scope[0] ? json_array() : NULL;
    vp_err rc = end_of_token(args->days, end, why);
    for (int i = 0; i < CLI_SCOPES_MAX && args->scope[i]; i++)
        json_array_append_new(scopes, json_string(args->scope[i]));
    *out = rc ? NULL
              : json_pack("{s:s, s:o*, s:s*}", "name", args->name ? args->name : "voxpop", "scopes",
                          scopes, "expires_at", args->days ? end : NULL);
    if (rc) json_decref(scopes);
    if (*out || rc) return rc;
    vp_fault_set(why, "--name and --scope must be UTF-8");
    return VP_EINVAL;
}

static vp_err post_token(cli_run *run, vp_fault *why) {
    cli_answer answer;
    json_t *body;
    vp_err rc = token_body(&run->args, &body, why);
    if (rc) return rc;
    cli_call call = {.method = "POST", .path = "/api/v1/tokens", .body = body, .anonymous = true};
    rc = cli_http_call(run->http, &call, &answer, why);
    vp_str token = vp_json_text(answer.body, "token");
    if (!rc && cli_text_is_visible(token)) {
        printf("%.*s\n", (int)token.n, token.p);
    } else if (!rc) {
        vp_fault_set(why, "the answer holds no token");
        rc = VP_EPROTO;
    }
    cli_answer_release(&answer);
    json_decref(body);
    return rc;
}

vp_err cli_token_add(cli_run *run, vp_fault *why) {
    password p = {""};
    char asked[CLI_LINE_MAX + 1];
    const char *login = run->args.login;
    vp_err rc = VP_OK;
    if (!login) {
        rc = cli_prompt("Login", false, asked, why);
        login = asked;
    }
    cli_http_keep_cookies(run->http);
    if (!rc) rc = get_password(false, &p, why);
    if (!rc) rc = sign_in(run, login, &p, why);
    if (!rc) {
        rc = post_token(run, why);
        sign_out(run);
    }
    sodium_memzero(&p, sizeof p);
    return rc;
}
