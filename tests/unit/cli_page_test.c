/* cli_page_test.c - page files: both shapes, what is refused and where, and that plain text reads
 * back exactly through the renderer that readers get. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "markdown.h"
#include "page.h"

static vp_err parse(const char *text, cli_page *page, vp_fault *why) {
    *why = (vp_fault){0};
    return cli_page_parse(vp_str_of(text), page, why);
}

/* -- both shapes ------------------------------------------------------------------------------- */

/* A page as found, with much that is shown there and loaded nowhere. */
static const char found[] =
    "{\"about\":\"a page\",\"article\":{\"title\":\"Ferry to Nowhere\",\"paragraphs\":[\"It left "
    "at 9.  Nobody waved.\",\"# not a heading\"]},\"contributor\":{\"display_name\":\"Ada B. "
    "Lune\",\"box\":\"The Contributor\",\"twitter\":\"ada_lune\",\"email_link_text\":\"Email: "
    "here\"},\"reply_form\":\"Leave a Reply\",\"poll\":{\"heading\":\"Say!\",\"question\":\"Where "
    "to?\",\"links\":[\"View Results\"],\"state_text\":\"Loading ...\",\"options_note\":\"ours\","
    "\"options\":[\"North\",\"South\",\"Home\"]},\"recent_comments\":[{\"author\":\"W.P\","
    "\"excerpt\":\"2 * 3 * 4\"},{\"author\":\"Bo\",\"excerpt\":\"Thanks!\"}]}";

static void reads_a_page_as_found(void **state) {
    cli_page p;
    vp_fault why;
    assert_int_equal(parse(found, &p, &why), VP_OK);
    assert_string_equal(p.title, "Ferry to Nowhere");
    assert_null(p.slug);
    assert_null(p.tags);
    assert_string_equal(p.body_markdown, "It left at 9.  Nobody waved.\n\n\\# not a heading");
    assert_string_equal(p.contributor.handle, "ada-b-lune");
    assert_string_equal(p.contributor.bio_markdown, "");
    assert_int_equal(json_array_size(p.contributor.links), 1);
    const json_t *link = json_array_get(p.contributor.links, 0);
    assert_string_equal(json_string_value(json_object_get(link, "rel")), "twitter");
    assert_string_equal(json_string_value(json_object_get(link, "href")),
                        "https://twitter.com/ada_lune");
    assert_true(p.poll.present);
    assert_string_equal(p.poll.kind, "single");
    assert_int_equal(p.poll.max_choices, 1);
    assert_null(p.poll.votes);
    assert_int_equal(p.n_comments, 2);
    assert_string_equal(p.comments[0].author, "W.P");
    assert_string_equal(p.comments[0].body_markdown, "2 \\* 3 \\* 4");
    assert_int_equal(p.comments[1].parent, -1);
    cli_page_release(&p);
}

static const char written[] =
    "{\"article\":{\"title\":\"T\",\"slug\":\"t\",\"summary\":\"S\",\"tags\":[\"a\",\"b\"],"
    "\"language\":\"en\",\"body_markdown\":\"**b**\"},\"contributor\":{\"handle\":\"dele\","
    "\"display_name\":\"Dele\",\"bio_markdown\":\"B\",\"links\":[{\"rel\":\"site\",\"href\":"
    "\"https://example.org/\"}]},\"poll\":{\"question\":\"Q\",\"options\":[\"x\",\"y\",\"z\"],"
    "\"kind\":\"multiple\",\"opens_in\":0,\"closes_in\":60,\"votes\":[3,0,2],\"close\":true},"
    "\"comments\":[{\"author\":\"A\",\"body_markdown\":\"*one*\",\"replies\":[{\"author\":\"B\","
    "\"body_markdown\":\"two\",\"replies\":[{\"author\":\"C\",\"body_markdown\":\"three\"}]},"
    "{\"author\":\"D\",\"body_markdown\":\"four\"}]},{\"author\":\"E\",\"body_markdown\":"
    "\"five\"}]}";

