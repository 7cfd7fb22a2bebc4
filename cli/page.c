/* page.c - see page.h. What a page may hold is in the tables at the top; jansson and vp_json_check
 * do the rest. SPDX-License-Identifier: MIT */
#include "page.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "mem.h"

enum { TEN_YEARS_S = 315360000, AT_MAX = 80, MARKDOWN_MAX = 4 * CLI_PAGE_BYTES };

/* Where a JSON value stands: a pointer, long enough for the deepest one here. */
typedef struct place {
    char text[AT_MAX];
} place;

static const vp_json_rule page_rules[] = {
    {"article", VP_JSON_OBJECT, true},
    {"contributor", VP_JSON_OBJECT, false},
    {"poll", VP_JSON_OBJECT, false},
    {"comments", VP_JSON_LIST, false, 0, CLI_COMMENTS_MAX},
    {"recent_comments", VP_JSON_LIST, false, 0, CLI_COMMENTS_MAX},
    {"about", VP_JSON_TEXT, false}, /* of a page as found: what follows is not loaded */
    {"reply_form", VP_JSON_TEXT, false},
    {NULL},
};
static const vp_json_rule article_rules[] = {
    {"title", VP_JSON_TEXT, true, 1, 150},
    {"slug", VP_JSON_TEXT, false, 1, 150},
    {"summary", VP_JSON_TEXT, false, 0, 300},
    {"tags", VP_JSON_LIST, false, 0, 20},
    {"language", VP_JSON_TEXT, false, 2, 35},
    {"body_markdown", VP_JSON_TEXT, false, 1, 0},
    {"paragraphs", VP_JSON_LIST, false, 1, 2000},
    {"published_at", VP_JSON_TIME, false},
    {NULL},
};
static const vp_json_rule contributor_rules[] = {
    {"handle", VP_JSON_TEXT, false, 1, CLI_HANDLE_MAX},
    {"display_name", VP_JSON_TEXT, true, 1, 80},
    {"bio_markdown", VP_JSON_TEXT, false, 0, 4000},
    {"links", VP_JSON_LIST, false, 0, 10},
    {"twitter", VP_JSON_TEXT, false, 1, 16},
    {"email_link_text", VP_JSON_TEXT, false}, /* a text without an address makes no link */
    {"box", VP_JSON_TEXT, false},
    {NULL},
};
static const vp_json_rule link_rules[] = {
    {"rel", VP_JSON_TEXT, true, 1, 40}, {"href", VP_JSON_TEXT, true, 1, 500}, {NULL}};
static const vp_json_rule poll_rules[] = {
    {"question", VP_JSON_TEXT, true, 1, 300},
    {"options", VP_JSON_LIST, true, 2, CLI_OPTIONS_MAX},
    {"kind", VP_JSON_TEXT, false, 0, 0, "single multiple"},
    {"min_choices", VP_JSON_INT, false, 1, CLI_OPTIONS_MAX},
    {"max_choices", VP_JSON_INT, false, 1, CLI_OPTIONS_MAX},
    {"votes", VP_JSON_LIST, false, 0, CLI_OPTIONS_MAX},
    {"opens_in", VP_JSON_INT, false, 0, TEN_YEARS_S},
    {"closes_in", VP_JSON_INT, false, 1, TEN_YEARS_S},
    {"close", VP_JSON_BOOL, false},
    {"heading", VP_JSON_TEXT, false},
    {"links", VP_JSON_LIST, false},
    {"options_note", VP_JSON_TEXT, false},
    {"state_text", VP_JSON_TEXT, false},
    {NULL},
};
static const vp_json_rule comment_rules[] = {
    {"author", VP_JSON_TEXT, true, 1, 80},
    {"body_markdown", VP_JSON_TEXT, true, 1, 10000},
    {"replies", VP_JSON_LIST, false, 0, CLI_COMMENTS_MAX},
    {NULL},
};
static const vp_json_rule recent_rules[] = {
    {"author", VP_JSON_TEXT, true, 1, 80}, {"excerpt", VP_JSON_TEXT, true, 1, 10000}, {NULL}};

static vp_err wrong(vp_fault *why, const char *at, const char *what) {
    vp_fault_set(why, "%s %s", *at ? at : "the page", what);
    return VP_EINVAL;
}

static place under(const char *at, const char *name) {
    place p;
    int n = snprintf(p.text, sizeof p.text, "%s/%s", at, name);
    assert(n > 0 && (size_t)n < sizeof p.text); /* lists have caps, and three levels are the most */
    return p;
}

static place element(const char *at, size_t i) {
    char digits[24];
    snprintf(digits, sizeof digits, "%zu", i);
    return under(at, digits);
}

