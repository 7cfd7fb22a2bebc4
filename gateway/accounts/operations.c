/* operations.c - accounts, sessions and tokens as rows; the keys are in docs/ARCHITECTURE.md.
 * LOOK and ACT operations serve the gateway's own code (signin.c), never a client.
 * SPDX-License-Identifier: MIT */
#include "operations.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "ulid.h"

void accounts_hash(vp_str secret, char out[ACCOUNTS_HASH_TEXT + 1]) {
    uint8_t hash[32];
    vp_seal_hash(secret, hash, sizeof hash);
    vp_seal_base64(hash, sizeof hash, out);
}

void accounts_secret_path(const char *secrets, char *out, size_t n) {
    snprintf(out, n, "%s/first-account", secrets);
}

static vp_str element(const redisReply *r, size_t i) {
    if (r->type != REDIS_REPLY_ARRAY || i >= r->elements ||
        r->element[i]->type != REDIS_REPLY_STRING)
        return (vp_str){0};
    return vp_str_n(r->element[i]->str, r->element[i]->len);
}

static void member(vp_buf *out, const char *name, vp_str value) {
    vp_buf_addf(out, "\"%s\":", name);
    if (value.n)
        vp_buf_add_json(out, value);
    else
        vp_buf_adds(out, "null");
}

/* {id, login, role, contributor_handle} from the elements of a reply that start at `at`. */
static void account_json(vp_buf *out, const redisReply *r, size_t at) {
    vp_buf_addc(out, '{');
    member(out, "id", element(r, at));
    vp_buf_addc(out, ',');
    member(out, "login", element(r, at + 1));
    vp_buf_addc(out, ',');
    member(out, "role", element(r, at + 2));
    vp_buf_addc(out, ',');
    member(out, "contributor_handle", element(r, at + 3));
    vp_buf_addc(out, '}');
}

static vp_step personal(vp_call *call, int status) {
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    return vp_call_answer(call, status);
}

/* -- accounts --------------------------------------------------------------------------------- */

static const vp_json_rule create_rules[] = {
    {"login", VP_JSON_TEXT, true, 1, ACCOUNTS_LOGIN_MAX, NULL},
    {"role", VP_JSON_TEXT, true, 1, 16, "admin editor author moderator"},
    {"contributor_handle", VP_JSON_TEXT, false, 1, 64, NULL},
    {"password_hash", VP_JSON_TEXT, true, 1, 256, NULL},
    {"first", VP_JSON_BOOL, false, 0, 0, NULL},
    {NULL}};

static const char login_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-@+";
static const char handle_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";

static bool made_of(vp_str text, const char *letters) {
    for (size_t i = 0; i < text.n; i++)
        if (!text.p[i] || !strchr(letters, text.p[i])) return false;
    return true;
}

static void check_names(vp_call *call, vp_str login, vp_str handle) {
    if (!made_of(login, login_letters))
        vp_problem_field(&call->problem, "/login",
                         "may have lower-case letters, digits and . _ - @ +");
    if (!made_of(handle, handle_letters))
        vp_problem_field(&call->problem, "/contributor_handle",
                         "may have lower-case letters, digits, - and _");
}

static vp_step create_prepare(vp_call *call) {
    json_t *body;
    char id[VP_ULID_LEN + 1], by_login[96], key[64];
    if (!vp_call_json(call, create_rules, &body)) return VP_STEP_DONE;
    vp_str login = vp_str_trim(vp_json_text(body, "login"));
    vp_str handle = vp_str_trim(vp_json_text(body, "contributor_handle"));
    check_names(call, login, handle);
    if (call->problem.code) return vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
    vp_ulid_make(vp_service_now(call->service), id);
    snprintf(by_login, sizeof by_login, "account:login:%.*s", (int)login.n, login.p);
    snprintf(key, sizeof key, "account:%s", id);
    vp_str keys[] = {VP_STR("accounts"), vp_str_of(by_login), vp_str_of(key)};
    vp_str args[] = {vp_str_of(id),
                     login,
                     vp_str_trim(vp_json_text(body, "role")),
                     handle,
                     vp_json_text(body, "password_hash"),
                     vp_json_bool(body, "first", false) ? VP_STR("1") : VP_STR("0")};
    vp_call_function_once(call, "create", keys, 3, args, 6);
    return VP_STEP_WAIT;
}

