/* process.c - see process.h. SPDX-License-Identifier: MIT */
#include "process.h"

#include <sched.h>

void vp_process_batch(void) {
    const struct sched_param none = {0};
    (void)sched_setscheduler(0, SCHED_BATCH, &none);
}
