/* functions.h - a service's Redis Functions under a versioned library name. The library is one
 * piece of Lua: once.lua, audit.lua, then the service's files in order, so that a local of one is
 * seen by those after it. Function names are global in Redis, so library and functions carry the
 * version and 8 hex digits of the source's hash (polls_1_1a2b3c4d_cast): two versions run side by
 * side. In the Lua source, @{name} stands for that prefix followed by name:
 * register_function('@{cast}', …).
 * SPDX-License-Identifier: MIT */
#ifndef VP_FUNCTIONS_H
#define VP_FUNCTIONS_H

#include "buf.h"
#include "embed.h"

typedef struct vp_functions {
    char prefix[64]; /* "polls_1_1a2b3c4d_" */
    char *source;    /* complete, for FUNCTION LOAD */
    size_t size;
} vp_functions;

/* lua: a table that embed made. */
void vp_functions_init(vp_functions *f, const char *service, const vp_embedded *lua);
void vp_functions_release(vp_functions *f);

#endif
