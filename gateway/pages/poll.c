/* poll.c - a poll's own page, its results, and the list of polls. SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "handlers.h"
#include "json.h"
#include "query.h"
#include "view.h"

enum { PATH_BYTES = 256, CURSOR_MAX = 512 };

/* -- one poll --------------------------------------------------------------------------------- */

static void show(page *pg, int status, const json_t *poll, const poll_wish *wish, ask *recent) {
    char path[PATH_BYTES];
    vp_buf topics;
    vp_str id = vp_json_text(poll, "id");
    snprintf(path, sizeof path, "/polls/%.*s", (int)(id.n < 64 ? id.n : 64), id.n ? id.p : "");
    vp_buf_init(&topics, PAGE_TOPICS_MAX);
    vp_str title = vp_json_text(poll, "question");
    json_t *view = page_view(pg, title.n ? title : VP_STR("Poll"), vp_str_of(id.n ? path : NULL));
    view_flag(view, "nav_polls", false);
    view_set(view, "article_href", NULL);
    view_set(view, "article_title", NULL);
    page_add_box(pg, view, status, poll, wish, &topics);
    page_add_recent(pg, view, recent);
    view_text(view, "topics", vp_buf_str(&topics));
    pg->status = status;
    page_show(pg, "poll", view);
    vp_buf_release(&topics);
}

static void poll_page(page *pg, bool results) {
    ask poll, recent;
    json_t *answer;
    poll_wish wish = page_poll_wish(pg, (vp_str){0});
    wish.results = wish.results || results;
    ask_init(&poll, "/api/v1/polls/", pg->params.value[0], "");
    page_recent_init(&recent);
    page_get_poll(pg, &poll, &wish);
    page_get(pg, &recent);
    int status = ask_wait(&poll, &answer);
    if (status == 200 || status >= 500)
        show(pg, status, status == 200 ? answer : NULL, &wish, &recent);
    else
        page_error(pg, status);
    json_decref(answer);
    ask_release(&poll);
    ask_release(&recent);
}

void poll_show(page *pg) {
    poll_page(pg, false);
}

void poll_results_show(page *pg) {
    poll_page(pg, true);
}

void poll_of_form(page *pg) {
    vp_buf to;
    vp_buf_init(&to, VP_ROUTE_PATH_MAX * 3);
    vp_buf_adds(&to, "/polls/");
    vp_query_encode(&to, pg->params.value[0]);
    page_redirect(pg, 303, &to);
}

/* -- the list --------------------------------------------------------------------------------- */

static void add_lines(json_t *view, const json_t *answer) {
    const json_t *items = json_object_get(answer, "items");
    json_t *lines = json_array();
    vp_str next = vp_json_text(answer, "next_cursor");
    for (size_t i = 0; i < json_array_size(items); i++)
        json_array_append_new(lines, poll_line(json_array_get(items, i)));
    bool none = answer && !json_array_size(lines);
    view_text(view, "empty", none ? VP_STR("There are no polls yet.") : (vp_str){0});
    view_list(view, "has_polls", "polls", lines);
    view_set(view, "next_href", NULL);
    if (next.n) view_href(view, "next_href", "/polls?cursor=", next, "");
}

static void show_list(page *pg, int status, const json_t *answer, bool first_page, ask *recent) {
    json_t *view = page_view(pg, VP_STR("Polls"), first_page ? VP_STR("/polls") : (vp_str){0});
    view_flag(view, "nav_polls", first_page);
    view_flag(view, "polls_unavailable", !answer);
    add_lines(view, answer);
    page_add_recent(pg, view, recent);
    pg->status = status;
    page_show(pg, "polls", view);
}

void polls_show(page *pg) {
    ask polls, recent;
    json_t *answer;
    vp_buf buf;
    vp_buf_init(&buf, CURSOR_MAX);
    vp_str cursor = page_param(pg, "cursor", &buf);
    ask_init(&polls, "/api/v1/polls", (vp_str){0}, "");
    ask_param(&polls, "cursor", cursor);
    page_recent_init(&recent);
    page_get(pg, &polls);
    page_get(pg, &recent);
    int status = ask_wait(&polls, &answer);
    if (status == 200 || status >= 500)
        show_list(pg, status, status == 200 ? answer : NULL, !cursor.n, &recent);
    else
        page_error(pg, status);
    json_decref(answer);
    ask_release(&polls);
    ask_release(&recent);
    vp_buf_release(&buf);
}