static bool is_known(const vp_json_rule *rules, const char *name) {
    for (; rules->name; rules++)
        if (strcmp(rules->name, name) == 0) return true;
    return false;
}

/* A name of the file as part of a pointer (RFC 6901). */
static vp_err unknown_name(const char *at, const char *name, vp_fault *why) {
    place p = under(at, "");
    for (size_t n = strlen(p.text); *name && n + 2 < sizeof p.text; name++) {
        bool special = *name == '~' || *name == '/';
        if (special) p.text[n++] = '~';
        p.text[n++] = (char)(*name == '~' ? '0' : *name == '/' ? '1' : *name);
        p.text[n] = '\0';
    }
    return wrong(why, p.text, "is not a field of a page file");
}

/* An object with the fields of the rules and no others. */
static vp_err check(json_t *object, const vp_json_rule *rules, const char *at, vp_fault *why) {
    const char *name;
    json_t *value;
    vp_problem problem = {0};
    if (vp_json_check(object, rules, at, &problem))
        return wrong(why, problem.fields[0].pointer, problem.fields[0].detail);
    json_object_foreach(object, name, value) {
        if (!is_known(rules, name)) return unknown_name(at, name, why);
    }
    return VP_OK;
}

/* A list of texts with something in each. NULL is fine: an absent list. */
static vp_err check_texts(const json_t *list, const char *at, vp_fault *why) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        vp_str text = vp_str_n(json_string_value(v), json_string_length(v));
        if (!vp_str_trim(text).n)
            return wrong(why, element(at, i).text, "must be a text and not empty");
    }
    return VP_OK;
}

static const char *text_or(const json_t *object, const char *name, const char *fallback) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : fallback;
}

/* -- plain text as Markdown -------------------------------------------------------------------- */

/* Stripped or read as structure where it stands at an end of a line. */
static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Escaped wherever they stand: emphasis, code, links, tags, strikethrough, table cells. */
static bool is_active(char c) {
    return c == '\\' || c == '`' || c == '*' || c == '_' || c == '[' || c == ']' || c == '<' ||
           c == '~' || c == '|';
}

/* Does the character at i begin an entity, or end what would make a bare link? */
static bool is_active_before(vp_str s, size_t i) {
    vp_str rest = vp_str_n(s.p + i, s.n - i);
    if (s.p[i] == '&') return rest.n > 1 && (rest.p[1] == '#' || (rest.p[1] | 0x20) >= 'a');
    if (s.p[i] == ':') return vp_str_starts(rest, VP_STR("://"));
    return s.p[i] == '.' && i >= 3 && memcmp(s.p + i - 3, "www", 3) == 0;
}

/* The place of a character that would open a block at the start of a line; n: none. */
static size_t block_opener(vp_str s) {
    size_t digits = 0;
    if (!s.n) return s.n;
    if (strchr("#+->", *s.p)) return 0;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9') digits++;
    bool listed = digits && digits < s.n && (s.p[digits] == '.' || s.p[digits] == ')');
    return listed ? digits : s.n;
}

void cli_markdown_escape(vp_buf *out, vp_str text) {
    vp_str core = vp_str_trim(text);
    size_t opener = core.p == text.p ? block_opener(core) : core.n;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        size_t at = (size_t)(text.p + i - core.p); /* huge before the core */
        if (is_blank(c) && (at >= core.n || (c != ' ' && c != '\t'))) {
            vp_buf_addf(out, "&#%d;", c);
        } else {
            bool escape = is_active(c) || at == opener || is_active_before(text, i);
            if (escape) vp_buf_addc(out, '\\');
            vp_buf_addc(out, c);
        }
    }
}

static char *escaped(const json_t *text) {
    vp_buf out;
    vp_buf_init(&out, MARKDOWN_MAX);
    cli_markdown_escape(&out, vp_str_n(json_string_value(text), json_string_length(text)));
    return vp_buf_take(&out, NULL);
}

static char *join_paragraphs(const json_t *list) {
    vp_buf out;
    vp_buf_init(&out, MARKDOWN_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        if (i) vp_buf_adds(&out, "\n\n");
        cli_markdown_escape(&out, vp_str_n(json_string_value(v), json_string_length(v)));
    }
    return vp_buf_take(&out, NULL);
}

/* -- the parts of a page ----------------------------------------------------------------------- */

