/* audit_log.c - the audit log of all services, merged by time. Each service that logs is asked for
 * its part (common/audit.h). The order of all entries is: later ones first, and of one moment by
 * the service's name; a cursor is a place in that order, so it does not matter how many stores
 * there are. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "accounts_private.h"
#include "audit.h"
#include "clock.h"
#include "cursor.h"
#include "mem.h"
#include "query.h"

enum { PARTS_MAX = 16, CALL_MS = 2000, WORD_MAX = 96, QUESTION_MAX = 1024, CURSOR_TAG = 'u' };

/* A place in the order. */
typedef struct place {
    uint64_t ms, number;
    char service[24];
} place;

typedef struct filter {
    char text[WORD_MAX];
} filter;

typedef struct question {
    bool lines; /* JSON Lines in place of a JSON object */
    bool after; /* a cursor came: from there on */
    place from;
    int64_t limit;
    filter account, action, object;
} question;

/* What one service answered. */
typedef struct part {
    char service[24];
    char body[QUESTION_MAX];
    uint32_t route;
    bus_call call;
    json_t *answer;
    size_t at; /* the next of its items */
    place end; /* it was looked at up to here, when has_more */
    bool has_more;
} part;

/* Is a before b, where later entries come first? */
static bool before(const place *a, const place *b) {
    if (a->ms != b->ms) return a->ms > b->ms;
    if (a->number != b->number) return a->number > b->number;
    return strcmp(a->service, b->service) < 0;
}

static bool read_place(vp_str id, const char *service, place *out) {
    snprintf(out->service, sizeof out->service, "%s", service);
    return vp_audit_id_read(id, &out->ms, &out->number);
}

/* -- the question --------------------------------------------------------------------------- */

static bool bad(http_reply *p, const http_request *r, const char *pointer, const char *what) {
    vp_problem problem = {0};
    vp_problem_set(&problem, VP_ESYNTAX, "A query parameter is not acceptable.");
    vp_problem_field(&problem, pointer, "%s", what);
    http_reply_problem(p, r, &problem);
    return false;
}

/* False: it is not well-formed, or too long, or has a line end, which would be two lines. */
static bool read_word(const http_request *r, const char *name, filter *out) {
    vp_buf b;
    vp_str value;
    vp_buf_init(&b, WORD_MAX);
    bool ok = !vp_query_get(r->query, name, &b, &value) && value.n < sizeof out->text &&
              !(value.n && memchr(value.p, '\n', value.n));
    snprintf(out->text, sizeof out->text, "%.*s", ok ? (int)value.n : 0,
             ok && value.n ? value.p : "");
    vp_buf_release(&b);
    return ok;
}

static bool read_cursor(const filter *cursor, question *q) {
    char key[VP_CURSOR_KEY_MAX + 1];
    size_t n;
    if (vp_cursor_read(vp_str_of(cursor->text), key, &n) || n < 2 || key[0] != CURSOR_TAG)
        return false;
    key[n] = '\0';
    char *space = strchr(key, ' ');
    if (!space || !space[1]) return false;
    q->after = true;
    return read_place(vp_str_n(key + 1, (size_t)(space - key - 1)), space + 1, &q->from);
}

static bool read_question(const http_request *r, http_reply *p, question *q) {
    filter limit, cursor, format;
    if (!read_word(r, "account", &q->account)) return bad(p, r, "?account", "is an id or a login");
    if (!read_word(r, "action", &q->action)) return bad(p, r, "?action", "is no action");
    if (!read_word(r, "object", &q->object)) return bad(p, r, "?object", "is no object");
    if (!read_word(r, "format", &format) ||
        (format.text[0] && strcmp(format.text, "json") != 0 && strcmp(format.text, "jsonl") != 0))
        return bad(p, r, "?format", "is json or jsonl");
    q->lines = !strcmp(format.text, "jsonl");
    q->limit = q->lines ? VP_AUDIT_LIMIT : VP_LIST_DEFAULT;
    int64_t most = q->lines ? VP_AUDIT_LIMIT : VP_LIST_MAX;
    if (!read_word(r, "limit", &limit) ||
        (limit.text[0] && vp_str_int(vp_str_of(limit.text), 1, most, &q->limit)))
        return bad(p, r, "?limit",
                   q->lines ? "is a number from 1 to 1000" : "is a number from 1 to 100");
    if (!read_word(r, "cursor", &cursor) || (cursor.text[0] && !read_cursor(&cursor, q)))
        return bad(p, r, "?cursor", "is not one of this list");
    return true;
}

