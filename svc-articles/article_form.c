/* article_form.c - see article_form.h. SPDX-License-Identifier: MIT */
#include "article_form.h"

#include <stdio.h>

#include "clock.h"
#include "document.h"
#include "markdown.h"

/* NEEDED: of what makes an article; one that changes it may leave everything out. */
#define RULES(NEEDED)                                                                              \
    {"title", VP_JSON_TEXT, NEEDED, 1, 200, NULL},                                                 \
        {"body_markdown", VP_JSON_TEXT, NEEDED, 1, ARTICLE_MARKDOWN_MAX, NULL},                    \
        {"slug", VP_JSON_TEXT, false, 1, SLUG_MAX, NULL},                                          \
        {"summary", VP_JSON_TEXT, false, 0, 500, NULL},                                            \
        {"section", VP_JSON_TEXT, false, 0, TAG_CHARS, NULL},                                      \
        {"tags", VP_JSON_LIST, false, 0, ARTICLE_TAGS, NULL},                                      \
        {"contributors", VP_JSON_LIST, false, 0, ARTICLE_CONTRIBUTORS, NULL},                      \
        {"hero", VP_JSON_OBJECT, false, 0, 0, NULL},                                               \
        {"language", VP_JSON_TEXT, false, 2, 35, NULL},                                            \
        {"translation_group", VP_JSON_ID, false, 0, 0, NULL},                                      \
        {"poll_id", VP_JSON_ID, false, 0, 0, NULL},                                                \
        {"publish_at", VP_JSON_TIME, false, 0, 0, NULL},                                           \
        {"unpublish_at", VP_JSON_TIME, false, 0, 0, NULL},                                         \
        {"comments_open", VP_JSON_BOOL, false, 0, 0, NULL},                                        \
        {"comments_policy", VP_JSON_TEXT, false, 1, 16, "open closed days"}, {                     \
        "comments_days", VP_JSON_INT, false, 1, ARTICLE_COMMENT_DAYS, NULL                         \
    }

const vp_json_rule article_rules[] = {
    RULES(true), {"status", VP_JSON_TEXT, false, 1, 16, "draft scheduled published"}, {NULL}};
const vp_json_rule article_patch_rules[] = {
    RULES(false),
    {"status", VP_JSON_TEXT, false, 1, 16, "draft scheduled published archived"},
    {NULL}};

static const vp_json_rule hero_rules[] = {
    {"url", VP_JSON_TEXT, true, 1, 500, NULL}, {"alt", VP_JSON_TEXT, true, 1, 300, NULL}, {NULL}};

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

bool form_url_bytes_ok(vp_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || strchr("\"<>\\^`{|}", s.p[i])) return false;
    return s.n > 0;
}

