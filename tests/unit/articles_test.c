/* articles_test.c - slugs, tags, and articles and contributors read from JSON.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include "article_form.h"
#include "contributor_form.h"
#include "document.h"

static const struct {
    const char *title, *slug, *language;
} slugs[] = {
    {"The Drill in the Library Basement", "the-drill-in-the-library-basement"},
    {"  What’s up, Zoë?  ", "whats-up-zoe"},
    {"Straße & Ærø", "strasse-and-aero"},
    {"Łódź: 100 % ½", "lodz-100-1-2"},
    {"<script>alert(1)</script>", "script-alert-1-script"},
    {"ﬁne ＷＩＤＥ", "fine-wide"},
    {"Käse über Öl: Füße", "kaese-ueber-oel-fuesse", "de-AT"},
    {"Käse über Öl", "kase-uber-ol", "sv"},
    {"Ёлка и Съезд: новый год", "yolka-i-sezd-novyy-god"},
    {"Їжак у Києві", "yizhak-u-kiyevi", "uk"},
    {"Η Αθήνα του χθες", "i-athina-tou-chthes", "el"},
    {"საქართველო", "sakartvelo"},
    {"Երևան", "erevan"},
    {"שלום", "shlvm"},
    {"Đường phố Hà Nội", "duong-pho-ha-noi"},
    {"İstanbul Şişli", "istanbul-sisli"},
    {"東京 2026", "2026"},
    {"新聞", ""},
    {"---", ""},
    {"", ""},
};

static void makes_slugs(void **state) {
    (void)state;
    char out[SLUG_MADE_MAX + 1];
    for (size_t i = 0; i < COUNT(slugs); i++) {
        slug_make(vp_str_of(slugs[i].title), vp_str_of(slugs[i].language), out);
        assert_string_equal(out, slugs[i].slug);
        CHECK_ROW(i, !out[0] || slug_ok(vp_str_of(out)));
    }
}

static void cuts_slugs_between_words(void **state) {
    (void)state;
    char out[SLUG_MADE_MAX + 1], title[400];
    memset(title, 'a', sizeof title);
    slug_make(vp_str_n(title, sizeof title), VP_STR("en"), out);
    assert_int_equal(strlen(out), SLUG_MADE_MAX);
    for (size_t i = 7; i < sizeof title; i += 8) title[i] = ' ';
    slug_make(vp_str_n(title, sizeof title), VP_STR("en"), out);
    assert_true(slug_ok(vp_str_of(out)));
    assert_int_equal(strlen(out) % 8, 7);
}

static void knows_slugs_and_handles(void **state) {
    (void)state;
    assert_true(slug_ok(VP_STR("a-b-2")));
    assert_false(slug_ok(VP_STR("-a")) || slug_ok(VP_STR("a-")) || slug_ok(VP_STR("a--b")));
    assert_false(slug_ok(VP_STR("A")) || slug_ok(VP_STR("a b")) || slug_ok(VP_STR("")));
    assert_true(handle_ok(VP_STR("corrie_a-1")));
    assert_false(handle_ok(VP_STR("_a")) || handle_ok(VP_STR("a}b")) || handle_ok(VP_STR("")));
}

static const struct {
    const char *tag, *shown, *folded; /* shown NULL: refused */
} tags[] = {
    {"Local  News", "Local News", "local news"},
    {"Cafe\xcc\x81", "Café", "café"},
    {"STRASSE", "STRASSE", "strasse"},
    {"c++", "c++", "c++"},
    {"a/b", NULL, NULL},
    {"..", NULL, NULL},
    {"", NULL, NULL},
    {"a\nb", NULL, NULL},
    {"a tag that is far too long to be a good tag", NULL, NULL},
};

