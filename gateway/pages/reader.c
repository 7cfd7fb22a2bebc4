/* reader.c - see reader.h.
 * Recursive descent, as deep as the cap. A text without escapes is copied once, straight from the
 * answer. A function that fails returns NULL and the whole is given up.
 * SPDX-License-Identifier: MIT */
#include "reader.h"

#include <stdlib.h>

#include "json.h"

enum { NAME_MAX_BYTES = 256, NUMBER_MAX = 64 };

typedef struct reader {
    const char *p, *end;
    int depth;
    vp_buf text; /* of a string with escapes */
} reader;

static json_t *read_value(reader *r);

static void skip_space(reader *r) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
        r->p++;
}

static bool take(reader *r, char c) {
    skip_space(r);
    if (r->p == r->end || *r->p != c) return false;
    r->p++;
    return true;
}

/* -- strings ---------------------------------------------------------------------------------- */

/* The bytes up to a quote, a backslash or a control character. */
static vp_str plain_run(reader *r) {
    const char *start = r->p;
    while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char)*r->p >= ' ') r->p++;
    return vp_str_n(start, (size_t)(r->p - start));
}

/* Four hexadecimal digits; -1 if they are not there. */
static int32_t hex4(reader *r) {
    int32_t v = 0;
    if (r->end - r->p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = *r->p++, low = (char)(c | 0x20);
        bool digit = c >= '0' && c <= '9';
        if (!digit && !(low >= 'a' && low <= 'f')) return -1;
        v = v * 16 + (digit ? c - '0' : low - 'a' + 10);
    }
    return v;
}

static void add_code_point(vp_buf *b, uint32_t c) {
    if (c < 0x80) {
        vp_buf_addc(b, (char)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    vp_buf_addc(b, (char)(lead[more] | c >> (6 * more)));
    while (more--) vp_buf_addc(b, (char)(0x80 | (c >> (6 * more) & 0x3F)));
}

/* \uXXXX, perhaps the first of a surrogate pair. */
static bool add_unicode(reader *r) {
    int32_t c = hex4(r);
    if (c <= 0 || (c >= 0xDC00 && c <= 0xDFFF)) return false;
    if (c >= 0xD800 && c <= 0xDBFF) {
        if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u') return false;
        r->p += 2;
        int32_t low = hex4(r);
        if (low < 0xDC00 || low > 0xDFFF) return false;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    add_code_point(&r->text, (uint32_t)c);
    return true;
}

static bool add_escape(reader *r) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (++r->p == r->end || !*r->p) return false;
    char c = *r->p++;
    if (c == 'u') return add_unicode(r);
    const char *at = strchr(from, c);
    if (at) vp_buf_addc(&r->text, to[at - from]);
    return at != NULL;
}

/* Behind the opening quote. The text lasts until the next string. */
static bool read_string(reader *r, vp_str *out) {
    *out = plain_run(r);
    if (r->p < r->end && *r->p == '"') {
        r->p++;
        return true;
    }
    vp_buf_clear(&r->text);
    vp_buf_add_str(&r->text, *out);
    while (r->p < r->end && *r->p == '\\') {
        if (!add_escape(r)) return false;
        vp_buf_add_str(&r->text, plain_run(r));
    }
    if (r->p == r->end || *r->p != '"' || r->text.over) return false;
    r->p++;
    *out = vp_buf_str(&r->text);
    return true;
}

static json_t *read_text(reader *r) {
    vp_str text;
    r->p++;
    return read_string(r, &text) ? json_stringn_nocheck(text.n ? text.p : "", text.n) : NULL;
}

/* -- numbers and words ------------------------------------------------------------------------ */

static size_t digits(vp_str s, size_t at) {
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9') n++;
    return n;
}

/* Is s a number, and a whole one? */
static bool number_ok(vp_str s, bool *whole) {
    size_t at = s.n && s.p[0] == '-', n = digits(s, at);
    *whole = true;
    if (!n || (n > 1 && s.p[at] == '0')) return false;
    at += n;
    if (at < s.n && s.p[at] == '.') {
        if (!(n = digits(s, ++at))) return false;
        at += n;
        *whole = false;
    }
    if (at < s.n && (s.p[at] | 0x20) == 'e') {
        at++;
        at += at < s.n && (s.p[at] == '+' || s.p[at] == '-');
        if (!(n = digits(s, at))) return false;
        at += n;
        *whole = false;
    }
    return at == s.n;
}

static json_t *read_number(reader *r) {
    char copy[NUMBER_MAX + 1];
    vp_str s = {r->p, 0};
    int64_t v;
    bool whole;
    while (r->p < r->end && *r->p && strchr("+-.0123456789Ee", *r->p)) r->p++;
    s.n = (size_t)(r->p - s.p);
    if (s.n > NUMBER_MAX || !number_ok(s, &whole)) return NULL;
    if (whole) return vp_str_int(s, INT64_MIN, INT64_MAX, &v) ? NULL : json_integer(v);
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return json_real(strtod(copy, NULL)); /* NULL for an infinite one */
}

static json_t *read_word(reader *r, vp_str word, json_t *value) {
    if (!vp_str_starts(vp_str_n(r->p, (size_t)(r->end - r->p)), word)) return NULL;
    r->p += word.n;
    return value;
}

/* -- objects and lists ------------------------------------------------------------------------ */

static bool read_member(reader *r, json_t *object) {
    char name[NAME_MAX_BYTES];
    vp_str text;
    if (!take(r, '"') || !read_string(r, &text) || text.n >= sizeof name) return false;
    if (text.n) memcpy(name, text.p, text.n);
    name[text.n] = '\0';
    if (!take(r, ':')) return false;
    json_t *value = read_value(r);
    return value && !json_object_set_new_nocheck(object, name, value);
}

static bool read_element(reader *r, json_t *list) {
    json_t *value = read_value(r);
    return value && !json_array_append_new(list, value);
}

/* Behind the opening bracket, which the caller has seen; takes container. */
static json_t *read_all(reader *r, json_t *container, char close, bool (*one)(reader *, json_t *)) {
    bool ok = ++r->depth <= VP_JSON_MAX_DEPTH;
    r->p++;
    if (ok && !take(r, close)) {
        do ok = one(r, container);
        while (ok && take(r, ','));
        ok = ok && take(r, close);
    }
    r->depth--;
    if (ok) return container;
    json_decref(container);
    return NULL;
}

static json_t *read_value(reader *r) {
    skip_space(r);
    if (r->p == r->end) return NULL;
    switch (*r->p) {
    case '{': return read_all(r, json_object(), '}', read_member);
    case '[': return read_all(r, json_array(), ']', read_element);
    case '"': return read_text(r);
    case 't': return read_word(r, VP_STR("true"), json_true());
    case 'f': return read_word(r, VP_STR("false"), json_false());
    case 'n': return read_word(r, VP_STR("null"), json_null());
    default: return read_number(r);
    }
}

vp_err reader_json(vp_str text, json_t **out) {
    reader r = {.p = text.p, .end = text.n ? text.p + text.n : text.p};
    *out = NULL;
    if (!text.n || !vp_str_is_utf8(text)) return VP_ESYNTAX;
    vp_buf_init(&r.text, text.n + 1);
    json_t *value = read_value(&r);
    skip_space(&r);
    if (value && r.p != r.end) {
        json_decref(value);
        value = NULL;
    }
    vp_buf_release(&r.text);
    *out = value;
    return value ? VP_OK : VP_ESYNTAX;
}
