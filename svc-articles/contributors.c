/* contributors.c - see contributors.h. SPDX-License-Identifier: MIT */
#include "contributors.h"

#include <stdio.h>

#include "articles_store.h"
#include "list_page.h"
#include "match.h"

/* A renamed contributor's articles are shown anew before the answer, as long as that takes no more
 * rounds than this; the timer does the rest. */
enum { RENAME_ROUNDS = 10 };

static vp_step absent(vp_call *call) {
    return vp_call_fail(call, VP_ENOTFOUND, "There is no such contributor.");
}

/* The replies of articles_store_contributor as body and ETag. */
static bool write_one(vp_call *call) {
    articles_row row;
    char etag[32];
    if (!articles_store_shown(call->reply[0], &row)) return false;
    vp_buf_add_str(&call->out, row.json);
    if (vp_call_may(call, VP_MAY_AUTHOR)) {
        const redisReply *r = call->reply[1];
        bool text = r->type == REDIS_REPLY_STRING;
        vp_buf_adds(&call->out, ",\"bio_markdown\":");
        vp_buf_add_json(&call->out, text ? vp_str_n(r->str, r->len) : VP_STR(""));
    }
    vp_buf_addc(&call->out, '}');
    snprintf(etag, sizeof etag, "\"%lld.0\"", (long long)row.revision);
    vp_call_reply_field(call, VP_F_ETAG, vp_str_of(etag));
    return true;
}

vp_step contributors_get_prepare(vp_call *call) {
    if (!handle_ok(call->params.value[0])) return absent(call);
    articles_store_contributor(call, call->params.value[0]);
    return VP_STEP_WAIT;
}

vp_step contributors_get_finish(vp_call *call) {
    bool staff = vp_call_may(call, VP_MAY_AUTHOR);
    if (!write_one(call)) return absent(call);
    vp_call_reply_field(call, VP_F_CACHE_CONTROL,
                        staff ? VP_STR("private, no-store")
                              : VP_STR("public, max-age=0, s-maxage=10"));
    if (!staff) vp_call_reply_field(call, VP_F_SURROGATE_KEY, VP_STR("contributors"));
    return vp_call_answer(call, 200);
}

typedef struct put_state {
    bool created;
    enum { PUT_DECIDED, PUT_RENAMING, PUT_READ } waits_for;
} put_state;

/* If-Match as the function takes it: a revision, "*", or nothing. False: it is none of these. */
static bool match_text(const vp_call *call, char out[24]) {
    int64_t revision;
    vp_err rc = vp_match_read(call->field[VP_F_IF_MATCH], &revision);
    if (revision != VP_MATCH_ANY)
        snprintf(out, 24, "%lld", (long long)revision);
    else
        snprintf(out, 24, "%s", rc ? "" : "*");
    return rc != VP_ESTALE;
}

/* Editors may write every profile, authors their account's. */
static bool may_put(vp_call *call) {
    if (vp_call_may(call, VP_MAY_EDITOR)) return true;
    if (vp_str_eq(call->field[VP_F_ACTOR_HANDLE], call->params.value[0])) return true;
    vp_call_fail(call, VP_EDENIED, "This is not the contributor of your account.");
    return false;
}

vp_step contributors_put_prepare(vp_call *call) {
    contributor_form form;
    json_t *body;
    char match[24];
    vp_call_state(call, sizeof(put_state));
    if (!may_put(call)) return VP_STEP_DONE;
    if (!match_text(call, match))
        return vp_call_fail(call, VP_ESTALE, "If-Match names no revision of this contributor.");
    if (!vp_call_json(call, contributor_rules, &body)) return VP_STEP_DONE;
    if (contributor_form_read(&form, call->params.value[0], body, vp_service_now(call->service),
                              &call->problem))
        articles_store_put(call, &form, vp_str_of(match));
    else
        vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
    contributor_form_release(&form);
    return call->problem.code ? VP_STEP_DONE : VP_STEP_WAIT;
}

static vp_step read_back(vp_call *call, put_state *state) {
    state->waits_for = PUT_READ;
    articles_store_contributor(call, call->params.value[0]);
    return VP_STEP_WAIT;
}

static vp_step rename_on(vp_call *call, put_state *state) {
    state->waits_for = PUT_RENAMING;
    articles_store_rename(call, call->params.value[0]);
    return VP_STEP_WAIT;
}

static vp_step decided(vp_call *call, put_state *state) {
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    if (vp_str_eq(word, VP_STR("unmatched")))
        return vp_call_fail(call, VP_ENEEDMATCH,
                            "This contributor exists: send its ETag as If-Match.");
    if (vp_str_eq(word, VP_STR("stale")))
        return vp_call_fail(call, VP_ESTALE, "The contributor has changed meanwhile.");
    state->created = vp_str_eq(word, VP_STR("created"));
    return vp_str_eq(word, VP_STR("renamed")) ? rename_on(call, state) : read_back(call, state);
}

vp_step contributors_put_finish(vp_call *call) {
    put_state *state = call->state;
    char location[64 + HANDLE_MAX];
    vp_str handle = call->params.value[0];
    if (state->waits_for == PUT_DECIDED) return decided(call, state);
    if (state->waits_for == PUT_RENAMING) {
        bool more = call->reply[0]->type == REDIS_REPLY_INTEGER && call->reply[0]->integer;
        return more && call->round < RENAME_ROUNDS ? rename_on(call, state)
                                                   : read_back(call, state);
    }
    if (!write_one(call)) return absent(call);
    vp_call_reply_field(call, VP_F_CACHE_CONTROL, VP_STR("private, no-store"));
    if (state->created) {
        snprintf(location, sizeof location, "/api/v1/contributors/%.*s", (int)handle.n, handle.p);
        vp_call_reply_field(call, VP_F_LOCATION, vp_str_of(location));
    }
    return vp_call_answer(call, state->created ? 201 : 200);
}

vp_step contributors_list_prepare(vp_call *call) {
    list_page *page = vp_call_state(call, sizeof *page);
    char cursor[VP_CURSOR_KEY_MAX + 1];
    size_t n;
    if (!vp_call_page(call, 'c', &page->limit, cursor, &n)) return VP_STEP_DONE;
    articles_store_contributors(call, vp_str_n(cursor, n), page->limit);
    return VP_STEP_WAIT;
}

vp_step contributors_list_finish(vp_call *call) {
    list_page *page = call->state;
    articles_row row;
    if (call->round == 1) {
        list_page_take(page, call->reply[0], 0);
        vp_buf_adds(&call->out, "{\"items\":[");
        if (!page->n) return list_page_answer(call, page, 'c', VP_STR("contributors"));
        articles_store_contributor_rows(call, page->member, page->n);
        return VP_STEP_WAIT;
    }
    for (size_t i = 0; i < call->reply[0]->elements; i++) {
        if (!articles_store_shown(call->reply[0]->element[i], &row)) continue;
        if (call->out.data[call->out.len - 1] != '[') vp_buf_addc(&call->out, ',');
        vp_buf_add_str(&call->out, row.json);
        vp_buf_addc(&call->out, '}');
    }
    return list_page_answer(call, page, 'c', VP_STR("contributors"));
}
