/* lists.c - see lists.h. A page in order of time costs the same wherever it is: its cursor is the
 * time and id of the last article on the page before. Where a list is in order of what moves
 * (reads, comments), a page may repeat or leave out what has moved meanwhile.
 * SPDX-License-Identifier: MIT */
#include "lists.h"

#include <stdio.h>

#include "article_view.h"
#include "clock.h"
#include "list_page.h"

enum {
    ROWS_A_ROUND = 20,        /* articles with their bodies */
    LIST_BYTES = 1024 * 1024, /* a page of a list ends early past this */
    RELATED = 6,              /* without a limit */
    RELATED_MAX = 20
};

enum list_asked {
    L_TAG = 1,
    L_SECTION = 2,
    L_CONTRIBUTOR = 4,
    L_LANGUAGE = 8,
    L_TIMES = 16,
    L_STATUS = 32,
    L_SORT = 64
};

/* What may be asked for together; times go with each that has neither status nor sort. */
static const unsigned allowed[] = {
    0,
    L_TAG,
    L_SECTION,
    L_CONTRIBUTOR,
    L_LANGUAGE,
    L_TAG | L_SECTION,
    L_TAG | L_CONTRIBUTOR,
    L_TAG | L_LANGUAGE,
    L_SECTION | L_CONTRIBUTOR,
    L_SECTION | L_LANGUAGE,
    L_CONTRIBUTOR | L_LANGUAGE,
    L_STATUS,
    L_SORT,
};

static const struct list_sort {
    const char *word, *key; /* key: NULL, in order of time */
    char tag;               /* of its cursors */
} sorts[] = {{"-published_at", NULL, 'a'},
             {"-reads", "articles:read", 'r'},
             {"-comments", "articles:commented", 'm'}};

static const struct list_status {
    const char *word;
    bool draft; /* not public */
} statuses[] = {{"draft", true},
                {"scheduled", true},
                {"published", false},
                {"archived", false},
                {"deleted", true}};

typedef struct list_state {
    list_page page;
    char tag;       /* of its cursors */
    bool leads;     /* the reply begins with where to go on */
    bool summaries; /* without bodies */
    bool drafts;
    bool one; /* it belongs to one article, which may not be there */
} list_state;

/* What the query asks for, as it was sent. */
typedef struct list_query {
    vp_str tag, section, contributor, language, from, to, status, sort, view;
    unsigned asked;
} list_query;

static void read_query(vp_call *call, list_query *q) {
    const struct {
        const char *name;
        vp_str *value;
        unsigned bit;
    } params[] = {{"tag", &q->tag, L_TAG},
                  {"section", &q->section, L_SECTION},
                  {"contributor", &q->contributor, L_CONTRIBUTOR},
                  {"language", &q->language, L_LANGUAGE},
                  {"from", &q->from, L_TIMES},
                  {"to", &q->to, L_TIMES},
                  {"status", &q->status, L_STATUS},
                  {"sort", &q->sort, L_SORT},
                  {"view", &q->view, 0}};
    memset(q, 0, sizeof *q);
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        *params[i].value = vp_call_query(call, params[i].name);
        if (params[i].value->n) q->asked |= params[i].bit;
    }
    if (vp_str_eq(q->sort, vp_str_of(sorts[0].word))) q->asked &= ~(unsigned)L_SORT;
}

static const struct list_sort *sort_of(vp_str word) {
    for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++)
        if (vp_str_eq(word, vp_str_of(sorts[i].word))) return &sorts[i];
    return word.n ? NULL : &sorts[0];
}

static const struct list_status *status_of(vp_str word) {
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (vp_str_eq(word, vp_str_of(statuses[i].word))) return &statuses[i];
    return NULL;
}

static bool is_allowed(unsigned asked) {
    if (!(asked & (L_STATUS | L_SORT))) asked &= ~(unsigned)L_TIMES;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (allowed[i] == asked) return true;
    return false;
}

/* False: the call has failed. */
static bool check(vp_call *call, const list_query *q, list_state *state) {
    const struct list_sort *sort = sort_of(q->sort);
    vp_problem *problem = &call->problem;
    state->summaries = vp_str_eq(q->view, VP_STR("summary"));
    if (!sort) vp_problem_field(problem, "?sort", "must be -published_at, -reads or -comments");
    if (q->status.n && !status_of(q->status))
        vp_problem_field(problem, "?status",
                         "must be draft, scheduled, published, archived or deleted");
    if (q->view.n && !state->summaries && !vp_str_eq(q->view, VP_STR("full")))
        vp_problem_field(problem, "?view", "must be full or summary");
    if (!problem->code && !is_allowed(q->asked))
        vp_problem_field(problem, "?",
                         "two of tag, section, contributor and language go together, with from "
                         "and to; status and sort go alone");
    if (problem->code)
        vp_call_fail(call, VP_EINVAL, "A query parameter is not acceptable.");
    else if (q->status.n && !article_is_staff(call))
        vp_call_fail(call, call->role ? VP_EDENIED : VP_EAUTH, "Please sign in first.");
    state->tag = q->status.n ? 'd' : sort ? sort->tag : 'a';
    return !problem->code;
}

