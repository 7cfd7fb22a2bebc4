/* ballot_post.c - a poll's form. Who votes is the cookie's; the first POST of a reader without one
 * is answered with it and a 307 to itself. The answer is the page that the form stood on, in its
 * address what became of the ballot. SPDX-License-Identifier: MIT */
#include "form.h"
#include "handlers.h"
#include "json.h"
#include "query.h"
#include "view.h"

enum { CHOICES_MAX = 100, ADDRESS_MAX = 2048, FLAG_MAX = 16 };

/* As texts, in the order of the form. */
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

static void own_page(const page *pg, vp_buf *out) {
    vp_buf_adds(out, "/polls/");
    vp_query_encode(out, pg->params.value[0]);
}

/* To where the form stood, or to the poll's own page. version: of the results, 0 if hidden. */
static void go_back(page *pg, vp_str return_to, poll_voted voted, int64_t version) {
    vp_buf to;
    bool cast = voted == POLL_COUNTED || voted == POLL_ALREADY;
    vp_buf_init(&to, ADDRESS_MAX);
    if (view_local_path(return_to))
        vp_buf_add_str(&to, return_to);
    else
        own_page(pg, &to);
    vp_buf_addf(&to, "?%svoted=%s", cast ? "view=results&" : "", poll_voted_word(voted));
    if (version > 0) vp_buf_addf(&to, "&v=%lld", (long long)version);
    vp_buf_adds(&to, "#poll-");
    vp_query_encode(&to, pg->params.value[0]);
    page_redirect(pg, 303, &to);
}

/* A browser that comes back without the cookie does not take it. */
static bool was_asked(const page *pg) {
    vp_buf buf;
    vp_buf_init(&buf, FLAG_MAX);
    bool asked = vp_str_eq(page_param(pg, "c", &buf), VP_STR("1"));
    vp_buf_release(&buf);
    return asked;
}

static void failed(page *pg, int status) {
    vp_buf back;
    vp_buf_init(&back, ADDRESS_MAX);
    own_page(pg, &back);
    if (status < 500)
        page_error(pg, status);
    else
        page_error_with(pg, status, "Your vote is not counted yet",
                        "The polls cannot be reached right now. Please vote again in a minute.",
                        back.data, "Back to the poll");
    vp_buf_release(&back);
}

static void ask_for_cookie(page *pg) {
    vp_buf to;
    vp_buf_init(&to, ADDRESS_MAX);
    own_page(pg, &to);
    if (was_asked(pg)) {
        page_error_with(pg, 403, "Voting needs a cookie",
                        "It tells apart who has voted and says nothing else. Please allow it for "
                        "this site and vote again.",
                        to.data, "Back to the poll");
        vp_buf_release(&to);
        return;
    }
    const pages_options *o = &pg->site->o;
    vp_err rc = voter_invite(o->keys, o->bus, pg->r, page_write_ms(pg), pg->p);
    if (rc) {
        failed(pg, vp_err_status(rc));
        vp_buf_release(&to);
        return;
    }
    vp_buf_adds(&to, "/ballots?c=1");
    page_redirect(pg, 307, &to);
}

static const struct {
    int status;
    poll_voted voted;
} outcomes[] = {
    {201, POLL_COUNTED}, {409, POLL_ALREADY}, {400, POLL_BAD_CHOICE}, {422, POLL_BAD_CHOICE}};

static void finish(page *pg, ask *a, vp_str return_to) {
    json_t *answer;
    int status = ask_wait(a, &answer);
    size_t i = 0, n = sizeof outcomes / sizeof *outcomes;
    while (i < n && outcomes[i].status != status) i++;
    vp_str cookie = ask_field(a, VP_F_SET_COOKIE);
    if (cookie.n) http_reply_header(pg->p, "Set-Cookie", cookie);
    if (i < n) {
        const json_t *results = json_object_get(answer, "results");
        go_back(pg, return_to, outcomes[i].voted, vp_json_int(results, "version", 0));
    } else if (status == 403) { /* this voter was signed with a key that is no more */
        keys_forget(pg->site->o.keys);
        ask_for_cookie(pg);
    } else {
        failed(pg, status);
    }
    json_decref(answer);
}

static void cast(page *pg, json_t *choices, vp_str voter, vp_str return_to) {
    ask a;
    json_t *body = json_object();
    view_set(body, "choices", json_incref(choices));
    ask_init(&a, "/api/v1/polls/", pg->params.value[0], "/ballots");
    a.voter = voter;
    ask_post(&a, pg->site->o.bus, pg->r, body, page_write_ms(pg));
    finish(pg, &a, return_to);
    ask_release(&a);
    json_decref(body);
}

void ballot_post(page *pg) {
    form f;
    vp_str voter;
    if (!page_form(pg)) return;
    if (!vp_ulid_valid(pg->params.value[0])) {
        page_error(pg, 404);
        return;
    }
    form_init(&f, vp_buf_str(&pg->r->body));
    json_t *choices = choices_of(f.body);
    vp_str return_to = form_value(&f, "return_to");
    vp_err rc = voter_cookie(pg->site->o.keys, pg->site->o.bus, pg->r, page_write_ms(pg), &voter);
    if (!json_array_size(choices))
        go_back(pg, return_to, POLL_NO_CHOICE, 0);
    else if (rc)
        failed(pg, vp_err_status(rc));
    else if (!voter.n)
        ask_for_cookie(pg);
    else
        cast(pg, choices, voter, return_to);
    json_decref(choices);
    form_release(&f);
}
