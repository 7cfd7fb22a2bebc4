/* query.c - see query.h. SPDX-License-Identifier: MIT */
#include "query.h"

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character at raw.p[*i], decoded; *i moves behind it. -1: a bad escape. */
static int decode_one(vp_str raw, size_t *i, bool plus_is_space) {
    char c = raw.p[(*i)++];
    if (c == '+' && plus_is_space) return ' ';
    if (c != '%') return (unsigned char)c;
    if (raw.n - *i < 2) return -1;
    int high = hex(raw.p[*i]), low = hex(raw.p[*i + 1]);
    *i += 2;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Bytes that raw decodes to; false when an escape is bad. */
static bool decoded_size(vp_str raw, size_t *n) {
    size_t count = 0;
    for (size_t i = 0; i < raw.n; count++)
        if (decode_one(raw, &i, false) < 0) return false;
    *n = count;
    return true;
}

vp_err vp_query_decode(vp_str raw, bool plus_is_space, vp_buf *out) {
    size_t size, n = 0;
    if (!decoded_size(raw, &size)) return VP_ESYNTAX;
    char *to = vp_buf_room(out, size); /* the exact size, so that only the value meets the cap */
    if (!to) return VP_ETOOBIG;
    for (size_t i = 0; i < raw.n;) to[n++] = (char)decode_one(raw, &i, plus_is_space);
    if (!vp_str_is_utf8(vp_str_n(to, n))) {
        *to = '\0'; /* nothing is appended */
        return VP_ESYNTAX;
    }
    vp_buf_grew(out, n);
    return VP_OK;
}

void vp_query_encode(vp_buf *out, vp_str text) {
    static const char digits[] = "0123456789ABCDEF";
    static const bool unreserved[256] = {
        ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['-'] = true,
        ['.'] = true,         ['_'] = true,         ['~'] = true};
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (unreserved[c]) {
            vp_buf_addc(out, (char)c);
        } else {
            char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
            vp_buf_add(out, escape, sizeof escape);
        }
    }
}

/* Splits at the first separator; what follows it goes to *after, which is empty without one. */
static vp_str split(vp_str s, char separator, vp_str *after) {
    const char *at = s.n ? memchr(s.p, separator, s.n) : NULL;
    size_t n = at ? (size_t)(at - s.p) : s.n;
    size_t skip = at ? n + 1 : n;
    *after = skip ? (vp_str){s.p + skip, s.n - skip} : s;
    return (vp_str){s.p, n};
}

bool vp_query_next(vp_str *rest, vp_str *name, vp_str *value) {
    while (rest->n) {
        vp_str pair = split(*rest, '&', rest);
        if (!pair.n) continue; /* && is no pair */
        *name = split(pair, '=', value);
        return true;
    }
    return false;
}

/* Does the raw name decode to this one? */
static bool is_name(vp_str raw, const char *name) {
    for (size_t i = 0; i < raw.n; name++) {
        int c = decode_one(raw, &i, true);
        if (c <= 0 || c != (unsigned char)*name) return false;
    }
    return *name == '\0';
}

vp_err vp_query_get(vp_str query, const char *name, vp_buf *buf, vp_str *out) {
    vp_str raw_name, raw;
    *out = (vp_str){NULL, 0};
    vp_buf_clear(buf);
    while (vp_query_next(&query, &raw_name, &raw)) {
        if (!is_name(raw_name, name)) continue;
        vp_err rc = vp_query_decode(raw, true, buf);
        if (rc == VP_OK) *out = vp_buf_str(buf);
        return rc;
    }
    return VP_OK;
}
