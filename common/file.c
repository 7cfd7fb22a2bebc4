/* file.c - see file.h. SPDX-License-Identifier: MIT */
#include "file.h"

#include <errno.h>
#include <stdio.h>

enum { CHUNK = 16384 };

vp_err vp_file_read(const char *path, size_t max, vp_buf *out, vp_fault *why) {
    vp_err rc = VP_ESYSTEM;
    size_t n;
    vp_buf_init(out, max);
    FILE *file = fopen(path, "rbe");
    if (!file) {
        vp_fault_set(why, "cannot be opened: %s", strerror(errno));
        return rc;
    }
    do {
        char chunk[CHUNK];
        n = fread(chunk, 1, sizeof chunk, file);
        vp_buf_add(out, chunk, n);
    } while (n && !out->over);
    if (ferror(file)) {
        vp_fault_set(why, "cannot be read: %s", strerror(errno));
    } else if (out->over) {
        vp_fault_set(why, "is over %zu bytes", max);
        rc = VP_ETOOBIG;
    } else {
        rc = VP_OK;
    }
    fclose(file);
    if (rc) vp_buf_release(out);
    return rc;
}
