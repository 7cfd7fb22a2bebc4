/* http_load.c - many connections that ask one thing again and again, and meanwhile a new connection
 * every 50 ms, as a reader who comes just then.
 *   http-load port=N connections=N seconds=N path=/... [rate=N] [tls=1] [body={...}] [key=WORD]
 * rate=0, a closed loop: each connection asks again once it is answered; counted is what is
 * answered after all are connected. rate=N, an open loop: N requests a second fall due whatever
 * becomes of those before them, and time counts from then, also while all connections are busy.
 * With a body it is a POST, each with an Idempotency-Key of its own. Clients have 64 addresses.
 * Prints one line of JSON. SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "mem.h"

enum {
    ADDRESSES = 64,
    OPENING_MAX = 128, /* connections that are being opened at once, at the beginning */
    PROBE_US = 50000,
    PROBES = 400, /* in flight at once: none is waited for longer than ANSWER_US */
    ANSWER_US = 15000000,
    RAMP_US = 60000000,
    HEAD_MAX = 4096,
    OUT_MAX = 2048,
    STATUSES = 600,
    STEPS = 64, /* of a histogram, from one power of two to the next */
    BUCKETS = 32 * STEPS
};

typedef struct hist {
    int64_t bucket[BUCKETS], n, max;
} hist;

typedef enum state { OFF, OPENING, IDLE, BUSY } state;

typedef struct conn {
    state is;
    int fd, index;
    SSL *ssl;
    bool asked, probe, again, ramped; /* asked: a request is on its way or waits to be sent */
    int64_t due_us, number;
    char out[OUT_MAX], head[HEAD_MAX];
    size_t out_n, out_at, head_n;
    bool whole_head, closes, retry_after;
    int status;
    int64_t left;
} conn;

typedef struct load {
    int64_t port, connections, seconds, rate, tls, pid;
    const char *path, *body, *key;
    int epoll;
    SSL_CTX *ssl;
    conn *all;  /* connections, then PROBES more */
    int *spare; /* ring: indices of those that are not asked, who was so for longest first */
    int n_spare, first_spare, n_started, opening, n_ramped;
    int64_t start_us, begin_us, end_us, probed_us, number;
    int64_t due, sent, again, failed, unanswered, without_retry, opened;
    int64_t status[STATUSES], probe_status[STATUSES];
    int64_t probes, probes_failed;
    hist good, shed, probe;
} load;

/* -- numbers ---------------------------------------------------------------------------------- */

static int bucket_of(int64_t us) {
    uint64_t v = us < STEPS ? STEPS : (uint64_t)us;
    int power = 63 - __builtin_clzll(v);
    int at = (power - 6) * STEPS + (int)(v * STEPS / (1ULL << power)) - STEPS;
    return at < BUCKETS ? at : BUCKETS - 1;
}

static void hist_add(hist *h, int64_t us) {
    h->bucket[bucket_of(us)]++;
    h->n++;
    if (us > h->max) h->max = us;
}

static double hist_ms(const hist *h, double share) {
    int64_t want = (int64_t)((double)h->n * share), seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen > want) return (double)(1LL << (i / STEPS)) * (STEPS + i % STEPS + 1) / 1000.0;
    }
    return 0;
}

static void print_hist(const char *name, const hist *h) {
    printf(",\"%s\":{\"n\":%lld,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", name, (long long)h->n,
           hist_ms(h, 0.5), hist_ms(h, 0.99), (double)h->max / 1000.0);
}

static void print_statuses(const char *name, const int64_t status[STATUSES]) {
    const char *comma = "";
    printf(",\"%s\":{", name);
    for (int i = 0; i < STATUSES; i++) {
        if (!status[i]) continue;
        printf("%s\"%d\":%lld", comma, i, (long long)status[i]);
        comma = ",";
    }
    printf("}");
}

/* -- connections --------------------------------------------------------------------------------
 */

static void watch(load *l, conn *c, bool writing, int op) {
    struct epoll_event event = {.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c};
    epoll_ctl(l->epoll, op, c->fd, &event);
}

static void close_conn(load *l, conn *c) {
    if (c->is == OFF) return;
    if (c->is == OPENING) l->opening--;
    if (c->ssl) SSL_free(c->ssl);
    c->ssl = NULL;
    close(c->fd);
    c->is = OFF;
}

