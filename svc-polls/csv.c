/* csv.c - see csv.h. SPDX-License-Identifier: MIT */
#include "csv.h"

void polls_csv_bom(vp_buf *out) {
    vp_buf_adds(out, "\xEF\xBB\xBF");
}

static bool has_any(vp_str text, const char *which) {
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] && strchr(which, text.p[i])) return true;
    return false;
}

void polls_csv_cell(vp_buf *out, vp_str text, bool last) {
    bool formula = text.n && has_any(vp_str_n(text.p, 1), "=+-@\t\r");
    bool quoted = has_any(text, ",\"\r\n");
    if (quoted) vp_buf_addc(out, '"');
    if (formula) vp_buf_addc(out, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"') vp_buf_addc(out, '"');
        vp_buf_addc(out, text.p[i]);
    }
    if (quoted) vp_buf_addc(out, '"');
    vp_buf_adds(out, last ? "\r\n" : ",");
}

void polls_csv_number(vp_buf *out, int64_t n, bool last) {
    vp_buf_add_int(out, n);
    vp_buf_adds(out, last ? "\r\n" : ",");
}
