/* route.h - path patterns such as /api/v1/articles/{id}/comments, matched on the raw path.
 * A literal segment beats a parameter; matching is per whole segment. A raw path that is not
 * absolute, has an empty, "." or ".." segment, a bad percent escape, %00 or a decoded '/', or
 * that is not UTF-8, matches nothing. SPDX-License-Identifier: MIT */
#ifndef VP_ROUTE_H
#define VP_ROUTE_H

#include "buf.h"

enum { VP_ROUTE_SEGMENTS = 10, VP_ROUTE_PARAMS = 4, VP_ROUTE_PATH_MAX = 1024 };

typedef struct vp_route { /* compiled; borrows nothing */
    int n;                /* segments */
    int specificity;      /* greater is more specific, among routes that match one path */
    struct {
        char text[40];
        bool param;
    } segment[VP_ROUTE_SEGMENTS];
} vp_route;

typedef struct vp_route_params { /* decoded values, in pattern order */
    int n;
    vp_str value[VP_ROUTE_PARAMS]; /* borrow text[] or the raw path */
    char text[VP_ROUTE_PATH_MAX];
} vp_route_params;

/* VP_EINVAL when the pattern has too many segments or is malformed. */
VP_CHECKED vp_err vp_route_compile(vp_str pattern, vp_route *out, vp_fault *why);
bool vp_route_same(const vp_route *a, const vp_route *b); /* names of parameters count */
bool vp_route_match(const vp_route *route, vp_str raw_path, vp_route_params *out /* may be NULL */);
/* Is this raw path one that vp_route_match would look at at all? */
bool vp_route_path_ok(vp_str raw_path);

#endif
