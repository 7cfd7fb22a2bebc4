/* query_fuzz.c - the input as a query string, as one value and as a cursor.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "cursor.h"
#include "query.h"
#include "seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP = 256 };

/* Not assert: a fuzzer must find a broken rule in any build. */
static void must(bool holds) {
    if (!holds) abort();
}

static bool inside(vp_str part, vp_str whole) {
    return part.p >= whole.p && part.n <= whole.n && part.p + part.n <= whole.p + whole.n;
}

/* What decodes is UTF-8, no longer than it was, and comes back from its encoding. */
static void check_value(vp_str raw, bool plus) {
    vp_buf text, encoded, again;
    vp_buf_init(&text, CAP);
    vp_buf_init(&encoded, 3 * CAP);
    vp_buf_init(&again, CAP);
    vp_err rc = vp_query_decode(raw, plus, &text);
    must(rc == VP_OK || rc == VP_ESYNTAX || (rc == VP_ETOOBIG && raw.n > CAP));
    must((rc == VP_ETOOBIG) == text.over);
    if (rc) must(text.len == 0);
    if (rc == VP_OK) {
        must(text.len <= raw.n && vp_str_is_utf8(vp_buf_str(&text)));
        vp_query_encode(&encoded, vp_buf_str(&text));
        must(!encoded.over);
        must(vp_query_decode(vp_buf_str(&encoded), plus, &again) == VP_OK);
        must(vp_str_eq(vp_buf_str(&text), vp_buf_str(&again)));
    }
    vp_buf_release(&text);
    vp_buf_release(&encoded);
    vp_buf_release(&again);
}

static void check_pairs(vp_str query) {
    vp_str rest = query, name, value;
    while (rest.n) {
        size_t before = rest.n;
        if (!vp_query_next(&rest, &name, &value)) break;
        must(rest.n < before && inside(name, query) && inside(value, query));
        must(!name.n || !memchr(name.p, '=', name.n));
        must(!value.n || !memchr(value.p, '&', value.n));
        check_value(name, true);
        check_value(value, true);
    }
    must(rest.n == 0);
}

static void check_get(vp_str query) {
    static const char *const names[] = {"a", "limit", "cursor", ""};
    vp_buf buf;
    vp_buf_init(&buf, CAP);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        vp_str value;
        vp_err rc = vp_query_get(query, names[i], &buf, &value);
        must(rc == VP_OK || value.p == NULL);
        if (value.p) must(vp_str_is_utf8(value) && value.n <= CAP);
    }
    vp_buf_release(&buf);
}

/* One key has one text: no two cursors name the same place. */
static void check_cursor(vp_str text) {
    char key[VP_CURSOR_KEY_MAX + 1];
    size_t n;
    vp_buf back;
    if (vp_cursor_read(text, key, &n)) return;
    must(n > 0 && n <= VP_CURSOR_KEY_MAX && key[n] == '\0');
    vp_buf_init(&back, CAP);
    vp_cursor_write(&back, vp_str_n(key, n));
    must(vp_str_eq(vp_buf_str(&back), text));
    vp_buf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    if (!ready && vp_seal_init()) abort();
    ready = true;
    vp_str text = vp_str_n(data, size);
    check_pairs(text);
    check_value(text, true);
    check_value(text, false);
    check_get(text);
    check_cursor(text);
    return 0;
}
