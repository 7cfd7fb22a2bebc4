/* answer.c - from a request's head to a stream, or to an answer that ends the connection.
 * SPDX-License-Identifier: MIT */
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"
#include "mem.h"
#include "streams_private.h"
#include "ulid.h"

enum { ANSWER_MAX = 4096, METRICS_MAX = 32 * 1024, GREETING_MAX = 32 * 1024 };

/* What every answer begins with. */
static const char common_fields[] = "Cache-Control: no-store\r\n"
                                    "X-Content-Type-Options: nosniff\r\n"
                                    "Connection: close\r\n";
/* Cookies play no part at the public door, so any site may read what it says; what the admin's says
 * none may. */
static const char public_fields[] = "Access-Control-Allow-Origin: *\r\n";

static const struct {
    int status;
    const char *reason, *fields;
} statuses[] = {
    {200, "OK", ""},
    {204, "No Content",
     "Access-Control-Allow-Methods: GET, HEAD\r\n"
     "Access-Control-Allow-Headers: Last-Event-ID, Cache-Control\r\n"
     "Access-Control-Max-Age: 86400\r\n"},
    {400, "Bad Request", ""},
    {404, "Not Found", ""},
    {405, "Method Not Allowed", "Allow: GET, HEAD, OPTIONS\r\n"},
    {429, "Too Many Requests", "Retry-After: 10\r\n"},
    {431, "Request Header Fields Too Large", ""},
    {503, "Service Unavailable", "Retry-After: 5\r\n"},
};

static size_t status_row(int status) {
    size_t i = 0;
    while (i + 1 < sizeof statuses / sizeof *statuses && statuses[i].status != status) i++;
    return i;
}

static void add_head(const live_stream *w, vp_buf *out, int status, const char *id) {
    char date[40];
    struct tm t;
    time_t now = time(NULL);
    size_t row = status_row(status);
    gmtime_r(&now, &t);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &t);
    vp_buf_addf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\nX-Request-Id: %s\r\n", status,
                statuses[row].reason, date, id);
    vp_buf_adds(out, common_fields);
    if (!w->admin) vp_buf_adds(out, public_fields);
    vp_buf_adds(out, statuses[row].fields);
}

static void make_id(char id[VP_ULID_LEN + 1]) {
    uint8_t bytes[VP_ULID_BYTES];
    vp_ulid_fast(vp_clock_wall(), bytes);
    vp_ulid_text(bytes, id);
}

/* A fresh socket takes a short answer whole. Then the client is given time to read it: closing
 * over bytes that it still sends would destroy the answer. */
static void finish(live_stream *w, const vp_buf *answer) {
    ssize_t n =
        send(event_get_fd(&w->event), answer->data, answer->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0)
        stream_close(w);
    else
        stream_end(w);
}

static void answer(live_stream *w, int status, const char *type, const vp_buf *body,
                   bool head_only) {
    char id[VP_ULID_LEN + 1];
    vp_buf out;
    make_id(id);
    vp_buf_init(&out, ANSWER_MAX + METRICS_MAX);
    add_head(w, &out, status, id);
    if (type) vp_buf_addf(&out, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, body->len);
    vp_buf_adds(&out, "\r\n");
    if (type && !head_only) vp_buf_add_str(&out, vp_buf_str(body));
    finish(w, &out);
    vp_buf_release(&out);
}

static void problem(live_stream *w, int status, const char *detail, bool head_only) {
    vp_buf body;
    vp_buf_init(&body, ANSWER_MAX);
    vp_buf_adds(&body, "{\"type\":\"about:blank\",\"title\":");
    vp_buf_add_json(&body, vp_str_of(statuses[status_row(status)].reason));
    vp_buf_addf(&body, ",\"status\":%d,\"detail\":", status);
    vp_buf_add_json(&body, vp_str_of(detail));
    vp_buf_addc(&body, '}');
    answer(w, status, "application/problem+json", &body, head_only);
    vp_buf_release(&body);
}

void stream_refuse(live_stream *w, int status, const char *detail) {
    live_count(status == 429   ? LIVE_M_REFUSED_ADDRESS
               : status == 503 ? LIVE_M_REFUSED_FULL
                               : LIVE_M_REFUSED_HEAD,
               1);
    problem(w, status, detail, false);
}

/* -- the stream ------------------------------------------------------------------------------- */

static void greet(const live_stream *w, vp_buf *out) {
    char id[VP_ULID_LEN + 1];
    make_id(id);
    add_head(w, out, 200, id);
    vp_buf_adds(out, "Content-Type: text/event-stream\r\nX-Accel-Buffering: no\r\n\r\n");
}

