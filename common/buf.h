/* buf.h - slices of bytes, and a growing buffer with a cap at birth.
 * A buffer that would pass its cap drops its content, sets `over` and ignores what follows, so
 * a caller may append freely and look once at the end. SPDX-License-Identifier: MIT */
#ifndef VP_BUF_H
#define VP_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "err.h"

/* A borrowed run of bytes, not NUL-terminated. {NULL, 0} means absent. */
typedef struct vp_str {
    const char *p;
    size_t n;
} vp_str;

#define VP_STR(literal) ((vp_str){"" literal, sizeof(literal) - 1})
#define VP_STR_INIT(literal)                                                                       \
    { "" literal, sizeof(literal) - 1 } /* for static tables */
static inline vp_str vp_str_of(const char *s) {
    return (vp_str){s, s ? strlen(s) : 0};
}
static inline vp_str vp_str_n(const void *p, size_t n) {
    return (vp_str){p, n};
}
static inline bool vp_str_eq(vp_str a, vp_str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
bool vp_str_eq_nocase(vp_str a, vp_str b); /* ASCII only */
bool vp_str_starts(vp_str s, vp_str prefix);
vp_str vp_str_trim(vp_str s);  /* without ASCII white space at both ends */
bool vp_str_is_utf8(vp_str s); /* well-formed and without NUL (RFC 3629) */
/* Makes a NUL-terminated text, perhaps cut by snprintf, well-formed: bad bytes become '?'. */
void vp_utf8_scrub(char *text);
/* Parses all of s as a decimal in [min, max]. */
VP_CHECKED vp_err vp_str_int(vp_str s, int64_t min, int64_t max, int64_t *out);

typedef struct vp_buf {
    char *data; /* NUL-terminated whenever not NULL */
    size_t len, cap, max;
    bool over;
} vp_buf;

void vp_buf_init(vp_buf *b, size_t max); /* allocates nothing yet */
void vp_buf_release(vp_buf *b);          /* frees; keeps max; usable again */
void vp_buf_clear(vp_buf *b);            /* empties; keeps the memory */
char *vp_buf_take(vp_buf *b,
                  size_t *n); /* caller frees; b is empty afterwards; "" if empty, NULL if over */
static inline vp_str vp_buf_str(const vp_buf *b) {
    return (vp_str){b->data, b->len};
}

/* The way of vp_buf_add when memory is missing: grows, then adds; or goes over. */
void vp_buf_add_growing(vp_buf *b, const void *p, size_t n);
static inline void vp_buf_add(vp_buf *b, const void *p, size_t n) {
    if (n == 0 || n >= b->cap - b->len) {
        vp_buf_add_growing(b, p, n);
        return;
    }
    memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
}
static inline void vp_buf_adds(vp_buf *b, const char *s) {
    vp_buf_add(b, s, strlen(s));
}
static inline void vp_buf_add_str(vp_buf *b, vp_str s) {
    vp_buf_add(b, s.p, s.n);
}
static inline void vp_buf_addc(vp_buf *b, char c) {
    vp_buf_add(b, &c, 1);
}
void vp_buf_add_int(vp_buf *b, int64_t v);
void vp_buf_addf(vp_buf *b, const char *fmt, ...) VP_PRINTF(2, 3);
/* A JSON string with its quotes; the input must be UTF-8. '<' and U+2028/9 are escaped too. */
void vp_buf_add_json(vp_buf *b, vp_str s);
/* Text for HTML: & < > " ' are escaped. */
void vp_buf_add_html(vp_buf *b, vp_str s);
/* Room for n bytes at the end, to be written by the caller and counted by vp_buf_grew. NULL if
 * over. */
char *vp_buf_room(vp_buf *b, size_t n);
void vp_buf_grew(vp_buf *b, size_t n);

#endif
