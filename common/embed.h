/* embed.h - a file that lives inside the binary; tables of them are written by embed.c when
 * building. SPDX-License-Identifier: MIT */
#ifndef VP_EMBED_H
#define VP_EMBED_H

#include <stddef.h>

typedef struct vp_embedded {
    const char *name; /* without folders */
    const char *data; /* followed by a NUL that size does not count */
    size_t size;
} vp_embedded;

/* A table ends with {NULL}. Declare it where it is used: extern const vp_embedded polls_lua[]; */

#endif
