/* people.c - see people.h. SPDX-License-Identifier: MIT */
#include "people.h"

#include "clock.h"
#include "json.h"
#include "query.h"
#include "view.h"

enum { LABEL_MAX = 300, HREF_MAX = 1024, UPDATE_SLACK_MS = 60 * 1000 };

/* -- articles --------------------------------------------------------------------------------- */

static json_t *tags_of(const json_t *article) {
    const json_t *from = json_object_get(article, "tags");
    json_t *tags = json_array();
    for (size_t i = 0; i < json_array_size(from); i++) {
        const json_t *name = json_array_get(from, i);
        json_t *tag = json_object();
        vp_str text = vp_str_n(json_string_value(name), json_string_length(name));
        view_text(tag, "label", text);
        view_href(tag, "href", "/tags/", text, "");
        json_array_append_new(tags, tag);
    }
    return tags;
}

static void mark_last(json_t *contributors) {
    size_t n = json_array_size(contributors);
    for (size_t i = 0; i < n; i++) view_flag(json_array_get(contributors, i), "last", i + 1 == n);
}

void people_teaser(json_t *article) {
    static const char *const keys[] = {"id", "slug", "title", "summary", "published_at", NULL};
    json_t *contributors = json_object_get(article, "contributors");
    int64_t n = vp_json_int(article, "comment_count", 0);
    view_complete(article, keys);
    mark_last(contributors);
    view_list(article, "has_contributors", "contributors",
              json_is_array(contributors) ? json_incref(contributors) : json_array());
    view_time(article, article, "published_at", "published_display", VIEW_DAY);
    view_count(article, "comment_count", n, "comment_word", "comment", "comments");
    view_list(article, "has_tags", "tags", tags_of(article));
}

/* An article that was set right at once, while it was being published, has not been updated; nor
 * has one that came in with a date of its own and is as it came. */
static bool was_updated(const json_t *article) {
    int64_t published, updated;
    return vp_json_int(article, "revision", 1) > 1 &&
           !vp_time_parse(vp_json_text(article, "published_at"), &published) &&
           !vp_time_parse(vp_json_text(article, "updated_at"), &updated) &&
           updated > published + UPDATE_SLACK_MS;
}

/* A page asks nobody else for a picture. */
static bool is_elsewhere(const json_t *hero) {
    vp_str url = vp_json_text(hero, "url");
    return !vp_str_starts(url, VP_STR("/")) || vp_str_starts(url, VP_STR("//"));
}

void people_article(json_t *article, int64_t comments) {
    static const char *const keys[] = {"language", "body_html",       "section",
                                       "hero",     "reading_minutes", NULL};
    bool several = json_array_size(json_object_get(article, "contributors")) > 1;
    if (comments >= 0) view_set(article, "comment_count", json_integer(comments));
    if (!was_updated(article)) view_set(article, "updated_at", NULL);
    people_teaser(article);
    if (is_elsewhere(json_object_get(article, "hero"))) view_set(article, "hero", NULL);
    view_complete(article, keys);
    view_time(article, article, "updated_at", "updated_display", VIEW_DAY);
    view_text(article, "contributors_heading",
              several ? VP_STR("The Contributors") : VP_STR("The Contributor"));
}

/* -- contributors ----------------------------------------------------------------------------- */

typedef enum label_kind { LABEL_HOST, LABEL_WORD, LABEL_HANDLE } label_kind;

static const struct {
    vp_str rel;
    label_kind kind;
    vp_str word;
} labels[] = {
    {VP_STR_INIT("site"), LABEL_HOST, {NULL, 0}},
    {VP_STR_INIT("email"), LABEL_WORD, VP_STR_INIT("Email")},
    {VP_STR_INIT("twitter"), LABEL_HANDLE, {NULL, 0}},
    {VP_STR_INIT("instagram"), LABEL_HANDLE, {NULL, 0}},
    {VP_STR_INIT("github"), LABEL_WORD, VP_STR_INIT("GitHub")},
    {VP_STR_INIT("linkedin"), LABEL_WORD, VP_STR_INIT("LinkedIn")},
    {VP_STR_INIT("mastodon"), LABEL_WORD, VP_STR_INIT("Mastodon")},
};

static vp_str until(vp_str s, const char *stops) {
    size_t n = 0;
    while (n < s.n && !strchr(stops, s.p[n])) n++;
    return vp_str_n(s.p, n);
}

static vp_str behind(vp_str s, size_t n) {
    return n < s.n ? vp_str_n(s.p + n, s.n - n) : (vp_str){0};
}

