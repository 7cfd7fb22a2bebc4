/* mustache_test.c - the Mustache engine: the public specification's files when they are at hand,
 * a table of our own that does not need them, errors, caps and templates made to hurt.
 *
 * VOXPOP_SHARED_SPEC names the folder of the specification's files; without it they are sought in
 * SOURCE_ROOT/../shared/spec/mustache. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "mem.h"
#include "mustache.h"

enum { OUT_MAX = 1 << 20 };

static json_t *parse(const char *text) {
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &error);
    if (!value) fail_msg("%s: %s", error.text, text);
    return value;
}

static void add(vp_mustache_set *set, const char *name, const char *text) {
    vp_fault why = {{0}};
    if (vp_mustache_add(set, vp_str_of(name), vp_str_of(text), &why)) fail_msg("%s", why.text);
}

static vp_mustache_set *set_of(const char *text) {
    vp_mustache_set *set = NULL;
    assert_int_equal(vp_mustache_set_new(&set), VP_OK);
    if (text) add(set, "main", text);
    return set;
}

/* Renders and compares; says what differs and returns false. partials: an object or NULL. */
static bool renders(const char *name, const char *text, json_t *partials, const json_t *data,
                    const char *expected) {
    vp_mustache_set *set = set_of(text);
    vp_fault why = {{0}};
    vp_buf out;
    const char *key;
    json_t *value;
    vp_buf_init(&out, OUT_MAX);
    json_object_foreach(partials, key, value) {
        add(set, key, json_string_value(value));
    }
    vp_err rc = vp_mustache_render(set, VP_STR("main"), data, &out, &why);
    bool same = !rc && vp_str_eq(vp_buf_str(&out), vp_str_of(expected));
    if (!same) {
        print_error("%s: template <%s> gives <%s>%s, not <%s>\n", name, text,
                    out.data ? out.data : "", why.text, expected);
    }
    vp_buf_release(&out);
    vp_mustache_set_destroy(&set);
    return same;
}

/* ---- the public specification ---- */

static void spec_folder(char *path, size_t n) {
    const char *given = getenv("VOXPOP_SHARED_SPEC");
    snprintf(path, n, "%s", given && *given ? given : SOURCE_ROOT "/../shared/spec/mustache");
}

static int run_spec_file(const char *folder, const char *file, size_t *n_run) {
    char path[4200];
    json_error_t error;
    size_t i;
    json_t *test;
    int failures = 0;
    snprintf(path, sizeof path, "%s/%s.json", folder, file);
    json_t *spec = json_load_file(path, 0, &error);
    if (!spec) fail_msg("%s: %s", path, error.text);
    json_array_foreach(json_object_get(spec, "tests"), i, test) {
        failures += !renders(json_string_value(json_object_get(test, "name")),
                             json_string_value(json_object_get(test, "template")),
                             json_object_get(test, "partials"), json_object_get(test, "data"),
                             json_string_value(json_object_get(test, "expected")));
        ++*n_run;
    }
    json_decref(spec);
    return failures;
}

static void passes_the_specification(void **state) {
    static const char *const files[] = {"comments",      "delimiters", "inverted",
                                        "interpolation", "partials",   "sections"};
    char folder[4096];
    size_t n_run = 0;
    int failures = 0;
    spec_folder(folder, sizeof folder);
    if (access(folder, R_OK)) {
        print_message("NOT RUN: the Mustache specification is not at %s; "
                      "only this test's own table is checked\n",
                      folder);
        return;
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        failures += run_spec_file(folder, files[i], &n_run);
    }
    print_message("the Mustache specification: %zu tests, %d fail\n", n_run, failures);
    assert_int_equal(failures, 0);
    assert_true(n_run > 100);
}

/* ---- our own table ---- */

