/* mustache.h - Mustache templates over JSON data (mustache(5)): values, sections, inverted
 * sections, partials, comments and set delimiters; no lambdas, no inheritance.
 *
 * Templates of a set are compiled as they are added; after the last addition a set is only read,
 * so any number of threads may render from it at once.
 *
 * What the specification leaves open: false, null, 0, "", [] and a missing name are falsy; an
 * object or a list that is written as a value gives nothing; a partial that was never added is
 * empty. SPDX-License-Identifier: MIT */
#ifndef VP_MUSTACHE_H
#define VP_MUSTACHE_H

#include <jansson.h>

#include "buf.h"

enum {
    VP_MUSTACHE_MAX_TEXT = 1 << 20,  /* bytes of one template */
    VP_MUSTACHE_MAX_NODES = 1 << 14, /* texts and tags of one template */
    VP_MUSTACHE_MAX_TEMPLATES = 128, /* of one set, counting partials that are only named */
    VP_MUSTACHE_MAX_NAME = 128,      /* bytes of a name, its dots included */
    VP_MUSTACHE_MAX_DELIM = 15,      /* bytes of one delimiter */
    VP_MUSTACHE_MAX_SECTIONS = 32,   /* sections open at once in one template */
    VP_MUSTACHE_MAX_CONTEXTS = 128,  /* sections entered at once while rendering */
    VP_MUSTACHE_MAX_PARTIALS = 64,   /* partials entered at once while rendering */
    VP_MUSTACHE_MAX_INDENT = 256,    /* bytes put before a line of a partial */
    VP_MUSTACHE_MAX_STEPS = 1 << 18  /* nodes, list elements and look-ups of one rendering */
};

typedef struct vp_mustache_set vp_mustache_set;

VP_CHECKED vp_err vp_mustache_set_new(vp_mustache_set **out);
void vp_mustache_set_destroy(vp_mustache_set **self_p); /* NULL-safe; sets *self_p to NULL */

/* Copies name and text. On failure the set has no such template and *why says "name:line: cause".
 * VP_ESYNTAX: not a template. VP_ETOOBIG: over a cap. VP_EINVAL: not a name. VP_ECONFLICT: the
 * name is taken. */
VP_CHECKED vp_err vp_mustache_add(vp_mustache_set *self, vp_str name, vp_str text, vp_fault *why);

/* Appends to out. data may be NULL. VP_ENOTFOUND: no such template. VP_ETOOBIG: over a cap, that
 * of out included; then out is over or as it was before. */
VP_CHECKED vp_err vp_mustache_render(const vp_mustache_set *self, vp_str name, const json_t *data,
                                     vp_buf *out, vp_fault *why);

#endif
