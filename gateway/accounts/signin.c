/* signin.c - who asks, signing in and out, on the HTTP thread. Neither a password nor a session's
 * secret travels on the bus or reaches Redis: only hashes do. SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "accounts_private.h"
#include "forward.h"
#include "origin.h"
#include "scopes.h"
#include "seal.h"

enum { CALL_MS = 2000, LINES_BYTES = 4096 };

/* The cookie's name: __Host- needs Secure, which needs TLS. */
static const char *cookie_name(const http_request *r) {
    return r->secure ? "__Host-voxpop_session" : "voxpop_session";
}

/* -- calls to the accounts' loop ------------------------------------------------------------ */

vp_err accounts_ask(bus *b, const http_request *r, vp_str method, const char *path, vp_str body,
                    vp_buf *out, int *status) {
    forward_call f;
    vp_str extra[VP_FIELD_COUNT] = {{0}};
    extra[VP_F_CONTENT_TYPE] = VP_STR("application/json");
    forward_start(&f, b, r, method, vp_str_of(path), (vp_str){0}, body, extra, CALL_MS);
    vp_err rc = forward_finish(&f);
    if (!rc) {
        *status = f.call.reply.status;
        vp_buf_add_str(out, f.call.reply.body);
        if (*status == 503)
            rc = VP_EAWAY;
        else if (*status == 504)
            rc = VP_ETIMEOUT;
    }
    forward_release(&f);
    return rc;
}

vp_err accounts_ask_lines(bus *b, const http_request *r, vp_str method, const char *path,
                          const vp_str *body, int n, vp_buf *out, vp_str line[ACCOUNTS_LINES]) {
    vp_buf text;
    int status = 0;
    vp_buf_init(&text, LINES_BYTES);
    for (int i = 0; i < n; i++) {
        vp_buf_add_str(&text, body[i]);
        vp_buf_addc(&text, '\n');
    }
    vp_err rc = accounts_ask(b, r, method, path, vp_buf_str(&text), out, &status);
    if (!rc && status != 200) rc = VP_ESYSTEM;
    accounts_lines(rc ? (vp_str){0} : vp_buf_str(out), line);
    vp_buf_release(&text);
    return rc;
}

void accounts_failed(http_reply *p, const http_request *r, vp_err rc) {
    http_reply_error(p, r, rc,
                     rc == VP_EBUSY ? "Too many passwords are being checked just now."
                                    : "The accounts cannot be reached just now.");
}

void accounts_done(http_reply *p) {
    p->status = 204;
    http_reply_header(p, "Cache-Control", VP_STR("private, no-store"));
}

bool accounts_read_json(http_request *r, http_reply *p, const vp_json_rule *rules, json_t **out) {
    vp_problem problem = {0};
    vp_fault why = {0};
    *out = NULL;
    vp_err rc = http_request_body(r, ACCOUNTS_BODY_MAX);
    if (rc) {
        p->close = true;
        vp_problem_set(&problem, rc, "The body could not be read.");
    } else if (vp_json_parse(vp_buf_str(&r->body), out, &why)) {
        vp_problem_set(&problem, VP_ESYNTAX, "The body is not readable JSON: %s", why.text);
    } else if (!json_is_object(*out)) {
        vp_problem_set(&problem, VP_EINVAL, "The body has to be a JSON object.");
    } else if (vp_json_check(*out, rules, "", &problem)) {
        vp_problem_set(&problem, VP_EINVAL, "Some fields are not acceptable.");
    } else {
        return true;
    }
    json_decref(*out);
    *out = NULL;
    http_reply_problem(p, r, &problem);
    return false;
}

/* -- who asks ------------------------------------------------------------------------------- */

/* What the function actor says. */
enum actor_line { A_ID, A_LOGIN, A_ROLE, A_HANDLE, A_BY, A_SCOPES, A_STALE };

static void copy(char *out, size_t n, vp_str text) {
    snprintf(out, n, "%.*s", (int)text.n, text.n ? text.p : "");
}

static void set_actor(http_request *r, const vp_str line[ACCOUNTS_LINES]) {
    r->role = vp_role_parse(line[A_ROLE]);
    copy(r->actor_id, sizeof r->actor_id, line[A_ID]);
    copy(r->actor_login, sizeof r->actor_login, line[A_LOGIN]);
    copy(r->actor_handle, sizeof r->actor_handle, line[A_HANDLE]);
    copy(r->actor_by, sizeof r->actor_by, line[A_BY]);
}

/* What whole services are kept, filled and brought up to date with is nobody's but admins'. */
static bool of_whole_service(vp_str path) {
    static const char *const patterns[] = {"/api/v1/export/{service}", "/api/v1/import/{service}",
                                           "/api/v1/migrate/{service}"};
    vp_route route;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        if (!vp_route_compile(vp_str_of(patterns[i]), &route, NULL) &&
            vp_route_match(&route, path, NULL))
            return true;
    return false;
}