/* -- asking --------------------------------------------------------------------------------- */

/* From the cursor on: of the same moment only what other services, later by name, have. */
static void write_body(part *t, const question *q) {
    char start[VP_AUDIT_ID_MAX + 2] = "+";
    if (q->after)
        snprintf(start, sizeof start, "%s%llu-%llu",
                 strcmp(t->service, q->from.service) > 0 ? "" : "(", (unsigned long long)q->from.ms,
                 (unsigned long long)q->from.number);
    snprintf(t->body, sizeof t->body, "%s\n%lld\n%s\n%s\n%s\n", start, (long long)q->limit,
             q->account.text, q->action.text, q->object.text);
}

static void ask(bus *b, part *t, vp_str head) {
    bus_call_init(&t->call, t->service, CALL_MS);
    t->call.route = t->route;
    t->call.head = head;
    t->call.body = vp_str_of(t->body);
    vp_ulid_fast(vp_clock_wall(), t->call.resend_id);
    bus_submit(b, &t->call);
}

/* VP_EAWAY and the like, or VP_EPROTO. */
static vp_err take(part *t) {
    vp_fault why = {0};
    bus_wait(&t->call);
    if (t->call.err) return t->call.err;
    if (t->call.reply.status == 503) return VP_EAWAY;
    if (t->call.reply.status != 200 || vp_json_parse(t->call.reply.body, &t->answer, &why))
        return VP_EPROTO;
    vp_str next = vp_json_text(t->answer, "next");
    t->has_more = next.n > 0;
    return !t->has_more || read_place(next, t->service, &t->end) ? VP_OK : VP_EPROTO;
}

/* All at once. *failed: the name of a service whose part is missing. */
static vp_err ask_all(bus *b, part *parts, int n, const question *q, const char **failed) {
    vp_err rc = VP_OK;
    vp_buf head;
    vp_buf_init(&head, VP_ENVELOPE_HEAD_MAX);
    vp_field_add(&head, VP_F_METHOD, VP_STR("SYNC"));
    vp_field_add(&head, VP_F_PATH, VP_STR("/audit"));
    for (int i = 0; i < n; i++) {
        write_body(&parts[i], q);
        ask(b, &parts[i], vp_buf_str(&head));
    }
    for (int i = 0; i < n; i++) {
        vp_err one = take(&parts[i]);
        if (one && !rc) *failed = parts[i].service;
        if (one && !rc) rc = one;
    }
    vp_buf_release(&head);
    return rc;
}

/* -- merging -------------------------------------------------------------------------------- */

static const json_t *head_of(const part *t, place *at) {
    const json_t *item = json_array_get(json_object_get(t->answer, "items"), t->at);
    return item && read_place(vp_json_text(item, "id"), t->service, at) ? item : NULL;
}

/* The part whose head comes first, or, with *stop, the first place up to which a part was looked at
 * and has no more items here. NULL: there is nothing more. */
static part *first_of(part *parts, int n, place *at, bool *stop) {
    part *first = NULL;
    *stop = false;
    for (int i = 0; i < n; i++) {
        place here;
        bool item = head_of(&parts[i], &here) != NULL;
        if (!item && !parts[i].has_more) continue;
        if (!item) here = parts[i].end;
        if (first && !before(&here, at)) continue;
        first = &parts[i];
        *at = here;
        *stop = !item;
    }
    return first;
}

