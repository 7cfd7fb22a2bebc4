/* poll_box.h - a poll as its box shows it: the form, the results, or why there are none. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef PAGES_POLL_BOX_H
#define PAGES_POLL_BOX_H

#include <jansson.h>

#include "buf.h"

/* What became of a ballot, told in the address by ?voted= after a form was posted. */
typedef enum poll_voted {
    POLL_NOT_VOTED,
    POLL_COUNTED,   /* 1 */
    POLL_ALREADY,   /* already */
    POLL_NO_CHOICE, /* nothing */
    POLL_BAD_CHOICE /* refused */
} poll_voted;

typedef struct poll_wish {
    vp_str home;  /* raw path of the page that has the box; absent: the poll's own page */
    bool results; /* asked for instead of the form */
    poll_voted voted;
} poll_wish;

poll_voted poll_voted_parse(vp_str word);
const char *poll_voted_word(poll_voted v);

/* poll: as its service answers. A new reference. */
json_t *poll_box(const json_t *poll, const poll_wish *wish);
/* One of a list of polls. */
json_t *poll_line(const json_t *poll);
/* Does the answer depend on who asks? Then nobody else may be given it. */
bool poll_is_personal(const json_t *poll, const poll_wish *wish);
/* Appends the poll's topic, after a space if need be, while there is anything to hear. */
void poll_topic(const json_t *poll, vp_buf *topics);

#endif