static vp_err read_article(cli_page *page, json_t *article, vp_fault *why) {
    vp_err rc = check(article, article_rules, "/article", why);
    const json_t *paragraphs = json_object_get(article, "paragraphs");
    const char *body = text_or(article, "body_markdown", NULL);
    if (!rc && !body == !json_array_size(paragraphs))
        rc = wrong(why, "/article", "must have either body_markdown or paragraphs");
    if (!rc) rc = check_texts(paragraphs, "/article/paragraphs", why);
    page->tags = json_object_get(article, "tags");
    if (json_is_null(page->tags)) page->tags = NULL;
    if (!rc) rc = check_texts(page->tags, "/article/tags", why);
    if (rc) return rc;
    page->title = text_or(article, "title", "");
    page->slug = text_or(article, "slug", NULL);
    page->summary = text_or(article, "summary", NULL);
    page->language = text_or(article, "language", NULL);
    page->published_at = text_or(article, "published_at", NULL);
    page->body_markdown = body ? vp_strndup(body, strlen(body)) : join_paragraphs(paragraphs);
    if (!page->body_markdown) return wrong(why, "/article/paragraphs", "is too long");
    return VP_OK;
}

static bool is_handle_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static vp_err copy_handle(const char *from, char out[CLI_HANDLE_MAX + 1], vp_fault *why) {
    size_t n = strlen(from);
    bool ok = n <= CLI_HANDLE_MAX;
    for (size_t i = 0; i < n && ok; i++) ok = is_handle_char(from[i]);
    if (!ok)
        return wrong(why, "/contributor/handle",
                     "must have only the characters a to z, 0 to 9, - and _");
    memcpy(out, from, n + 1);
    return VP_OK;
}

/* "Ada B. Lovelace": ada-b-lovelace. */
static vp_err derive_handle(const char *name, char out[CLI_HANDLE_MAX + 1], vp_fault *why) {
    size_t n = 0;
    for (; *name && n < CLI_HANDLE_MAX; name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name | 0x20) : *name;
        if (is_handle_char(c))
            out[n++] = c;
        else if (n && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n && out[n - 1] == '-') n--;
    out[n] = '\0';
    return n ? VP_OK : wrong(why, "/contributor/handle", "is needed for this display_name");
}

static vp_err add_twitter(json_t *links, const char *name, vp_fault *why) {
    char href[64];
    if (!name) return VP_OK;
    if (*name == '@') name++;
    for (const char *p = name; *p; p++)
        if (*p == '-' || !is_handle_char((char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p)))
            return wrong(why, "/contributor/twitter", "must have only letters, digits and _");
    if (!*name) return wrong(why, "/contributor/twitter", "must not be empty");
    snprintf(href, sizeof href, "https://twitter.com/%s", name);
    json_array_append_new(links, json_pack("{s:s, s:s}", "rel", "twitter", "href", href));
    return VP_OK;
}

static vp_err read_contributor(cli_contributor *c, json_t *from, vp_fault *why) {
    vp_err rc = check(from, contributor_rules, "/contributor", why);
    json_t *links = json_object_get(from, "links");
    c->present = true;
    c->links = json_array();
    for (size_t i = 0; i < json_array_size(links) && !rc; i++) {
        json_t *link = json_array_get(links, i);
        rc = check(link, link_rules, element("/contributor/links", i).text, why);
        if (!rc) json_array_append(c->links, link);
    }
    if (rc) return rc;
    const char *handle = text_or(from, "handle", NULL);
    c->display_name = text_or(from, "display_name", "");
    c->bio_markdown = text_or(from, "bio_markdown", "");
    rc = handle ? copy_handle(handle, c->handle, why)
                : derive_handle(c->display_name, c->handle, why);
    return rc ? rc : add_twitter(c->links, text_or(from, "twitter", NULL), why);
}

static vp_err check_votes(const cli_poll *poll, vp_fault *why) {
    static const char at[] = "/poll/votes";
    size_t n = json_array_size(poll->votes);
    int64_t sum = 0;
    if (n != json_array_size(poll->options))
        return wrong(why, at, "must have one number for each option");
    if (poll->opens_in) return wrong(why, at, "cannot be cast before the poll opens");
    if (poll->min_choices > 1) return wrong(why, at, "are of one choice: min_choices must be 1");
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(poll->votes, i);
        json_int_t votes = json_integer_value(v);
        if (!json_is_integer(v) || votes < 0 || votes > CLI_VOTES_MAX)
            return wrong(why, element(at, i).text, "must be a number of votes");
        sum += votes;
    }
    return sum <= CLI_VOTES_MAX ? VP_OK : wrong(why, at, "are too many in all");
}

static vp_err check_poll(const cli_poll *poll, vp_fault *why) {
    vp_err rc = check_texts(poll->options, "/poll/options", why);
    if (rc) return rc;
    if (poll->max_choices > (int64_t)json_array_size(poll->options))
        return wrong(why, "/poll/max_choices", "must be at most the number of options");
    if (poll->min_choices > poll->max_choices)
        return wrong(why, "/poll/min_choices", "must be at most max_choices");
    if (strcmp(poll->kind, "single") == 0 && poll->max_choices > 1)
        return wrong(why, "/poll/max_choices", "must be 1 for a single choice");
    if (poll->closes_in && poll->closes_in <= poll->opens_in)
        return wrong(why, "/poll/closes_in", "must be later than opens_in");
    return poll->votes ? check_votes(poll, why) : VP_OK;
}

