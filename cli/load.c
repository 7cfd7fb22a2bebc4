/* load.c - page files to records, one after the other: contributor, poll, article, comments,
 * votes. Every write has a key made of the file's content and the place in it, so within the 24
 * hours that keys are kept a file that is loaded again changes nothing, and one that was cut short
 * is completed. SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "clock.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "page.h"
#include "text.h"
#include "ulid.h"

enum { PATH_MAX_LEN = 160, PLACE_MAX = 96, POLL_PAGES = 5 };

/* One file on its way. */
typedef struct loading {
    cli_http *http;
    vp_buf text;
    cli_page page;
    char poll[VP_ULID_LEN + 1], article[VP_ULID_LEN + 1]; /* "" until known */
    json_t *poll_record, *article_record;                 /* as answered */
    char (*comments)[VP_ULID_LEN + 1];                    /* ids; as in the page */
    int64_t votes;
} loading;

/* A ULID out of an answer: it will stand in a path, so it is looked at first. */
static vp_err copy_id(const json_t *record, char out[VP_ULID_LEN + 1], vp_fault *why) {
    vp_str id = vp_json_text(record, "id");
    if (!vp_ulid_valid(id)) {
        vp_fault_set(why, "the server answered with a record that has no id");
        return VP_EPROTO;
    }
    memcpy(out, id.p, id.n);
    out[id.n] = '\0';
    return VP_OK;
}

/* POST with the key of this place in the file. Takes body. as_reader: without the token. */
static vp_err make(loading *l, const char *path, json_t *body, const char *place, bool as_reader,
                   json_t **out, vp_fault *why) {
    char key[CLI_KEY_LEN + 1];
    cli_answer answer;
    assert(body);
    cli_key_of(vp_buf_str(&l->text), place, key);
    cli_call call = {
        .method = "POST", .path = path, .body = body, .key = key, .anonymous = as_reader};
    vp_err rc = cli_http_call(l->http, &call, &answer, why);
    *out = rc ? NULL : json_incref(answer.body);
    cli_answer_release(&answer);
    json_decref(body);
    return rc;
}

/* -- contributor ------------------------------------------------------------------------------- */

/* The PUT has no If-Match, so it makes one or is refused: then somebody was quicker. */
static vp_err put_contributor(loading *l, const char *path, vp_fault *why) {
    const cli_contributor *c = &l->page.contributor;
    cli_answer answer;
    vp_fault fault = {0};
    json_t *body = json_pack("{s:s, s:s, s:O}", "display_name", c->display_name, "bio_markdown",
                             c->bio_markdown, "links", c->links);
    assert(body);
    cli_call call = {.method = "PUT", .path = path, .body = body};
    vp_err rc = cli_http_call(l->http, &call, &answer, &fault);
    bool there = rc == VP_ENEEDMATCH || rc == VP_ESTALE || rc == VP_ECONFLICT;
    if (rc && !there) vp_fault_set(why, "%s", fault.text);
    cli_answer_release(&answer);
    json_decref(body);
    return there ? VP_OK : rc;
}

static vp_err load_contributor(loading *l, vp_fault *why) {
    char path[PATH_MAX_LEN];
    cli_answer answer;
    vp_fault fault = {0};
    if (!l->page.contributor.present) return VP_OK;
    snprintf(path, sizeof path, "/api/v1/contributors/%s", l->page.contributor.handle);
    cli_call call = {.method = "GET", .path = path};
    vp_err rc = cli_http_call(l->http, &call, &answer, &fault);
    cli_answer_release(&answer);
    if (rc == VP_ENOTFOUND) return put_contributor(l, path, why);
    if (rc) vp_fault_set(why, "%s", fault.text);
    return rc;
}

/* -- poll -------------------------------------------------------------------------------------- */

static json_t *option_texts(const cli_poll *poll) {
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(poll->options); i++)
        json_array_append_new(list, json_pack("{s:O}", "text", json_array_get(poll->options, i)));
    return list;
}

