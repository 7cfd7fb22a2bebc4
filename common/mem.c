/* mem.c - see mem.h. SPDX-License-Identifier: MIT */
#include "mem.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void out_of_memory(size_t n) {
    fprintf(stderr, "out of memory: %zu bytes\n", n);
    abort();
}

void *vp_alloc(size_t n) {
    void *p = malloc(n ? n : 1);
    if (!p) out_of_memory(n);
    return p;
}

void *vp_calloc(size_t n, size_t of) {
    void *p = calloc(n ? n : 1, of ? of : 1);
    if (!p) out_of_memory(n * of);
    return p;
}

void *vp_realloc(void *p, size_t n) {
    p = realloc(p, n ? n : 1);
    if (!p) out_of_memory(n);
    return p;
}

char *vp_strndup(const char *s, size_t n) {
    char *p = vp_alloc(n + 1);
    memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

void vp_mem_init(void) {
    json_set_alloc_funcs(vp_alloc, free);
}
