/* describe.h - what a process answers, as --operations prints it: a JSON list of
 * {"name","method","pattern","may"}. Tests that go through all operations are made from it, so that
 * none is forgotten. SPDX-License-Identifier: MIT */
#ifndef VP_DESCRIBE_H
#define VP_DESCRIBE_H

#include "service.h"

/* *separator begins as "[". Timers are left out. */
void vp_describe(vp_buf *out, const char *name, const char *method, const char *pattern, vp_may may,
                 const char **separator);
/* Of a service, also what its loop has by itself. */
void vp_describe_service(vp_buf *out, const char *service, const vp_op *ops,
                         const char **separator);
/* Ends the list and prints it. */
void vp_describe_print(vp_buf *out, const char *separator);

#endif
