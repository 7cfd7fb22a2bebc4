/* status.c - the instances that the gateway knows, as a table. SPDX-License-Identifier: MIT */
#include "cli.h"
#include "table.h"

static const cli_column columns[] = {
    {"SERVICE", "service", false},   {"ID", "id", false},
    {"VERSION", "version", false},   {"LOAD", "load", true},
    {"DRAINING", "draining", false}, {"OUTSTANDING", "outstanding", true},
    {"ENDPOINT", "endpoint", false},
};

vp_err cli_status(cli_run *run, vp_fault *why) {
    json_t *status = NULL;
    vp_err rc = cli_http_get(run->http, "/api/v1/status", &status, why);
    if (rc) return rc;
    const json_t *instances = json_object_get(status, "instances");
    if (run->args.json) {
        cli_json_print(status);
    } else if (json_is_array(instances)) {
        cli_table_print(columns, sizeof columns / sizeof *columns, instances);
    } else {
        vp_fault_set(why, "the answer has no list of instances");
        rc = VP_EPROTO;
    }
    json_decref(status);
    return rc;
}
