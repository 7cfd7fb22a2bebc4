/* tokens.c - one's own tokens: made, listed and ended. A token may have scopes, which narrow what
 * its account may do, and an end. SPDX-License-Identifier: MIT */
#include "operations.h"

#include <assert.h>
#include <stdio.h>

#include "clock.h"
#include "scopes.h"
#include "ulid.h"

static void tokens_key(const vp_call *call, char out[64]) {
    vp_str id = call->field[VP_F_ACTOR_ID];
    snprintf(out, 64, "tokens:%.*s", (int)(id.n < 32 ? id.n : 32), id.p);
}

/* -- making --------------------------------------------------------------------------------- */

typedef struct token_state {
    accounts_secret secret;
    char id[VP_ULID_LEN + 1], name[256], scopes[ACCOUNTS_SCOPES_MAX];
    int64_t expires_ms; /* 0: never */
} token_state;

static const vp_json_rule token_rules[] = {{"name", VP_JSON_TEXT, true, 1, 60, NULL},
                                           {"scopes", VP_JSON_LIST, false, 1, 16, NULL},
                                           {"expires_at", VP_JSON_TIME, false, 0, 0, NULL},
                                           {NULL}};

/* Whoever has less than the account, or for a time only, would get more by a token. */
static bool may_make(vp_call *call) {
    if (!vp_str_starts(call->field[VP_F_ACTOR_BY], VP_STR("l"))) return true;
    vp_call_fail(call, VP_EDENIED, "A token with scopes or an end cannot make tokens.");
    return false;
}

static bool read_token(vp_call *call, const json_t *body, token_state *s) {
    vp_str name = vp_str_trim(vp_json_text(body, "name")), expires;
    assert(name.n < sizeof s->name); /* 60 characters of at most 4 bytes */
    memcpy(s->name, name.p, name.n);
    accounts_scopes_read(json_object_get(body, "scopes"), s->scopes, &call->problem);
    expires = vp_json_text(body, "expires_at");
    if (expires.n && (vp_time_parse(expires, &s->expires_ms) || s->expires_ms == 0))
        vp_problem_field(&call->problem, "/expires_at", "must be in the future");
    if (call->problem.code) vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
    return !call->problem.code;
}

/* The secret is in the answer and nowhere else, so a repeated request makes another token. */
vp_step tokens_create_prepare(vp_call *call) {
    json_t *body;
    char key[64], of[64], most[16], expires[24] = "";
    if (!may_make(call) || !vp_call_json(call, token_rules, &body)) return VP_STEP_DONE;
    token_state *s = vp_call_state(call, sizeof *s);
    if (!read_token(call, body, s)) return VP_STEP_DONE;
    vp_ulid_make(vp_service_now(call->service), s->id);
    accounts_secret_make("vxp_", &s->secret);
    snprintf(key, sizeof key, "token:%s", s->secret.hash);
    tokens_key(call, of);
    snprintf(most, sizeof most, "%d", ACCOUNTS_TOKENS_MAX);
    if (s->expires_ms) snprintf(expires, sizeof expires, "%lld", (long long)s->expires_ms);
    vp_str keys[] = {vp_str_of(of), vp_str_of(key)};
    vp_str args[] = {vp_str_of(s->id),
                     vp_str_of(s->secret.hash),
                     vp_str_of(s->name),
                     call->field[VP_F_ACTOR_ID],
                     call->field[VP_F_ACTOR_LOGIN],
                     vp_str_of(most),
                     vp_str_of(s->scopes),
                     vp_str_of(expires)};
    vp_call_function(call, "token_make", keys, 2, args, 8);
    return VP_STEP_WAIT;
}

/* Name, scopes and times of a token, without braces. Each text may be empty. */
static void write_token(vp_buf *out, vp_str id, vp_str name, vp_str scopes, vp_str expires,
                        vp_str created) {
    accounts_member(out, "id", id);
    vp_buf_addc(out, ',');
    accounts_member(out, "name", name);
    vp_buf_adds(out, ",\"scopes\":");
    accounts_scopes_write(out, scopes);
    vp_buf_addc(out, ',');
    accounts_time(out, "created_at", created);
    vp_buf_addc(out, ',');
    accounts_time(out, "expires_at", expires);
}

vp_step tokens_create_finish(vp_call *call) {
    const token_state *s = call->state;
    char expires[24] = "";
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    if (vp_str_eq(word, VP_STR("full")))
        return vp_call_fail(call, VP_ECONFLICT, "An account may have %d tokens: end one first.",
                            ACCOUNTS_TOKENS_MAX);
    if (vp_str_eq(word, VP_STR("gone")))
        return vp_call_fail(call, VP_EAUTH, "This account may not sign in any more.");
    if (vp_str_eq(word, VP_STR("past"))) {
        vp_problem_field(&call->problem, "/expires_at", "must be in the future");
        return vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
    }
    if (s->expires_ms) snprintf(expires, sizeof expires, "%lld", (long long)s->expires_ms);
    vp_buf_addc(&call->out, '{');
    write_token(&call->out, vp_str_of(s->id), vp_str_of(s->name), vp_str_of(s->scopes),
                vp_str_of(expires), accounts_element(call->reply[0], 1));
    vp_buf_addf(&call->out, ",\"token\":\"%s\"}", s->secret.text);
    return accounts_personal(call, 201);
}

/* -- listing and ending --------------------------------------------------------------------- */

vp_step tokens_list_prepare(vp_call *call) {
    vp_call_function(call, "tokens", NULL, 0, &call->field[VP_F_ACTOR_ID], 1);
    return VP_STEP_WAIT;
}

vp_step tokens_list_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    vp_buf_adds(&call->out, "{\"items\":[");
    for (size_t i = 0; i < r->elements; i++) {
        const redisReply *t = r->element[i];
        vp_buf_adds(&call->out, i ? ",{" : "{");
        write_token(&call->out, accounts_element(t, 0), accounts_element(t, 1),
                    accounts_element(t, 4), accounts_element(t, 5), accounts_element(t, 2));
        vp_buf_addc(&call->out, ',');
        accounts_time(&call->out, "last_used_at", accounts_element(t, 3));
        vp_buf_addc(&call->out, '}');
    }
    vp_buf_adds(&call->out, "],\"next_cursor\":null}");
    return accounts_personal(call, 200);
}

vp_step tokens_end_prepare(vp_call *call) {
    char of[64];
    tokens_key(call, of);
    vp_str key = vp_str_of(of);
    vp_str args[] = {call->field[VP_F_ACTOR_ID], call->field[VP_F_ACTOR_LOGIN],
                     call->params.value[0]};
    vp_call_function(call, "token_end", &key, 1, args, 3);
    return VP_STEP_WAIT;
}

vp_step tokens_end_finish(vp_call *call) {
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    if (vp_str_eq(word, VP_STR("missing")))
        return vp_call_fail(call, VP_ENOTFOUND, "You have no such token.");
    return accounts_personal(call, 204);
}
