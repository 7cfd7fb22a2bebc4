/* process.h - what a process asks of the kernel for itself. SPDX-License-Identifier: MIT */
#ifndef VP_PROCESS_H
#define VP_PROCESS_H

/* SCHED_BATCH (sched(7)) for this thread and those that it starts: one that wakes does not push
 * aside the one that runs, so under load each turn of a loop finds more to do and there are fewer
 * turns. On a processor that is free nothing changes. Where it is not allowed, nothing happens. */
void vp_process_batch(void);

#endif