static bool open_conn(load *l, conn *c) {
    const int one = 1;
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0) return false;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(c->index % ADDRESSES));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)l->port);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) ||
        (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)) {
        close(c->fd);
        return false;
    }
    if (l->ssl) {
        c->ssl = SSL_new(l->ssl);
        SSL_set_fd(c->ssl, c->fd);
        SSL_set_connect_state(c->ssl);
    }
    c->is = OPENING;
    l->opening++;
    l->opened++;
    watch(l, c, true, EPOLL_CTL_ADD);
    return true;
}

/* What a read or write that gave n left to do: bytes, 0 for later, -1 for the end. */
static ssize_t result(conn *c, ssize_t n) {
    if (n > 0) return n;
    if (!c->ssl) return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    int why = SSL_get_error(c->ssl, (int)n);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static bool write_some(load *l, conn *c) {
    while (c->out_at < c->out_n) {
        const char *p = c->out + c->out_at;
        size_t n = c->out_n - c->out_at;
        ssize_t done = c->ssl ? SSL_write(c->ssl, p, (int)n) : send(c->fd, p, n, MSG_NOSIGNAL);
        done = result(c, done);
        if (done < 0) return false;
        if (done == 0) {
            watch(l, c, true, EPOLL_CTL_MOD);
            return true;
        }
        c->out_at += (size_t)done;
    }
    return true;
}

static void make_request(load *l, conn *c) {
    bool post = l->body && !c->probe;
    int n = snprintf(c->out, OUT_MAX, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n",
                     post ? "POST" : "GET", l->path);
    if (post)
        n += snprintf(c->out + n, OUT_MAX - (size_t)n,
                      "Content-Type: application/json\r\nIdempotency-Key: %s-%lld\r\n"
                      "Content-Length: %zu\r\n\r\n%s",
                      l->key, (long long)c->number, strlen(l->body), l->body);
    else
        n += snprintf(c->out + n, OUT_MAX - (size_t)n, "\r\n");
    c->out_n = (size_t)n;
}

static bool begin_request(load *l, conn *c) {
    c->is = BUSY;
    c->out_at = c->head_n = 0;
    c->whole_head = c->closes = c->retry_after = false;
    return write_some(l, c);
}

/* -- requests -----------------------------------------------------------------------------------
 */

static void ask(load *l, conn *c, int64_t due_us);

static void spare_add(load *l, int index) {
    l->spare[(l->first_spare + l->n_spare++) % l->connections] = index;
}

static int spare_take(load *l) {
    int index = l->spare[l->first_spare];
    l->first_spare = (l->first_spare + 1) % (int)l->connections;
    l->n_spare--;
    return index;
}

/* It is free for another request. */
static void release(load *l, conn *c) {
    c->asked = c->again = false;
    if (c->probe) {
        close_conn(l, c);
        return;
    }
    if (!c->ramped) {
        c->ramped = true;
        l->n_ramped++;
    }
    if (!l->rate && vp_clock_us() < l->end_us)
        ask(l, c, vp_clock_us());
    else
        spare_add(l, c->index);
}

/* The connection ended. A request that had no byte of an answer is sent once more: the server may
 * have ended it, being idle, just as it was used again. */
static void lost(load *l, conn *c) {
    bool once_more = c->is == BUSY && !c->again && !c->probe && c->head_n == 0;
    close_conn(l, c);
    if (!c->asked) return;
    if (once_more) {
        c->again = true;
        l->again++;
        if (open_conn(l, c)) return;
    }
    if (c->probe)
        l->probes_failed++;
    else
        l->failed++;
    release(l, c);
}

static void ask(load *l, conn *c, int64_t due_us) {
    c->asked = true;
    c->due_us = due_us;
    c->number = l->number++;
    l->sent++;
    make_request(l, c);
    if (c->is == IDLE ? begin_request(l, c) : open_conn(l, c)) return;
    c->again = true; /* what cannot even be begun has failed */
    lost(l, c);
}

static void count_answer(load *l, const conn *c) {
    int64_t us = vp_clock_us() - c->due_us;
    int status = c->status >= 0 && c->status < STATUSES ? c->status : 0;
    if (status == 503 && !c->retry_after) l->without_retry++;
    if (c->probe) {
        l->probe_status[status]++;
        hist_add(&l->probe, us);
        return;
    }
    l->status[status]++;
    if (!l->begin_us || vp_clock_us() > l->end_us) return;
    if (status / 100 == 2) hist_add(&l->good, us);
    if (status == 503) hist_add(&l->shed, us);
}

static void answered(load *l, conn *c) {
    count_answer(l, c);
    if (c->closes)
        close_conn(l, c);
    else
        c->is = IDLE;
    release(l, c);
}

static bool has_line(const char *head, const char *line) {
    return strcasestr(head, line) != NULL;
}

static void read_head(conn *c) {
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    int64_t n = 0;
    if (length) n = strtoll(length + 17, NULL, 10);
    c->status = (int)strtol(c->head + 9, NULL, 10);
    c->left = n;
    c->closes = has_line(c->head, "\r\nconnection: close");
    c->retry_after = has_line(c->head, "\r\nretry-after:");
}

/* Takes bytes of an answer; true when it is whole. What does not fit a head ends the connection. */
static bool feed(conn *c, const char *p, size_t n) {
    if (c->whole_head) {
        c->left -= (int64_t)n;
        return c->left <= 0;
    }
    size_t take = n < HEAD_MAX - 1 - c->head_n ? n : HEAD_MAX - 1 - c->head_n;
    memcpy(c->head + c->head_n, p, take);
    c->head_n += take;
    c->head[c->head_n] = '\0';
    const char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return false;
    size_t before = c->head_n - take, head = (size_t)(end + 4 - c->head);
    read_head(c);
    c->whole_head = true;
    c->left -= (int64_t)(n - (head - before));
    return c->left <= 0;
}

static void read_some(load *l, conn *c) {
    char chunk[16384];
    while (c->is == BUSY || c->is == IDLE) {
        ssize_t n =
            c->ssl ? SSL_read(c->ssl, chunk, sizeof chunk) : recv(c->fd, chunk, sizeof chunk, 0);
        n = result(c, n);
        if (n == 0) return;
        if (n < 0 || c->is == IDLE || (!c->whole_head && c->head_n == HEAD_MAX - 1)) {
            lost(l, c);
            return;
        }
        if (feed(c, chunk, (size_t)n)) {
            answered(l, c);
            return;
        }
    }
}

static void opened(load *l, conn *c) {
    if (c->ssl) {
        ssize_t n = result(c, SSL_do_handshake(c->ssl));
        if (n < 0) lost(l, c);
        if (n == 0) watch(l, c, SSL_want_write(c->ssl), EPOLL_CTL_MOD);
        if (n <= 0) return;
    }
    l->opening--;
    c->is = IDLE;
    watch(l, c, false, EPOLL_CTL_MOD);
    if (c->asked && !begin_request(l, c)) lost(l, c);
}

static void event(load *l, conn *c, uint32_t what) {
    int error = 0;
    socklen_t n = sizeof error;
    if (c->is == OFF) return;
    if (c->is == OPENING) {
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) || error)
            lost(l, c);
        else
            opened(l, c);
        return;
    }
    if ((what & EPOLLOUT) && c->is == BUSY && c->out_at < c->out_n) {
        watch(l, c, false, EPOLL_CTL_MOD);
        if (!write_some(l, c)) {
            lost(l, c);
            return;
        }
    }
    if (what & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_some(l, c);
}

