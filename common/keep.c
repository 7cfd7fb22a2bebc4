/* keep.c - see keep.h. The functions take and give items as flat texts; see keep.lua.
 * SPDX-License-Identifier: MIT */
#include "keep.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit.h"
#include "mem.h"

enum {
    ITEM_ARGS = 900,   /* of one item; a function takes VP_ARGS_MAX of a command */
    NAME_MAX_LEN = 64, /* of a kind, an id, a part */
    RANDOM = 32,
    COUNT_LEN = 12
};

static vp_str element(const redisReply *r, size_t i) {
    if (!r || r->type != REDIS_REPLY_ARRAY || i >= r->elements ||
        r->element[i]->type != REDIS_REPLY_STRING)
        return (vp_str){NULL, 0};
    return vp_str_n(r->element[i]->str, r->element[i]->len);
}

static size_t length(const redisReply *r) {
    return r && r->type == REDIS_REPLY_ARRAY ? r->elements : 0;
}

static vp_step private_answer(vp_call *call) {
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    return vp_call_answer(call, 200);
}

/* -- out --------------------------------------------------------------------------------------- */

static void write_value(vp_buf *out, vp_str value) {
    if (vp_str_is_utf8(value)) {
        vp_buf_add_json(out, value);
        return;
    }
    char *text = vp_alloc((value.n * 4 + 2) / 3 + 1);
    vp_seal_base64((const uint8_t *)value.p, value.n, text);
    vp_buf_addf(out, "{\"base64\":\"%s\"}", text);
    free(text);
}

/* From the at-th element on, names and values in turn. */
static void write_hash(vp_buf *out, const redisReply *r, size_t at) {
    vp_buf_addc(out, '{');
    for (size_t i = at; i + 1 < length(r); i += 2) {
        if (i > at) vp_buf_addc(out, ',');
        vp_buf_add_json(out, element(r, i));
        vp_buf_addc(out, ':');
        write_value(out, element(r, i + 1));
    }
    vp_buf_addc(out, '}');
}

static void write_text(vp_buf *out, const redisReply *r, size_t at) {
    write_value(out, element(r, at));
}

static void write_list(vp_buf *out, const redisReply *r, size_t at) {
    vp_buf_addc(out, '[');
    for (size_t i = at; i < length(r); i++) {
        if (i > at) vp_buf_addc(out, ',');
        write_value(out, element(r, i));
    }
    vp_buf_addc(out, ']');
}

static void write_stream(vp_buf *out, const redisReply *r, size_t at) {
    vp_buf_addc(out, '[');
    for (size_t i = at; i < length(r); i++) {
        vp_buf_adds(out, i > at ? ",[" : "[");
        vp_buf_add_json(out, element(r->element[i], 0));
        vp_buf_addc(out, ',');
        write_hash(out, r->element[i], 1);
        vp_buf_addc(out, ']');
    }
    vp_buf_addc(out, ']');
}

typedef struct item_args item_args;
static bool read_hash(item_args *a, const json_t *value);
static bool read_text(item_args *a, const json_t *value);
static bool read_list(item_args *a, const json_t *value);
static bool read_stream(item_args *a, const json_t *value);

/* Types of a part: how each is written and read. */
static const struct type {
    const char *name;
    void (*write)(vp_buf *out, const redisReply *r, size_t at);
    bool (*read)(item_args *a, const json_t *value);
} types[] = {
    {"hash", write_hash, read_hash},
    {"text", write_text, read_text},
    {"list", write_list, read_list},
    {"stream", write_stream, read_stream},
};
enum { TYPES = sizeof types / sizeof *types };

static void write_part(vp_buf *out, const redisReply *part) {
    vp_buf_add_json(out, element(part, 0));
    for (int i = 0; i < TYPES; i++) {
        if (!vp_str_eq(element(part, 1), vp_str_of(types[i].name))) continue;
        vp_buf_addf(out, ":{\"%s\":", types[i].name);
        types[i].write(out, part, 2);
        vp_buf_addc(out, '}');
        return;
    }
    vp_buf_adds(out, ":null"); /* a function has answered something else */
}

