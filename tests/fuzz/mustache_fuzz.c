/* mustache_fuzz.c - any template, partial and data: no crash, no leak, bounded time and output.
 * The input is template, partial "p" and JSON data, parted by lines of "%%"; what is missing is
 * empty, and data that is no JSON is none. SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "mustache.h"

enum { OUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "mustache_fuzz: %s\n", what);
    abort();
}

/* Takes the text up to the next parting line, or all of the rest. */
static vp_str next_part(vp_str *rest) {
    static const char line[] = "\n%%\n";
    const char *at = rest->n ? memmem(rest->p, rest->n, line, sizeof line - 1) : NULL;
    vp_str part = at ? vp_str_n(rest->p, (size_t)(at - rest->p)) : *rest;
    size_t used = part.n + (at ? sizeof line - 1 : 0);
    *rest = rest->n ? vp_str_n(rest->p + used, rest->n - used) : *rest;
    return part;
}

static void add(vp_mustache_set *set, const char *name, vp_str text) {
    vp_fault why = {{0}};
    vp_err rc = vp_mustache_add(set, vp_str_of(name), text, &why);
    check(!rc == !why.text[0], "failure and fault disagree");
}

/* Twice, to see that rendering leaves nothing behind in the set. */
static void render(const vp_mustache_set *set, const json_t *data) {
    vp_err rc[2];
    vp_buf out[2];
    for (int i = 0; i < 2; i++) {
        vp_fault why = {{0}};
        vp_buf_init(&out[i], OUT_MAX);
        rc[i] = vp_mustache_render(set, VP_STR("main"), data, &out[i], &why);
        check(!rc[i] == !why.text[0], "failure and fault disagree");
        check(out[i].len <= OUT_MAX, "output over its cap");
        check(!rc[i] || out[i].len == 0, "output of a failure");
        check(rc[i] || !out[i].over, "success with a full buffer");
    }
    check(rc[0] == rc[1] && vp_str_eq(vp_buf_str(&out[0]), vp_buf_str(&out[1])),
          "the second rendering differs");
    vp_buf_release(&out[0]);
    vp_buf_release(&out[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vp_str rest = vp_str_n(data, size);
    vp_str text = next_part(&rest), partial = next_part(&rest), json = next_part(&rest);
    vp_mustache_set *set = NULL;
    check(vp_mustache_set_new(&set) == VP_OK, "no set");
    add(set, "main", text);
    add(set, "p", partial);
    json_t *value = json.n ? json_loadb(json.p, json.n, JSON_DECODE_ANY, NULL) : NULL;
    render(set, value);
    json_decref(value);
    vp_mustache_set_destroy(&set);
    check(!set, "the set is still there");
    return 0;
}
