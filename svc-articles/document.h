/* document.h - the fields of an article that its editors write, as one JSON object: what a body
 * gives, what a revision keeps, and what two of them are told apart by. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef ARTICLES_DOCUMENT_H
#define ARTICLES_DOCUMENT_H

#include "json.h"

enum {
    DOCUMENT_FIELDS = 13,
    DOCUMENT_MAX = 2 * 1024 * 1024 /* bytes as JSON: all of Markdown may need to be escaped */
};

/* Their names in order; the last one is body_markdown. */
extern const char *const document_fields[DOCUMENT_FIELDS];

/* Pieces of an article as they are shown (record.lua), and what is not in them. */
typedef struct document_source {
    vp_str slug, head, tail, handles, group, markdown;
} document_source;

/* VP_EPROTO when the pieces are not such ones. *out is a new reference. */
VP_CHECKED vp_err document_read(const document_source *source, json_t **out);
/* base (NULL: nothing) with what the patch names; null takes a field away. A new reference. */
json_t *document_merge(const json_t *base, const json_t *patch);
/* Appends all fields, null where there is none. */
void document_write(vp_buf *out, const json_t *document);

/* Compressed, as a revision keeps it. Appends. VP_ETOOBIG: over DOCUMENT_MAX. */
VP_CHECKED vp_err document_pack(vp_buf *out, const json_t *document);
/* VP_EPROTO when it is none. *out is a new reference. */
VP_CHECKED vp_err document_unpack(vp_str packed, json_t **out);

#endif
