/* contributors.h - the operations of contributors: who writes here, in public.
 * SPDX-License-Identifier: MIT */
#ifndef CONTRIBUTORS_H
#define CONTRIBUTORS_H

#include "service.h"

vp_step contributors_list_prepare(vp_call *call);
vp_step contributors_list_finish(vp_call *call);
vp_step contributors_get_prepare(vp_call *call);
vp_step contributors_get_finish(vp_call *call);
vp_step contributors_put_prepare(vp_call *call);
vp_step contributors_put_finish(vp_call *call);

#endif
