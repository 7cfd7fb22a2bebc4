/* route.c - see route.h.
 * Matching walks pattern and path together and stops at the first segment that differs, so a
 * miss among many routes is cheap; nothing is allocated. SPDX-License-Identifier: MIT */
#include "route.h"

static vp_err malformed(vp_fault *why, vp_str pattern, const char *reason) {
    vp_fault_set(why, "route %.*s: %s", (int)(pattern.n < 80 ? pattern.n : 80),
                 pattern.n ? pattern.p : "", reason);
    return VP_EINVAL;
}

static bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_dots(vp_str s) {
    return vp_str_eq(s, VP_STR(".")) || vp_str_eq(s, VP_STR(".."));
}

/* Literals are of unreserved characters, so that they equal their own raw form. */
static bool segment_ok(vp_str s, bool param) {
    if (s.n == 0 || is_dots(s)) return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (is_alnum(c) || c == '_') continue;
        if (param || (c != '-' && c != '.' && c != '~')) return false;
    }
    return true;
}

/* Takes "/segment" off the front; the caller has seen the '/'. */
static vp_str next_segment(vp_str *rest) {
    const char *start = rest->p + 1;
    size_t left = rest->n - 1;
    const char *slash = memchr(start, '/', left);
    size_t n = slash ? (size_t)(slash - start) : left;
    *rest = (vp_str){start + n, left - n};
    return (vp_str){start, n};
}

static const char *add_segment(vp_route *out, vp_str s) {
    bool param = s.n >= 2 && s.p[0] == '{' && s.p[s.n - 1] == '}';
    if (param) s = (vp_str){s.p + 1, s.n - 2};
    if (!segment_ok(s, param)) return "a malformed segment";
    if (out->n == VP_ROUTE_SEGMENTS) return "too many segments";
    if (s.n >= sizeof out->segment->text) return "a segment is too long";
    int params = 0;
    for (int i = 0; i < out->n; i++) {
        if (!out->segment[i].param) continue;
        params++;
        if (param && vp_str_eq(s, vp_str_of(out->segment[i].text))) return "a name twice";
    }
    if (param && params == VP_ROUTE_PARAMS) return "too many parameters";
    memcpy(out->segment[out->n].text, s.p, s.n);
    out->segment[out->n].param = param;
    /* The leftmost difference decides, as in the highest bit of a number. */
    if (!param) out->specificity |= 1 << (VP_ROUTE_SEGMENTS - 1 - out->n);
    out->n++;
    return NULL;
}

vp_err vp_route_compile(vp_str pattern, vp_route *out, vp_fault *why) {
    vp_str rest = pattern;
    *out = (vp_route){0};
    if (!pattern.n || *pattern.p != '/') return malformed(why, pattern, "does not begin with /");
    if (pattern.n == 1) return VP_OK;
    while (rest.n) {
        const char *reason = add_segment(out, next_segment(&rest));
        if (reason) return malformed(why, pattern, reason);
    }
    return VP_OK;
}

bool vp_route_same(const vp_route *a, const vp_route *b) {
    if (a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (a->segment[i].param != b->segment[i].param ||
            strcmp(a->segment[i].text, b->segment[i].text) != 0)
            return false;
    return true;
}

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes into to[], which holds raw.n bytes. False for a bad escape, %00 or %2F. */
static bool decode(vp_str raw, char *to, vp_str *out) {
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '%') {
            if (raw.n - i < 3) return false;
            int high = hex(raw.p[i + 1]), low = hex(raw.p[i + 2]);
            if (high < 0 || low < 0) return false;
            c = (char)(high << 4 | low);
            if (c == '\0' || c == '/') return false;
            i += 2;
        }
        to[n++] = c;
    }
    *out = (vp_str){to, n};
    return true;
}

/* A decoded segment as this module wants it; *used counts bytes taken of text[]. */
static bool segment_value(vp_str raw, char text[VP_ROUTE_PATH_MAX], size_t *used, vp_str *out) {
    *out = raw;
    if (raw.n && memchr(raw.p, '%', raw.n)) {
        if (!decode(raw, text + *used, out)) return false;
        *used += out->n;
    }
    return out->n && !is_dots(*out) && vp_str_is_utf8(*out);
}

/* The literal against the next segment; both are known to differ unless escapes hide it. */
static bool match_encoded(const char *literal, vp_str *rest) {
    char text[VP_ROUTE_PATH_MAX];
    size_t used = 0;
    vp_str value;
    return segment_value(next_segment(rest), text, &used, &value) &&
           vp_str_eq(value, vp_str_of(literal));
}

/* Byte by byte from the left: most routes of a table fail at once, without a look at the rest. */
static bool match_literal(const char *literal, vp_str *rest) {
    size_t i = 1;
    for (const char *p = literal; *p; p++, i++) {
        if (i == rest->n) return false;
        if (rest->p[i] != *p) return rest->p[i] == '%' && match_encoded(literal, rest);
    }
    if (i < rest->n && rest->p[i] != '/') return false;
    *rest = (vp_str){rest->p + i, rest->n - i};
    return true;
}

static bool match(const vp_route *route, vp_str rest, vp_route_params *out) {
    size_t used = 0;
    out->n = 0;
    for (int i = 0; i < route->n; i++) {
        if (!rest.n) return false;
        if (!route->segment[i].param) {
            if (!match_literal(route->segment[i].text, &rest)) return false;
        } else {
            vp_str *value = &out->value[out->n++];
            if (!segment_value(next_segment(&rest), out->text, &used, value)) return false;
        }
    }
    return rest.n == 0;
}

bool vp_route_match(const vp_route *route, vp_str raw_path, vp_route_params *out) {
    vp_route_params unwanted;
    if (!raw_path.n || *raw_path.p != '/' || raw_path.n > VP_ROUTE_PATH_MAX) return false;
    if (route->n == 0 || raw_path.n == 1) {
        if (out) out->n = 0;
        return route->n == 0 && raw_path.n == 1;
    }
    return match(route, raw_path, out ? out : &unwanted);
}

bool vp_route_path_ok(vp_str raw_path) {
    char text[VP_ROUTE_PATH_MAX];
    vp_str value;
    if (!raw_path.n || *raw_path.p != '/' || raw_path.n > VP_ROUTE_PATH_MAX) return false;
    if (raw_path.n == 1) return true;
    while (raw_path.n) {
        size_t used = 0;
        if (!segment_value(next_segment(&raw_path), text, &used, &value)) return false;
    }
    return true;
}