/* Everybody may ask who they are. */
static bool covered(bus *b, const http_request *r, vp_str scopes) {
    bus_target target = {.service = ""};
    char allow[64];
    bool reads = http_method_safe(r->method);
    if (!scopes.n || (reads && vp_str_eq(r->path, VP_STR("/api/v1/me")))) return true;
    if (bus_route(b, r->method, r->path, &target, allow) || of_whole_service(r->path))
        target.service[0] = '\0';
    return accounts_scopes_cover(scopes, target.service, reads);
}

/* That it was seen is noted now and then; nobody waits for how that goes. */
static void note_seen(bus *b, const http_request *r, vp_str key) {
    vp_buf none;
    int status;
    vp_buf_init(&none, LINES_BYTES);
    vp_err rc = accounts_ask(b, r, VP_STR("ACT"), "/accounts/seen", key, &none, &status);
    (void)rc;
    vp_buf_release(&none);
}

static vp_err find_actor(bus *b, http_request *r, vp_str key, bool token) {
    vp_str line[ACCOUNTS_LINES];
    vp_buf answer;
    int status = 0;
    vp_buf_init(&answer, LINES_BYTES);
    vp_err rc = accounts_ask(b, r, VP_STR("LOOK"), "/accounts/actor", key, &answer, &status);
    bool known = !rc && status == 200 && accounts_lines(vp_buf_str(&answer), line) > A_STALE;
    if (!rc && !known && token) rc = VP_EAUTH;
    if (known && !covered(b, r, line[A_SCOPES])) rc = VP_EDENIED;
    if (known && !rc) {
        set_actor(r, line);
        if (line[A_STALE].n) note_seen(b, r, key);
    }
    vp_buf_release(&answer);
    return rc;
}

vp_err accounts_actor(bus *b, http_request *r) {
    vp_str bearer = http_request_header(r, "Authorization"), secret = {0};
    char key[80], hash[ACCOUNTS_HASH_TEXT + 1];
    bool token = bearer.n > 0;
    if (vp_str_starts(bearer, VP_STR("Bearer ")))
        secret = vp_str_n(bearer.p + 7, bearer.n - 7);
    else if (!token)
        secret = http_request_cookie(r, cookie_name(r));
    if (!secret.n) return token ? VP_EAUTH : VP_OK;
    accounts_hash(secret, hash);
    snprintf(key, sizeof key, "%s:%s", token ? "token" : "session", hash);
    return find_actor(b, r, vp_str_of(key), token);
}

/* -- signing in ----------------------------------------------------------------------------- */

static void too_many(http_reply *p, const http_request *r, vp_str seconds) {
    int64_t wait;
    if (vp_str_int(seconds, 1, 86400, &wait)) wait = 60;
    http_reply_later(p, r, VP_ETOOMANY, (int)wait,
                     "Too many attempts with this login from this network. Wait, then try again.");
}

bool accounts_attempt(bus *b, const http_request *r, http_reply *p, vp_str login) {
    vp_str line[ACCOUNTS_LINES];
    vp_str body[] = {login, vp_str_of(r->address_mark)};
    vp_buf answer;
    vp_buf_init(&answer, LINES_BYTES);
    vp_err rc =
        accounts_ask_lines(b, r, VP_STR("ACT"), "/accounts/attempt", body, 2, &answer, line);
    bool may = !rc && vp_str_eq(line[0], VP_STR("ok"));
    if (rc)
        accounts_failed(p, r, rc);
    else if (!may)
        too_many(p, r, line[1]);
    vp_buf_release(&answer);
    return may;
}

static void set_cookie(http_reply *p, const http_request *r, const char *value, int seconds) {
    char text[256];
    snprintf(text, sizeof text, "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s",
             cookie_name(r), value, seconds, r->secure ? "; Secure" : "");
    http_reply_header(p, "Set-Cookie", vp_str_of(text));
}

/* What the function by_login says. */
enum login_line { L_WAIT, L_ID, L_LOGIN, L_ROLE, L_HANDLE, L_HASH };

static void answer_session(http_reply *p, const http_request *r, const accounts_secret *secret,
                           const vp_str line[ACCOUNTS_LINES]) {
    static const char *const names[] = {"id", "login", "role", "contributor_handle"};
    p->status = 201;
    set_cookie(p, r, secret->text, ACCOUNTS_SESSION_DAYS * 24 * 3600);
    http_reply_header(p, "Cache-Control", VP_STR("private, no-store"));
    vp_buf_adds(&p->own, "{\"account\":{");
    for (int i = 0; i < 4; i++) {
        if (i) vp_buf_addc(&p->own, ',');
        accounts_member(&p->own, names[i], line[L_ID + i]);
    }
    vp_buf_adds(&p->own, "}}");
}

/* The name of the browser, as far as it is kept: one line of valid UTF-8. */
static void read_agent(const http_request *r, char out[4 * ACCOUNTS_AGENT_MAX + 1]) {
    vp_str agent = http_request_header(r, "User-Agent");
    size_t n = agent.n < ACCOUNTS_AGENT_MAX ? agent.n : ACCOUNTS_AGENT_MAX;
    snprintf(out, 4 * ACCOUNTS_AGENT_MAX + 1, "%.*s", (int)n, n ? agent.p : "");
    vp_utf8_scrub(out);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F) *c = ' ';
}

