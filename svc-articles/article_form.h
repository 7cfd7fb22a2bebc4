/* article_form.h - a new article from a client's JSON: checked, rendered, cut into the pieces that
 * articles.lua puts together. Pure: no service, no store. SPDX-License-Identifier: MIT */
#ifndef ARTICLE_FORM_H
#define ARTICLE_FORM_H

#include "json.h"
#include "slug.h"
#include "ulid.h"

enum {
    ARTICLE_MARKDOWN_MAX = 200000,  /* bytes */
    ARTICLE_BODY_MAX = 1024 * 1024, /* bytes of body_html as JSON */
    ARTICLE_TAGS = 16,
    ARTICLE_CONTRIBUTORS = 8
};

typedef struct article_form {
    char id[VP_ULID_LEN + 1];
    char slug[SLUG_MAX + 1];
    bool slug_given, open;                 /* open: to comments */
    vp_str status, title, markdown, actor; /* borrow the JSON; title is trimmed */
    char when[14], when_text[24]; /* published_at, or publish_at of a scheduled one; or "" */
    vp_buf head, tail, body;      /* JSON; articles.lua says where each goes */
    vp_buf handles, tags, shown;  /* separated by spaces, line feeds, line feeds */
} article_form;

extern const vp_json_rule article_rules[]; /* the body, once vp_json_check has passed it … */
/* … goes here. False: problem says which fields are bad. Release in either case. */
bool article_form_read(article_form *form, const json_t *body, int64_t now_ms, vp_problem *problem);
void article_form_release(article_form *form);

/* Trimmed text of a one-line field; adds a problem when it has a control character. */
vp_str form_line(const json_t *body, const char *name, vp_problem *problem);
/* ,"name":"text" or ,"name":null when there is none */
void form_add(vp_buf *out, const char *name, vp_str text);

#endif
