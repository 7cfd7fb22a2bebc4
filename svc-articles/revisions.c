/* revisions.c - see revisions.h. SPDX-License-Identifier: MIT */
#include "revisions.h"

#include <stdio.h>

#include "article_change.h"
#include "article_view.h"
#include "clock.h"
#include "cursor.h"
#include "diff.h"
#include "document.h"

static vp_step unknown(vp_call *call) {
    return vp_call_fail(call, VP_ENOTFOUND, "There is no such revision.");
}

static vp_step answer(vp_call *call) {
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    return vp_call_answer(call, 200);
}

static vp_str next_line(vp_str *rest) {
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    vp_str line = vp_str_n(rest->p, n);
    *rest = end ? vp_str_n(end + 1, rest->n - n - 1) : (vp_str){0};
    return line;
}

/* "n":…,"at":…,"by":…,"what":…  of a meta; its title is what is left of it. */
static vp_str add_meta(vp_buf *out, vp_str n, vp_str meta) {
    char at[VP_TIME_LEN + 1];
    int64_t when = 0;
    vp_str time = next_line(&meta), account = next_line(&meta), login = next_line(&meta),
           what = next_line(&meta);
    if (vp_str_int(time, 0, INT64_MAX, &when)) when = 0;
    vp_time_text(when, at);
    vp_buf_adds(out, "\"n\":");
    vp_buf_add_str(out, n);
    vp_buf_addf(out, ",\"at\":\"%s\",\"by\":", at);
    if (account.n) {
        vp_buf_adds(out, "{\"id\":");
        vp_buf_add_json(out, account);
        form_add(out, "login", login);
        vp_buf_addc(out, '}');
    } else {
        vp_buf_adds(out, "null");
    }
    form_add(out, "what", what);
    return meta;
}

/* -- the list ------------------------------------------------------------------------------- */

vp_step articles_revisions_prepare(vp_call *call) {
    char cursor[VP_CURSOR_KEY_MAX + 1], count[24];
    int64_t limit, from;
    size_t n;
    if (!vp_call_page(call, 'v', &limit, cursor, &n)) return VP_STEP_DONE;
    if (n && vp_str_int(vp_str_n(cursor, n), 1, INT64_MAX, &from))
        return vp_call_fail(call, VP_ESYNTAX, "The cursor is not one of this list.");
    snprintf(count, sizeof count, "%lld", (long long)limit);
    articles_store_open(call, call->params.value[0], "history", vp_str_n(cursor, n),
                        vp_str_of(count));
    return VP_STEP_WAIT;
}

vp_step articles_revisions_finish(vp_call *call) {
    articles_opened a;
    vp_str n, meta;
    if (!article_opened(call, &a)) return VP_STEP_DONE;
    vp_buf_adds(&call->out, "{\"items\":[");
    for (size_t i = 0; articles_store_history(call->reply[0], i, &n, &meta); i++) {
        vp_buf_adds(&call->out, i ? ",{" : "{");
        vp_str title = add_meta(&call->out, n, meta);
        form_add(&call->out, "title", title);
        vp_buf_adds(&call->out, vp_str_eq(n, a.live) ? ",\"live\":true" : ",\"live\":false");
        vp_buf_adds(&call->out, vp_str_eq(n, a.edit) ? ",\"edit\":true}" : ",\"edit\":false}");
    }
    vp_buf_addc(&call->out, ']');
    vp_call_next(call, 'v', articles_store_history_next(call->reply[0]));
    vp_buf_addc(&call->out, '}');
    return answer(call);
}

/* -- one and two ---------------------------------------------------------------------------- */

typedef struct pair_state {
    char a[24], b[24];
} pair_state;

static vp_step read_pair(vp_call *call, vp_str to) {
    pair_state *s = vp_call_state(call, sizeof *s);
    int64_t a, b;
    if (vp_str_int(call->params.value[1], 1, INT64_MAX, &a)) return unknown(call);
    if (to.n && vp_str_int(to, 1, INT64_MAX, &b)) return unknown(call);
    snprintf(s->a, sizeof s->a, "%lld", (long long)a);
    snprintf(s->b, sizeof s->b, "%lld", (long long)(to.n ? b : a));
    articles_store_open(call, call->params.value[0], "revisions", vp_str_of(s->a), vp_str_of(s->b));
    return VP_STEP_WAIT;
}

