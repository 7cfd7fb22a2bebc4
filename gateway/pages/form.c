/* form.c - see form.h. SPDX-License-Identifier: MIT */
#include "form.h"

#include <assert.h>

#include "query.h"

void form_init(form *f, vp_str body) {
    f->body = body;
    f->n = 0;
}

void form_release(form *f) {
    while (f->n) vp_buf_release(&f->field[--f->n]);
}

bool form_readable(const form *f) {
    vp_str rest = f->body, name, value;
    vp_buf scratch;
    bool ok = true;
    vp_buf_init(&scratch, f->body.n + 1);
    while (ok && vp_query_next(&rest, &name, &value)) {
        ok = !vp_query_decode(name, true, &scratch) && !vp_query_decode(value, true, &scratch);
        vp_buf_clear(&scratch);
    }
    vp_buf_release(&scratch);
    return ok;
}

/* Browsers send CR LF; the same text from a script has LF. */
static void one_line_end(vp_buf *b) {
    size_t to = 0;
    for (size_t i = 0; i < b->len; i++) {
        bool cr = b->data[i] == '\r';
        if (cr && i + 1 < b->len && b->data[i + 1] == '\n') continue;
        b->data[to++] = cr ? '\n' : b->data[i];
    }
    b->len = to;
    if (b->data) b->data[to] = '\0';
}

vp_str form_value(form *f, const char *name) {
    vp_str value;
    assert(f->n < FORM_FIELDS_MAX);
    vp_buf *b = &f->field[f->n++];
    vp_buf_init(b, f->body.n + 1);
    if (vp_query_get(f->body, name, b, &value) || !value.p) return (vp_str){0};
    one_line_end(b);
    return b->len ? vp_buf_str(b) : VP_STR("");
}

vp_str form_key(form *f) {
    vp_str key = form_value(f, "idempotency_key");
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] <= ' ' || key.p[i] > '~') return (vp_str){0};
    return key.n <= FORM_KEY_MAX ? key : (vp_str){0};
}

bool form_type_ok(vp_str content_type) {
    const char *end = content_type.n ? memchr(content_type.p, ';', content_type.n) : NULL;
    if (end) content_type.n = (size_t)(end - content_type.p);
    return vp_str_eq_nocase(vp_str_trim(content_type), VP_STR("application/x-www-form-urlencoded"));
}
