/* slug.h - names that go into addresses: slugs, handles and tags. Pure functions over UTF-8.
 * SPDX-License-Identifier: MIT */
#ifndef ARTICLES_SLUG_H
#define ARTICLES_SLUG_H

#include "buf.h"

enum {
    SLUG_MAX = 80,      /* bytes of a slug */
    SLUG_MADE_MAX = 64, /* of one made from a title: room for a suffix that makes it unique */
    HANDLE_MAX = 40,
    TAG_CHARS = 40, /* and */
    TAG_BYTES = 90  /* of either form: a cursor holds one */
};

/* Lower-case ASCII words joined by single hyphens; "" when the title holds no letter that can be
 * written so. language: a tag such as de-AT, or absent. */
void slug_make(vp_str title, vp_str language, char out[SLUG_MADE_MAX + 1]);
bool slug_ok(vp_str s);   /* such words, at most SLUG_MAX */
bool handle_ok(vp_str s); /* a-z 0-9 - _, a letter or digit first */

/* shown: composed, single spaces. folded: what makes two tags the same, whatever their case. Both
 * are appended. False: not fit for a tag (empty, too long, a slash, a control character, no
 * letter). */
bool tag_fold(vp_str tag, vp_buf *shown, vp_buf *folded);

#endif
