/* comment_fuzz.c - the input as a comment's JSON, and as Markdown of both kinds. Whatever it is,
 * the HTML holds only tags and attributes that we know, and no address that runs a script.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "comment_form.h"
#include "markdown.h"
#include "thread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert: a fuzzer must find a broken rule in any build. */
static void must(bool holds) {
    if (!holds) abort();
}

static const char *const tags[] = {"a",  "blockquote", "br",    "code", "del",    "em",    "h1",
                                   "h2", "h3",         "h4",    "h5",   "h6",     "hr",    "img",
                                   "li", "ol",         "p",     "pre",  "strong", "table", "tbody",
                                   "td", "th",         "thead", "tr",   "ul"};
static const char *const attributes[] = {"align", "alt", "class", "href",
                                         "rel",   "src", "start", "title"};

static bool among(const char *const *words, size_t n, const char *p, size_t len) {
    for (size_t i = 0; i < n; i++)
        if (strlen(words[i]) == len && !memcmp(words[i], p, len)) return true;
    return false;
}

/* ATTRIBUTE="VALUE" at p; returns what follows. */
static const char *check_attribute(const char *p) {
    size_t n = strcspn(p, "=<>\" ");
    must(among(attributes, sizeof attributes / sizeof *attributes, p, n) && p[n] == '=' &&
         p[n + 1] == '"');
    const char *value = p + n + 2;
    size_t len = strcspn(value, "\"<>");
    must(value[len] == '"');
    if (!memcmp(p, "href", 4) || !memcmp(p, "src", 3)) {
        must(vp_markdown_url_ok(vp_str_n(value, len)));
        must(strncasecmp(value, "javascript:", 11) != 0);
    }
    return value + len + 1;
}

static const char *check_tag(const char *p) {
    bool closing = *p == '/';
    p += closing;
    size_t n = strcspn(p, " />");
    must(among(tags, sizeof tags / sizeof *tags, p, n));
    for (p += n; *p == ' ' && p[1] != '/';) p = check_attribute(p + 1);
    if (*p == ' ') p += 2; /* " /" of an empty element */
    must(*p == '>');
    return p + 1;
}

static void check_html(const vp_buf *html) {
    const char *p = html->len ? html->data : "";
    must(strlen(p) == html->len && !strcasestr(p, "<script"));
    while ((p = strchr(p, '<'))) p = check_tag(p + 1);
}

static void check_markdown(vp_str text, vp_markdown_kind kind) {
    vp_buf html, excerpt;
    vp_buf_init(&html, 256 * 1024);
    vp_buf_init(&excerpt, 4096);
    if (!vp_markdown_render(text, kind, &html, &excerpt)) check_html(&html);
    size_t chars = 0;
    for (size_t i = 0; i < excerpt.len; i++) chars += (excerpt.data[i] & 0xC0) != 0x80;
    size_t most = kind == VP_MARKDOWN_ARTICLE ? VP_ARTICLE_EXCERPT_CHARS : VP_EXCERPT_CHARS;
    must(!excerpt.over && chars <= most && vp_text_is_line(vp_buf_str(&excerpt)));
    must(vp_str_is_utf8(vp_buf_str(&excerpt)));
    vp_buf_release(&html);
    vp_buf_release(&excerpt);
}

/* What is accepted can be shown as JSON, and finds itself again. */
static void check_shown(const comment_form *form) {
    vp_buf text, out;
    thread_shown shown;
    json_t *json = NULL;
    vp_fault why = {0};
    vp_buf_init(&text, COMMENT_SHOWN_MAX + 64);
    vp_buf_init(&out, COMMENT_SHOWN_MAX + 256);
    vp_buf_add_str(&text, vp_buf_str(&form->head));
    vp_buf_adds(&text, ",\"depth\":0");
    vp_buf_add_str(&text, vp_buf_str(&form->tail));
    must(thread_shown_read(vp_buf_str(&text), &shown));
    must(vp_str_eq(shown.id, vp_str_of(form->id)));
    thread_shown_write(&out, &shown, 0);
    vp_buf_addc(&out, '}');
    must(vp_json_parse(vp_buf_str(&out), &json, &why) == VP_OK);
    must(vp_text_is_line(form->name) && form->name.n > 0);
    json_decref(json);
    vp_buf_release(&text);
    vp_buf_release(&out);
}

static void check_body(vp_str text) {
    comment_form form;
    vp_problem problem = {0};
    vp_fault why = {0};
    json_t *body = NULL;
    if (vp_json_parse(text, &body, &why)) return;
    if (json_is_object(body) && !vp_json_check(body, comment_rules, "", &problem)) {
        if (comment_form_read(&form, VP_STR("01ARZ3NDEKTSV4RRFFQ69G5FAV"), body, false,
                              1795000000000, &problem))
            check_shown(&form);
        else
            must(problem.n_fields > 0);
        comment_form_release(&form);
    }
    json_decref(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vp_str text = vp_str_n(data, size);
    if (size > COMMENT_BODY_CHARS * 4) return 0;
    check_body(text);
    if (!vp_str_is_utf8(text)) return 0;
    check_markdown(text, VP_MARKDOWN_ARTICLE);
    check_markdown(text, VP_MARKDOWN_COMMENT);
    return 0;
}