static json_t *poll_body(const cli_poll *poll) {
    char opens[VP_TIME_LEN + 1], closes[VP_TIME_LEN + 1];
    int64_t now = vp_clock_wall();
    vp_time_text(now + poll->opens_in * 1000, opens);
    vp_time_text(now + poll->closes_in * 1000, closes);
    return json_pack("{s:s, s:o, s:s, s:I, s:I, s:s, s:s*, s:s*}", "question", poll->question,
                     "options", option_texts(poll), "kind", poll->kind, "min_choices",
                     (json_int_t)poll->min_choices, "max_choices", (json_int_t)poll->max_choices,
                     "results", "always", "opens_at", poll->opens_in ? opens : NULL, "closes_at",
                     poll->closes_in ? closes : NULL);
}

/* The server has trimmed what it keeps. */
static bool is_text(const json_t *record, const char *name, const char *text) {
    return vp_str_eq(vp_json_text(record, name), vp_str_trim(vp_str_of(text)));
}

static bool is_same_poll(const cli_poll *poll, const json_t *record) {
    const json_t *options = json_object_get(record, "options");
    size_t n = json_array_size(poll->options);
    bool same = json_array_size(options) == n && is_text(record, "question", poll->question);
    for (size_t i = 0; i < n && same; i++)
        same = is_text(json_array_get(options, i), "text",
                       json_string_value(json_array_get(poll->options, i)));
    return same;
}

/* One page of the list of polls; *cursor, "" at first, is that of the next one, NULL at the end. */
static vp_err search_polls(loading *l, const char *status, char **cursor, vp_fault *why) {
    vp_buf path;
    json_t *list = NULL;
    vp_buf_init(&path, 1024);
    vp_buf_addf(&path, "/api/v1/polls?limit=100&status=%s", status);
    if (**cursor) vp_buf_addf(&path, "&cursor=%s", *cursor);
    free(*cursor);
    *cursor = NULL;
    vp_err rc = path.over ? VP_EPROTO : cli_http_get(l->http, path.data, &list, why);
    const json_t *items = json_object_get(list, "items");
    for (size_t i = 0; i < json_array_size(items) && !l->poll_record; i++) {
        json_t *record = json_array_get(items, i);
        if (is_same_poll(&l->page.poll, record)) l->poll_record = json_incref(record);
    }
    vp_str next = vp_json_text(list, "next_cursor");
    /* A cursor is opaque, but goes into a URL as it is. */
    if (cli_text_is_visible(next)) *cursor = vp_strndup(next.p, next.n);
    json_decref(list);
    vp_buf_release(&path);
    return rc;
}

/* A poll with times that count from loading has another body each time, which its key does not
 * allow. If that is why it was refused, then it exists. */
static vp_err find_poll(loading *l, vp_fault *why) {
    static const char *const statuses[] = {"open", "scheduled", "closed"};
    vp_err rc = VP_OK;
    for (size_t s = 0; s < sizeof statuses / sizeof *statuses && !rc; s++) {
        char *cursor = vp_strndup("", 0);
        for (int n = 0; n < POLL_PAGES && cursor && !l->poll_record && !rc; n++)
            rc = search_polls(l, statuses[s], &cursor, why);
        free(cursor);
    }
    return rc;
}

static vp_err load_poll(loading *l, vp_fault *why) {
    const cli_poll *poll = &l->page.poll;
    vp_fault refused = {0};
    if (!poll->present) return VP_OK;
    vp_err rc = make(l, "/api/v1/polls", poll_body(poll), "poll", false, &l->poll_record, &refused);
    if (rc == VP_EINVAL && (poll->opens_in || poll->closes_in)) {
        vp_err searched = find_poll(l, why);
        if (searched) return searched;
    }
    if (!l->poll_record) {
        vp_fault_set(why, "%s", refused.text);
        return rc;
    }
    return copy_id(l->poll_record, l->poll, why);
}

/* -- article ----------------------------------------------------------------------------------- */

