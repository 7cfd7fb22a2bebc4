/* comment_form.c - see comment_form.h. SPDX-License-Identifier: MIT */
#include "comment_form.h"

#include <stdio.h>

#include "clock.h"
#include "markdown.h"

const vp_json_rule comment_rules[] = {
    {"author_name", VP_JSON_TEXT, true, 1, 80, NULL},
    {"author_email", VP_JSON_TEXT, false, 0, 254, NULL},
    {"body_markdown", VP_JSON_TEXT, true, 1, COMMENT_BODY_CHARS, NULL},
    {"parent_id", VP_JSON_ID, false, 0, 0, NULL},
    {NULL}};

static bool email_ok(vp_str s) {
    const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
    if (!at || at == s.p || at == s.p + s.n - 1 ||
        memchr(at + 1, '@', (size_t)(s.p + s.n - at - 1)))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || strchr("\"<>(),;:\\[]", s.p[i])) return false;
    return true;
}

static void read_person(comment_form *form, const json_t *body, vp_problem *problem) {
    form->name = vp_str_trim(vp_json_text(body, "author_name"));
    form->email = vp_str_trim(vp_json_text(body, "author_email"));
    if (!vp_text_is_line(form->name))
        vp_problem_field(problem, "/author_name", "must be one line without control characters");
    if (form->email.n && !email_ok(form->email))
        vp_problem_field(problem, "/author_email", "must be an e-mail address");
}

/* REVISION EXCERPT, line feed, {"id":…,"article_id":…,"parent_id":… */
static void write_head(comment_form *form, vp_str article, vp_str excerpt) {
    vp_buf *b = &form->head;
    vp_buf_adds(b, "1 ");
    vp_buf_add_json(b, excerpt);
    vp_buf_adds(b, "\n{\"id\":");
    vp_buf_add_json(b, vp_str_of(form->id));
    vp_buf_adds(b, ",\"article_id\":");
    vp_buf_add_json(b, article);
    vp_buf_adds(b, ",\"parent_id\":");
    if (form->parent.n)
        vp_buf_add_json(b, form->parent);
    else
        vp_buf_adds(b, "null");
}

static void write_tail(comment_form *form, vp_str html, bool staff) {
    vp_buf *b = &form->tail;
    char created[VP_TIME_LEN + 1];
    vp_time_text(vp_ulid_ms(vp_str_of(form->id)), created);
    vp_buf_adds(b, ",\"author\":{\"name\":");
    vp_buf_add_json(b, form->name);
    vp_buf_adds(b, staff ? ",\"badge\":\"staff\"}" : ",\"badge\":null}");
    vp_buf_adds(b, ",\"body_html\":");
    vp_buf_add_json(b, html);
    vp_buf_addf(b, ",\"created_at\":\"%s\",\"edited_at\":null", created);
    vp_buf_adds(b, ",\"status\":\"approved\",\"revision\":1");
}

bool comment_form_read(comment_form *form, vp_str article, const json_t *body, bool staff,
                       int64_t now_ms, vp_problem *problem) {
    vp_buf html, excerpt;
    memset(form, 0, sizeof *form);
    vp_buf_init(&form->head, COMMENT_LINE_MAX);
    vp_buf_init(&form->tail, COMMENT_SHOWN_MAX - COMMENT_LINE_MAX);
    vp_buf_init(&html, COMMENT_SHOWN_MAX);
    vp_buf_init(&excerpt, COMMENT_LINE_MAX / 2);
    vp_ulid_make(now_ms, form->id);
    form->parent = vp_json_text(body, "parent_id");
    form->markdown = vp_json_text(body, "body_markdown");
    read_person(form, body, problem);
    bool large = vp_markdown_render(form->markdown, VP_MARKDOWN_COMMENT, &html, &excerpt) != VP_OK;
    write_head(form, article, vp_buf_str(&excerpt));
    if (!large) write_tail(form, vp_buf_str(&html), staff);
    if (large || form->tail.over || form->head.over)
        vp_problem_field(problem, "/body_markdown", "must be shorter or have less markup");
    vp_buf_release(&html);
    vp_buf_release(&excerpt);
    return !problem->code;
}

void comment_form_release(comment_form *form) {
    vp_buf_release(&form->head);
    vp_buf_release(&form->tail);
}