static void folds_tags(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(tags); i++) {
        vp_buf shown, folded;
        vp_buf_init(&shown, 256);
        vp_buf_init(&folded, 256);
        bool ok = tag_fold(vp_str_of(tags[i].tag), &shown, &folded);
        CHECK_ROW(i, ok == (tags[i].shown != NULL));
        if (ok) assert_string_equal(shown.data, tags[i].shown);
        if (ok) assert_string_equal(folded.data, tags[i].folded);
        vp_buf_release(&shown);
        vp_buf_release(&folded);
    }
}

enum { NOW = 1795000000 };

/* Reads text as an article; the caller releases both. */
static bool read_article(const char *text, article_form *form, json_t **body, vp_problem *problem) {
    vp_fault why = {0};
    memset(problem, 0, sizeof *problem);
    memset(form, 0, sizeof *form);
    assert_int_equal(vp_json_parse(vp_str_of(text), body, &why), VP_OK);
    if (vp_json_check(*body, article_rules, "", problem)) return false;
    json_t *fields = document_merge(NULL, *body); /* its texts are those of the body */
    bool ok = article_form_read(form, fields, *body, NULL, NOW * 1000LL, problem);
    json_decref(fields);
    return ok;
}

static void reads_an_article(void **state) {
    (void)state;
    article_form form;
    vp_problem problem;
    json_t *body;
    assert_true(
        read_article("{\"title\":\" One <b> \",\"body_markdown\":\"*x*\",\"tags\":[\"A\",\"a\","
                     "\"B c\"],\"contributors\":[\"zoe\",\"al\"],\"summary\":\"S\"}",
                     &form, &body, &problem));
    assert_string_equal(form.slug, "one-b");
    assert_false(form.slug_given);
    assert_true(vp_str_eq(form.policy, VP_STR("open")));
    assert_true(vp_str_eq(form.status, VP_STR("published")));
    assert_string_equal(form.when, "1795000000000");
    assert_string_equal(form.when_text, "2026-11-18T11:06:40Z");
    assert_string_equal(form.head.data, ",\"title\":\"One \\u003cb>\",\"summary\":\"S\","
                                        "\"section\":null,\"tags\":[\"A\",\"B c\"],\"hero\":null,"
                                        "\"excerpt\":\"S\",\"reading_minutes\":1");
    assert_string_equal(form.tail.data,
                        ",\"language\":\"en\",\"updated_at\":\"2026-11-18T11:06:40Z\","
                        "\"poll_id\":null,\"comments_policy\":\"open\",\"comments_days\":null");
    assert_string_equal(form.tags.data, "a\nb c");
    assert_string_equal(form.shown.data, "A\nB c");
    assert_string_equal(form.handles.data, "zoe al");
    assert_string_equal(form.body.data, "\"\\u003cp>\\u003cem>x\\u003c/em>\\u003c/p>\\n\"");
    article_form_release(&form);
    json_decref(body);
}

#define ARTICLE(more) "{\"title\":\"T\",\"body_markdown\":\"x\"," more "}"
static const struct {
    const char *text, *pointer; /* pointer NULL: accepted */
} articles[] = {
    {ARTICLE("\"slug\":\"ok-1\""), NULL},
    {ARTICLE("\"slug\":\"Not OK\""), "/slug"},
    {ARTICLE("\"language\":\"pt-BR\""), NULL},
    {ARTICLE("\"language\":\"e n\""), "/language"},
    {ARTICLE("\"tags\":[\"a\",3]"), "/tags/1"},
    {ARTICLE("\"contributors\":[\"a\",\"a\"]"), "/contributors/1"},
    {ARTICLE("\"contributors\":[\"a b\"]"), "/contributors/0"},
    {ARTICLE("\"summary\":\"a\\nb\""), "/summary"},
    {ARTICLE("\"status\":\"scheduled\""), "/publish_at"},
    {ARTICLE("\"status\":\"scheduled\",\"publish_at\":\"2020-01-01T00:00:00Z\""), "/publish_at"},
    {ARTICLE("\"status\":\"scheduled\",\"publish_at\":\"2030-01-01T00:00:00Z\""), NULL},
    {ARTICLE("\"status\":\"published\",\"publish_at\":\"2030-01-01T00:00:00Z\""), "/publish_at"},
    {ARTICLE("\"status\":\"published\",\"publish_at\":\"2020-01-01T00:00:00Z\""), NULL},
    {ARTICLE("\"status\":\"archived\""), "/status"},
    {ARTICLE("\"poll_id\":\"x\""), "/poll_id"},
    {"{\"title\":\"\\u202eT\",\"body_markdown\":\"x\"}", "/title"},
    {"{\"title\":\"T\"}", "/body_markdown"},
};