static json_t *article_body(const loading *l) {
    const cli_page *p = &l->page;
    union {
        const json_t *borrowed;
        json_t *object;
    } tags = {p->tags};
    json_t *contributors = p->contributor.present ? json_pack("[s]", p->contributor.handle) : NULL;
    return json_pack("{s:s, s:s, s:s*, s:s*, s:O*, s:o*, s:s*, s:s*, s:s*, s:s}", "title", p->title,
                     "body_markdown", p->body_markdown, "slug", p->slug, "summary", p->summary,
                     "tags", tags.object, "contributors", contributors, "language", p->language,
                     "publish_at", p->published_at, "poll_id", *l->poll ? l->poll : NULL, "status",
                     "published");
}

static vp_err load_article(loading *l, vp_fault *why) {
    vp_err rc =
        make(l, "/api/v1/articles", article_body(l), "article", false, &l->article_record, why);
    return rc ? rc : copy_id(l->article_record, l->article, why);
}

/* -- comments ---------------------------------------------------------------------------------- */

/* One that is held back for a moderator, as a reader's may be: it is in the file, so it is wanted.
 */
static vp_err approve(loading *l, const char *id, vp_fault *why) {
    cli_answer answer;
    json_t *body = json_pack("{s:[s], s:s}", "ids", id, "action", "approve");
    assert(body);
    cli_call call = {
        .method = "POST", .path = "/api/v1/moderation/comments", .body = body, .harmless = true};
    vp_err rc = cli_http_call(l->http, &call, &answer, why);
    cli_answer_release(&answer);
    json_decref(body);
    return rc;
}

/* Without the token: its name would stand beside the comment as that of the staff. */
static vp_err load_comment(loading *l, int i, vp_fault *why) {
    char path[PATH_MAX_LEN], place[PLACE_MAX];
    const cli_comment *c = &l->page.comments[i];
    json_t *record = NULL;
    snprintf(path, sizeof path, "/api/v1/articles/%s/comments", l->article);
    snprintf(place, sizeof place, "comment/%d", i);
    json_t *body =
        json_pack("{s:s, s:s, s:s*}", "author_name", c->author, "body_markdown", c->body_markdown,
                  "parent_id", c->parent < 0 ? NULL : l->comments[c->parent]);
    vp_err rc = make(l, path, body, place, true, &record, why);
    if (!rc) rc = copy_id(record, l->comments[i], why);
    if (!rc && vp_str_eq(vp_json_text(record, "status"), VP_STR("pending")))
        rc = approve(l, l->comments[i], why);
    json_decref(record);
    return rc;
}

static vp_err load_comments(loading *l, vp_fault *why) {
    vp_err rc = VP_OK;
    l->comments = vp_calloc((size_t)l->page.n_comments, sizeof *l->comments);
    for (int i = 0; i < l->page.n_comments && !rc; i++) rc = load_comment(l, i, why);
    return rc;
}

/* -- votes ------------------------------------------------------------------------------------- */

/* A reader without a cookie who sends a key is a voter of its own. The key is made of the poll too,
 * so the same file votes again in another poll but never twice in one. */
static vp_err cast(loading *l, size_t option, int64_t nth, const char *path, vp_fault *why) {
    char place[PLACE_MAX];
    json_t *options = json_object_get(l->poll_record, "options"), *ballot = NULL;
    json_t *id = json_object_get(json_array_get(options, option), "id");
    if (!json_is_string(id)) {
        vp_fault_set(why, "the server answered with a poll that lacks an option");
        return VP_EPROTO;
    }
    snprintf(place, sizeof place, "vote/%s/%zu/%lld", l->poll, option, (long long)nth);
    vp_err rc = make(l, path, json_pack("{s:[O]}", "choices", id), place, true, &ballot, why);
    json_decref(ballot);
    if (!rc) l->votes++;
    return rc;
}

static vp_err cast_all(loading *l, vp_fault *why) {
    char path[PATH_MAX_LEN];
    const json_t *votes = l->page.poll.votes;
    vp_err rc = VP_OK;
    snprintf(path, sizeof path, "/api/v1/polls/%s/ballots", l->poll);
    for (size_t i = 0; i < json_array_size(votes) && !rc; i++)
        for (int64_t n = 0; n < json_integer_value(json_array_get(votes, i)) && !rc; n++)
            rc = cast(l, i, n, path, why);
    return rc;
}

