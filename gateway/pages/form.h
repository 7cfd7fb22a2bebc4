/* form.h - the fields of a posted form (application/x-www-form-urlencoded). Pure.
 * SPDX-License-Identifier: MIT */
#ifndef PAGES_FORM_H
#define PAGES_FORM_H

#include "buf.h"

enum { FORM_FIELDS_MAX = 8, FORM_KEY_MAX = 64 };

typedef struct form {
    vp_str body; /* borrowed */
    int n;
    vp_buf field[FORM_FIELDS_MAX]; /* decoded ones, each its own */
} form;

void form_init(form *f, vp_str body);
void form_release(form *f);
/* Is every pair of the body readable: percent escapes, UTF-8, no NUL? */
bool form_readable(const form *f);
/* The first value of that name, with line ends as LF; absent if there is none or it is not
 * readable. Lasts as long as the form. */
vp_str form_value(form *f, const char *name);
/* What it gives as its Idempotency-Key; absent also where that is none. */
vp_str form_key(form *f);
/* Is this a form's media type? */
bool form_type_ok(vp_str content_type);

#endif
