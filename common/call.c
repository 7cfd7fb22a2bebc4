/* call.c - what handlers do with a call; see service.h. SPDX-License-Identifier: MIT */
#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cursor.h"
#include "mem.h"
#include "query.h"
#include "service_loop.h"

static slot *slot_of(vp_call *call) {
    return (slot *)call; /* its first member */
}

static void own(vp_call *call, void *memory) {
    slot *k = slot_of(call);
    assert(k->n_owned < SLOT_OWNED);
    k->owned[k->n_owned++] = memory;
}

void *vp_call_state(vp_call *call, size_t n) {
    if (call->state)
        memset(call->state, 0, n); /* prepared again: the same memory, as new */
    else
        call->state = vp_calloc(1, n);
    return call->state;
}

void vp_call_command(vp_call *call, int argc, const vp_str *argv) {
    slot *k = slot_of(call);
    assert(k->n_next < VP_CALL_COMMANDS);
    if (service_append(call->service, k, NULL, argc, argv)) {
        vp_call_fail(call, VP_EAWAY, "The store cannot be reached just now.");
        return;
    }
    k->joined_next[k->n_next++] = false;
    k->owed++;
}

/* FCALL name n_keys keys… args… with up to four parts put in front of keys and args. */
static void function(vp_call *call, const char *name, const vp_str *keys, int n_keys,
                     const vp_str *args, int n_args, const vp_str *once) {
    vp_str argv[VP_ARGS_MAX];
    char full[128], number[16];
    int n = 0, extra = once ? 2 : 0;
    assert(n_keys + n_args + 7 <= VP_ARGS_MAX);
    snprintf(full, sizeof full, "%s%s", service_prefix(call->service), name);
    snprintf(number, sizeof number, "%d", n_keys + extra);
    argv[n++] = VP_STR("FCALL");
    argv[n++] = vp_str_of(full);
    argv[n++] = vp_str_of(number);
    for (int i = 0; i < extra; i++) argv[n++] = once[i];
    for (int i = 0; i < n_keys; i++) argv[n++] = keys[i];
    for (int i = 0; i < extra; i++) argv[n++] = once[2 + i];
    for (int i = 0; i < n_args; i++) argv[n++] = args[i];
    vp_call_command(call, n, argv);
}

void vp_call_function(vp_call *call, const char *name, const vp_str *keys, int n_keys,
                      const vp_str *args, int n_args) {
    function(call, name, keys, n_keys, args, n_args, NULL);
}

/* In the scope of account and operation. All who are not signed in share one: nothing of theirs is
 * sure to be the same when they try again, since a cookie may have come with the very answer that
 * was lost, and the address changes with the network. There the key alone says whose it is, so it
 * has to be one that nobody guesses, such as a UUID. */
static size_t idempotency_name(const vp_call *call, char out[64]) {
    vp_str key = call->field[VP_F_IDEMPOTENCY_KEY];
    if (key.n == 0) return 0;
    vp_buf b;
    uint8_t hash[16];
    char text[32];
    vp_buf_init(&b, 16 * 1024);
    vp_buf_add_str(&b, call->field[VP_F_ACTOR_ID]);
    vp_buf_addc(&b, '\0');
    vp_buf_adds(&b, call->op->name);
    vp_buf_addc(&b, '\0');
    vp_buf_add_str(&b, key);
    vp_seal_hash(vp_buf_str(&b), hash, sizeof hash);
    vp_seal_base64(hash, sizeof hash, text);
    vp_buf_release(&b);
    return (size_t)snprintf(out, 64, "once:i:%s", text);
}

static void request_hash(const vp_call *call, uint8_t out[8]) {
    vp_buf b;
    vp_buf_init(&b, VP_ENVELOPE_BODY_MAX + VP_ENVELOPE_HEAD_MAX);
    vp_buf_add_str(&b, call->field[VP_F_PATH]);
    vp_buf_addc(&b, '\0');
    vp_buf_add_str(&b, call->body);
    vp_seal_hash(vp_buf_str(&b), out, 8);
    vp_buf_release(&b);
}

void vp_call_function_once(vp_call *call, const char *name, const vp_str *keys, int n_keys,
                           const vp_str *args, int n_args) {
    char resend[64], idempotency[64], not_after[24], id[VP_ULID_LEN + 1];
    uint8_t hash[8];
    vp_ulid_text(call->resend_id, id);
    snprintf(resend, sizeof resend, "once:r:%s:%.24s", id, call->op->name);
    snprintf(not_after, sizeof not_after, "%lld", (long long)call->not_after_ms);
    request_hash(call, hash);
    vp_str once[4] = {vp_str_of(resend), vp_str_n(idempotency, idempotency_name(call, idempotency)),
                      vp_str_of(not_after), vp_str_n(hash, sizeof hash)};
    function(call, name, keys, n_keys, args, n_args, once);
}

