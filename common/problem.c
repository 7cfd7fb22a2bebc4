/* problem.c - see problem.h.
 * Texts may be cut at their array's end, so they are made well-formed again before they are kept.
 * SPDX-License-Identifier: MIT */
#include "problem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

vp_err vp_problem_set(vp_problem *p, vp_err code, const char *fmt, ...) {
    assert(code != VP_OK);
    if (!p) return code;
    if (p->code == VP_OK) p->code = code;
    if (p->code != code || p->detail[0]) return p->code;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->detail, sizeof p->detail, fmt, ap);
    va_end(ap);
    vp_utf8_scrub(p->detail);
    return p->code;
}

void vp_problem_field(vp_problem *p, const char *pointer, const char *fmt, ...) {
    if (!p) return;
    if (p->code == VP_OK) p->code = VP_EINVAL;
    if (p->n_fields == VP_PROBLEM_FIELDS) return;
    int i = p->n_fields++;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->fields[i].detail, sizeof p->fields[i].detail, fmt, ap);
    va_end(ap);
    snprintf(p->fields[i].pointer, sizeof p->fields[i].pointer, "%s", pointer);
    vp_utf8_scrub(p->fields[i].detail);
    vp_utf8_scrub(p->fields[i].pointer);
}

static void write_fields(vp_buf *out, const vp_problem *p) {
    vp_buf_adds(out, ",\"errors\":[");
    for (int i = 0; i < p->n_fields; i++) {
        vp_buf_adds(out, i ? ",{\"pointer\":" : "{\"pointer\":");
        vp_buf_add_json(out, vp_str_of(p->fields[i].pointer));
        vp_buf_adds(out, ",\"detail\":");
        vp_buf_add_json(out, vp_str_of(p->fields[i].detail));
        vp_buf_addc(out, '}');
    }
    vp_buf_addc(out, ']');
}

void vp_problem_write(vp_buf *out, const vp_problem *p, vp_str instance) {
    vp_buf_adds(out, "{\"type\":\"about:blank\",\"title\":");
    vp_buf_add_json(out, vp_str_of(vp_err_title(p->code)));
    vp_buf_adds(out, ",\"status\":");
    vp_buf_add_int(out, vp_err_status(p->code));
    if (p->detail[0]) {
        vp_buf_adds(out, ",\"detail\":");
        vp_buf_add_json(out, vp_str_of(p->detail));
    }
    /* A raw path may hold any bytes; one that JSON cannot carry is left out. */
    if (instance.n && vp_str_is_utf8(instance)) {
        vp_buf_adds(out, ",\"instance\":");
        vp_buf_add_json(out, instance);
    }
    if (p->n_fields) write_fields(out, p);
    vp_buf_addc(out, '}');
}
