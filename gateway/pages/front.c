/* front.c - the front page, and the older articles behind it. SPDX-License-Identifier: MIT */
#include "handlers.h"
#include "json.h"
#include "people.h"
#include "view.h"

enum { CURSOR_MAX = 512, TOPICS_OF_ARTICLES = 16 };

/* Counts of comments move on the front page too. */
static void add_topic(vp_buf *topics, const json_t *article, size_t i) {
    if (i >= TOPICS_OF_ARTICLES) return;
    vp_buf_adds(topics, topics->len ? " article:" : "article:");
    vp_buf_add_str(topics, vp_json_text(article, "id"));
}

/* The first page leads with its newest article. answer: NULL while they are away. */
static void add_articles(json_t *view, json_t *answer, bool first_page, vp_buf *topics) {
    json_t *items = json_object_get(answer, "items"), *lead = NULL, *others = json_array();
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *article = json_array_get(items, i);
        people_teaser(article);
        add_topic(topics, article, i);
        if (first_page && !lead)
            lead = json_incref(article);
        else
            json_array_append(others, article);
    }
    bool none = answer && !lead && !json_array_size(others);
    view_flag(view, "has_lead", lead != NULL);
    view_set(view, "lead", lead);
    view_list(view, "has_articles", "articles", others);
    view_text(view, "empty", none ? VP_STR("Nothing has been published yet.") : (vp_str){0});
    view_set(view, "next_href", NULL);
    vp_str next = vp_json_text(answer, "next_cursor");
    if (next.n) view_href(view, "next_href", "/?cursor=", next, "");
}

static void start(page *pg, vp_str cursor, const poll_wish *wish, ask *articles, ask *poll,
                  ask *recent) {
    ask_init(articles, "/api/v1/articles", (vp_str){0}, "");
    ask_param(articles, "limit", VP_STR("13"));
    ask_param(articles, "view", VP_STR("summary"));
    ask_param(articles, "cursor", cursor);
    ask_init(poll, "/api/v1/polls/current", (vp_str){0}, "");
    page_recent_init(recent);
    page_get(pg, articles);
    page_get_poll(pg, poll, wish);
    page_get(pg, recent);
}

static void show(page *pg, json_t *answer, bool first_page, const poll_wish *wish, ask *poll,
                 ask *recent) {
    json_t *view = page_view(pg, (vp_str){0}, first_page ? VP_STR("/") : (vp_str){0});
    vp_buf topics;
    vp_buf_init(&topics, PAGE_TOPICS_MAX);
    view_flag(view, "nav_front", first_page);
    view_set(view, "heading", NULL);
    view_set(view, "intro", NULL);
    view_flag(view, "articles_unavailable", !answer);
    page_add_poll(pg, view, poll, wish, &topics);
    add_articles(view, answer, first_page, &topics);
    page_add_recent(pg, view, recent);
    view_text(view, "topics", vp_buf_str(&topics));
    page_show(pg, "front", view);
    vp_buf_release(&topics);
}

void front_show(page *pg) {
    ask articles, poll, recent;
    json_t *answer;
    vp_buf buf;
    vp_buf_init(&buf, CURSOR_MAX);
    vp_str cursor = page_param(pg, "cursor", &buf);
    poll_wish wish = page_poll_wish(pg, VP_STR("/"));
    start(pg, cursor, &wish, &articles, &poll, &recent);
    int status = ask_wait(&articles, &answer);
    if (status == 200 || status >= 500) {
        pg->status = status;
        show(pg, status == 200 ? answer : NULL, !cursor.n, &wish, &poll, &recent);
    } else {
        page_error(pg, status);
    }
    json_decref(answer);
    ask_release(&articles);
    ask_release(&poll);
    ask_release(&recent);
    vp_buf_release(&buf);
}