static void join_part(join *j, vp_str s) {
    assert(j->n_parts < VP_ARGS_MAX);
    j->part[j->n_parts].at = (uint32_t)j->bytes.len;
    j->part[j->n_parts++].n = (uint32_t)s.n;
    vp_buf_add_str(&j->bytes, s);
}

void vp_call_join(vp_call *call, const char *name, const vp_str *keys, int n_keys,
                  const vp_str *shared, int n_shared, const vp_str *args, int n_args) {
    slot *k = slot_of(call);
    bool fresh;
    assert(n_keys > 0 && k->n_next < VP_CALL_COMMANDS);
    assert(n_keys + n_shared + n_args * VP_JOIN_MAX + 4 <= VP_ARGS_MAX);
    join *j = service_join(call->service, name, keys[0], &fresh);
    if (fresh) {
        for (int i = 0; i < n_keys; i++) join_part(j, keys[i]);
        for (int i = 0; i < n_shared; i++) join_part(j, shared[i]);
        j->n_keys = n_keys;
        j->n_shared = n_shared;
    }
    for (int i = 0; i < n_args; i++) join_part(j, args[i]);
    j->member[j->n_members] = k;
    j->index[j->n_members++] = k->n_next;
    k->joined_next[k->n_next++] = true;
    k->owed++;
}

vp_str vp_call_outcome(vp_call *call, const redisReply *reply) {
    vp_str word = {0};
    if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
        reply->element[0]->type == REDIS_REPLY_STRING)
        word = vp_str_n(reply->element[0]->str, reply->element[0]->len);
    if (word.n == 0) {
        vp_call_fail(call, VP_ESYSTEM, "A function answered without an outcome.");
    } else if (vp_str_eq(word, VP_STR("late"))) {
        vp_call_fail(call, VP_ETIMEOUT, "It came too late to be done.");
    } else if (vp_str_eq(word, VP_STR("other"))) {
        vp_call_fail(call, VP_EINVAL, "This Idempotency-Key was used with another body.");
    } else {
        return word;
    }
    return (vp_str){0};
}

vp_step vp_call_fail(vp_call *call, vp_err code, const char *fmt, ...) {
    if (call->problem.detail[0]) return VP_STEP_DONE;
    if (!call->problem.code) call->problem.code = code;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(call->problem.detail, sizeof call->problem.detail, fmt, ap);
    va_end(ap);
    return VP_STEP_DONE;
}

vp_step vp_call_answer(vp_call *call, int status) {
    call->status = status;
    return VP_STEP_DONE;
}

void vp_call_reply_field(vp_call *call, vp_field tag, vp_str value) {
    slot *k = slot_of(call);
    if (tag == VP_F_ETAG && value.n < sizeof k->etag) {
        memcpy(k->etag, value.p, value.n);
        k->etag[value.n] = '\0';
    }
    vp_field_add(&k->head, tag, value);
}

vp_str vp_call_query(vp_call *call, const char *name) {
    vp_buf b;
    vp_str value;
    vp_buf_init(&b, VP_FIELD_MAX);
    if (vp_query_get(call->field[VP_F_QUERY], name, &b, &value)) {
        char pointer[96];
        snprintf(pointer, sizeof pointer, "?%s", name);
        vp_problem_field(&call->problem, pointer, "is not well-formed");
        vp_call_fail(call, VP_EINVAL, "A query parameter is not well-formed.");
        value = (vp_str){0};
    }
    if (value.p && value.p >= b.data && b.data && value.p <= b.data + b.len) {
        size_t n, at = (size_t)(value.p - b.data);
        char *kept = vp_buf_take(&b, &n);
        own(call, kept);
        return vp_str_n(kept + at, value.n);
    }
    vp_buf_release(&b);
    return value;
}

static bool bad_query(vp_call *call, const char *pointer, const char *detail) {
    vp_problem_set(&call->problem, VP_ESYNTAX, "A query parameter is not acceptable.");
    vp_problem_field(&call->problem, pointer, "%s", detail);
    return false;
}

bool vp_call_page(vp_call *call, char tag, int64_t *limit, char cursor[97], size_t *n) {
    vp_str l = vp_call_query(call, "limit"), c = vp_call_query(call, "cursor");
    *limit = VP_LIST_DEFAULT;
    *n = 0;
    if (call->problem.code) return false;
    if (l.p && vp_str_int(l, 1, VP_LIST_MAX, limit))
        return bad_query(call, "?limit", "is a number from 1 to 100");
    if (!c.p) return true;
    char key[VP_CURSOR_KEY_MAX + 1];
    if (vp_cursor_read(c, key, n) || *n < 2 || key[0] != tag || memchr(key, '\0', *n)) {
        *n = 0;
        return bad_query(call, "?cursor", "is not one of this list");
    }
    memcpy(cursor, key + 1, *n); /* with its NUL */
    (*n)--;
    return true;
}

/* A part of the request's raw target, for between < and >: bytes that a URI cannot have, and so the
 * ones that would end it there, become escapes. */
