/* passwords.c - what sets a password, on the HTTP thread: a new account, a change, a link.
 * SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "accounts_private.h"
#include "seal.h"

enum { ANSWER_BYTES = 4096 };

static void bad_field(http_reply *p, const http_request *r, const char *pointer, const char *what) {
    vp_problem problem = {0};
    vp_problem_set(&problem, VP_EINVAL, "Some fields are not acceptable.");
    vp_problem_field(&problem, pointer, "%s", what);
    http_reply_problem(p, r, &problem);
}

/* -- a new account -------------------------------------------------------------------------- */

static const vp_json_rule create_rules[] = {
    {"login", VP_JSON_TEXT, true, 1, ACCOUNTS_LOGIN_MAX, NULL},
    {"password", VP_JSON_TEXT, true, ACCOUNTS_PASSWORD_MIN, ACCOUNTS_PASSWORD_MAX, NULL},
    {"role", VP_JSON_TEXT, true, 1, 16, "admin editor author moderator"},
    {"contributor_handle", VP_JSON_TEXT, false, 1, 64, NULL},
    {NULL}};

/* The one-time secret proves that whoever asks can read the data folder. */
static bool first_secret_ok(const accounts *a, vp_str given) {
    char path[512], text[80];
    if (!given.n || !a->state.secrets[0]) return false;
    accounts_secret_path(a->state.secrets, path, sizeof path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    return n >= ACCOUNTS_HASH_TEXT && vp_seal_equal(vp_str_n(text, (size_t)n), given);
}

/* The body with the password's hash in place of the password. */
static vp_err send_account(accounts *a, bus *b, const http_request *r, json_t *body, bool first,
                           vp_buf *out, int *status) {
    char hash[ACCOUNTS_PASSWORD_HASH];
    vp_buf text;
    vp_buf_init(&text, ACCOUNTS_BODY_MAX);
    vp_err rc = accounts_password_hash(&a->passwords, vp_json_text(body, "password"), hash);
    json_object_del(body, "password");
    if (!rc && (json_object_set_new(body, "password_hash", json_string(hash)) ||
                json_object_set_new(body, "first", json_boolean(first))))
        rc = VP_ESYSTEM;
    vp_json_write(&text, body);
    if (!rc)
        rc = accounts_ask(b, r, VP_STR("ACT"), "/accounts/create", vp_buf_str(&text), out, status);
    vp_buf_release(&text);
    return rc;
}

void accounts_create(accounts *a, bus *b, http_request *r, http_reply *p) {
    json_t *body;
    int status = 0;
    bool first = first_secret_ok(a, http_request_header(r, "X-First-Account"));
    if (!first && r->role != VP_ROLE_ADMIN) {
        http_reply_error(p, r, r->role ? VP_EDENIED : VP_EAUTH, "Only an admin makes accounts.");
        return;
    }
    if (!accounts_read_json(r, p, create_rules, &body)) return;
    if (first && !vp_str_eq(vp_str_trim(vp_json_text(body, "role")), VP_STR("admin"))) {
        /* else nobody could ever make another account */
        bad_field(p, r, "/role", "must be admin for the first account");
        json_decref(body);
        return;
    }
    vp_err rc = send_account(a, b, r, body, first, &p->own, &status);
    if (rc) {
        vp_buf_clear(&p->own);
        accounts_failed(p, r, rc);
    } else {
        p->status = status;
        if (status >= 400) p->content_type = VP_STR("application/problem+json");
        http_reply_header(p, "Cache-Control", VP_STR("private, no-store"));
    }
    json_decref(body);
}

/* -- one's own password --------------------------------------------------------------------- */

static const vp_json_rule change_rules[] = {
    {"old", VP_JSON_TEXT, true, 1, ACCOUNTS_PASSWORD_MAX, NULL},
    {"new", VP_JSON_TEXT, true, ACCOUNTS_PASSWORD_MIN, ACCOUNTS_PASSWORD_MAX, NULL},
    {NULL}};

/* Is the old one right? Guesses count as those of signing in do. hash: what it was right for. */
static bool old_is_right(accounts *a, bus *b, const http_request *r, http_reply *p, vp_str old,
                         char hash[ACCOUNTS_PASSWORD_HASH]) {
    vp_str line[ACCOUNTS_LINES], id = vp_str_of(r->actor_id);
    bool ok = false;
    vp_buf answer;
    if (!accounts_attempt(b, r, p, vp_str_of(r->actor_login))) return false;
    vp_buf_init(&answer, ANSWER_BYTES);
    vp_err rc = accounts_ask_lines(b, r, VP_STR("LOOK"), "/accounts/by-id", &id, 1, &answer, line);
    snprintf(hash, ACCOUNTS_PASSWORD_HASH, "%.*s", (int)line[1].n, line[1].n ? line[1].p : "");
    if (!rc) rc = accounts_password_ok(&a->passwords, old, hash, &ok);
    if (rc)
        accounts_failed(p, r, rc);
    else if (!ok)
        http_reply_error(p, r, VP_EDENIED, "The old password is wrong.");
    vp_buf_release(&answer);
    return !rc && ok;
}

static void set_password(bus *b, const http_request *r, http_reply *p, const char *old_hash,
                         const char *new_hash) {
    vp_str line[ACCOUNTS_LINES];
    vp_str session = r->actor_by[0] == 's' ? vp_str_of(r->actor_by + 1) : VP_STR("");
    vp_str body[] = {vp_str_of(r->actor_id),
                     vp_str_of(r->actor_login),
                     vp_str_of(old_hash),
                     vp_str_of(new_hash),
                     session,
                     vp_str_of(r->address_mark)};
    vp_buf answer;
    vp_buf_init(&answer, ANSWER_BYTES);
    vp_err rc =
        accounts_ask_lines(b, r, VP_STR("ACT"), "/accounts/password", body, 6, &answer, line);
    if (rc)
        accounts_failed(p, r, rc);
    else if (vp_str_eq(line[0], VP_STR("ok")))
        accounts_done(p);
    else
        http_reply_error(p, r, VP_ECONFLICT, "Somebody has just changed this password.");
    vp_buf_release(&answer);
}

void accounts_change_password(accounts *a, bus *b, http_request *r, http_reply *p) {
    json_t *body;
    char old_hash[ACCOUNTS_PASSWORD_HASH], new_hash[ACCOUNTS_PASSWORD_HASH];
    if (!accounts_read_json(r, p, change_rules, &body)) return;
    if (old_is_right(a, b, r, p, vp_json_text(body, "old"), old_hash)) {
        vp_err rc = accounts_password_hash(&a->passwords, vp_json_text(body, "new"), new_hash);
        if (rc)
            accounts_failed(p, r, rc);
        else
            set_password(b, r, p, old_hash, new_hash);
    }
    json_decref(body);
}

/* -- by a link ------------------------------------------------------------------------------ */

static const vp_json_rule reset_rules[] = {
    {"token", VP_JSON_TEXT, true, 1, 128, NULL},
    {"password", VP_JSON_TEXT, true, ACCOUNTS_PASSWORD_MIN, ACCOUNTS_PASSWORD_MAX, NULL},
    {NULL}};

/* VP_OK: done; VP_ENOTFOUND: the link is not good. A link that is good is used up by one function,
 * so of two at once one wins. One that is not costs no time of a password; it is asked all the
 * same, for this may be a request that was answered and is sent again. */
static vp_err use_reset(accounts *a, bus *b, const http_request *r, vp_str token, vp_str password) {
    char hash[ACCOUNTS_HASH_TEXT + 1], new_hash[ACCOUNTS_PASSWORD_HASH] = "";
    vp_str line[ACCOUNTS_LINES];
    vp_buf answer;
    accounts_hash(token, hash);
    vp_buf_init(&answer, ANSWER_BYTES);
    vp_str body[] = {vp_str_of(hash), (vp_str){0}, vp_str_of(r->address_mark)};
    vp_err rc =
        accounts_ask_lines(b, r, VP_STR("LOOK"), "/accounts/reset-look", body, 1, &answer, line);
    if (!rc && vp_str_eq(line[0], VP_STR("ok")))
        rc = accounts_password_hash(&a->passwords, password, new_hash);
    body[1] = vp_str_of(new_hash);
    vp_buf_clear(&answer);
    if (!rc)
        rc = accounts_ask_lines(b, r, VP_STR("ACT"), "/accounts/reset-use", body, 3, &answer, line);
    if (!rc && !vp_str_eq(line[0], VP_STR("ok"))) rc = VP_ENOTFOUND;
    vp_buf_release(&answer);
    return rc;
}

vp_err accounts_reset_password(accounts *a, bus *b, const http_request *r, vp_str token,
                               vp_str password) {
    vp_problem problem = {0};
    json_t *body = json_object();
    json_object_set_new(body, "token", json_stringn(token.n ? token.p : "", token.n));
    json_object_set_new(body, "password", json_stringn(password.n ? password.p : "", password.n));
    vp_err rc = vp_json_check(body, reset_rules, "", &problem);
    if (!rc) rc = use_reset(a, b, r, token, password);
    json_decref(body);
    return rc;
}

void accounts_use_reset(accounts *a, bus *b, http_request *r, http_reply *p) {
    json_t *body;
    if (!accounts_read_json(r, p, reset_rules, &body)) return;
    vp_err rc = use_reset(a, b, r, vp_json_text(body, "token"), vp_json_text(body, "password"));
    if (!rc)
        accounts_done(p);
    else if (rc == VP_ENOTFOUND)
        http_reply_error(p, r, rc, "This link is not good any more: ask an admin for a new one.");
    else
        accounts_failed(p, r, rc);
    json_decref(body);
}
