/* ballot_post.c - a poll's forms: to vote, to vote anew, and to withdraw. Who votes is the
 * cookie's, the account's or the invitation code's; the first POST of a reader without a cookie is
 * answered with it and a 307 to itself. The answer is the page that the form stood on, in its
 * address what became of the ballot; in a frame on another site there is no other page to show.
 * SPDX-License-Identifier: MIT */
#include "form.h"
#include "handlers.h"
#include "json.h"
#include "query.h"
#include "view.h"

enum { CHOICES_MAX = 100, ADDRESS_MAX = 2048 };

/* What was posted. Texts last as long as the form. */
typedef struct ballot {
    form form;
    vp_str return_to, code, key;
    bool embed, changing;
    bool has_code; /* the poll is one of codes, which need no cookie */
    vp_str voter;  /* the cookie, once it is found good */
} ballot;

/* -- where to go ------------------------------------------------------------------------------- */

/* To where the form stood, or to the poll's own page. version: of the results, 0 if hidden. */
static void go_back(page *pg, const ballot *b, poll_voted voted, int64_t version) {
    vp_buf to;
    bool cast = voted == POLL_COUNTED || voted == POLL_CHANGED;
    vp_buf_init(&to, ADDRESS_MAX);
    if (view_local_path(b->return_to)) {
        vp_buf_add_str(&to, b->return_to);
    } else {
        vp_buf_adds(&to, b->embed ? "/embed/polls/" : "/polls/");
        vp_query_encode(&to, pg->params.value[0]);
    }
    vp_buf_addf(&to, "?%svoted=%s", cast ? "view=results&" : "", poll_voted_word(voted));
    if (version > 0) vp_buf_addf(&to, "&v=%lld", (long long)version);
    vp_buf_adds(&to, "#poll-");
    vp_query_encode(&to, pg->params.value[0]);
    page_redirect(pg, 303, &to);
}

static void show_failure(page *pg, const ballot *b, int status, const char *title,
                         const char *detail) {
    vp_buf back;
    if (b->embed) {
        go_back(pg, b, status == 403 ? POLL_NO_COOKIE : POLL_AWAY, 0);
        return;
    }
    vp_buf_init(&back, ADDRESS_MAX);
    vp_buf_adds(&back, "/polls/");
    vp_query_encode(&back, pg->params.value[0]);
    page_error_with(pg, status, title, detail, back.data, "Back to the poll");
    vp_buf_release(&back);
}

static void failed(page *pg, const ballot *b, int status) {
    if (status < 500 && !b->embed)
        page_error(pg, status);
    else
        show_failure(pg, b, status < 500 ? 503 : status, "Your vote is not counted yet",
                     "The polls cannot be reached right now. Please vote again in a minute.");
}

/* A browser that comes back without the cookie does not take it. */
static void ask_for_cookie(page *pg, const ballot *b) {
    const pages_options *o = &pg->site->o;
    vp_buf to;
    if (page_flag_param(pg, "c")) {
        show_failure(pg, b, 403, "Voting needs a cookie",
                     "It tells apart who has voted and says nothing else. Please allow it for "
                     "this site and vote again.");
        return;
    }
    vp_err rc = voter_invite(o->keys, o->bus, pg->r, page_write_ms(pg), b->embed, pg->p);
    if (rc) {
        failed(pg, b, vp_err_status(rc));
        return;
    }
    vp_buf_init(&to, ADDRESS_MAX);
    vp_buf_add_str(&to, pg->r->path);
    vp_buf_adds(&to, "?c=1");
    page_redirect(pg, 307, &to);
}

/* -- what was posted ----------------------------------------------------------------------------
 */

/* The choices as texts, in the order of the form. */
static json_t *choices_of(vp_str body) {
    json_t *list = json_array();
    vp_str name, value;
    vp_buf text;
    vp_buf_init(&text, body.n + 1);
    while (json_array_size(list) < CHOICES_MAX && vp_query_next(&body, &name, &value)) {
        vp_buf_clear(&text);
        if (!vp_str_eq(name, VP_STR("choices")) || vp_query_decode(value, true, &text)) continue;
        if (text.len) json_array_append_new(list, json_stringn(text.data, text.len));
    }
    vp_buf_release(&text);
    return list;
}

/* False: answered. */
static bool read_ballot(page *pg, ballot *b) {
    if (!page_form(pg)) return false;
    if (!vp_ulid_valid(pg->params.value[0])) {
        page_error(pg, 404);
        return false;
    }
    form_init(&b->form, vp_buf_str(&pg->r->body));
    b->return_to = form_value(&b->form, "return_to");
    b->code = form_value(&b->form, "code");
    b->has_code = b->code.p != NULL;
    b->code = vp_str_trim(b->code);
    b->key = form_key(&b->form);
    b->embed = form_value(&b->form, "embed").n > 0;
    b->changing = form_value(&b->form, "changing").n > 0;
    return true;
}

