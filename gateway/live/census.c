/* census.c - see census.h. SPDX-License-Identifier: MIT */
#include "census.h"

#include <stdlib.h>

#include "clock.h"
#include "counters.h"
#include "json.h"
#include "log.h"
#include "mem.h"

enum {
    LINE_MAX_BYTES = VP_TOPIC_NAME_MAX + 1 + 10 + 1, /* name, space, number, end */
    HUB_LINE = VP_ULID_LEN + 1,
    BODY_MAX = HUB_LINE + CENSUS_TOPICS * LINE_MAX_BYTES
};

typedef struct tally {
    ask ask; /* its user: the census */
    int n, row;
} tally;

struct census {
    census_options o;
    struct event *round;
    int under_way;
    tally *open[SERVICES_PREFIXES]; /* being filled */
    char hub[VP_ULID_LEN + 1];
};

/* -- saying ----------------------------------------------------------------------------------- */

static void on_answered(ask *a);

static tally *tally_new(census *c, int row) {
    tally *t = vp_calloc(1, sizeof *t);
    ask_init(&t->ask, services_path_text(SERVICES_WATCHERS), BODY_MAX + 1);
    vp_buf_addf(&t->ask.body, "%s\n", c->hub);
    t->ask.answered = on_answered;
    t->ask.user = c;
    t->row = row;
    return t;
}

static void send_open(census *c, int row) {
    if (!c->open[row]) return;
    c->under_way++;
    ask_submit(c->o.asker, &c->open[row]->ask, c->o.services->row[row].service);
    c->open[row] = NULL;
}

static void say(census *c, int row, vp_str name, int n) {
    if (!c->open[row]) c->open[row] = tally_new(c, row);
    tally *t = c->open[row];
    vp_buf_add_str(&t->ask.body, name);
    vp_buf_addf(&t->ask.body, " %d\n", n);
    int64_t room = c->o.services->row[row].body_max[SERVICES_WATCHERS] - (int64_t)t->ask.body.len;
    if (++t->n == CENSUS_TOPICS || room < LINE_MAX_BYTES) send_open(c, row);
}

/* A pair of twins is counted at its public one if that is here. */
static void count(census *c, board_topic *t) {
    const board_topic *twin = board_twin(c->o.board, t);
    int n = t->n_watches + (twin ? twin->n_watches : 0);
    if ((t->sealed && twin) || (!n && !t->reported)) return;
    const services_row *row = services_of(c->o.services, board_name(t));
    if (!row || row->body_max[SERVICES_WATCHERS] < HUB_LINE + LINE_MAX_BYTES) return;
    if (c->under_way >= CENSUS_CALLS) return;
    t->reported = n;
    say(c, (int)(row - c->o.services->row), board_public_name(t), n);
}

static void on_round(evutil_socket_t fd, short what, void *arg) {
    census *c = arg;
    (void)fd;
    (void)what;
    for (board_topic *t = board_first(c->o.board); t; t = board_next(t)) count(c, t);
    for (int i = 0; i < c->o.services->n; i++) send_open(c, i);
}

/* -- hearing ---------------------------------------------------------------------------------- */

static void take_number(census *c, int row, const char *name, const json_t *number) {
    vp_str topic = vp_str_of(name);
    json_int_t n = json_is_integer(number) ? json_integer_value(number) : -1;
    if (n < 0 || !vp_topic_valid(topic) ||
        services_of(c->o.services, topic) != &c->o.services->row[row])
        return;
    board_topic *t = board_find(c->o.board, topic);
    board_topic *twin = board_find_sealed(c->o.board, topic);
    if (t) board_count(c->o.board, t, n);
    if (twin) board_count(c->o.board, twin, n);
}

static bool take_numbers(census *c, const tally *t) {
    json_t *answer = NULL;
    vp_fault why = {0};
    bool good = ask_status(&t->ask) == 200 && !vp_json_parse(t->ask.call.reply.body, &answer, &why);
    json_t *watchers = json_object_get(answer, "watchers");
    good = good && json_is_object(watchers);
    for (void *at = good ? json_object_iter(watchers) : NULL; at;
         at = json_object_iter_next(watchers, at))
        take_number(c, t->row, json_object_iter_key(at), json_object_iter_value(at));
    json_decref(answer);
    return good;
}

static void on_answered(ask *a) {
    tally *t = (tally *)a; /* its first member */
    census *c = a->user;
    c->under_way--;
    if (!take_numbers(c, t)) {
        live_count(LIVE_M_ASK_FAILED, 1);
        vp_log(VP_LOG_DEBUG, NULL, "%s: no numbers of watchers of %d topics: %d",
               c->o.services->row[t->row].service, t->n, ask_status(a));
    }
    ask_release(a);
    free(t);
}

/* -- life ------------------------------------------------------------------------------------- */

vp_err census_new(census **out, const census_options *o, vp_fault *why) {
    static const struct timeval every = {CENSUS_MS / 1000, CENSUS_MS % 1000 * 1000};
    census *c = vp_calloc(1, sizeof *c);
    *out = c;
    c->o = *o;
    vp_ulid_make(vp_clock_wall(), c->hub);
    c->round = event_new(o->base, -1, EV_PERSIST, on_round, c);
    if (c->round && !event_add(c->round, &every)) return VP_OK;
    vp_fault_set(why, "census: libevent gives no event");
    census_destroy(out);
    return VP_ESYSTEM;
}

void census_destroy(census **self_p) {
    census *c = *self_p;
    if (!c) return;
    if (c->round) event_free(c->round);
    free(c);
    *self_p = NULL;
}
