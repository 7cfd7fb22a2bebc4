/* polls.c - polls: listing them, moving them, their numbers, their invitation codes.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli.h"
#include "json.h"
#include "pages.h"
#include "table.h"
#include "text.h"
#include "ulid.h"

enum {
    PATH_MAX_LEN = 256,
    CODES_AT_ONCE = 10000,
    RECOUNT_CALLS_MAX = 100000 /* far more than the longest journal takes */
};

typedef struct path {
    char text[PATH_MAX_LEN];
} path;

/* /api/v1/polls/ID and what follows; id is what was typed. */
static vp_err poll_path(const char *id, const char *rest, path *out, vp_fault *why) {
    if (!vp_ulid_valid(vp_str_of(id))) {
        vp_fault_set(why, "a poll is named by its id, 26 capitals and digits");
        return VP_EINVAL;
    }
    snprintf(out->text, sizeof out->text, "/api/v1/polls/%s%s", id, rest);
    return VP_OK;
}

/* -- polls list -------------------------------------------------------------------------------- */

static const cli_column columns[] = {
    {"ID", "id", false},        {"STATUS", "status", false}, {"VOTING", "voting", false},
    {"VOTERS", "voters", true}, {"CLOSES", "closes", false}, {"QUESTION", "question", false},
};

/* A poll as a row: its results' voters beside the rest. */
static json_t *row_of(const json_t *poll) {
    json_t *voters = json_object_get(json_object_get(poll, "results"), "voters");
    return json_pack("{s:O?, s:O?, s:O?, s:O?, s:O?, s:O?}", "id", json_object_get(poll, "id"),
                     "status", json_object_get(poll, "status"), "voting",
                     json_object_get(poll, "voting"), "voters", voters, "closes",
                     json_object_get(poll, "closes_at"), "question",
                     json_object_get(poll, "question"));
}

static void print_polls(const json_t *all) {
    json_t *rows = json_array(), *poll;
    size_t i;
    json_array_foreach(all, i, poll) {
        json_array_append_new(rows, row_of(poll));
    }
    cli_table_print(columns, sizeof columns / sizeof *columns, rows);
    json_decref(rows);
}

vp_err cli_polls_list(cli_run *run, vp_fault *why) {
    json_t *all;
    vp_err rc = cli_pages_all(run, "/api/v1/polls", &all, why);
    if (!rc && run->args.json)
        cli_json_print(all);
    else if (!rc)
        print_polls(all);
    json_decref(all);
    return rc;
}

/* -- polls close, reopen, archive, place ------------------------------------------------------- */

static vp_err move(cli_run *run, const char *word, vp_fault *why) {
    path p;
    char rest[16], key[CLI_KEY_LEN + 1];
    cli_answer answer = {0};
    snprintf(rest, sizeof rest, "/%s", word);
    vp_err rc = poll_path(run->args.words[0], rest, &p, why);
    if (rc) return rc;
    cli_key_new(key);
    cli_call call = {.method = "POST", .path = p.text, .key = key};
    rc = cli_http_call(run->http, &call, &answer, why);
    if (!rc) {
        printf("poll %s is ", run->args.words[0]);
        cli_print(vp_json_text(answer.body, "status"));
        putchar('\n');
    }
    cli_answer_release(&answer);
    return rc;
}

vp_err cli_polls_close(cli_run *run, vp_fault *why) {
    return move(run, "close", why);
}

vp_err cli_polls_reopen(cli_run *run, vp_fault *why) {
    return move(run, "reopen", why);
}

vp_err cli_polls_archive(cli_run *run, vp_fault *why) {
    return move(run, "archive", why);
}

vp_err cli_polls_place(cli_run *run, vp_fault *why) {
    cli_answer answer;
    const char *id = run->args.n_words > 1 ? run->args.words[1] : NULL;
    json_t *body = json_pack("{s:s, s:s?}", "mode", run->args.words[0], "poll_id", id);
    if (!body) {
        vp_fault_set(why, "the mode and the poll must be UTF-8");
        return VP_EINVAL;
    }
    cli_call call = {.method = "PUT", .path = "/api/v1/polls/placement", .body = body};
    vp_err rc = cli_http_call(run->http, &call, &answer, why);
    if (!rc) {
        printf("on the front page: ");
        cli_print(vp_json_text(answer.body, "mode"));
        printf("%s%s\n", id ? " " : "", id ? id : "");
    }
    cli_answer_release(&answer);
    json_decref(body);
    return rc;
}

/* -- polls export, codes: as they come --------------------------------------------------------- */

static vp_err copy(cli_run *run, cli_call *call, vp_fault *why) {
    cli_answer answer;
    vp_err rc = cli_http_call(run->http, call, &answer, why);
    if (!rc && answer.text.len) fwrite(answer.text.data, 1, answer.text.len, stdout);
    cli_answer_release(&answer);
    return rc;
}

