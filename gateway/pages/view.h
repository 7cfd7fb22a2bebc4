/* view.h - words and setters of the views that templates are given (templates/README.md).
 * Pure. A key that has nothing to say is null, never left out: a template looks for a missing key
 * in the surrounding objects. SPDX-License-Identifier: MIT */
#ifndef PAGES_VIEW_H
#define PAGES_VIEW_H

#include <jansson.h>

#include "buf.h"

enum { VIEW_NUMBER_MAX = 32, VIEW_DATE_MAX = 48 };

typedef enum view_clock { VIEW_DAY, VIEW_MINUTE } view_clock;

/* Takes value; NULL becomes null. */
void view_set(json_t *o, const char *key, json_t *value);
void view_text(json_t *o, const char *key, vp_str text); /* absent or empty: null */
void view_flag(json_t *o, const char *key, bool flag);
/* Takes list; has_key says whether it has elements. */
void view_list(json_t *o, const char *has_key, const char *key, json_t *list);
/* Each of these keys becomes null unless it is there. Ends with NULL. */
void view_complete(json_t *o, const char *const *keys);

/* "1,204" under key and, under word_key, `one` for exactly 1 or else `many`. */
void view_count(json_t *o, const char *key, int64_t n, const char *word_key, const char *one,
                const char *many);
void view_number(int64_t n, char out[VIEW_NUMBER_MAX]);
/* "24 November 2026", or "24 November 2026, 06:20 UTC"; empty if time is no RFC 3339 text. */
void view_date(vp_str time, view_clock clock, char out[VIEW_DATE_MAX]);
/* The text of from[at_key] as it is, and written out under shown_key; null both if absent. */
void view_time(json_t *o, const json_t *from, const char *at_key, const char *shown_key,
               view_clock clock);

/* before, then name percent-encoded, then after. */
void view_href(json_t *o, const char *key, const char *before, vp_str name, const char *after);

/* May an answer send the reader to this path? One of this site, without query or fragment. */
bool view_local_path(vp_str path);

#endif
