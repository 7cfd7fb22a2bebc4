/* callers.h - how many streams each client address has open. An IPv6 client is its /64. Addresses
 * live only here, while their streams do. SPDX-License-Identifier: MIT */
#ifndef LIVE_CALLERS_H
#define LIVE_CALLERS_H

#include "buf.h"

typedef struct callers callers;
typedef struct caller caller;

callers *callers_new(int most); /* streams of one address; 0: no bound, and nothing is counted */
void callers_destroy(callers **self_p);

/* Counts one stream more; address as text. False: the address has all it may have. *out is NULL
 * when nothing is counted, also for a text that is no address. */
bool callers_enter(callers *self, const char *address, caller **out);
void callers_leave(callers *self, caller **c_p); /* NULL-safe; sets *c_p to NULL */

#endif