/* Of a web address: the host without www., and the first part of the path. */
static void parts_of(vp_str href, vp_str *host, vp_str *first) {
    const char *at = href.n ? memmem(href.p, href.n, "://", 3) : NULL;
    vp_str rest = at ? behind(href, (size_t)(at - href.p) + 3) : (vp_str){0};
    *host = until(rest, "/?#");
    *first = until(behind(rest, host->n + 1), "/?#");
    if (vp_str_starts(*host, VP_STR("www."))) *host = behind(*host, 4);
}

static void label_of(vp_str rel, vp_str href, vp_buf *out) {
    vp_str host, first;
    size_t i = 0, n = sizeof labels / sizeof *labels;
    bool mail = vp_str_starts(href, VP_STR("mailto:"));
    parts_of(href, &host, &first);
    if (mail) rel = VP_STR("email");
    while (i < n && !vp_str_eq(rel, labels[i].rel)) i++;
    if (i < n && labels[i].kind == LABEL_WORD) {
        vp_buf_add_str(out, labels[i].word);
    } else if (i < n && labels[i].kind == LABEL_HANDLE && first.n) {
        if (first.p[0] != '@') vp_buf_addc(out, '@');
        vp_buf_add_str(out, first);
    } else {
        vp_buf_add_str(out, host.n ? host : href);
    }
}

static void add_link(json_t *list, vp_str rel, vp_str href) {
    json_t *link = json_object();
    vp_buf label;
    vp_buf_init(&label, LABEL_MAX * 2);
    label_of(rel, href, &label);
    view_text(link, "rel", VP_STR("me nofollow"));
    view_text(link, "href", href);
    view_text(link, "label", label.over ? href : vp_buf_str(&label));
    json_array_append_new(list, link);
    vp_buf_release(&label);
}

/* The address that a contributor makes public, unless a link leads there anyway. */
static void add_email(json_t *list, vp_str email) {
    const char *at = email.n ? memchr(email.p, '@', email.n) : NULL;
    vp_buf href;
    if (!at) return;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (vp_str_starts(vp_json_text(json_array_get(list, i), "href"), VP_STR("mailto:"))) return;
    vp_buf_init(&href, HREF_MAX);
    vp_buf_adds(&href, "mailto:");
    vp_query_encode(&href, vp_str_n(email.p, (size_t)(at - email.p)));
    vp_buf_addc(&href, '@');
    vp_query_encode(&href, behind(email, (size_t)(at - email.p) + 1));
    if (!href.over) add_link(list, VP_STR("email"), vp_buf_str(&href));
    vp_buf_release(&href);
}

void people_contributor(json_t *contributor, const json_t *profile) {
    const json_t *from = json_object_get(profile, "links");
    json_t *links = json_array();
    for (size_t i = 0; i < json_array_size(from); i++) {
        const json_t *link = json_array_get(from, i);
        add_link(links, vp_json_text(link, "rel"), vp_json_text(link, "href"));
    }
    add_email(links, vp_json_text(profile, "email_public"));
    view_text(contributor, "bio_html", vp_json_text(profile, "bio_html"));
    view_list(contributor, "has_links", "links", links);
}

/* -- the newest comments ---------------------------------------------------------------------- */

/* ?v= names the comment that has to be on the page, however long the thread is. */
static void add_place(json_t *item, vp_str slug, vp_str id) {
    vp_buf after;
    vp_buf_init(&after, LABEL_MAX);
    vp_buf_adds(&after, "?v=");
    vp_buf_add_str(&after, id);
    vp_buf_adds(&after, "#comment-");
    vp_buf_add_str(&after, id);
    view_href(item, "href", "/articles/", slug, after.over || !after.data ? "" : after.data);
    vp_buf_release(&after);
}

json_t *people_recent(const json_t *recent) {
    const json_t *from = json_object_get(recent, "items");
    json_t *view = json_object(), *items = json_array();
    for (size_t i = 0; i < json_array_size(from); i++) {
        const json_t *comment = json_array_get(from, i);
        json_t *item = json_object();
        view_text(item, "author", vp_json_text(json_object_get(comment, "author"), "name"));
        view_text(item, "excerpt", vp_json_text(comment, "excerpt"));
        view_text(item, "article_title", vp_json_text(comment, "article_title"));
        add_place(item, vp_json_text(comment, "article_slug"), vp_json_text(comment, "id"));
        json_array_append_new(items, item);
    }
    view_list(view, "has_items", "items", items);
    return view;
}
