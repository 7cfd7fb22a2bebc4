/* wire.h - one instance of a service asked on the wire, as other processes ask it: a ping, or a
 * call with an answer. One after the other. SPDX-License-Identifier: MIT */
#ifndef CLI_WIRE_H
#define CLI_WIRE_H

#include <jansson.h>

#include "curve.h"

enum { CLI_WIRE_ENDPOINT = 192, CLI_WIRE_PONG_MS = 2000 };

typedef struct cli_wire_target {
    char endpoint[CLI_WIRE_ENDPOINT];
    char key[VP_CURVE_TEXT + 1]; /* its public key; "": it is not known */
} cli_wire_target;

typedef struct cli_wire cli_wire;

/* secret: our own CURVE key, or NULL: plain, on this machine only. With one the instance's key is
 * the only one that is trusted; it is taken for our own when the target names none. */
VP_CHECKED vp_err cli_wire_open(cli_wire **out, cli_wire_target *target, const char *secret,
                                vp_fault *why);
void cli_wire_close(cli_wire **self_p);

/* *load: its calls in work. VP_ETIMEOUT: no answer within CLI_WIRE_PONG_MS; VP_EAWAY: it drains. */
VP_CHECKED vp_err cli_wire_ping(cli_wire *self, uint32_t *load, vp_fault *why);

/* A call as an admin makes it, with a JSON body or ""; the answer has to be a JSON object, a new
 * reference. Not VP_OK for any status but 2xx. */
VP_CHECKED vp_err cli_wire_call(cli_wire *self, const char *method, const char *path,
                                const char *query, vp_str body, json_t **out, vp_fault *why);

#endif
