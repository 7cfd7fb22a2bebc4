/* series.h - the net new votes of each minute. SPDX-License-Identifier: MIT */
#ifndef POLLS_SERIES_H
#define POLLS_SERIES_H

#include "service.h"

vp_step polls_series_prepare(vp_call *call); /* GET …/series */
vp_step polls_series_finish(vp_call *call);

#endif
