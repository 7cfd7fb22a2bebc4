/* cursor.c - see cursor.h. SPDX-License-Identifier: MIT */
#include "cursor.h"

#include <assert.h>

#include "seal.h"

void vp_cursor_write(vp_buf *out, vp_str key) {
    char text[(VP_CURSOR_KEY_MAX * 4 + 2) / 3 + 1];
    assert(key.n > 0 && key.n <= VP_CURSOR_KEY_MAX);
    vp_seal_base64((const uint8_t *)key.p, key.n, text);
    vp_buf_adds(out, text);
}

vp_err vp_cursor_read(vp_str text, char key[VP_CURSOR_KEY_MAX + 1], size_t *n) {
    uint8_t bytes[VP_CURSOR_KEY_MAX];
    size_t size;
    if (vp_seal_unbase64(text, bytes, sizeof bytes, &size) || size == 0) return VP_EINVAL;
    memcpy(key, bytes, size);
    key[size] = '\0';
    *n = size;
    return VP_OK;
}
