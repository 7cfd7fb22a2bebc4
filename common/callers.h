/* callers.h - how many connections or streams each client address has open. An IPv6 client is its
 * /64. Addresses live only here, and only while they have something open. Not thread-safe.
 * SPDX-License-Identifier: MIT */
#ifndef VP_CALLERS_H
#define VP_CALLERS_H

#include "buf.h"

typedef struct vp_callers vp_callers;
typedef struct vp_caller vp_caller;

vp_callers *vp_callers_new(int most); /* of one address; 0: no bound, and nothing is counted */
void vp_callers_destroy(vp_callers **self_p);

/* Counts one more; address as text. False: the address has all it may have. *out is NULL
 * when nothing is counted, also for a text that is no address. */
bool vp_callers_enter(vp_callers *self, const char *address, vp_caller **out);
void vp_callers_leave(vp_callers *self, vp_caller **c_p); /* NULL-safe; sets *c_p to NULL */

#endif