/* Makes a session for the account and answers with it. The one that the browser had ends. */
static void begin_session(bus *b, http_request *r, http_reply *p,
                          const vp_str line[ACCOUNTS_LINES]) {
    accounts_secret secret;
    char agent[4 * ACCOUNTS_AGENT_MAX + 1], old[ACCOUNTS_HASH_TEXT + 1] = "", life[24];
    char id[VP_ULID_LEN + 1];
    vp_str answer[ACCOUNTS_LINES], cookie = http_request_cookie(r, cookie_name(r));
    vp_buf out;
    accounts_secret_make("", &secret);
    vp_ulid_make(bus_now(b), id);
    read_agent(r, agent);
    if (cookie.n) accounts_hash(cookie, old);
    snprintf(life, sizeof life, "%d", ACCOUNTS_SESSION_DAYS * 24 * 3600);
    vp_str body[] = {vp_str_of(secret.hash), vp_str_of(id),   line[L_ID],
                     line[L_HASH],           vp_str_of(life), vp_str_of(agent),
                     vp_str_of(old),         line[L_LOGIN],   vp_str_of(r->address_mark)};
    vp_buf_init(&out, LINES_BYTES);
    vp_err rc = accounts_ask_lines(b, r, VP_STR("ACT"), "/accounts/session", body, 9, &out, answer);
    if (rc)
        accounts_failed(p, r, rc);
    else if (vp_str_eq(answer[0], VP_STR("ok")))
        answer_session(p, r, &secret, line);
    else /* meanwhile the account was disabled, or has another password */
        http_reply_error(p, r, VP_EAUTH, "Login or password is wrong.");
    vp_buf_release(&out);
}

static const vp_json_rule signin_rules[] = {
    {"login", VP_JSON_TEXT, true, 1, ACCOUNTS_LOGIN_MAX, NULL},
    {"password", VP_JSON_TEXT, true, 1, ACCOUNTS_PASSWORD_MAX, NULL},
    {NULL}};

/* The same answer, after the same work, whether the account, the password or neither is wrong but
 * the account is disabled. line: of by_login. */
static void check_password(accounts *a, bus *b, http_request *r, http_reply *p, vp_str password,
                           const vp_str line[ACCOUNTS_LINES]) {
    char hash[ACCOUNTS_PASSWORD_HASH] = "";
    bool ok, known = line[L_HASH].n && line[L_HASH].n < sizeof hash;
    copy(hash, sizeof hash, known ? line[L_HASH] : (vp_str){0});
    vp_err rc = accounts_password_ok(&a->passwords, password, known ? hash : NULL, &ok);
    if (rc)
        accounts_failed(p, r, rc);
    else if (ok)
        begin_session(b, r, p, line);
    else
        http_reply_error(p, r, VP_EAUTH, "Login or password is wrong.");
}

/* Who has to wait is told so before anything is counted. */
void accounts_sign_in(accounts *a, bus *b, http_request *r, http_reply *p) {
    json_t *body;
    vp_buf answer;
    vp_str line[ACCOUNTS_LINES];
    if (!accounts_read_json(r, p, signin_rules, &body)) return;
    vp_str login = vp_str_trim(vp_json_text(body, "login"));
    vp_str question[] = {login, vp_str_of(r->address_mark)};
    if (memchr(login.p, '\n', login.n)) question[0] = login = VP_STR("\t"); /* nobody's */
    vp_buf_init(&answer, LINES_BYTES);
    vp_err rc =
        accounts_ask_lines(b, r, VP_STR("LOOK"), "/accounts/by-login", question, 2, &answer, line);
    if (rc)
        accounts_failed(p, r, rc);
    else if (!vp_str_eq(line[L_WAIT], VP_STR("0")))
        too_many(p, r, line[L_WAIT]);
    else if (accounts_attempt(b, r, p, login))
        check_password(a, b, r, p, vp_json_text(body, "password"), line);
    vp_buf_release(&answer);
    json_decref(body);
}

/* -- signing out ---------------------------------------------------------------------------- */

void accounts_sign_out(accounts *a, bus *b, http_request *r, http_reply *p) {
    vp_str secret = http_request_cookie(r, cookie_name(r)), line[ACCOUNTS_LINES];
    char hash[ACCOUNTS_HASH_TEXT + 1];
    vp_buf none;
    (void)a;
    if (!secret.n) {
        http_reply_error(p, r, VP_EAUTH, "There is no session.");
        return;
    }
    accounts_hash(secret, hash);
    vp_str body = vp_str_of(hash);
    vp_buf_init(&none, LINES_BYTES);
    vp_err rc =
        accounts_ask_lines(b, r, VP_STR("ACT"), "/accounts/session-end", &body, 1, &none, line);
    vp_buf_release(&none);
    if (rc) {
        accounts_failed(p, r, rc);
        return;
    }
    p->status = 204;
    set_cookie(p, r, "", 0);
}
