/* pending.c - see pending.h. A link's token is the article's id and its expiry, signed; nothing is
 * kept of it. SPDX-License-Identifier: MIT */
#include "pending.h"

#include <stdio.h>

#include "article_change.h"
#include "article_view.h"
#include "clock.h"
#include "document.h"
#include "ticket.h"

static vp_step private_answer(vp_call *call, int status) {
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    return vp_call_answer(call, status);
}

static void etag_of(vp_call *call, int64_t revision) {
    char etag[32];
    snprintf(etag, sizeof etag, "\"%lld.0\"", (long long)revision);
    vp_call_reply_field(call, VP_F_ETAG, vp_str_of(etag));
}

/* -- as the edit will look ------------------------------------------------------------------ */

/* Begins the answer with what is here of the edit, and asks for the rest of it. */
static vp_step show_edit(vp_call *call, const articles_opened *a, bool desk) {
    article_form form;
    json_t *fields;
    article_was was = {a->status, a->slug, a->when, a->ends};
    if (document_unpack(a->extra[0], &fields))
        return vp_call_fail(call, VP_ESYSTEM, "The pending edit cannot be read.");
    if (article_form_read(&form, fields, NULL, &was, vp_service_now(call->service),
                          &call->problem)) {
        vp_buf_adds(&call->out, "{\"body_html\":");
        vp_buf_add_str(&call->out, vp_buf_str(&form.body));
        if (desk) {
            form_add(&call->out, "body_markdown", form.markdown);
            form_add(&call->out, "owner", a->owner);
            vp_buf_adds(&call->out, ",\"has_edit\":true");
        }
        vp_buf_adds(&call->out, ",\"comment_count\":0,");
        etag_of(call, a->revision);
        articles_store_preview(call, a->id, &form);
    } else {
        vp_call_fail(call, VP_ECONFLICT, "The pending edit does not fit the article any more.");
    }
    article_form_release(&form);
    json_decref(fields);
    return call->problem.code ? VP_STEP_DONE : VP_STEP_WAIT;
}

static vp_step edit_shown(vp_call *call) {
    articles_row row;
    if (!articles_store_shown(call->reply[0], &row)) return article_absent(call);
    vp_buf_add_str(&call->out, vp_str_n(row.json.p + 1, row.json.n - 1)); /* without its brace */
    vp_buf_addc(&call->out, '}');
    return private_answer(call, 200);
}

vp_step articles_edit_get_prepare(vp_call *call) {
    articles_store_open(call, call->params.value[0], "edit", (vp_str){0}, (vp_str){0});
    return VP_STEP_WAIT;
}

vp_step articles_edit_get_finish(vp_call *call) {
    articles_opened a;
    if (call->round > 1) return edit_shown(call);
    if (!article_opened(call, &a)) return VP_STEP_DONE;
    if (!a.extra[0].n) return vp_call_fail(call, VP_ENOTFOUND, "This article has no pending edit.");
    return show_edit(call, &a, true);
}

/* -- unsaved text --------------------------------------------------------------------------- */

vp_step articles_autosave_get_prepare(vp_call *call) {
    articles_store_open(call, call->params.value[0], "autosave", call->field[VP_F_ACTOR_ID],
                        (vp_str){0});
    return VP_STEP_WAIT;
}

/* "WHEN\nREVISION\n" and a packed document. */
static bool write_autosave(vp_buf *out, vp_str slot) {
    char at[VP_TIME_LEN + 1];
    int64_t when, revision;
    json_t *document;
    const char *first = slot.n ? memchr(slot.p, '\n', slot.n) : NULL;
    const char *second =
        first ? memchr(first + 1, '\n', slot.n - (size_t)(first + 1 - slot.p)) : NULL;
    if (!second || vp_str_int(vp_str_n(slot.p, (size_t)(first - slot.p)), 0, INT64_MAX, &when) ||
        vp_str_int(vp_str_n(first + 1, (size_t)(second - first) - 1), 0, INT64_MAX, &revision) ||
        document_unpack(vp_str_n(second + 1, slot.n - (size_t)(second + 1 - slot.p)), &document))
        return false;
    vp_time_text(when, at);
    vp_buf_addf(out, "{\"at\":\"%s\",\"revision\":%lld", at, (long long)revision);
    size_t place = out->len;
    document_write(out, document);
    out->data[place] = ','; /* in place of its brace */
    json_decref(document);
    return true;
}

vp_step articles_autosave_get_finish(vp_call *call) {
    articles_opened a;
    if (!article_opened(call, &a)) return VP_STEP_DONE;
    if (!write_autosave(&call->out, a.extra[0]))
        return vp_call_fail(call, VP_ENOTFOUND, "Nothing is unsaved.");
    return private_answer(call, 200);
}

