/* page.c - see page.h. SPDX-License-Identifier: MIT */
#include "page.h"

#include <stdio.h>

#include "accounts.h"
#include "form.h"
#include "json.h"
#include "log.h"
#include "people.h"
#include "query.h"
#include "seal.h"
#include "view.h"

enum { ETAG_HASH = 15, TITLE_MAX = 1024, ADDRESS_MAX = 4096, PARAM_MAX = 512, KEY_BYTES = 16 };

static const vp_str for_all = VP_STR_INIT("public, max-age=0, s-maxage=10");
static const vp_str for_one = VP_STR_INIT("private, no-store");
static const vp_str for_none = VP_STR_INIT("no-store");
static const vp_str html_type = VP_STR_INIT("text/html; charset=utf-8");

/* -- the address ------------------------------------------------------------------------------ */

vp_str page_param(const page *pg, const char *name, vp_buf *buf) {
    vp_str value;
    if (!pg->r->query.n || vp_query_get(pg->r->query, name, buf, &value)) return (vp_str){0};
    return value.n ? value : (vp_str){0};
}

bool page_id_param(const page *pg, const char *name, char id[VP_ULID_LEN + 1]) {
    vp_buf buf;
    vp_buf_init(&buf, PARAM_MAX);
    vp_str value = page_param(pg, name, &buf);
    bool ok = vp_ulid_valid(value);
    snprintf(id, VP_ULID_LEN + 1, "%.*s", ok ? (int)value.n : 0, ok ? value.p : "");
    vp_buf_release(&buf);
    return ok;
}

bool page_flag_param(const page *pg, const char *name) {
    vp_buf buf;
    vp_buf_init(&buf, PARAM_MAX);
    bool set = vp_str_eq(page_param(pg, name, &buf), VP_STR("1"));
    vp_buf_release(&buf);
    return set;
}

poll_wish page_poll_wish(const page *pg, vp_str home) {
    poll_wish wish = {.home = home};
    vp_buf buf;
    vp_buf_init(&buf, PARAM_MAX);
    wish.results = vp_str_eq(page_param(pg, "view", &buf), VP_STR("results"));
    wish.voted = poll_voted_parse(page_param(pg, "voted", &buf));
    vp_buf_release(&buf);
    return wish;
}

/* -- calls ------------------------------------------------------------------------------------ */

void page_get(page *pg, ask *a) {
    ask_get(a, pg->site->o.bus, pg->r, pg->site->o.timeout_ms);
}

const http_request *page_actor(page *pg) {
    if (pg->identified) return &pg->actor;
    pg->actor = *pg->r;
    pg->identified = true;
    if (accounts_actor(pg->site->o.bus, &pg->actor)) pg->actor.role = VP_ROLE_NONE;
    return &pg->actor;
}

static void get_as_voter(page *pg, ask *a) {
    a->voter = forward_voter(pg->r);
    ask_get(a, pg->site->o.bus, page_actor(pg), pg->site->o.timeout_ms);
}

void page_get_poll(page *pg, ask *a, const poll_wish *wish) {
    if (wish->results || wish->voted)
        get_as_voter(pg, a);
    else
        page_get(pg, a);
}

int64_t page_write_ms(const page *pg) {
    return 2 * pg->site->o.timeout_ms;
}

/* -- parts of a view -------------------------------------------------------------------------- */

static void add_address(const page *pg, json_t *view, vp_str path) {
    vp_buf b;
    vp_buf_init(&b, ADDRESS_MAX);
    if (path.n) vp_buf_adds(&b, pg->r->base_url);
    vp_buf_add_str(&b, path);
    view_text(view, "canonical", b.over ? (vp_str){0} : vp_buf_str(&b));
    vp_buf_release(&b);
}

static void add_title(const page *pg, json_t *view, vp_str title) {
    vp_buf b;
    vp_buf_init(&b, TITLE_MAX);
    if (title.n && title.n < TITLE_MAX / 2) {
        vp_buf_add_str(&b, title);
        vp_buf_adds(&b, " – ");
    }
    vp_buf_adds(&b, pg->site->o.site_name);
    view_text(view, "page_title", vp_buf_str(&b));
    vp_buf_release(&b);
}

