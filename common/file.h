/* file.h - a whole small file at once. SPDX-License-Identifier: MIT */
#ifndef VP_FILE_H
#define VP_FILE_H

#include "buf.h"

/* Reads a whole file of at most max bytes into out, which need not be initialised; on failure it
 * holds nothing. *why does not name the file. VP_ESYSTEM; VP_ETOOBIG. */
VP_CHECKED vp_err vp_file_read(const char *path, size_t max, vp_buf *out, vp_fault *why);

#endif
