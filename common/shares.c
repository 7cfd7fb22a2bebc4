/* shares.c - see shares.h. SPDX-License-Identifier: MIT */
#include "shares.h"

#include <stdlib.h>

#include "mem.h"

/* Far more votes than there can be, and still a hundred times as much fits, also of many. */
static int64_t bounded(int64_t n) {
    const int64_t most = (int64_t)1 << 48;
    return n < 0 ? 0 : n > most ? most : n;
}

void vp_shares(const int64_t *counts, size_t n, int *percent) {
    int64_t total = 0, left = 100, *rest = vp_calloc(n + 1, sizeof *rest);
    for (size_t i = 0; i < n; i++) total += bounded(counts[i]);
    for (size_t i = 0; i < n; i++) {
        percent[i] = total ? (int)(bounded(counts[i]) * 100 / total) : 0;
        rest[i] = total ? bounded(counts[i]) * 100 % total : 0;
        left -= percent[i];
    }
    for (; total && left > 0; left--) {
        size_t most = 0;
        for (size_t i = 1; i < n; i++)
            if (rest[i] > rest[most]) most = i;
        percent[most]++;
        rest[most] = -1;
    }
    free(rest);
}
