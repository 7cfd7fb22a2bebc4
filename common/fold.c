/* fold.c - see fold.h. SPDX-License-Identifier: MIT */
#include "fold.h"

#include <stdlib.h>
#include <utf8proc.h>

void vp_fold(vp_str text, vp_buf *out) {
    utf8proc_uint8_t *folded = NULL;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)text.p, (utf8proc_ssize_t)text.n, &folded,
                     UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
                         UTF8PROC_STRIPMARK);
    if (n > 0) vp_buf_add(out, folded, (size_t)n);
    free(folded);
}
