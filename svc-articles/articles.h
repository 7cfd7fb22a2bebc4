/* articles.h - an article made and read, and what is due; the table of operations is in main.c.
 * SPDX-License-Identifier: MIT */
#ifndef ARTICLES_H
#define ARTICLES_H

#include "service.h"

vp_step articles_create_prepare(vp_call *call);
vp_step articles_create_finish(vp_call *call);
vp_step articles_get_prepare(vp_call *call);
vp_step articles_get_finish(vp_call *call);
vp_step articles_tick_prepare(vp_call *call); /* a timer: what is due */
vp_step articles_tick_finish(vp_call *call);

#endif