vp_step articles_revision_prepare(vp_call *call) {
    return read_pair(call, (vp_str){0});
}

vp_step articles_revision_finish(vp_call *call) {
    articles_opened a;
    const pair_state *s = call->state;
    json_t *document;
    if (!article_opened(call, &a)) return VP_STEP_DONE;
    if (!a.extra[0].n || document_unpack(a.extra[0], &document)) return unknown(call);
    vp_buf_addc(&call->out, '{');
    add_meta(&call->out, vp_str_of(s->a), a.extra[1]);
    size_t at = call->out.len;
    document_write(&call->out, document);
    call->out.data[at] = ','; /* in place of its brace */
    json_decref(document);
    return answer(call);
}

vp_step articles_diff_prepare(vp_call *call) {
    vp_str to = vp_call_query(call, "to");
    if (call->problem.code) return VP_STEP_DONE;
    if (!to.n) {
        vp_problem_field(&call->problem, "?to", "names the revision to compare with");
        return vp_call_fail(call, VP_EINVAL, "A query parameter is missing.");
    }
    return read_pair(call, to);
}

static void add_value(vp_buf *out, const char *name, const json_t *value) {
    vp_buf_addf(out, ",\"%s\":", name);
    if (value)
        vp_json_write(out, value);
    else
        vp_buf_adds(out, "null");
}

/* All but the text. */
static void add_fields(vp_buf *out, const json_t *before, const json_t *after) {
    bool first = true;
    for (int i = 0; i < DOCUMENT_FIELDS - 1; i++) {
        const json_t *a = json_object_get(before, document_fields[i]),
                     *b = json_object_get(after, document_fields[i]);
        if (a == b || (a && b && json_equal(a, b))) continue;
        vp_buf_addf(out, "%s{\"name\":\"%s\"", first ? "" : ",", document_fields[i]);
        add_value(out, "before", a);
        add_value(out, "after", b);
        vp_buf_addc(out, '}');
        first = false;
    }
}

static void add_lines(vp_buf *out, const diff *d) {
    static const char *const words[] = {"same", "removed", "added"};
    for (size_t i = 0; i < d->n; i++) {
        const diff_block *block = &d->block[i];
        const vp_str *line =
            block->op == DIFF_ADDED ? d->after + block->after : d->before + block->before;
        vp_buf_addf(out, "%s{\"op\":\"%s\",\"before\":%zu,\"after\":%zu,\"lines\":[", i ? "," : "",
                    words[block->op], block->before + 1, block->after + 1);
        for (size_t k = 0; k < block->n; k++) {
            if (k) vp_buf_addc(out, ',');
            vp_buf_add_json(out, line[k].n ? line[k] : VP_STR(""));
        }
        vp_buf_adds(out, "]}");
    }
}

static void write_diff(vp_buf *out, const pair_state *s, const json_t *before,
                       const json_t *after) {
    diff d;
    diff_make(&d, vp_json_text(before, "body_markdown"), vp_json_text(after, "body_markdown"));
    vp_buf_addf(out, "{\"from\":%s,\"to\":%s,\"fields\":[", s->a, s->b);
    add_fields(out, before, after);
    vp_buf_adds(out, "],\"body_markdown\":[");
    add_lines(out, &d);
    vp_buf_adds(out, d.exact ? "],\"exact\":true}" : "],\"exact\":false}");
    diff_release(&d);
}

vp_step articles_diff_finish(vp_call *call) {
    articles_opened a;
    json_t *before = NULL, *after = NULL;
    if (!article_opened(call, &a)) return VP_STEP_DONE;
    bool both = a.extra[0].n && a.extra[2].n && !document_unpack(a.extra[0], &before) &&
                !document_unpack(a.extra[2], &after);
    if (both) write_diff(&call->out, call->state, before, after);
    json_decref(before);
    json_decref(after);
    return both ? answer(call) : unknown(call);
}
