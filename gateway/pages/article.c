/* article.c - see article.h.
 * The article is asked for first, since it names the poll and the contributors; then all the rest
 * at once. ?cursor= goes on in the thread, ?thread=ID shows one conversation, ?v=ID (after a
 * comment was posted, and from the list of recent ones) makes sure that this comment is on the
 * page, and ?reply_to=ID opens the form for a reply. SPDX-License-Identifier: MIT */
#include "article.h"

#include <stdio.h>

#include "handlers.h"
#include "json.h"
#include "people.h"
#include "query.h"
#include "view.h"

enum { PEOPLE_MAX = 4, MOVED_MAX = 4096, CURSOR_MAX = 512 };

static const vp_str first_comments = VP_STR_INIT("20");
static const vp_str all_replies = VP_STR_INIT("50");

void article_path(vp_str slug, vp_buf *out) {
    vp_buf_adds(out, "/articles/");
    vp_query_encode(out, slug);
}

/* -- the article ------------------------------------------------------------------------------ */

static vp_str last_segment(vp_str path) {
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    return slash ? vp_str_n(slash + 1, path.n - (size_t)(slash + 1 - path.p)) : path;
}

/* By another name, such as an old slug or the id: the page is at its slug. */
static void note_move(const page *pg, const ask *a, const json_t *article, vp_buf *moved) {
    vp_str slug = vp_json_text(article, "slug"), elsewhere = ask_field(a, VP_F_LOCATION);
    if (slug.n && !vp_str_eq(slug, pg->params.value[0])) {
        article_path(slug, moved);
    } else if (!slug.n && elsewhere.n) {
        vp_buf_adds(moved, "/articles/");
        vp_buf_add_str(moved, last_segment(elsewhere)); /* encoded as it is */
    }
}

int article_fetch(page *pg, json_t **out, vp_buf *moved) {
    ask a;
    vp_buf token;
    vp_buf_init(moved, MOVED_MAX);
    vp_buf_init(&token, CURSOR_MAX);
    ask_init(&a, "/api/v1/articles/", pg->params.value[0], "");
    vp_str preview = page_param(pg, "preview", &token); /* of what is not published */
    ask_param(&a, "preview", preview);
    if (preview.n) pg->personal = true;
    page_get(pg, &a);
    vp_buf_release(&token);
    int status = ask_wait(&a, out);
    if (status == 200 || status == 301) note_move(pg, &a, *out, moved);
    if (status != 200) {
        json_decref(*out);
        *out = NULL;
    }
    ask_release(&a);
    return status;
}

void article_refuse(page *pg, int status, vp_buf *moved) {
    if (moved->len) {
        page_redirect(pg, 301, moved);
    } else if (status == 404) {
        page_error_with(pg, 404, "This article is not here",
                        "The address may be wrong, or the article was withdrawn.", NULL, NULL);
    } else {
        page_error(pg, status);
    }
}

/* -- comments --------------------------------------------------------------------------------- */

static json_t *get_comment(page *pg, const char *id) {
    ask a;
    json_t *comment;
    ask_init(&a, "/api/v1/comments/", vp_str_of(id), "");
    page_get(pg, &a);
    if (ask_wait(&a, &comment) != 200) {
        json_decref(comment);
        comment = NULL;
    }
    ask_release(&a);
    return comment;
}

static bool is_of(const json_t *comment, const json_t *article) {
    return vp_str_eq(vp_json_text(comment, "article_id"), vp_json_text(article, "id"));
}

