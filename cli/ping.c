/* ping.c - asks one instance on the wire whether it lives, as callers do, and without any other
 * process: for the health check of a container. SPDX-License-Identifier: MIT */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "clock.h"
#include "json.h"
#include "text.h"
#include "ulid.h"
#include "wire.h"

static bool copy(char *to, size_t room, vp_str text) {
    if (text.n >= room) return false;
    if (text.n) memcpy(to, text.p, text.n);
    to[text.n] = '\0';
    return true;
}

/* Where an instance is, by its id. */
static vp_err find(cli_http *http, const char *id, cli_wire_target *out, vp_fault *why) {
    json_t *status = NULL;
    size_t i;
    const json_t *row;
    vp_err rc = cli_http_get(http, "/api/v1/status", &status, why);
    if (rc) return rc;
    rc = VP_ENOTFOUND;
    json_array_foreach(json_object_get(status, "instances"), i, row) {
        if (!vp_str_eq(vp_json_text(row, "id"), vp_str_of(id))) continue;
        if (copy(out->endpoint, sizeof out->endpoint, vp_json_text(row, "endpoint")) &&
            copy(out->key, sizeof out->key, vp_json_text(row, "curve")))
            rc = VP_OK;
    }
    if (rc) vp_fault_set(why, "no instance has this id");
    json_decref(status);
    return rc;
}

/* Our own key: "" when there is none. *kept: caller wipes and frees. */
static vp_err own_secret(const cli_run *run, char **kept, vp_fault *why) {
    const char *file = run->args.curve_file, *text = getenv("VOXPOP_CURVE_SECRET_KEY");
    if (!file) file = getenv("VOXPOP_CURVE_SECRET_KEY_FILE");
    if (file && *file) return cli_secret_read(file, kept, why);
    *kept = text ? strdup(text) : NULL;
    return VP_OK;
}

static vp_err ping(cli_wire *wire, const char *endpoint, vp_fault *why) {
    int64_t since_us = vp_clock_us();
    uint32_t load = 0;
    vp_err rc = cli_wire_ping(wire, &load, why);
    if (!rc)
        printf("%s answers after %.1f ms, %u calls in work\n", endpoint,
               (double)(vp_clock_us() - since_us) / 1000, load);
    return rc;
}

vp_err cli_ping(cli_run *run, vp_fault *why) {
    const char *where = run->args.words[0], *server_key = run->args.server_key;
    cli_wire_target t = {0};
    char *secret = NULL;
    cli_wire *wire = NULL;
    vp_err rc = VP_OK;
    run->at = where;
    if (vp_ulid_valid(vp_str_of(where)))
        rc = find(run->http, where, &t, why);
    else if (!copy(t.endpoint, sizeof t.endpoint, vp_str_of(where)))
        rc = VP_EINVAL;
    if (!rc) rc = own_secret(run, &secret, why);
    if (!rc && server_key && !copy(t.key, sizeof t.key, vp_str_of(server_key))) {
        vp_fault_set(why, "--server-key: a key has %d characters", VP_CURVE_TEXT);
        rc = VP_EINVAL;
    }
    if (!rc) rc = cli_wire_open(&wire, &t, secret, why);
    if (!rc) rc = ping(wire, t.endpoint, why);
    cli_wire_close(&wire);
    if (secret) sodium_memzero(secret, strlen(secret));
    free(secret);
    return rc;
}
