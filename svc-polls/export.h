/* export.h - the results of a poll for spreadsheets and programs. SPDX-License-Identifier: MIT */
#ifndef POLLS_EXPORT_H
#define POLLS_EXPORT_H

#include "service.h"

vp_step polls_export_prepare(vp_call *call); /* GET …/export */
vp_step polls_export_finish(vp_call *call);

#endif