static void refuses_bad_articles(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(articles); i++) {
        article_form form;
        vp_problem problem;
        json_t *body;
        CHECK_ROW(i,
                  read_article(articles[i].text, &form, &body, &problem) == !articles[i].pointer);
        if (articles[i].pointer)
            assert_string_equal(problem.fields[0].pointer, articles[i].pointer);
        article_form_release(&form);
        json_decref(body);
    }
}

static void schedules(void **state) {
    (void)state;
    article_form form;
    vp_problem problem;
    json_t *body;
    assert_true(
        read_article(ARTICLE("\"publish_at\":\"2030-01-01T00:00:00Z\""), &form, &body, &problem));
    assert_true(vp_str_eq(form.status, VP_STR("scheduled")));
    assert_string_equal(form.when, "1893456000000");
    article_form_release(&form);
    json_decref(body);
}

#define PERSON(more) "{\"display_name\":\"Zo\\u00eb\"" more "}"
static const struct {
    const char *text, *pointer;
} people[] = {
    {PERSON(""), NULL},
    {PERSON(",\"links\":[{\"rel\":\"me\",\"href\":\"https://x.y/z\"}],\"email_public\":\"a@b.c\""),
     NULL},
    {PERSON(",\"links\":[{\"rel\":\"me\",\"href\":\"javascript:x\"}]"), "/links/0/href"},
    {PERSON(",\"links\":[{\"rel\":\"me\",\"href\":\"https://x\\\"y\"}]"), "/links/0/href"},
    {PERSON(",\"links\":[{\"rel\":\"M E\",\"href\":\"https://x\"}]"), "/links/0/rel"},
    {PERSON(",\"links\":[{\"href\":\"https://x\"}]"), "/links/0/rel"},
    {PERSON(",\"links\":[7]"), "/links/0"},
    {PERSON(",\"email_public\":\"nobody\""), "/email_public"},
};

static void reads_contributors(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(people); i++) {
        contributor_form form = {0};
        vp_problem problem = {0};
        vp_fault why = {0};
        json_t *body;
        assert_int_equal(vp_json_parse(vp_str_of(people[i].text), &body, &why), VP_OK);
        assert_int_equal(vp_json_check(body, contributor_rules, "", &problem), VP_OK);
        bool ok = contributor_form_read(&form, VP_STR("zoe"), body, NOW * 1000LL, &problem);
        CHECK_ROW(i, ok == !people[i].pointer);
        if (!ok) assert_string_equal(problem.fields[0].pointer, people[i].pointer);
        if (i == 0)
            assert_string_equal(form.json.data,
                                "{\"handle\":\"zoe\",\"display_name\":\"Zoë\",\"bio_html\":null,"
                                "\"links\":[],\"email_public\":null,\"updated_at\":"
                                "\"2026-11-18T11:06:40Z\"");
        contributor_form_release(&form);
        json_decref(body);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_slugs),
        cmocka_unit_test(cuts_slugs_between_words),
        cmocka_unit_test(knows_slugs_and_handles),
        cmocka_unit_test(folds_tags),
        cmocka_unit_test(reads_an_article),
        cmocka_unit_test(refuses_bad_articles),
        cmocka_unit_test(schedules),
        cmocka_unit_test(reads_contributors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
