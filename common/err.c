/* err.c - see err.h. SPDX-License-Identifier: MIT */
#include "err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
    int status;
    const char *title;
} errors[VP_ERR_COUNT] = {
    [VP_OK] = {200, "OK"},
    [VP_ESYNTAX] = {400, "Bad request"},
    [VP_EAUTH] = {401, "Not signed in"},
    [VP_EDENIED] = {403, "Not allowed"},
    [VP_ENOTFOUND] = {404, "Not found"},
    [VP_EMETHOD] = {405, "Method not allowed"},
    [VP_ECONFLICT] = {409, "Conflict"},
    [VP_ESTALE] = {412, "Changed by somebody else"},
    [VP_ETOOBIG] = {413, "Too large"},
    [VP_ETYPE] = {415, "Unsupported type of content"},
    [VP_EINVAL] = {422, "Not acceptable as it is"},
    [VP_ENEEDMATCH] = {428, "If-Match is needed"},
    [VP_ETOOMANY] = {429, "Too many requests"},
    [VP_ESYSTEM] = {500, "Internal error"},
    [VP_EPROTO] = {502, "Bad answer from a service"},
    [VP_EBUSY] = {503, "Busy"},
    [VP_EAWAY] = {503, "Away"},
    [VP_ETIMEOUT] = {504, "Too late"},
};

int vp_err_status(vp_err e) {
    assert((unsigned)e < VP_ERR_COUNT);
    return errors[e].status;
}

const char *vp_err_title(vp_err e) {
    assert((unsigned)e < VP_ERR_COUNT);
    return errors[e].title;
}

void vp_fault_set(vp_fault *f, const char *fmt, ...) {
    if (!f || f->text[0]) return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
}
