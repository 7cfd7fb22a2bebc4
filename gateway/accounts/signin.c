/* signin.c - what needs a password or a session's secret, on the HTTP thread.
 * Neither travels on the bus nor reaches Redis: only hashes do. SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "accounts_private.h"
#include "forward.h"
#include "json.h"
#include "seal.h"

enum { CALL_MS = 2000, BODY_MAX = 4096, PASSWORD_MIN = 10, PASSWORD_MAX = 256, LINES = 5 };

/* The cookie's name: __Host- needs Secure, which needs TLS. */
static const char *cookie_name(const http_request *r) {
    return r->secure ? "__Host-voxpop_session" : "voxpop_session";
}

/* -- calls to the accounts' loop -------------------------------------------------------------- */

/* LOOK (a question) or ACT (a write) with a body; the answer's body into out, its status too. */
static vp_err ask(bus *b, const http_request *r, vp_str method, const char *path, vp_str body,
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

/* Splits "a\nb\n…" into slices. Returns how many. */
static int lines(vp_str text, vp_str out[LINES]) {
    int n = 0;
    while (text.n && n < LINES) {
        const char *end = memchr(text.p, '\n', text.n);
        if (!end) break;
        size_t len = (size_t)(end - text.p);
        out[n++] = vp_str_n(text.p, len);
        text = vp_str_n(end + 1, text.n - len - 1);
    }
    return n;
}

static void set_actor(http_request *r, const vp_str line[LINES]) {
    r->role = vp_role_parse(line[2]);
    snprintf(r->actor_id, sizeof r->actor_id, "%.*s", (int)line[0].n, line[0].p);
    snprintf(r->actor_login, sizeof r->actor_login, "%.*s", (int)line[1].n, line[1].p);
    snprintf(r->actor_handle, sizeof r->actor_handle, "%.*s", (int)line[3].n, line[3].p);
}

vp_err accounts_actor(bus *b, http_request *r) {
    vp_str bearer = http_request_header(r, "Authorization"), secret = {0};
    vp_str line[LINES] = {{0}};
    char key[80], hash[ACCOUNTS_HASH_TEXT + 1];
    const char *kind = "session";
    int status = 0;
    vp_buf answer;
    if (vp_str_starts(bearer, VP_STR("Bearer "))) {
        secret = vp_str_n(bearer.p + 7, bearer.n - 7);
        kind = "token";
    } else if (bearer.n) {
        return VP_EAUTH;
    } else {
        secret = http_request_cookie(r, cookie_name(r));
    }
    if (!secret.n) return *kind == 't' ? VP_EAUTH : VP_OK;
    accounts_hash(secret, hash);
    snprintf(key, sizeof key, "%s:%s", kind, hash);
    vp_buf_init(&answer, 4096);
    vp_err rc = ask(b, r, VP_STR("LOOK"), "/accounts/actor", vp_str_of(key), &answer, &status);
    if (!rc && status == 200 && lines(vp_buf_str(&answer), line) >= 3)
        set_actor(r, line);
    else if (!rc && *kind == 't')
        rc = VP_EAUTH;
    vp_buf_release(&answer);
    return rc;
}

/* -- signing in and out -------------------------------------------------------------------------
 */

static bool read_json(http_request *r, http_reply *p, const vp_json_rule *rules, json_t **out) {
    vp_problem problem = {0};
    vp_fault why = {0};
    *out = NULL;
    vp_err rc = http_request_body(r, BODY_MAX);
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

static void failed(http_reply *p, const http_request *r, vp_err rc) {
    http_reply_error(p, r, rc, "The accounts cannot be reached just now.");
}

static void set_cookie(http_reply *p, const http_request *r, const char *value, int seconds) {
    char text[256];
    snprintf(text, sizeof text, "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s",
             cookie_name(r), value, seconds, r->secure ? "; Secure" : "");
    http_reply_header(p, "Set-Cookie", vp_str_of(text));
}

/* Makes a session for the account and answers with it. */
static void begin_session(bus *b, http_request *r, http_reply *p, const vp_str line[LINES]) {
    uint8_t secret[ACCOUNTS_SECRET];
    char text[ACCOUNTS_HASH_TEXT + 1], hash[ACCOUNTS_HASH_TEXT + 1], body[160];
    static const char *const names[] = {"id", "login", "role", "contributor_handle"};
    int status = 0;
    vp_buf none;
    vp_seal_random(secret, sizeof secret);
    vp_seal_base64(secret, sizeof secret, text);
    accounts_hash(vp_str_of(text), hash);
    snprintf(body, sizeof body, "session:%s %.*s", hash, (int)line[0].n, line[0].p);
    vp_buf_init(&none, 4096);
    vp_err rc = ask(b, r, VP_STR("ACT"), "/accounts/session", vp_str_of(body), &none, &status);
    vp_buf_release(&none);
    if (rc || status != 204) {
        failed(p, r, rc ? rc : VP_ESYSTEM);
        return;
    }
    p->status = 201;
    set_cookie(p, r, text, ACCOUNTS_SESSION_DAYS * 24 * 3600);
    http_reply_header(p, "Cache-Control", VP_STR("private, no-store"));
    vp_buf_adds(&p->own, "{\"account\":{");
    for (int i = 0; i < 4; i++) {
        vp_buf_addf(&p->own, "%s\"%s\":", i ? "," : "", names[i]);
        if (line[i].n)
            vp_buf_add_json(&p->own, line[i]);
        else
            vp_buf_adds(&p->own, "null");
    }
    vp_buf_adds(&p->own, "}}");
}

static const vp_json_rule signin_rules[] = {
    {"login", VP_JSON_TEXT, true, 1, ACCOUNTS_LOGIN_MAX, NULL},
    {"password", VP_JSON_TEXT, true, 1, PASSWORD_MAX, NULL},
    {NULL}};

/* The same answer, after the same work, whether the account or only the password is wrong. */
static void sign_in(accounts *a, bus *b, http_request *r, http_reply *p) {
    json_t *body;
    vp_buf answer;
    vp_str line[LINES] = {{0}};
    char hash[ACCOUNTS_PASSWORD_HASH] = "";
    int status = 0;
    if (!read_json(r, p, signin_rules, &body)) return;
    vp_buf_init(&answer, 4096);
    vp_err rc = ask(b, r, VP_STR("LOOK"), "/accounts/by-login", vp_json_text(body, "login"),
                    &answer, &status);
    if (rc) {
        failed(p, r, rc);
        goto done;
    }
    bool known =
        status == 200 && lines(vp_buf_str(&answer), line) == LINES && line[4].n < sizeof hash;
    if (known) snprintf(hash, sizeof hash, "%.*s", (int)line[4].n, line[4].p);
    if (accounts_password_ok(&a->passwords, vp_json_text(body, "password"), known ? hash : NULL))
        begin_session(b, r, p, line);
    else
        http_reply_error(p, r, VP_EAUTH, "Login or password is wrong.");
done:
    vp_buf_release(&answer);
    json_decref(body);
}

static void sign_out(accounts *a, bus *b, http_request *r, http_reply *p) {
    vp_str secret = http_request_cookie(r, cookie_name(r));
    char hash[ACCOUNTS_HASH_TEXT + 1], key[80];
    int status = 0;
    vp_buf none;
    (void)a;
    if (!secret.n) {
        http_reply_error(p, r, VP_EAUTH, "There is no session.");
        return;
    }
    accounts_hash(secret, hash);
    snprintf(key, sizeof key, "session:%s", hash);
    vp_buf_init(&none, 4096);
    vp_err rc = ask(b, r, VP_STR("ACT"), "/accounts/session-end", vp_str_of(key), &none, &status);
    vp_buf_release(&none);
    if (rc) {
        failed(p, r, rc);
        return;
    }
    p->status = 204;
    set_cookie(p, r, "", 0);
}

/* -- a new account ------------------------------------------------------------------------------
 */

static const vp_json_rule create_rules[] = {
    {"login", VP_JSON_TEXT, true, 1, ACCOUNTS_LOGIN_MAX, NULL},
    {"password", VP_JSON_TEXT, true, PASSWORD_MIN, PASSWORD_MAX, NULL},
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

static void create(accounts *a, bus *b, http_request *r, http_reply *p) {
    json_t *body;
    char hash[ACCOUNTS_PASSWORD_HASH];
    bool first = first_secret_ok(a, http_request_header(r, "X-First-Account"));
    int status = 0;
    vp_buf text;
    if (!first && r->role != VP_ROLE_ADMIN) {
        http_reply_error(p, r, r->role ? VP_EDENIED : VP_EAUTH, "Only an admin makes accounts.");
        return;
    }
    if (!read_json(r, p, create_rules, &body)) return;
    if (first && !vp_str_eq(vp_str_trim(vp_json_text(body, "role")), VP_STR("admin"))) {
        vp_problem problem = {0}; /* else nobody could ever make another account */
        vp_problem_set(&problem, VP_EINVAL, "Some fields are not acceptable.");
        vp_problem_field(&problem, "/role", "must be admin for the first account");
        http_reply_problem(p, r, &problem);
        json_decref(body);
        return;
    }
    vp_buf_init(&text, BODY_MAX);
    vp_err rc = accounts_password_hash(&a->passwords, vp_json_text(body, "password"), hash);
    json_object_del(body, "password");
    if (!rc && (json_object_set_new(body, "password_hash", json_string(hash)) ||
                json_object_set_new(body, "first", json_boolean(first))))
        rc = VP_ESYSTEM;
    vp_json_write(&text, body);
    if (!rc) rc = ask(b, r, VP_STR("ACT"), "/accounts/create", vp_buf_str(&text), &p->own, &status);
    if (rc) {
        vp_buf_clear(&p->own);
        failed(p, r, rc);
    } else {
        p->status = status;
        if (status >= 400) p->content_type = VP_STR("application/problem+json");
        http_reply_header(p, "Cache-Control", VP_STR("private, no-store"));
    }
    vp_buf_release(&text);
    json_decref(body);
}

static const struct {
    vp_str method, path;
    void (*handle)(accounts *a, bus *b, http_request *r, http_reply *p);
} paths[] = {
    {VP_STR_INIT("POST"), VP_STR_INIT("/api/v1/sessions"), sign_in},
    {VP_STR_INIT("DELETE"), VP_STR_INIT("/api/v1/sessions/current"), sign_out},
    {VP_STR_INIT("POST"), VP_STR_INIT("/api/v1/accounts"), create},
};

bool accounts_handle(accounts *a, bus *b, http_request *r, http_reply *p) {
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (vp_str_eq(r->method, paths[i].method) && vp_str_eq(r->path, paths[i].path)) {
            paths[i].handle(a, b, r, p);
            return true;
        }
    return false;
}