static void reads_a_written_page(void **state) {
    static const int parents[] = {-1, 0, 1, 0, -1};
    cli_page p;
    vp_fault why;
    assert_int_equal(parse(written, &p, &why), VP_OK);
    assert_string_equal(p.body_markdown, "**b**");
    assert_int_equal(json_array_size(p.tags), 2);
    assert_string_equal(p.contributor.handle, "dele");
    assert_int_equal(p.poll.min_choices, 1);
    assert_int_equal(p.poll.max_choices, 3);
    assert_int_equal(p.poll.closes_in, 60);
    assert_true(p.poll.close);
    assert_int_equal(json_array_size(p.poll.votes), 3);
    assert_int_equal(p.n_comments, COUNT(parents));
    for (size_t i = 0; i < COUNT(parents); i++) CHECK_ROW(i, p.comments[i].parent == parents[i]);
    assert_string_equal(p.comments[0].body_markdown, "*one*");
    cli_page_release(&p);
}

static void reads_the_least(void **state) {
    cli_page p;
    vp_fault why;
    assert_int_equal(
        parse("{\"article\":{\"title\":\"T\",\"body_markdown\":\"b\"},\"poll\":null}", &p, &why),
        VP_OK);
    assert_false(p.contributor.present || p.poll.present);
    assert_int_equal(p.n_comments, 0);
    cli_page_release(&p);
}

static void read_file(const char *path, cli_page *page) {
    char text[65536];
    vp_fault why = {0};
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    assert_in_range(n, 1, sizeof text - 1);
    if (cli_page_parse(vp_str_n(text, n), page, &why)) fail_msg("%s: %s", path, why.text);
}

