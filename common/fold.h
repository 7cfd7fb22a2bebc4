/* fold.h - text as it is searched for: case, accents and compatibility forms make no difference
 * (Unicode case folding and NFKD without marks, by utf8proc). Pure. SPDX-License-Identifier: MIT */
#ifndef VP_FOLD_H
#define VP_FOLD_H

#include "buf.h"

/* Appends the folded form of UTF-8 text; what is no text adds nothing. */
void vp_fold(vp_str text, vp_buf *out);

#endif
