/* account.c - the page behind a link that sets a new password. Nothing is asked before the form is
 * sent, so whoever only looks at links uses none up. SPDX-License-Identifier: MIT */
#include "accounts.h"
#include "form.h"
#include "handlers.h"
#include "view.h"

enum { TOKEN_BYTES = 512 };

static const struct {
    vp_err err;
    const char *error;
} refusals[] = {
    {VP_EINVAL, "A password has 10 to 256 characters."},
    {VP_ENOTFOUND, "This link is not good any more: ask an admin for a new one."},
};

static const char *refusal_of(vp_err err) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i].err == err) return refusals[i].error;
    return "That could not be done just now. Please try again in a minute.";
}

/* err: what became of the form; VP_OK: it is to be filled in. */
static void show(page *pg, vp_str token, vp_err err, bool done) {
    vp_str title = done ? VP_STR("Your new password") : VP_STR("Set a new password");
    json_t *view = page_view(pg, title, (vp_str){0});
    view_flag(view, "noindex", true);
    view_flag(view, "done", done);
    view_text(view, "title", title);
    view_text(view, "token", token);
    view_text(view, "error", err ? vp_str_of(refusal_of(err)) : (vp_str){0});
    view_flag(view, "invalid", err == VP_EINVAL);
    pg->personal = true;
    if (err) pg->status = vp_err_status(err);
    page_show(pg, "account_reset", view);
}

void account_reset_show(page *pg) {
    vp_buf buf;
    bool done = page_flag_param(pg, "done");
    vp_buf_init(&buf, TOKEN_BYTES);
    vp_str token = page_param(pg, "token", &buf);
    if (token.n || done)
        show(pg, token, VP_OK, done);
    else
        page_error(pg, 404);
    vp_buf_release(&buf);
}

/* Elsewhere than here, so that reloading sends nothing again, and the address has no token. */
static void go_on(page *pg) {
    vp_buf to;
    vp_buf_init(&to, TOKEN_BYTES);
    vp_buf_adds(&to, "/account/reset?done=1");
    page_redirect(pg, 303, &to);
}

void account_reset_post(page *pg) {
    form f;
    if (!page_form(pg)) return;
    form_init(&f, vp_buf_str(&pg->r->body));
    vp_str token = form_value(&f, "token");
    vp_err rc = accounts_reset_password(pg->site->o.accounts, pg->site->o.bus, pg->r, token,
                                        form_value(&f, "password"));
    if (rc)
        show(pg, token, rc, false);
    else
        go_on(pg);
    form_release(&f);
}
