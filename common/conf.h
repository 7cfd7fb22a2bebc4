/* conf.h - configuration as a table: flag --redis-url and environment VOXPOP_REDIS_URL are the
 * same setting "redis-url". A flag wins over the environment, that over the default. A text may be
 * in a file, which is the place for a secret: --redis-url-file PATH, VOXPOP_REDIS_URL_FILE; its
 * line end does not belong to it, and the same source must not give both. A bad value, an unknown
 * flag or an unknown VOXPOP_ name stops the start; since all processes may share one
 * environment, a name that any Voxpop process knows (conf.c's list) is passed over in silence.
 * SPDX-License-Identifier: MIT */
#ifndef VP_CONF_H
#define VP_CONF_H

#include "buf.h"

typedef enum vp_conf_kind {
    VP_CONF_TEXT, /* const char **: lives as long as the process */
    VP_CONF_INT,  /* int64_t *, within min and max */
    VP_CONF_FLAG  /* bool *: --name, --name=yes|no; 1/0/true/false/yes/no */
} vp_conf_kind;

typedef struct vp_conf_item {
    const char *name; /* lower case with hyphens */
    vp_conf_kind kind;
    void *target;
    const char *initial; /* default as text; NULL: empty text, 0, no */
    int64_t min, max;    /* of an INT; of a TEXT its length in bytes */
    const char *help;    /* one line */
} vp_conf_item;

/* Items end with {NULL}. --name value and --name=value are taken; anything else is an error.
 * --help and --version print and set *done (exit 0). */
VP_CHECKED vp_err vp_conf_load(const vp_conf_item *items, const char *process, int argc,
                               char **argv, char **environ, bool *done, vp_fault *why);

#endif
