/* verify.c - is a backup good? Services of this installation are started on a copy of it, in a
 * folder of its own, and asked on the wire: each looks at all of its records and lists (SYNC
 * /verify), and every poll is recounted. SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli.h"
#include "clock.h"
#include "json.h"
#include "redis.h"
#include "restore.h"
#include "stop.h"
#include "table.h"
#include "text.h"
#include "ulid.h"
#include "wire.h"

enum {
    READY_MS = 30000,
    ROUNDS_MAX = 10 * 1000 * 1000, /* of one service; each is at most some hundred records */
    PATH_MAX_LEN = 128,
    BODY_MAX = 256
};

static const char *const services[] = {"articles", "comments", "polls"};
enum { SERVICES = sizeof services / sizeof *services };

typedef struct checking {
    cli_scratch *scratch;
    cli_wire *wire;
    const char *service;
    json_t *rows; /* of the table */
    int64_t wrong;
    char first[200]; /* what was wrong first; "": nothing */
} checking;

/* -- asking ------------------------------------------------------------------------------------ */

static void endpoint_of(const cli_scratch *scratch, const char *name, char out[CLI_WIRE_ENDPOINT]) {
    char path[CLI_SCRATCH_PATH];
    cli_scratch_path(scratch, name, path);
    snprintf(out, CLI_WIRE_ENDPOINT, "ipc://%s", path);
}

/* A service that is just starting says 503. */
static vp_err ask(checking *c, const char *method, const char *path, const char *query, vp_str body,
                  json_t **out, vp_fault *why) {
    int64_t by = vp_clock_ms() + READY_MS;
    for (;;) {
        vp_fault fault = {0};
        vp_err rc = cli_scratch_check(c->scratch, why);
        if (rc) return rc;
        rc = cli_wire_call(c->wire, method, path, query, body, out, &fault);
        if (rc != VP_EAWAY || cli_stopped() || vp_clock_ms() > by) {
            if (rc) vp_fault_set(why, "%s: %s", c->service, cli_stopped() ? "stopped" : fault.text);
            return rc;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000}, NULL);
    }
}

/* -- what was found ---------------------------------------------------------------------------- */

static json_t *row_of(checking *c, const char *what) {
    size_t i;
    json_t *row;
    json_array_foreach(c->rows, i, row) {
        if (vp_str_eq(vp_json_text(row, "service"), vp_str_of(c->service)) &&
            vp_str_eq(vp_json_text(row, "what"), vp_str_of(what)))
            return row;
    }
    row = json_pack("{s:s, s:s, s:I, s:I}", "service", c->service, "what", what, "looked at",
                    (json_int_t)0, "wrong", (json_int_t)0);
    if (row && json_array_append_new(c->rows, row)) row = NULL;
    return row;
}

static void add(checking *c, const char *what, int64_t looked_at, int64_t wrong, vp_str how) {
    json_t *row = row_of(c, what);
    if (!row) return;
    json_object_set_new(row, "looked at",
                        json_integer(vp_json_int(row, "looked at", 0) + looked_at));
    json_object_set_new(row, "wrong", json_integer(vp_json_int(row, "wrong", 0) + wrong));
    c->wrong += wrong;
    if (wrong && !c->first[0]) snprintf(c->first, sizeof c->first, "%.*s", (int)how.n, how.p);
}

/* -- records and lists, as the service looks at them --------------------------------------------
 */

static vp_err look(checking *c, vp_fault *why) {
    char from[BODY_MAX] = "", what[BODY_MAX];
    vp_err rc = VP_OK;
    bool more = true;
    for (int i = 0; i < ROUNDS_MAX && more && !rc; i++) {
        json_t *piece = NULL;
        rc = ask(c, "SYNC", "/verify", "", vp_str_of(from), &piece, why);
        if (rc) return rc;
        vp_str name = vp_json_text(piece, "what"), next = vp_json_text(piece, "next");
        snprintf(what, sizeof what, "%.*s", (int)name.n, name.n ? name.p : "");
        add(c, what, vp_json_int(piece, "looked_at", 0), vp_json_int(piece, "wrong", 0),
            vp_json_text(piece, "how"));
        snprintf(from, sizeof from, "%.*s", (int)next.n, next.n ? next.p : "");
        more = next.n > 0;
        json_decref(piece);
    }
    return rc;
}

/* -- every poll, recounted --------------------------------------------------------------------- */

