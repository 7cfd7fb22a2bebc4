/* operations.c - accounts, sessions and tokens as rows; the keys are in docs/ARCHITECTURE.md. Here
 * is what the rows share, and what signin.c and passwords.c ask. SPDX-License-Identifier: MIT */
#include "operations.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "clock.h"
#include "keep.h"
#include "log.h"

void accounts_hash(vp_str secret, char out[ACCOUNTS_HASH_TEXT + 1]) {
    uint8_t hash[32];
    vp_seal_hash(secret, hash, sizeof hash);
    vp_seal_base64(hash, sizeof hash, out);
}

void accounts_secret_make(const char *prefix, accounts_secret *out) {
    uint8_t secret[ACCOUNTS_SECRET];
    vp_seal_random(secret, sizeof secret);
    char *end = stpcpy(out->text, prefix);
    vp_seal_base64(secret, sizeof secret, end);
    accounts_hash(vp_str_of(out->text), out->hash);
}

void accounts_secret_path(const char *secrets, char *out, size_t n) {
    snprintf(out, n, "%s/first-account", secrets);
}

int accounts_lines(vp_str text, vp_str out[ACCOUNTS_LINES]) {
    int n = 0;
    for (int i = 0; i < ACCOUNTS_LINES; i++) out[i] = (vp_str){0};
    while (text.n && n < ACCOUNTS_LINES) {
        const char *end = memchr(text.p, '\n', text.n);
        if (!end) break;
        size_t len = (size_t)(end - text.p);
        out[n++] = vp_str_n(text.p, len);
        text = vp_str_n(end + 1, text.n - len - 1);
    }
    return n;
}

/* -- for the files of operations ------------------------------------------------------------ */

vp_str accounts_element(const redisReply *r, size_t i) {
    if (r->type != REDIS_REPLY_ARRAY || i >= r->elements ||
        r->element[i]->type != REDIS_REPLY_STRING)
        return (vp_str){0};
    return vp_str_n(r->element[i]->str, r->element[i]->len);
}

void accounts_member(vp_buf *out, const char *name, vp_str value) {
    vp_buf_addf(out, "\"%s\":", name);
    if (value.n)
        vp_buf_add_json(out, value);
    else
        vp_buf_adds(out, "null");
}

void accounts_time(vp_buf *out, const char *name, vp_str ms) {
    char text[VP_TIME_LEN + 1];
    int64_t at;
    bool known = ms.n && !vp_str_int(ms, 0, INT64_MAX, &at);
    if (known) vp_time_text(at, text);
    accounts_member(out, name, known ? vp_str_of(text) : (vp_str){0});
}

vp_step accounts_personal(vp_call *call, int status) {
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    return vp_call_answer(call, status);
}

vp_step accounts_lines_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    for (size_t i = 0; i < r->elements; i++) {
        vp_buf_add_str(&call->out, accounts_element(r, i));
        vp_buf_addc(&call->out, '\n');
    }
    return vp_call_answer(call, 200);
}

vp_step accounts_word_finish(vp_call *call) {
    return vp_call_outcome(call, call->reply[0]).n ? accounts_lines_finish(call) : VP_STEP_DONE;
}

/* -- between processes ---------------------------------------------------------------------- */

/* The lines of the body as arguments; false: there are others than n. */
static bool take_lines(vp_call *call, int n, vp_str line[ACCOUNTS_LINES]) {
    if (accounts_lines(call->body, line) == n) return true;
    vp_call_fail(call, VP_EINVAL, "%s takes %d lines", call->op->name, n);
    return false;
}

/* The function's arguments are the lines of the body. */
static vp_step lines_function(vp_call *call, const char *name, int n, bool once) {
    vp_str line[ACCOUNTS_LINES];
    if (!take_lines(call, n, line)) return VP_STEP_DONE;
    if (once)
        vp_call_function_once(call, name, NULL, 0, line, n);
    else
        vp_call_function(call, name, NULL, 0, line, n);
    return VP_STEP_WAIT;
}