static void write_item(vp_buf *out, vp_str service, const redisReply *item) {
    vp_buf_adds(out, "{\"service\":");
    vp_buf_add_json(out, service);
    vp_buf_adds(out, ",\"kind\":");
    vp_buf_add_json(out, element(item, 0));
    vp_buf_adds(out, ",\"id\":");
    vp_buf_add_json(out, element(item, 1));
    vp_buf_adds(out, ",\"parts\":{");
    for (size_t i = 2; i < length(item); i++) {
        if (i > 2) vp_buf_addc(out, ',');
        write_part(out, item->element[i]);
    }
    vp_buf_adds(out, "}}");
}

/* The last segment of the operation's path. */
static vp_str service_of(const vp_call *call) {
    const char *slash = strrchr(call->op->pattern, '/');
    assert(slash);
    return vp_str_of(slash + 1);
}

vp_step vp_export_prepare(vp_call *call) {
    int64_t limit;
    char cursor[97];
    size_t n;
    if (!vp_call_page(call, 'k', &limit, cursor, &n)) return VP_STEP_DONE;
    vp_str secrets = vp_call_query(call, "secrets");
    if (call->problem.code) return VP_STEP_DONE;
    vp_str args[] = {vp_str_n(cursor, n),
                     vp_str_eq(secrets, VP_STR("yes")) ? VP_STR("1") : VP_STR("")};
    vp_call_function(call, "export", NULL, 0, args, 2);
    if (!n) vp_audit_note(call, "", args[1].n ? "with secrets" : ""); /* once, not for each page */
    return VP_STEP_WAIT;
}

vp_step vp_export_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    vp_buf_adds(&call->out, "{\"items\":[");
    for (size_t i = 1; i < length(r); i++) {
        if (i > 1) vp_buf_addc(&call->out, ',');
        write_item(&call->out, service_of(call), r->element[i]);
    }
    vp_buf_addc(&call->out, ']');
    vp_call_next(call, 'k', element(r, 0));
    vp_buf_addc(&call->out, '}');
    return private_answer(call);
}

/* -- in ---------------------------------------------------------------------------------------- */

/* The arguments of one item; what is not in the body itself stands in bytes. */
struct item_args {
    vp_str arg[ITEM_ARGS];
    int n;
    char *bytes; /* as long as the body */
    size_t used;
};

enum outcome { ADDED, SAME, CONFLICT, REFUSED, OUTCOMES };
static const char *const words[OUTCOMES] = {"added", "same", "conflict", "refused"};
static const char *const sums[OUTCOMES] = {"added", "same", "conflicts", "refused"};

typedef struct import {
    const json_t *items;
    size_t sent, done;
    uint8_t outcome[VP_KEEP_ITEMS];
    bool noted;
} import;

static bool add(item_args *a, vp_str s) {
    if (a->n == ITEM_ARGS) return false;
    a->arg[a->n++] = s;
    return true;
}

static vp_str keep(item_args *a, const void *p, size_t n) {
    char *at = a->bytes + a->used;
    memcpy(at, p, n);
    a->used += n;
    return vp_str_n(at, n);
}

static vp_str count_text(item_args *a, size_t count) {
    char text[COUNT_LEN];
    int n = snprintf(text, sizeof text, "%zu", count);
    return keep(a, text, (size_t)n);
}

static bool is_name(vp_str s) {
    static const char others[] = "._-@+";
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < '0' || s.p[i] > '9') && (s.p[i] < 'A' || s.p[i] > 'Z') &&
            (s.p[i] < 'a' || s.p[i] > 'z') && (!s.p[i] || !strchr(others, s.p[i])))
            return false;
    return s.n > 0 && s.n <= NAME_MAX_LEN;
}

static vp_str text_of(const json_t *value) {
    return vp_str_n(json_string_value(value), json_string_length(value));
}

static bool read_value(item_args *a, const json_t *value) {
    if (json_is_string(value)) return add(a, text_of(value));
    vp_str text = vp_json_text(value, "base64");
    size_t n = 0;
    if (!text.p || json_object_size(value) != 1 ||
        vp_seal_unbase64(text, (uint8_t *)a->bytes + a->used, text.n, &n))
        return false;
    vp_str bytes = vp_str_n(a->bytes + a->used, n);
    a->used += n;
    return add(a, bytes);
}