/* -- the run ------------------------------------------------------------------------------------
 */

static void new_reader(load *l, int64_t now) {
    if (now - l->probed_us < PROBE_US || now > l->end_us) return;
    l->probed_us = now;
    for (int i = 0; i < PROBES; i++) {
        conn *c = &l->all[l->connections + i];
        if (c->asked) continue;
        l->probes++;
        ask(l, c, now);
        return;
    }
}

static void give_up(load *l, int64_t now) {
    for (int i = 0; i < l->connections + PROBES; i++) {
        conn *c = &l->all[i];
        if (!c->asked || now - c->due_us < ANSWER_US) continue;
        l->unanswered++;
        close_conn(l, c);
        release(l, c);
    }
}

/* Those that fall due go to whoever is free; time counts from when they were due. */
static void what_is_due(load *l, int64_t now) {
    int64_t last = now < l->end_us ? now : l->end_us;
    while (l->n_spare) {
        int64_t due_us = l->begin_us + l->due * 1000000 / l->rate;
        if (due_us > last) return;
        l->due++;
        ask(l, &l->all[spare_take(l)], due_us);
    }
}

static void begin(load *l, int64_t now) {
    l->begin_us = now;
    l->end_us = now + l->seconds * 1000000;
}

static void step(load *l, int wait_ms) {
    struct epoll_event news[256];
    int n = epoll_wait(l->epoll, news, 256, wait_ms);
    for (int i = 0; i < n; i++) event(l, news[i].data.ptr, news[i].events);
}

