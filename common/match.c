/* match.c - see match.h. SPDX-License-Identifier: MIT */
#include "match.h"

vp_err vp_match_read(vp_str field, int64_t *revision) {
    vp_str s = vp_str_trim(field);
    *revision = VP_MATCH_ANY;
    if (s.n == 0) return VP_ENEEDMATCH;
    if (vp_str_eq(s, VP_STR("*"))) return VP_OK;
    if (s.n < 3 || s.p[0] != '"' || s.p[s.n - 1] != '"') return VP_ESTALE;
    if (memchr(s.p + 1, '"', s.n - 2)) return VP_ESTALE;
    const char *dot = memchr(s.p, '.', s.n), *end = dot ? dot : s.p + s.n - 1;
    vp_str number = {s.p + 1, (size_t)(end - s.p) - 1};
    return vp_str_int(number, 1, INT64_MAX, revision) ? VP_ESTALE : VP_OK;
}