static const struct {
    const char *name, *text, *data, *expected, *partials;
} cases[] = {
    /* text and values */
    {"empty template", "", "{}", ""},
    {"text only", "one } two { three\n", "{}", "one } two { three\n"},
    {"a lone opening brace", "{ {x} }", "{\"x\":1}", "{ {x} }"},
    {"value", "Poll {{title}}.", "{\"title\":\"Trams\"}", "Poll Trams."},
    {"two values touching", "{{a}}{{b}}", "{\"a\":\"x\",\"b\":\"y\"}", "xy"},
    {"blanks within the tag", "{{  a\t}}", "{\"a\":\"x\"}", "x"},
    {"line ends within the tag", "<{{\n a\r\n}}>", "{\"a\":\"x\"}", "<x>"},
    {"missing", "<{{a}}>", "{}", "<>"},
    {"null", "<{{a}}>", "{\"a\":null}", "<>"},
    {"true and false", "{{t}} {{f}}", "{\"t\":true,\"f\":false}", "true false"},
    {"an object is no value", "<{{a}}>", "{\"a\":{\"b\":1}}", "<>"},
    {"a list is no value", "<{{a}}>", "{\"a\":[1,2]}", "<>"},
    {"a name in UTF-8", "{{größe}}", "{\"größe\":\"ü\"}", "ü"},
    {"a name with a hyphen", "{{a-b}}", "{\"a-b\":\"x\"}", "x"},
    {"no second rendering", "{{a}}", "{\"a\":\"{{b}}\",\"b\":\"no\"}", "{{b}}"},
    {"data that is no object", "<{{a}}>", "[1]", "<>"},
    /* numbers */
    {"integer", "{{n}}", "{\"n\":-42}", "-42"},
    {"large integer", "{{n}}", "{\"n\":9007199254740993}", "9007199254740993"},
    {"zero", "{{n}}", "{\"n\":0}", "0"},
    {"real", "{{n}}", "{\"n\":2.75}", "2.75"},
    {"real with no exact form", "{{n}}", "{\"n\":0.1}", "0.1"},
    {"real of 16 digits", "{{n}}", "{\"n\":0.30000000000000004}", "0.30000000000000004"},
    {"whole real", "{{n}}", "{\"n\":50.0}", "50"},
    /* escaping */
    {"escaped", "{{a}}", "{\"a\":\"<b class=\\\"x\\\">&</b>\"}",
     "&lt;b class=&quot;x&quot;&gt;&amp;&lt;/b&gt;"},
    {"apostrophe", "{{a}}", "{\"a\":\"it's\"}", "it&#39;s"},
    {"three braces", "{{{a}}}", "{\"a\":\"<i>\"}", "<i>"},
    {"three braces with blanks", "{{{ a }}}", "{\"a\":\"<i>\"}", "<i>"},
    {"ampersand", "{{& a}}", "{\"a\":\"<i>\"}", "<i>"},
    {"braces around a tag", "{{{a}}}}", "{\"a\":\"<i>\"}", "<i>}"},
    {"escaped twice over", "{{a}}", "{\"a\":\"&amp;\"}", "&amp;amp;"},
    /* dotted names */
    {"dotted", "{{a.b.c}}", "{\"a\":{\"b\":{\"c\":7}}}", "7"},
    {"dotted, broken", "<{{a.b.c}}>", "{\"a\":{}}", "<>"},
    {"dotted through a text", "<{{a.b}}>", "{\"a\":\"text\"}", "<>"},
    {"dotted is no plain name", "<{{a.b}}>", "{\"a.b\":1}", "<>"},
    {"the first part decides", "{{#in}}<{{a.b}}>{{/in}}", "{\"a\":{\"b\":1},\"in\":{\"a\":{}}}",
     "<>"},
    {"null in the inner context decides", "{{#in}}<{{a}}>{{/in}}", "{\"a\":1,\"in\":{\"a\":null}}",
     "<>"},
    /* sections */
    {"section, true", "{{#a}}yes{{/a}}", "{\"a\":true}", "yes"},
    {"section, false", "{{#a}}yes{{/a}}", "{\"a\":false}", ""},
    {"section, missing", "{{#a}}yes{{/a}}", "{}", ""},
    {"section, empty text", "{{#a}}yes{{/a}}", "{\"a\":\"\"}", ""},
    {"section, text", "{{#a}}by {{.}}{{/a}}", "{\"a\":\"Ann\"}", "by Ann"},
    {"section, zero", "{{#a}}yes{{/a}}", "{\"a\":0}", ""},
    {"section, zero as a real", "{{#a}}yes{{/a}}", "{\"a\":0.0}", ""},
    {"section, number", "{{#a}}{{.}}{{/a}}", "{\"a\":3}", "3"},
    {"section, object", "{{#a}}{{b}}{{c}}{{/a}}", "{\"a\":{\"b\":1},\"c\":2}", "12"},
    {"section, empty object", "{{#a}}yes{{/a}}", "{\"a\":{}}", "yes"},
    {"section, list", "{{#a}}[{{b}}]{{/a}}", "{\"a\":[{\"b\":1},{\"b\":2}]}", "[1][2]"},
    {"section, empty list", "{{#a}}yes{{/a}}", "{\"a\":[]}", ""},
    {"section, list of falsy values", "{{#a}}[{{.}}]{{/a}}", "{\"a\":[0,\"\",false,null]}",
     "[0][][false][]"},
    {"section, dotted", "{{#a.b}}{{c}}{{/a.b}}", "{\"a\":{\"b\":[{\"c\":1},{\"c\":2}]}}", "12"},
    {"section within itself", "{{#a}}{{#a}}x{{/a}}{{/a}}", "{\"a\":true}", "x"},
    {"section after section", "{{#a}}1{{/a}}{{#b}}2{{/b}}{{#a}}3{{/a}}", "{\"a\":true}", "13"},
    {"list in list", "{{#.}}<{{#.}}{{.}}{{/.}}>{{/.}}", "[[1,2],[],[3]]", "<12><><3>"},
    {"outer names in a list", "{{#a}}{{.}}{{s}}{{/a}}", "{\"a\":[1,2],\"s\":\";\"}", "1;2;"},
    {"inner names hide outer ones", "{{#a}}{{x}}{{/a}}{{x}}", "{\"x\":1,\"a\":{\"x\":2}}", "21"},
    /* inverted sections */
    {"inverted, missing", "{{^a}}none{{/a}}", "{}", "none"},
    {"inverted, null", "{{^a}}none{{/a}}", "{\"a\":null}", "none"},
    {"inverted, empty list", "{{^a}}none{{/a}}", "{\"a\":[]}", "none"},
    {"inverted, zero", "{{^a}}none{{/a}}", "{\"a\":0}", "none"},
    {"inverted, list", "{{^a}}none{{/a}}", "{\"a\":[0]}", ""},
    {"inverted, object", "{{^a}}none{{/a}}!", "{\"a\":{}}", "!"},
    {"either or", "{{#a}}A{{/a}}{{^a}}B{{/a}}", "{\"a\":1}", "A"},
    {"section in inverted", "{{^a}}{{#b}}{{.}}{{/b}}{{/a}}", "{\"b\":[1,2]}", "12"},
    {"inverted in section", "{{#b}}{{^a}}{{.}}{{/a}}{{/b}}", "{\"b\":[1,2]}", "12"},
    {"inverted keeps the context", "{{#a}}{{^no}}{{.}}{{/no}}{{/a}}", "{\"a\":[1]}", "1"},
    /* comments */
    {"comment", "a{{! no }}b", "{\"! no\":1}", "ab"},
    {"comment of many lines", "a{{!\n#b\n{{/c\n}}d", "{}", "ad"},
    {"comment alone on its line", "a\n  {{! no }}  \nb", "{}", "a\nb"},
    /* lines that a tag has for itself */
    {"section alone on its lines", "<ul>\n  {{#a}}\n  <li>{{.}}\n  {{/a}}\n</ul>\n",
     "{\"a\":[1,2]}", "<ul>\n  <li>1\n  <li>2\n</ul>\n"},
    {"alone, tabs", "a\n\t{{#a}}\t\nb\n{{/a}}\t\nc", "{\"a\":1}", "a\nb\nc"},
    {"alone, CR LF", "a\r\n{{#a}}\r\nb\r\n{{/a}}\r\nc", "{\"a\":1}", "a\r\nb\r\nc"},
    {"alone at both ends", "{{#a}}\nb\n{{/a}}", "{\"a\":1}", "b\n"},
    {"alone, one after another", "{{#a}}\n{{#b}}\nx\n{{/b}}\n{{/a}}\ny", "{\"a\":1,\"b\":1}",
     "x\ny"},
    {"a lone CR is no line end", "{{#a}}\rb{{/a}}", "{\"a\":1}", "\rb"},
    {"a CR at the end is no line end", "{{#a}}{{/a}}\n{{! }}\r", "{\"a\":1}", "\n\r"},
    {"two tags on a line", "{{#a}} {{/a}}\nx", "{\"a\":1}", " \nx"},
    {"a comment of many lines, then text", "a\n{{! b\n c }} d\n", "{}", "a\n d\n"},
    {"values never stand alone", "  {{a}}\n  {{&a}}\n  {{{a}}}\n", "{\"a\":1}", "  1\n  1\n  1\n"},
    {"inverted alone", "{{^a}}\nx\n{{/a}}\n", "{}", "x\n"},
    /* delimiters */
    {"delimiters", "{{=<% %>=}}<%a%>{{a}}", "{\"a\":1}", "1{{a}}"},
    {"delimiters and back", "{{=<< >>=}}<<a>> <<={{ }}=>>{{a}}", "{\"a\":1}", "1 1"},
    {"delimiters of one byte", "{{=| |=}}|#a||b||/a|", "{\"a\":{\"b\":2}}", "2"},
    {"delimiters, unescaped", "{{=[ ]=}}[{a}][&a][a]", "{\"a\":\"<\"}", "<<&lt;"},
    {"delimiters alone on a line", "a\n {{=@ @=}} \nb@c@", "{\"c\":1}", "a\nb1"},
    {"delimiters within a section", "{{#a}}{{=( )=}}(b)(/a){{b}}", "{\"a\":1,\"b\":2}", "2{{b}}"},
    {"delimiters end with their template", "{{>p}}{{a}}", "{\"a\":1}", "11",
     "{\"p\":\"{{=( )=}}(a)\"}"},
    {"delimiters stay out of partials", "{{=( )=}}(>p)", "{\"a\":1}", "1(a)",
     "{\"p\":\"{{a}}(a)\"}"},
    /* partials */
    {"partial", "<{{>p}}>", "{\"a\":1}", "<1>", "{\"p\":\"{{a}}\"}"},
    {"partial with a path for a name", "{{> part/nav.top }}", "{}", "nav",
     "{\"part/nav.top\":\"nav\"}"},
    {"missing partial", "<{{>p}}>", "{}", "<>"},
    {"missing partial, alone", "a\n  {{>p}}\nb", "{}", "a\nb"},
    {"partial in a list", "{{#a}}{{>p}}{{/a}}", "{\"a\":[1,2]}", "(1)(2)", "{\"p\":\"({{.}})\"}"},
    {"partial of partials", "{{>p}}", "{\"a\":1}", "1-1",
     "{\"p\":\"{{>q}}-{{>q}}\",\"q\":\"{{a}}\"}"},
    {"partial calls itself", "{{>p}}", "{\"t\":1,\"r\":[{\"t\":2,\"r\":[{\"t\":3,\"r\":[]}]}]}",
     "1(2(3))", "{\"p\":\"{{t}}{{#r}}({{>p}}){{/r}}\"}"},
    {"partial's own section", "{{>p}}", "{\"a\":[1,2]}", "12", "{\"p\":\"{{#a}}{{.}}{{/a}}\"}"},
    /* partials with indentation */
    {"indented", "<a>\n  {{>p}}\n</a>\n", "{}", "<a>\n  1\n  2\n</a>\n", "{\"p\":\"1\\n2\\n\"}"},
    {"indented, empty lines too", " {{>p}}\n", "{}", " 1\n \n 2\n", "{\"p\":\"1\\n\\n2\\n\"}"},
    {"indented, not within values", "  {{>p}}\n", "{\"a\":\"1\\n2\"}", "  1\n2\n  3\n",
     "{\"p\":\"{{{a}}}\\n3\\n\"}"},
    {"indented, value first", " {{>p}}", "{\"a\":1}", " 1\n 1", "{\"p\":\"{{a}}\\n{{a}}\"}"},
    {"indented, inline section", " {{>p}}", "{\"a\":[1,2]}", " 12\n",
     "{\"p\":\"{{#a}}{{.}}{{/a}}\\n\"}"},
    {"indented, section alone", " {{>p}}", "{\"a\":[1,2]}", " 1\n 2\n x",
     "{\"p\":\"{{#a}}\\n{{.}}\\n{{/a}}\\nx\"}"},
    {"indented, section ends a line late", " {{>p}}", "{\"a\":[1,2]}", " 1\n 2\n x",
     "{\"p\":\"{{#a}}{{.}}\\n{{/a}}x\"}"},
    {"indented, falsy inline section", " {{>p}}", "{}", " x", "{\"p\":\"{{#a}}y{{/a}}x\"}"},
    {"indented, comment first", " {{>p}}", "{}", " x", "{\"p\":\"{{!}}x\"}"},
    {"indented twice", " {{>p}}\n", "{}", " a\n   b\n   b\n c\n",
     "{\"p\":\"a\\n  {{>q}}\\nc\\n\",\"q\":\"b\\nb\\n\"}"},
    {"indented, inner one at the margin", " {{>p}}\n", "{}", " b\n b\n",
     "{\"p\":\"{{>q}}\\n\",\"q\":\"b\\nb\\n\"}"},
    {"indented, inner one inline", " {{>p}}\n", "{}", " -b\nb\n-\n c\n",
     "{\"p\":\"-{{>q}}-\\nc\\n\",\"q\":\"b\\nb\\n\"}"},
    {"indented by a tab", "\t{{>p}}\r\nx", "{}", "\t1\r\n\t2x", "{\"p\":\"1\\r\\n2\"}"},
    {"inline partial is not indented", "  {{a}} {{>p}}\n", "{\"a\":0}", "  0 1\n2\n",
     "{\"p\":\"1\\n2\"}"},
};