json_t *page_view(const page *pg, vp_str title, vp_str path) {
    static const char *const nothing_yet[] = {
        "page_description", "noindex", "nav_front", "nav_polls", "notice", "topics", NULL};
    json_t *view = json_object();
    view_text(view, "site_name", vp_str_of(pg->site->o.site_name));
    view_text(view, "language", VP_STR("en"));
    view_text(view, "asset_version", vp_str_of(pg->site->asset_version));
    view_text(view, "live_url", vp_str_of(pg->site->o.live_url));
    add_title(pg, view, title);
    add_address(pg, view, path);
    view_complete(view, nothing_yet);
    return view;
}

void page_recent_init(ask *recent) {
    ask_init(recent, "/api/v1/comments/recent", (vp_str){0}, "");
    ask_param(recent, "limit", VP_STR("5"));
}

void page_add_recent(page *pg, json_t *view, ask *recent) {
    json_t *answer;
    bool there = ask_wait(recent, &answer) == 200;
    view_set(view, "recent", there ? people_recent(answer) : NULL);
    view_flag(view, "recent_unavailable", !there);
    pg->partial = pg->partial || !there;
    json_decref(answer);
}

/* What this voter has chosen; NULL if that is not known. */
static json_t *ballot_of_mine(page *pg, const json_t *poll) {
    ask a;
    json_t *mine;
    ask_init(&a, "/api/v1/polls/", vp_json_text(poll, "id"), "/ballots/mine");
    get_as_voter(pg, &a);
    if (ask_wait(&a, &mine) != 200) {
        json_decref(mine);
        mine = NULL;
    }
    ask_release(&a);
    return mine;
}

/* A form that is nobody else's counts once, however often it is sent. */
static void make_key(char out[32]) {
    uint8_t key[KEY_BYTES];
    vp_seal_random(key, sizeof key);
    vp_seal_base64(key, sizeof key, out);
}

static json_t *personal_box(page *pg, const json_t *poll, poll_wish wish) {
    json_t *mine = poll_keeps_ballots(poll) ? ballot_of_mine(pg, poll) : NULL;
    wish.mine = mine;
    make_key(wish.idempotency_key);
    json_t *box = poll_box(poll, &wish);
    json_decref(mine);
    return box;
}

void page_add_box(page *pg, json_t *view, int status, const json_t *poll, const poll_wish *wish,
                  vp_buf *topics) {
    bool there = status == 200, away = !there && status != 404;
    json_t *box = there && wish->voted ? personal_box(pg, poll, *wish)
                  : there              ? poll_box(poll, wish)
                                       : NULL;
    view_set(view, "poll", box);
    view_flag(view, "poll_unavailable", away);
    if (there) poll_topic(poll, topics);
    if (there && poll_is_personal(poll, wish)) pg->personal = true;
    pg->partial = pg->partial || away;
}

void page_add_poll(page *pg, json_t *view, ask *poll, const poll_wish *wish, vp_buf *topics) {
    json_t *answer;
    int status = ask_wait(poll, &answer);
    page_add_box(pg, view, status, answer, wish, topics);
    json_decref(answer);
}

/* -- answers ---------------------------------------------------------------------------------- */

static bool render(page *pg, const char *template, const json_t *view) {
    vp_fault why = {0};
    http_reply *p = pg->p;
    vp_err rc = vp_mustache_render(pg->site->templates, vp_str_of(template), view, &p->own, &why);
    if (!rc) return true;
    vp_log(VP_LOG_ERROR, &pg->r->trace, "page %s: %s", template, why.text);
    vp_buf_clear(&p->own);
    http_reply_error(p, pg->r, VP_ESYSTEM, "This page cannot be shown.");
    return false;
}

