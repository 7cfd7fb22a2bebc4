/* comments.c - see comments.h. SPDX-License-Identifier: MIT */
#include "comments.h"

#include <stdio.h>

#include "comments_store.h"
#include "cursor.h"
#include "query.h"

static vp_step absent(vp_call *call) {
    return vp_call_fail(call, VP_ENOTFOUND, "There is no such %s.",
                        strstr(call->op->pattern, "articles") ? "article" : "comment");
}

/* Here the article is not there or closed. When articles have a Redis of their own, one that was
 * published a moment ago may just not be known here: that one is asked. While it is away, an
 * article that is not known here may be there or not. */
static vp_step refuse_article(vp_call *call, vp_err code, const char *detail) {
    vp_known known = vp_call_refresh(call, COMMENTS_OF_ARTICLES, call->params.value[0]);
    if (known == VP_ASKING) return VP_STEP_WAIT;
    if (known == VP_UNSURE && code == VP_ENOTFOUND)
        return vp_call_fail(call, VP_EAWAY, "The articles cannot be asked just now.");
    return vp_call_fail(call, code, "%s", detail);
}

static void public_headers(vp_call *call, const char *etag, vp_str article) {
    char key[64];
    int n = snprintf(key, sizeof key, "article:%.*s", (int)article.n, article.p);
    vp_call_reply_field(call, VP_F_ETAG, vp_str_of(etag));
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("public, max-age=0, s-maxage=10"));
    vp_call_reply_field(call, VP_F_SURROGATE_KEY,
                        article.n ? vp_str_n(key, (size_t)n) : VP_STR("comments"));
}

/* -- posting -------------------------------------------------------------------------------------
 */

vp_step comments_post_prepare(vp_call *call) {
    comment_form form;
    json_t *body;
    vp_str article = call->params.value[0];
    if (!vp_ulid_valid(article)) return absent(call);
    if (!vp_call_json(call, comment_rules, &body)) return VP_STEP_DONE;
    if (comment_form_read(&form, article, body, vp_call_may(call, VP_MAY_SIGNED_IN),
                          vp_service_now(call->service), &call->problem))
        comments_store_post(call, article, &form, call->field[VP_F_ACTOR_ID]);
    else
        vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
    comment_form_release(&form);
    return call->problem.code ? VP_STEP_DONE : VP_STEP_WAIT;
}

static const struct {
    vp_str word;
    vp_err code;
    const char *detail, *parent; /* parent: what is wrong with parent_id */
    bool of_article;
} refusals[] = {
    {VP_STR_INIT("absent"), VP_ENOTFOUND, "There is no such article.", NULL, true},
    {VP_STR_INIT("closed"), VP_ECONFLICT, "Comments on this article are closed.", NULL, true},
    {VP_STR_INIT("withdrawn"), VP_ECONFLICT, "That comment cannot be answered any more.", NULL},
    {VP_STR_INIT("orphan"), VP_EINVAL, "Some fields are not acceptable.",
     "must be a comment on this article"},
    {VP_STR_INIT("deep"), VP_EINVAL, "Some fields are not acceptable.",
     "must not be as deep in its thread: answer further up"},
};

static vp_step refused(vp_call *call, vp_str word) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (!vp_str_eq(word, refusals[i].word)) continue;
        if (refusals[i].of_article)
            return refuse_article(call, refusals[i].code, refusals[i].detail);
        vp_problem_set(&call->problem, refusals[i].code, "%s", refusals[i].detail);
        if (refusals[i].parent)
            vp_problem_field(&call->problem, "/parent_id", "%s", refusals[i].parent);
        return VP_STEP_DONE;
    }
    return vp_call_fail(call, VP_ESYSTEM, "The comment was not taken.");
}

/* Watchers learn of it once it is safe. A retry tells an old state again, which nobody minds. */
static void tell(vp_call *call, const comments_posted *posted) {
    char topic[64];
    vp_buf data;
    vp_buf_init(&data, VP_TOPIC_DATA_MAX);
    int n =
        snprintf(topic, sizeof topic, "article:%.*s", (int)posted->article.n, posted->article.p);
    vp_topic_state state = {.topic = vp_str_n(topic, (size_t)n),
                            .event = VP_STR("article"),
                            .version = (uint64_t)posted->fact.version};
    thread_state_write(&data, state.topic, posted->fact.count, posted->newest);
    state.data = vp_buf_str(&data);
    vp_service_publish(call->service, &state);
    vp_buf_release(&data);
}