static vp_step create_finish(vp_call *call) {
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    if (vp_str_eq(word, VP_STR("exists")))
        return vp_call_fail(call, VP_EDENIED, "There is an account already: sign in with it.");
    if (vp_str_eq(word, VP_STR("taken"))) {
        vp_problem_set(&call->problem, VP_ECONFLICT, "This login is taken.");
        vp_problem_field(&call->problem, "/login", "is taken");
        return VP_STEP_DONE;
    }
    vp_buf_adds(&call->out, "{\"account\":");
    account_json(&call->out, call->reply[0], 1);
    vp_buf_addc(&call->out, '}');
    return personal(call, 201);
}

static vp_step list_prepare(vp_call *call) {
    int64_t limit;
    char cursor[97], start[100] = "-", count[24];
    size_t n;
    if (!vp_call_page(call, 'a', &limit, cursor, &n)) return VP_STEP_DONE;
    if (n) snprintf(start, sizeof start, "(%s", cursor);
    snprintf(count, sizeof count, "%lld", (long long)limit + 1);
    *(int64_t *)vp_call_state(call, sizeof limit) = limit;
    vp_call_function(call, "list", (vp_str[]){VP_STR("accounts")}, 1,
                     (vp_str[]){vp_str_of(start), vp_str_of(count)}, 2);
    return VP_STEP_WAIT;
}

static vp_step list_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    size_t limit = (size_t) * (int64_t *)call->state, n = r->elements < limit ? r->elements : limit;
    vp_buf_adds(&call->out, "{\"items\":[");
    for (size_t i = 0; i < n; i++) {
        if (i) vp_buf_addc(&call->out, ',');
        account_json(&call->out, r->element[i], 0);
    }
    vp_buf_addc(&call->out, ']');
    vp_call_next(call, 'a', r->elements > limit ? element(r->element[n - 1], 0) : (vp_str){0});
    vp_buf_addc(&call->out, '}');
    return personal(call, 200);
}

static vp_step me_prepare(vp_call *call) {
    char key[64];
    vp_str id = call->field[VP_F_ACTOR_ID];
    snprintf(key, sizeof key, "account:%.*s", (int)(id.n < 32 ? id.n : 32), id.n ? id.p : "");
    vp_call_command(call, 6,
                    (vp_str[]){VP_STR("HMGET"), vp_str_of(key), VP_STR("id"), VP_STR("login"),
                               VP_STR("role"), VP_STR("handle")});
    return VP_STEP_WAIT;
}

static vp_step me_finish(vp_call *call) {
    vp_buf_adds(&call->out, "{\"account\":");
    account_json(&call->out, call->reply[0], 0);
    vp_buf_addc(&call->out, '}');
    return personal(call, 200);
}

/* -- between processes: what signin.c and actor.c ask -------------------------------------------
 */

/* Body: "session:HASH" or "token:HASH". Answer: id, login and role, a line each; empty: nobody. */
static vp_step actor_prepare(vp_call *call) {
    vp_call_function(call, "actor", (vp_str[]){call->body}, 1, NULL, 0);
    return VP_STEP_WAIT;
}

static vp_step lines_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    for (size_t i = 0; i < r->elements; i++) {
        vp_buf_add_str(&call->out, element(r, i));
        vp_buf_addc(&call->out, '\n');
    }
    return vp_call_answer(call, 200);
}

/* Body: a login. Answer: id, login, role, handle, password hash, a line each; empty: nobody. */
static vp_step by_login_prepare(vp_call *call) {
    char key[128];
    int n = snprintf(key, sizeof key, "account:login:%.*s", (int)call->body.n, call->body.p);
    if (n < 0 || (size_t)n >= sizeof key) return vp_call_fail(call, VP_EINVAL, "login");
    vp_call_function(call, "by_login", (vp_str[]){vp_str_n(key, (size_t)n)}, 1, NULL, 0);
    return VP_STEP_WAIT;
}

