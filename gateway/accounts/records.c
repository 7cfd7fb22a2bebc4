/* records.c - accounts as records: made, listed, changed, removed, and links that reset a password.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "clock.h"
#include "match.h"
#include "operations.h"
#include "ulid.h"

/* The places of SHOWN in accounts.lua. */
enum shown { S_ID, S_LOGIN, S_ROLE, S_HANDLE, S_DISABLED, S_CREATED, S_REVISION };

static bool is_disabled(const redisReply *r, size_t at) {
    return vp_str_eq(accounts_element(r, at + S_DISABLED), VP_STR("1"));
}

/* The account whose fields begin at element `at`. */
static void write_account(vp_buf *out, const redisReply *r, size_t at) {
    int64_t revision;
    if (vp_str_int(accounts_element(r, at + S_REVISION), 1, INT64_MAX, &revision)) revision = 1;
    vp_buf_addc(out, '{');
    accounts_member(out, "id", accounts_element(r, at + S_ID));
    vp_buf_addc(out, ',');
    accounts_member(out, "login", accounts_element(r, at + S_LOGIN));
    vp_buf_addc(out, ',');
    accounts_member(out, "role", accounts_element(r, at + S_ROLE));
    vp_buf_addc(out, ',');
    accounts_member(out, "contributor_handle", accounts_element(r, at + S_HANDLE));
    vp_buf_addf(out, ",\"disabled\":%s,", is_disabled(r, at) ? "true" : "false");
    accounts_time(out, "created_at", accounts_element(r, at + S_CREATED));
    vp_buf_addf(out, ",\"revision\":%lld}", (long long)revision);
}

/* {"account": …} with its ETag. */
static vp_step answer_account(vp_call *call, int status, const redisReply *r, size_t at) {
    char etag[32];
    vp_str revision = accounts_element(r, at + S_REVISION);
    snprintf(etag, sizeof etag, "\"%.*s\"", (int)(revision.n < 20 ? revision.n : 20), revision.p);
    vp_call_reply_field(call, VP_F_ETAG, vp_str_of(etag));
    vp_buf_adds(&call->out, "{\"account\":");
    write_account(&call->out, r, at);
    vp_buf_addc(&call->out, '}');
    return accounts_personal(call, status);
}

static vp_step unknown(vp_call *call) {
    return vp_call_fail(call, VP_ENOTFOUND, "There is no such account.");
}

/* -- making --------------------------------------------------------------------------------- */

#define ROLES "admin editor author moderator"

