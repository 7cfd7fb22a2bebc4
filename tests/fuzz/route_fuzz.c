/* route_fuzz.c - "PATTERN\nPATH" (without a newline: PATH only), matched against the pattern and
 * some fixed ones. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert: a fuzzer must find a broken rule in any build. */
static void must(bool holds) {
    if (!holds) abort();
}

static void check_params(const vp_route *route, const vp_route_params *params) {
    int n = 0;
    for (int i = 0; i < route->n; i++) n += route->segment[i].param;
    must(params->n == n && n <= VP_ROUTE_PARAMS);
    for (int i = 0; i < n; i++) {
        vp_str v = params->value[i];
        must(v.n > 0 && v.n < VP_ROUTE_PATH_MAX);
        must(vp_str_is_utf8(v));
        must(!memchr(v.p, '/', v.n));
        must(!vp_str_eq(v, VP_STR(".")) && !vp_str_eq(v, VP_STR("..")));
    }
}

static void check_match(const vp_route *route, vp_str path) {
    vp_route_params params;
    bool matched = vp_route_match(route, path, &params);
    must(vp_route_match(route, path, NULL) == matched);
    if (!matched) return;
    must(vp_route_path_ok(path));
    check_params(route, &params);
}

static void check_pattern(vp_str pattern, vp_str path) {
    vp_route route;
    vp_fault why = {""};
    if (vp_route_compile(pattern, &route, &why)) {
        must(why.text[0] != '\0');
        return;
    }
    must(route.n <= VP_ROUTE_SEGMENTS);
    must(route.specificity >= 0 && route.specificity < 1 << VP_ROUTE_SEGMENTS);
    /* Without parameters a pattern is a path, and its own. */
    if (!memchr(pattern.p, '{', pattern.n) && pattern.n <= VP_ROUTE_PATH_MAX)
        must(vp_route_match(&route, pattern, NULL));
    check_match(&route, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const fixed[] = {"/", "/{a}", "/api/v1/polls/{id}", "/{a}/{b}/{c}/{d}"};
    vp_str path = vp_str_n(data, size);
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    if (newline) {
        size_t n = (size_t)(newline - data);
        path = vp_str_n(newline + 1, size - n - 1);
        check_pattern(vp_str_n(data, n), path);
    }
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        check_pattern(vp_str_of(fixed[i]), path);
    (void)vp_route_path_ok(path);
    return 0;
}
