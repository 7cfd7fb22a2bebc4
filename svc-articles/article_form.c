/* article_form.c - see article_form.h. SPDX-License-Identifier: MIT */
#include "article_form.h"

#include <stdio.h>

#include "clock.h"
#include "markdown.h"

const vp_json_rule article_rules[] = {
    {"title", VP_JSON_TEXT, true, 1, 200, NULL},
    {"body_markdown", VP_JSON_TEXT, true, 1, ARTICLE_MARKDOWN_MAX, NULL},
    {"slug", VP_JSON_TEXT, false, 1, SLUG_MAX, NULL},
    {"summary", VP_JSON_TEXT, false, 0, 500, NULL},
    {"tags", VP_JSON_LIST, false, 0, ARTICLE_TAGS, NULL},
    {"contributors", VP_JSON_LIST, false, 0, ARTICLE_CONTRIBUTORS, NULL},
    {"language", VP_JSON_TEXT, false, 2, 35, NULL},
    {"poll_id", VP_JSON_ID, false, 0, 0, NULL},
    {"status", VP_JSON_TEXT, false, 1, 16, "draft scheduled published"},
    {"publish_at", VP_JSON_TIME, false, 0, 0, NULL},
    {"comments_open", VP_JSON_BOOL, false, 0, 0, NULL},
    {NULL}};

vp_str form_line(const json_t *body, const char *name, vp_problem *problem) {
    vp_str text = vp_str_trim(vp_json_text(body, name));
    if (!vp_text_is_line(text)) {
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/%s", name);
        vp_problem_field(problem, pointer, "must be one line without control characters");
    }
    return text;
}

void form_add(vp_buf *out, const char *name, vp_str text) {
    vp_buf_addc(out, ',');
    vp_buf_add_json(out, vp_str_of(name));
    vp_buf_addc(out, ':');
    if (text.n)
        vp_buf_add_json(out, text);
    else
        vp_buf_adds(out, "null");
}

static void read_slug(article_form *form, const json_t *body, vp_problem *problem) {
    vp_str given = vp_str_trim(vp_json_text(body, "slug"));
    form->slug_given = given.n > 0;
    if (form->slug_given && !slug_ok(given)) {
        vp_problem_field(problem, "/slug",
                         "must be made of a-z, 0-9 and single hyphens between them");
    } else if (form->slug_given) {
        memcpy(form->slug, given.p, given.n);
        form->slug[given.n] = '\0';
    } else {
        slug_make(form->title, form->slug);
        if (!form->slug[0]) snprintf(form->slug, sizeof form->slug, "article");
    }
}

/* Is `item` between two separators of the list already? */
static bool has(const vp_buf *list, vp_str item, char separator) {
    for (size_t at = 0; at < list->len;) {
        const char *end = memchr(list->data + at, separator, list->len - at);
        size_t n = end ? (size_t)(end - list->data) - at : list->len - at;
        if (vp_str_eq(vp_str_n(list->data + at, n), item)) return true;
        at += n + 1;
    }
    return false;
}

static void list_item(vp_buf *list, vp_str item, char separator) {
    if (list->len) vp_buf_addc(list, separator);
    vp_buf_add_str(list, item);
}

static void field_of(vp_problem *problem, const char *list, size_t i, const char *detail) {
    char pointer[64];
    snprintf(pointer, sizeof pointer, "/%s/%zu", list, i);
    vp_problem_field(problem, pointer, "%s", detail);
}

/* "tags":[…] as shown, and the folded ones that decide which are the same. */
static void read_tags(article_form *form, const json_t *body, vp_problem *problem) {
    const json_t *list = json_object_get(body, "tags");
    vp_buf shown, folded;
    vp_buf_init(&shown, 2 * TAG_BYTES);
    vp_buf_init(&folded, 2 * TAG_BYTES);
    vp_buf_adds(&form->head, ",\"tags\":[");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        vp_buf_clear(&shown);
        vp_buf_clear(&folded);
        vp_str tag = vp_str_n(json_string_value(item), json_string_length(item));
        if (!tag.p || !tag_fold(vp_str_trim(tag), &shown, &folded)) {
            field_of(problem, "tags", i, "must be a text of 1 to 40 characters without slashes");
        } else if (!has(&form->tags, vp_buf_str(&folded), '\n')) {
            if (form->tags.len) vp_buf_addc(&form->head, ',');
            vp_buf_add_json(&form->head, vp_buf_str(&shown));
            list_item(&form->tags, vp_buf_str(&folded), '\n');
            list_item(&form->shown, vp_buf_str(&shown), '\n');
        }
    }
    vp_buf_addc(&form->head, ']');
    vp_buf_release(&shown);
    vp_buf_release(&folded);
}

