/* slug.c - see slug.h. utf8proc folds case; our own tables hold what letters are written as in
 * ASCII, and what they do not know is taken apart by Unicode, and its marks left out.
 * SPDX-License-Identifier: MIT */
#include "slug.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "markdown.h"

/* In order of their letters, so that they can be searched by halves. */
static const struct letter {
    utf8proc_int32_t letter;
    const char *ascii;
} letters[] = {
    {'&', "-and-"},
    {'\'', ""},
    {'+', "-plus-"},
    {0xAD, ""},
    /* Latin */
    {0xE6, "ae"},
    {0xF0, "d"},
    {0xF8, "o"},
    {0xFE, "th"},
    {0x111, "d"},
    {0x127, "h"},
    {0x131, "i"},
    {0x138, "k"},
    {0x142, "l"},
    {0x14B, "ng"},
    {0x153, "oe"},
    {0x167, "t"},
    {0x180, "b"},
    {0x188, "c"},
    {0x18C, "d"},
    {0x192, "f"},
    {0x199, "k"},
    {0x19A, "l"},
    {0x1A5, "p"},
    {0x1AD, "t"},
    {0x1B4, "y"},
    {0x1B6, "z"},
    {0x1DD, "e"},
    {0x1E5, "g"},
    {0x253, "b"},
    {0x254, "o"},
    {0x256, "d"},
    {0x257, "d"},
    {0x259, "e"},
    {0x25B, "e"},
    {0x263, "g"},
    {0x268, "i"},
    {0x269, "i"},
    {0x26F, "m"},
    {0x272, "n"},
    {0x289, "u"},
    {0x28A, "u"},
    {0x28B, "v"},
    {0x292, "zh"},
    {0x2BC, ""},
    /* Greek */
    {0x3B1, "a"},
    {0x3B2, "v"},
    {0x3B3, "g"},
    {0x3B4, "d"},
    {0x3B5, "e"},
    {0x3B6, "z"},
    {0x3B7, "i"},
    {0x3B8, "th"},
    {0x3B9, "i"},
    {0x3BA, "k"},
    {0x3BB, "l"},
    {0x3BC, "m"},
    {0x3BD, "n"},
    {0x3BE, "x"},
    {0x3BF, "o"},
    {0x3C0, "p"},
    {0x3C1, "r"},
    {0x3C2, "s"},
    {0x3C3, "s"},
    {0x3C4, "t"},
    {0x3C5, "y"},
    {0x3C6, "f"},
    {0x3C7, "ch"},
    {0x3C8, "ps"},
    {0x3C9, "o"},
    /* Cyrillic */
    {0x430, "a"},
    {0x431, "b"},
    {0x432, "v"},
    {0x433, "g"},
    {0x434, "d"},
    {0x435, "e"},
    {0x436, "zh"},
    {0x437, "z"},
    {0x438, "i"},
    {0x439, "y"},
    {0x43A, "k"},
    {0x43B, "l"},
    {0x43C, "m"},
    {0x43D, "n"},
    {0x43E, "o"},
    {0x43F, "p"},
    {0x440, "r"},
    {0x441, "s"},
    {0x442, "t"},
    {0x443, "u"},
    {0x444, "f"},
    {0x445, "kh"},
    {0x446, "ts"},
    {0x447, "ch"},
    {0x448, "sh"},
    {0x449, "shch"},
    {0x44A, ""},
    {0x44B, "y"},
    {0x44C, ""},
    {0x44D, "e"},
    {0x44E, "yu"},
    {0x44F, "ya"},
    {0x451, "yo"},
    {0x452, "dj"},
    {0x453, "gj"},
    {0x454, "ye"},
    {0x455, "dz"},
    {0x456, "i"},
    {0x457, "yi"},
    {0x458, "j"},
    {0x459, "lj"},
    {0x45A, "nj"},
    {0x45B, "c"},
    {0x45C, "kj"},
    {0x45E, "u"},
    {0x45F, "dz"},
    {0x491, "g"},
    {0x493, "gh"},
    {0x49B, "q"},
    {0x4A3, "ng"},
    {0x4AF, "u"},
    {0x4B1, "u"},
    {0x4BB, "h"},
    {0x4D9, "a"},
    {0x4E9, "o"},
    /* Armenian */
    {0x561, "a"},
    {0x562, "b"},
    {0x563, "g"},
    {0x564, "d"},
    {0x565, "e"},
    {0x566, "z"},
    {0x567, "e"},
    {0x568, "y"},
    {0x569, "t"},
    {0x56A, "zh"},
    {0x56B, "i"},
    {0x56C, "l"},
    {0x56D, "kh"},
    {0x56E, "ts"},
    {0x56F, "k"},
    {0x570, "h"},
    {0x571, "dz"},
    {0x572, "gh"},
    {0x573, "ch"},
    {0x574, "m"},
    {0x575, "y"},
    {0x576, "n"},
    {0x577, "sh"},
    {0x578, "o"},
    {0x579, "ch"},
    {0x57A, "p"},
    {0x57B, "j"},
    {0x57C, "r"},
    {0x57D, "s"},
    {0x57E, "v"},
    {0x57F, "t"},
    {0x580, "r"},
    {0x581, "ts"},
    {0x582, "v"},
    {0x583, "p"},
    {0x584, "k"},
    {0x585, "o"},
    {0x586, "f"},
    {0x587, "ev"},
    /* Hebrew, without its points */
    {0x5D0, "a"},
    {0x5D1, "b"},
    {0x5D2, "g"},
    {0x5D3, "d"},
    {0x5D4, "h"},
    {0x5D5, "v"},
    {0x5D6, "z"},
    {0x5D7, "ch"},
    {0x5D8, "t"},
    {0x5D9, "y"},
    {0x5DA, "k"},
    {0x5DB, "k"},
    {0x5DC, "l"},
    {0x5DD, "m"},
    {0x5DE, "m"},
    {0x5DF, "n"},
    {0x5E0, "n"},
    {0x5E1, "s"},
    {0x5E2, "a"},
    {0x5E3, "p"},
    {0x5E4, "p"},
    {0x5E5, "ts"},
    {0x5E6, "ts"},
    {0x5E7, "q"},
    {0x5E8, "r"},
    {0x5E9, "sh"},
    {0x5EA, "t"},
    /* Georgian */
    {0x10D0, "a"},
    {0x10D1, "b"},
    {0x10D2, "g"},
    {0x10D3, "d"},
    {0x10D4, "e"},
    {0x10D5, "v"},
    {0x10D6, "z"},
    {0x10D7, "t"},
    {0x10D8, "i"},
    {0x10D9, "k"},
    {0x10DA, "l"},
    {0x10DB, "m"},
    {0x10DC, "n"},
    {0x10DD, "o"},
    {0x10DE, "p"},
    {0x10DF, "zh"},
    {0x10E0, "r"},
    {0x10E1, "s"},
    {0x10E2, "t"},
    {0x10E3, "u"},
    {0x10E4, "p"},
    {0x10E5, "k"},
    {0x10E6, "gh"},
    {0x10E7, "q"},
    {0x10E8, "sh"},
    {0x10E9, "ch"},
    {0x10EA, "ts"},
    {0x10EB, "dz"},
    {0x10EC, "ts"},
    {0x10ED, "ch"},
    {0x10EE, "kh"},
    {0x10EF, "j"},
    {0x10F0, "h"},
    {0x2019, ""},
};