vp_step articles_autosave_put_prepare(vp_call *call) {
    json_t *body;
    vp_buf packed;
    if (!vp_call_json(call, article_patch_rules, &body)) return VP_STEP_DONE;
    json_t *document = document_merge(NULL, body);
    vp_buf_init(&packed, 2 * DOCUMENT_MAX);
    if (document_pack(&packed, document))
        vp_call_fail(call, VP_EINVAL, "There is too much of it.");
    else
        articles_store_autosave(call, call->params.value[0], vp_buf_str(&packed));
    vp_buf_release(&packed);
    json_decref(document);
    return call->problem.code ? VP_STEP_DONE : VP_STEP_WAIT;
}

vp_step articles_autosave_delete_prepare(vp_call *call) {
    articles_store_autosave(call, call->params.value[0], (vp_str){0});
    return VP_STEP_WAIT;
}

vp_step articles_autosave_finish(vp_call *call) {
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    return vp_str_eq(word, VP_STR("kept")) ? vp_call_answer(call, 204) : article_refuse(call, word);
}

/* -- links that show it --------------------------------------------------------------------- */

const vp_json_rule preview_rules[] = {{"expires_at", VP_JSON_TIME}, {NULL}};

static void key_of(const vp_call *call, uint8_t key[VP_SEAL_KEY]) {
    vp_seal_derive(vp_service_site_key(call->service), "preview", (vp_str){0}, key);
}

typedef struct preview_state {
    int64_t expires;
} preview_state;

vp_step articles_preview_prepare(vp_call *call) {
    preview_state *s = vp_call_state(call, sizeof *s);
    json_t *body = NULL;
    int64_t now = vp_service_now(call->service), hour = 3600 * 1000;
    s->expires = now + PREVIEW_HOURS * hour;
    if (call->body.n && !vp_call_json(call, preview_rules, &body)) return VP_STEP_DONE;
    vp_str given = vp_json_text(body, "expires_at");
    if (given.n && (vp_time_parse(given, &s->expires) || s->expires <= now ||
                    s->expires > now + PREVIEW_DAYS_MAX * 24 * hour)) {
        vp_problem_field(&call->problem, "/expires_at", "must be within the next %d days",
                         PREVIEW_DAYS_MAX);
        return vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
    }
    articles_store_open(call, call->params.value[0], "plain", (vp_str){0}, (vp_str){0});
    return VP_STEP_WAIT;
}

vp_step articles_preview_finish(vp_call *call) {
    const preview_state *s = call->state;
    articles_opened a;
    uint8_t key[VP_SEAL_KEY];
    char at[VP_TIME_LEN + 1];
    vp_buf token;
    if (!article_opened(call, &a)) return VP_STEP_DONE;
    vp_buf_init(&token, VP_TICKET_TEXT + 1);
    key_of(call, key);
    vp_ticket_write(key, a.id, s->expires, &token);
    vp_time_text(s->expires, at);
    vp_buf_addf(&call->out, "{\"token\":\"%s\",\"path\":\"/articles/%.*s?preview=%s\"", token.data,
                (int)a.slug.n, a.slug.p, token.data);
    vp_buf_addf(&call->out, ",\"expires_at\":\"%s\"}", at);
    vp_buf_release(&token);
    return private_answer(call, 201);
}

typedef struct previewed_state {
    enum { PREVIEWED_OPEN, PREVIEWED_EDIT, PREVIEWED_PLAIN } waits_for;
    char id[VP_ULID_LEN + 1];
} previewed_state;

vp_step article_previewed_prepare(vp_call *call, vp_str token) {
    previewed_state *s = vp_call_state(call, sizeof *s);
    uint8_t key[VP_SEAL_KEY];
    int64_t expires;
    key_of(call, key);
    if (vp_ticket_read(key, token, vp_service_now(call->service), s->id, &expires))
        return vp_call_fail(call, VP_EDENIED, "This link is not good, or not any more.");
    articles_store_open(call, call->params.value[0], "edit", (vp_str){0}, (vp_str){0});
    return VP_STEP_WAIT;
}

static vp_step plain(vp_call *call) {
    articles_row row;
    if (!articles_store_row(call->reply[0], &row)) return article_absent(call);
    article_view_add(&call->out, &row, true);
    vp_buf_addc(&call->out, '}');
    article_view_etag(call, &row);
    return private_answer(call, 200);
}

vp_step article_previewed_finish(vp_call *call) {
    previewed_state *s = call->state;
    articles_opened a;
    if (s->waits_for == PREVIEWED_EDIT) return edit_shown(call);
    if (s->waits_for == PREVIEWED_PLAIN) return plain(call);
    if (!articles_store_opened(call->reply[0], &a) || !vp_str_eq(a.id, vp_str_of(s->id)) ||
        vp_str_eq(a.status, VP_STR("deleted")))
        return article_absent(call);
    s->waits_for = a.extra[0].n ? PREVIEWED_EDIT : PREVIEWED_PLAIN;
    if (a.extra[0].n) return show_edit(call, &a, false);
    articles_store_read(call, a.id, true);
    return VP_STEP_WAIT;
}