/* One comment with its replies as a thread of its own; NULL where it is not of this article. */
static json_t *conversation(page *pg, const json_t *article, const char *id, vp_str cursor) {
    ask one, replies;
    json_t *comment, *page_of = NULL;
    ask_init(&one, "/api/v1/comments/", vp_str_of(id), "");
    ask_init(&replies, "/api/v1/comments/", vp_str_of(id), "/replies");
    ask_param(&replies, "limit", all_replies);
    ask_param(&replies, "cursor", cursor);
    page_get(pg, &one);
    page_get(pg, &replies);
    bool there = ask_wait(&one, &comment) == 200 && is_of(comment, article);
    there = ask_wait(&replies, &page_of) == 200 && there;
    if (there) {
        json_object_set(comment, "replies", json_object_get(page_of, "items"));
        view_set(page_of, "items", json_array());
        json_array_append(json_object_get(page_of, "items"), comment);
    } else {
        json_decref(page_of);
        page_of = NULL;
    }
    json_decref(comment);
    ask_release(&one);
    ask_release(&replies);
    return page_of;
}

/* The conversation of the comment, with the comment in it even where it is far down. */
static json_t *around(page *pg, const json_t *article, const char *id) {
    json_t *comment = get_comment(pg, id), *page_of = NULL;
    char root[VP_ULID_LEN + 1];
    vp_str parent = vp_json_text(comment, "parent_id");
    if (comment && is_of(comment, article)) {
        snprintf(root, sizeof root, "%.*s", parent.n ? (int)parent.n : VP_ULID_LEN,
                 parent.n ? parent.p : id);
        page_of = conversation(pg, article, root, (vp_str){0});
    }
    json_t *items = json_object_get(page_of, "items");
    if (page_of && !thread_has(items, vp_str_of(id)))
        json_array_append(json_object_get(json_array_get(items, 0), "replies"), comment);
    json_decref(comment);
    return page_of;
}

/* What of the thread the address asks for. */
typedef struct thread_part {
    vp_buf cursor;
    bool one, sure; /* thread: only that conversation; v: with that comment */
    char thread[VP_ULID_LEN + 1], v[VP_ULID_LEN + 1];
} thread_part;

static int roots(page *pg, const json_t *article, vp_str cursor, json_t **out) {
    ask a;
    ask_init(&a, "/api/v1/articles/", vp_json_text(article, "id"), "/comments");
    ask_param(&a, "sort", VP_STR("oldest"));
    ask_param(&a, "limit", first_comments);
    ask_param(&a, "cursor", cursor);
    page_get(pg, &a);
    int status = ask_wait(&a, out);
    ask_release(&a);
    return status;
}

/* Narrowed says that it is one conversation and not the thread. */
static int fetch_thread(page *pg, const json_t *article, thread_part *part, json_t **out,
                        bool *narrowed) {
    vp_str cursor = page_param(pg, "cursor", &part->cursor);
    *out = part->one ? conversation(pg, article, part->thread, cursor) : NULL;
    *narrowed = *out != NULL;
    if (*out) return 200;
    int status = roots(pg, article, part->one ? (vp_str){0} : cursor, out);
    if (status != 200 || !part->sure) return status;
    if (thread_has(json_object_get(*out, "items"), vp_str_of(part->v))) return status;
    json_t *found = around(pg, article, part->v);
    if (!found) return status;
    json_decref(*out);
    *out = found;
    *narrowed = true;
    return status;
}

/* Where the rest is: further down this list, or all of the thread. */
static void next_of(const json_t *page_of, const thread_part *part, bool narrowed, vp_str slug,
                    vp_buf *href) {
    vp_str cursor = vp_json_text(page_of, "next_cursor");
    if (cursor.n) {
        vp_buf_adds(href, "?");
        if (narrowed && part->one) vp_buf_addf(href, "thread=%s&", part->thread);
        vp_buf_adds(href, "cursor=");
        vp_query_encode(href, cursor);
        vp_buf_adds(href, "#comments");
    } else if (narrowed) {
        article_path(slug, href);
        vp_buf_adds(href, "#comments");
    }
}

/* -- parts ------------------------------------------------------------------------------------- */

typedef struct parts {
    json_t *view, *article; /* borrowed */
    const comment_draft *draft;
    poll_wish wish;
    vp_buf home, topics;
    ask poll, recent, parent, person[PEOPLE_MAX];
    bool has_parent;
    size_t people;
} parts;

