/* curve.h - who we are and whom we know: CURVE keys of the TCP endpoints between the processes.
 * With a key of our own every TCP socket is CURVE, in both directions, and only keys of the
 * allow-list are talked to. Without one, TCP stays on this machine unless it is forced. What is on
 * one machine anyway (ipc, inproc) needs no keys: the file system guards it.
 * The list's file is read again when it has changed, so keys come and go without a restart; what is
 * connected already stays so. Thread-safe. SPDX-License-Identifier: MIT */
#ifndef VP_CURVE_H
#define VP_CURVE_H

#include "conf.h"

enum {
    VP_CURVE_KEY = 32,
    VP_CURVE_TEXT = 40,  /* a key as Z85 (ZeroMQ RFC 32) */
    VP_CURVE_KEYS = 512, /* in an allow-list */
    VP_CURVE_LIST_MAX = 64 * 1024,
    VP_CURVE_EXTRA = 64,         /* what encryption adds to a frame, at most: for ZMQ_MAXMSGSIZE */
    VP_CURVE_HANDSHAKE_MS = 3000 /* a peer that has not shown its key by then is cut */
};

typedef struct vp_curve vp_curve;

typedef struct vp_curve_options {
    const char *secret_key, *allow; /* "" for none */
    bool allow_plain;
} vp_curve_options;

/* Rows of a table of settings that fill the options o. */
#define VP_CURVE_ITEMS(o)                                                                          \
    {"curve-secret-key",                                                                           \
     VP_CONF_TEXT,                                                                                 \
     &(o).secret_key,                                                                              \
     "",                                                                                           \
     0,                                                                                            \
     VP_CURVE_TEXT,                                                                                \
     "our secret key, from voxpop keygen; better by its file"},                                    \
        {"curve-allow",                                                                            \
         VP_CONF_TEXT,                                                                             \
         &(o).allow,                                                                               \
         "",                                                                                       \
         0,                                                                                        \
         VP_CURVE_LIST_MAX,                                                                        \
         "public keys of those we talk to: a path (/... or ./...), or keys with commas between"},  \
    {                                                                                              \
        "allow-plain-tcp", VP_CONF_FLAG, &(o).allow_plain, "no", 0, 0,                             \
            "TCP beyond this machine without keys"                                                 \
    }

/* Reads the keys. No secret key: none is used; then there must be no allow-list either. */
VP_CHECKED vp_err vp_curve_new(vp_curve **out, const vp_curve_options *options, vp_fault *why);
void vp_curve_destroy(vp_curve **self_p);

/* In what follows a NULL c has no key and forces nothing. */

const char *vp_curve_public(const vp_curve *c); /* our public key as text; "" when we have none */
bool vp_curve_allows(vp_curve *c, const uint8_t key[VP_CURVE_KEY]);
/* Binds a socket that is otherwise set up, CURVE server over TCP when we have a key. VP_EINVAL:
 * plain TCP beyond this machine. A thread that answers for the keys (zap.h) must be there first. */
VP_CHECKED vp_err vp_curve_bind(vp_curve *c, void *socket, const char *endpoint, vp_fault *why);
/* May we talk to whoever says of itself that this is its endpoint and key ("" for none)? A no is
 * logged, once for each. */
bool vp_curve_trusts(vp_curve *c, const char *who, const char *endpoint, const char *key);
/* Connects a socket to one that is trusted. A socket may have several, each with a key of its own.
 * VP_EDENIED: it is not trusted; VP_ESYSTEM: see errno. */
VP_CHECKED vp_err vp_curve_connect(vp_curve *c, void *socket, const char *who, const char *endpoint,
                                   const char *key);

/* -- pure -------------------------------------------------------------------------------------- */

typedef struct vp_curve_list {
    uint8_t key[VP_CURVE_KEYS][VP_CURVE_KEY];
    int n;
} vp_curve_list;

/* One key a line, and behind a space whose it is; lines that begin with # and empty ones do not
 * count. commas: they end a line, too. *why never repeats what stands there. */
VP_CHECKED vp_err vp_curve_list_parse(vp_str text, bool commas, vp_curve_list *out, vp_fault *why);
/* The same time for every key. */
bool vp_curve_list_has(const vp_curve_list *list, const uint8_t key[VP_CURVE_KEY]);

#endif
