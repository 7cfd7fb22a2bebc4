/* origin.h - the rule against forged requests: an unsafe method must come from our own page, or
 * from no browser at all. SPDX-License-Identifier: MIT */
#ifndef HTTP_ORIGIN_H
#define HTTP_ORIGIN_H

#include "guard.h"

/* public_url: where readers find the site; absent: http or https at the request's own Host. */
bool http_origin_ok(const http_head *head, vp_str method, vp_str public_url);

/* Does the method change nothing? */
bool http_method_safe(vp_str method);

#endif