/* Derived from the comment's id, never stored: whoever posted it may edit it. */
static void add_edit_token(vp_call *call, vp_str id) {
    uint8_t key[VP_SEAL_KEY];
    vp_buf token;
    vp_buf_init(&token, 256);
    vp_seal_derive(vp_service_site_key(call->service), "edit", (vp_str){0}, key);
    vp_seal_sign(key, id, &token);
    vp_buf_adds(&call->out, ",\"edit_token\":");
    vp_buf_add_json(&call->out, vp_buf_str(&token));
    vp_buf_release(&token);
}

static vp_step posted(vp_call *call) {
    comments_posted done;
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    if (!vp_str_eq(word, VP_STR("posted"))) return refused(call, word);
    if (!comments_store_posted(call->reply[0], &done)) return refused(call, (vp_str){0});
    tell(call, &done);
    comments_store_read(call, done.id);
    return VP_STEP_WAIT;
}

vp_step comments_post_finish(vp_call *call) {
    thread_shown shown;
    vp_str text;
    int64_t replies;
    char location[64];
    if (call->round == 1) return posted(call);
    if (!comments_store_one(call, &text, &replies) || !thread_shown_read(text, &shown))
        return absent(call);
    thread_shown_write(&call->out, &shown, replies);
    add_edit_token(call, shown.id);
    vp_buf_addc(&call->out, '}');
    snprintf(location, sizeof location, "/api/v1/comments/%.*s", (int)shown.id.n, shown.id.p);
    vp_call_reply_field(call, VP_F_LOCATION, vp_str_of(location));
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    return vp_call_answer(call, 201);
}

/* -- reading -------------------------------------------------------------------------------------
 */

vp_step comments_get_prepare(vp_call *call) {
    if (!vp_ulid_valid(call->params.value[0])) return absent(call);
    comments_store_read(call, call->params.value[0]);
    return VP_STEP_WAIT;
}

vp_step comments_get_finish(vp_call *call) {
    thread_shown shown;
    vp_str text;
    int64_t replies;
    char etag[48];
    if (!comments_store_one(call, &text, &replies) || !thread_shown_read(text, &shown))
        return absent(call);
    thread_shown_write(&call->out, &shown, replies);
    vp_buf_addc(&call->out, '}');
    snprintf(etag, sizeof etag, "\"%lld.%lld\"", (long long)shown.revision, (long long)replies);
    public_headers(call, etag, shown.article);
    return vp_call_answer(call, 200);
}

static const struct {
    vp_str word;
    bool newest;
} sorts[] = {{VP_STR_INIT("oldest"), false},
             {VP_STR_INIT("newest"), true},
             {VP_STR_INIT("top"), true}}; /* while there are no votes */

static bool sort_of(vp_call *call, bool *newest) {
    vp_str sort = vp_call_query(call, "sort");
    *newest = false;
    if (call->problem.code) return false;
    if (!sort.n) return true;
    for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++)
        if (vp_str_eq(sort, sorts[i].word)) {
            *newest = sorts[i].newest;
            return true;
        }
    vp_problem_field(&call->problem, "?sort", "must be oldest, newest or top");
    vp_call_fail(call, VP_EINVAL, "A query parameter is not acceptable.");
    return false;
}

static vp_step page(vp_call *call, vp_str article, vp_str parent) {
    char cursor[VP_CURSOR_KEY_MAX + 1];
    int64_t limit;
    size_t n;
    bool newest;
    if (!vp_ulid_valid(article.n ? article : parent)) return absent(call);
    if (!sort_of(call, &newest) || !vp_call_page(call, 'c', &limit, cursor, &n))
        return VP_STEP_DONE;
    comments_store_page(call, article, parent, newest, vp_str_n(cursor, n), limit);
    return VP_STEP_WAIT;
}