/* A time, or a day: its beginning, or its end. False: the call has failed. */
static bool read_time(vp_call *call, const char *pointer, vp_str text, bool end, int64_t *out) {
    char whole[VP_TIME_LEN + 1];
    if (text.n == sizeof "2026-11-24" - 1) {
        snprintf(whole, sizeof whole, "%.*s%s", (int)text.n, text.p,
                 end ? "T23:59:59Z" : "T00:00:00Z");
        text = vp_str_of(whole);
    }
    if (!vp_time_parse(text, out)) return true;
    vp_problem_field(&call->problem, pointer, "must be a day or a time");
    vp_call_fail(call, VP_EINVAL, "A query parameter is not acceptable.");
    return false;
}

/* Members are 13 digits and an id, so a range of times is one of texts. */
static bool read_range(vp_call *call, const list_query *q, vp_str cursor, articles_filter *f) {
    int64_t from = 0, to = 0;
    if (q->from.n && !read_time(call, "?from", q->from, false, &from)) return false;
    if (q->to.n && !read_time(call, "?to", q->to, true, &to)) return false;
    snprintf(f->start, sizeof f->start, "+");
    snprintf(f->stop, sizeof f->stop, "-");
    if (q->to.n) snprintf(f->start, sizeof f->start, "[%013lld~", (long long)to + 999);
    if (cursor.n) snprintf(f->start, sizeof f->start, "(%.*s", (int)cursor.n, cursor.p);
    if (q->from.n) snprintf(f->stop, sizeof f->stop, "[%013lld", (long long)from);
    return true;
}