static bool is_quiet(const load *l) {
    for (int i = 0; i < l->connections + PROBES; i++)
        if (l->all[i].asked) return false;
    return true;
}

/* False: not all could be connected. */
static bool run(load *l) {
    int64_t looked = 0;
    l->start_us = vp_clock_us();
    l->end_us = INT64_MAX;
    for (;;) {
        int64_t now = vp_clock_us();
        if (!l->begin_us) {
            while (l->n_started < l->connections && l->opening < OPENING_MAX)
                ask(l, &l->all[l->n_started++], now);
            if (l->n_ramped == l->connections) begin(l, now);
            if (now - l->start_us > RAMP_US) return false;
        } else {
            new_reader(l, now);
            if (l->rate) what_is_due(l, now);
        }
        if (now - looked > 250000) {
            looked = now;
            give_up(l, now);
            if (now > l->end_us && (is_quiet(l) || now > l->end_us + 2 * ANSWER_US)) return true;
        }
        step(l, 1);
    }
}

static void report(const load *l) {
    double seconds = (double)l->seconds;
    int64_t unsent = l->rate ? l->seconds * l->rate - l->due : 0;
    printf("{\"connections\":%lld,\"ramp_s\":%.1f,\"rate\":%.0f,\"shed_rate\":%.0f,\"sent\":%lld,"
           "\"unsent\":%lld,\"opened\":%lld,\"again\":%lld,\"failed\":%lld,\"unanswered\":%lld,"
           "\"without_retry_after\":%lld",
           (long long)l->connections, (double)(l->begin_us - l->start_us) / 1e6,
           (double)l->good.n / seconds, (double)l->shed.n / seconds, (long long)l->sent,
           (long long)unsent, (long long)l->opened, (long long)l->again, (long long)l->failed,
           (long long)l->unanswered, (long long)l->without_retry);
    print_statuses("status", l->status);
    print_statuses("probe_status", l->probe_status);
    printf(",\"probes\":%lld,\"probes_failed\":%lld", (long long)l->probes,
           (long long)l->probes_failed);
    print_hist("good", &l->good);
    print_hist("shed", &l->shed);
    print_hist("probe", &l->probe);
    printf("}\n");
}

static bool read_arguments(load *l, int argc, char **argv) {
    const struct {
        const char *name;
        int64_t *number, max;
        const char **text;
    } row[] = {
        {"port", &l->port, 65535, NULL},     {"connections", &l->connections, 100000, NULL},
        {"seconds", &l->seconds, 600, NULL}, {"rate", &l->rate, 1000000, NULL},
        {"tls", &l->tls, 1, NULL},           {"path", NULL, 0, &l->path},
        {"body", NULL, 0, &l->body},         {"key", NULL, 0, &l->key},
    };
    for (int i = 1; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        bool known = false;
        for (size_t k = 0; equals && k < sizeof row / sizeof *row; k++) {
            if (!vp_str_eq(vp_str_n(argv[i], (size_t)(equals - argv[i])), vp_str_of(row[k].name)))
                continue;
            known =
                !row[k].number || !vp_str_int(vp_str_of(equals + 1), 0, row[k].max, row[k].number);
            if (row[k].text) *row[k].text = equals + 1;
        }
        if (!known) return false;
    }
    return l->port && l->connections && l->seconds && l->path && strlen(l->path) < 512 &&
           (!l->body || strlen(l->body) < 1024);
}

int main(int argc, char **argv) {
    static load l = {.key = "k"};
    struct rlimit files;
    if (!read_arguments(&l, argc, argv)) {
        fprintf(stderr, "usage: see tests/bench/http_load.c\n");
        return 2;
    }
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (l.tls) l.ssl = SSL_CTX_new(TLS_client_method()); /* this machine's; no certificate counts */
    size_t n = (size_t)l.connections + PROBES;
    l.all = vp_calloc(n, sizeof *l.all);
    l.spare = vp_calloc(n, sizeof *l.spare);
    for (size_t i = 0; i < n; i++) {
        l.all[i].index = (int)i;
        l.all[i].probe = i >= (size_t)l.connections;
    }
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    bool good = run(&l);
    report(&l);
    for (size_t i = 0; i < n; i++) close_conn(&l, &l.all[i]);
    SSL_CTX_free(l.ssl);
    close(l.epoll);
    free(l.all);
    free(l.spare);
    return good ? 0 : 1;
}
