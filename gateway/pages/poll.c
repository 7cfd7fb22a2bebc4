/* poll.c - one poll: on a page of its own with what belongs to it, large for a big screen, and
 * small for a frame on another site. SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "handlers.h"
#include "json.h"
#include "query.h"
#include "view.h"

enum { PATH_BYTES = 256 };

typedef struct kind {
    const char *template;
    bool results; /* instead of the form */
    bool embed;
    bool around; /* with its article, its history and the newest comments */
} kind;

static const kind own_page = {.template = "poll", .around = true};
static const kind big_screen = {.template = "screen", .results = true};
static const kind frame = {.template = "embed", .embed = true};

/* -- what belongs to it ------------------------------------------------------------------------ */

/* Asked for once the poll is known; what it does not have is not asked for. */
typedef struct surroundings {
    ask article, history;
    bool has_article, has_history;
} surroundings;

static void start_surroundings(page *pg, const json_t *poll, surroundings *s) {
    vp_str article = vp_json_text(poll, "article_id");
    s->has_article = article.n > 0;
    s->has_history = vp_json_bool(poll, "edited", false);
    if (s->has_article) {
        ask_init(&s->article, "/api/v1/articles/", article, "");
        page_get(pg, &s->article);
    }
    if (s->has_history) {
        ask_init(&s->history, "/api/v1/polls/", vp_json_text(poll, "id"), "/history");
        page_get(pg, &s->history);
    }
}

/* An article that is not published, or gone, is none. */
static void add_article(page *pg, json_t *view, surroundings *s) {
    json_t *article = NULL;
    int status = s->has_article ? ask_wait(&s->article, &article) : 404;
    vp_str slug = status == 200 ? vp_json_text(article, "slug") : (vp_str){0};
    view_set(view, "article_href", NULL);
    if (slug.n) view_href(view, "article_href", "/articles/", slug, "");
    view_text(view, "article_title", slug.n ? vp_json_text(article, "title") : (vp_str){0});
    pg->partial = pg->partial || status >= 500;
    json_decref(article);
}

static void add_history(page *pg, json_t *view, surroundings *s) {
    json_t *history = NULL;
    int status = s->has_history ? ask_wait(&s->history, &history) : 404;
    json_t *list = status == 200 ? poll_history(history) : NULL;
    view_flag(view, "has_history", list != NULL);
    view_set(view, "history", list);
    pg->partial = pg->partial || status >= 500;
    json_decref(history);
}

static void add_surroundings(page *pg, json_t *view, const json_t *poll) {
    surroundings s;
    start_surroundings(pg, poll, &s);
    add_article(pg, view, &s);
    add_history(pg, view, &s);
    if (s.has_article) ask_release(&s.article);
    if (s.has_history) ask_release(&s.history);
}

/* -- the page ---------------------------------------------------------------------------------- */

/* Where the poll is: on its own page, on a big screen, and for a frame on any site. */
static void add_places(const page *pg, json_t *view, vp_str id) {
    char site[sizeof pg->r->base_url + sizeof "/embed/polls/"];
    snprintf(site, sizeof site, "%s/embed/polls/", pg->r->base_url);
    view_href(view, "page_href", "/polls/", id, "");
    view_href(view, "screen_href", "/polls/", id, "/results");
    view_href(view, "embed_href", site, id, "");
    view_text(view, "reload_href", pg->r->path);
}

/* poll: NULL where there is none to show. */
static void show(page *pg, const kind *k, int status, const json_t *poll, poll_wish wish,
                 ask *recent) {
    char path[PATH_BYTES] = "", home[PATH_BYTES] = "";
    vp_buf topics;
    vp_str id = poll ? vp_json_text(poll, "id") : pg->params.value[0];
    vp_str title = poll ? vp_json_text(poll, "question") : VP_STR("Poll");
    if (poll) snprintf(path, sizeof path, "/polls/%.*s", (int)id.n, id.p);
    if (k->embed && poll) snprintf(home, sizeof home, "/embed%s", path);
    wish.home = vp_str_of(home);
    wish.embed = k->embed;
    vp_buf_init(&topics, PAGE_TOPICS_MAX);
    json_t *view = page_view(pg, title, vp_str_of(path));
    view_flag(view, "noindex", k->embed);
    add_places(pg, view, id);
    if (k->around) add_surroundings(pg, view, poll);
    page_add_box(pg, view, status, poll, &wish, &topics);
    if (k->around) page_add_recent(pg, view, recent);
    if (k->results && poll) view_set(json_object_get(view, "poll"), "vote_href", NULL);
    view_text(view, "topics", vp_buf_str(&topics));
    pg->status = status;
    page_show(pg, k->template, view);
    vp_buf_release(&topics);
}

/* Also of "current"; other words of the API are no polls. */
static int wait_poll(ask *a, json_t **poll) {
    int status = ask_wait(a, poll);
    if (status == 200 && vp_ulid_valid(vp_json_text(*poll, "id"))) return 200;
    json_decref(*poll);
    *poll = NULL;
    return status == 200 ? 404 : status;
}

static void one_poll(page *pg, const kind *k) {
    ask poll, recent;
    json_t *answer;
    poll_wish wish = page_poll_wish(pg, (vp_str){0});
    wish.results = wish.results || k->results;
    pg->p->framable = k->embed;
    ask_init(&poll, "/api/v1/polls/", pg->params.value[0], "");
    page_recent_init(&recent);
    page_get_poll(pg, &poll, &wish);
    if (k->around) page_get(pg, &recent);
    int status = wait_poll(&poll, &answer);
    if (status == 200 || status >= 500 || k->embed)
        show(pg, k, status, answer, wish, &recent);
    else
        page_error(pg, status);
    json_decref(answer);
    ask_release(&poll);
    ask_release(&recent);
}

void poll_show(page *pg) {
    one_poll(pg, &own_page);
}

void poll_screen_show(page *pg) {
    one_poll(pg, &big_screen);
}

void poll_embed_show(page *pg) {
    one_poll(pg, &frame);
}

void poll_of_form(page *pg) {
    vp_buf to;
    vp_buf_init(&to, VP_ROUTE_PATH_MAX * 3);
    vp_buf_adds(&to, "/polls/");
    vp_query_encode(&to, pg->params.value[0]);
    page_redirect(pg, 303, &to);
}