/* The same for every reader, so it may be kept by anybody who asks again whether it still holds. */
static void share(page *pg) {
    uint8_t hash[ETAG_HASH];
    char etag[ETAG_HASH * 4 / 3 + 3] = "\"";
    vp_seal_hash(vp_buf_str(&pg->p->own), hash, sizeof hash);
    vp_seal_base64(hash, sizeof hash, etag + 1);
    etag[sizeof etag - 2] = '"';
    etag[sizeof etag - 1] = '\0';
    http_reply_header(pg->p, "Cache-Control", for_all);
    http_reply_header(pg->p, "ETag", vp_str_of(etag));
    if (!http_etag_listed(http_request_header(pg->r, "If-None-Match"), vp_str_of(etag))) return;
    pg->p->status = 304;
    vp_buf_clear(&pg->p->own);
}

static void say_retry(page *pg, int status) {
    if (status == 429 || status == 503 || status == 504)
        http_reply_header(pg->p, "Retry-After", VP_STR("1"));
}

void page_show(page *pg, const char *template, json_t *view) {
    pg->p->status = pg->status;
    pg->p->content_type = html_type;
    if (render(pg, template, view)) {
        say_retry(pg, pg->status);
        if (pg->personal || pg->status != 200)
            http_reply_header(pg->p, "Cache-Control", for_one);
        else if (pg->partial)
            http_reply_header(pg->p, "Cache-Control", for_none);
        else
            share(pg);
    }
    json_decref(view);
}

static const struct {
    int status;
    const char *title, *detail;
} errors[] = {
    {400, "This address cannot be read", "It may have been cut or changed on its way to you."},
    {403, "This is not allowed", "You may not do this here."},
    {404, "This page is not here", "The address may be wrong, or the page was withdrawn."},
    {405, "This page cannot be used like that", "It is there to be read."},
    {408, "This took too long", "The form did not arrive whole. Please send it again."},
    {409, "This cannot be done any more", "Something has changed meanwhile."},
    {413, "This is too much", "The form is larger than this page takes."},
    {415, "This is not a form", "The page takes what its own form sends."},
    {422, "This cannot be taken as it is", "Something in the form is not right."},
    {429, "One moment, please", "Too many requests came from where you are. Please wait a minute."},
    {500, "Something went wrong here", "The fault is ours. Please try again in a minute."},
    {502, "Something went wrong here", "The fault is ours. Please try again in a minute."},
    {503, "This cannot be reached right now", "Please try again in a minute."},
    {504, "This took too long", "Please try again in a minute."},
};

void page_error(page *pg, int status) {
    size_t i = 0, n = sizeof errors / sizeof *errors;
    while (i < n && errors[i].status != status) i++;
    if (i < n)
        page_error_with(pg, status, errors[i].title, errors[i].detail, NULL, NULL);
    else
        page_error(pg, status < 500 ? 400 : 500);
}

void page_error_with(page *pg, int status, const char *title, const char *detail,
                     const char *back_href, const char *back_label) {
    char number[16];
    json_t *view = page_view(pg, vp_str_of(title), (vp_str){0});
    snprintf(number, sizeof number, "%d", status);
    view_flag(view, "noindex", true);
    view_text(view, "status", vp_str_of(number));
    view_text(view, "title", vp_str_of(title));
    view_text(view, "detail", vp_str_of(detail));
    view_text(view, "back_href", vp_str_of(back_href));
    view_text(view, "back_label", vp_str_of(back_label));
    view_text(view, "request_id", status >= 500 ? vp_str_of(pg->r->trace.request) : (vp_str){0});
    pg->status = status;
    page_show(pg, "error", view);
}

void page_redirect(page *pg, int status, vp_buf *to) {
    if (to->over || !to->len) {
        page_error(pg, 500);
    } else {
        http_reply_redirect(pg->p, status, vp_buf_str(to));
        http_reply_header(pg->p, "Cache-Control", for_none);
    }
    vp_buf_release(to);
}

bool page_form(page *pg) {
    vp_err rc = http_request_body(pg->r, PAGE_FORM_MAX);
    form f;
    if (rc) {
        page_error(pg, rc == VP_ETIMEOUT ? 408 : vp_err_status(rc));
        pg->p->close = true;
        return false;
    }
    form_init(&f, vp_buf_str(&pg->r->body));
    int status = !form_type_ok(http_request_header(pg->r, "Content-Type")) ? 415
                 : form_readable(&f)                                       ? 0
                                                                           : 400;
    form_release(&f);
    if (status) page_error(pg, status);
    return !status;
}