static json_t *nth_person(const parts *s, size_t i) {
    return json_array_get(json_object_get(s->article, "contributors"), i);
}

static void start_parent(page *pg, parts *s) {
    char id[VP_ULID_LEN + 1];
    vp_str wanted = s->draft ? s->draft->parent_id : (vp_str){0};
    if (s->draft ? !vp_ulid_valid(wanted) : !page_id_param(pg, "reply_to", id)) return;
    ask_init(&s->parent, "/api/v1/comments/", s->draft ? wanted : vp_str_of(id), "");
    page_get(pg, &s->parent);
    s->has_parent = true;
}

static void start_parts(page *pg, parts *s) {
    vp_str bound = vp_json_text(s->article, "poll_id");
    size_t n = json_array_size(json_object_get(s->article, "contributors"));
    vp_buf_init(&s->topics, PAGE_TOPICS_MAX);
    ask_init(&s->poll, "/api/v1/polls/", bound.n ? bound : VP_STR("current"), "");
    page_get_poll(pg, &s->poll, &s->wish);
    page_recent_init(&s->recent);
    page_get(pg, &s->recent);
    for (s->people = 0; s->people < n && s->people < PEOPLE_MAX; s->people++) {
        vp_str handle = vp_json_text(nth_person(s, s->people), "handle");
        ask_init(&s->person[s->people], "/api/v1/contributors/", handle, "");
        page_get(pg, &s->person[s->people]);
    }
    start_parent(pg, s);
}

static void release_parts(parts *s) {
    ask_release(&s->poll);
    ask_release(&s->recent);
    if (s->has_parent) ask_release(&s->parent);
    while (s->people) ask_release(&s->person[--s->people]);
    vp_buf_release(&s->topics);
}

static void add_people(page *pg, parts *s) {
    size_t n = json_array_size(json_object_get(s->article, "contributors"));
    for (size_t i = 0; i < n; i++) {
        json_t *profile = NULL;
        int status = i < s->people ? ask_wait(&s->person[i], &profile) : 404;
        people_contributor(nth_person(s, i), status == 200 ? profile : NULL);
        if (status >= 500) pg->partial = true;
        json_decref(profile);
    }
}

/* Who is answered: a comment of this article that has an author. Anything else is nobody, unless it
 * cannot be told now. */
static json_t *add_parent(parts *s, comment_draft *draft) {
    json_t *parent = NULL;
    int status = s->has_parent ? ask_wait(&s->parent, &parent) : 404;
    vp_str author = vp_json_text(json_object_get(parent, "author"), "name");
    bool good = status == 200 && author.n && (!s->article || is_of(parent, s->article));
    if (good) {
        draft->parent_id = vp_json_text(parent, "id");
        draft->parent_author = author;
    } else if (status < 500) {
        draft->parent_id = (vp_str){0};
    }
    return parent;
}

static void add_form(parts *s, bool shown) {
    comment_draft draft = s->draft ? *s->draft : (comment_draft){0};
    json_t *parent = add_parent(s, &draft);
    vp_buf action;
    vp_buf_init(&action, MOVED_MAX);
    vp_buf_add_str(&action, vp_buf_str(&s->home));
    vp_buf_adds(&action, "/comments");
    view_set(s->view, "comment_form", shown ? thread_form(vp_buf_str(&action), &draft) : NULL);
    vp_buf_release(&action);
    json_decref(parent);
}

/* -- the page ---------------------------------------------------------------------------------- */

/* What of the thread is shown, ready for thread_view; NULL if it is away. What somebody wrote needs
 * its place also then. */
