/* service_events.c - copies other services' facts into our own Redis, when they have one of theirs.
 * For each source there is a follower: it asks the source which Redis it is, our own how far it was
 * read, then takes events from there on, and in turns with them, where it begins anew, all facts
 * that are there. What it takes, and how far it came, is written by one function (events.lua), so
 * any number of instances may do this beside each other, and one that dies leaves nothing half
 * done. It begins anew with each run of the source's Redis, which covers whatever a failover or a
 * backup has changed, and when an event is missing. A call that stumbles over what is not here yet
 * may ask the source itself. See service_loop.h. SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "service_loop.h"
#include "store_url.h"

enum {
    READ_MS = 25,    /* between two looks for events, while there are none */
    CHECK_MS = 1000, /* between two looks whether the stream is still the same one */
    ERROR_MS = 1000, /* after a refused command */
    TELL_MS = 10000, /* and it is logged at most so often */
    ROUND = 200,     /* events, or facts, that are taken at once */
    ARGS = 2 * ROUND + 16,
    NUMBER = 24,
    KEY = 96
};

typedef enum stage {
    AWAY,   /* one of the two cannot be reached, or it is all to begin again */
    RUN,    /* asked the source which Redis it is */
    BEGIN,  /* asked ours how far the source was read, or to begin with it */
    LAST,   /* asked the source for its last event */
    REST,   /* until next_ms */
    EVENTS, /* asked the source for events, */
    SCAN,   /* keys of facts, */
    FACTS,  /* or facts */
    LEARN,  /* ours is taking them */
    SAME,   /* the source's Redis is ours: there is nothing to do */
    FETCH   /* of a call, not of a follower */
} stage;

typedef enum count {
    COUNT_EVENTS,
    COUNT_LAG,
    COUNT_SILENT,
    COUNT_SCANS,
    COUNT_ASKED,
    COUNTS
} count;

struct service_follower {
    vp_service *service;
    const vp_source *source;
    vp_link *link;
    int own_db;
    stage stage;
    unsigned turn; /* of the last question: answers to those before are passed over */
    int64_t next_ms, checked_ms, heard_ms, told_ms;
    char key[KEY], stream[KEY];         /* follow:SOURCE:RUN in ours, events:SOURCE there */
    char seen[NUMBER];                  /* what begin is to replace */
    bool fresh;                         /* begin may have begun anew */
    bool beginning;                     /* the last event is asked for to begin behind it */
    int64_t at;                         /* number of the last event that ours has */
    char scan[NUMBER], scan_to[NUMBER]; /* cursor, and the next one; "": all facts are here */
    bool scan_next;                     /* it is the facts' turn */
    redisReply *keys;                   /* of the scan under way */
    size_t keys_at, keys_end; /* those before are taken; end of those that were asked for */
    vp_metric metric[COUNTS];
    char label[48];
};

static const vp_metric table[COUNTS] = {
    [COUNT_EVENTS] = {"voxpop_service_events_total", NULL, VP_COUNTER,
                      "Events of another service's stream that were read."},
    [COUNT_LAG] = {"voxpop_service_events_lag_seconds", NULL, VP_HISTOGRAM,
                   "From an event to its being read, by the clocks of two Redis."},
    [COUNT_SILENT] = {"voxpop_service_source_silent_seconds", NULL, VP_GAUGE,
                      "Since the other service's Redis answered last."},
    [COUNT_SCANS] = {"voxpop_service_source_scans_total", NULL, VP_COUNTER,
                     "Times that all of another service's facts were looked through anew."},
    [COUNT_ASKED] = {"voxpop_service_source_asked_total", NULL, VP_COUNTER,
                     "Facts that a call asked another service's Redis for."},
};

/* -- asking ---------------------------------------------------------------------------------- */

static void restart(service_follower *f, int64_t after_ms) {
    f->stage = AWAY;
    f->turn++;
    f->next_ms = vp_clock_ms() + after_ms;
    if (f->keys) freeReplyObject(f->keys);
    f->keys = NULL;
}