/* Is it known who votes? If not, it is answered, perhaps with a cookie. An account need not have
 * one: if the poll wants it all the same, the service says so. */
static bool has_voter(page *pg, ballot *b) {
    const pages_options *o = &pg->site->o;
    vp_err rc = voter_cookie(o->keys, o->bus, pg->r, page_write_ms(pg), &b->voter);
    if (rc) {
        failed(pg, b, vp_err_status(rc));
        return false;
    }
    if (b->voter.n || b->has_code || page_actor(pg)->role != VP_ROLE_NONE) return true;
    ask_for_cookie(pg, b);
    return false;
}

/* -- what became of it --------------------------------------------------------------------------
 */

typedef struct outcome {
    int status;
    poll_voted voted;
} outcome;

static const outcome cast_outcomes[] = {
    {201, POLL_COUNTED},    {400, POLL_BAD_CHOICE}, {401, POLL_NO_ACCOUNT}, {409, POLL_REFUSED},
    {422, POLL_BAD_CHOICE}, {429, POLL_TOO_MANY},   {0, POLL_NOT_VOTED}};
static const outcome withdraw_outcomes[] = {{200, POLL_WITHDRAWN}, {401, POLL_NO_ACCOUNT},
                                            {404, POLL_NO_BALLOT}, {409, POLL_REFUSED},
                                            {422, POLL_NO_CODE},   {0, POLL_NOT_VOTED}};

/* Is it the code that the service finds fault with? */
static bool names_code(const json_t *problem) {
    const json_t *errors = json_object_get(problem, "errors");
    for (size_t i = 0; i < json_array_size(errors); i++)
        if (vp_str_eq(vp_json_text(json_array_get(errors, i), "pointer"), VP_STR("/code")))
            return true;
    return false;
}

static void finish(page *pg, ask *a, const ballot *b, const outcome *o) {
    json_t *answer;
    int status = ask_wait(a, &answer);
    while (o->status && o->status != status) o++;
    vp_str cookie = ask_field(a, VP_F_SET_COOKIE);
    if (cookie.n) http_reply_header(pg->p, "Set-Cookie", cookie);
    if (status == 422 && names_code(answer)) {
        go_back(pg, b, POLL_NO_CODE, 0);
    } else if (o->status) {
        const json_t *results = json_object_get(answer, "results");
        poll_voted voted = b->changing && o->voted == POLL_COUNTED ? POLL_CHANGED : o->voted;
        go_back(pg, b, voted, vp_json_int(results, "version", 0));
    } else if (status == 403 && b->has_code) {
        go_back(pg, b, POLL_BAD_CODE, 0);
    } else if (status == 403) { /* no voter, or one that was signed with a key that is no more */
        if (b->voter.n) keys_forget(pg->site->o.keys);
        ask_for_cookie(pg, b);
    } else {
        failed(pg, b, status);
    }
    json_decref(answer);
}

static void cast(page *pg, const ballot *b, json_t *choices) {
    ask a;
    json_t *body = json_object();
    view_set(body, "choices", json_incref(choices));
    if (b->code.n) view_text(body, "code", b->code);
    ask_init(&a, "/api/v1/polls/", pg->params.value[0], "/ballots");
    a.voter = b->voter;
    a.idempotency_key = b->key;
    ask_post(&a, pg->site->o.bus, page_actor(pg), body, page_write_ms(pg));
    finish(pg, &a, b, cast_outcomes);
    ask_release(&a);
    json_decref(body);
}

void ballot_post(page *pg) {
    ballot b = {0};
    if (!read_ballot(pg, &b)) return;
    json_t *choices = choices_of(b.form.body);
    if (!json_array_size(choices))
        go_back(pg, &b, POLL_NO_CHOICE, 0);
    else if (has_voter(pg, &b))
        cast(pg, &b, choices);
    json_decref(choices);
    form_release(&b.form);
}

void ballot_withdraw(page *pg) {
    ballot b = {0};
    ask a;
    if (!read_ballot(pg, &b)) return;
    if (has_voter(pg, &b)) {
        ask_init(&a, "/api/v1/polls/", pg->params.value[0], "/ballots/mine");
        if (b.code.n) ask_param(&a, "code", b.code);
        a.voter = b.voter;
        a.idempotency_key = b.key;
        ask_delete(&a, pg->site->o.bus, page_actor(pg), page_write_ms(pg));
        finish(pg, &a, &b, withdraw_outcomes);
        ask_release(&a);
    }
    form_release(&b.form);
}