static void reads_every_demo_page(void **state) {
    glob_t files = {0};
    int comments = 0, polls = 0;
    assert_int_equal(glob(SOURCE_ROOT "/cli/demo/[0-9]*.json", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        cli_page p;
        read_file(files.gl_pathv[i], &p);
        comments += p.n_comments;
        polls += p.poll.present;
        cli_page_release(&p);
    }
    assert_int_equal(files.gl_pathc, 13);
    assert_int_equal(comments, 118);
    assert_int_equal(polls, 3);
    globfree(&files);
}

/* -- what is refused, with its place ----------------------------------------------------------- */

#define ARTICLE      "\"article\":{\"title\":\"T\",\"body_markdown\":\"b\"}"
#define WITH(more)   "{" ARTICLE "," more "}"
#define POLL(more)   WITH("\"poll\":{\"question\":\"Q\",\"options\":[\"x\",\"y\"]" more "}")
#define PERSON(more) WITH("\"contributor\":{\"display_name\":\"D\"" more "}")

static const struct {
    const char *text, *place;
} refused[] = {
    {"", "line 1"},
    {"[]", "the page must be an object"},
    {"{}", "/article is needed"},
    {"{\"article\":[]}", "/article must be"},
    {WITH("\"extra\":1"), "/extra is not a field"},
    {WITH("\"a/b~c\":1"), "/a~1b~0c is not a field"},
    {WITH("\"comments\":{}"), "/comments must be"},
    {"{\"article\":{\"body_markdown\":\"b\"}}", "/article/title is needed"},
    {"{\"article\":{\"title\":7,\"body_markdown\":\"b\"}}", "/article/title must be"},
    {"{\"article\":{\"title\":\"T\"}}", "/article must have either"},
    {"{\"article\":{\"title\":\"T\",\"body_markdown\":\"b\",\"paragraphs\":[\"p\"]}}",
     "/article must have either"},
    {"{\"article\":{\"title\":\"T\",\"paragraphs\":[]}}", "/article/paragraphs must"},
    {"{\"article\":{\"title\":\"T\",\"paragraphs\":[\"p\",\" \\n\"]}}",
     "/article/paragraphs/1 must be a text"},
    {"{\"article\":{\"title\":\"T\",\"paragraphs\":[\"p\",2]}}", "/article/paragraphs/1 must be"},
    {"{\"article\":{\"title\":\"T\",\"body_markdown\":\"b\",\"tags\":[\"\"]}}",
     "/article/tags/0 must be"},
    {"{\"article\":{\"title\":\"T\",\"body_markdown\":\"b\",\"author\":\"x\"}}",
     "/article/author is not a field"},
    {WITH("\"contributor\":{}"), "/contributor/display_name is needed"},
    {WITH("\"contributor\":{\"display_name\":\"\xE6\xBC\xA2\"}"), "/contributor/handle is needed"},
    {PERSON(",\"handle\":\"A b\""), "/contributor/handle must"},
    {PERSON(",\"handle\":\"../x\""), "/contributor/handle must"},
    {PERSON(",\"twitter\":\"a/b\""), "/contributor/twitter must"},
    {PERSON(",\"twitter\":\"@\""), "/contributor/twitter must"},
    {PERSON(",\"links\":[{\"rel\":\"site\"}]"), "/contributor/links/0/href is needed"},
    {PERSON(",\"links\":[\"x\"]"), "/contributor/links/0 must be an object"},
    {WITH("\"poll\":{\"question\":\"Q\",\"options\":[\"x\"]}"), "/poll/options must"},
    {WITH("\"poll\":{\"question\":\"Q\",\"options\":[\"x\",{}]}"), "/poll/options/1 must"},
    {POLL(",\"kind\":\"both\""), "/poll/kind must be one of"},
    {POLL(",\"max_choices\":3,\"kind\":\"multiple\""), "/poll/max_choices must"},
    {POLL(",\"max_choices\":2"), "/poll/max_choices must be 1"},
    {POLL(",\"min_choices\":2"), "/poll/min_choices must"},
    {POLL(",\"opens_in\":-1"), "/poll/opens_in must"},
    {POLL(",\"opens_in\":9,\"closes_in\":9"), "/poll/closes_in must be later"},
    {POLL(",\"votes\":[1]"), "/poll/votes must have one number for each option"},
    {POLL(",\"votes\":[1,-1]"), "/poll/votes/1 must be a number"},
    {POLL(",\"votes\":[1,\"2\"]"), "/poll/votes/1 must be a number"},
    {POLL(",\"votes\":[20000,1]"), "/poll/votes are too many"},
    {POLL(",\"votes\":[1,1],\"opens_in\":9"), "/poll/votes cannot be cast"},
    {POLL(",\"votes\":[1,1],\"kind\":\"multiple\",\"min_choices\":2"), "/poll/votes are of one"},
    {POLL(",\"close\":1"), "/poll/close must"},
    {WITH("\"comments\":[{\"author\":\"A\"}]"), "/comments/0/body_markdown is needed"},
    {WITH("\"comments\":[{\"author\":\"A\",\"body_markdown\":\"b\",\"replies\":[{\"author\":\"\","
          "\"body_markdown\":\"b\"}]}]"),
     "/comments/0/replies/0/author must not be empty"},
    {WITH("\"comments\":[{\"author\":\"A\",\"body_markdown\":\"1\",\"replies\":[{\"author\":\"A\","
          "\"body_markdown\":\"2\",\"replies\":[{\"author\":\"A\",\"body_markdown\":\"3\","
          "\"replies\":[{\"author\":\"A\",\"body_markdown\":\"4\"}]}]}]}]"),
     "/comments/0/replies/0/replies/0/replies is deeper than three levels"},
    {WITH("\"recent_comments\":[{\"author\":\"A\",\"text\":\"b\"}]"),
     "/recent_comments/0/excerpt is needed"},
    {WITH("\"comments\":[{\"author\":\"A\",\"body_markdown\":\"b\"}],\"recent_comments\":[{"
          "\"author\":\"A\",\"excerpt\":\"b\"}]"),
     "/recent_comments stands in place of"},
};

static void refuses_with_the_place(void **state) {
    for (size_t i = 0; i < COUNT(refused); i++) {
        cli_page p;
        vp_fault why;
        vp_err rc = parse(refused[i].text, &p, &why);
        CHECK_ROW(i, rc == VP_EINVAL || rc == VP_ESYNTAX);
        CHECK_ROW(i, p.source == NULL && p.comments == NULL);
        if (strncmp(why.text, refused[i].place, strlen(refused[i].place)) != 0)
            fail_msg("row %d: \"%s\" should begin with \"%s\"", (int)i, why.text, refused[i].place);
    }
}

static void refuses_too_many_comments(void **state) {
    vp_buf text;
    cli_page p;
    vp_fault why;
    vp_buf_init(&text, CLI_PAGE_BYTES);
    vp_buf_adds(&text, "{" ARTICLE ",\"comments\":[{\"author\":\"A\",\"body_markdown\":\"b\","
                       "\"replies\":[");
    for (int i = 0; i < CLI_COMMENTS_MAX; i++)
        vp_buf_addf(&text, "%s{\"author\":\"A\",\"body_markdown\":\"b\"}", i ? "," : "");
    vp_buf_adds(&text, "]}]}");
    assert_int_equal(parse(text.data, &p, &why), VP_EINVAL);
    assert_string_equal(why.text, "/comments/0/replies/1999 is one comment too many");
    vp_buf_release(&text);
}

/* -- plain text as Markdown -------------------------------------------------------------------- */

static const char *const plain[] = {
    "Nothing special, it’s “plain” (really) - 100% & more; a/b = c!",
    "two  spaces   stay",
    "*a* **b** _c_ __d__ ~~e~~ ~f~ `g` ``h``",
    "a*b*c a_b_c * _ ` ~",
    "# a heading",
    "####### seven",
    "> quoted",
    "- item",
    "+ item",
    "-",
    "1. item",
    "23) item",
    "123456789. item",
    "1.5 percent of 2. and 3) rest",
    "---",
    "***",
    "___",
    "- - -",
    "===",
    "~~~ c",
    "``` c",
    "    four spaces",
    "\ta tab",
    "  leading, and trailing  ",
    "trailing tab\t",
    "one line\nanother line\n\nand one after a blank",
    "hard  \nbreak and \\\nbackslash",
    "a\r\nb\fc\vd",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "[link](https://example.org) ![image](x.png) [ref] [ref]: /x",
    "[ref]: https://example.org \"title\"",
    "[^1] and [^1]: footnote",
    "<b>bold</b> <script>alert(1)</script> <!-- c --> <https://example.org> <a@example.org>",
    "<div>\nblock",
    "&amp; &lt; &copy; &#35; &#x41; &; AT&T R&D &nbsp;",
    "\\ \\\\ \\* \\& backslashes\\",
    "see https://example.org/a_b_c*d?x=1&y=2 or http://x.example, or ftp://f.example/~u",
    "www.example.org/a_b and mail me_too@example.org or mailto:a_b@example.org",
    "a@b.c_d _x_@y.example",
    "(www.example.org) \"https://example.org\"",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "\xC2\xA0non-breaking\xC2\xA0 \xE6\xBC\xA2\xE5\xAD\x97 \xF0\x9F\x8E\x89*",
    "- [ ] task",
    ":::",
    "Setext\n===",
    "a\n- b",
};

/* The text of HTML: without its tags, entities undone. */
static void add_text(vp_buf *out, const char *html) {
    static const struct {
        const char *entity;
        char c;
    } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
    for (const char *p = html; *p;) {
        size_t i = 0;
        while (i < COUNT(entities) && strncmp(p, entities[i].entity, strlen(entities[i].entity)))
            i++;
        if (*p == '<') {
            p = strchr(p, '>') + 1;
        } else if (i < COUNT(entities)) {
            vp_buf_addc(out, entities[i].c);
            p += strlen(entities[i].entity);
        } else {
            vp_buf_addc(out, *p++);
        }
    }
}

static bool reads_back(vp_str text, vp_markdown_kind kind) {
    vp_buf markdown, html, read;
    vp_buf_init(&markdown, 65536);
    vp_buf_init(&html, 65536);
    vp_buf_init(&read, 65536);
    cli_markdown_escape(&markdown, text);
    bool ok = vp_markdown_render(vp_buf_str(&markdown), kind, &html, NULL) == VP_OK;
    ok = ok && strncmp(html.data, "<p>", 3) == 0 && !strstr(html.data + 3, "<p>");
    if (ok) add_text(&read, html.data);
    /* The renderer ends a paragraph with a line feed of its own. */
    ok = ok && read.len == text.n + 1 && memcmp(read.data, text.p, text.n) == 0;
    if (!ok) print_error("\"%s\" became \"%s\"\n", markdown.data, html.data);
    vp_buf_release(&markdown);
    vp_buf_release(&html);
    vp_buf_release(&read);
    return ok;
}

static void text_reads_back_exactly(void **state) {
    for (size_t i = 0; i < COUNT(plain); i++) {
        CHECK_ROW(i, reads_back(vp_str_of(plain[i]), VP_MARKDOWN_ARTICLE));
        CHECK_ROW(i, reads_back(vp_str_of(plain[i]), VP_MARKDOWN_COMMENT));
    }
}

/* Texts put together of what is special, the same ones each time. */
static void any_text_reads_back(void **state) {
    static const char *const pieces[] = {
        "a",    "b ",        " ", "  ", "\n",   "*",    "_",       "`", "~",  "[",
        "]",    "(",         ")", "<",  ">",    "#",    "-",       "+", "1",  ".",
        "=",    "|",         "!", "&",  "amp;", "#35;", "\\",      ":", "//", "https://x.example",
        "www.", "x.example", "@", "\"", "'",    "\t",   "\xC3\xA9"};
    uint64_t seed = 0x9E3779B97F4A7C15u;
    for (int round = 0; round < 40000; round++) {
        vp_buf text;
        vp_buf_init(&text, 1024);
        vp_buf_addc(&text, round % 2 ? 'w' : '.');
        if (round % 3) vp_buf_clear(&text);
        for (int i = 0; i < 1 + round % 9; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            vp_buf_adds(&text, pieces[(seed >> 33) % COUNT(pieces)]);
        }
        if (vp_str_trim(vp_buf_str(&text)).n)
            CHECK_ROW(round, reads_back(vp_buf_str(&text), VP_MARKDOWN_ARTICLE));
        vp_buf_release(&text);
    }
}

static void plain_text_stays_readable(void **state) {
    static const struct {
        const char *text, *markdown;
    } rows[] = {
        {"It left at 9. Nobody waved.", "It left at 9. Nobody waved."},
        {"9. Nobody", "9\\. Nobody"},
        {"A - B + C > D # E", "A - B + C > D # E"},
        {"- A", "\\- A"},
        {"R & D, AT&T", "R & D, AT\\&T"},
        {"https://x.example", "https\\://x.example"},
        {"Note: w.example", "Note: w.example"},
        {" a\nb ", "&#32;a&#10;b&#32;"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_buf out;
        vp_buf_init(&out, 256);
        cli_markdown_escape(&out, vp_str_of(rows[i].text));
        CHECK_ROW(i, vp_str_eq(vp_buf_str(&out), vp_str_of(rows[i].markdown)));
        vp_buf_release(&out);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_page_as_found),     cmocka_unit_test(reads_a_written_page),
        cmocka_unit_test(reads_the_least),           cmocka_unit_test(reads_every_demo_page),
        cmocka_unit_test(refuses_with_the_place),    cmocka_unit_test(refuses_too_many_comments),
        cmocka_unit_test(text_reads_back_exactly),   cmocka_unit_test(any_text_reads_back),
        cmocka_unit_test(plain_text_stays_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
