/* markdown_test.c - what readers and authors write comes out safe. SPDX-License-Identifier: MIT */
#include "unit.h"

#include "markdown.h"

static const struct {
    const char *text;
    vp_markdown_kind kind;
    const char *html;
} rendered[] = {
    {"Hello *you*", VP_MARKDOWN_COMMENT, "<p>Hello <em>you</em></p>\n"},
    {"", VP_MARKDOWN_ARTICLE, ""},
    {"a < b & \"c\"", VP_MARKDOWN_ARTICLE, "<p>a &lt; b &amp; &quot;c&quot;</p>\n"},
    {"~~no~~", VP_MARKDOWN_ARTICLE, "<p><del>no</del></p>\n"},
    {"| a |\n|---|\n| b |", VP_MARKDOWN_ARTICLE,
     "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n"
     "</tbody>\n</table>\n"},
    {"www.example.org", VP_MARKDOWN_ARTICLE,
     "<p><a href=\"http://www.example.org\">www.example.org</a></p>\n"},
    {"[a](https://x.y \"t\")", VP_MARKDOWN_COMMENT,
     "<p><a rel=\"nofollow ugc\" href=\"https://x.y\" title=\"t\">a</a></p>\n"},
    {"[a](/b#c)", VP_MARKDOWN_ARTICLE, "<p><a href=\"/b#c\">a</a></p>\n"},
    /* markup and script */
    {"a <b onclick=x>c</b>", VP_MARKDOWN_COMMENT, "<p>a c</p>\n"},
    {"<script>alert(1)</script>", VP_MARKDOWN_ARTICLE, ""},
    {"x <!-- y --> z", VP_MARKDOWN_COMMENT, "<p>x  z</p>\n"},
    {"`<script>`", VP_MARKDOWN_COMMENT, "<p><code>&lt;script&gt;</code></p>\n"},
    {"``` \"><script>\nx\n```", VP_MARKDOWN_COMMENT,
     "<pre><code class=\"language-&quot;&gt;&lt;script&gt;\">x\n</code></pre>\n"},
    {"[a](javascript:alert(1))", VP_MARKDOWN_ARTICLE, "<p>a</p>\n"},
    {"[a](JaVaScRiPt:alert(1))", VP_MARKDOWN_COMMENT, "<p>a</p>\n"},
    {"[a](java&#10;script:alert(1))", VP_MARKDOWN_COMMENT, "<p>a</p>\n"},
    {"[a](data:text/html,x)", VP_MARKDOWN_ARTICLE, "<p>a</p>\n"},
    {"<vbscript:x>", VP_MARKDOWN_COMMENT, "<p>vbscript:x</p>\n"},
    {"[a](http://x/\"onclick=y)", VP_MARKDOWN_ARTICLE,
     "<p><a href=\"http://x/%22onclick=y\">a</a></p>\n"},
    {"[*a*][r]\n\n[r]: javascript:x", VP_MARKDOWN_ARTICLE, "<p><em>a</em></p>\n"},
    /* pictures: no page asks a third party */
    {"![a](https://t.example/x.png)", VP_MARKDOWN_COMMENT,
     "<p><a rel=\"nofollow ugc\" href=\"https://t.example/x.png\">a</a></p>\n"},
    {"![](https://t.example/x.png)", VP_MARKDOWN_ARTICLE,
     "<p><a href=\"https://t.example/x.png\">https://t.example/x.png</a></p>\n"},
    {"![a](//t.example/x.png)", VP_MARKDOWN_ARTICLE,
     "<p><a href=\"//t.example/x.png\">a</a></p>\n"},
    {"![a](/\\t.example/x.png)", VP_MARKDOWN_ARTICLE,
     "<p><a href=\"/%5Ct.example/x.png\">a</a></p>\n"},
    {"![a](/media/x.png)", VP_MARKDOWN_ARTICLE, "<p><img src=\"/media/x.png\" alt=\"a\" /></p>\n"},
    {"![a](/media/x.png)", VP_MARKDOWN_COMMENT,
     "<p><a rel=\"nofollow ugc\" href=\"/media/x.png\">a</a></p>\n"},
    {"[![a](https://t/x)](https://u)", VP_MARKDOWN_COMMENT,
     "<p><a rel=\"nofollow ugc\" href=\"https://u\">a</a></p>\n"},
    {"![a](data:image/png;base64,x)", VP_MARKDOWN_ARTICLE, "<p>a</p>\n"},
};

static void renders_safely(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rendered); i++) {
        vp_buf html;
        vp_buf_init(&html, 4096);
        assert_int_equal(
            vp_markdown_render(vp_str_of(rendered[i].text), rendered[i].kind, &html, NULL), VP_OK);
        assert_string_equal(html.len ? html.data : "", rendered[i].html);
        vp_buf_release(&html);
    }
}

static void keeps_its_cap(void **state) {
    (void)state;
    vp_buf html;
    vp_buf_init(&html, 10);
    assert_int_equal(
        vp_markdown_render(VP_STR("longer than that"), VP_MARKDOWN_COMMENT, &html, NULL),
        VP_ETOOBIG);
    vp_buf_release(&html);
}

