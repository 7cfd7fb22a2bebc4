/* reader.h - a service's answer as JSON, read about ten times as fast as jansson's own loader does,
 * which is most of what a page costs. Pure.
 * Takes what vp_json_parse takes, but for a name twice in one object, where the last one wins: our
 * services do not write that. SPDX-License-Identifier: MIT */
#ifndef PAGES_READER_H
#define PAGES_READER_H

#include <jansson.h>

#include "buf.h"

/* VP_ESYNTAX: not JSON, not UTF-8, a NUL, or nested deeper than VP_JSON_MAX_DEPTH. */
VP_CHECKED vp_err reader_json(vp_str text, json_t **out);

#endif