static void rest(service_follower *f, int64_t ms) {
    f->stage = REST;
    f->next_ms = vp_clock_ms() + ms;
}

static void ask_source(service_follower *f, stage next, int argc, const vp_str *argv) {
    const vp_link_asked to = {.what = (int)next, .turn = ++f->turn};
    f->stage = next;
    if (!vp_link_ask(f->link, to, argc, argv)) restart(f, READ_MS);
}

/* FCALL of events.lua at our own Redis. */
static bool call_own(service_follower *f, const char *name, int n, const vp_str *args) {
    vp_service *s = f->service;
    char full[128];
    vp_str argv[ARGS] = {VP_STR("FCALL")};
    assert(n + 3 <= ARGS);
    snprintf(full, sizeof full, "%s%s", service_prefix(s), name);
    argv[1] = vp_str_of(full);
    argv[2] = VP_STR("0");
    memcpy(argv + 3, args, (size_t)n * sizeof *args);
    if (vp_store_append(s->store, n + 3, argv)) return false;
    service_owe(s, (owed){.kind = OWED_FOLLOW, .follower = f, .turn = f->turn});
    return true;
}

static void ask_own(service_follower *f, stage next, const char *name, int n, const vp_str *args) {
    f->stage = next;
    f->turn++;
    if (!call_own(f, name, n, args)) restart(f, READ_MS);
}

/* last: number of the event to begin behind, unless ours has begun already; "": only to look. */
static void begin(service_follower *f, const char *last) {
    f->fresh = last[0] != '\0';
    const vp_str args[] = {vp_str_of(f->key), vp_str_of(f->seen), vp_str_of(last)};
    ask_own(f, BEGIN, "begin", 3, args);
}

static void look(service_follower *f) {
    f->seen[0] = '\0';
    begin(f, "");
}

static void ask_last(service_follower *f, bool beginning) {
    f->beginning = beginning;
    const vp_str argv[] = {VP_STR("XREVRANGE"), vp_str_of(f->stream), VP_STR("+"),
                           VP_STR("-"),         VP_STR("COUNT"),      VP_STR("1")};
    f->checked_ms = vp_clock_ms();
    ask_source(f, LAST, 6, argv);
}

/* Something is missing: all facts are to be looked through. */
static void begin_anew(service_follower *f) {
    vp_log(VP_LOG_INFO, NULL, "%s: events are missing after %lld", f->stream, (long long)f->at);
    snprintf(f->seen, sizeof f->seen, "%lld", (long long)f->at);
    ask_last(f, true);
}

static void ask_events(service_follower *f) {
    char from[NUMBER + 2], some[NUMBER];
    snprintf(from, sizeof from, "0-%lld", (long long)f->at);
    snprintf(some, sizeof some, "%d", ROUND);
    const vp_str argv[] = {VP_STR("XREAD"),   VP_STR("COUNT"),      vp_str_of(some),
                           VP_STR("STREAMS"), vp_str_of(f->stream), vp_str_of(from)};
    ask_source(f, EVENTS, 6, argv);
}

static void ask_facts(service_follower *f) {
    vp_str argv[ROUND + 1] = {VP_STR("MGET")};
    int n = 1;
    f->keys_end = f->keys_at;
    while (f->keys_end < f->keys->elements && n <= ROUND) {
        const redisReply *key = f->keys->element[f->keys_end++];
        argv[n++] = vp_str_n(key->str, key->type == REDIS_REPLY_STRING ? (size_t)key->len : 0);
    }
    ask_source(f, FACTS, n, argv);
}

static void ask_scan(service_follower *f) {
    char match[KEY], some[NUMBER];
    snprintf(match, sizeof match, "%s*", f->source->facts);
    snprintf(some, sizeof some, "%d", ROUND);
    const vp_str argv[] = {VP_STR("SCAN"),   vp_str_of(f->scan), VP_STR("MATCH"),
                           vp_str_of(match), VP_STR("COUNT"),    vp_str_of(some)};
    ask_source(f, SCAN, 6, argv);
}