static void write_item(vp_buf *out, part *t, const place *at) {
    json_t *item = json_array_get(json_object_get(t->answer, "items"), t->at++);
    char id[VP_AUDIT_ID_MAX + 28];
    snprintf(id, sizeof id, "%llu-%llu.%s", (unsigned long long)at->ms,
             (unsigned long long)at->number, at->service);
    if (!json_object_set_new(item, "id", json_string(id))) vp_json_write(out, item);
}

/* Returns whether there is more after *last. */
static bool merge(vp_buf *out, part *parts, int n, const question *q, place *last) {
    for (int64_t written = 0;; written++) {
        place at;
        bool stop;
        part *t = first_of(parts, n, &at, &stop);
        if (!t) return false;
        if (written == q->limit) return true;
        *last = at;
        if (stop) return true;
        if (written && !q->lines) vp_buf_addc(out, ',');
        write_item(out, t, &at);
        if (q->lines) vp_buf_addc(out, '\n');
    }
}

static void add_link(http_reply *p, const question *q, vp_str cursor) {
    vp_buf b;
    vp_buf_init(&b, 4096);
    vp_buf_addf(&b, "</api/v1/audit?format=%s&limit=%lld&cursor=", q->lines ? "jsonl" : "json",
                (long long)q->limit);
    vp_buf_add_str(&b, cursor);
    const struct {
        const char *name;
        const filter *value;
    } filters[] = {{"account", &q->account}, {"action", &q->action}, {"object", &q->object}};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        if (!filters[i].value->text[0]) continue;
        vp_buf_addf(&b, "&%s=", filters[i].name);
        vp_query_encode(&b, vp_str_of(filters[i].value->text));
    }
    vp_buf_adds(&b, ">; rel=\"next\"");
    http_reply_header(p, "Link", vp_buf_str(&b));
    vp_buf_release(&b);
}

static void answer(http_reply *p, part *parts, int n, const question *q) {
    place last = {0};
    char key[VP_CURSOR_KEY_MAX];
    vp_buf cursor;
    vp_buf_init(&cursor, 4 * VP_CURSOR_KEY_MAX);
    if (!q->lines) vp_buf_adds(&p->own, "{\"items\":[");
    if (merge(&p->own, parts, n, q, &last)) {
        snprintf(key, sizeof key, "%c%llu-%llu %s", CURSOR_TAG, (unsigned long long)last.ms,
                 (unsigned long long)last.number, last.service);
        vp_cursor_write(&cursor, vp_str_of(key));
        add_link(p, q, vp_buf_str(&cursor));
    }
    if (!q->lines) {
        vp_buf_adds(&p->own, "],");
        accounts_member(&p->own, "next_cursor", vp_buf_str(&cursor));
        vp_buf_addc(&p->own, '}');
    } else {
        p->content_type = VP_STR("application/jsonl; charset=utf-8");
    }
    http_reply_header(p, "Cache-Control", VP_STR("private, no-store"));
    vp_buf_release(&cursor);
}

void accounts_audit(accounts *a, bus *b, http_request *r, http_reply *p) {
    question q = {0};
    bus_target targets[PARTS_MAX];
    char detail[96];
    const char *failed = "";
    (void)a;
    if (!read_question(r, p, &q)) return;
    int n = bus_services(b, VP_STR("SYNC"), VP_STR("/audit"), targets, PARTS_MAX);
    part *parts = vp_calloc(PARTS_MAX, sizeof *parts);
    for (int i = 0; i < n; i++) {
        memcpy(parts[i].service, targets[i].service, sizeof targets[i].service);
        parts[i].route = targets[i].route;
    }
    vp_err rc = ask_all(b, parts, n, &q, &failed);
    if (rc) { /* a log with holes would be worse than none */
        snprintf(detail, sizeof detail, "The log of %s cannot be read just now.", failed);
        http_reply_error(p, r, rc, detail);
    } else {
        answer(p, parts, n, &q);
    }
    for (int i = 0; i < n; i++) {
        json_decref(parts[i].answer);
        bus_call_release(&parts[i].call);
    }
    free(parts);
}