static json_t *thread_page(page *pg, parts *s, int *status, vp_buf *next) {
    thread_part part = {0};
    json_t *page_of = NULL;
    bool narrowed = false;
    vp_buf_init(&part.cursor, CURSOR_MAX);
    part.one = page_id_param(pg, "thread", part.thread);
    part.sure = page_id_param(pg, "v", part.v);
    *status = s->article ? fetch_thread(pg, s->article, &part, &page_of, &narrowed) : 503;
    if (*status == 200) {
        next_of(page_of, &part, narrowed, vp_json_text(s->article, "slug"), next);
    } else {
        json_decref(page_of);
        page_of = s->draft ? json_copy(s->article) : NULL; /* it has comment_count */
        if (s->draft && !page_of) page_of = json_object();
    }
    vp_buf_release(&part.cursor);
    return page_of;
}

/* False: the cursor is none of this thread. */
static bool add_thread(page *pg, parts *s, int64_t *count) {
    bool open = vp_json_bool(s->article, "comments_open", true);
    vp_buf next;
    int status;
    vp_buf_init(&next, MOVED_MAX);
    json_t *page_of = thread_page(pg, s, &status, &next);
    *count = status == 200 ? vp_json_int(page_of, "comment_count", -1) : -1;
    json_t *thread = page_of ? thread_view(page_of, open, vp_buf_str(&next)) : NULL;
    if (thread && status != 200) view_flag(thread, "is_empty", false);
    view_set(s->view, "thread", thread);
    view_flag(s->view, "comments_unavailable", !thread);
    view_flag(s->view, "comments_open", open);
    add_form(s, open && thread);
    pg->partial = pg->partial || status != 200;
    json_decref(page_of);
    vp_buf_release(&next);
    return status != 400;
}

static void add_notice(const page *pg, json_t *view) {
    vp_buf buf;
    vp_buf_init(&buf, CURSOR_MAX);
    if (vp_str_eq(page_param(pg, "held", &buf), VP_STR("1")))
        view_text(view, "notice", VP_STR("Thank you. Your comment waits for approval."));
    vp_buf_release(&buf);
}

static void add_article(page *pg, parts *s, int64_t comments) {
    if (s->article) {
        vp_buf_adds(&s->topics, s->topics.len ? " article:" : "article:");
        vp_buf_add_str(&s->topics, vp_json_text(s->article, "id"));
        add_people(pg, s);
        people_article(s->article, comments);
    }
    view_set(s->view, "article", json_incref(s->article));
    view_text(s->view, "page_description", vp_json_text(s->article, "summary"));
    view_text(s->view, "topics", vp_buf_str(&s->topics));
}

void article_page(page *pg, json_t *article, const comment_draft *draft) {
    parts s = {.article = article, .draft = draft};
    int64_t comments;
    vp_str slug = article ? vp_json_text(article, "slug") : pg->params.value[0];
    vp_buf_init(&s.home, MOVED_MAX);
    article_path(slug, &s.home);
    s.wish = page_poll_wish(pg, vp_buf_str(&s.home));
    vp_str title = article ? vp_json_text(article, "title") : VP_STR("Your comment");
    s.view = page_view(pg, title, vp_buf_str(&s.home));
    start_parts(pg, &s);
    bool readable = add_thread(pg, &s, &comments);
    page_add_poll(pg, s.view, &s.poll, &s.wish, &s.topics);
    page_add_recent(pg, s.view, &s.recent);
    add_article(pg, &s, comments);
    add_notice(pg, s.view);
    if (readable) {
        page_show(pg, "article", s.view);
    } else {
        json_decref(s.view);
        page_error(pg, 400);
    }
    release_parts(&s);
    vp_buf_release(&s.home);
}

void article_show(page *pg) {
    json_t *article;
    vp_buf moved;
    int status = article_fetch(pg, &article, &moved);
    if (status == 200 && !moved.len)
        article_page(pg, article, NULL);
    else
        article_refuse(pg, status, &moved);
    json_decref(article);
    vp_buf_release(&moved);
}

void article_of_form(page *pg) {
    vp_buf to;
    vp_buf_init(&to, MOVED_MAX);
    article_path(pg->params.value[0], &to);
    if (pg->r->query.n) {
        vp_buf_addc(&to, '?');
        vp_buf_add_str(&to, pg->r->query);
    }
    page_redirect(pg, 303, &to);
}
