/* people.h - articles and those who write and comment, as pages show them. Pure: what a service
 * answered is completed in place, or taken apart into a new object.
 * SPDX-License-Identifier: MIT */
#ifndef PAGES_PEOPLE_H
#define PAGES_PEOPLE_H

#include <jansson.h>

#include "buf.h"

/* An article as its teaser shows it: dates, words and links are added to it. */
void people_teaser(json_t *article);
/* The same of the article's own page. comments: how many, -1 as the article itself says. */
void people_article(json_t *article, int64_t comments);
/* Adds biography and links to one of the article's contributors; profile may be NULL. */
void people_contributor(json_t *contributor, const json_t *profile);
/* The newest comments of all: {has_items, items} of {items} as the service answers. */
json_t *people_recent(const json_t *recent);

#endif