static const vp_json_rule create_rules[] = {
    {"login", VP_JSON_TEXT, true, 1, ACCOUNTS_LOGIN_MAX, NULL},
    {"role", VP_JSON_TEXT, true, 1, 16, ROLES},
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

static bool names_ok(vp_call *call, vp_str login, vp_str handle) {
    if (!made_of(login, login_letters))
        vp_problem_field(&call->problem, "/login",
                         "may have lower-case letters, digits and . _ - @ +");
    if (!made_of(handle, handle_letters))
        vp_problem_field(&call->problem, "/contributor_handle",
                         "may have lower-case letters, digits, - and _");
    if (call->problem.code) vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
    return !call->problem.code;
}

vp_step accounts_create_prepare(vp_call *call) {
    json_t *body;
    char id[VP_ULID_LEN + 1], by_login[96], key[64];
    if (!vp_call_json(call, create_rules, &body)) return VP_STEP_DONE;
    vp_str login = vp_str_trim(vp_json_text(body, "login"));
    vp_str handle = vp_str_trim(vp_json_text(body, "contributor_handle"));
    if (!names_ok(call, login, handle)) return VP_STEP_DONE;
    bool first = vp_json_bool(body, "first", false);
    vp_ulid_make(vp_service_now(call->service), id);
    snprintf(by_login, sizeof by_login, "account:login:%.*s", (int)login.n, login.p);
    snprintf(key, sizeof key, "account:%s", id);
    vp_str keys[] = {VP_STR("accounts"), vp_str_of(by_login), vp_str_of(key)};
    vp_str args[] = {vp_str_of(id),
                     login,
                     vp_str_trim(vp_json_text(body, "role")),
                     handle,
                     vp_json_text(body, "password_hash"),
                     first ? VP_STR("1") : VP_STR("0"),
                     first ? VP_STR("") : call->field[VP_F_ACTOR_ID],
                     first ? VP_STR("") : call->field[VP_F_ACTOR_LOGIN]};
    vp_call_function_once(call, "create", keys, 3, args, 8);
    return VP_STEP_WAIT;
}

vp_step accounts_create_finish(vp_call *call) {
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    if (vp_str_eq(word, VP_STR("exists")))
        return vp_call_fail(call, VP_EDENIED, "There is an account already: sign in with it.");
    if (vp_str_eq(word, VP_STR("taken"))) {
        vp_problem_set(&call->problem, VP_ECONFLICT, "This login is taken.");
        vp_problem_field(&call->problem, "/login", "is taken");
        return VP_STEP_DONE;
    }
    return answer_account(call, 201, call->reply[0], 1);
}

/* -- reading -------------------------------------------------------------------------------- */

vp_step accounts_list_prepare(vp_call *call) {
    int64_t limit;
    char cursor[97], start[100] = "-", count[24];
    size_t n;
    vp_str login = vp_call_query(call, "login");
    if (!vp_call_page(call, 'a', &limit, cursor, &n)) return VP_STEP_DONE;
    if (n) snprintf(start, sizeof start, "(%s", cursor);
    snprintf(count, sizeof count, "%lld", (long long)limit + 1);
    *(int64_t *)vp_call_state(call, sizeof limit) = limit;
    if (login.p)
        vp_call_function(call, "find", NULL, 0, &login, 1);
    else
        vp_call_function(call, "list", (vp_str[]){VP_STR("accounts")}, 1,
                         (vp_str[]){vp_str_of(start), vp_str_of(count)}, 2);
    return VP_STEP_WAIT;
}

vp_step accounts_list_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    size_t limit = (size_t) * (int64_t *)call->state, n = r->elements < limit ? r->elements : limit;
    vp_buf_adds(&call->out, "{\"items\":[");
    for (size_t i = 0; i < n; i++) {
        if (i) vp_buf_addc(&call->out, ',');
        write_account(&call->out, r->element[i], 0);
    }
    vp_buf_addc(&call->out, ']');
    vp_call_next(call, 'a',
                 r->elements > limit ? accounts_element(r->element[n - 1], 0) : (vp_str){0});
    vp_buf_addc(&call->out, '}');
    return accounts_personal(call, 200);
}

vp_step accounts_get_prepare(vp_call *call) {
    vp_call_function(call, "get", NULL, 0, &call->params.value[0], 1);
    return VP_STEP_WAIT;
}

vp_step accounts_get_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    return r->elements ? answer_account(call, 200, r, 0) : unknown(call);
}

vp_step accounts_me_prepare(vp_call *call) {
    vp_call_function(call, "get", NULL, 0, &call->field[VP_F_ACTOR_ID], 1);
    return VP_STEP_WAIT;
}

vp_step accounts_me_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    if (r->elements) return answer_account(call, 200, r, 0);
    return vp_call_fail(call, VP_EAUTH, "This account is not there any more.");
}

/* -- changing and removing ------------------------------------------------------------------ */

/* If-Match as the functions take it; false: the call has failed. */
static bool read_match(vp_call *call, char out[24]) {
    int64_t revision;
    vp_err rc = vp_match_read(call->field[VP_F_IF_MATCH], &revision);
    if (rc == VP_ENEEDMATCH) vp_call_fail(call, rc, "Send the account's ETag as If-Match.");
    if (rc == VP_ESTALE) vp_call_fail(call, rc, "If-Match names no revision of this account.");
    snprintf(out, 24, "%lld", rc ? 0LL : (long long)revision); /* VP_MATCH_ANY is 0 */
    return rc == VP_OK;
}

static const vp_json_rule change_rules[] = {
    {"role", VP_JSON_TEXT, false, 1, 16, ROLES},
    {"contributor_handle", VP_JSON_TEXT, false, 1, 64, NULL},
    {"disabled", VP_JSON_BOOL, false, 0, 0, NULL},
    {NULL}};

