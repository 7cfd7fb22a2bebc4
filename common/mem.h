/* mem.h - memory that is there or the process ends.
 * Sound only because every buffer, queue and list has a cap: out of memory then means a
 * mis-sized machine, and a restart is the best answer. SPDX-License-Identifier: MIT */
#ifndef VP_MEM_H
#define VP_MEM_H

#include <stddef.h>

void *vp_alloc(size_t n);             /* not zeroed; never NULL */
void *vp_calloc(size_t n, size_t of); /* zeroed; never NULL */
void *vp_realloc(void *p, size_t n);  /* never NULL */
char *vp_strndup(const char *s, size_t n);

/* Makes jansson use these too. Call first in main. */
void vp_mem_init(void);

#endif