/* One topic more. What the watcher has already it is not sent again. */
static void add_watch(live_stream *w, board_topic *t, live_since since, uint64_t seq) {
    board_watch *watch = &w->watch[w->n_watches];
    watch->stream = w;
    watch->bit = UINT32_C(1) << w->n_watches++;
    board_watch_add(w->home->o.board, t, watch);
    if (!t->frame) return;
    if (since == LIVE_SINCE_SEQ && t->frame->state && t->frame->seq <= seq)
        w->told |= watch->bit;
    else
        w->dirty |= watch->bit;
}

/* The topic that the stream gets for one that it asked for; NULL: there is no room. */
static board_topic *enter_topic(const live_stream *w, vp_str name, bool sealed, int64_t now) {
    char text[VP_TOPIC_NAME_MAX + 1];
    return board_enter(w->home->o.board, sealed ? vp_topic_seal(name, text) : name, now);
}

static void add_watches(live_stream *w, const live_topics *topics, const live_unsealed *unsealed,
                        live_since since, uint64_t seq, vp_buf *greeting) {
    int64_t now = vp_clock_ms();
    w->watch = vp_calloc((size_t)topics->n, sizeof *w->watch);
    for (int i = 0; i < topics->n; i++) {
        vp_str name = vp_str_of(topics->item[i].name);
        bool valid = topics->item[i].valid, sealed = unsealed->topics >> i & 1;
        board_topic *t = valid ? enter_topic(w, name, sealed, now) : NULL;
        if (t)
            add_watch(w, t, since, seq);
        else
            board_problem_write(greeting, name, valid ? VP_EBUSY : VP_ENOTFOUND);
    }
}

static void count_tickets(const live_unsealed *u) {
    for (int i = 0; i < u->n; i++)
        live_count(u->ticket[i].err == VP_OK      ? LIVE_M_TICKETS_GOOD
                   : u->ticket[i].err == VP_EAWAY ? LIVE_M_TICKETS_UNCHECKED
                                                  : LIVE_M_TICKETS_REFUSED,
                   1);
}

/* What the stream's tickets are worth, now and for as long as it lives. */
static void unseal(live_stream *w, const live_tickets *tickets, const live_topics *topics,
                   live_unsealed *out) {
    keyring *keys = w->home->o.keyring;
    unseal_read(keyring_key(keys), tickets, topics, bus_now(w->home->o.bus), out);
    count_tickets(out);
    if (out->doubtful) keyring_doubt(keys);
}

/* Sealed topics have no numbers, and the last stream may have had other tickets: one with tickets
 * begins anew. */
static live_since since_of(const live_stream *w, const live_request *r, int n_tickets,
                           uint64_t *seq) {
    const board *b = w->home->o.board;
    live_since since = request_since(r, board_epoch(b), seq);
    if (since != LIVE_SINCE_SEQ) return since;
    if (*seq > board_seq(b)) return LIVE_SINCE_ELSEWHERE;
    return n_tickets ? LIVE_SINCE_START : since;
}

static void begin(live_stream *w, const live_request *r, const live_topics *topics,
                  const live_tickets *tickets) {
    uint64_t seq;
    live_since since = since_of(w, r, tickets->n, &seq);
    live_unsealed unsealed;
    vp_buf greeting;
    vp_buf_init(&greeting, GREETING_MAX);
    greet(w, &greeting);
    vp_buf_addf(&greeting, "retry: %d\n\n", STREAMS_RETRY_MS);
    if (since == LIVE_SINCE_ELSEWHERE) vp_buf_adds(&greeting, "event: reset\ndata: {}\n\n");
    unseal(w, tickets, topics, &unsealed);
    unseal_problems_write(&greeting, &unsealed, topics);
    add_watches(w, topics, &unsealed, since, seq, &greeting);
    w->pending = frame_of_bytes(vp_buf_str(&greeting), 0);
    vp_buf_release(&greeting);
    w->home->watchers++;
    vp_metric_set(&live_metric[LIVE_M_WATCHERS], w->home->watchers);
    live_count(LIVE_M_STREAMS, 1);
    stream_enter(w, STREAM_WATCHING);
    if (unsealed.topics)
        w->pass = passes_add(&w->home->passes, w, vp_clock_ms(),
                             unsealed.until_ms - bus_now(w->home->o.bus));
    stream_flush(w);
}

static bool enter_caller(live_stream *w, const live_request *r) {
    struct sockaddr_storage peer = {0};
    socklen_t n = sizeof peer;
    char text[HTTP_ADDRESS_LEN], client[HTTP_ADDRESS_LEN];
    if (getpeername(event_get_fd(&w->event), (struct sockaddr *)&peer, &n) ||
        getnameinfo((struct sockaddr *)&peer, n, text, sizeof text, NULL, 0, NI_NUMERICHOST))
        return true; /* it is gone already */
    http_address_client(&w->home->trusted, text, r->forwarded, r->n_forwarded, client);
    return vp_callers_enter(w->home->callers, client, &w->caller);
}