/* Body: "session:HASH" or "token:HASH". Answer: what the function actor gives, a line each; empty:
 * nobody. */
static vp_step actor_prepare(vp_call *call) {
    vp_call_function(call, "actor", (vp_str[]){call->body}, 1, NULL, 0);
    return VP_STEP_WAIT;
}

static vp_step seen_prepare(vp_call *call) {
    vp_call_function(call, "seen", (vp_str[]){call->body}, 1, NULL, 0);
    return VP_STEP_WAIT;
}

/* Body: a login, the mark of the network. Answer: as the function gives. */
static vp_step by_login_prepare(vp_call *call) {
    char key[320];
    vp_str line[ACCOUNTS_LINES];
    if (!take_lines(call, 2, line)) return VP_STEP_DONE;
    int n = snprintf(key, sizeof key, "account:login:%.*s", (int)line[0].n, line[0].p);
    if (n < 0 || (size_t)n >= sizeof key) return vp_call_fail(call, VP_EINVAL, "login");
    vp_call_function(call, "by_login", (vp_str[]){vp_str_n(key, (size_t)n)}, 1, line, 2);
    return VP_STEP_WAIT;
}

static vp_step by_id_prepare(vp_call *call) {
    return lines_function(call, "by_id", 1, false);
}

static vp_step attempt_prepare(vp_call *call) {
    return lines_function(call, "attempt", 2, false);
}

static vp_step session_make_prepare(vp_call *call) {
    return lines_function(call, "session_make", 9, false);
}

static vp_step session_end_prepare(vp_call *call) {
    return lines_function(call, "session_end", 1, false);
}

static vp_step password_prepare(vp_call *call) {
    return lines_function(call, "password", 6, true);
}

static vp_step reset_look_prepare(vp_call *call) {
    return lines_function(call, "reset_look", 1, false);
}

static vp_step reset_use_prepare(vp_call *call) {
    return lines_function(call, "reset_use", 3, true);
}

/* -- the one-time secret of the first account ----------------------------------------------- */

static void write_secret(const char *path) {
    accounts_secret secret;
    accounts_secret_make("", &secret);
    size_t n = strlen(secret.text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        if (errno != EEXIST) vp_log(VP_LOG_ERROR, NULL, "%s: %s", path, strerror(errno));
        return;
    }
    if (write(fd, secret.text, n) != (ssize_t)n) unlink(path);
    close(fd);
    vp_log(VP_LOG_INFO, NULL, "no account yet: the first one is made with the secret in %s", path);
}

static vp_step first_prepare(vp_call *call) {
    const accounts_state *s = call->self;
    if (s->settled || !s->secrets[0]) return vp_call_answer(call, 204);
    vp_call_command(call, 2, (vp_str[]){VP_STR("ZCARD"), VP_STR("accounts")});
    return VP_STEP_WAIT;
}

static vp_step first_finish(vp_call *call) {
    accounts_state *s = call->self;
    char path[512];
    accounts_secret_path(s->secrets, path, sizeof path);
    if (call->reply[0]->type == REDIS_REPLY_INTEGER && call->reply[0]->integer > 0) {
        s->settled = true;
        unlink(path);
    } else {
        write_secret(path);
    }
    return vp_call_answer(call, 204);
}

/* -- the key of the whole site, for pages: it signs the cookie of a voter ------------------- */

static vp_step site_key_prepare(vp_call *call) {
    static const uint8_t none[VP_SEAL_KEY];
    const uint8_t *key = vp_service_site_key(call->service);
    if (!memcmp(key, none, VP_SEAL_KEY))
        return vp_call_fail(call, VP_EAWAY, "The key of this site is not known yet.");
    vp_buf_add(&call->out, key, VP_SEAL_KEY);
    return vp_call_answer(call, 200);
}

