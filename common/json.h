/* json.h - jansson with caps, and bodies checked by a table.
 * Texts are refused when not UTF-8 or with U+0000; duplicate names and depth over 16 too.
 * SPDX-License-Identifier: MIT */
#ifndef VP_JSON_H
#define VP_JSON_H

#include <jansson.h>

#include "buf.h"
#include "problem.h"

enum { VP_JSON_MAX_DEPTH = 16 };

/* VP_ESYNTAX with the place in *why. *out is a new reference. Any JSON value. */
VP_CHECKED vp_err vp_json_parse(vp_str text, json_t **out, vp_fault *why);

typedef enum vp_json_kind {
    VP_JSON_TEXT,
    VP_JSON_INT,
    VP_JSON_BOOL,
    VP_JSON_LIST,
    VP_JSON_OBJECT,
    VP_JSON_TIME,
    VP_JSON_ID
} vp_json_kind;

typedef struct vp_json_rule {
    const char *name;
    vp_json_kind kind; /* TIME: RFC 3339 text; ID: a ULID */
    bool required;     /* an optional one may be absent or null */
    int64_t min, max;  /* TEXT: characters (code points) after trimming; INT: value; LIST: elements.
                          A max of 0 is no bound (of an INT: together with a min of 0) */
    const char *one_of; /* TEXT: allowed words, separated by spaces, then min and max do not count;
                           NULL: any */
} vp_json_rule;

/* Checks an object against rules (ended by {NULL}); unknown names are ignored (clients may be
 * newer). Adds an error with its pointer (prefix + "/name") for each bad field. VP_EINVAL if any.
 */
VP_CHECKED vp_err vp_json_check(const json_t *object, const vp_json_rule *rules, const char *prefix,
                                vp_problem *problem);
/* The member as borrowed text / number / flag; fallback when absent, null or of another type.
 * A text comes as it was sent: see vp_str_trim. */
vp_str vp_json_text(const json_t *object, const char *name);
int64_t vp_json_int(const json_t *object, const char *name, int64_t fallback);
bool vp_json_bool(const json_t *object, const char *name, bool fallback);

/* The value as compact text, keys in their order of insertion. */
void vp_json_write(vp_buf *out, const json_t *value);

#endif
