/* poll_list.c - the archive of polls: by status, by words, page by page. SPDX-License-Identifier:
 * MIT */
#include "handlers.h"
#include "json.h"
#include "query.h"
#include "view.h"

enum { PARAM_MAX = 1024, HREF_MAX = 8 * 1024 };

static const struct {
    const char *label;
    vp_str status; /* absent: all */
} filters[] = {
    {"All", {NULL, 0}}, {"Open", VP_STR_INIT("open")}, {"Closed", VP_STR_INIT("closed")}};
enum { FILTERS = sizeof filters / sizeof *filters };

/* What the address asks for; texts in buffers of the caller. */
typedef struct search {
    vp_str status, q, cursor;
} search;

/* A status that is not known is all of them. */
static vp_str known_status(vp_str word) {
    for (size_t i = 0; i < FILTERS; i++)
        if (filters[i].status.n && vp_str_eq(word, filters[i].status)) return filters[i].status;
    return (vp_str){0};
}

static void add_href(json_t *o, const char *key, const search *s) {
    const struct {
        const char *name;
        vp_str value;
    } params[] = {{"status=", s->status}, {"q=", s->q}, {"cursor=", s->cursor}};
    vp_buf href;
    char before = '?';
    vp_buf_init(&href, HREF_MAX);
    vp_buf_adds(&href, "/polls");
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        if (!params[i].value.n) continue;
        vp_buf_addc(&href, before);
        vp_buf_adds(&href, params[i].name);
        vp_query_encode(&href, params[i].value);
        before = '&';
    }
    view_text(o, key, href.over ? (vp_str){0} : vp_buf_str(&href));
    vp_buf_release(&href);
}

static void add_filters(json_t *view, const search *s) {
    json_t *list = json_array();
    for (size_t i = 0; i < FILTERS; i++) {
        json_t *filter = json_object();
        const search to = {.status = filters[i].status, .q = s->q};
        view_text(filter, "label", vp_str_of(filters[i].label));
        view_flag(filter, "current", vp_str_eq(s->status, filters[i].status));
        add_href(filter, "href", &to);
        json_array_append_new(list, filter);
    }
    view_set(view, "filters", list);
    view_text(view, "status_word", s->status);
    view_text(view, "q", s->q);
}

/* A search looks through a bounded number of polls at once, so a page of it may have none. */
static void add_lines(json_t *view, const json_t *answer, const search *s) {
    const json_t *items = json_object_get(answer, "items");
    json_t *lines = json_array();
    search next = *s;
    next.cursor = vp_json_text(answer, "next_cursor");
    for (size_t i = 0; i < json_array_size(items); i++)
        json_array_append_new(lines, poll_line(json_array_get(items, i)));
    bool none = answer && !json_array_size(lines), narrowed = s->q.n || s->status.n || s->cursor.n;
    const char *empty = next.cursor.n ? "No such poll among those of this page."
                        : narrowed    ? "There is no such poll."
                                      : "There are no polls yet.";
    view_text(view, "empty", vp_str_of(none ? empty : NULL));
    view_list(view, "has_polls", "polls", lines);
    view_set(view, "next_href", NULL);
    if (next.cursor.n) add_href(view, "next_href", &next);
    view_text(view, "next_label", s->q.n ? VP_STR("Search further") : VP_STR("Older polls"));
}

static void show(page *pg, int status, const json_t *answer, const search *s, ask *recent) {
    bool first = !s->cursor.n && !s->q.n && !s->status.n;
    json_t *view = page_view(pg, VP_STR("Polls"), first ? VP_STR("/polls") : (vp_str){0});
    view_flag(view, "nav_polls", first);
    view_flag(view, "polls_unavailable", !answer);
    add_filters(view, s);
    add_lines(view, answer, s);
    page_add_recent(pg, view, recent);
    pg->status = status;
    page_show(pg, "polls", view);
}

static void list(page *pg, const search *s) {
    ask polls, recent;
    json_t *answer;
    ask_init(&polls, "/api/v1/polls", (vp_str){0}, "");
    if (s->status.n) ask_param(&polls, "status", s->status);
    if (s->q.n) ask_param(&polls, "q", s->q);
    ask_param(&polls, "cursor", s->cursor);
    page_recent_init(&recent);
    page_get(pg, &polls);
    page_get(pg, &recent);
    int status = ask_wait(&polls, &answer);
    if (status == 200 || status >= 500)
        show(pg, status, status == 200 ? answer : NULL, s, &recent);
    else
        page_error(pg, status);
    json_decref(answer);
    ask_release(&polls);
    ask_release(&recent);
}

void polls_show(page *pg) {
    vp_buf status, q, cursor;
    vp_buf_init(&status, PARAM_MAX);
    vp_buf_init(&q, PARAM_MAX);
    vp_buf_init(&cursor, PARAM_MAX);
    const search s = {.status = known_status(page_param(pg, "status", &status)),
                      .q = vp_str_trim(page_param(pg, "q", &q)),
                      .cursor = page_param(pg, "cursor", &cursor)};
    list(pg, &s);
    vp_buf_release(&status);
    vp_buf_release(&q);
    vp_buf_release(&cursor);
}
