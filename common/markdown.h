/* markdown.h - text that people wrote, made safe to show.
 * Markdown is CommonMark with tables, strikethrough and bare links. Raw HTML is left out, a link
 * goes to http, https, mailto or this site or else nowhere, and no page asks a third party for a
 * picture: a picture from elsewhere, and every one in a comment, becomes a link. The only '<' in
 * the output are tags that the renderer itself wrote. SPDX-License-Identifier: MIT */
#ifndef VP_MARKDOWN_H
#define VP_MARKDOWN_H

#include "buf.h"

typedef enum vp_markdown_kind {
    VP_MARKDOWN_ARTICLE,
    VP_MARKDOWN_COMMENT /* links get rel="nofollow ugc" */
} vp_markdown_kind;

enum { VP_EXCERPT_CHARS = 90, VP_ARTICLE_EXCERPT_CHARS = 240 };

/* Appends HTML and, if excerpt is not NULL, the first words as plain text of at most
 * VP_EXCERPT_CHARS characters (VP_ARTICLE_EXCERPT_CHARS of an article). text must be UTF-8.
 * VP_ETOOBIG: html went over its cap, or there is more markup than rendering may take time for. Far
 * too large tables stay plain text. */
VP_CHECKED vp_err vp_markdown_render(vp_str text, vp_markdown_kind kind, vp_buf *html,
                                     vp_buf *excerpt);
/* May a link lead there? */
bool vp_markdown_url_ok(vp_str url);

/* The first whole words of text, at most `chars` characters including the '…' that tells of more.
 * White space and control characters become single spaces. */
void vp_text_excerpt(vp_str text, size_t chars, vp_buf *out);
/* Fit for a field of one line: no control character, line separator or override of direction. */
bool vp_text_is_line(vp_str text);

#endif
