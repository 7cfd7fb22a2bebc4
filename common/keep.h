/* keep.h - a service's records as they go out of a store and come into another one, and the look
 * whether records and lists agree. What a record is, its functions in Redis know (keep.lua); here
 * it is JSON. A service that keeps records has VP_KEEP_OPS in its table, and functions `export` and
 * `import`; with VP_VERIFY_OP also `verify`.
 *
 * An item: {"service":"polls","kind":"poll","id":"01JD…","parts":{NAME:PART…}}, and a part is
 * {"hash":{FIELD:VALUE…}}, {"text":VALUE}, {"list":[VALUE…]} or {"stream":[[ID,{FIELD:VALUE…}]…]}.
 * A value is a text, or {"base64":TEXT} where its bytes are none. SPDX-License-Identifier: MIT */
#ifndef VP_KEEP_H
#define VP_KEEP_H

#include "service.h"

enum {
    VP_KEEP_ITEMS = 100, /* of one import */
    VP_KEEP_BODY = 1024 * 1024,
    VP_KEEP_CURSOR = 90
};

/* GET /api/v1/export/SERVICE?cursor=: {"items":[…],"next_cursor"}. &secrets=yes: also what proves
 * who somebody is, where the service has that. POST /api/v1/import/SERVICE {"items":[…]}: writes
 * those that are not there, and answers
 * {"added","same","conflicts","refused","left":["KIND ID"…]}: what was there as it is, what is
 * there but different and was left alone, what is no such record. */
#define VP_KEEP_OPS(service)                                                                       \
    {service ".export-all", "GET",           "/api/v1/export/" service, VP_MAY_ADMIN, 0,           \
     vp_export_prepare,     vp_export_finish},                                                     \
    {                                                                                              \
        service ".import-all", "POST", "/api/v1/import/" service, VP_MAY_ADMIN, VP_KEEP_BODY,      \
            vp_import_prepare, vp_import_finish                                                    \
    }

/* SYNC /verify, body: where to go on, or nothing. {"what","looked_at","wrong","how","next"}: a
 * piece; how: the first that is wrong; next: null at the end. */
#define VP_VERIFY_OP(service)                                                                      \
    {                                                                                              \
        service ".verify", "SYNC", "/verify", VP_MAY_INSIDE, VP_KEEP_CURSOR, vp_verify_prepare,    \
            vp_verify_finish                                                                       \
    }

vp_step vp_export_prepare(vp_call *call);
vp_step vp_export_finish(vp_call *call);
vp_step vp_import_prepare(vp_call *call);
vp_step vp_import_finish(vp_call *call);
vp_step vp_verify_prepare(vp_call *call);
vp_step vp_verify_finish(vp_call *call);

#endif
