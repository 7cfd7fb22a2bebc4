/* pending.h - what is not published yet: the pending edit as it will look, the unsaved text of a
 * writer, and links that let somebody without an account look at either. SPDX-License-Identifier:
 * MIT
 */
#ifndef ARTICLES_PENDING_H
#define ARTICLES_PENDING_H

#include "service.h"

enum {
    PREVIEW_HOURS = 24, /* of a link without expires_at */
    PREVIEW_DAYS_MAX = 7
};

extern const vp_json_rule preview_rules[];

vp_step articles_edit_get_prepare(vp_call *call); /* GET …/edit */
vp_step articles_edit_get_finish(vp_call *call);
vp_step articles_autosave_get_prepare(vp_call *call); /* GET, PUT, DELETE …/autosave */
vp_step articles_autosave_get_finish(vp_call *call);
vp_step articles_autosave_put_prepare(vp_call *call);
vp_step articles_autosave_delete_prepare(vp_call *call);
vp_step articles_autosave_finish(vp_call *call); /* of the last two */
vp_step articles_preview_prepare(vp_call *call); /* POST …/preview */
vp_step articles_preview_finish(vp_call *call);

/* GET of an article with ?preview=TOKEN. */
vp_step article_previewed_prepare(vp_call *call, vp_str token);
vp_step article_previewed_finish(vp_call *call);

#endif