static void renders_every_case(void **state) {
    int failures = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *data = parse(cases[i].data);
        json_t *partials = cases[i].partials ? parse(cases[i].partials) : NULL;
        failures += !renders(cases[i].name, cases[i].text, partials, data, cases[i].expected);
        json_decref(partials);
        json_decref(data);
    }
    assert_int_equal(failures, 0);
}

/* ---- errors ---- */

static const struct {
    const char *text;
    vp_err rc;
    const char *why;
} wrong[] = {
    {"a\nb {{c", VP_ESYNTAX, "main:2: this tag is not closed"},
    {"{{{a}}", VP_ESYNTAX, "main:1: this tag is not closed"},
    {"{{! a", VP_ESYNTAX, "main:1: this tag is not closed"},
    {"{{=| |}}", VP_ESYNTAX, "main:1: this tag is not closed"},
    {"{{", VP_ESYNTAX, "main:1: this tag is not closed"},
    {"\n\n{{#a}}\n{{b}}", VP_ESYNTAX, "main:3: this section is not closed"},
    {"{{#a}}{{^b}}\n{{/b}}", VP_ESYNTAX, "main:1: this section is not closed"},
    {"{{a}}\n{{/a}}", VP_ESYNTAX, "main:2: this closes no section"},
    {"{{\na\n}}{{/a}}", VP_ESYNTAX, "main:3: this closes no section"},
    {"{{#a}}\n{{/b}}", VP_ESYNTAX, "main:2: section 'a' of line 1 is open here, not 'b'"},
    {"{{#a.b}}{{/a}}", VP_ESYNTAX, "main:1: section 'a.b' of line 1 is open here, not 'a'"},
    {"{{#a}}{{^b}}{{/a}}", VP_ESYNTAX, "main:1: section 'b' of line 1 is open here, not 'a'"},
    {"\n{{}}", VP_ESYNTAX, "main:2: a tag without a proper name"},
    {"{{#}}{{/}}", VP_ESYNTAX, "main:1: a tag without a proper name"},
    {"{{a b}}", VP_ESYNTAX, "main:1: a tag without a proper name"},
    {"{{a\x01}}", VP_ESYNTAX, "main:1: a tag without a proper name"},
    {"{{>}}", VP_ESYNTAX, "main:1: a partial without a name"},
    {"{{a.}}", VP_ESYNTAX, "main:1: a dotted name with an empty part"},
    {"{{.a}}", VP_ESYNTAX, "main:1: a dotted name with an empty part"},
    {"{{&a..b}}", VP_ESYNTAX, "main:1: a dotted name with an empty part"},
    {"{{=}}", VP_ESYNTAX, "main:1: this tag is not closed"},
    {"{{==}}", VP_ESYNTAX, "main:1: these are not two delimiters"},
    {"{{=|=}}", VP_ESYNTAX, "main:1: these are not two delimiters"},
    {"{{=| | |=}}", VP_ESYNTAX, "main:1: these are not two delimiters"},
    {"{{=a= b=}}", VP_ESYNTAX, "main:1: these are not two delimiters"},
    {"{{=1234567890123456 |=}}", VP_ESYNTAX, "main:1: these are not two delimiters"},
};

