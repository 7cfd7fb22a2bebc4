/* buf.c - see buf.h.
 * Invariant: data == NULL means len == cap == 0; else len < cap <= max + 1 and data[len] is NUL.
 * SPDX-License-Identifier: MIT */
#include "buf.h"

#include <assert.h>
#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

enum { FIRST_CAP = 128 };

static unsigned char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : (unsigned char)c;
}

bool vp_str_eq_nocase(vp_str a, vp_str b) {
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i])) return false;
    return true;
}

bool vp_str_starts(vp_str s, vp_str prefix) {
    return s.n >= prefix.n && vp_str_eq(vp_str_n(s.p, prefix.n), prefix);
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

vp_str vp_str_trim(vp_str s) {
    while (s.n && is_space(s.p[s.n - 1])) s.n--;
    while (s.n && is_space(*s.p)) s.p++, s.n--;
    return s;
}

/* Length of the well-formed sequence at p, 0 if there is none. The second byte's range rules out
 * overlong forms, surrogates and what lies over U+10FFFF. */
static size_t sequence(const unsigned char *p, size_t n) {
    unsigned char c = p[0], low = 0x80, high = 0xBF;
    size_t len;
    if (c < 0x80) return c ? 1 : 0;
    if (c < 0xC2 || c > 0xF4) return 0;
    len = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (n < len) return 0;
    if (c == 0xE0) low = 0xA0;
    if (c == 0xED) high = 0x9F;
    if (c == 0xF0) low = 0x90;
    if (c == 0xF4) high = 0x8F;
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    return len;
}

/* True if all eight bytes are ASCII and none is NUL: most text passes by eights. */
static bool plain8(const unsigned char *p) {
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return ((v | (v - ones)) & tops) == 0;
}

bool vp_str_is_utf8(vp_str s) {
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        if (s.n - i >= 8 && plain8(p + i)) {
            i += 8;
            continue;
        }
        size_t len = sequence(p + i, s.n - i);
        if (!len) return false;
        i += len;
    }
    return true;
}

void vp_utf8_scrub(char *text) {
    size_t n = strlen(text), i = 0;
    while (i < n) {
        size_t len = sequence((const unsigned char *)text + i, n - i);
        if (!len) text[i] = '?';
        i += len ? len : 1;
    }
}

vp_err vp_str_int(vp_str s, int64_t min, int64_t max, int64_t *out) {
    bool minus = s.n && *s.p == '-';
    int64_t v = 0;
    size_t i = minus ? 1 : 0;
    if (i == s.n) return VP_EINVAL;
    for (; i < s.n; i++) {
        int digit = s.p[i] - '0';
        if (digit < 0 || digit > 9) return VP_EINVAL;
        if (__builtin_mul_overflow(v, 10, &v)) return VP_EINVAL;
        if (__builtin_add_overflow(v, minus ? -digit : digit, &v)) return VP_EINVAL;
    }
    if (v < min || v > max) return VP_EINVAL;
    *out = v;
    return VP_OK;
}

void vp_buf_init(vp_buf *b, size_t max) {
    /* Half of the address space is as good as no cap, and sums cannot wrap. */
    *b = (vp_buf){.max = max < SIZE_MAX / 2 ? max : SIZE_MAX / 2};
}

void vp_buf_release(vp_buf *b) {
    free(b->data);
    *b = (vp_buf){.max = b->max};
}

void vp_buf_clear(vp_buf *b) {
    b->len = 0;
    b->over = false;
    if (b->data) b->data[0] = '\0';
}

char *vp_buf_take(vp_buf *b, size_t *n) {
    char *data = b->data;
    if (n) *n = b->len;
    if (!data && !b->over) data = vp_strndup("", 0);
    *b = (vp_buf){.max = b->max};
    return data;
}

/* Makes sure of n more bytes and a NUL; false when that is over the cap. */
static bool reserve(vp_buf *b, size_t n) {
    if (b->over) return false;
    if (n < b->cap - b->len) return true;
    if (n > b->max - b->len) {
        vp_buf_release(b);
        b->over = true;
        return false;
    }
    size_t need = b->len + n + 1, cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < need) cap *= 2;
    if (cap > b->max + 1) cap = b->max + 1;
    b->data = vp_realloc(b->data, cap);
    b->cap = cap;
    return true;
}