/* Body: "session:HASH ACCOUNT". */
static vp_step session_prepare(vp_call *call) {
    const char *space = memchr(call->body.p, ' ', call->body.n);
    char life[24];
    if (!space) return vp_call_fail(call, VP_EINVAL, "session");
    size_t n = (size_t)(space - call->body.p);
    snprintf(life, sizeof life, "%d", ACCOUNTS_SESSION_DAYS * 24 * 3600);
    vp_call_command(call, 5,
                    (vp_str[]){VP_STR("SET"), vp_str_n(call->body.p, n),
                               vp_str_n(space + 1, call->body.n - n - 1), VP_STR("EX"),
                               vp_str_of(life)});
    return VP_STEP_WAIT;
}

static vp_step session_end_prepare(vp_call *call) {
    vp_call_command(call, 2, (vp_str[]){VP_STR("DEL"), call->body});
    return VP_STEP_WAIT;
}

static vp_step done_finish(vp_call *call) {
    return vp_call_answer(call, 204);
}

/* -- tokens -------------------------------------------------------------------------------------
 */

static void tokens_key(const vp_call *call, char out[64]) {
    vp_str id = call->field[VP_F_ACTOR_ID];
    snprintf(out, 64, "tokens:%.*s", (int)(id.n < 32 ? id.n : 32), id.p);
}

typedef struct token_state {
    char id[VP_ULID_LEN + 1], secret[48], name[256];
} token_state;

static const vp_json_rule token_rules[] = {{"name", VP_JSON_TEXT, true, 1, 60, NULL}, {NULL}};

/* The secret is in the answer and nowhere else, so a repeated request makes another token. */
static vp_step token_prepare(vp_call *call) {
    json_t *body;
    char hash[ACCOUNTS_HASH_TEXT + 1], key[64], of[64], most[16];
    uint8_t secret[ACCOUNTS_SECRET];
    vp_buf record;
    if (!vp_call_json(call, token_rules, &body)) return VP_STEP_DONE;
    token_state *s = vp_call_state(call, sizeof *s);
    vp_str name = vp_str_trim(vp_json_text(body, "name"));
    assert(name.n < sizeof s->name); /* 60 characters of at most 4 bytes */
    memcpy(s->name, name.p, name.n);
    vp_ulid_make(vp_service_now(call->service), s->id);
    vp_seal_random(secret, sizeof secret);
    memcpy(s->secret, "vxp_", 4);
    vp_seal_base64(secret, sizeof secret, s->secret + 4);
    accounts_hash(vp_str_of(s->secret), hash);
    snprintf(key, sizeof key, "token:%s", hash);
    tokens_key(call, of);
    vp_buf_init(&record, 1024);
    vp_buf_addf(&record, "%s ", hash);
    vp_buf_add_str(&record, name);
    vp_str keys[] = {vp_str_of(of), vp_str_of(key)};
    snprintf(most, sizeof most, "%d", ACCOUNTS_TOKENS_MAX);
    vp_str args[] = {vp_str_of(s->id), vp_buf_str(&record), call->field[VP_F_ACTOR_ID],
                     vp_str_of(most)};
    vp_call_function(call, "token", keys, 2, args, 4);
    vp_buf_release(&record);
    return VP_STEP_WAIT;
}

static vp_step token_finish(vp_call *call) {
    const token_state *s = call->state;
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    if (vp_str_eq(word, VP_STR("full")))
        return vp_call_fail(call, VP_ECONFLICT, "An account may have %d tokens: end one first.",
                            ACCOUNTS_TOKENS_MAX);
    vp_buf_addf(&call->out, "{\"id\":\"%s\",\"name\":", s->id);
    vp_buf_add_json(&call->out, vp_str_of(s->name));
    vp_buf_addf(&call->out, ",\"token\":\"%s\"}", s->secret);
    return personal(call, 201);
}

static vp_step tokens_prepare(vp_call *call) {
    char of[64];
    tokens_key(call, of);
    vp_call_command(call, 2, (vp_str[]){VP_STR("HGETALL"), vp_str_of(of)});
    return VP_STEP_WAIT;
}