static void read_on(service_follower *f) {
    f->scan_next = f->scan[0] && !f->scan_next;
    if (!f->scan_next)
        ask_events(f);
    else if (f->keys)
        ask_facts(f);
    else
        ask_scan(f);
}

/* -- answers of the source ------------------------------------------------------------------- */

static vp_str text_of(const redisReply *r) {
    return r->type == REDIS_REPLY_STRING ? vp_str_n(r->str, (size_t)r->len) : (vp_str){0};
}

static const redisReply *nth(const redisReply *r, size_t i) {
    return r && r->type == REDIS_REPLY_ARRAY && i < r->elements ? r->element[i] : NULL;
}

/* "0-17"; -1 for anything else. */
static int64_t event_number(const redisReply *entry) {
    const redisReply *id = nth(entry, 0);
    vp_str s = id ? text_of(id) : (vp_str){0};
    int64_t n;
    if (!vp_str_starts(s, VP_STR("0-"))) return -1;
    return vp_str_int(vp_str_n(s.p + 2, s.n - 2), 0, INT64_MAX, &n) ? -1 : n;
}

static vp_str event_field(const redisReply *entry, vp_str name) {
    const redisReply *fields = nth(entry, 1);
    for (size_t i = 0; nth(fields, i + 1); i += 2)
        if (vp_str_eq(text_of(nth(fields, i)), name)) return text_of(nth(fields, i + 1));
    return (vp_str){0};
}

static void on_run(service_follower *f, const redisReply *r) {
    char run[MASTER_LEN + 1];
    if (!service_run_id(r, run)) {
        restart(f, ERROR_MS);
    } else if (!strcmp(run, f->service->master) && vp_link_db(f->link) == f->own_db) {
        f->stage = SAME;
    } else {
        snprintf(f->key, sizeof f->key, "follow:%s:%s", f->source->name, run);
        look(f);
    }
}

/* The last event, or none yet. Before what ours has: the stream is another one. Else it is still
 * the same; whether ours still knows how far it was read is looked up, too. */
static void on_last(service_follower *f, const redisReply *r) {
    const redisReply *entry = nth(r, 0);
    int64_t n = entry ? event_number(entry) : 0;
    char last[NUMBER];
    snprintf(last, sizeof last, "%lld", (long long)(n < 0 ? 0 : n));
    if (f->beginning)
        begin(f, last);
    else if (n < f->at)
        begin_anew(f);
    else
        look(f);
}

static vp_str revision_word(const service_follower *f) {
    return f->source->revision == 1 ? VP_STR("1") : VP_STR("2");
}

/* What ours is to take, in the order of the function's arguments. */
typedef struct parcel {
    char from[NUMBER], to[NUMBER], cursor[NUMBER];
    int n;
    vp_str arg[7 + 2 * ROUND];
} parcel;

static void parcel_init(parcel *p, const service_follower *f) {
    const vp_str head[] = {vp_str_of(f->key), vp_str_of(f->source->facts), revision_word(f)};
    memset(p->arg, 0, sizeof p->arg);
    memcpy(p->arg, head, sizeof head);
    p->n = 7;
}

static void parcel_add(parcel *p, vp_str id, vp_str fact) {
    if (!vp_ulid_valid(id) || !fact.n) return;
    p->arg[p->n++] = id;
    p->arg[p->n++] = fact;
}

static void observe_lag(service_follower *f, const redisReply *entry) {
    int64_t at;
    if (vp_str_int(event_field(entry, VP_STR("at")), 0, INT64_MAX / 2000, &at)) return;
    int64_t lag = vp_service_now(f->service) - at;
    vp_metric_own_observe(&f->metric[COUNT_LAG], lag > 0 ? lag * 1000 : 0);
}

