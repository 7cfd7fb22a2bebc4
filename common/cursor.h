/* cursor.h - opaque places in a list: base64url of a short key, no padding.
 * A list's cursor names the last element that the client has; the next page starts after it.
 * SPDX-License-Identifier: MIT */
#ifndef VP_CURSOR_H
#define VP_CURSOR_H

#include "buf.h"

enum { VP_CURSOR_KEY_MAX = 96, VP_LIST_DEFAULT = 20, VP_LIST_MAX = 100 };

/* key: up to VP_CURSOR_KEY_MAX bytes, first byte a list's own tag so that cursors do not cross. */
void vp_cursor_write(vp_buf *out, vp_str key);
/* Decodes into key[]; VP_EINVAL when it is none or too long. */
VP_CHECKED vp_err vp_cursor_read(vp_str text, char key[VP_CURSOR_KEY_MAX + 1], size_t *n);

#endif