static void says_what_is_wrong(void **state) {
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        vp_mustache_set *set = set_of(NULL);
        vp_fault why = {{0}};
        vp_err rc = vp_mustache_add(set, VP_STR("main"), vp_str_of(wrong[i].text), &why);
        if (rc != wrong[i].rc) fail_msg("%s gives %d", wrong[i].text, rc);
        assert_string_equal(why.text, wrong[i].why);
        add(set, "main", "the name is still free");
        vp_mustache_set_destroy(&set);
        assert_null(set);
    }
}

static void refuses_names(void **state) {
    vp_mustache_set *set = set_of("x");
    char longest[VP_MUSTACHE_MAX_NAME + 1];
    memset(longest, 'n', sizeof longest);
    assert_int_equal(vp_mustache_add(set, VP_STR(""), VP_STR("x"), NULL), VP_EINVAL);
    assert_int_equal(vp_mustache_add(set, VP_STR("a b"), VP_STR("x"), NULL), VP_EINVAL);
    assert_int_equal(vp_mustache_add(set, VP_STR("main"), VP_STR("x"), NULL), VP_ECONFLICT);
    assert_int_equal(vp_mustache_add(set, vp_str_n(longest, sizeof longest), VP_STR("x"), NULL),
                     VP_EINVAL);
    assert_int_equal(vp_mustache_add(set, vp_str_n(longest, sizeof longest - 1), VP_STR("x"), NULL),
                     VP_OK);
    vp_mustache_set_destroy(&set);
    vp_mustache_set_destroy(&set);
    vp_mustache_set_destroy(NULL);
}

