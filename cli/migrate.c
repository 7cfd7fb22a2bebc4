/* migrate.c - records of older schemas are counted and rewritten, service by service, in calls that
 * go on where the last one ended. SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli.h"
#include "json.h"
#include "text.h"

enum { CALLS_MAX = 1000000 /* far more than any store takes */ };

static const char *const services[] = {"accounts", "articles", "comments", "polls"};
enum { SERVICES = sizeof services / sizeof *services };

typedef struct sums {
    json_t *found; /* schema -> records */
    int64_t rewritten;
} sums;

/* One call; *cursor is replaced, and NULL after the last one. */
static vp_err go_on(cli_run *run, const char *service, json_t **cursor, cli_answer *out,
                    vp_fault *why) {
    char path[64];
    snprintf(path, sizeof path, "/api/v1/migrate/%s", service);
    json_t *body = json_pack("{s:O?, s:b}", "cursor", *cursor, "dry_run", run->args.dry_run);
    cli_call call = {.method = "POST", .path = path, .body = body, .harmless = true};
    vp_err rc = cli_http_call(run->http, &call, out, why);
    json_t *next = json_object_get(out->body, "next_cursor");
    json_decref(*cursor);
    *cursor = !rc && json_is_string(next) ? json_incref(next) : NULL;
    json_decref(body);
    return rc;
}

static void add(sums *s, const json_t *answer) {
    json_t *found = json_object_get(answer, "found");
    s->rewritten += vp_json_int(answer, "rewritten", 0);
    for (void *at = json_object_iter(found); at; at = json_object_iter_next(found, at)) {
        const char *schema = json_object_iter_key(at);
        json_int_t n = json_integer_value(json_object_iter_value(at));
        n += json_integer_value(json_object_get(s->found, schema));
        json_object_set_new(s->found, schema, json_integer(n));
    }
}

/* The line of one kind of records. */
static void print_kind(const json_t *last, const sums *s, bool dry) {
    long long newest = vp_json_int(last, "newest", 0), old = 0;
    cli_print(vp_json_text(last, "service"));
    fputs(": ", stdout);
    cli_print(vp_json_text(last, "kind"));
    if (!json_is_object(json_object_get(last, "found"))) {
        printf(": schema %lld is the only one yet\n", newest);
        return;
    }
    for (void *at = json_object_iter(s->found); at; at = json_object_iter_next(s->found, at)) {
        long long n = json_integer_value(json_object_iter_value(at));
        int64_t schema;
        printf("%s %lld of schema ", at == json_object_iter(s->found) ? ":" : ",", n);
        cli_print(vp_str_of(json_object_iter_key(at)));
        if (!vp_str_int(vp_str_of(json_object_iter_key(at)), 0, INT32_MAX, &schema) &&
            schema < newest)
            old += n;
    }
    if (!json_object_size(s->found)) fputs(": none", stdout);
    if (dry)
        printf("; %lld would be rewritten to schema %lld\n", old, newest);
    else
        printf("; %lld rewritten to schema %lld\n", (long long)s->rewritten, newest);
}

/* The kinds of one service, one after another. */
static vp_err migrate(cli_run *run, const char *service, vp_fault *why) {
    json_t *cursor = NULL;
    sums s = {.found = json_object()};
    vp_err rc = VP_OK;
    int calls = 0;
    do {
        cli_answer answer = {0};
        rc = go_on(run, service, &cursor, &answer, why);
        if (!rc) add(&s, answer.body);
        if (!rc && vp_json_bool(answer.body, "done", false)) {
            print_kind(answer.body, &s, run->args.dry_run);
            s.rewritten = 0;
            json_object_clear(s.found);
        }
        cli_answer_release(&answer);
    } while (!rc && cursor && ++calls < CALLS_MAX);
    json_decref(cursor);
    json_decref(s.found);
    if (rc) run->at = service;
    return rc;
}

vp_err cli_migrate(cli_run *run, vp_fault *why) {
    const char *only = run->args.n_words ? run->args.words[0] : NULL;
    bool known = false;
    vp_err rc = VP_OK;
    for (int i = 0; i < SERVICES && !rc; i++) {
        if (only && strcmp(only, services[i]) != 0) continue;
        known = true;
        rc = migrate(run, services[i], why);
    }
    if (known) return rc;
    vp_fault_set(why, "a service is accounts, articles, comments or polls");
    return VP_EINVAL;
}