static const struct {
    const char *piece, *without; /* without: what the output must not have */
    vp_err outcome;
} hard[] = {
    {"|||||\n|-|-|\n", "<table", VP_OK}, /* took 0.3 s at 10,000 characters */
    {"> |||||\n> |-|-|\n", "<table", VP_OK},
    {"x@a.", "<a", VP_OK}, /* took 31 ms */
    {"[", "", VP_ETOOBIG},
    {"![[]()", "", VP_ETOOBIG},
    {">", "", VP_ETOOBIG},
};

static void gives_hard_texts_no_time(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(hard); i++) {
        vp_buf text, html;
        vp_buf_init(&text, 16 * 1024);
        vp_buf_init(&html, 256 * 1024);
        while (text.len < 10000) vp_buf_adds(&text, hard[i].piece);
        CHECK_ROW(i, vp_markdown_render(vp_buf_str(&text), VP_MARKDOWN_COMMENT, &html, NULL) ==
                         hard[i].outcome);
        CHECK_ROW(i, hard[i].outcome || !strstr(html.data, hard[i].without));
        vp_buf_release(&text);
        vp_buf_release(&html);
    }
}

static void keeps_ordinary_tables(void **state) {
    (void)state;
    vp_buf text, html;
    vp_buf_init(&text, 64 * 1024);
    vp_buf_init(&html, 1024 * 1024);
    for (int t = 0; t < 20; t++) {
        vp_buf_adds(&text, "Ask desk@example.org:\n\n| a | b | c |\n|---|:-:|--:|\n");
        for (int i = 0; i < 50; i++) vp_buf_adds(&text, "| 1 | 2 | 3 |\n");
        vp_buf_adds(&text, "\n");
    }
    assert_int_equal(vp_markdown_render(vp_buf_str(&text), VP_MARKDOWN_ARTICLE, &html, NULL),
                     VP_OK);
    assert_non_null(strstr(html.data, "<table"));
    assert_non_null(strstr(html.data, "mailto:desk@example.org"));
    vp_buf_release(&text);
    vp_buf_release(&html);
}

#define TEN "ten chars "
static const struct {
    const char *text, *excerpt;
} excerpts[] = {
    {"**Bold** and `code`\n\nnext  paragraph", "Bold and code next paragraph"},
    {"<script>x</script>", ""},
    {"> quoted\n\n- item", "quoted item"},
    {TEN TEN TEN TEN TEN TEN TEN TEN "ninecharz", TEN TEN TEN TEN TEN TEN TEN TEN "ninecharz"},
    {TEN TEN TEN TEN TEN TEN TEN TEN TEN, TEN TEN TEN TEN TEN TEN TEN TEN "ten chars"},
    {TEN TEN TEN TEN TEN TEN TEN TEN TEN "more", TEN TEN TEN TEN TEN TEN TEN TEN "ten chars…"},
    {TEN TEN TEN TEN TEN TEN TEN TEN "a nineteen", TEN TEN TEN TEN TEN TEN TEN TEN "a nineteen"},
    {TEN TEN TEN TEN TEN TEN TEN TEN "a nineteen b", TEN TEN TEN TEN TEN TEN TEN TEN "a…"},
    {TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN, TEN TEN TEN TEN TEN TEN TEN TEN "ten chars…"},
};

static size_t characters(vp_str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += (s.p[i] & 0xC0) != 0x80;
    return n;
}

static void takes_first_words(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(excerpts); i++) {
        vp_buf html, excerpt;
        vp_buf_init(&html, 4096);
        vp_buf_init(&excerpt, 512);
        assert_int_equal(
            vp_markdown_render(vp_str_of(excerpts[i].text), VP_MARKDOWN_COMMENT, &html, &excerpt),
            VP_OK);
        assert_string_equal(excerpt.len ? excerpt.data : "", excerpts[i].excerpt);
        vp_buf_release(&html);
        vp_buf_release(&excerpt);
    }
}

static void cuts_long_words_between_characters(void **state) {
    (void)state;
    vp_buf text, out;
    vp_buf_init(&text, 4096);
    vp_buf_init(&out, 4096);
    for (int i = 0; i < 200; i++) vp_buf_adds(&text, "語");
    vp_text_excerpt(vp_buf_str(&text), 90, &out);
    assert_int_equal(characters(vp_buf_str(&out)), 90);
    assert_true(vp_str_is_utf8(vp_buf_str(&out)));
    vp_buf_clear(&out);
    vp_text_excerpt(VP_STR("a\x01\n b"), 90, &out);
    assert_string_equal(out.data, "a b");
    vp_buf_release(&text);
    vp_buf_release(&out);
}

static void knows_one_line(void **state) {
    (void)state;
    assert_true(vp_text_is_line(VP_STR("Zoë O’Neil <b> 語")));
    assert_false(vp_text_is_line(VP_STR("a\nb")));
    assert_false(vp_text_is_line(VP_STR("a\x7f")));
    assert_false(vp_text_is_line(VP_STR("a\xc2\x85")));     /* next line */
    assert_false(vp_text_is_line(VP_STR("a\xe2\x80\xae"))); /* right-to-left override */
    assert_true(vp_text_is_line(VP_STR("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_safely),
        cmocka_unit_test(keeps_its_cap),
        cmocka_unit_test(gives_hard_texts_no_time),
        cmocka_unit_test(keeps_ordinary_tables),
        cmocka_unit_test(takes_first_words),
        cmocka_unit_test(cuts_long_words_between_characters),
        cmocka_unit_test(knows_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