vp_step accounts_change_prepare(vp_call *call) {
    json_t *body;
    char revision[24];
    if (!read_match(call, revision) || !vp_call_json(call, change_rules, &body))
        return VP_STEP_DONE;
    vp_str handle = vp_str_trim(vp_json_text(body, "contributor_handle"));
    if (!names_ok(call, (vp_str){0}, handle)) return VP_STEP_DONE;
    /* A handle of null is no handle; an absent one stays. */
    bool has_handle = json_object_get(body, "contributor_handle") != NULL;
    json_t *disabled = json_object_get(body, "disabled");
    vp_str args[] = {call->params.value[0],
                     call->field[VP_F_ACTOR_ID],
                     call->field[VP_F_ACTOR_LOGIN],
                     vp_str_of(revision),
                     vp_str_trim(vp_json_text(body, "role")),
                     has_handle ? VP_STR("1") : VP_STR(""),
                     handle,
                     !json_is_boolean(disabled) ? VP_STR("-")
                     : json_is_true(disabled)   ? VP_STR("1")
                                                : VP_STR("")};
    vp_call_function_once(call, "change", NULL, 0, args, 8);
    return VP_STEP_WAIT;
}

static const struct {
    vp_str word;
    vp_err code;
    const char *detail;
} refusals[] = {
    {VP_STR_INIT("missing"), VP_ENOTFOUND, "There is no such account."},
    {VP_STR_INIT("stale"), VP_ESTALE, "The account has changed since."},
    {VP_STR_INIT("last"), VP_ECONFLICT,
     "This is the last admin: nobody could make another account."},
};

/* True: the word says that it was refused, and the call has failed. */
static bool refused(vp_call *call, vp_str word) {
    if (!word.n) return true;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (vp_str_eq(word, refusals[i].word)) {
            vp_call_fail(call, refusals[i].code, "%s", refusals[i].detail);
            return true;
        }
    return false;
}

vp_step accounts_change_finish(vp_call *call) {
    if (refused(call, vp_call_outcome(call, call->reply[0]))) return VP_STEP_DONE;
    return answer_account(call, 200, call->reply[0], 1);
}

vp_step accounts_remove_prepare(vp_call *call) {
    char revision[24];
    if (!read_match(call, revision)) return VP_STEP_DONE;
    vp_str args[] = {call->params.value[0], call->field[VP_F_ACTOR_ID],
                     call->field[VP_F_ACTOR_LOGIN], vp_str_of(revision)};
    vp_call_function_once(call, "remove", NULL, 0, args, 4);
    return VP_STEP_WAIT;
}

vp_step accounts_remove_finish(vp_call *call) {
    if (refused(call, vp_call_outcome(call, call->reply[0]))) return VP_STEP_DONE;
    return accounts_personal(call, 204);
}

/* -- a link that resets a password ---------------------------------------------------------- */

/* The secret is in the answer and nowhere else, so a repeated request makes another link, which
 * ends the first one. */
vp_step accounts_reset_prepare(vp_call *call) {
    char life[16];
    accounts_secret *secret = vp_call_state(call, sizeof *secret);
    accounts_secret_make("", secret);
    snprintf(life, sizeof life, "%d", ACCOUNTS_RESET_S);
    vp_str args[] = {call->params.value[0], call->field[VP_F_ACTOR_ID],
                     call->field[VP_F_ACTOR_LOGIN], vp_str_of(secret->hash), vp_str_of(life)};
    vp_call_function(call, "reset_make", NULL, 0, args, 5);
    return VP_STEP_WAIT;
}

vp_step accounts_reset_finish(vp_call *call) {
    const accounts_secret *secret = call->state;
    char expires[VP_TIME_LEN + 1];
    vp_buf url;
    if (refused(call, vp_call_outcome(call, call->reply[0]))) return VP_STEP_DONE;
    vp_time_text(vp_service_now(call->service) + ACCOUNTS_RESET_S * 1000LL, expires);
    vp_buf_init(&url, 1024);
    vp_buf_add_str(&url, call->field[VP_F_BASE_URL]);
    vp_buf_addf(&url, "/account/reset?token=%s", secret->text);
    vp_buf_adds(&call->out, "{\"url\":");
    vp_buf_add_json(&call->out, vp_buf_str(&url));
    vp_buf_addf(&call->out, ",\"token\":\"%s\",\"expires_at\":\"%s\"}", secret->text, expires);
    vp_buf_release(&url);
    return accounts_personal(call, 201);
}
