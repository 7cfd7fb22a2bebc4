/* contributor_form.c - see contributor_form.h. SPDX-License-Identifier: MIT */
#include "contributor_form.h"

#include <stdio.h>

#include "clock.h"
#include "markdown.h"

const vp_json_rule contributor_rules[] = {
    {"display_name", VP_JSON_TEXT, true, 1, 80, NULL},
    {"bio_markdown", VP_JSON_TEXT, false, 0, CONTRIBUTOR_BIO_CHARS, NULL},
    {"links", VP_JSON_LIST, false, 0, CONTRIBUTOR_LINKS, NULL},
    {"email_public", VP_JSON_TEXT, false, 0, 254, NULL},
    {NULL}};

static const vp_json_rule link_rules[] = {
    {"rel", VP_JSON_TEXT, true, 1, 32, NULL}, {"href", VP_JSON_TEXT, true, 1, 500, NULL}, {NULL}};

/* A link leads to a web page or a mailbox, somewhere definite. */
static bool href_ok(vp_str s) {
    bool full = vp_str_starts(s, VP_STR("https://")) || vp_str_starts(s, VP_STR("http://")) ||
                vp_str_starts(s, VP_STR("mailto:"));
    return full && form_url_bytes_ok(s);
}

static bool rel_ok(vp_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && s.p[i] != '-') return false;
    return s.n > 0;
}

static void read_link(contributor_form *form, const json_t *item, size_t i, vp_problem *problem) {
    char prefix[32], pointer[64];
    snprintf(prefix, sizeof prefix, "/links/%zu", i);
    if (!json_is_object(item)) {
        vp_problem_field(problem, prefix, "must be an object with rel and href");
        return;
    }
    if (vp_json_check(item, link_rules, prefix, problem)) return;
    vp_str rel = vp_str_trim(vp_json_text(item, "rel")),
           href = vp_str_trim(vp_json_text(item, "href"));
    snprintf(pointer, sizeof pointer, "%s/%s", prefix, rel_ok(rel) ? "href" : "rel");
    if (!rel_ok(rel))
        vp_problem_field(problem, pointer, "must be a word of a-z and hyphens");
    else if (!href_ok(href))
        vp_problem_field(problem, pointer, "must be an http, https or mailto address");
    vp_buf_adds(&form->json, i ? ",{\"rel\":" : "{\"rel\":");
    vp_buf_add_json(&form->json, rel);
    vp_buf_adds(&form->json, ",\"href\":");
    vp_buf_add_json(&form->json, href);
    vp_buf_addc(&form->json, '}');
}

static void read_email(contributor_form *form, const json_t *body, vp_problem *problem) {
    vp_str email = form_line(body, "email_public", problem);
    const char *at = email.n ? memchr(email.p, '@', email.n) : NULL;
    if (email.n && (!at || at == email.p || at == email.p + email.n - 1 ||
                    memchr(email.p, ' ', email.n) || memchr(email.p, '"', email.n)))
        vp_problem_field(problem, "/email_public", "must be an e-mail address");
    form_add(&form->json, "email_public", email);
}

static void read_bio(contributor_form *form, const json_t *body, vp_problem *problem) {
    vp_buf html;
    vp_buf_init(&html, CONTRIBUTOR_JSON_MAX);
    form->markdown = vp_json_text(body, "bio_markdown");
    if (vp_markdown_render(form->markdown, VP_MARKDOWN_ARTICLE, &html, NULL))
        vp_problem_field(problem, "/bio_markdown", "must be shorter or have less markup");
    else
        form_add(&form->json, "bio_html", vp_buf_str(&html));
    vp_buf_release(&html);
}

bool contributor_form_read(contributor_form *form, vp_str handle, const json_t *body,
                           int64_t now_ms, vp_problem *problem) {
    char now[VP_TIME_LEN + 1];
    const json_t *links = json_object_get(body, "links");
    memset(form, 0, sizeof *form);
    vp_buf_init(&form->name, 4096);
    vp_buf_init(&form->json, CONTRIBUTOR_JSON_MAX);
    form->handle = handle;
    if (!handle_ok(handle))
        vp_problem_set(problem, VP_EINVAL,
                       "A handle is made of a-z, 0-9, - and _, at most %d of them.", HANDLE_MAX);
    vp_str name = form_line(body, "display_name", problem);
    vp_buf_add_json(&form->name, name);
    vp_buf_adds(&form->json, "{\"handle\":");
    vp_buf_add_json(&form->json, handle);
    form_add(&form->json, "display_name", name);
    read_bio(form, body, problem);
    vp_buf_adds(&form->json, ",\"links\":[");
    for (size_t i = 0; i < json_array_size(links); i++)
        read_link(form, json_array_get(links, i), i, problem);
    vp_buf_addc(&form->json, ']');
    read_email(form, body, problem);
    vp_time_text(now_ms, now);
    form_add(&form->json, "updated_at", vp_str_of(now));
    if (form->json.over)
        vp_problem_field(problem, "/bio_markdown", "must be shorter or have less markup");
    return !problem->code;
}

void contributor_form_release(contributor_form *form) {
    vp_buf_release(&form->name);
    vp_buf_release(&form->json);
}
