/* front.c - the front page and the lists that look like it: of a topic, of a contributor.
 * SPDX-License-Identifier: MIT */
#include "handlers.h"
#include "json.h"
#include "people.h"
#include "query.h"
#include "view.h"

enum { CURSOR_MAX = 512, TOPICS_OF_ARTICLES = 16 };

/* Which articles, and what stands above them. */
typedef struct listing {
    const char *param;   /* of the list of articles: "tag", "contributor"; NULL: all of them */
    const char *address; /* before the value, in this page's address */
    vp_str value;        /* decoded; absent on the front page */
    vp_str heading, intro;
    bool lead; /* the newest article stands above the others */
} listing;

/* The calls that make such a page. */
typedef struct parts {
    ask articles, poll, recent;
    poll_wish wish;
} parts;

/* Counts of comments move on the front page too. */
static void add_topic(vp_buf *topics, const json_t *article, size_t i) {
    if (i >= TOPICS_OF_ARTICLES) return;
    vp_buf_adds(topics, topics->len ? " article:" : "article:");
    vp_buf_add_str(topics, vp_json_text(article, "id"));
}

static void add_next(json_t *view, const listing *l, vp_str cursor) {
    vp_buf before;
    view_set(view, "next_href", NULL);
    if (!cursor.n) return;
    vp_buf_init(&before, VP_ROUTE_PATH_MAX * 3);
    vp_buf_adds(&before, l->address);
    vp_query_encode(&before, l->value);
    vp_buf_adds(&before, "?cursor=");
    if (!before.over) view_href(view, "next_href", before.data, cursor, "");
    vp_buf_release(&before);
}

/* answer: NULL while the articles are away. */
static void add_articles(json_t *view, json_t *answer, const listing *l, vp_buf *topics) {
    json_t *items = json_object_get(answer, "items"), *lead = NULL, *others = json_array();
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *article = json_array_get(items, i);
        people_teaser(article);
        add_topic(topics, article, i);
        if (l->lead && !lead)
            lead = json_incref(article);
        else
            json_array_append(others, article);
    }
    bool none = answer && !lead && !json_array_size(others);
    view_flag(view, "has_lead", lead != NULL);
    view_set(view, "lead", lead);
    view_list(view, "has_articles", "articles", others);
    view_text(view, "empty", none ? VP_STR("Nothing has been published yet.") : (vp_str){0});
    add_next(view, l, vp_json_text(answer, "next_cursor"));
}

static void start(page *pg, const listing *l, vp_str cursor, parts *p) {
    ask_init(&p->articles, "/api/v1/articles", (vp_str){0}, "");
    ask_param(&p->articles, "limit", VP_STR("13"));
    ask_param(&p->articles, "view", VP_STR("summary"));
    ask_param(&p->articles, "cursor", cursor);
    if (l->param) ask_param(&p->articles, l->param, l->value);
    ask_init(&p->poll, "/api/v1/polls/current", (vp_str){0}, "");
    page_recent_init(&p->recent);
    page_get(pg, &p->articles);
    page_get_poll(pg, &p->poll, &p->wish);
    page_get(pg, &p->recent);
}

static void show(page *pg, const listing *l, json_t *answer, parts *p) {
    vp_str path = l->lead || l->param ? pg->r->path : (vp_str){0};
    json_t *view = page_view(pg, l->heading, path);
    vp_buf topics;
    vp_buf_init(&topics, PAGE_TOPICS_MAX);
    view_flag(view, "nav_front", l->lead);
    view_text(view, "heading", l->heading);
    view_text(view, "intro", l->intro);
    view_flag(view, "articles_unavailable", !answer);
    page_add_poll(pg, view, &p->poll, &p->wish, &topics);
    add_articles(view, answer, l, &topics);
    page_add_recent(pg, view, &p->recent);
    view_text(view, "topics", vp_buf_str(&topics));
    page_show(pg, "front", view);
    vp_buf_release(&topics);
}

static void list(page *pg, listing *l) {
    parts p;
    json_t *answer;
    vp_buf buf;
    vp_buf_init(&buf, CURSOR_MAX);
    vp_str cursor = page_param(pg, "cursor", &buf);
    l->lead = l->lead && !cursor.n;
    p.wish = page_poll_wish(pg, l->param ? pg->r->path : VP_STR("/"));
    start(pg, l, cursor, &p);
    int status = ask_wait(&p.articles, &answer);
    if (status == 200 || status >= 500) {
        pg->status = status;
        show(pg, l, status == 200 ? answer : NULL, &p);
    } else {
        page_error(pg, status);
    }
    json_decref(answer);
    ask_release(&p.articles);
    ask_release(&p.poll);
    ask_release(&p.recent);
    vp_buf_release(&buf);
}

void front_show(page *pg) {
    listing l = {.address = "/", .lead = true};
    list(pg, &l);
}

void tag_show(page *pg) {
    vp_str tag = pg->params.value[0];
    listing l = {.param = "tag", .address = "/tags/", .value = tag, .heading = tag};
    list(pg, &l);
}

/* Whoever is unknown is no page; while the contributors are away the handle stands for the name. */
void contributor_show(page *pg) {
    ask profile;
    json_t *who;
    vp_str handle = pg->params.value[0];
    ask_init(&profile, "/api/v1/contributors/", handle, "");
    page_get(pg, &profile);
    int status = ask_wait(&profile, &who);
    if (status != 200 && status < 500) {
        page_error(pg, status);
    } else {
        vp_str name = vp_json_text(who, "display_name");
        listing l = {.param = "contributor",
                     .address = "/contributors/",
                     .value = handle,
                     .heading = name.n ? name : handle};
        list(pg, &l);
    }
    json_decref(who);
    ask_release(&profile);
}