static vp_err read_poll(cli_poll *poll, json_t *from, vp_fault *why) {
    vp_err rc = check(from, poll_rules, "/poll", why);
    if (rc) return rc;
    poll->present = true;
    poll->question = text_or(from, "question", "");
    poll->kind = text_or(from, "kind", "single");
    poll->options = json_object_get(from, "options");
    poll->votes = json_object_get(from, "votes");
    if (json_is_null(poll->votes)) poll->votes = NULL;
    bool single = strcmp(poll->kind, "single") == 0;
    int64_t all = (int64_t)json_array_size(poll->options);
    poll->min_choices = vp_json_int(from, "min_choices", 1);
    poll->max_choices = vp_json_int(from, "max_choices", single ? 1 : all);
    poll->opens_in = vp_json_int(from, "opens_in", 0);
    poll->closes_in = vp_json_int(from, "closes_in", 0);
    poll->close = vp_json_bool(from, "close", false);
    return check_poll(poll, why);
}

/* Takes body; page->comments has room for the most that there may be. */
static vp_err add_comment(cli_page *page, const json_t *from, int parent, char *body,
                          const char *at, vp_fault *why) {
    if (page->n_comments == CLI_COMMENTS_MAX) {
        free(body);
        return wrong(why, at, "is one comment too many");
    }
    page->comments[page->n_comments++] = (cli_comment){text_or(from, "author", ""), body, parent};
    return VP_OK;
}

/* Recursion ends at the third level. */
static vp_err read_comments(cli_page *page, const json_t *list, const char *at, int parent,
                            int level, vp_fault *why) {
    vp_err rc = VP_OK;
    if (level > CLI_COMMENT_LEVELS && json_array_size(list))
        return wrong(why, at, "is deeper than three levels");
    for (size_t i = 0; i < json_array_size(list) && !rc; i++) {
        json_t *one = json_array_get(list, i);
        place here = element(at, i);
        if ((rc = check(one, comment_rules, here.text, why))) break;
        const char *body = text_or(one, "body_markdown", "");
        int index = page->n_comments;
        rc = add_comment(page, one, parent, vp_strndup(body, strlen(body)), here.text, why);
        if (!rc)
            rc = read_comments(page, json_object_get(one, "replies"),
                               under(here.text, "replies").text, index, level + 1, why);
    }
    return rc;
}

static vp_err read_recent(cli_page *page, const json_t *list, vp_fault *why) {
    vp_err rc = VP_OK;
    for (size_t i = 0; i < json_array_size(list) && !rc; i++) {
        json_t *one = json_array_get(list, i);
        place here = element("/recent_comments", i);
        rc = check(one, recent_rules, here.text, why);
        if (!rc)
            rc = add_comment(page, one, -1, escaped(json_object_get(one, "excerpt")), here.text,
                             why);
    }
    return rc;
}

static vp_err read_all_comments(cli_page *page, vp_fault *why) {
    const json_t *comments = json_object_get(page->source, "comments");
    const json_t *recent = json_object_get(page->source, "recent_comments");
    if (json_array_size(comments) && json_array_size(recent))
        return wrong(why, "/recent_comments", "stands in place of /comments, not beside it");
    page->comments = vp_calloc(CLI_COMMENTS_MAX, sizeof *page->comments);
    vp_err rc = read_comments(page, comments, "/comments", -1, 1, why);
    return rc ? rc : read_recent(page, recent, why);
}

vp_err cli_page_parse(vp_str text, cli_page *out, vp_fault *why) {
    *out = (cli_page){0};
    vp_err rc = vp_json_parse(text, &out->source, why);
    if (!rc) rc = check(out->source, page_rules, "", why);
    if (!rc) rc = read_article(out, json_object_get(out->source, "article"), why);
    json_t *contributor = json_object_get(out->source, "contributor");
    if (!rc && json_is_object(contributor))
        rc = read_contributor(&out->contributor, contributor, why);
    json_t *poll = json_object_get(out->source, "poll");
    if (!rc && json_is_object(poll)) rc = read_poll(&out->poll, poll, why);
    if (!rc) rc = read_all_comments(out, why);
    if (rc) cli_page_release(out);
    return rc;
}

void cli_page_release(cli_page *page) {
    for (int i = 0; i < page->n_comments; i++) free(page->comments[i].body_markdown);
    free(page->comments);
    free(page->body_markdown);
    json_decref(page->contributor.links);
    json_decref(page->source);
    *page = (cli_page){0};
}