static void get_live(live_stream *w, const live_request *r) {
    live_topics topics;
    live_tickets tickets;
    vp_fault why = {0};
    if (request_topics(r->query, &topics, &why) || request_tickets(r->query, &tickets, &why))
        stream_refuse(w, 400, why.text);
    else if (w->home->watchers >= w->home->o.watchers_max)
        stream_refuse(w, 503, "This hub has as many watchers as it may have.");
    else if (!enter_caller(w, r))
        stream_refuse(w, 429, "This address has as many streams as it may have.");
    else
        begin(w, r, &topics, &tickets);
}

static void head_live(live_stream *w, const live_request *r) {
    vp_buf out;
    (void)r;
    vp_buf_init(&out, ANSWER_MAX);
    greet(w, &out);
    finish(w, &out);
    vp_buf_release(&out);
}

static void preflight(live_stream *w, const live_request *r) {
    (void)r;
    answer(w, 204, NULL, NULL, true);
}

/* -- health ----------------------------------------------------------------------------------- */

static void answer_text(live_stream *w, const live_request *r, int status, const vp_buf *text) {
    answer(w, status, "text/plain; version=0.0.4; charset=utf-8", text,
           vp_str_eq(r->method, VP_STR("HEAD")));
}

static void answer_word(live_stream *w, const live_request *r, int status, const char *word) {
    vp_buf body;
    vp_buf_init(&body, ANSWER_MAX);
    vp_buf_adds(&body, word);
    answer_text(w, r, status, &body);
    vp_buf_release(&body);
}

static void livez(live_stream *w, const live_request *r) {
    answer_word(w, r, 200, "alive\n");
}

/* Whether one more watcher would be served here. */
static void readyz(live_stream *w, const live_request *r) {
    const streams *s = w->home;
    if (s->watchers >= s->o.watchers_max)
        answer_word(w, r, 503, "full\n");
    else if (!bus_redis_up(s->o.bus))
        answer_word(w, r, 503, "without Redis\n");
    else
        answer_word(w, r, 200, "ready\n");
}

static void metrics(live_stream *w, const live_request *r) {
    vp_buf body;
    vp_buf_init(&body, METRICS_MAX);
    vp_metrics_write_build(&body);
    vp_metrics_write(&body, live_metric, LIVE_METRICS);
    bus_metrics(w->home->o.bus, &body);
    vp_metrics_write_process(&body);
    answer_text(w, r, 200, &body);
    vp_buf_release(&body);
}

/* -- where what is ---------------------------------------------------------------------------- */

enum { BOTH = STREAMS_PUBLIC | STREAMS_ADMIN };

static const struct {
    vp_str path, method;
    unsigned doors;
    void (*handle)(live_stream *w, const live_request *r);
} routes[] = {
    {VP_STR_INIT("/live"), VP_STR_INIT("GET"), STREAMS_PUBLIC, get_live},
    {VP_STR_INIT("/live"), VP_STR_INIT("HEAD"), STREAMS_PUBLIC, head_live},
    {VP_STR_INIT("/live"), VP_STR_INIT("OPTIONS"), STREAMS_PUBLIC, preflight},
    {VP_STR_INIT("/livez"), VP_STR_INIT("GET"), BOTH, livez},
    {VP_STR_INIT("/livez"), VP_STR_INIT("HEAD"), BOTH, livez},
    {VP_STR_INIT("/livez"), VP_STR_INIT("OPTIONS"), STREAMS_PUBLIC, preflight},
    {VP_STR_INIT("/readyz"), VP_STR_INIT("GET"), STREAMS_ADMIN, readyz},
    {VP_STR_INIT("/readyz"), VP_STR_INIT("HEAD"), STREAMS_ADMIN, readyz},
    {VP_STR_INIT("/metrics"), VP_STR_INIT("GET"), STREAMS_ADMIN, metrics},
    {VP_STR_INIT("/metrics"), VP_STR_INIT("HEAD"), STREAMS_ADMIN, metrics},
};

void stream_answer(live_stream *w, const live_request *r) {
    unsigned door = w->admin ? STREAMS_ADMIN : STREAMS_PUBLIC;
    bool known = false, head_only = vp_str_eq(r->method, VP_STR("HEAD"));
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!(routes[i].doors & door) || !vp_str_eq(routes[i].path, r->path)) continue;
        known = true;
        if (!vp_str_eq(routes[i].method, r->method)) continue;
        routes[i].handle(w, r);
        return;
    }
    live_count(LIVE_M_REFUSED_HEAD, 1);
    problem(w, known ? 405 : 404, known ? "Here one can only listen." : "Nothing is here.",
            head_only);
}
