/* comment_form.h - a comment from a reader's JSON: checked, rendered, cut into the pieces that
 * comments.lua puts together. Pure: no service, no store. SPDX-License-Identifier: MIT */
#ifndef COMMENT_FORM_H
#define COMMENT_FORM_H

#include "json.h"
#include "ulid.h"

enum {
    COMMENT_BODY_CHARS = 10000,
    COMMENT_SHOWN_MAX = 64 * 1024, /* bytes of a shown comment */
    COMMENT_LINE_MAX = 1024        /* of its first line: revision and excerpt */
};

typedef struct comment_form {
    char id[VP_ULID_LEN + 1];
    vp_str name, email, markdown, parent; /* borrow the JSON; one line each but for markdown */
    vp_buf head, tail;                    /* of the shown text; the depth stands between them */
} comment_form;

extern const vp_json_rule comment_rules[];
/* After vp_json_check. staff: the author is signed in. False: problem says which fields are bad.
 * Release in either case. */
bool comment_form_read(comment_form *form, vp_str article, const json_t *body, bool staff,
                       int64_t now_ms, vp_problem *problem);
void comment_form_release(comment_form *form);

#endif
