/* slug.c - see slug.h. utf8proc folds case and takes letters apart; a small table holds the letters
 * that Unicode does not take apart. SPDX-License-Identifier: MIT */
#include "slug.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "markdown.h"

static const struct {
    utf8proc_int32_t letter;
    const char *ascii;
} letters[] = {
    {0xE6, "ae"}, {0xF0, "d"},  {0xF8, "o"},  {0xFE, "th"},  {0x111, "d"},   {0x127, "h"},
    {0x131, "i"}, {0x138, "k"}, {0x142, "l"}, {0x14B, "ng"}, {0x153, "oe"},  {0x167, "t"},
    {'\'', ""},   {0x2019, ""}, {0x2BC, ""},  {0xAD, ""},    {'&', "-and-"}, {'+', "-plus-"},
};

static const char *ascii_of(utf8proc_int32_t c, char one[2]) {
    one[0] = (char)c;
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return one;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (letters[i].letter == c) return letters[i].ascii;
    return "-";
}

static void slug_add(char *out, size_t *n, const char *ascii) {
    for (; *ascii; ascii++) {
        if (*ascii == '-' && (*n == 0 || out[*n - 1] == '-')) continue;
        if (*n < SLUG_MAX) out[(*n)++] = *ascii;
    }
}

void slug_make(vp_str title, char out[SLUG_MADE_MAX + 1]) {
    utf8proc_uint8_t *folded = NULL;
    char all[SLUG_MAX + 1] = "";
    size_t n = 0;
    utf8proc_ssize_t size =
        utf8proc_map((const utf8proc_uint8_t *)title.p, (utf8proc_ssize_t)title.n, &folded,
                     UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
                         UTF8PROC_STRIPMARK);
    utf8proc_int32_t c;
    for (utf8proc_ssize_t at = 0, step; at < size; at += step) {
        char one[2] = {0};
        step = utf8proc_iterate(folded + at, size - at, &c);
        if (step <= 0) break;
        slug_add(all, &n, ascii_of(c, one));
    }
    free(folded);
    if (n > SLUG_MADE_MAX) { /* cut between words, if a word ends near enough */
        size_t cut = SLUG_MADE_MAX;
        while (cut > SLUG_MADE_MAX / 2 && all[cut] != '-') cut--;
        n = all[cut] == '-' ? cut : SLUG_MADE_MAX;
    }
    while (n > 0 && all[n - 1] == '-') n--;
    memcpy(out, all, n);
    out[n] = '\0';
}

static bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool slug_ok(vp_str s) {
    if (s.n == 0 || s.n > SLUG_MAX) return false;
    for (size_t i = 0; i < s.n; i++) {
        bool hyphen = s.p[i] == '-' && i > 0 && i + 1 < s.n && s.p[i - 1] != '-';
        if (!hyphen && !is_word_byte(s.p[i])) return false;
    }
    return true;
}

bool handle_ok(vp_str s) {
    if (s.n == 0 || s.n > HANDLE_MAX || !is_word_byte(s.p[0])) return false;
    for (size_t i = 1; i < s.n; i++)
        if (!is_word_byte(s.p[i]) && s.p[i] != '-' && s.p[i] != '_') return false;
    return true;
}

static bool has_letter(vp_str s) {
    utf8proc_int32_t c;
    size_t chars = 0;
    bool found = false;
    for (size_t at = 0; at < s.n;) {
        utf8proc_ssize_t step =
            utf8proc_iterate((const utf8proc_uint8_t *)s.p + at, (utf8proc_ssize_t)(s.n - at), &c);
        if (step <= 0 || c == '/' || c == '\\' || ++chars > TAG_CHARS) return false;
        const char *category = utf8proc_category_string(c);
        found = found || category[0] == 'L' || category[0] == 'N' || category[0] == 'S';
        at += (size_t)step;
    }
    return found;
}

static bool add_mapped(vp_str s, utf8proc_option_t options, vp_buf *out) {
    utf8proc_uint8_t *mapped = NULL;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &mapped, options);
    if (n >= 0) vp_buf_add(out, mapped, (size_t)n);
    free(mapped);
    return n >= 0;
}

bool tag_fold(vp_str tag, vp_buf *shown, vp_buf *folded) {
    vp_buf plain;
    size_t shown_at = shown->len, folded_at = folded->len;
    bool ok = vp_text_is_line(tag) && tag.n <= TAG_BYTES;
    vp_buf_init(&plain, TAG_BYTES + 8);
    if (ok) vp_text_excerpt(tag, TAG_BYTES, &plain); /* single spaces */
    ok = ok && plain.len > 0 && has_letter(vp_buf_str(&plain));
    ok = ok && add_mapped(vp_buf_str(&plain), UTF8PROC_STABLE | UTF8PROC_COMPOSE, shown);
    ok = ok && add_mapped(vp_buf_str(&plain),
                          UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD, folded);
    ok = ok && folded->len - folded_at <= TAG_BYTES && shown->len - shown_at <= TAG_BYTES;
    vp_buf_release(&plain);
    return ok;
}
