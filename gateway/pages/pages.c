/* pages.c - see pages.h. SPDX-License-Identifier: MIT */
#include "pages.h"

#include <stdlib.h>

#include "mem.h"

struct pages {
    pages_options o;
};

vp_err pages_new(pages **out, const pages_options *o, vp_fault *why) {
    (void)why;
    *out = vp_calloc(1, sizeof **out);
    (*out)->o = *o;
    return VP_OK;
}

void pages_destroy(pages **self_p) {
    free(*self_p);
    *self_p = NULL;
}

void pages_handle(pages *self, http_request *r, http_reply *p) {
    (void)self;
    http_reply_error(p, r, VP_ENOTFOUND, "Nothing is here.");
}
