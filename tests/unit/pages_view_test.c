/* pages_view_test.c - what the templates are given, and what they make of hostile texts.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "embed.h"
#include "json.h"
#include "mustache.h"
#include "people.h"
#include "poll_box.h"
#include "thread_view.h"
#include "view.h"

extern const vp_embedded page_templates[];

static json_t *parse(const char *text) {
    json_t *v;
    vp_fault why = {0};
    if (vp_json_parse(vp_str_of(text), &v, &why)) fail_msg("%s: %s", text, why.text);
    return v;
}

static bool says(const json_t *o, const char *key, const char *text) {
    const char *found = json_string_value(json_object_get(o, key));
    return text ? found && !strcmp(found, text) : json_is_null(json_object_get(o, key));
}

static bool is(const json_t *o, const char *key) {
    return json_is_true(json_object_get(o, key));
}

/* -- words ------------------------------------------------------------------------------------ */

static void test_numbers(void **state) {
    static const struct {
        int64_t n;
        const char *text;
    } rows[] = {{0, "0"},
                {7, "7"},
                {999, "999"},
                {1000, "1,000"},
                {1204, "1,204"},
                {123456, "123,456"},
                {-3, "0"},
                {1234567, "1,234,567"},
                {INT64_MAX, "9,223,372,036,854,775,807"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[VIEW_NUMBER_MAX];
        view_number(rows[i].n, text);
        CHECK_ROW(i, !strcmp(text, rows[i].text));
    }
}

static void test_dates(void **state) {
    static const struct {
        const char *time, *day, *minute;
    } rows[] = {
        {"2026-11-24T06:20:51Z", "24 November 2026", "24 November 2026, 06:20 UTC"},
        {"2026-01-01T00:30:00+01:00", "31 December 2025", "31 December 2025, 23:30 UTC"},
        {"soon", "", ""},
        {"", "", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[VIEW_DATE_MAX];
        view_date(vp_str_of(rows[i].time), VIEW_DAY, text);
        CHECK_ROW(i, !strcmp(text, rows[i].day));
        view_date(vp_str_of(rows[i].time), VIEW_MINUTE, text);
        CHECK_ROW(i, !strcmp(text, rows[i].minute));
    }
}

static void test_local_path(void **state) {
    static const struct {
        vp_str path;
        bool ok;
    } rows[] = {
        {VP_STR_INIT("/"), true},           {VP_STR_INIT("/articles/rice"), true},
        {VP_STR_INIT("/tags/a%26b"), true}, {VP_STR_INIT(""), false},
        {VP_STR_INIT("//evil"), false},     {VP_STR_INIT("/\\evil"), false},
        {VP_STR_INIT("https://e"), false},  {VP_STR_INIT("/a?b"), false},
        {VP_STR_INIT("/a#b"), false},       {VP_STR_INIT("/a\r\nb: c"), false},
        {VP_STR_INIT("/a/../b"), false},    {VP_STR_INIT("/a/%2e%2e/b"), false},
        {VP_STR_INIT("/%zz"), false},       {VP_STR_INIT("/\xC3\xA9"), false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_ROW(i, view_local_path(rows[i].path) == rows[i].ok);
}

/* -- polls ------------------------------------------------------------------------------------ */

#define POLL_WITH(more, status, shown, results)                                                    \
    "{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"question\":\"Q?\",\"kind\":\"single\","              \
    "\"min_choices\":1,\"max_choices\":1,\"options\":[{\"id\":\"1\",\"text\":\"A\"},"              \
    "{\"id\":\"2\",\"text\":\"B\"}],\"status\":\"" status "\",\"opens_at\":null,"                  \
    "\"closes_at\":null," more "\"results_visibility\":\"" shown "\",\"results\":" results "}"
#define POLL(status, shown, results) POLL_WITH("", status, shown, results)
#define CHANGEABLE                   "\"changeable\":true,"
#define BY_CODE                      "\"voting\":\"code\","
#define TALLY                                                                                      \
    "{\"version\":9,\"voters\":1,\"votes\":1,\"counts\":{\"1\":0,\"2\":1},\"closed\":false}"

enum { SHOW_FORM = 1, SHOW_RESULTS = 2, VIEW_LINK = 4, VOTE_LINK = 8, PERSONAL = 16 };

static const struct {
    const char *poll;
    poll_wish wish;
    int shown;
    const char *note, *error;
} boxes[] = {
    {POLL("open", "always", TALLY), {.results = false}, SHOW_FORM | VIEW_LINK, NULL, NULL},
    {POLL("open", "always", TALLY), {.results = true}, SHOW_RESULTS | VOTE_LINK, NULL, NULL},
    {POLL("open", "always", TALLY),
     {.results = true, .voted = POLL_COUNTED},
     SHOW_RESULTS | PERSONAL,
     NULL,
     NULL},
    {POLL("open", "always", TALLY),
     {.results = true, .voted = POLL_REFUSED},
     SHOW_RESULTS | PERSONAL,
     NULL,
     "You have already voted in this poll."},
    {POLL("open", "always", TALLY),
     {.voted = POLL_NO_CHOICE},
     SHOW_FORM | VIEW_LINK | PERSONAL,
     NULL,
     NULL},
    {POLL("open", "after_vote", "null"),
     {.results = true},
     SHOW_FORM | PERSONAL,
     "Results appear after you have voted.",
     NULL},
    {POLL("open", "after_vote", TALLY),
     {.results = true, .voted = POLL_COUNTED},
     SHOW_RESULTS | PERSONAL,
     NULL,
     NULL},
    {POLL("open", "after_close", "null"),
     {.voted = POLL_COUNTED},
     PERSONAL,
     "Results appear when the poll closes.",
     NULL},
    {POLL("closed", "after_close", TALLY), {.results = false}, SHOW_RESULTS, NULL, NULL},
    {POLL("closed", "staff", "null"), {.results = false}, 0, "The results are not public.", NULL},
    {POLL("scheduled", "always", TALLY), {.results = true}, 0, NULL, NULL},
    {POLL("open", "something new", "null"),
     {.results = true},
     SHOW_FORM | PERSONAL,
     "The results are not public.",
     NULL},
};

static int shown(const json_t *poll, const json_t *box, const poll_wish *wish) {
    return (is(box, "show_form") ? SHOW_FORM : 0) | (is(box, "show_results") ? SHOW_RESULTS : 0) |
           (json_is_string(json_object_get(box, "results_href")) ? VIEW_LINK : 0) |
           (json_is_string(json_object_get(box, "vote_href")) ? VOTE_LINK : 0) |
           (poll_is_personal(poll, wish) ? PERSONAL : 0);
}

static void test_boxes(void **state) {
    for (size_t i = 0; i < COUNT(boxes); i++) {
        json_t *poll = parse(boxes[i].poll), *box = poll_box(poll, &boxes[i].wish);
        bool results = json_is_object(json_object_get(box, "results"));
        CHECK_ROW(i, shown(poll, box, &boxes[i].wish) == boxes[i].shown);
        CHECK_ROW(i, results == is(box, "show_results"));
        CHECK_ROW(i, says(box, "results_note", boxes[i].note));
        CHECK_ROW(i, says(box, "form_error", boxes[i].error));
        json_decref(box);
        json_decref(poll);
    }
}

/* Where a sentence stands, and whether there is a form to try again. */
static void test_messages(void **state) {
    static const struct {
        const char *poll;
        poll_voted voted;
        const char *key, *text;
        bool form;
    } rows[] = {
        {POLL("open", "always", TALLY), POLL_COUNTED, "thanks", "Thank you. Your vote is counted.",
         false},
        {POLL("open", "always", TALLY), POLL_NO_CHOICE, "choice_error",
         "Nothing was chosen. Choose one.", true},
        {POLL("open", "always", TALLY), POLL_TOO_MANY, "form_error",
         "Too many votes came from your network today. Please vote tomorrow.", true},
        {POLL("closed", "always", TALLY), POLL_REFUSED, "form_error",
         "This poll was closed before your vote came.", false},
        {POLL("scheduled", "always", "null"), POLL_REFUSED, "form_error",
         "Voting has not begun yet.", false},
        {POLL_WITH(BY_CODE, "open", "always", TALLY), POLL_REFUSED, "code_error",
         "This invitation code has been used already.", true},
        {POLL_WITH(BY_CODE, "open", "always", TALLY), POLL_BAD_CODE, "code_error",
         "This code is not one of this poll's.", true},
        {POLL_WITH(CHANGEABLE, "open", "always", TALLY), POLL_REFUSED, "form_error",
         "This vote has been changed too often to be changed again.", false},
        {POLL_WITH(CHANGEABLE, "open", "always", TALLY), POLL_WITHDRAWN, "thanks",
         "Your vote is withdrawn.", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const poll_wish wish = {.voted = rows[i].voted};
        json_t *poll = parse(rows[i].poll), *box = poll_box(poll, &wish);
        CHECK_ROW(i, says(box, rows[i].key, rows[i].text));
        CHECK_ROW(i, is(box, "show_form") == rows[i].form);
        CHECK_ROW(i, poll_voted_parse(vp_str_of(poll_voted_word(wish.voted))) == wish.voted);
        json_decref(box);
        json_decref(poll);
    }
}

enum { CHANGE_NOTE = 1, WITHDRAW = 2, CHECKED = 4, TOLD = 8, ANEW = 16 };

static void test_changeable(void **state) {
    static const struct {
        const char *poll;
        poll_voted voted;
        bool mine;
        int shown;
    } rows[] = {
        {POLL_WITH(CHANGEABLE, "open", "always", TALLY), POLL_NOT_VOTED, false, CHANGE_NOTE},
        {POLL_WITH(CHANGEABLE, "open", "always", TALLY), POLL_COUNTED, true,
         WITHDRAW | CHECKED | TOLD},
        {POLL_WITH(CHANGEABLE, "open", "always", TALLY), POLL_CHANGING, true,
         WITHDRAW | CHECKED | ANEW},
        {POLL_WITH(CHANGEABLE, "open", "always", TALLY), POLL_CHANGING, false, CHANGE_NOTE},
        {POLL_WITH(CHANGEABLE BY_CODE, "open", "always", TALLY), POLL_CHANGING, false, WITHDRAW},
        {POLL_WITH(CHANGEABLE, "closed", "always", TALLY), POLL_COUNTED, false, 0},
        {POLL("open", "always", TALLY), POLL_COUNTED, false, 0},
    };
    json_t *mine = parse("{\"choices\":[\"2\"]}");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const poll_wish wish = {.voted = rows[i].voted, .mine = rows[i].mine ? mine : NULL};
        json_t *poll = parse(rows[i].poll), *box = poll_box(poll, &wish);
        const json_t *options = json_object_get(box, "options");
        int shown = (is(box, "change_note") ? CHANGE_NOTE : 0) |
                    (is(box, "withdrawable") ? WITHDRAW : 0) |
                    (is(json_array_get(options, 1), "checked") ? CHECKED : 0) |
                    (says(box, "mine_text", "B") ? TOLD : 0) |
                    (says(box, "submit_label", "Change my vote") ? ANEW : 0);
        CHECK_ROW(i, shown == rows[i].shown);
        CHECK_ROW(i, !is(json_array_get(options, 0), "checked"));
        json_decref(box);
        json_decref(poll);
    }
    json_decref(mine);
}

static void test_history(void **state) {
    json_t *answer = parse("{\"items\":[{\"at\":\"2026-11-24T06:20:51Z\",\"by\":\"X\","
                           "\"what\":\"option\",\"option_id\":\"3\",\"before\":null,"
                           "\"after\":\"C\"}]}");
    json_t *list = poll_history(answer);
    const json_t *change = json_array_get(list, 0);
    assert_true(says(change, "what", "Option") && says(change, "before", NULL));
    assert_true(says(change, "after", "C"));
    assert_true(says(change, "at_display", "24 November 2026, 06:20 UTC"));
    assert_null(poll_history(NULL));
    json_decref(list);
    json_decref(answer);
}

static void test_box_in_an_article(void **state) {
    const poll_wish wish = {.home = VP_STR("/articles/rice")};
    json_t *poll = parse(POLL("open", "always", TALLY)), *box = poll_box(poll, &wish);
    assert_true(says(box, "return_to", "/articles/rice"));
    assert_true(
        says(box, "results_href", "/articles/rice?view=results#poll-01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    assert_true(says(box, "action", "/polls/01ARZ3NDEKTSV4RRFFQ69G5FAV/ballots"));
    json_decref(box);
    json_decref(poll);
}

static void test_poll_line(void **state) {
    static const struct {
        const char *poll, *state, *voters;
    } rows[] = {
        {"{\"status\":\"open\",\"closes_at\":\"2026-12-01T12:00:00Z\",\"results\":" TALLY "}",
         "Open until 1 December 2026", "1 voter"},
        {"{\"status\":\"open\",\"closes_at\":null,\"results\":null}", "Open", NULL},
        {"{\"status\":\"archived\",\"closes_at\":null,\"results\":{\"voters\":1204}}", "Closed",
         "1,204 voters"},
        {"{\"status\":\"scheduled\",\"opens_at\":\"2026-12-01T12:00:00Z\",\"results\":" TALLY "}",
         "Opens on 1 December 2026", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *poll = parse(rows[i].poll), *line = poll_line(poll);
        CHECK_ROW(i, says(line, "state", rows[i].state));
        CHECK_ROW(i, says(line, "voters_text", rows[i].voters));
        json_decref(line);
        json_decref(poll);
    }
}

/* -- people ----------------------------------------------------------------------------------- */

static void test_link_labels(void **state) {
    static const struct {
        const char *rel, *href, *label;
    } rows[] = {
        {"site", "https://www.example.org/a/b?c", "example.org"},
        {"site", "http://example.org", "example.org"},
        {"email", "mailto:a@example.org", "Email"},
        {"site", "mailto:a@example.org", "Email"},
        {"twitter", "https://twitter.com/MarenOnDeck", "@MarenOnDeck"},
        {"twitter", "https://twitter.com/@x?y", "@x"},
        {"twitter", "https://twitter.com", "twitter.com"},
        {"github", "https://github.com/x", "GitHub"},
        {"unheard-of", "https://example.net/x", "example.net"},
        {"site", "https://", "https://"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *person = json_object();
        json_t *profile =
            json_pack("{s:[{s:s,s:s}]}", "links", "rel", rows[i].rel, "href", rows[i].href);
        people_contributor(person, profile);
        const json_t *link = json_array_get(json_object_get(person, "links"), 0);
        CHECK_ROW(i, says(link, "label", rows[i].label) && says(link, "href", rows[i].href));
        CHECK_ROW(i, is(person, "has_links"));
        json_decref(person);
        json_decref(profile);
    }
}

static void test_public_email(void **state) {
    json_t *person = json_object();
    json_t *profile =
        parse("{\"links\":[],\"email_public\":\"a?b@example.org\",\"bio_html\":null}");
    people_contributor(person, profile);
    const json_t *link = json_array_get(json_object_get(person, "links"), 0);
    assert_true(says(link, "href", "mailto:a%3Fb@example.org") && says(link, "label", "Email"));
    assert_true(says(person, "bio_html", NULL));
    people_contributor(person, NULL);
    assert_false(is(person, "has_links"));
    json_decref(person);
    json_decref(profile);
}

/* -- threads ---------------------------------------------------------------------------------- */

static void test_thread(void **state) {
    json_t *page = parse(
        "{\"items\":[{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"depth\":0,\"status\":\"deleted\","
        "\"created_at\":\"2026-11-24T07:00:00Z\",\"reply_count\":6,\"replies\":[{\"id\":\"R\","
        "\"author\":{\"name\":\"Ann\",\"badge\":null},\"body_html\":\"<p>x</p>\",\"depth\":1,"
        "\"created_at\":\"2026-11-24T07:01:00Z\",\"reply_count\":0,\"status\":\"approved\"}]}],"
        "\"comment_count\":1204,\"next_cursor\":null}");
    json_t *view = thread_view(page, true, (vp_str){0});
    json_t *root = json_array_get(json_object_get(view, "items"), 0);
    json_t *reply = json_array_get(json_object_get(root, "replies"), 0);
    assert_true(says(view, "count", "1,204") && says(view, "count_word", "comments"));
    assert_true(is(root, "deleted") && says(root, "body_html", NULL));
    assert_true(says(root, "reply_href", NULL) && says(root, "more_count", "5"));
    assert_true(says(json_object_get(root, "author"), "name", NULL));
    assert_true(says(reply, "reply_href", "?reply_to=R#leave-a-reply"));
    assert_true(says(reply, "created_display", "24 November 2026, 07:01 UTC"));
    assert_true(json_is_array(json_object_get(reply, "replies")) && !is(reply, "has_replies"));
    assert_true(thread_has(json_object_get(view, "items"), VP_STR("R")));
    assert_false(thread_has(json_object_get(view, "items"), VP_STR("S")));
    json_decref(view);
    json_decref(page);
}

static void test_form_errors(void **state) {
    json_t *problem = parse("{\"errors\":[{\"pointer\":\"/author_name\",\"detail\":\"is needed\"},"
                            "{\"pointer\":\"/parent_id\",\"detail\":\"Please wait a minute.\"}]}");
    const comment_draft draft = {
        .body_markdown = VP_STR("kept"), .refused = true, .problem = problem};
    json_t *form = thread_form(VP_STR("/a"), &draft);
    const json_t *errors = json_object_get(form, "errors");
    assert_true(says(json_array_get(errors, 0), "detail", "Your name is needed."));
    assert_true(says(json_array_get(errors, 1), "detail", "Please wait a minute."));
    assert_true(says(json_array_get(errors, 1), "field", NULL));
    assert_true(says(json_object_get(form, "invalid"), "author_name", "Your name is needed."));
    assert_true(says(json_object_get(form, "invalid"), "author_email", NULL));
    assert_true(says(json_object_get(form, "values"), "body_markdown", "kept"));
    json_decref(form);
    json_decref(problem);
}

/* -- the templates ----------------------------------------------------------------------------- */

#define EVIL "<script>alert(1)</script>\\\"'><b onclick=x>{{title}}{{{body_html}}}"

static void render(const char *name, const json_t *view, vp_buf *out) {
    vp_mustache_set *set;
    vp_fault why = {0};
    assert_int_equal(vp_mustache_set_new(&set), VP_OK);
    for (const vp_embedded *t = page_templates; t->name; t++) {
        vp_str file = vp_str_n(t->name, strlen(t->name) - strlen(".mustache"));
        if (vp_mustache_add(set, file, vp_str_n(t->data, t->size), &why)) fail_msg("%s", why.text);
    }
    vp_buf_init(out, 1 << 20);
    if (vp_mustache_render(set, vp_str_of(name), view, out, &why)) fail_msg("%s", why.text);
    vp_mustache_set_destroy(&set);
}

static json_t *evil_article(void) {
    json_t *article =
        parse("{\"id\":\"" EVIL "\",\"slug\":\"" EVIL "\",\"title\":\"" EVIL
              "\",\"summary\":\"" EVIL "\",\"tags\":[\"" EVIL
              "\"],\"body_html\":\"<p>ours</p>\",\"contributors\":[{\"handle\":\"" EVIL
              "\",\"display_name\":\"" EVIL "\"}],\"published_at\":\"" EVIL "\"}");
    people_contributor(json_array_get(json_object_get(article, "contributors"), 0), NULL);
    people_article(article, 1);
    return article;
}

static json_t *evil_thread(void) {
    json_t *page = parse("{\"items\":[{\"id\":\"" EVIL "\",\"author\":{\"name\":\"" EVIL
                         "\",\"badge\":\"" EVIL "\"},\"body_html\":\"<p>ours</p>\","
                         "\"created_at\":\"" EVIL "\"}]}");
    json_t *view = thread_view(page, true, VP_STR(EVIL));
    json_decref(page);
    return view;
}

static json_t *evil_recent(void) {
    json_t *recent = parse("{\"items\":[{\"id\":\"" EVIL "\",\"author\":{\"name\":\"" EVIL
                           "\"},\"excerpt\":\"" EVIL "\",\"article_title\":\"" EVIL
                           "\",\"article_slug\":\"" EVIL "\"}]}");
    json_t *view = people_recent(recent);
    json_decref(recent);
    return view;
}

static json_t *evil_poll(void) {
    static const poll_wish wish = {.home = VP_STR_INIT(EVIL),
                                   .voted = POLL_WITHDRAWN,
                                   .embed = true,
                                   .idempotency_key = "\"><script>"};
    json_t *poll =
        parse("{\"voting\":\"code\",\"changeable\":true,\"edited\":true,\"id\":\"" EVIL
              "\",\"question\":\"" EVIL "\",\"status\":\"open\",\"options\":[{\"id\":\"" EVIL
              "\",\"text\":\"" EVIL "\"}],\"results\":{\"version\":\"" EVIL "\",\"counts\":{}}}");
    json_t *view = poll_box(poll, &wish);
    json_decref(poll);
    return view;
}

/* What is rendered as text stays text. */
static void check_inert(const char *template, const json_t *view) {
    vp_buf out;
    render(template, view, &out);
    assert_null(strstr(out.data, "<script>"));
    assert_null(strstr(out.data, "<b onclick"));
    assert_non_null(strstr(out.data, "&lt;script&gt;"));
    assert_non_null(strstr(out.data, "{{title}}"));
    vp_buf_release(&out);
}

static void test_hostile_polls(void **state) {
    static const char *const templates[] = {"poll", "screen", "embed"};
    static const char *const keys[] = {"page_href",  "screen_href",  "embed_href",   "reload_href",
                                       "page_title", "article_href", "article_title"};
    json_t *view = json_object();
    json_t *history = parse("{\"items\":[{\"at\":\"" EVIL "\",\"what\":\"" EVIL
                            "\",\"before\":\"" EVIL "\",\"after\":\"" EVIL "\"}]}");
    view_set(view, "poll", evil_poll());
    view_flag(view, "has_history", true);
    view_set(view, "history", poll_history(history));
    for (size_t i = 0; i < COUNT(keys); i++) view_text(view, keys[i], VP_STR(EVIL));
    for (size_t i = 0; i < COUNT(templates); i++) check_inert(templates[i], view);
    json_decref(history);
    json_decref(view);
}

static void test_hostile_texts(void **state) {
    const comment_draft draft = {.author_name = VP_STR(EVIL),
                                 .body_markdown = VP_STR(EVIL),
                                 .author_email = VP_STR(EVIL),
                                 .parent_id = VP_STR(EVIL),
                                 .refused = true,
                                 .error = VP_STR(EVIL)};
    json_t *view = json_object();
    vp_buf out;
    view_set(view, "article", evil_article());
    view_set(view, "thread", evil_thread());
    view_set(view, "recent", evil_recent());
    view_set(view, "poll", evil_poll());
    view_set(view, "comment_form", thread_form(VP_STR(EVIL), &draft));
    view_flag(view, "comments_open", true);
    view_text(view, "notice", VP_STR(EVIL));
    view_text(view, "topics", VP_STR(EVIL));
    render("article", view, &out);
    assert_null(strstr(out.data, "<script>"));
    assert_null(strstr(out.data, "<b onclick"));
    assert_non_null(strstr(out.data, "&lt;script&gt;"));
    assert_non_null(strstr(out.data, "<p>ours</p>"));
    assert_non_null(strstr(out.data, "{{title}}"));
    vp_buf_release(&out);
    json_decref(view);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),           cmocka_unit_test(test_dates),
        cmocka_unit_test(test_local_path),        cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_box_in_an_article), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_changeable),        cmocka_unit_test(test_history),
        cmocka_unit_test(test_poll_line),         cmocka_unit_test(test_link_labels),
        cmocka_unit_test(test_public_email),      cmocka_unit_test(test_thread),
        cmocka_unit_test(test_form_errors),       cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_hostile_polls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
