/* comment_post.c - the form below an article. A comment that is not taken comes back with what was
 * written and what is wrong with it.
 *
 * Pages are the same for every reader, so their forms cannot carry a key of their own; the
 * Idempotency-Key is a hash of what was written and where. A form that is sent twice stores one
 * comment; so do two readers who write the very same under the same name within 24 hours.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "article.h"
#include "form.h"
#include "handlers.h"
#include "json.h"
#include "query.h"
#include "seal.h"
#include "view.h"

enum { KEY_HASH = 15, KEY_MAX = 64, ADDRESS_MAX = 4096 };

static comment_draft read_draft(form *f) {
    return (comment_draft){.author_name = form_value(f, "author_name"),
                           .author_email = form_value(f, "author_email"),
                           .body_markdown = form_value(f, "body_markdown"),
                           .parent_id = form_value(f, "parent_id"),
                           .refused = true};
}

/* -- the key ---------------------------------------------------------------------------------- */

/* The same form sent twice makes one comment. With a key of ours, since what a form says is mostly
 * public: who could make this key would be answered as its writer, edit token included. */
static void derive_key(const uint8_t form_key[VP_SEAL_KEY], vp_str article_id,
                       const comment_draft *d, char out[KEY_MAX]) {
    const vp_str parts[] = {article_id, d->author_name, d->author_email, d->body_markdown,
                            d->parent_id};
    uint8_t hash[KEY_HASH];
    vp_buf all;
    vp_buf_init(&all, PAGE_FORM_MAX * 2);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        vp_buf_add_str(&all, parts[i]);
        vp_buf_add(&all, "", 1); /* no part has a NUL, so they cannot run together */
    }
    vp_seal_mac(form_key, vp_buf_str(&all), hash, sizeof hash);
    memcpy(out, "form-", 5);
    vp_seal_base64(hash, sizeof hash, out + 5);
    vp_buf_release(&all);
}

/* -- not taken -------------------------------------------------------------------------------- */

static const struct {
    int status;
    const char *error; /* NULL: the service's own detail */
} refusals[] = {
    {400, "Your comment is not posted yet."}, {409, NULL}, {413, "Your comment is too long."},
    {422, "Your comment is not posted yet."}, {429, NULL},
};

static vp_str refusal_of(int status, const json_t *problem) {
    vp_str detail = vp_json_text(problem, "detail");
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i].status == status)
            return refusals[i].error || !detail.n ? vp_str_of(refusals[i].error) : detail;
    return VP_STR("Your comment could not be posted just now. It is still here: please send it "
                  "again in a minute.");
}

static void refuse(page *pg, json_t *article, comment_draft *draft, int status,
                   const json_t *problem) {
    draft->error = refusal_of(status, problem);
    if (!draft->error.n) draft->error = VP_STR("Your comment is not posted yet.");
    draft->problem = problem;
    pg->status = status;
    article_page(pg, article, draft);
}

/* -- taken ------------------------------------------------------------------------------------ */

/* To the page with the comment on it: ?v= also makes older copies of the page miss. */
static void go_to(page *pg, vp_str slug, const json_t *comment) {
    vp_str id = vp_json_text(comment, "id");
    bool shown = vp_str_eq(vp_json_text(comment, "status"), VP_STR("approved"));
    vp_buf to;
    vp_buf_init(&to, ADDRESS_MAX);
    article_path(slug, &to);
    vp_buf_adds(&to, "?v=");
    vp_query_encode(&to, id);
    vp_buf_adds(&to, shown ? "#comment-" : "&held=1#comments");
    if (shown) vp_query_encode(&to, id);
    page_redirect(pg, 303, &to);
}

static json_t *body_of(const comment_draft *d) {
    const struct {
        const char *name;
        vp_str value;
    } members[] = {{"author_name", d->author_name},
                   {"author_email", d->author_email},
                   {"body_markdown", d->body_markdown},
                   {"parent_id", d->parent_id}};
    json_t *body = json_object();
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (members[i].value.n) view_text(body, members[i].name, members[i].value);
    return body;
}

static void post(page *pg, json_t *article, comment_draft *draft, vp_str given_key) {
    uint8_t form_key[VP_SEAL_KEY];
    char key[KEY_MAX];
    ask a;
    vp_str id = vp_json_text(article, "id");
    vp_err rc =
        keys_get(pg->site->o.keys, KEYS_FORM, pg->site->o.bus, pg->r, page_write_ms(pg), form_key);
    if (rc) {
        refuse(pg, article, draft, vp_err_status(rc), NULL);
        return;
    }
    json_t *body = body_of(draft), *answer;
    ask_init(&a, "/api/v1/articles/", id, "/comments");
    derive_key(form_key, id, draft, key);
    a.idempotency_key = given_key.n ? given_key : vp_str_of(key);
    ask_post(&a, pg->site->o.bus, pg->r, body, page_write_ms(pg));
    int status = ask_wait(&a, &answer);
    if (status == 201)
        go_to(pg, vp_json_text(article, "slug"), answer);
    else
        refuse(pg, article, draft, status, answer);
    json_decref(answer);
    json_decref(body);
    ask_release(&a);
}

static void closed(page *pg, const json_t *article) {
    vp_buf back;
    vp_buf_init(&back, ADDRESS_MAX);
    article_path(vp_json_text(article, "slug"), &back);
    page_error_with(pg, 409, "Comments on this article are closed",
                    "Your comment could not be posted.", back.data, "Back to the article");
    vp_buf_release(&back);
}

/* By an old slug: the same form at the new one. */
static void follow(page *pg, vp_buf *moved) {
    vp_buf_adds(moved, "/comments");
    page_redirect(pg, 308, moved);
}

/* Programs fill in what people do not see; they are thanked. */
static bool is_machine(page *pg, form *f) {
    if (!form_value(f, "website").n) return false;
    article_of_form(pg);
    return true;
}

void comment_post(page *pg) {
    json_t *article = NULL;
    form f;
    vp_buf moved = {0};
    if (!page_form(pg)) return;
    form_init(&f, vp_buf_str(&pg->r->body));
    comment_draft draft = read_draft(&f);
    if (is_machine(pg, &f)) goto done;
    int status = article_fetch(pg, &article, &moved);
    if (status >= 500)
        refuse(pg, NULL, &draft, status, NULL);
    else if (status == 301 && moved.len)
        follow(pg, &moved);
    else if (status != 200)
        article_refuse(pg, status, &moved);
    else if (!vp_json_bool(article, "comments_open", true))
        closed(pg, article);
    else
        post(pg, article, &draft, form_key(&f));
done:
    json_decref(article);
    vp_buf_release(&moved);
    form_release(&f);
}