/* The whole journal of one poll against its tally. */
static vp_err recount(checking *c, vp_str id, vp_fault *why) {
    char path[PATH_MAX_LEN], body[BODY_MAX] = "{}", how[BODY_MAX];
    bool done = false;
    vp_err rc = VP_OK;
    snprintf(path, sizeof path, "/api/v1/polls/%.*s/recount", (int)id.n, id.p);
    for (int i = 0; i < ROUNDS_MAX && !done && !rc; i++) {
        json_t *answer = NULL;
        rc = ask(c, "POST", path, "", vp_str_of(body), &answer, why);
        if (rc) return rc;
        vp_str run = vp_json_text(answer, "run");
        snprintf(body, sizeof body, "{\"run\":\"%.*s\"}", (int)run.n, run.p);
        done = vp_json_bool(answer, "done", false);
        if (done) {
            bool equal = vp_json_bool(answer, "equal", false);
            snprintf(how, sizeof how, "the tally of poll %.*s is not what its journal says",
                     (int)id.n, id.p);
            add(c, "tally = journal", 1, !equal, vp_str_of(how));
            add(c, "ballots in journals",
                vp_json_int(json_object_get(answer, "journal"), "voters", 0), 0, (vp_str){0});
        }
        json_decref(answer);
    }
    return rc;
}

static vp_err recount_all(checking *c, vp_fault *why) {
    char query[BODY_MAX] = "limit=100";
    vp_err rc = VP_OK;
    for (int i = 0; i < ROUNDS_MAX && query[0] && !rc; i++) {
        json_t *page = NULL, *poll;
        size_t at;
        rc = ask(c, "GET", "/api/v1/polls", query, (vp_str){0}, &page, why);
        json_array_foreach(json_object_get(page, "items"), at, poll) {
            vp_str id = vp_json_text(poll, "id");
            if (!rc && vp_ulid_valid(id)) rc = recount(c, id, why);
        }
        vp_str next = vp_json_text(page, "next_cursor");
        snprintf(query, sizeof query, next.n ? "limit=100&cursor=%.*s" : "%.*s", (int)next.n,
                 next.n ? next.p : "");
        json_decref(page);
    }
    return rc;
}

/* -- the run ----------------------------------------------------------------------------------- */

static vp_err start(cli_scratch *scratch, const char *redis, const char *service, vp_fault *why) {
    char program[32], calls[CLI_WIRE_ENDPOINT], states[CLI_WIRE_ENDPOINT], name[32];
    snprintf(program, sizeof program, "voxpop-%s", service);
    endpoint_of(scratch, service, calls);
    snprintf(name, sizeof name, "%s.pub", service);
    endpoint_of(scratch, name, states);
    const char *const argv[] = {program,     "--redis-url", redis,         "--bind", calls,
                                "--publish", states,        "--log-level", "warn",   NULL};
    return cli_scratch_start(scratch, argv, why);
}

static vp_err check_service(checking *c, const char *service, vp_fault *why) {
    cli_wire_target t = {0};
    c->service = service;
    endpoint_of(c->scratch, service, t.endpoint);
    vp_err rc = cli_wire_open(&c->wire, &t, NULL, why);
    if (!rc) rc = look(c, why);
    if (!rc && strcmp(service, "polls") == 0) rc = recount_all(c, why);
    cli_wire_close(&c->wire);
    return rc;
}

static vp_err check_part(cli_archive *archive, int part, checking *c, vp_fault *why) {
    char redis[CLI_SCRATCH_PATH + 16];
    vp_err rc = cli_restore_scratch(archive, part, &c->scratch, redis, why);
    for (int i = 0; i < SERVICES && !rc; i++) rc = start(c->scratch, redis, services[i], why);
    for (int i = 0; i < SERVICES && !rc; i++) rc = check_service(c, services[i], why);
    cli_scratch_destroy(&c->scratch);
    return rc;
}

vp_err cli_verify(cli_archive *archive, vp_fault *why) {
    static const cli_column columns[] = {{"SERVICE", "service", false},
                                         {"WHAT", "what", false},
                                         {"LOOKED AT", "looked at", true},
                                         {"WRONG", "wrong", true}};
    checking c = {.rows = json_array()};
    int64_t began = vp_clock_ms();
    vp_err rc = VP_OK;
    for (int i = 0; i < cli_archive_parts(archive) && !rc; i++)
        rc = check_part(archive, i, &c, why);
    if (!rc) {
        cli_table_print(columns, sizeof columns / sizeof *columns, c.rows);
        printf("made %s of Redis %s, %lld bytes, looked at in %.1f s: %s\n",
               cli_archive_part(archive, 0)->made, cli_archive_part(archive, 0)->redis,
               (long long)cli_archive_bytes(archive), (double)(vp_clock_ms() - began) / 1000,
               c.wrong ? "NOT good" : "good");
    }
    if (!rc && c.wrong) {
        vp_fault_set(why, "%lld are wrong; the first: %s", (long long)c.wrong, c.first);
        rc = VP_ECONFLICT;
    }
    json_decref(c.rows);
    return rc;
}