static bool read_hash(item_args *a, const json_t *value) {
    union {
        const json_t *borrowed;
        json_t *object;
    } hash = {value};
    if (!json_is_object(value)) return false;
    for (void *at = json_object_iter(hash.object); at;
         at = json_object_iter_next(hash.object, at)) {
        if (!add(a, vp_str_of(json_object_iter_key(at))) ||
            !read_value(a, json_object_iter_value(at)))
            return false;
    }
    return true;
}

static bool read_text(item_args *a, const json_t *value) {
    return read_value(a, value);
}

static bool read_list(item_args *a, const json_t *value) {
    if (!json_is_array(value)) return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!read_value(a, json_array_get(value, i))) return false;
    return true;
}

/* Of each entry its id, the number of texts that follow, and these. */
static bool read_stream(item_args *a, const json_t *value) {
    if (!json_is_array(value)) return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *entry = json_array_get(value, i), *hash = json_array_get(entry, 1);
        if (!json_is_string(json_array_get(entry, 0)) || !json_is_object(hash)) return false;
        if (!add(a, text_of(json_array_get(entry, 0))) ||
            !add(a, count_text(a, 2 * json_object_size(hash))) || !read_hash(a, hash))
            return false;
    }
    return true;
}

static bool read_part(item_args *a, const char *name, const json_t *part) {
    if (!is_name(vp_str_of(name)) || json_object_size(part) != 1) return false;
    for (int i = 0; i < TYPES; i++) {
        const json_t *value = json_object_get(part, types[i].name);
        if (!value) continue;
        int at = a->n;
        if (!add(a, vp_str_of(name)) || !add(a, vp_str_of(types[i].name)) || !add(a, VP_STR("0")))
            return false;
        if (!types[i].read(a, value)) return false;
        a->arg[at + 2] = count_text(a, (size_t)(a->n - at - 3));
        return true;
    }
    return false;
}

static bool read_item(item_args *a, const json_t *item) {
    uint8_t random[RANDOM];
    json_t *parts = json_object_get(item, "parts");
    vp_str kind = vp_json_text(item, "kind"), id = vp_json_text(item, "id");
    a->n = 0;
    a->used = 0;
    if (!is_name(kind) || !is_name(id) || !json_is_object(parts)) return false;
    vp_seal_random(random, sizeof random);
    bool good = add(a, kind) && add(a, id) && add(a, keep(a, random, sizeof random)) &&
                add(a, count_text(a, json_object_size(parts)));
    for (void *at = json_object_iter(parts); at && good; at = json_object_iter_next(parts, at))
        good = read_part(a, json_object_iter_key(at), json_object_iter_value(at));
    return good;
}

static item_args *args_new(const vp_call *call) {
    item_args *a = vp_alloc(sizeof *a);
    /* Each value is there at most once, and beside it counts and what is drawn. */
    a->bytes = vp_alloc(call->body.n + RANDOM + (ITEM_ARGS + 1) * COUNT_LEN);
    return a;
}

static void args_free(item_args *a) {
    free(a->bytes);
    free(a);
}

/* As many of the items as one round takes, each a command; they wait for one fsync. */
static vp_step send_items(vp_call *call, import *im) {
    item_args *a = args_new(call);
    for (int i = 0; i < VP_CALL_COMMANDS && im->sent < json_array_size(im->items); i++) {
        bool good = read_item(a, json_array_get(im->items, im->sent));
        assert(good); /* it was looked at before */
        (void)good;
        vp_call_function(call, "import", NULL, 0, a->arg, a->n);
        im->sent++;
    }
    args_free(a);
    return call->problem.code ? VP_STEP_DONE : VP_STEP_WAIT;
}

