/* demo.c - votes of new voters at a steady rate, so that results move. Which option they like is
 * drawn anew at each start: the first of a random order gets most, the next half of that, and so
 * on. SPDX-License-Identifier: MIT */
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>

#include "cli.h"
#include "clock.h"
#include "json.h"
#include "page.h"
#include "stop.h"
#include "text.h"
#include "ulid.h"

enum {
    RATE_DEFAULT = 20,
    RATE_MAX = 1000,
    SECONDS_MAX = 86400 * 7,
    REPORT_US = 5000000,
    BEHIND_US = 1000000, /* more than this behind is not caught up with */
    PATIENCE_MS = 10000, /* of one vote */
    FAILURES_MAX = 5,    /* in a row */
    WEIGHT_MOST = 4096,
    WEIGHT_LEAST = 96
};

typedef struct voting {
    cli_http *http;
    int64_t rate, seconds; /* seconds 0: until a signal */
    char poll[VP_ULID_LEN + 1], path[80];
    json_t *record, *results; /* the newest answers */
    int n;                    /* options */
    uint32_t weights[CLI_OPTIONS_MAX];
    int64_t min, max; /* choices of one ballot */
    int64_t started_us, cast, failed, reported_us, reported_cast;
} voting;

/* -- the poll ---------------------------------------------------------------------------------- */

