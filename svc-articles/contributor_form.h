/* contributor_form.h - a contributor's profile from a client's JSON: checked and rendered.
 * Pure: no service, no store. SPDX-License-Identifier: MIT */
#ifndef CONTRIBUTOR_FORM_H
#define CONTRIBUTOR_FORM_H

#include "article_form.h"

enum { CONTRIBUTOR_LINKS = 8, CONTRIBUTOR_BIO_CHARS = 5000, CONTRIBUTOR_JSON_MAX = 128 * 1024 };

typedef struct contributor_form {
    vp_str handle, markdown; /* borrowed */
    vp_buf name, json;       /* display_name as JSON; the shown object without its closing brace */
} contributor_form;

extern const vp_json_rule contributor_rules[];
/* After vp_json_check. False: problem says which fields are bad. Release in either case. */
bool contributor_form_read(contributor_form *form, vp_str handle, const json_t *body,
                           int64_t now_ms, vp_problem *problem);
void contributor_form_release(contributor_form *form);

#endif
