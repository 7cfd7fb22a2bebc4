/* problem.h - errors as application/problem+json (RFC 9457) with a list of bad fields.
 * SPDX-License-Identifier: MIT */
#ifndef VP_PROBLEM_H
#define VP_PROBLEM_H

#include "buf.h"

enum { VP_PROBLEM_FIELDS = 16 }; /* more bad fields than this are not listed */

typedef struct vp_problem {
    vp_err code;      /* decides status and default title */
    char detail[200]; /* one sentence for a person; may be empty */
    int n_fields;
    struct {
        char pointer[96]; /* JSON pointer (RFC 6901) into the body, or "?name" of the query */
        char detail[120];
    } fields[VP_PROBLEM_FIELDS];
} vp_problem;

/* Sets the code and detail; the first one set wins. Returns code, so that a caller can return it.
 */
vp_err vp_problem_set(vp_problem *p, vp_err code, const char *fmt, ...) VP_PRINTF(3, 4);
/* Adds a bad field and makes the code VP_EINVAL if none is set. */
void vp_problem_field(vp_problem *p, const char *pointer, const char *fmt, ...) VP_PRINTF(3, 4);
/* Writes the body. instance: the request id or the path; may be absent. */
void vp_problem_write(vp_buf *out, const vp_problem *p, vp_str instance);

#endif