static void on_events(service_follower *f, const redisReply *r) {
    const redisReply *entries = nth(nth(r, 0), 1);
    parcel p;
    int64_t last = f->at;
    if (!entries || !entries->elements) {
        if (vp_clock_ms() - f->checked_ms >= CHECK_MS)
            ask_last(f, false);
        else
            rest(f, f->scan[0] ? 0 : READ_MS);
        return;
    }
    parcel_init(&p, f);
    for (size_t i = 0; i < entries->elements && i < ROUND; i++) {
        const redisReply *entry = entries->element[i];
        if (event_number(entry) != last + 1) {
            begin_anew(f);
            return;
        }
        last++;
        parcel_add(&p, event_field(entry, VP_STR("id")), event_field(entry, VP_STR("fact")));
        observe_lag(f, entry);
    }
    vp_metric_own_add(&f->metric[COUNT_EVENTS], last - f->at);
    snprintf(p.from, sizeof p.from, "%lld", (long long)f->at);
    snprintf(p.to, sizeof p.to, "%lld", (long long)last);
    p.arg[3] = vp_str_of(p.from);
    p.arg[4] = vp_str_of(p.to);
    ask_own(f, LEARN, "follow", p.n, p.arg);
}

/* The values of the keys that were asked for. With the last of them the scan's cursor moves on. */
static void take_facts(service_follower *f, const redisReply *values) {
    size_t skip = strlen(f->source->facts);
    parcel p;
    parcel_init(&p, f);
    for (size_t i = 0; f->keys_at < f->keys_end; i++, f->keys_at++) {
        vp_str key = text_of(f->keys->element[f->keys_at]);
        const redisReply *value = nth(values, i);
        if (value && key.n > skip) /* none: it is no text, or gone */
            parcel_add(&p, vp_str_n(key.p + skip, key.n - skip), text_of(value));
    }
    if (f->keys_at == f->keys->elements) {
        p.arg[5] = vp_str_of(f->scan);
        p.arg[6] = vp_str_of(f->scan_to);
    }
    ask_own(f, LEARN, "follow", p.n, p.arg);
}

static void on_scan(service_follower *f, redisReply *r) {
    const redisReply *cursor = nth(r, 0), *keys = nth(r, 1);
    if (!cursor || !keys || text_of(cursor).n >= NUMBER || keys->type != REDIS_REPLY_ARRAY) {
        restart(f, ERROR_MS);
        return;
    }
    bool more = strcmp(cursor->str, "0") != 0;
    snprintf(f->scan_to, sizeof f->scan_to, "%s", more ? cursor->str : "");
    f->keys = r->element[1];
    r->element[1] = NULL; /* freeReplyObject passes over what is not there */
    f->keys_at = f->keys_end = 0;
    if (f->keys->elements)
        ask_facts(f);
    else
        take_facts(f, NULL);
}

static void refused(service_follower *f, const char *where, const char *text) {
    vp_service *s = f->service;
    int64_t now = vp_clock_ms();
    if (now - f->told_ms >= TELL_MS)
        vp_log(VP_LOG_WARN, NULL, "%s: %s redis: %s", f->stream, where, text);
    if (now - f->told_ms >= TELL_MS) f->told_ms = now;
    restart(f, ERROR_MS);
    if (where[0] != 'o') return;
    if (strstr(text, "Function not found") && !s->setup_owed) service_load_functions(s);
    service_heed(s, text);
}

/* -- a call's question ------------------------------------------------------------------------ */