static void renders_only_what_was_added(void **state) {
    vp_mustache_set *set = set_of("{{>part}}");
    vp_fault why = {{0}};
    vp_buf out;
    vp_buf_init(&out, OUT_MAX);
    assert_int_equal(vp_mustache_render(set, VP_STR("part"), NULL, &out, &why), VP_ENOTFOUND);
    assert_string_equal(why.text, "no template 'part'");
    assert_int_equal(vp_mustache_render(set, VP_STR("mai"), NULL, &out, NULL), VP_ENOTFOUND);
    assert_int_equal(out.len, 0);
    assert_int_equal(vp_mustache_render(set, VP_STR("main"), NULL, &out, NULL), VP_OK);
    assert_int_equal(out.len, 0);
    add(set, "part", "{{.}}{{a}}late");
    assert_int_equal(vp_mustache_render(set, VP_STR("main"), NULL, &out, NULL), VP_OK);
    assert_int_equal(vp_mustache_render(set, VP_STR("main"), NULL, &out, NULL), VP_OK);
    assert_string_equal(out.data, "latelate");
    vp_buf_release(&out);
    vp_mustache_set_destroy(&set);
}

static void a_template_owns_its_text(void **state) {
    char text[] = "a {{b.c}}", name[] = "main";
    vp_mustache_set *set = set_of(NULL);
    vp_buf out;
    vp_buf_init(&out, OUT_MAX);
    json_t *data = parse("{\"b\":{\"c\":1}}");
    assert_int_equal(vp_mustache_add(set, vp_str_of(name), vp_str_of(text), NULL), VP_OK);
    assert_string_equal(text, "a {{b.c}}");
    memset(text, 'x', sizeof text);
    memset(name, 'x', sizeof name);
    assert_int_equal(vp_mustache_render(set, VP_STR("main"), data, &out, NULL), VP_OK);
    assert_string_equal(out.data, "a 1");
    json_decref(data);
    vp_buf_release(&out);
    vp_mustache_set_destroy(&set);
}