static void read_handles(article_form *form, const json_t *body, vp_problem *problem) {
    const json_t *list = json_object_get(body, "contributors");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        vp_str handle = vp_str_n(json_string_value(item), json_string_length(item));
        if (!handle.p || !handle_ok(handle))
            field_of(problem, "contributors", i, "must be a handle");
        else if (has(&form->handles, handle, ' '))
            field_of(problem, "contributors", i, "must not stand twice");
        else
            list_item(&form->handles, handle, ' ');
    }
}

/* Letters and digits in parts of 2 to 8, as of BCP 47. */
static bool is_language(vp_str s) {
    size_t part = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (i > 2 && c >= '0' && c <= '9');
        if (letter) part++;
        if (part > 8 || (!letter && (c != '-' || part < 1))) return false;
        if (c == '-') part = 0;
    }
    return part > 0;
}

/* A time to come schedules; a past one dates back what is published at once. */
static void read_status(article_form *form, const json_t *body, int64_t now_ms,
                        vp_problem *problem) {
    vp_str status = vp_str_trim(vp_json_text(body, "status")),
           at = vp_json_text(body, "publish_at");
    int64_t when = now_ms;
    if (at.n && vp_time_parse(at, &when)) return; /* vp_json_check has told */
    bool later = when > now_ms;
    if (!status.n) status = later ? VP_STR("scheduled") : VP_STR("published");
    form->status = status;
    if (vp_str_eq(status, VP_STR("draft"))) return;
    if (later != vp_str_eq(status, VP_STR("scheduled")))
        vp_problem_field(problem, "/publish_at",
                         later ? "must be past, or the status scheduled"
                               : "must be a time to come");
    snprintf(form->when, sizeof form->when, "%013lld", (long long)when);
    vp_time_text(when, form->when_text);
}

static void read_body(article_form *form, const json_t *body, vp_problem *problem) {
    vp_buf html;
    vp_buf_init(&html, ARTICLE_BODY_MAX);
    form->markdown = vp_json_text(body, "body_markdown");
    if (form->markdown.n > ARTICLE_MARKDOWN_MAX) {
        vp_problem_field(problem, "/body_markdown", "must not have more than %d bytes",
                         ARTICLE_MARKDOWN_MAX);
    } else if (vp_markdown_render(form->markdown, VP_MARKDOWN_ARTICLE, &html, NULL)) {
        vp_problem_field(problem, "/body_markdown", "must be shorter or have less markup");
    } else {
        vp_buf_add_json(&form->body, vp_buf_str(&html));
        if (form->body.over)
            vp_problem_field(problem, "/body_markdown", "must be shorter or have less markup");
    }
    vp_buf_release(&html);
}

bool article_form_read(article_form *form, const json_t *body, int64_t now_ms,
                       vp_problem *problem) {
    char now[VP_TIME_LEN + 1];
    vp_str language = vp_json_text(body, "language");
    memset(form, 0, sizeof *form);
    vp_buf_init(&form->head, 64 * 1024);
    vp_buf_init(&form->tail, 1024);
    vp_buf_init(&form->body, ARTICLE_BODY_MAX);
    vp_buf_init(&form->handles, ARTICLE_CONTRIBUTORS * (HANDLE_MAX + 1));
    vp_buf_init(&form->tags, ARTICLE_TAGS * (TAG_BYTES + 1));
    vp_buf_init(&form->shown, ARTICLE_TAGS * (TAG_BYTES + 1));
    vp_ulid_make(now_ms, form->id);
    form->title = form_line(body, "title", problem);
    read_slug(form, body, problem);
    form_add(&form->head, "title", form->title);
    form_add(&form->head, "summary", form_line(body, "summary", problem));
    read_tags(form, body, problem);
    read_handles(form, body, problem);
    read_status(form, body, now_ms, problem);
    read_body(form, body, problem);
    if (language.n && !is_language(language))
        vp_problem_field(problem, "/language", "must be a language tag such as en or pt-BR");
    vp_time_text(now_ms, now);
    form_add(&form->tail, "language", language.n ? language : VP_STR("en"));
    form_add(&form->tail, "updated_at", vp_str_of(now));
    form_add(&form->tail, "poll_id", vp_json_text(body, "poll_id"));
    vp_buf_adds(&form->tail, ",\"comments_open\":");
    vp_buf_adds(&form->tail, vp_json_bool(body, "comments_open", true) ? "true" : "false");
    form->open = vp_json_bool(body, "comments_open", true);
    return !problem->code;
}

void article_form_release(article_form *form) {
    vp_buf *all[] = {&form->head,    &form->tail, &form->body,
                     &form->handles, &form->tags, &form->shown};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) vp_buf_release(all[i]);
}