vp_known vp_call_refresh(vp_call *call, int source, vp_str id) {
    slot *k = (slot *)call; /* its first member */
    service_follower *f = call->service->follower[source];
    char key[KEY];
    if (!f->link || f->stage == SAME) return VP_KNOWN;
    if (k->fetched) return k->unsure ? VP_UNSURE : VP_KNOWN;
    assert(id.n == VP_ULID_LEN && k->owed == 0);
    snprintf(key, sizeof key, "%s%.*s", f->source->facts, (int)id.n, id.p);
    const vp_link_asked to = {.what = FETCH, .whose = k};
    if (!vp_link_ask(f->link, to, 2, (const vp_str[]){VP_STR("GET"), vp_str_of(key)}))
        return VP_UNSURE;
    vp_metric_own_add(&f->metric[COUNT_ASKED], 1);
    snprintf(k->fetched_id, sizeof k->fetched_id, "%.*s", (int)id.n, id.p);
    k->fetched = k->abroad = true;
    k->unsure = false;
    return VP_ASKING;
}

/* The call is prepared again, behind what ours is told here, on the same connection. */
static void on_fetched(service_follower *f, slot *k, const redisReply *r) {
    k->abroad = false;
    k->unsure = !r || r->type == REDIS_REPLY_ERROR;
    if (r && r->type == REDIS_REPLY_STRING) {
        const vp_str args[] = {vp_str_of(f->source->facts), revision_word(f),
                               vp_str_of(k->fetched_id), text_of(r)};
        unsigned turn = f->turn;
        f->turn = 0; /* nobody waits for the answer */
        k->unsure = !call_own(f, "learn", 4, args);
        f->turn = turn;
    }
    service_again(f->service, k);
}

/* -- the link ---------------------------------------------------------------------------------- */

static void on_up(void *follower) {
    restart(follower, 0);
}

static void on_heard(void *follower, vp_link_asked to, redisReply *r) {
    service_follower *f = follower;
    if (r) f->heard_ms = vp_clock_ms();
    if (to.what == FETCH) {
        on_fetched(f, to.whose, r);
        return;
    }
    if (!r || to.turn != f->turn) return;
    if (r->type == REDIS_REPLY_ERROR) {
        refused(f, "their", r->str);
        return;
    }
    switch ((stage)to.what) {
    case RUN: on_run(f, r); break;
    case LAST: on_last(f, r); break;
    case EVENTS: on_events(f, r); break;
    case SCAN: on_scan(f, r); break;
    case FACTS: take_facts(f, r); break;
    default: break;
    }
}

static void on_lost(void *follower, const char *why) {
    service_follower *f = follower;
    vp_log(VP_LOG_WARN, NULL, "%s: %s", f->stream, why);
    restart(f, 0);
}

/* -- answers of ours --------------------------------------------------------------------------- */

/* [at, scan] as ours now has them; others may have gone further. */
static bool adopt(service_follower *f, const redisReply *r) {
    const redisReply *at = nth(r, 0), *scan = nth(r, 1);
    int64_t n;
    if (!at || !scan || vp_str_int(text_of(at), 0, INT64_MAX, &n)) return false;
    vp_str cursor = text_of(scan);
    bool moved = !vp_str_eq(cursor, vp_str_of(f->scan));
    if (f->keys && (moved || f->keys_at == f->keys->elements)) {
        freeReplyObject(f->keys);
        f->keys = NULL;
    }
    if (moved && !cursor.n) vp_log(VP_LOG_INFO, NULL, "%s: all facts are here", f->stream);
    f->at = n;
    snprintf(f->scan, sizeof f->scan, "%.*s", (int)cursor.n, cursor.n ? cursor.p : "");
    return true;
}

void service_events_reply(service_follower *f, unsigned turn, const redisReply *r) {
    if (r->type == REDIS_REPLY_ERROR) {
        refused(f, "our", r->str);
        return;
    }
    if (turn != f->turn) return;
    bool beginning = f->stage == BEGIN;
    if (beginning) f->scan[0] = '\0';
    if (adopt(f, r)) {
        if (beginning && f->fresh && !strcmp(f->scan, "0"))
            vp_metric_own_add(&f->metric[COUNT_SCANS], 1);
        rest(f, beginning ? READ_MS : 0);
    } else if (beginning) {
        ask_last(f, true);
    } else { /* it was forgotten meanwhile */
        restart(f, 0);
    }
}