static void draw_weights(voting *v) {
    uint32_t weight = WEIGHT_MOST;
    int order[CLI_OPTIONS_MAX];
    for (int i = 0; i < v->n; i++) order[i] = i;
    for (int i = v->n - 1; i > 0; i--) {
        int j = (int)randombytes_uniform((uint32_t)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    for (int i = 0; i < v->n; i++) {
        v->weights[order[i]] = weight;
        if (weight / 2 >= WEIGHT_LEAST) weight /= 2;
    }
}

static vp_err take_poll(voting *v, vp_fault *why) {
    vp_str id = vp_json_text(v->record, "id");
    size_t n = json_array_size(json_object_get(v->record, "options"));
    if (!vp_ulid_valid(id) || n < 2 || n > CLI_OPTIONS_MAX) {
        vp_fault_set(why, "the server answered with a poll without an id or of %zu options", n);
        return VP_EPROTO;
    }
    if (!vp_str_eq(vp_json_text(v->record, "status"), VP_STR("open"))) {
        vp_fault_set(why, "the poll is not open");
        return VP_ECONFLICT;
    }
    snprintf(v->poll, sizeof v->poll, "%.*s", (int)id.n, id.p);
    snprintf(v->path, sizeof v->path, "/api/v1/polls/%s/ballots", v->poll);
    v->n = (int)n;
    v->min = vp_json_int(v->record, "min_choices", 1);
    v->max = vp_json_int(v->record, "max_choices", 1);
    if (v->min < 1 || v->min > v->n) v->min = 1;
    if (v->max < v->min || v->max > v->n) v->max = v->min;
    draw_weights(v);
    return VP_OK;
}

static vp_err find_poll(voting *v, const char *id, vp_fault *why) {
    char path[80];
    if (id && !vp_ulid_valid(vp_str_of(id))) {
        vp_fault_set(why, "--poll must be the id of a poll");
        return VP_EINVAL;
    }
    snprintf(path, sizeof path, "/api/v1/polls/%s", id ? id : "current");
    vp_err rc = cli_http_get(v->http, path, &v->record, why);
    return rc ? rc : take_poll(v, why);
}

/* -- one ballot -------------------------------------------------------------------------------- */

/* One of the options that are not taken yet, by weight. */
static int draw_option(const voting *v, const bool taken[CLI_OPTIONS_MAX]) {
    uint32_t sum = 0, at;
    int last = 0;
    for (int i = 0; i < v->n; i++) sum += taken[i] ? 0 : v->weights[i];
    at = randombytes_uniform(sum);
    for (int i = 0; i < v->n; i++) {
        if (taken[i]) continue;
        last = i;
        if (at < v->weights[i]) break;
        at -= v->weights[i];
    }
    return last;
}

static json_t *draw_ballot(const voting *v) {
    bool taken[CLI_OPTIONS_MAX] = {false};
    json_t *options = json_object_get(v->record, "options"), *choices = json_array();
    int64_t n = v->min + randombytes_uniform((uint32_t)(v->max - v->min + 1));
    while (n-- > 0) {
        int i = draw_option(v, taken);
        taken[i] = true;
        json_array_append(choices, json_object_get(json_array_get(options, (size_t)i), "id"));
    }
    return json_pack("{s:o}", "choices", choices);
}

static vp_err cast(voting *v, vp_fault *why) {
    char key[CLI_KEY_LEN + 1];
    cli_answer answer;
    json_t *body = draw_ballot(v);
    assert(body);
    cli_key_new(key);
    cli_call call = {
        .method = "POST", .path = v->path, .body = body, .key = key, .anonymous = true};
    vp_err rc = cli_http_call(v->http, &call, &answer, why);
    json_t *results = json_object_get(answer.body, "results");
    if (!rc) v->cast++;
    if (!rc && json_is_object(results)) {
        json_decref(v->results);
        v->results = json_incref(results);
    }
    cli_answer_release(&answer);
    json_decref(body);
    return rc;
}

/* -- the run ----------------------------------------------------------------------------------- */

/* ", ahead: Bali 42 of 100" when results are shown. */
static void print_leader(const voting *v) {
    const json_t *options = json_object_get(v->record, "options");
    const json_t *counts = json_object_get(v->results, "counts");
    int64_t most = -1;
    vp_str name = {0};
    for (size_t i = 0; i < json_array_size(options); i++) {
        const json_t *option = json_array_get(options, i);
        const char *id = json_string_value(json_object_get(option, "id"));
        int64_t n = id ? vp_json_int(counts, id, -1) : -1;
        if (n <= most) continue;
        most = n;
        name = vp_json_text(option, "text");
    }
    if (most < 0) return;
    printf(", ahead: ");
    cli_print(name);
    printf(" %lld of %lld", (long long)most, (long long)vp_json_int(v->results, "votes", 0));
}

static void report(voting *v) {
    int64_t now = vp_clock_us(), span = now - v->reported_us;
    double rate = span > 0 ? (double)(v->cast - v->reported_cast) * 1e6 / (double)span : 0;
    printf("%6lld s  %lld votes, %.1f/s, %lld failed", (long long)((now - v->started_us) / 1000000),
           (long long)v->cast, rate, (long long)v->failed);
    print_leader(v);
    putchar('\n');
    fflush(stdout);
    v->reported_us = now;
    v->reported_cast = v->cast;
}

/* Until the time comes or a signal; reports that fall due are printed. */
static void wait_until(voting *v, int64_t due_us) {
    for (int64_t now; !cli_stopped() && (now = vp_clock_us()) < due_us;) {
        int64_t next = v->reported_us + REPORT_US, end = next < due_us ? next : due_us;
        int64_t left = end > now ? end - now : 0;
        struct timespec t = {left / 1000000, left % 1000000 * 1000};
        nanosleep(&t, NULL); /* a signal ends it */
        if (vp_clock_us() >= v->reported_us + REPORT_US) report(v);
    }
    if (vp_clock_us() >= v->reported_us + REPORT_US) report(v);
}

/* Some may fail while the server is busy; one that is refused for good ends the run. */
static vp_err vote_on(voting *v, vp_fault *why) {
    int64_t due = v->started_us;
    int64_t end = v->seconds ? v->started_us + v->seconds * 1000000 : INT64_MAX;
    int in_a_row = 0;
    vp_err rc = VP_OK;
    while (!cli_stopped() && due < end && !ferror(stdout)) {
        vp_fault fault = {0};
        rc = cast(v, &fault);
        if (rc && cli_stopped()) break;
        if (rc) v->failed++;
        in_a_row = rc ? in_a_row + 1 : 0;
        bool busy = rc == VP_EBUSY || rc == VP_EAWAY || rc == VP_ETIMEOUT || rc == VP_ETOOMANY;
        if (rc && (!busy || in_a_row == FAILURES_MAX)) {
            vp_fault_set(why, "%s", fault.text);
            return rc;
        }
        due += 1000000 / v->rate;
        if (due < vp_clock_us() - BEHIND_US) due = vp_clock_us();
        wait_until(v, due < end ? due : end);
    }
    return VP_OK;
}

vp_err cli_demo_votes(cli_run *run, vp_fault *why) {
    voting v = {.http = run->http};
    vp_err rc = cli_number(run->args.rate, "--rate", 1, RATE_MAX, RATE_DEFAULT, &v.rate, why);
    if (!rc) rc = cli_number(run->args.seconds, "--seconds", 0, SECONDS_MAX, 0, &v.seconds, why);
    if (rc) return rc;
    cli_stop_catch();
    cli_http_stop_on(run->http, cli_stop_flag());
    cli_http_set_patience(run->http, PATIENCE_MS);
    rc = find_poll(&v, run->args.poll, why);
    if (!rc) {
        v.started_us = v.reported_us = vp_clock_us();
        printf("poll %s: ", v.poll);
        cli_print(vp_json_text(v.record, "question"));
        putchar('\n');
        rc = vote_on(&v, why);
        report(&v);
    }
    json_decref(v.results);
    json_decref(v.record);
    return rc;
}
