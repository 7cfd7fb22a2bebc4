/* scopes.c - see scopes.h. SPDX-License-Identifier: MIT */
#include "scopes.h"

#include <stdio.h>
#include <string.h>

/* in order of how they are kept and shown; public: "read" lets one read there */
static const struct {
    const char *name;
    bool public;
} scopes_known[] = {
    {"read", false}, {"articles", true}, {"comments", true}, {"polls", true}, {"admin", false},
};
enum { KNOWN = sizeof scopes_known / sizeof scopes_known[0] };

static int index_of(const char *name) {
    for (int i = 0; name && i < KNOWN; i++)
        if (!strcmp(name, scopes_known[i].name)) return i;
    return -1;
}

void accounts_scopes_read(const json_t *list, char out[ACCOUNTS_SCOPES_MAX], vp_problem *problem) {
    bool has[KNOWN] = {false};
    size_t at = 0, n = json_array_size(list);
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        int known = index_of(json_string_value(json_array_get(list, i)));
        char pointer[32];
        snprintf(pointer, sizeof pointer, "/scopes/%zu", i);
        if (known < 0)
            vp_problem_field(problem, pointer, "is none of: read articles comments polls admin");
        else
            has[known] = true;
    }
    for (int i = 0; i < KNOWN; i++)
        if (has[i])
            at += (size_t)snprintf(out + at, ACCOUNTS_SCOPES_MAX - at, "%s%s", at ? " " : "",
                                   scopes_known[i].name);
}

/* The next word, or an empty one at the end. */
static vp_str next_word(vp_str *rest) {
    const char *space = rest->n ? memchr(rest->p, ' ', rest->n) : NULL;
    size_t n = space ? (size_t)(space - rest->p) : rest->n;
    vp_str word = vp_str_n(rest->p, n);
    *rest = space ? vp_str_n(space + 1, rest->n - n - 1) : (vp_str){0};
    return word;
}

void accounts_scopes_write(vp_buf *out, vp_str scopes) {
    const char *separator = "[";
    if (!scopes.n) {
        vp_buf_adds(out, "null");
        return;
    }
    while (scopes.n) {
        vp_buf_adds(out, separator);
        vp_buf_add_json(out, next_word(&scopes));
        separator = ",";
    }
    vp_buf_addc(out, ']');
}

static bool has(vp_str scopes, const char *name) {
    while (scopes.n)
        if (vp_str_eq(next_word(&scopes), vp_str_of(name))) return true;
    return false;
}

bool accounts_scopes_cover(vp_str scopes, const char *service, bool reads_only) {
    int known = index_of(service);
    if (!scopes.n) return true;
    if (known < 0 || !scopes_known[known].public) return has(scopes, "admin");
    return has(scopes, service) || (reads_only && has(scopes, "read"));
}