/* ---- caps ---- */

static char *repeat(const char *piece, size_t times) {
    size_t n = strlen(piece);
    char *text = vp_alloc(n * times + 1);
    for (size_t i = 0; i < times; i++) memcpy(text + i * n, piece, n);
    text[n * times] = '\0';
    return text;
}

/* Adding the piece `most` times works, once more does not. */
static void check_add_cap(const char *piece, size_t most, const char *cause) {
    for (size_t extra = 0; extra < 2; extra++) {
        vp_mustache_set *set = set_of(NULL);
        vp_fault why = {{0}};
        char *text = repeat(piece, most + extra);
        vp_err rc = vp_mustache_add(set, VP_STR("main"), vp_str_of(text), &why);
        assert_int_equal(rc, extra ? VP_ETOOBIG : VP_OK);
        if (extra && !strstr(why.text, cause)) fail_msg("%s", why.text);
        free(text);
        vp_mustache_set_destroy(&set);
    }
}

static void caps_templates(void **state) {
    check_add_cap("x", VP_MUSTACHE_MAX_TEXT, "main:1: the template is too long");
    check_add_cap("x{{a}}", VP_MUSTACHE_MAX_NODES / 2, "main:1: too many tags");
    check_add_cap("{{>a}}{{!}}", VP_MUSTACHE_MAX_NODES - 1, "main:1: too many tags");
}

