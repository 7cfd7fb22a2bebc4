/* store_url.h - where Redis is, as a text, and what it says. Pure.
 *   redis://[USER:PASSWORD@]HOST[:PORT][/DB]
 *   redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT],…/MASTER[/DB]   hosts of Sentinels
 *   unix:///PATH   unix://USER:PASSWORD@/PATH
 * User and password are percent-decoded (RFC 3986); an IPv6 address stands in brackets. USER may
 * be empty: the default one. SPDX-License-Identifier: MIT */
#ifndef VP_STORE_URL_H
#define VP_STORE_URL_H

#include "buf.h"

enum {
    VP_STORE_HOSTS = 8,
    VP_STORE_HOST_MAX = 255,
    VP_STORE_NAME_MAX = 64,
    VP_STORE_SECRET_MAX = 255,
    VP_STORE_PATH_MAX = 107 /* sun_path */
};

typedef struct vp_store_host {
    char name[VP_STORE_HOST_MAX + 1];
    int port;
} vp_store_host;

typedef struct vp_store_url {
    bool sentinel;
    int n_hosts; /* of Sentinels, or the one of Redis; 0: path */
    vp_store_host host[VP_STORE_HOSTS];
    char path[VP_STORE_PATH_MAX + 1];
    char master[VP_STORE_NAME_MAX + 1];
    char user[VP_STORE_SECRET_MAX + 1], password[VP_STORE_SECRET_MAX + 1]; /* "": none */
    int db;
} vp_store_url;

/* VP_EINVAL; why never holds the text itself, which may hold a password. */
VP_CHECKED vp_err vp_store_url_read(const char *text, vp_store_url *out, vp_fault *why);

#endif