/* -- life -------------------------------------------------------------------------------------- */

static vp_err follower_new(vp_service *s, int i, const vp_service_options *o, vp_fault *why) {
    service_follower *f = s->follower[i] = vp_calloc(1, sizeof *f);
    const char *url = o->source_url[i];
    const vp_link_handler handler = {.up = on_up, .heard = on_heard, .lost = on_lost, .user = f};
    vp_store_url own;
    f->service = s;
    f->source = &s->def->sources[i];
    f->heard_ms = vp_clock_ms();
    assert(f->source->revision == 1 || f->source->revision == 2);
    snprintf(f->stream, sizeof f->stream, "events:%s", f->source->name);
    snprintf(f->label, sizeof f->label, "source=\"%.32s\"", f->source->name);
    for (int m = 0; m < COUNTS; m++) {
        f->metric[m] = table[m];
        f->metric[m].labels = f->label;
    }
    if (!url || !url[0] || !strcmp(url, o->redis_url)) return VP_OK;
    vp_err rc = vp_store_url_read(o->redis_url, &own, why);
    f->own_db = own.db;
    explicit_bzero(&own, sizeof own);
    return rc ? rc : vp_link_new(&f->link, url, &handler, why);
}

vp_err service_events_new(vp_service *s, const vp_service_options *o, vp_fault *why) {
    vp_err rc = VP_OK;
    for (int i = 0; s->def->sources && s->def->sources[i].name && !rc; i++) {
        assert(i < VP_SERVICE_SOURCES);
        rc = follower_new(s, i, o, why);
    }
    return rc;
}

void service_events_destroy(vp_service *s) {
    for (int i = 0; i < VP_SERVICE_SOURCES; i++) {
        service_follower *f = s->follower[i];
        if (!f) continue;
        vp_link_destroy(&f->link);
        if (f->keys) freeReplyObject(f->keys);
        free(f);
        s->follower[i] = NULL;
    }
}

void service_events_turn(vp_service *s) {
    for (int i = 0; i < VP_SERVICE_SOURCES && s->follower[i]; i++) {
        service_follower *f = s->follower[i];
        if (!f->link) continue;
        bool ready = service_serving(s) && vp_link_up(f->link);
        if (!ready && f->stage != AWAY) restart(f, 0);
        if (ready && vp_clock_ms() >= f->next_ms) {
            if (f->stage == AWAY)
                ask_source(f, RUN, 2, (const vp_str[]){VP_STR("INFO"), VP_STR("server")});
            else if (f->stage == REST)
                read_on(f);
        }
        vp_link_turn(f->link);
    }
}

int64_t service_events_next(const vp_service *s) {
    int64_t next = INT64_MAX;
    for (int i = 0; i < VP_SERVICE_SOURCES && s->follower[i]; i++) {
        const service_follower *f = s->follower[i];
        if (f->link && vp_link_up(f->link) && (f->stage == REST || f->stage == AWAY) &&
            f->next_ms < next)
            next = f->next_ms;
    }
    return next;
}

vp_link *service_events_link(const vp_service *s, int i) {
    return s->follower[i] ? s->follower[i]->link : NULL;
}

void service_events_metrics(vp_service *s, vp_buf *out) {
    for (int m = 0; m < COUNTS; m++) {
        const char *last = NULL;
        for (int i = 0; i < VP_SERVICE_SOURCES && s->follower[i]; i++) {
            service_follower *f = s->follower[i];
            bool idle = !f->link || f->stage == SAME;
            int64_t silent = idle ? 0 : (vp_clock_ms() - f->heard_ms) / 1000;
            vp_metric_set(&f->metric[COUNT_SILENT], silent);
            vp_metrics_write_row(out, &f->metric[m], &last);
        }
    }
}