static void caps_open_sections(void **state) {
    for (size_t n = VP_MUSTACHE_MAX_SECTIONS; n <= VP_MUSTACHE_MAX_SECTIONS + 1; n++) {
        vp_mustache_set *set = set_of(NULL);
        vp_fault why = {{0}};
        char *opens = repeat("{{#a}}\n", n), *closes = repeat("{{/a}}\n", n);
        vp_buf text;
        vp_buf_init(&text, OUT_MAX);
        vp_buf_adds(&text, opens);
        vp_buf_adds(&text, closes);
        vp_err rc = vp_mustache_add(set, VP_STR("main"), vp_buf_str(&text), &why);
        assert_int_equal(rc, n > VP_MUSTACHE_MAX_SECTIONS ? VP_ETOOBIG : VP_OK);
        assert_string_equal(why.text, rc ? "main:33: sections nest too deep" : "");
        vp_buf_release(&text);
        free(opens);
        free(closes);
        vp_mustache_set_destroy(&set);
    }
}

static void caps_the_set(void **state) {
    vp_mustache_set *set = set_of("{{>mentioned}}");
    vp_fault why = {{0}};
    for (int i = 2; i < VP_MUSTACHE_MAX_TEMPLATES; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        add(set, name, "{{>mentioned}}{{>main}}");
    }
    assert_int_equal(vp_mustache_add(set, VP_STR("more"), VP_STR(""), &why), VP_ETOOBIG);
    assert_string_equal(why.text, "more:1: too many templates");
    why.text[0] = '\0';
    assert_int_equal(vp_mustache_add(set, VP_STR("mentioned"), VP_STR("\n{{>more}}"), &why),
                     VP_ETOOBIG);
    assert_string_equal(why.text, "mentioned:2: too many partials");
    add(set, "mentioned", "x");
    vp_mustache_set_destroy(&set);
}

/* Expects that rendering fails for the cause, leaves out as it was, and says so. */
static void check_bomb(vp_mustache_set *set, const char *json, const char *cause) {
    vp_fault why = {{0}};
    vp_buf out;
    json_t *data = parse(json);
    vp_buf_init(&out, OUT_MAX);
    vp_buf_adds(&out, "before");
    vp_err rc = vp_mustache_render(set, VP_STR("main"), data, &out, &why);
    assert_string_equal(why.text, cause);
    assert_int_equal(rc, VP_ETOOBIG);
    assert_string_equal(out.data, "before");
    assert_int_equal(out.len, 6);
    vp_buf_release(&out);
    json_decref(data);
    vp_mustache_set_destroy(&set);
}

static void caps_recursion(void **state) {
    check_bomb(set_of("x{{>main}}"), "{}", "main: partials nest too deep");
    vp_mustache_set *set = set_of("{{>b}}");
    add(set, "b", "y\n{{>main}}");
    check_bomb(set, "{}", "main: partials nest too deep");
    check_bomb(set_of("{{#a}}{{#a}}{{#a}}{{>main}}{{/a}}{{/a}}{{/a}}"), "{\"a\":true}",
               "main: sections nest too deep");
    check_bomb(set_of("x\n     {{>main}}\n"), "{}", "main: partials are indented too far");
}