/* What German writes without its dots. */
static const struct letter umlauts[] = {{0xE4, "ae"}, {0xF6, "oe"}, {0xFC, "ue"}};

static const char *look_up(const struct letter *table, size_t n, utf8proc_int32_t c) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (table[mid].letter == c) return table[mid].ascii;
        if (table[mid].letter < c)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

#define LOOK_UP(table, c) look_up(table, sizeof(table) / sizeof(table)[0], c)

/* NULL: nothing is known for it as it is. */
static const char *ascii_of(utf8proc_int32_t c, bool german, char one[2]) {
    const char *ascii = german ? LOOK_UP(umlauts, c) : NULL;
    one[0] = (char)c;
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return one;
    return ascii ? ascii : LOOK_UP(letters, c);
}

static void slug_add(char *out, size_t *n, const char *ascii) {
    for (; *ascii; ascii++) {
        if (*ascii == '-' && (*n == 0 || out[*n - 1] == '-')) continue;
        if (*n < SLUG_MAX) out[(*n)++] = *ascii;
    }
}

/* A letter with marks that the tables do not know: without them. */
static void add_apart(utf8proc_int32_t c, char *out, size_t *n) {
    utf8proc_int32_t part[8];
    int class = UTF8PROC_BOUNDCLASS_START;
    utf8proc_ssize_t parts =
        utf8proc_decompose_char(c, part, sizeof part / sizeof *part,
                                UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT |
                                    UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK,
                                &class);
    for (utf8proc_ssize_t i = 0; i < parts && i < 8; i++) {
        char one[2] = {0};
        const char *ascii = ascii_of(part[i], false, one);
        slug_add(out, n, ascii ? ascii : "-");
    }
}

static bool is_german(vp_str language) {
    return language.n >= 2 && vp_str_eq_nocase(vp_str_n(language.p, 2), VP_STR("de")) &&
           (language.n == 2 || language.p[2] == '-');
}

void slug_make(vp_str title, vp_str language, char out[SLUG_MADE_MAX + 1]) {
    utf8proc_uint8_t *folded = NULL;
    char all[SLUG_MAX + 1] = "";
    size_t n = 0;
    bool german = is_german(language);
    utf8proc_ssize_t size =
        utf8proc_map((const utf8proc_uint8_t *)title.p, (utf8proc_ssize_t)title.n, &folded,
                     UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD);
    utf8proc_int32_t c, before = 0;
    for (utf8proc_ssize_t at = 0, step; at < size; at += step, before = c) {
        char one[2] = {0};
        step = utf8proc_iterate(folded + at, size - at, &c);
        if (step <= 0) break;
        bool ou = before == 0x3BF && (c == 0x3C5 || c == 0x3CD); /* Greek */
        const char *ascii = ou ? "u" : ascii_of(c, german, one);
        if (ascii)
            slug_add(all, &n, ascii);
        else
            add_apart(c, all, &n);
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
