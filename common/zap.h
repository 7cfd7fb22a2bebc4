/* zap.h - the thread that tells libzmq which CURVE keys may come in (ZAP, ZeroMQ RFC 27).
 * libzmq asks over inproc://zeromq.zap.01 for each connection to a socket with a ZAP domain. The
 * thread has to be there before such a socket is bound, in the same context, once.
 * SPDX-License-Identifier: MIT */
#ifndef VP_ZAP_H
#define VP_ZAP_H

#include "curve.h"

#define VP_ZAP_DOMAIN "voxpop"

typedef struct vp_zap vp_zap;

VP_CHECKED vp_err vp_zap_start(vp_zap **out, void *zmq, vp_curve *curve, vp_fault *why);
/* How many connections were refused so far; from any thread. NULL: none. */
int64_t vp_zap_refused(const vp_zap *z);
void vp_zap_stop(vp_zap **self_p); /* after the sockets are closed, before the context ends */

/* -- pure -------------------------------------------------------------------------------------- */

enum { VP_ZAP_FRAMES = 7, VP_ZAP_FRAME_MAX = 255 };

typedef enum vp_zap_status {
    VP_ZAP_OK = 200,
    /* libzmq cuts the connection in silence, and the client tries again later: the list may have
     * changed by then. After a 400 a client's socket gives up for good. */
    VP_ZAP_LATER = 300,
    VP_ZAP_REFUSED = 400,
    VP_ZAP_BROKEN = 500
} vp_zap_status;

typedef struct vp_zap_request {
    vp_str id;          /* to be repeated in the answer; may be absent */
    const uint8_t *key; /* with VP_ZAP_OK: the client's, VP_CURVE_KEY bytes */
} vp_zap_request;

/* The frames of a request: version, id, domain, address, identity, mechanism, credentials. OK: it
 * is one of ours, and its key decides. Borrows. */
vp_zap_status vp_zap_decode(const vp_str *frame, size_t n, vp_zap_request *out);

#endif
