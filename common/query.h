/* query.h - name=value&… of a query string or an application/x-www-form-urlencoded body
 * (WHATWG URL, '+' is a space). SPDX-License-Identifier: MIT */
#ifndef VP_QUERY_H
#define VP_QUERY_H

#include "buf.h"

/* Percent-decodes into out (appended). VP_ESYNTAX: bad escape, NUL or not UTF-8, and nothing is
 * appended. VP_ETOOBIG: out is over its cap. */
VP_CHECKED vp_err vp_query_decode(vp_str raw, bool plus_is_space, vp_buf *out);
/* Percent-encodes all but unreserved characters. */
void vp_query_encode(vp_buf *out, vp_str text);

/* Walks the pairs: *rest starts as the whole text. False at the end. name and value are raw. */
bool vp_query_next(vp_str *rest, vp_str *name, vp_str *value);
/* The first value of name, decoded into buf, whose former content goes. Errors as above.
 * *out = {NULL,0} when absent; p is not NULL when present and empty. */
VP_CHECKED vp_err vp_query_get(vp_str query, const char *name, vp_buf *buf, vp_str *out);

#endif