/* All are looked at before one is written. */
static bool check_items(vp_call *call, const json_t *items) {
    item_args *a = args_new(call);
    for (size_t i = 0; i < json_array_size(items); i++) {
        char pointer[32];
        snprintf(pointer, sizeof pointer, "/items/%zu", i);
        if (!read_item(a, json_array_get(items, i)))
            vp_problem_field(&call->problem, pointer, "is no item of an export");
    }
    args_free(a);
    if (call->problem.code) vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
    return !call->problem.code;
}

static const vp_json_rule import_rules[] = {{"items", VP_JSON_LIST, true, 1, VP_KEEP_ITEMS, NULL},
                                            {NULL}};

vp_step vp_import_prepare(vp_call *call) {
    json_t *body = NULL;
    import *im = vp_call_state(call, sizeof *im);
    if (!vp_call_json(call, import_rules, &body)) return VP_STEP_DONE;
    im->items = json_object_get(body, "items"); /* lives as long as the call */
    return check_items(call, im->items) ? send_items(call, im) : VP_STEP_DONE;
}

static vp_step import_answer(vp_call *call, const import *im) {
    int64_t n[OUTCOMES] = {0};
    vp_buf *out = &call->out;
    const char *comma = "";
    for (size_t i = 0; i < im->done; i++) n[im->outcome[i]]++;
    vp_buf_addc(out, '{');
    for (int i = 0; i < OUTCOMES; i++) vp_buf_addf(out, "\"%s\":%lld,", sums[i], (long long)n[i]);
    vp_buf_adds(out, "\"left\":[");
    for (size_t i = 0; i < im->done; i++) {
        const json_t *item = json_array_get(im->items, i);
        vp_str kind = vp_json_text(item, "kind"), id = vp_json_text(item, "id");
        if (im->outcome[i] < CONFLICT) continue;
        vp_buf_addf(out, "%s\"%.*s %.*s\"", comma, (int)kind.n, kind.p, (int)id.n, id.p);
        comma = ",";
    }
    vp_buf_adds(out, "]}");
    return private_answer(call);
}

/* What has come in is told in the audit log, after it has. */
static vp_step note_import(vp_call *call, import *im) {
    char detail[64];
    int added = 0;
    for (size_t i = 0; i < im->done; i++) added += im->outcome[i] == ADDED;
    snprintf(detail, sizeof detail, "%d of %zu added", added, im->done);
    im->noted = true;
    vp_audit_note(call, "", detail);
    return call->problem.code ? VP_STEP_DONE : VP_STEP_WAIT;
}

vp_step vp_import_finish(vp_call *call) {
    import *im = call->state;
    if (im->noted) return import_answer(call, im);
    for (int i = 0; i < call->n_replies; i++) {
        uint8_t outcome = 0;
        vp_str word = element(call->reply[i], 0);
        while (outcome < REFUSED && !vp_str_eq(word, vp_str_of(words[outcome]))) outcome++;
        im->outcome[im->done++] = outcome;
    }
    return im->sent < json_array_size(im->items) ? send_items(call, im) : note_import(call, im);
}

/* -- is all right? ------------------------------------------------------------------------------
 */

vp_step vp_verify_prepare(vp_call *call) {
    vp_call_function(call, "verify", NULL, 0, &call->body, 1);
    return VP_STEP_WAIT;
}

static void member(vp_buf *out, const char *name, vp_str number) {
    vp_buf_addf(out, ",\"%s\":%.*s", name, (int)number.n, number.n ? number.p : "");
}

vp_step vp_verify_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    vp_buf *out = &call->out;
    if (length(r) != 5)
        return vp_call_fail(call, VP_ESYSTEM, "A function has answered something else.");
    vp_buf_adds(out, "{\"what\":");
    vp_buf_add_json(out, element(r, 1));
    member(out, "looked_at", element(r, 2));
    member(out, "wrong", element(r, 3));
    vp_buf_adds(out, ",\"how\":");
    vp_buf_add_json(out, element(r, 4));
    vp_buf_adds(out, ",\"next\":");
    if (element(r, 0).n)
        vp_buf_add_json(out, element(r, 0));
    else
        vp_buf_adds(out, "null");
    vp_buf_addc(out, '}');
    return vp_call_answer(call, 200);
}