static vp_step tokens_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    vp_buf_adds(&call->out, "{\"items\":[");
    for (size_t i = 0; i + 1 < r->elements && i < 2 * ACCOUNTS_TOKENS_MAX; i += 2) {
        vp_str record = element(r, i + 1);
        size_t skip = ACCOUNTS_HASH_TEXT + 1;
        vp_buf_adds(&call->out, i ? ",{" : "{");
        member(&call->out, "id", element(r, i));
        vp_buf_addc(&call->out, ',');
        member(&call->out, "name",
               record.n > skip ? vp_str_n(record.p + skip, record.n - skip) : (vp_str){0});
        vp_buf_addc(&call->out, '}');
    }
    vp_buf_adds(&call->out, "],\"next_cursor\":null}");
    return personal(call, 200);
}

static vp_step token_end_prepare(vp_call *call) {
    char of[64];
    tokens_key(call, of);
    vp_call_command(call, 3, (vp_str[]){VP_STR("HGET"), vp_str_of(of), call->params.value[0]});
    return VP_STEP_WAIT;
}

static vp_step token_end_finish(vp_call *call) {
    char of[64], key[64];
    if (call->round == 2) return vp_call_answer(call, 204);
    const redisReply *r = call->reply[0];
    if (r->type != REDIS_REPLY_STRING || r->len < ACCOUNTS_HASH_TEXT)
        return vp_call_fail(call, VP_ENOTFOUND, "You have no such token.");
    tokens_key(call, of);
    snprintf(key, sizeof key, "token:%.*s", ACCOUNTS_HASH_TEXT, r->str);
    vp_call_command(call, 2, (vp_str[]){VP_STR("DEL"), vp_str_of(key)});
    vp_call_command(call, 3, (vp_str[]){VP_STR("HDEL"), vp_str_of(of), call->params.value[0]});
    return VP_STEP_WAIT;
}

/* -- the one-time secret of the first account -----------------------------------------------------
 */

static void write_secret(const char *path) {
    uint8_t secret[ACCOUNTS_SECRET];
    char text[48];
    vp_seal_random(secret, sizeof secret);
    vp_seal_base64(secret, sizeof secret, text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        if (errno != EEXIST) vp_log(VP_LOG_ERROR, NULL, "%s: %s", path, strerror(errno));
        return;
    }
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) unlink(path);
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

/* -- the key of the whole site, for pages: it signs the cookie of a voter ------------------------
 */

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
    {"accounts.list", "GET", "/api/v1/accounts", VP_MAY_ADMIN, 0, list_prepare, list_finish},
    {"accounts.me", "GET", "/api/v1/me", VP_MAY_SIGNED_IN, 0, me_prepare, me_finish},
    {"tokens.list", "GET", "/api/v1/tokens", VP_MAY_SIGNED_IN, 0, tokens_prepare, tokens_finish},
    {"tokens.create", "POST", "/api/v1/tokens", VP_MAY_SIGNED_IN, 4096, token_prepare,
     token_finish},
    {"tokens.end", "DELETE", "/api/v1/tokens/{id}", VP_MAY_SIGNED_IN, 0, token_end_prepare,
     token_end_finish},
    {"accounts.create", "ACT", "/accounts/create", VP_MAY_INSIDE, 4096, create_prepare,
     create_finish},
    {"accounts.actor", "LOOK", "/accounts/actor", VP_MAY_INSIDE, 128, actor_prepare, lines_finish},
    {"accounts.by_login", "LOOK", "/accounts/by-login", VP_MAY_INSIDE, 128, by_login_prepare,
     lines_finish},
    {"sessions.create", "ACT", "/accounts/session", VP_MAY_INSIDE, 256, session_prepare,
     done_finish},
    {"sessions.end", "ACT", "/accounts/session-end", VP_MAY_INSIDE, 128, session_end_prepare,
     done_finish},
    {"accounts.site_key", "LOOK", "/accounts/site-key", VP_MAY_INSIDE, 0, site_key_prepare, NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL}};
