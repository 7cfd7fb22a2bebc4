/* drain.c - tells one instance to take its leave, and may wait until it has gone.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "cli.h"
#include "clock.h"
#include "json.h"
#include "ulid.h"

enum {
    WAIT_MS = 30000, /* the longest wait for the end */
    LOOK_MS = 100
};

static vp_err look(cli_http *http, const char *id, bool *there, vp_fault *why) {
    json_t *status = NULL;
    size_t i;
    const json_t *row;
    *there = false;
    vp_err rc = cli_http_get(http, "/api/v1/status", &status, why);
    json_array_foreach(json_object_get(status, "instances"), i, row) {
        *there |= vp_str_eq(vp_json_text(row, "id"), vp_str_of(id));
    }
    json_decref(status);
    return rc;
}

static vp_err wait_for_end(cli_http *http, const char *id, vp_fault *why) {
    int64_t end = vp_clock_ms() + WAIT_MS;
    bool there;
    for (;;) {
        vp_err rc = look(http, id, &there, why);
        if (rc || !there) return rc;
        if (vp_clock_ms() > end) {
            vp_fault_set(why, "it is still there after %d s", WAIT_MS / 1000);
            return VP_ETIMEOUT;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
}

vp_err cli_drain(cli_run *run, vp_fault *why) {
    const char *id = run->args.words[0];
    char path[80];
    cli_answer answer = {0};
    if (!vp_ulid_valid(vp_str_of(id))) {
        vp_fault_set(why, "an instance is an id of 26 characters; voxpop status lists them");
        return VP_EINVAL;
    }
    snprintf(path, sizeof path, "/api/v1/instances/%s/drain", id);
    const cli_call call = {.method = "POST", .path = path};
    vp_err rc = cli_http_call(run->http, &call, &answer, why);
    cli_answer_release(&answer);
    if (!rc && run->args.wait) rc = wait_for_end(run->http, id, why);
    if (!rc) printf("%s %s\n", id, run->args.wait ? "has gone" : "drains");
    run->at = rc ? id : NULL;
    return rc;
}
