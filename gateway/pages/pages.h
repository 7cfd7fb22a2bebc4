/* pages.h - what readers see: pages composed of the services' answers by Mustache templates, the
 * same for every anonymous reader, and the forms that work without JavaScript.
 * SPDX-License-Identifier: MIT */
#ifndef PAGES_H
#define PAGES_H

#include "bus.h"
#include "keys.h"
#include "reply.h"
#include "request.h"

typedef struct pages pages;

typedef struct pages_options {
    bus *bus;
    struct accounts *accounts; /* borrowed, as is keys */
    keys *keys;
    const char *site_name;
    const char *live_url; /* where browsers find voxpop-live; "/live" behind one origin */
    int64_t timeout_ms;   /* for each part of a page */
} pages_options;

/* Compiles the templates that are built in. */
VP_CHECKED vp_err pages_new(pages **out, const pages_options *o, vp_fault *why);
void pages_destroy(pages **self_p);

/* Answers page paths and their forms; every other path outside /api/ is a page that says 404. */
void pages_handle(pages *self, http_request *r, http_reply *p);

#endif
