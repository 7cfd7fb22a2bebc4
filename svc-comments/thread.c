/* thread.c - see thread.h. SPDX-License-Identifier: MIT */
#include "thread.h"

#define ID_AT      (sizeof "{\"id\":\"" - 1)
#define ARTICLE_AT (ID_AT + VP_ULID_LEN + sizeof "\",\"article_id\":\"" - 1)

/* Up to the separator or the end; *s is what follows it. */
static vp_str word(vp_str *s, char separator) {
    const char *end = s->n ? memchr(s->p, separator, s->n) : NULL;
    vp_str w = vp_str_n(s->p, end ? (size_t)(end - s->p) : s->n);
    *s = end ? vp_str_n(end + 1, s->n - w.n - 1) : vp_str_n(s->p + s->n, 0);
    return w;
}

static int64_t number(vp_str s) {
    int64_t n;
    return vp_str_int(s, 0, INT64_MAX, &n) ? 0 : n;
}

bool thread_shown_read(vp_str text, thread_shown *out) {
    memset(out, 0, sizeof *out);
    if (!text.n) return false;
    out->revision = number(word(&text, ' '));
    out->excerpt = word(&text, '\n');
    out->json = text;
    if (text.n < ARTICLE_AT + VP_ULID_LEN) return false;
    out->id = vp_str_n(text.p + ID_AT, VP_ULID_LEN);
    out->article = vp_str_n(text.p + ARTICLE_AT, VP_ULID_LEN);
    return true;
}

void thread_shown_write(vp_buf *out, const thread_shown *shown, int64_t replies) {
    vp_buf_add_str(out, shown->json);
    vp_buf_adds(out, ",\"score\":0,\"reply_count\":");
    vp_buf_add_int(out, replies);
}

static void close_to(thread_tree *tree, vp_buf *out, int64_t level) {
    for (; tree->open > level; tree->open--) {
        vp_buf_adds(out, "]}");
        tree->comma = true;
    }
}

void thread_tree_add(thread_tree *tree, vp_buf *out, int64_t level, int64_t replies, vp_str text) {
    thread_shown shown;
    if (!thread_shown_read(text, &shown)) return;
    close_to(tree, out, level);
    if (tree->comma) vp_buf_addc(out, ',');
    thread_shown_write(out, &shown, replies);
    vp_buf_adds(out, ",\"replies\":[");
    tree->open++;
    tree->comma = false;
}

void thread_tree_end(thread_tree *tree, vp_buf *out) {
    close_to(tree, out, 0);
}

thread_fact thread_fact_read(vp_str text) {
    thread_fact fact;
    fact.count = number(word(&text, ' '));
    fact.version = number(text);
    if (fact.version < 1) fact.version = 1;
    return fact;
}

bool thread_article_read(vp_str text, thread_article *out) {
    word(&text, ' ');
    out->status = word(&text, ' ');
    out->open = vp_str_eq(word(&text, ' '), VP_STR("1"));
    out->slug = word(&text, ' ');
    out->title = text;
    bool archived = vp_str_eq(out->status, VP_STR("archived"));
    out->open = out->open && !archived;
    return archived || vp_str_eq(out->status, VP_STR("published"));
}

void thread_state_write(vp_buf *out, vp_str topic, int64_t count, vp_str newest) {
    bool first = true;
    vp_buf_adds(out, "{\"topic\":");
    vp_buf_add_json(out, topic);
    vp_buf_adds(out, ",\"comment_count\":");
    vp_buf_add_int(out, count);
    vp_buf_adds(out, ",\"newest\":[");
    for (vp_str id; newest.n && (id = word(&newest, ' ')).n; first = false) {
        if (!first) vp_buf_addc(out, ',');
        vp_buf_add_json(out, id);
    }
    vp_buf_adds(out, "]}");
}