static vp_err close_poll(loading *l, vp_fault *why) {
    char path[PATH_MAX_LEN];
    cli_answer answer;
    vp_fault fault = {0};
    snprintf(path, sizeof path, "/api/v1/polls/%s/close", l->poll);
    cli_call call = {.method = "POST", .path = path, .harmless = true};
    vp_err rc = cli_http_call(l->http, &call, &answer, &fault);
    cli_answer_release(&answer);
    if (rc == VP_ECONFLICT) return VP_OK; /* it is closed already */
    if (rc) vp_fault_set(why, "%s", fault.text);
    return rc;
}

/* A poll that a former load has closed has its votes. */
static vp_err load_votes(loading *l, vp_fault *why) {
    char path[PATH_MAX_LEN];
    json_t *now = NULL;
    if (!l->page.poll.votes && !l->page.poll.close) return VP_OK;
    snprintf(path, sizeof path, "/api/v1/polls/%s", l->poll);
    vp_err rc = cli_http_get(l->http, path, &now, why);
    vp_str status = vp_json_text(now, "status");
    bool over = vp_str_eq(status, VP_STR("closed")) || vp_str_eq(status, VP_STR("archived"));
    json_decref(now);
    if (rc || over) return rc;
    rc = cast_all(l, why);
    return rc || !l->page.poll.close ? rc : close_poll(l, why);
}

/* -- files ------------------------------------------------------------------------------------- */

static void print_json(const loading *l, vp_str slug) {
    vp_buf line;
    json_t *ids = json_array();
    for (int i = 0; i < l->page.n_comments; i++)
        json_array_append_new(ids, json_string(l->comments[i]));
    json_t *object = json_pack("{s:s, s:s%, s:s?, s:i, s:o}", "article_id", l->article, "slug",
                               slug.n ? slug.p : "", slug.n, "poll_id", *l->poll ? l->poll : NULL,
                               "comments", l->page.n_comments, "comment_ids", ids);
    assert(object);
    vp_buf_init(&line, SIZE_MAX);
    vp_json_write(&line, object);
    puts(line.data);
    vp_buf_release(&line);
    json_decref(object);
}

static void print_result(const loading *l, bool json) {
    vp_str slug = vp_json_text(l->article_record, "slug");
    if (json) {
        print_json(l, slug);
    } else {
        cli_print(slug);
        printf("  article %s", l->article);
        if (*l->poll) printf("  poll %s", l->poll);
        printf("  %d comments  %lld votes\n", l->page.n_comments, (long long)l->votes);
    }
    fflush(stdout);
}

static vp_err read_page(const char *path, vp_buf *text, cli_page *page, vp_fault *why) {
    *page = (cli_page){0};
    vp_err rc = vp_file_read(path, CLI_PAGE_BYTES, text, why);
    if (rc) return rc;
    rc = cli_page_parse(vp_buf_str(text), page, why);
    if (rc) vp_buf_release(text);
    return rc;
}

static vp_err load_file(cli_run *run, const char *path, vp_fault *why) {
    static vp_err (*const steps[])(loading *, vp_fault *) = {
        load_contributor, load_poll, load_article, load_comments, load_votes};
    loading l = {.http = run->http};
    vp_err rc = read_page(path, &l.text, &l.page, why);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !rc; i++) rc = steps[i](&l, why);
    if (!rc) print_result(&l, run->args.json);
    free(l.comments);
    json_decref(l.article_record);
    json_decref(l.poll_record);
    cli_page_release(&l.page);
    vp_buf_release(&l.text);
    return rc;
}

/* All files are looked at before the first is loaded. */
vp_err cli_load(cli_run *run, vp_fault *why) {
    vp_err rc = VP_OK;
    for (int i = 0; i < run->args.n_words && !rc; i++) {
        vp_buf text;
        cli_page page;
        run->at = run->args.words[i];
        rc = read_page(run->at, &text, &page, why);
        if (rc) break;
        cli_page_release(&page);
        vp_buf_release(&text);
    }
    for (int i = 0; i < run->args.n_words && !rc; i++) {
        run->at = run->args.words[i];
        rc = load_file(run, run->at, why);
    }
    return rc;
}
