/* articles_diff_test.c - line diffs of revisions, and documents packed and read.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>

#include "diff.h"
#include "document.h"

static const struct {
    const char *before, *after, *shown; /* shown: = - + and each line */
} diffs[] = {
    {"", "", ""},
    {"a\nb\n", "a\nb\n", "=a=b"},
    {"a\nb", "a\nb\n", "=a=b"},
    {"", "a\n", "+a"},
    {"a\n", "", "-a"},
    {"a\nb\nc\n", "a\nc\n", "=a-b=c"},
    {"a\nc\n", "a\nb\nc\n", "=a+b=c"},
    {"a\nb\nc\n", "a\nx\nc\n", "=a-b+x=c"},
    {"a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n", "-a-b=c+b=a=b-b=a+c"},
    {"a\n\nb\n", "a\nb\n\n", "=a-=b+"},
};

static void show(const diff *d, vp_buf *out) {
    for (size_t i = 0; i < d->n; i++) {
        const diff_block *b = &d->block[i];
        const vp_str *line = b->op == DIFF_ADDED ? d->after + b->after : d->before + b->before;
        for (size_t k = 0; k < b->n; k++) {
            vp_buf_addc(out, "=-+"[b->op]);
            vp_buf_add_str(out, line[k]);
        }
    }
}

static void tells_what_changed(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(diffs); i++) {
        diff d;
        vp_buf out;
        vp_buf_init(&out, 4096);
        diff_make(&d, vp_str_of(diffs[i].before), vp_str_of(diffs[i].after));
        show(&d, &out);
        CHECK_ROW(i, d.exact);
        assert_string_equal(out.len ? out.data : "", diffs[i].shown);
        diff_release(&d);
        vp_buf_release(&out);
    }
}

/* Blocks cover both texts in order; what is left without the removed ones is the one text, without
 * the added ones the other. */
static void check(const diff *d) {
    size_t before = 0, after = 0;
    for (size_t i = 0; i < d->n; i++) {
        const diff_block *b = &d->block[i];
        assert_true(b->n > 0 && b->before == before && b->after == after);
        for (size_t k = 0; b->op == DIFF_SAME && k < b->n; k++)
            assert_true(vp_str_eq(d->before[before + k], d->after[after + k]));
        if (b->op != DIFF_ADDED) before += b->n;
        if (b->op != DIFF_REMOVED) after += b->n;
    }
    assert_int_equal(before, d->n_before);
    assert_int_equal(after, d->n_after);
}

static unsigned seed = 7;
static unsigned below(unsigned n) {
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % n;
}

static void rebuilds_any_two_texts(void **state) {
    (void)state;
    for (int round = 0; round < 500; round++) {
        vp_buf text[2];
        diff d;
        for (int t = 0; t < 2; t++) {
            vp_buf_init(&text[t], 64 * 1024);
            unsigned n = below(40), letters = 1 + below(6);
            for (unsigned i = 0; i < n; i++) vp_buf_addf(&text[t], "%c\n", 'a' + below(letters));
        }
        diff_make(&d, vp_buf_str(&text[0]), vp_buf_str(&text[1]));
        assert_true(d.exact);
        check(&d);
        diff_release(&d);
        vp_buf_release(&text[0]);
        vp_buf_release(&text[1]);
    }
}

/* Far apart, or much to look through: the middle counts as changed. */
static void keeps_its_bounds(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        vp_buf text[2];
        diff d;
        for (int t = 0; t < 2; t++) {
            vp_buf_init(&text[t], 1024 * 1024);
            vp_buf_adds(&text[t], "first\n");
            for (int i = 0; i < (kind ? 100000 : 3000); i++)
                vp_buf_addf(&text[t], "%d\n", kind ? (int)below(2) : i * 2 + t);
            vp_buf_adds(&text[t], "last\n");
        }
        diff_make(&d, vp_buf_str(&text[0]), vp_buf_str(&text[1]));
        assert_false(d.exact);
        assert_true(d.block[0].op == DIFF_SAME && d.block[d.n - 1].op == DIFF_SAME);
        check(&d);
        diff_release(&d);
        vp_buf_release(&text[0]);
        vp_buf_release(&text[1]);
    }
}

static json_t *parse(const char *text) {
    json_t *out;
    vp_fault why = {0};
    assert_int_equal(vp_json_parse(vp_str_of(text), &out, &why), VP_OK);
    return out;
}

static void packs_documents(void **state) {
    (void)state;
    json_t *body =
        parse("{\"title\":\"T\",\"body_markdown\":\"a\\nb <i>\",\"tags\":[\"x\"],\"odd\":1,"
              "\"comments_open\":false,\"hero\":{\"url\":\"/a\",\"alt\":\"A\",\"c\":1}}");
    json_t *document = document_merge(NULL, body), *again;
    vp_buf packed, text;
    vp_buf_init(&packed, 4096);
    vp_buf_init(&text, 4096);
    assert_int_equal(document_pack(&packed, document), VP_OK);
    assert_int_equal(document_unpack(vp_buf_str(&packed), &again), VP_OK);
    document_write(&text, again);
    assert_string_equal(
        text.data,
        "{\"title\":\"T\",\"slug\":null,\"summary\":null,\"section\":null,\"tags\":[\"x\"],"
        "\"contributors\":null,\"hero\":{\"url\":\"/a\",\"alt\":\"A\"},\"language\":null,"
        "\"comments_policy\":\"closed\",\"comments_days\":null,\"translation_group\":null,"
        "\"poll_id\":null,\"body_markdown\":\"a\\nb \\u003ci>\"}");
    json_decref(again);
    for (size_t n = 0; n < packed.len; n++) /* cut short it is none */
        assert_int_equal(document_unpack(vp_str_n(packed.data, n), &again), VP_EPROTO);
    packed.data[0] = 127;
    assert_int_equal(document_unpack(vp_buf_str(&packed), &again), VP_EPROTO);
    vp_buf_release(&packed);
    vp_buf_release(&text);
    json_decref(document);
    json_decref(body);
}

static void merges_documents(void **state) {
    (void)state;
    json_t *base = parse("{\"title\":\"T\",\"summary\":\"S\",\"comments_policy\":\"days\","
                         "\"comments_days\":3}");
    json_t *patch = parse("{\"summary\":null,\"comments_open\":true,\"language\":\"de\"}");
    json_t *merged = document_merge(base, patch);
    json_t *wanted = parse("{\"title\":\"T\",\"comments_policy\":\"open\",\"language\":\"de\"}");
    assert_true(json_equal(merged, wanted));
    json_decref(base);
    json_decref(patch);
    json_decref(merged);
    json_decref(wanted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_changed), cmocka_unit_test(rebuilds_any_two_texts),
        cmocka_unit_test(keeps_its_bounds),   cmocka_unit_test(packs_documents),
        cmocka_unit_test(merges_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