vp_step comments_thread_prepare(vp_call *call) {
    return page(call, call->params.value[0], (vp_str){0});
}

vp_step comments_replies_prepare(vp_call *call) {
    return page(call, (vp_str){0}, call->params.value[0]);
}

vp_step comments_page_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    thread_tree tree = {0};
    thread_article article;
    comments_page head;
    int64_t level, replies;
    vp_str text;
    char etag[32];
    if (!comments_store_page_head(r, &head)) return absent(call);
    if (call->n_replies > 1 && !thread_article_read(comments_store_text(call->reply[1]), &article))
        return refuse_article(call, VP_ENOTFOUND, "There is no such article.");
    vp_buf_adds(&call->out, "{\"items\":[");
    for (size_t i = 0; comments_store_page_row(r, i, &level, &replies, &text); i++)
        thread_tree_add(&tree, &call->out, level, replies, text);
    thread_tree_end(&tree, &call->out);
    vp_buf_adds(&call->out, "],\"comment_count\":");
    vp_buf_add_int(&call->out, head.fact.count);
    vp_call_next(call, 'c', head.last);
    vp_buf_addc(&call->out, '}');
    snprintf(etag, sizeof etag, "\"0.%lld\"", (long long)head.fact.version);
    public_headers(call, etag, head.article);
    return vp_call_answer(call, 200);
}

/* For answers that many facts went into. */
static vp_step answer_hashed(vp_call *call) {
    uint8_t hash[9];
    char text[16], etag[24];
    vp_seal_hash(vp_buf_str(&call->out), hash, sizeof hash);
    vp_seal_base64(hash, sizeof hash, text);
    snprintf(etag, sizeof etag, "\"0.%s\"", text);
    public_headers(call, etag, (vp_str){0});
    return vp_call_answer(call, 200);
}

vp_step comments_recent_prepare(vp_call *call) {
    char cursor[VP_CURSOR_KEY_MAX + 1];
    int64_t limit;
    size_t n;
    if (!vp_call_page(call, 'r', &limit, cursor, &n)) return VP_STEP_DONE;
    comments_store_recent(call, vp_str_n(cursor, n), limit);
    return VP_STEP_WAIT;
}

static void write_recent(vp_buf *out, const thread_shown *shown, int64_t replies,
                         const thread_article *article) {
    thread_shown_write(out, shown, replies);
    vp_buf_adds(out, ",\"excerpt\":");
    vp_buf_add_str(out, shown->excerpt);
    vp_buf_adds(out, ",\"article_slug\":");
    vp_buf_add_json(out, article->slug);
    vp_buf_adds(out, ",\"article_title\":");
    vp_buf_add_json(out, article->title);
    vp_buf_addc(out, '}');
}

vp_step comments_recent_finish(vp_call *call) {
    const redisReply *r = call->reply[0];
    thread_shown shown;
    thread_article article;
    vp_str text, fact;
    int64_t replies;
    bool first = true;
    vp_buf_adds(&call->out, "{\"items\":[");
    for (size_t i = 0; comments_store_recent_row(r, i, &replies, &text, &fact); i++) {
        if (!thread_shown_read(text, &shown) || !thread_article_read(fact, &article)) continue;
        if (!first) vp_buf_addc(&call->out, ',');
        write_recent(&call->out, &shown, replies, &article);
        first = false;
    }
    vp_buf_addc(&call->out, ']');
    vp_call_next(call, 'r', r->elements ? comments_store_text(r->element[0]) : (vp_str){0});
    vp_buf_addc(&call->out, '}');
    return answer_hashed(call);
}

typedef struct counts_state {
    int n;
    vp_str article[COMMENTS_COUNTS_MAX]; /* borrow the query: an id has nothing to decode */
} counts_state;