static void caps_steps(void **state) {
    /* Twelve lists of eight within each other, and not a byte of output. */
    vp_buf text;
    vp_buf_init(&text, OUT_MAX);
    for (int i = 0; i < 12; i++) vp_buf_adds(&text, "{{#a}}");
    for (int i = 0; i < 12; i++) vp_buf_adds(&text, "{{/a}}");
    check_bomb(set_of(text.data), "{\"a\":[1,2,3,4,5,6,7,8]}", "main: rendering takes too long");
    vp_buf_release(&text);
    /* Forty partials, each with two of the next one. */
    vp_mustache_set *set = set_of("{{>t0}}");
    for (int i = 0; i < 40; i++) {
        char name[16], twice[40];
        snprintf(name, sizeof name, "t%d", i);
        snprintf(twice, sizeof twice, "{{>t%d}}{{>t%d}}", i + 1, i + 1);
        add(set, name, twice);
    }
    vp_fault why = {{0}};
    vp_buf out;
    vp_buf_init(&out, OUT_MAX);
    assert_int_equal(vp_mustache_render(set, VP_STR("main"), NULL, &out, &why), VP_ETOOBIG);
    assert_non_null(strstr(why.text, ": rendering takes too long"));
    vp_buf_release(&out);
    vp_mustache_set_destroy(&set);
}

/* Few nodes, but each of them asks thirty contexts for a name that none has. */
static void caps_look_ups(void **state) {
    enum { DEPTH = 30, VALUES = 500, ROUNDS = 20 };
    char *opens = repeat("{{#o}}", DEPTH), *closes = repeat("{{/o}}", DEPTH);
    char *values = repeat("{{x}}", VALUES), *list = repeat("1,", ROUNDS - 1);
    vp_buf text, data;
    vp_buf_init(&text, OUT_MAX);
    vp_buf_init(&data, OUT_MAX);
    vp_buf_addf(&text, "%s{{#l}}%s{{/l}}%s", opens, values, closes);
    vp_buf_addf(&data, "{\"o\":{\"p\":1},\"l\":[%s1]}", list);
    assert_true(VALUES * ROUNDS * 2 < VP_MUSTACHE_MAX_STEPS);
    check_bomb(set_of(text.data), data.data, "main: rendering takes too long");
    vp_buf_release(&text);
    vp_buf_release(&data);
    free(opens);
    free(closes);
    free(values);
    free(list);
}

static void caps_output(void **state) {
    static const char *const texts[] = {"{{a}}{{a}}", "{{{a}}}{{{a}}}{{{a}}}", "{{>p}}",
                                        "123456789012345678901234567890123"};
    json_t *data = parse("{\"a\":\"<<<<<<<<<<<<\"}");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        vp_mustache_set *set = set_of(texts[i]);
        vp_fault why = {{0}};
        vp_buf out;
        add(set, "p", "{{a}}");
        vp_buf_init(&out, 32);
        vp_buf_adds(&out, "before");
        assert_int_equal(vp_mustache_render(set, VP_STR("main"), data, &out, &why), VP_ETOOBIG);
        assert_non_null(strstr(why.text, ": the page is too long"));
        assert_true(out.over);
        assert_int_equal(vp_mustache_render(set, VP_STR("main"), data, &out, NULL), VP_ETOOBIG);
        vp_buf_release(&out);
        vp_mustache_set_destroy(&set);
    }
    json_decref(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_the_specification),
        cmocka_unit_test(renders_every_case),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(refuses_names),
        cmocka_unit_test(renders_only_what_was_added),
        cmocka_unit_test(a_template_owns_its_text),
        cmocka_unit_test(caps_templates),
        cmocka_unit_test(caps_open_sections),
        cmocka_unit_test(caps_the_set),
        cmocka_unit_test(caps_recursion),
        cmocka_unit_test(caps_steps),
        cmocka_unit_test(caps_look_ups),
        cmocka_unit_test(caps_output),
    };
    vp_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
