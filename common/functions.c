/* functions.c - see functions.h. SPDX-License-Identifier: MIT */
#include "functions.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "lua_common.h"
#include "seal.h"

enum { SOURCE_MAX = 256 * 1024 };

/* Copies Lua, putting the library's prefix where @{name} stands. */
static void expand(vp_buf *out, vp_str lua, const char *prefix) {
    size_t i = 0;
    while (i < lua.n) {
        if (lua.p[i] == '@' && i + 1 < lua.n && lua.p[i + 1] == '{') {
            const char *end = memchr(lua.p + i, '}', lua.n - i);
            if (end) {
                vp_buf_adds(out, prefix);
                vp_buf_add(out, lua.p + i + 2, (size_t)(end - lua.p) - i - 2);
                i = (size_t)(end - lua.p) + 1;
                continue;
            }
        }
        vp_buf_addc(out, lua.p[i++]);
    }
}

/* Each file begins on a line of its own. */
static void join(vp_buf *all, const vp_embedded *file) {
    for (; file->name; file++) {
        if (all->len && all->data[all->len - 1] != '\n') vp_buf_addc(all, '\n');
        vp_buf_add(all, file->data, file->size);
    }
}

void vp_functions_init(vp_functions *f, const char *service, const vp_embedded *lua) {
    vp_buf all, out;
    vp_buf_init(&all, SOURCE_MAX);
    vp_buf_init(&out, SOURCE_MAX);
    join(&all, lua_common);
    join(&all, lua);
    uint8_t hash[8];
    vp_seal_hash(vp_buf_str(&all), hash, sizeof hash);
    snprintf(f->prefix, sizeof f->prefix, "%s_1_%02x%02x%02x%02x_", service, hash[0], hash[1],
             hash[2], hash[3]);
    vp_buf_addf(&out, "#!lua name=%.*s\n", (int)strlen(f->prefix) - 1, f->prefix);
    expand(&out, vp_buf_str(&all), f->prefix);
    assert(!all.over && !out.over); /* the files are built in: seen by whoever makes them larger */
    f->source = vp_buf_take(&out, &f->size);
    vp_buf_release(&all);
}

void vp_functions_release(vp_functions *f) {
    free(f->source);
    *f = (vp_functions){0};
}