vp_step comments_counts_prepare(vp_call *call) {
    counts_state *state = vp_call_state(call, sizeof *state);
    vp_str rest = call->field[VP_F_QUERY], name, value;
    while (vp_query_next(&rest, &name, &value)) {
        if (!vp_str_eq(name, VP_STR("article_id"))) continue;
        if (!vp_ulid_valid(value))
            vp_problem_field(&call->problem, "?article_id", "must be an id");
        else if (state->n == COMMENTS_COUNTS_MAX)
            vp_problem_field(&call->problem, "?article_id", "must not stand more than %d times",
                             COMMENTS_COUNTS_MAX);
        else
            state->article[state->n++] = value;
        if (call->problem.code)
            return vp_call_fail(call, VP_EINVAL, "A query parameter is not acceptable.");
    }
    if (!state->n) {
        vp_buf_adds(&call->out, "{\"counts\":{}}");
        return answer_hashed(call);
    }
    comments_store_facts(call, state->article, state->n, false);
    return VP_STEP_WAIT;
}

vp_step comments_counts_finish(vp_call *call) {
    const counts_state *state = call->state;
    comments_state thread;
    vp_buf_adds(&call->out, "{\"counts\":{");
    for (int i = 0; i < state->n; i++) {
        comments_store_state(call, i, &thread);
        if (i) vp_buf_addc(&call->out, ',');
        vp_buf_add_json(&call->out, state->article[i]);
        vp_buf_addc(&call->out, ':');
        vp_buf_add_int(&call->out, thread.fact.count);
    }
    vp_buf_adds(&call->out, "}}");
    return answer_hashed(call);
}

/* -- topics
 * ---------------------------------------------------------------------------------------- */

typedef struct topics_state {
    int n;
    vp_str article[COMMENTS_TOPICS_MAX]; /* borrow the body */
    int64_t known[COMMENTS_TOPICS_MAX];  /* version that the asker has */
} topics_state;

/* "article:ID VERSION"; another service's topics are passed over. */
static void topic_line(topics_state *state, vp_str line) {
    vp_str prefix = VP_STR("article:");
    size_t n = prefix.n + VP_ULID_LEN;
    int64_t version;
    if (state->n == COMMENTS_TOPICS_MAX || !vp_str_starts(line, prefix) || line.n < n + 2) return;
    vp_str id = vp_str_n(line.p + prefix.n, VP_ULID_LEN);
    if (!vp_ulid_valid(id) || line.p[n] != ' ') return;
    if (vp_str_int(vp_str_n(line.p + n + 1, line.n - n - 1), 0, INT64_MAX, &version)) return;
    state->article[state->n] = id;
    state->known[state->n++] = version;
}

vp_step comments_topics_prepare(vp_call *call) {
    topics_state *state = vp_call_state(call, sizeof *state);
    vp_str rest = call->body;
    while (rest.n) {
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t n = end ? (size_t)(end - rest.p) : rest.n;
        topic_line(state, vp_str_n(rest.p, n));
        rest = vp_str_n(rest.p + n, rest.n - n);
        if (end) rest = vp_str_n(rest.p + 1, rest.n - 1);
    }
    if (!state->n) {
        vp_buf_adds(&call->out, "{\"states\":[]}");
        return vp_call_answer(call, 200);
    }
    comments_store_facts(call, state->article, state->n, true);
    return VP_STEP_WAIT;
}

vp_step comments_topics_finish(vp_call *call) {
    const topics_state *state = call->state;
    comments_state thread;
    thread_article article;
    bool first = true;
    vp_buf_adds(&call->out, "{\"states\":[");
    for (int i = 0; i < state->n; i++) {
        char topic[64];
        comments_store_state(call, i, &thread);
        if (thread.fact.version <= state->known[i] ||
            !thread_article_read(thread.article, &article))
            continue;
        snprintf(topic, sizeof topic, "article:%.*s", VP_ULID_LEN, state->article[i].p);
        vp_buf_addf(&call->out,
                    "%s{\"topic\":\"%s\",\"version\":%lld,\"event\":\"article\",\"data\":",
                    first ? "" : ",", topic, (long long)thread.fact.version);
        thread_state_write(&call->out, vp_str_of(topic), thread.fact.count, thread.newest);
        vp_buf_addc(&call->out, '}');
        first = false;
    }
    vp_buf_adds(&call->out, "]}");
    return vp_call_answer(call, 200);
}
