/* shares.h - counts as whole percentages of their sum. SPDX-License-Identifier: MIT */
#ifndef VP_SHARES_H
#define VP_SHARES_H

#include <stddef.h>
#include <stdint.h>

/* Together 100, by largest remainder, among equal ones the first; all 0 when nothing was counted.
 * A negative count is none. */
void vp_shares(const int64_t *counts, size_t n, int *percent);

#endif
