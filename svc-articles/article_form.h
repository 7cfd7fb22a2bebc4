/* article_form.h - an article's fields, from a client or as they are kept: checked, rendered, cut
 * into the pieces that record.lua puts together. Pure: no service, no store.
 * SPDX-License-Identifier: MIT */
#ifndef ARTICLE_FORM_H
#define ARTICLE_FORM_H

#include "json.h"
#include "slug.h"
#include "ulid.h"

enum {
    ARTICLE_MARKDOWN_MAX = 200000,  /* bytes */
    ARTICLE_BODY_MAX = 1024 * 1024, /* bytes of body_html as JSON */
    ARTICLE_FIELDS_MAX = 64 * 1024, /* bytes of all other fields as JSON */
    ARTICLE_TAGS = 16,
    ARTICLE_CONTRIBUTORS = 8,
    ARTICLE_COMMENT_DAYS = 3650,
    ARTICLE_WORDS_A_MINUTE = 220
};

/* What decides when it is public, of an article that is changed. */
typedef struct article_was {
    vp_str status, slug;
    int64_t when, ends; /* published_at or publish_at; unpublish_at. 0: none */
} article_was;

typedef struct article_form {
    char slug[SLUG_MAX + 1];
    bool slug_given;
    vp_str status, title, markdown, policy; /* borrow the JSON; title is trimmed */
    char when[14], when_text[24];   /* published_at, or publish_at of a scheduled one; or "" */
    char ends[14], ends_text[24];   /* unpublish_at */
    char close[14], close_text[24]; /* when its comments close */
    char language[40];              /* lower-case */
    vp_str group;                   /* an article's id, or absent */
    vp_buf head, tail, body;        /* JSON; record.lua says where each goes */
    vp_buf handles, tags, shown;    /* separated by spaces, line feeds, line feeds */
    vp_buf section, section_shown;
} article_form;

extern const vp_json_rule article_rules[];       /* a body that makes one */
extern const vp_json_rule article_patch_rules[]; /* one that changes one */

/* fields: of an article that article_rules_check has passed, or that was kept. asked: status,
 * publish_at and unpublish_at are read from it; NULL: they stay. was: NULL of a new one. False:
 * problem says which fields are bad. Release in either case. */
bool article_form_read(article_form *form, const json_t *fields, const json_t *asked,
                       const article_was *was, int64_t now_ms, vp_problem *problem);
/* All of its fields as a revision keeps them, appended. VP_ETOOBIG. */
VP_CHECKED vp_err article_form_pack(const article_form *form, vp_buf *out);
void article_form_release(article_form *form);

/* Trimmed text of a one-line field; adds a problem when it has a control character. */
vp_str form_line(const json_t *body, const char *name, vp_problem *problem);
/* ,"name":"text" or ,"name":null when there is none */
void form_add(vp_buf *out, const char *name, vp_str text);
/* No byte in it that ends an attribute or an address. */
bool form_url_bytes_ok(vp_str s);

#endif