static void add_target(vp_buf *b, vp_str raw) {
    static const char others[] = "-._~:/?[]@!$&'()*+,;=%";
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        if (isalnum(c) || (c && strchr(others, c)))
            vp_buf_addc(b, (char)c);
        else
            vp_buf_addf(b, "%%%02X", c);
    }
}

/* The list's own path and query, with another cursor. One that would be too long for a header is
 * left out; the body has the cursor, too. */
static void next_link(vp_call *call, vp_str cursor) {
    vp_buf b;
    vp_buf_init(&b, VP_FIELD_MAX);
    vp_buf_addc(&b, '<');
    add_target(&b, call->field[VP_F_PATH]);
    vp_buf_adds(&b, "?cursor="); /* in front: of a name that is there twice the first counts */
    vp_buf_add_str(&b, cursor);
    vp_str rest = call->field[VP_F_QUERY], name, value;
    while (vp_query_next(&rest, &name, &value)) {
        if (vp_str_eq(name, VP_STR("cursor"))) continue;
        vp_buf_addc(&b, '&');
        add_target(&b, name);
        vp_buf_addc(&b, '=');
        add_target(&b, value);
    }
    vp_buf_adds(&b, ">; rel=\"next\"");
    if (!b.over) vp_call_reply_field(call, VP_F_LINK, vp_buf_str(&b));
    vp_buf_release(&b);
}

void vp_call_next(vp_call *call, char tag, vp_str key) {
    if (key.n == 0) {
        vp_buf_adds(&call->out, ",\"next_cursor\":null");
        return;
    }
    vp_buf b, text;
    vp_buf_init(&b, VP_CURSOR_KEY_MAX + 1);
    vp_buf_init(&text, 4 * VP_CURSOR_KEY_MAX);
    vp_buf_addc(&b, tag);
    vp_buf_add_str(&b, key);
    vp_cursor_write(&text, vp_buf_str(&b));
    vp_buf_adds(&call->out, ",\"next_cursor\":");
    vp_buf_add_json(&call->out, vp_buf_str(&text));
    next_link(call, vp_buf_str(&text));
    vp_buf_release(&b);
    vp_buf_release(&text);
}

/* application/json, however it is written and with whatever parameters. */
static bool is_json(vp_str type) {
    size_t n = 0;
    while (n < type.n && !memchr("; \t", type.p[n], 3)) n++;
    return vp_str_eq_nocase(vp_str_n(type.p, n), VP_STR("application/json"));
}

bool vp_call_json(vp_call *call, const vp_json_rule *rules, json_t **out) {
    slot *k = slot_of(call);
    vp_fault why = {0};
    vp_str type = call->field[VP_F_CONTENT_TYPE];
    if (type.n && !is_json(type)) {
        vp_call_fail(call, VP_ETYPE, "The body has to be application/json.");
        return false;
    }
    json_decref(k->json);
    k->json = NULL;
    if (vp_json_parse(call->body, &k->json, &why)) {
        vp_call_fail(call, VP_ESYNTAX, "The body is not readable JSON: %s", why.text);
        return false;
    }
    if (!json_is_object(k->json)) {
        vp_call_fail(call, VP_EINVAL, "The body has to be a JSON object.");
        return false;
    }
    if (vp_json_check(k->json, rules, "", &call->problem)) {
        vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
        return false;
    }
    *out = k->json;
    return true;
}

static const char *const role_names[] = {
    [VP_ROLE_NONE] = "",         [VP_ROLE_MODERATOR] = "moderator", [VP_ROLE_AUTHOR] = "author",
    [VP_ROLE_EDITOR] = "editor", [VP_ROLE_ADMIN] = "admin",
};

vp_role vp_role_parse(vp_str name) {
    for (int i = VP_ROLE_ADMIN; i > VP_ROLE_NONE; i--)
        if (vp_str_eq(name, vp_str_of(role_names[i]))) return (vp_role)i;
    return VP_ROLE_NONE;
}

const char *vp_role_name(vp_role role) {
    return role_names[role];
}

bool vp_role_may(vp_role r, vp_may may) {
    switch (may) {
    case VP_MAY_ANYONE: return true;
    case VP_MAY_SIGNED_IN: return r != VP_ROLE_NONE;
    case VP_MAY_MODERATOR: return r == VP_ROLE_MODERATOR || r >= VP_ROLE_EDITOR;
    case VP_MAY_AUTHOR: return r >= VP_ROLE_AUTHOR;
    case VP_MAY_EDITOR: return r >= VP_ROLE_EDITOR;
    case VP_MAY_ADMIN: return r == VP_ROLE_ADMIN;
    case VP_MAY_INSIDE:
        return true; /* such methods never come from a client: the gateway refuses */
    }
    return false;
}

bool vp_call_may(const vp_call *call, vp_may may) {
    return vp_role_may(call->role, may);
}
