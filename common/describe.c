/* describe.c - see describe.h. SPDX-License-Identifier: MIT */
#include "describe.h"

#include <stdio.h>

#include "service_loop.h"

static const char *const may_names[] = {
    [VP_MAY_ANYONE] = "anyone", [VP_MAY_SIGNED_IN] = "signed-in", [VP_MAY_MODERATOR] = "moderator",
    [VP_MAY_AUTHOR] = "author", [VP_MAY_EDITOR] = "editor",       [VP_MAY_ADMIN] = "admin",
    [VP_MAY_INSIDE] = "inside",
};

void vp_describe(vp_buf *out, const char *name, const char *method, const char *pattern, vp_may may,
                 const char **separator) {
    vp_buf_addf(out, "%s\n{\"name\":\"%s\",\"method\":\"%s\",\"pattern\":\"%s\",\"may\":\"%s\"}",
                *separator, name, method, pattern, may_names[may]);
    *separator = ",";
}

void vp_describe_service(vp_buf *out, const char *service, const vp_op *ops,
                         const char **separator) {
    char migrate[64];
    snprintf(migrate, sizeof migrate, SERVICE_MIGRATE_PATTERN, service);
    for (; ops->name; ops++)
        if (ops->method)
            vp_describe(out, ops->name, ops->method, ops->pattern, ops->may, separator);
    for (int i = 0; i < SERVICE_OWN_OPS; i++) {
        const vp_op *own = &service_own_ops[i];
        if (own->method)
            vp_describe(out, own->name, own->method, own->pattern ? own->pattern : migrate,
                        own->may, separator);
    }
}

void vp_describe_print(vp_buf *out, const char *separator) {
    printf("%s%.*s\n]\n", *separator == '[' ? "[" : "", (int)out->len, out->len ? out->data : "");
}