const vp_op accounts_ops[] = {
    {"accounts.first", NULL, NULL, VP_MAY_INSIDE, 200, first_prepare, first_finish},
    {"accounts.list", "GET", "/api/v1/accounts", VP_MAY_ADMIN, 0, accounts_list_prepare,
     accounts_list_finish},
    {"accounts.get", "GET", "/api/v1/accounts/{id}", VP_MAY_ADMIN, 0, accounts_get_prepare,
     accounts_get_finish},
    {"accounts.change", "PATCH", "/api/v1/accounts/{id}", VP_MAY_ADMIN, 1024,
     accounts_change_prepare, accounts_change_finish},
    {"accounts.remove", "DELETE", "/api/v1/accounts/{id}", VP_MAY_ADMIN, 0, accounts_remove_prepare,
     accounts_remove_finish},
    {"accounts.reset", "POST", "/api/v1/accounts/{id}/reset", VP_MAY_ADMIN, 1024,
     accounts_reset_prepare, accounts_reset_finish},
    {"accounts.me", "GET", "/api/v1/me", VP_MAY_SIGNED_IN, 0, accounts_me_prepare,
     accounts_me_finish},
    {"sessions.list", "GET", "/api/v1/sessions", VP_MAY_SIGNED_IN, 0, sessions_list_prepare,
     sessions_list_finish},
    {"sessions.end-others", "DELETE", "/api/v1/sessions", VP_MAY_SIGNED_IN, 0,
     sessions_end_others_prepare, sessions_end_finish},
    {"sessions.end", "DELETE", "/api/v1/sessions/{id}", VP_MAY_SIGNED_IN, 0, sessions_end_prepare,
     sessions_end_finish},
    {"tokens.list", "GET", "/api/v1/tokens", VP_MAY_SIGNED_IN, 0, tokens_list_prepare,
     tokens_list_finish},
    {"tokens.create", "POST", "/api/v1/tokens", VP_MAY_SIGNED_IN, 4096, tokens_create_prepare,
     tokens_create_finish},
    {"tokens.end", "DELETE", "/api/v1/tokens/{id}", VP_MAY_SIGNED_IN, 0, tokens_end_prepare,
     tokens_end_finish},
    {"accounts.create-record", "ACT", "/accounts/create", VP_MAY_INSIDE, 4096,
     accounts_create_prepare, accounts_create_finish},
    {"accounts.actor", "LOOK", "/accounts/actor", VP_MAY_INSIDE, 128, actor_prepare,
     accounts_lines_finish},
    {"accounts.seen", "ACT", "/accounts/seen", VP_MAY_INSIDE, 128, seen_prepare,
     accounts_word_finish},
    {"accounts.by-login", "LOOK", "/accounts/by-login", VP_MAY_INSIDE, 512, by_login_prepare,
     accounts_lines_finish},
    {"accounts.by-id", "LOOK", "/accounts/by-id", VP_MAY_INSIDE, 128, by_id_prepare,
     accounts_lines_finish},
    {"accounts.attempt", "ACT", "/accounts/attempt", VP_MAY_INSIDE, 512, attempt_prepare,
     accounts_word_finish},
    {"accounts.session", "ACT", "/accounts/session", VP_MAY_INSIDE, 2048, session_make_prepare,
     accounts_word_finish},
    {"accounts.session-end", "ACT", "/accounts/session-end", VP_MAY_INSIDE, 128,
     session_end_prepare, accounts_word_finish},
    {"accounts.password", "ACT", "/accounts/password", VP_MAY_INSIDE, 1024, password_prepare,
     accounts_word_finish},
    {"accounts.reset-look", "LOOK", "/accounts/reset-look", VP_MAY_INSIDE, 128, reset_look_prepare,
     accounts_word_finish},
    {"accounts.reset-use", "ACT", "/accounts/reset-use", VP_MAY_INSIDE, 512, reset_use_prepare,
     accounts_word_finish},
    {"accounts.site-key", "LOOK", "/accounts/site-key", VP_MAY_INSIDE, 0, site_key_prepare, NULL},
    VP_AUDIT_OP("accounts"),
    VP_KEEP_OPS("accounts"),
    {NULL, NULL, NULL, 0, 0, NULL, NULL}};