static void read_slug(article_form *form, const json_t *body, const article_was *was,
                      vp_problem *problem) {
    vp_str given = vp_str_trim(vp_json_text(body, "slug"));
    form->slug_given = given.n > 0;
    if (was && vp_str_eq(given, was->slug)) form->slug_given = false; /* it has it already */
    if (given.n && !slug_ok(given)) {
        vp_problem_field(problem, "/slug",
                         "must be made of a-z, 0-9 and single hyphens between them");
    } else if (given.n) {
        memcpy(form->slug, given.p, given.n);
        form->slug[given.n] = '\0';
    } else {
        slug_make(form->title, vp_json_text(body, "language"), form->slug);
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

/* -- when it is public ---------------------------------------------------------------------- */

static void set_time(int64_t when, char digits[14], char text[24]) {
    digits[0] = text[0] = '\0';
    if (!when) return;
    snprintf(digits, 14, "%013lld", (long long)when);
    vp_time_text(when, text);
}

/* A time of the body, or the one that there was. */
static int64_t time_of(const json_t *asked, const char *name, int64_t before) {
    const json_t *value = json_object_get(asked, name);
    int64_t when;
    if (!value) return before;
    vp_str text = vp_json_text(asked, name);
    if (!text.n || vp_time_parse(text, &when)) return 0; /* vp_json_check has told what is none */
    return when;
}

/* A time to come schedules; a past one dates back what is published. Published again, an article
 * keeps its time. */
static int64_t read_when(article_form *form, const json_t *asked, const article_was *was,
                         int64_t now_ms, vp_problem *problem) {
    vp_str status = vp_str_trim(vp_json_text(asked, "status"));
    int64_t when = time_of(asked, "publish_at", was ? was->when : 0);
    bool given = json_is_string(json_object_get(asked, "publish_at")), later = when > now_ms;
    if (!status.n) status = was ? was->status : later ? VP_STR("scheduled") : VP_STR("published");
    form->status = status;
    bool scheduled = vp_str_eq(status, VP_STR("scheduled"));
    bool draft = vp_str_eq(status, VP_STR("draft"));
    if (scheduled && !later)
        vp_problem_field(problem, "/publish_at", "must be a time to come");
    else if (draft && given && was)
        vp_problem_field(problem, "/publish_at", "belongs to no draft");
    else if (!draft && !scheduled && given && later)
        vp_problem_field(problem, "/publish_at", "must be past, or the status scheduled");
    if (draft) return was && !later ? was->when : 0;
    return !scheduled && (!when || later) ? now_ms : when;
}

static void read_ends(article_form *form, const json_t *asked, const article_was *was, int64_t when,
                      int64_t now_ms, vp_problem *problem) {
    int64_t ends = time_of(asked, "unpublish_at", was ? was->ends : 0);
    bool given = json_is_string(json_object_get(asked, "unpublish_at"));
    bool live = vp_str_eq(form->status, VP_STR("published")) ||
                vp_str_eq(form->status, VP_STR("scheduled"));
    if (given && !live)
        vp_problem_field(problem, "/unpublish_at", "belongs to one that is or will be published");
    else if (live && ends && ends <= (when > now_ms ? when : now_ms))
        vp_problem_field(problem, "/unpublish_at", "must be a time to come, after publish_at");
    set_time(live ? ends : 0, form->ends, form->ends_text);
}

static void read_comments(article_form *form, const json_t *body, int64_t when,
                          vp_problem *problem) {
    int64_t days = vp_json_int(body, "comments_days", 0);
    form->policy = vp_json_text(body, "comments_policy");
    if (!form->policy.n) form->policy = days ? VP_STR("days") : VP_STR("open");
    bool by_days = vp_str_eq(form->policy, VP_STR("days"));
    if (by_days && !days)
        vp_problem_field(problem, "/comments_days", "is needed when comments close after days");
    if (!by_days) days = 0;
    set_time(by_days && when ? when + days * 86400000 : 0, form->close, form->close_text);
    form_add(&form->tail, "comments_policy", form->policy);
    vp_buf_adds(&form->tail, ",\"comments_days\":");
    if (days)
        vp_buf_add_int(&form->tail, days);
    else
        vp_buf_adds(&form->tail, "null");
}

/* -- the text ------------------------------------------------------------------------------- */

/* Words of Latin letters and the like, and each letter of scripts that put no spaces. */
static int64_t minutes_of(vp_str text) {
    size_t words = 0, letters = 0;
    bool within = false;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool part = c > ' ';
        words += part && !within;
        within = part;
        letters += c >= 0xE3 && c <= 0xED; /* Kana, Han, Hangul: three bytes each */
    }
    size_t minutes = (words + letters / 2 + ARTICLE_WORDS_A_MINUTE / 2) / ARTICLE_WORDS_A_MINUTE;
    return minutes ? (int64_t)minutes : 1;
}

/* body_html, and into the head what is told of it in lists. */
static void read_body(article_form *form, const json_t *body, vp_str summary, vp_problem *problem) {
    vp_buf html, excerpt;
    vp_buf_init(&html, ARTICLE_BODY_MAX);
    vp_buf_init(&excerpt, ARTICLE_FIELDS_MAX);
    form->markdown = vp_json_text(body, "body_markdown");
    if (!form->markdown.n) {
        vp_problem_field(problem, "/body_markdown", "is needed");
    } else if (form->markdown.n > ARTICLE_MARKDOWN_MAX) {
        vp_problem_field(problem, "/body_markdown", "must not have more than %d bytes",
                         ARTICLE_MARKDOWN_MAX);
    } else if (vp_markdown_render(form->markdown, VP_MARKDOWN_ARTICLE, &html, &excerpt)) {
        vp_problem_field(problem, "/body_markdown", "must be shorter or have less markup");
    } else {
        vp_buf_add_json(&form->body, vp_buf_str(&html));
        if (form->body.over)
            vp_problem_field(problem, "/body_markdown", "must be shorter or have less markup");
    }
    form_add(&form->head, "excerpt", summary.n ? summary : vp_buf_str(&excerpt));
    vp_buf_adds(&form->head, ",\"reading_minutes\":");
    vp_buf_add_int(&form->head, minutes_of(form->markdown));
    vp_buf_release(&html);
    vp_buf_release(&excerpt);
}

static void read_section(article_form *form, const json_t *body, vp_problem *problem) {
    vp_str section = vp_str_trim(vp_json_text(body, "section"));
    if (section.n && !tag_fold(section, &form->section_shown, &form->section))
        vp_problem_field(problem, "/section",
                         "must be a text of 1 to 40 characters without slashes");
    form_add(&form->head, "section", vp_buf_str(&form->section_shown));
}

/* A picture of this site, or from elsewhere over TLS; what it shows has to be said. */
static void read_hero(article_form *form, const json_t *body, vp_problem *problem) {
    const json_t *hero = json_object_get(body, "hero");
    if (!json_is_object(hero)) {
        form_add(&form->head, "hero", (vp_str){0});
        return;
    }
    if (vp_json_check(hero, hero_rules, "/hero", problem)) return;
    vp_str url = vp_str_trim(vp_json_text(hero, "url"));
    bool ours = vp_str_starts(url, VP_STR("/")) && !vp_str_starts(url, VP_STR("//"));
    if (!form_url_bytes_ok(url) || !(ours || vp_str_starts(url, VP_STR("https://"))))
        vp_problem_field(problem, "/hero/url", "must be a path of this site or an https address");
    vp_str alt = vp_str_trim(vp_json_text(hero, "alt"));
    if (!vp_text_is_line(alt))
        vp_problem_field(problem, "/hero/alt", "must be one line without control characters");
    vp_buf_adds(&form->head, ",\"hero\":{\"url\":");
    vp_buf_add_json(&form->head, url);
    form_add(&form->head, "alt", alt);
    vp_buf_addc(&form->head, '}');
}

static void read_language(article_form *form, const json_t *body, vp_problem *problem) {
    vp_str language = vp_json_text(body, "language");
    if (language.n && !is_language(language))
        vp_problem_field(problem, "/language", "must be a language tag such as en or pt-BR");
    if (!language.n) language = VP_STR("en");
    snprintf(form->language, sizeof form->language, "%.*s", (int)language.n, language.p);
    for (char *c = form->language; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c | 0x20);
    form_add(&form->tail, "language", language);
}

static void init(article_form *form) {
    memset(form, 0, sizeof *form);
    vp_buf_init(&form->head, ARTICLE_FIELDS_MAX);
    vp_buf_init(&form->tail, 1024);
    vp_buf_init(&form->body, ARTICLE_BODY_MAX);
    vp_buf_init(&form->handles, ARTICLE_CONTRIBUTORS * (HANDLE_MAX + 1));
    vp_buf_init(&form->tags, ARTICLE_TAGS * (TAG_BYTES + 1));
    vp_buf_init(&form->shown, ARTICLE_TAGS * (TAG_BYTES + 1));
    vp_buf_init(&form->section, 2 * TAG_BYTES);
    vp_buf_init(&form->section_shown, 2 * TAG_BYTES);
}

bool article_form_read(article_form *form, const json_t *fields, const json_t *asked,
                       const article_was *was, int64_t now_ms, vp_problem *problem) {
    char now[VP_TIME_LEN + 1];
    init(form);
    form->title = form_line(fields, "title", problem);
    if (!form->title.n) vp_problem_field(problem, "/title", "is needed");
    vp_str summary = form_line(fields, "summary", problem);
    read_slug(form, fields, was, problem);
    form_add(&form->head, "title", form->title);
    form_add(&form->head, "summary", summary);
    read_section(form, fields, problem);
    read_tags(form, fields, problem);
    read_handles(form, fields, problem);
    read_hero(form, fields, problem);
    read_body(form, fields, summary, problem);
    int64_t when = read_when(form, asked, was, now_ms, problem);
    set_time(when, form->when, form->when_text);
    read_ends(form, asked, was, when, now_ms, problem);
    vp_time_text(now_ms, now);
    read_language(form, fields, problem);
    form_add(&form->tail, "updated_at", vp_str_of(now));
    form_add(&form->tail, "poll_id", vp_json_text(fields, "poll_id"));
    read_comments(form, fields, when, problem);
    form->group = vp_json_text(fields, "translation_group");
    return !problem->code;
}

vp_err article_form_pack(const article_form *form, vp_buf *out) {
    const document_source source = {vp_str_of(form->slug),
                                    vp_buf_str(&form->head),
                                    vp_buf_str(&form->tail),
                                    vp_buf_str(&form->handles),
                                    form->group,
                                    form->markdown};
    json_t *document;
    vp_err rc = document_read(&source, &document);
    if (!rc) rc = document_pack(out, document);
    json_decref(document);
    return rc ? VP_ETOOBIG : VP_OK;
}

void article_form_release(article_form *form) {
    vp_buf *all[] = {&form->head, &form->tail,  &form->body,    &form->handles,
                     &form->tags, &form->shown, &form->section, &form->section_shown};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) vp_buf_release(all[i]);
}
