/* service_migrate.c - POST /api/v1/migrate/SERVICE: the service's records of older schemas are
 * counted, and unless it is a dry run rewritten to the newest, kind by kind. Where that goes on
 * stands in the cursor of the answer, so a call is short, any instance may take the next one, and
 * all of it may be done again at any time. What a record's change is, its function in Redis knows
 * (vp_schema in service.h). See service_loop.h. SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "clock.h"
#include "service_loop.h"

enum {
    ROUNDS = 12,   /* of one call */
    CALL_MS = 300, /* and after so long no other one begins */
    SCHEMAS_MAX = 16,
    AFTER_MAX = 64,
    CURSOR_MAX = AFTER_MAX + 4
};

typedef struct migration {
    int64_t kind; /* of the service's table */
    int64_t began_ms;
    char after[AFTER_MAX + 1];
    bool dry;
    int64_t rewritten, found[SCHEMAS_MAX]; /* by schema */
} migration;

static const vp_json_rule rules[] = {
    {"cursor", VP_JSON_TEXT, false, 1, CURSOR_MAX, NULL}, {"dry_run", VP_JSON_BOOL}, {NULL}};

/* "KIND:AFTER", as the last answer had it. */
static bool read_cursor(const vp_service *s, vp_str cursor, migration *m) {
    const vp_schema *all = s->def->schemas;
    const char *colon = cursor.n ? memchr(cursor.p, ':', cursor.n) : NULL;
    int64_t n = 0;
    while (all && all[n].kind) n++;
    if (!cursor.n) return n > 0;
    size_t digits = colon ? (size_t)(colon - cursor.p) : 0;
    if (vp_str_int(vp_str_n(cursor.p, digits), 0, n - 1, &m->kind)) return false;
    vp_str after = vp_str_n(colon + 1, cursor.n - digits - 1);
    if (after.n > AFTER_MAX) return false;
    memcpy(m->after, after.p, after.n);
    m->after[after.n] = '\0';
    return true;
}

/* more: of this kind. */
static vp_step answer(vp_call *call, const migration *m, bool more) {
    const vp_schema *all = call->service->def->schemas, *kind = &all[m->kind];
    vp_buf *out = &call->out;
    const char *comma = "";
    vp_buf_addf(out, "{\"service\":\"%s\",\"kind\":\"%s\",\"newest\":%d,\"found\":",
                call->service->def->name, kind->kind, kind->newest);
    vp_buf_adds(out, kind->index ? "{" : "null");
    for (int i = 0; i < SCHEMAS_MAX; i++) {
        if (!m->found[i]) continue;
        vp_buf_addf(out, "%s\"%d\":%lld", comma, i, (long long)m->found[i]);
        comma = ",";
    }
    vp_buf_addf(out, "%s,\"rewritten\":%lld,\"done\":%s,\"next_cursor\":", kind->index ? "}" : "",
                (long long)m->rewritten, more ? "false" : "true");
    char next[CURSOR_MAX + 1];
    if (more)
        snprintf(next, sizeof next, "%d:%s", (int)m->kind, m->after);
    else
        snprintf(next, sizeof next, "%d:", (int)m->kind + 1);
    if (more || all[m->kind + 1].kind)
        vp_buf_add_json(out, vp_str_of(next));
    else
        vp_buf_adds(out, "null");
    vp_buf_addc(out, '}');
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    return vp_call_answer(call, 200);
}

static vp_step go_on(vp_call *call, const migration *m) {
    const vp_schema *kind = &call->service->def->schemas[m->kind];
    const vp_str key = vp_str_of(kind->index);
    const vp_str args[] = {vp_str_of(m->after), m->dry ? VP_STR("1") : VP_STR("")};
    vp_call_function(call, "migrate", &key, 1, args, 2);
    return VP_STEP_WAIT;
}

vp_step service_migrate_prepare(vp_call *call) {
    json_t *body = NULL;
    migration *m = vp_call_state(call, sizeof *m);
    if (call->body.n && !vp_call_json(call, rules, &body)) return VP_STEP_DONE;
    m->dry = vp_json_bool(body, "dry_run", false);
    m->began_ms = vp_clock_ms();
    if (!read_cursor(call->service, vp_json_text(body, "cursor"), m))
        return vp_call_fail(call, VP_ESYNTAX, "The cursor is not one of this service's migration.");
    if (!call->service->def->schemas[m->kind].index) return answer(call, m, false);
    return go_on(call, m);
}

static vp_str element(const redisReply *r, size_t i) {
    if (r->type != REDIS_REPLY_ARRAY || i >= r->elements ||
        r->element[i]->type != REDIS_REPLY_STRING)
        return (vp_str){NULL, 0};
    return vp_str_n(r->element[i]->str, r->element[i]->len);
}

vp_step service_migrate_finish(vp_call *call) {
    migration *m = call->state;
    const redisReply *r = call->reply[0];
    vp_str after = element(r, 1);
    int64_t schema, n;
    if (!after.p || after.n > AFTER_MAX || vp_str_int(element(r, 2), 0, INT32_MAX, &n))
        return vp_call_fail(call, VP_ESYSTEM,
                            "A migration's function has answered something else.");
    m->rewritten += n;
    for (size_t i = 3; element(r, i + 1).n; i += 2)
        if (!vp_str_int(element(r, i), 0, SCHEMAS_MAX - 1, &schema) &&
            !vp_str_int(element(r, i + 1), 0, INT32_MAX, &n))
            m->found[schema] += n;
    memcpy(m->after, after.p, after.n);
    m->after[after.n] = '\0';
    if (!vp_str_eq(element(r, 0), VP_STR("1"))) return answer(call, m, false);
    bool on = call->round < ROUNDS && vp_clock_ms() - m->began_ms < CALL_MS;
    return on ? go_on(call, m) : answer(call, m, true);
}
