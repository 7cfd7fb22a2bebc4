/* thread_view.c - see thread_view.h. SPDX-License-Identifier: MIT */
#include "thread_view.h"

#include <stdio.h>

#include "json.h"
#include "view.h"

enum { DEPTH_MAX = 63, TEXT_MAX = 400 };

static json_t *author_of(const json_t *comment, bool deleted) {
    const json_t *from = deleted ? NULL : json_object_get(comment, "author");
    json_t *author = json_object();
    view_text(author, "name", vp_json_text(from, "name"));
    view_text(author, "badge", vp_json_text(from, "badge"));
    return author;
}

/* Replies that are there beyond those that came along. */
static void add_more(json_t *comment, vp_str id, int64_t missing) {
    char href[96], text[VIEW_NUMBER_MAX];
    view_number(missing, text);
    snprintf(href, sizeof href, "?thread=%.*s#comment-%.*s", (int)id.n, id.p, (int)id.n, id.p);
    bool more = missing > 0 && id.n <= 26;
    view_text(comment, "more_href", more ? vp_str_of(href) : (vp_str){0});
    view_text(comment, "more_count", more ? vp_str_of(text) : (vp_str){0});
    view_text(comment, "more_word", missing == 1 ? VP_STR("reply") : VP_STR("replies"));
}

void thread_comment(json_t *comment, bool open) {
    static const char *const keys[] = {"id", "body_html", "created_at", NULL};
    json_t *replies = json_object_get(comment, "replies");
    bool deleted = vp_str_eq(vp_json_text(comment, "status"), VP_STR("deleted"));
    bool may_reply = open && !deleted && vp_json_int(comment, "depth", 0) < DEPTH_MAX;
    vp_str id = vp_json_text(comment, "id");
    replies = json_is_array(replies) ? json_incref(replies) : json_array();
    size_t n = json_array_size(replies);
    for (size_t i = 0; i < n; i++) thread_comment(json_array_get(replies, i), open);
    view_flag(comment, "deleted", deleted);
    view_set(comment, "author", author_of(comment, deleted));
    if (deleted) view_set(comment, "body_html", NULL);
    view_time(comment, comment, "created_at", "created_display", VIEW_MINUTE);
    view_set(comment, "reply_href", NULL);
    if (may_reply) view_href(comment, "reply_href", "?reply_to=", id, "#leave-a-reply");
    view_list(comment, "has_replies", "replies", replies);
    add_more(comment, id, vp_json_int(comment, "reply_count", 0) - (int64_t)n);
    view_complete(comment, keys);
}

json_t *thread_view(json_t *page, bool open, vp_str next_href) {
    json_t *items = json_object_get(page, "items"), *view = json_object();
    int64_t n = vp_json_int(page, "comment_count", 0);
    items = json_is_array(items) ? json_incref(items) : json_array();
    for (size_t i = 0; i < json_array_size(items); i++)
        thread_comment(json_array_get(items, i), open);
    view_flag(view, "is_empty", n == 0 && json_array_size(items) == 0);
    view_count(view, "count", n, "count_word", "comment", "comments");
    view_set(view, "items", items);
    view_text(view, "next_href", next_href);
    return view;
}

bool thread_has(const json_t *comments, vp_str id) {
    for (size_t i = 0; i < json_array_size(comments); i++) {
        const json_t *comment = json_array_get(comments, i);
        if (vp_str_eq(vp_json_text(comment, "id"), id)) return true;
        if (thread_has(json_object_get(comment, "replies"), id)) return true;
    }
    return false;
}

/* -- the form --------------------------------------------------------------------------------- */

/* The fields that people see, and what they are called in a sentence. */
static const struct {
    const char *name, *pointer, *subject;
} fields[] = {
    {"author_name", "/author_name", "Your name"},
    {"author_email", "/author_email", "The email address"},
    {"body_markdown", "/body_markdown", "The comment"},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static int field_at(vp_str pointer) {
    for (int i = 0; i < FIELDS; i++)
        if (vp_str_eq(pointer, vp_str_of(fields[i].pointer))) return i;
    return -1;
}

/* "must not be empty" as "Your name must not be empty."; a whole sentence stays as it is. */
static void sentence(const char *subject, vp_str detail, char out[TEXT_MAX]) {
    bool part = detail.n && detail.p[0] >= 'a' && detail.p[0] <= 'z';
    bool ends = detail.n && strchr(".!?", detail.p[detail.n - 1]);
    snprintf(out, TEXT_MAX, "%s%s%.*s%s", part ? subject : "", part ? " " : "",
             (int)(detail.n < TEXT_MAX / 2 ? detail.n : TEXT_MAX / 2), detail.n ? detail.p : "",
             ends ? "" : ".");
    vp_utf8_scrub(out);
}

/* Every message twice: in the list and beside its field. */
static void add_errors(json_t *form, const json_t *problem) {
    const json_t *from = json_object_get(problem, "errors");
    json_t *list = json_array(), *invalid = json_object();
    for (size_t i = 0; i < json_array_size(from); i++) {
        const json_t *error = json_array_get(from, i);
        char text[TEXT_MAX];
        int at = field_at(vp_json_text(error, "pointer"));
        json_t *item = json_object();
        sentence(at < 0 ? "The comment that you answer" : fields[at].subject,
                 vp_json_text(error, "detail"), text);
        view_text(item, "field", vp_str_of(at < 0 ? NULL : fields[at].name));
        view_text(item, "detail", vp_str_of(text));
        json_array_append_new(list, item);
        if (at >= 0 && !json_object_get(invalid, fields[at].name))
            view_text(invalid, fields[at].name, vp_str_of(text));
    }
    for (int i = 0; i < FIELDS; i++)
        if (!json_object_get(invalid, fields[i].name)) view_set(invalid, fields[i].name, NULL);
    view_set(form, "errors", list);
    view_set(form, "invalid", invalid);
}

json_t *thread_form(vp_str action, const comment_draft *draft) {
    json_t *form = json_object(), *values = json_object();
    view_text(form, "action", action);
    view_text(form, "parent_id", draft->parent_id);
    view_text(form, "parent_author", draft->parent_author);
    view_text(values, "author_name", draft->author_name);
    view_text(values, "author_email", draft->author_email);
    view_text(values, "body_markdown", draft->body_markdown);
    view_set(form, "values", values);
    view_flag(form, "has_errors", draft->refused);
    view_text(form, "error", draft->error);
    add_errors(form, draft->problem);
    view_set(form, "idempotency_key", NULL);
    return form;
}