void vp_buf_add_growing(vp_buf *b, const void *p, size_t n) {
    if (n == 0 || !reserve(b, n)) return;
    memcpy(b->data + b->len, p, n);
    vp_buf_grew(b, n);
}

char *vp_buf_room(vp_buf *b, size_t n) {
    if (!reserve(b, n)) return NULL;
    b->data[b->len] = '\0';
    return b->data + b->len;
}

void vp_buf_grew(vp_buf *b, size_t n) {
    assert(n < b->cap - b->len);
    b->len += n;
    b->data[b->len] = '\0';
}

void vp_buf_add_int(vp_buf *b, int64_t v) {
    char text[20];
    size_t at = sizeof text;
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (v < 0) text[--at] = '-';
    vp_buf_add(b, text + at, sizeof text - at);
}

void vp_buf_addf(vp_buf *b, const char *fmt, ...) {
    va_list ap;
    size_t free_bytes = b->cap - b->len;
    if (b->over) return;
    va_start(ap, fmt);
    int n = vsnprintf(b->data ? b->data + b->len : NULL, free_bytes, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    if ((size_t)n >= free_bytes) {
        if (!reserve(b, (size_t)n)) return;
        va_start(ap, fmt);
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    b->len += (size_t)n;
}

/* 1: always escaped in JSON. 2: first byte of U+2028 and U+2029, which end a line in old
 * JavaScript. '<' is among them so that JSON may stand inside an HTML script element. */
static const unsigned char json_class[256] = {
    [0 ... 31] = 1, ['"'] = 1, ['\\'] = 1, ['<'] = 1, [0xE2] = 2};
/* The short form of an escape, where JSON has one. */
static const char json_short[128] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
                                     ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\'};

static void add_json_escape(vp_buf *b, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    if (json_short[c]) {
        char text[2] = {'\\', json_short[c]};
        vp_buf_add(b, text, sizeof text);
    } else {
        char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        vp_buf_add(b, text, sizeof text);
    }
}

static uint64_t zero_bytes(uint64_t v) {
    return (v - 0x0101010101010101u) & ~v & 0x8080808080808080u;
}

/* How many of eight bytes come before the first that has a class. A borrow of these subtractions
 * only ever marks bytes behind a rightly marked one, so the lowest mark is exact. */
static int json_plain8(const unsigned char *p) {
    const uint64_t ones = 0x0101010101010101u;
    uint64_t v;
    memcpy(&v, p, sizeof v);
    v = le64toh(v);
    uint64_t marks = (v - ones * 0x20) & ~v & (ones * 0x80);
    marks |= zero_bytes(v ^ ones * '"') | zero_bytes(v ^ ones * '\\');
    marks |= zero_bytes(v ^ ones * '<') | zero_bytes(v ^ ones * 0xE2);
    return marks ? __builtin_ctzll(marks) / 8 : 8;
}

void vp_buf_add_json(vp_buf *b, vp_str s) {
    const unsigned char *p = (const unsigned char *)(s.n ? s.p : ""), *end = p + s.n, *run = p;
    vp_buf_addc(b, '"');
    while (p < end) {
        if (end - p >= 8) {
            int plain = json_plain8(p);
            p += plain;
            if (plain == 8) continue;
        }
        int kind = json_class[*p];
        if (!kind) {
            p++;
        } else if (kind == 1) {
            vp_buf_add(b, run, (size_t)(p - run));
            add_json_escape(b, *p);
            run = ++p;
        } else if (end - p >= 3 && p[1] == 0x80 && (p[2] | 1) == 0xA9) {
            vp_buf_add(b, run, (size_t)(p - run));
            vp_buf_adds(b, p[2] == 0xA8 ? "\\u2028" : "\\u2029");
            run = p += 3;
        } else {
            p++;
        }
    }
    vp_buf_add(b, run, (size_t)(p - run));
    vp_buf_addc(b, '"');
}

void vp_buf_add_html(vp_buf *b, vp_str s) {
    static const char *const entity[128] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};
    size_t run = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 128 || !entity[c]) continue;
        vp_buf_add(b, s.p + run, i - run);
        vp_buf_adds(b, entity[c]);
        run = i + 1;
    }
    if (s.n) vp_buf_add(b, s.p + run, s.n - run);
}