/* False: a filter that cannot be is one that nothing has. */
static bool fold(const list_query *q, vp_buf *tag, vp_buf *section, vp_buf *language) {
    vp_buf shown;
    bool possible = true;
    vp_buf_init(&shown, 4 * TAG_BYTES);
    if (q->tag.n && !tag_fold(vp_str_trim(q->tag), &shown, tag)) possible = false;
    if (q->section.n && !tag_fold(vp_str_trim(q->section), &shown, section)) possible = false;
    if (q->contributor.n && !handle_ok(q->contributor)) possible = false;
    if (q->language.n > 35) possible = false;
    for (size_t i = 0; i < q->language.n; i++) {
        char c = q->language.p[i];
        vp_buf_addc(language, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
    }
    vp_buf_release(&shown);
    return possible;
}

static vp_step finish_empty(vp_call *call, list_state *state) {
    vp_buf_adds(&call->out, "{\"items\":[");
    return list_page_answer(call, &state->page, state->tag, VP_STR("articles"));
}

static vp_step by_time(vp_call *call, const list_query *q, list_state *state, vp_str cursor) {
    articles_filter filter = {.contributor = q->contributor};
    vp_buf tag, section, language;
    vp_buf_init(&tag, 2 * TAG_BYTES);
    vp_buf_init(&section, 2 * TAG_BYTES);
    vp_buf_init(&language, 40);
    bool possible = fold(q, &tag, &section, &language);
    filter.tag = vp_buf_str(&tag);
    filter.section = vp_buf_str(&section);
    filter.language = vp_buf_str(&language);
    if (read_range(call, q, cursor, &filter) && possible)
        state->leads = articles_store_list(call, &filter, state->page.limit);
    vp_buf_release(&tag);
    vp_buf_release(&section);
    vp_buf_release(&language);
    if (call->problem.code) return VP_STEP_DONE;
    return possible ? VP_STEP_WAIT : finish_empty(call, state);
}

vp_step articles_list_prepare(vp_call *call) {
    list_state *state = vp_call_state(call, sizeof *state);
    char cursor[VP_CURSOR_KEY_MAX + 1];
    list_query q;
    size_t n;
    read_query(call, &q);
    if (call->problem.code || !check(call, &q, state)) return VP_STEP_DONE;
    if (!vp_call_page(call, state->tag, &state->page.limit, cursor, &n)) return VP_STEP_DONE;
    vp_str after = vp_str_n(cursor, n);
    if (state->tag == 'a') return by_time(call, &q, state, after);
    state->leads = true;
    if (state->tag == 'd') {
        state->drafts = status_of(q.status)->draft;
        state->page.personal = true;
        articles_store_status(call, q.status, after, state->page.limit);
    } else {
        articles_store_top(call, vp_str_of(sort_of(q.sort)->key), after, state->page.limit);
    }
    return VP_STEP_WAIT;
}

static vp_step next_rows(vp_call *call, list_state *state) {
    list_page *page = &state->page;
    int n = page->n - page->done;
    if (n == 0) return list_page_answer(call, page, state->tag, VP_STR("articles contributors"));
    if (!state->summaries && n > ROWS_A_ROUND) n = ROWS_A_ROUND;
    articles_store_rows(call, page->member + page->done, n, !state->summaries, state->drafts);
    return VP_STEP_WAIT;
}

static vp_step take_members(vp_call *call, list_state *state) {
    const redisReply *reply = call->reply[0];
    if (state->one && (reply->type != REDIS_REPLY_ARRAY || !reply->elements))
        return article_absent(call);
    list_page_take(&state->page, reply, state->leads ? 1 : 0);
    if (state->leads) articles_store_both(reply, &state->page);
    vp_buf_adds(&call->out, "{\"items\":[");
    return next_rows(call, state);
}

vp_step articles_list_finish(vp_call *call) {
    list_state *state = call->state;
    list_page *page = &state->page;
    articles_row row;
    if (call->round == 1) return take_members(call, state);
    for (int i = 0; articles_store_nth(call, i, &row) && page->done < page->n; i++, page->done++) {
        /* Enough: the rest is the next page. Of the others a place is more than a member. */
        if (call->out.len > LIST_BYTES && state->tag == 'a') {
            list_page_last(page, page->member[page->done - 1]);
            page->n = page->done;
            break;
        }
        if (!row.json.n) continue; /* withdrawn meanwhile */
        if (call->out.data[call->out.len - 1] != '[') vp_buf_addc(&call->out, ',');
        article_view_add(&call->out, &row, !state->summaries);
        vp_buf_addc(&call->out, '}');
    }
    return next_rows(call, state);
}

vp_step articles_related_prepare(vp_call *call) {
    list_state *state = vp_call_state(call, sizeof *state);
    vp_str limit = vp_call_query(call, "limit");
    state->page.limit = RELATED;
    state->tag = 'e';
    state->leads = state->summaries = state->one = true;
    if (call->problem.code) return VP_STEP_DONE;
    if (limit.n && vp_str_int(limit, 1, RELATED_MAX, &state->page.limit)) {
        vp_problem_field(&call->problem, "?limit", "is a number from 1 to %d", RELATED_MAX);
        return vp_call_fail(call, VP_EINVAL, "A query parameter is not acceptable.");
    }
    articles_store_related(call, call->params.value[0], state->page.limit);
    return VP_STEP_WAIT;
}

/* -- what they are listed under --------------------------------------------------------------- */

static const char tags[] = "tags", sections[] = "articles:sections";

static vp_step names_prepare(vp_call *call, const char *kind, char tag) {
    list_page *page = vp_call_state(call, sizeof *page);
    char cursor[VP_CURSOR_KEY_MAX + 1];
    size_t n;
    if (!vp_call_page(call, tag, &page->limit, cursor, &n)) return VP_STEP_DONE;
    articles_store_tags(call, kind, vp_str_n(cursor, n), page->limit);
    return VP_STEP_WAIT;
}

static vp_step names_finish(vp_call *call, const char *kind, char tag, const char *member) {
    list_page *page = call->state;
    articles_tag row;
    if (call->round == 1) {
        list_page_take(page, call->reply[0], 0);
        vp_buf_adds(&call->out, "{\"items\":[");
        if (!page->n) return list_page_answer(call, page, tag, VP_STR("articles"));
        articles_store_tag_rows(call, kind, page->member, page->n);
        return VP_STEP_WAIT;
    }
    for (int i = 0; i < page->n; i++) {
        if (!articles_store_tag(call, i, &row)) continue;
        bool first = call->out.data[call->out.len - 1] == '[';
        vp_buf_addf(&call->out, "%s{\"%s\":", first ? "" : ",", member);
        vp_buf_add_json(&call->out, row.name.n ? row.name : page->member[i]);
        vp_buf_adds(&call->out, ",\"count\":");
        vp_buf_add_int(&call->out, row.count);
        vp_buf_addc(&call->out, '}');
    }
    return list_page_answer(call, page, tag, VP_STR("articles"));
}

vp_step articles_tags_prepare(vp_call *call) {
    return names_prepare(call, tags, 't');
}

vp_step articles_tags_finish(vp_call *call) {
    return names_finish(call, tags, 't', "tag");
}

vp_step articles_sections_prepare(vp_call *call) {
    return names_prepare(call, sections, 's');
}

vp_step articles_sections_finish(vp_call *call) {
    return names_finish(call, sections, 's', "section");
}