vp_err cli_polls_export(cli_run *run, vp_fault *why) {
    path p;
    const char *format = run->args.format ? run->args.format : "csv";
    bool csv = strcmp(format, "csv") == 0;
    if (!csv && strcmp(format, "json") != 0) {
        vp_fault_set(why, "--format must be csv or json");
        return VP_EINVAL;
    }
    vp_err rc = poll_path(run->args.words[0], csv ? "/export?format=csv" : "/export", &p, why);
    if (rc) return rc;
    cli_call call = {
        .method = "GET", .path = p.text, .accept = csv ? "text/csv" : "application/json"};
    rc = copy(run, &call, why);
    if (!rc && !csv) putchar('\n');
    return rc;
}

static vp_err make_codes(cli_run *run, const path *p, vp_fault *why) {
    int64_t n;
    char key[CLI_KEY_LEN + 1];
    vp_err rc = cli_number(run->args.count, "--count", 1, CODES_AT_ONCE, 1, &n, why);
    if (rc) return rc;
    json_t *body = json_pack("{s:I}", "count", (json_int_t)n);
    cli_key_new(key);
    cli_call call = {
        .method = "POST", .path = p->text, .body = body, .key = key, .accept = "text/csv"};
    rc = copy(run, &call, why);
    json_decref(body);
    return rc;
}

vp_err cli_polls_codes(cli_run *run, vp_fault *why) {
    path p;
    bool more = run->args.count != NULL;
    vp_err rc = poll_path(run->args.words[0], more ? "/codes" : "/codes?format=csv", &p, why);
    if (rc) return rc;
    cli_call call = {.method = "GET", .path = p.text, .accept = "text/csv"};
    return more ? make_codes(run, &p, why) : copy(run, &call, why);
}

/* -- polls recount ----------------------------------------------------------------------------- */

/* One piece; *answer is the newest one. */
static vp_err count_on(cli_run *run, const path *p, cli_answer *answer, vp_fault *why) {
    json_t *id = json_incref(json_object_get(answer->body, "run"));
    json_t *body = json_pack("{s:O?, s:b}", "run", id, "repair", run->args.repair);
    cli_call call = {.method = "POST", .path = p->text, .body = body, .harmless = true};
    cli_answer_release(answer);
    vp_err rc = cli_http_call(run->http, &call, answer, why);
    json_decref(body);
    json_decref(id);
    return rc;
}

static void print_sums(const char *name, vp_str text, int64_t tally, int64_t journal) {
    printf("%12lld  %12lld  %s", (long long)tally, (long long)journal, name);
    if (text.n) putchar(' ');
    cli_print(text);
    puts(tally == journal ? "" : "  <");
}

static void print_sides(const json_t *poll, const json_t *recount) {
    const json_t *tally = json_object_get(recount, "tally");
    const json_t *journal = json_object_get(recount, "journal"), *option;
    const json_t *counted = json_object_get(tally, "counts");
    const json_t *counts = json_object_get(journal, "counts");
    size_t i;
    printf("%12s  %12s\n", "TALLY", "JOURNAL");
    for (const char *const *name = (const char *const[]){"voters", "votes", NULL}; *name; name++)
        print_sums(*name, (vp_str){NULL, 0}, vp_json_int(tally, *name, 0),
                   vp_json_int(journal, *name, 0));
    json_array_foreach(json_object_get(poll, "options"), i, option) {
        const char *id = json_string_value(json_object_get(option, "id"));
        if (id)
            print_sums(id, vp_json_text(option, "text"), vp_json_int(counted, id, 0),
                       vp_json_int(counts, id, 0));
    }
}

static vp_err judge(const json_t *poll, const json_t *recount, vp_fault *why) {
    bool equal = vp_json_bool(recount, "equal", false);
    bool repaired = vp_json_bool(recount, "repaired", false);
    print_sides(poll, recount);
    printf("%lld entries of the journal: %s\n", (long long)vp_json_int(recount, "entries", 0),
           equal      ? "equal"
           : repaired ? "not equal, and repaired"
                      : "not equal");
    if (equal || repaired) return VP_OK;
    vp_fault_set(why, "the tally is not what the journal says; --repair mends it");
    return VP_ECONFLICT;
}

vp_err cli_polls_recount(cli_run *run, vp_fault *why) {
    path one, p;
    json_t *poll = NULL;
    cli_answer answer = {0};
    bool done = false;
    vp_err rc = poll_path(run->args.words[0], "", &one, why);
    if (!rc) rc = poll_path(run->args.words[0], "/recount", &p, why);
    if (!rc) rc = cli_http_get(run->http, one.text, &poll, why);
    for (int calls = 0; !rc && !done && calls < RECOUNT_CALLS_MAX; calls++) {
        rc = count_on(run, &p, &answer, why);
        done = !rc && vp_json_bool(answer.body, "done", false);
    }
    if (done) rc = judge(poll, answer.body, why);
    cli_answer_release(&answer);
    json_decref(poll);
    return rc;
}
