/* curve_test.c - lists of keys, what is refused, what libzmq asks, and whom real sockets let in.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>
#include <zmq.h>

#include "log.h"
#include "mem.h"
#include "seal.h"
#include "zap.h"

enum { WAIT_MS = 10000, SILENCE_MS = 300 };

#define KEY_A "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7" /* of RFC 26 */
#define KEY_B "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"

/* -- lists ------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    bool commas;
    int n; /* -1: refused */
    const char *word;
} list_rows[] = {
    {"", false, 0, NULL},
    {"\n \n\t\r\n", false, 0, NULL},
    {KEY_A, false, 1, NULL},
    {KEY_A "\n", false, 1, NULL},
    {KEY_A "\r\n" KEY_B "\r\n", false, 2, NULL},
    {"  " KEY_A " gateway, the first\n# none\n\n" KEY_B "\tpolls", false, 2, NULL},
    {KEY_A "," KEY_B, true, 2, NULL},
    {"," KEY_A " a, " KEY_B " b,\n", true, 2, NULL},
    {KEY_A "," KEY_B, false, -1, "line 1"},
    {KEY_A "\n" KEY_B "x", false, -1, "line 2"},
    {KEY_A "\nshort", false, -1, "line 2"},
    {"~q:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", false, -1, "line 1"}, /* no such digit */
    {"#########################################\n" KEY_A, false, 1, NULL},
    {"%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%", false, -1, "line 1"}, /* over 32 bits */
};

static void reads_lists(void **state) {
    vp_curve_list *list = vp_alloc(sizeof *list);
    uint8_t a[VP_CURVE_KEY], b[VP_CURVE_KEY];
    assert_non_null(zmq_z85_decode(a, KEY_A));
    assert_non_null(zmq_z85_decode(b, KEY_B));
    for (size_t i = 0; i < COUNT(list_rows); i++) {
        vp_fault why = {""};
        vp_err rc =
            vp_curve_list_parse(vp_str_of(list_rows[i].text), list_rows[i].commas, list, &why);
        CHECK_ROW(i, rc == (list_rows[i].n < 0 ? VP_EINVAL : VP_OK));
        if (rc) {
            CHECK_ROW(i, strstr(why.text, list_rows[i].word) && !strstr(why.text, "short"));
            continue;
        }
        CHECK_ROW(i, list->n == list_rows[i].n);
        CHECK_ROW(i, vp_curve_list_has(list, a) == (list->n > 0));
        CHECK_ROW(i, vp_curve_list_has(list, b) == (list->n > 1));
    }
    free(list);
}

static void bounds_lists(void **state) {
    vp_curve_list *list = vp_alloc(sizeof *list);
    vp_fault why = {""};
    vp_buf b;
    vp_buf_init(&b, VP_CURVE_LIST_MAX);
    for (int i = 0; i < VP_CURVE_KEYS; i++) vp_buf_adds(&b, KEY_A "\n");
    assert_int_equal(vp_curve_list_parse(vp_buf_str(&b), false, list, &why), VP_OK);
    assert_int_equal(list->n, VP_CURVE_KEYS);
    vp_buf_adds(&b, KEY_A "\n");
    assert_int_equal(vp_curve_list_parse(vp_buf_str(&b), false, list, &why), VP_ETOOBIG);
    vp_buf_release(&b);
    free(list);
}

/* -- what is asked ----------------------------------------------------------------------------- */

#define CREDENTIALS "0123456789abcdef0123456789abcdef"
#define LONGER      "0123456789abcdef0123456789abcdef0"

static const struct {
    const char *frame[VP_ZAP_FRAMES + 1]; /* ended by NULL */
    vp_zap_status status;
    const char *id;
} zap_rows[] = {
    {{"1.0", "1", "voxpop", "10.0.0.1", "", "CURVE", CREDENTIALS}, VP_ZAP_OK, "1"},
    {{"1.0", "", "voxpop", "", "id", "CURVE", CREDENTIALS}, VP_ZAP_OK, ""},
    {{NULL}, VP_ZAP_BROKEN, ""},
    {{"1.0"}, VP_ZAP_BROKEN, ""},
    {{"1.0", "7"}, VP_ZAP_BROKEN, "7"},
    {{"1.0", "7", "voxpop", "", "", "CURVE"}, VP_ZAP_BROKEN, "7"},
    {{"1.0", "7", "voxpop", "", "", "CURVE", CREDENTIALS, ""}, VP_ZAP_BROKEN, "7"},
    {{"1.1", "7", "voxpop", "", "", "CURVE", CREDENTIALS}, VP_ZAP_BROKEN, "7"},
    {{"", "7", "voxpop", "", "", "CURVE", CREDENTIALS}, VP_ZAP_BROKEN, "7"},
    {{"1.0", "7", "voxpop", "", "", "CURVE", LONGER}, VP_ZAP_BROKEN, "7"},
    {{"1.0", "7", "voxpop", "", "", "CURVE", ""}, VP_ZAP_BROKEN, "7"},
    {{"1.0", "7", "", "", "", "CURVE", CREDENTIALS}, VP_ZAP_REFUSED, "7"},
    {{"1.0", "7", "voxpop2", "", "", "CURVE", CREDENTIALS}, VP_ZAP_REFUSED, "7"},
    {{"1.0", "7", "voxpop", "", "", "NULL"}, VP_ZAP_REFUSED, "7"},
    {{"1.0", "7", "voxpop", "", "", "PLAIN", CREDENTIALS}, VP_ZAP_REFUSED, "7"},
};

static void reads_zap_requests(void **state) {
    for (size_t i = 0; i < COUNT(zap_rows); i++) {
        vp_str frame[VP_ZAP_FRAMES + 1];
        vp_zap_request r;
        size_t n = 0;
        for (; n < COUNT(frame) && zap_rows[i].frame[n]; n++)
            frame[n] = vp_str_of(zap_rows[i].frame[n]);
        CHECK_ROW(i, vp_zap_decode(frame, n, &r) == zap_rows[i].status);
        CHECK_ROW(i, vp_str_eq(r.id, vp_str_of(zap_rows[i].id)));
        CHECK_ROW(i, (r.key != NULL) == (zap_rows[i].status == VP_ZAP_OK));
        CHECK_ROW(i, !r.key || !memcmp(r.key, CREDENTIALS, VP_CURVE_KEY));
    }
    static const char longest[VP_ZAP_FRAME_MAX + 1];
    vp_str frame[] = {
        VP_STR("1.0"), VP_STR("7"),     VP_STR("voxpop"),   vp_str_n(longest, sizeof longest - 1),
        VP_STR(""),    VP_STR("CURVE"), VP_STR(CREDENTIALS)};
    vp_zap_request r;
    assert_int_equal(vp_zap_decode(frame, VP_ZAP_FRAMES, &r), VP_ZAP_OK);
    frame[3].n++;
    assert_int_equal(vp_zap_decode(frame, VP_ZAP_FRAMES, &r), VP_ZAP_BROKEN);
    assert_null(r.key);
}

/* -- settings ---------------------------------------------------------------------------------- */

typedef struct pair {
    char secret[VP_CURVE_TEXT + 1], public[VP_CURVE_TEXT + 1];
} pair;

/* Its public key does not look like a path. */
static pair make_pair(void) {
    pair p;
    do assert_int_equal(zmq_curve_keypair(p.public, p.secret), 0);
    while (p.public[0] == '/' || p.public[0] == '.');
    return p;
}

static vp_curve *make_curve(const char *secret, const char *allow, bool plain) {
    vp_curve *c = NULL;
    vp_fault why = {""};
    const vp_curve_options o = {.secret_key = secret, .allow = allow, .allow_plain = plain};
    if (vp_curve_new(&c, &o, &why)) fail_msg("%s", why.text);
    return c;
}

static void refuses_bad_settings(void **state) {
    const pair p = make_pair();
    const struct {
        const char *secret, *allow, *word;
    } rows[] = {
        {"", KEY_A, "means nothing without curve-secret-key"},
        {p.secret, "", "curve-allow: is needed"},
        {p.secret, "nonsense", "curve-allow: line 1"},
        {p.secret, "/nowhere/at/all", "curve-allow: cannot be opened"},
        {p.secret, "./nowhere", "curve-allow: cannot be opened"},
        {"hunter2", KEY_A, "curve-secret-key: no key"},
        {"~q:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", KEY_A, "curve-secret-key: no key"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_curve *c = NULL;
        vp_fault why = {""};
        const vp_curve_options o = {.secret_key = rows[i].secret, .allow = rows[i].allow};
        CHECK_ROW(i, vp_curve_new(&c, &o, &why) != VP_OK && !c);
        if (!strstr(why.text, rows[i].word)) fail_msg("row %d: %s", (int)i, why.text);
        CHECK_ROW(i, !strstr(why.text, "hunter2"));
    }
    vp_curve *c = make_curve(p.secret, KEY_A "," KEY_B, false);
    assert_string_equal(vp_curve_public(c), p.public);
    vp_curve_destroy(&c);
    c = make_curve("", "", false);
    assert_string_equal(vp_curve_public(c), "");
    vp_curve_destroy(&c);
    assert_null(c);
}

/* Without keys: what stays on this machine. */
static const struct {
    const char *endpoint;
    bool home;
} places[] = {
    {"tcp://127.0.0.1:5550", true},
    {"tcp://127.9.9.9:5550", true},
    {"tcp://localhost:5550", true},
    {"tcp://[::1]:5550", true},
    {"tcp://::1:5550", true},
    {"ipc:///run/voxpop/polls", true},
    {"inproc://accounts", true},
    {"tcp://0.0.0.0:5550", false},
    {"tcp://*:5550", false},
    {"tcp://[::]:5550", false},
    {"tcp://10.0.0.7:5550", false},
    {"tcp://polls:5550", false},
    {"tcp://127.0.0.1.example.org:5550", false},
    {"tcp://127.0.0.1:0;10.0.0.7:5550", false},
    {"tcp://127.0.0.1", false},
    {"tcp://", false},
    {"tcp", false},
    {"", false},
    {"ws://127.0.0.1:5550", false},
    {"TCP://127.0.0.1:5550", false},
};

static void keeps_plain_at_home(void **state) {
    vp_curve *none = make_curve("", "", false), *forced = make_curve("", "", true);
    for (size_t i = 0; i < COUNT(places); i++) {
        const char *where = places[i].endpoint;
        CHECK_ROW(i, vp_curve_trusts(NULL, "polls", where, "") == places[i].home);
        CHECK_ROW(i, vp_curve_trusts(none, "polls", where, "") == places[i].home);
        CHECK_ROW(i, vp_curve_trusts(forced, "polls", where, ""));
    }
    assert_false(vp_curve_trusts(none, "polls", "tcp://127.0.0.1:5550", KEY_A));
    assert_false(vp_curve_trusts(forced, "polls", "tcp://10.0.0.7:5550", KEY_A));
    assert_true(vp_curve_trusts(none, "polls", "ipc:///x", KEY_A));
    vp_curve_destroy(&none);
    vp_curve_destroy(&forced);
}

static void refuses_to_bind_plain(void **state) {
    void *zmq = zmq_ctx_new(), *socket = zmq_socket(zmq, ZMQ_ROUTER);
    vp_curve *none = make_curve("", "", false), *forced = make_curve("", "", true);
    vp_fault why = {""};
    assert_int_equal(vp_curve_bind(none, socket, "tcp://0.0.0.0:*", &why), VP_EINVAL);
    assert_non_null(strstr(why.text, "tcp://0.0.0.0:*: TCP beyond this machine needs"));
    assert_non_null(strstr(why.text, "or allow-plain-tcp"));
    assert_int_equal(vp_curve_bind(NULL, socket, "tcp://0.0.0.0:*", NULL), VP_EINVAL);
    assert_int_equal(vp_curve_bind(none, socket, "tcp://127.0.0.1:*", &why), VP_OK);
    assert_int_equal(vp_curve_bind(forced, socket, "tcp://0.0.0.0:*", &why), VP_OK);
    assert_int_equal(vp_curve_bind(none, socket, "tcp://127.0.0.1:x", NULL), VP_ESYSTEM);
    zmq_close(socket);
    zmq_ctx_term(zmq);
    vp_curve_destroy(&none);
    vp_curve_destroy(&forced);
}

static void trusts_only_its_list(void **state) {
    const pair p = make_pair();
    vp_curve *c = make_curve(p.secret, KEY_A, true);
    assert_true(vp_curve_trusts(c, "polls", "tcp://10.0.0.7:1", KEY_A));
    assert_false(vp_curve_trusts(c, "polls", "tcp://10.0.0.7:1", KEY_B));
    assert_false(vp_curve_trusts(c, "polls", "tcp://10.0.0.7:1", ""));
    assert_false(vp_curve_trusts(c, "polls", "tcp://10.0.0.7:1", "nonsense"));
    assert_false(vp_curve_trusts(c, "polls", "tcp://127.0.0.1:1", "")); /* at home neither */
    assert_false(vp_curve_trusts(c, "polls", "tcp://127.0.0.1:1", p.public));
    assert_true(vp_curve_trusts(c, "polls", "ipc:///x", ""));
    vp_curve_destroy(&c);
}

/* -- sockets ----------------------------------------------------------------------------------- */

/* A server that echoes one message, and its clients. */
typedef struct scene {
    void *zmq, *far; /* contexts of server and clients */
    vp_curve *curve;
    vp_zap *zap;
    void *server;
    void *opened[8]; /* all sockets, so that a test that fails ends */
    int n_opened;
    char endpoint[100], folder[40], list[60];
    pair own, friend, stranger;
} scene;

static void write_list(const scene *s, const char *a, const char *b) {
    FILE *f = fopen(s->list, "w");
    assert_non_null(f);
    fprintf(f, "# allowed\n%s a\n%s b\n", a, b);
    fclose(f);
}

static void *open_socket(scene *s, void *zmq, int type) {
    int none = 0, wait = WAIT_MS;
    void *socket = zmq_socket(zmq, type);
    assert_true(socket && (size_t)s->n_opened < COUNT(s->opened));
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait, sizeof wait);
    return s->opened[s->n_opened++] = socket;
}

static void close_sockets(scene *s) {
    while (s->n_opened) zmq_close(s->opened[--s->n_opened]);
}

static void *open_server(scene *s, const char *where) {
    int64_t max = 1000 + VP_CURVE_EXTRA;
    size_t n = sizeof s->endpoint;
    vp_fault why = {""};
    void *socket = open_socket(s, s->zmq, ZMQ_ROUTER);
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max, sizeof max);
    if (vp_curve_bind(s->curve, socket, where, &why)) fail_msg("%s", why.text);
    assert_int_equal(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, s->endpoint, &n), 0);
    return socket;
}

static int open_scene(void **state) {
    scene *s = vp_calloc(1, sizeof *s);
    vp_fault why = {""};
    *state = s;
    s->zmq = zmq_ctx_new();
    s->far = zmq_ctx_new();
    s->own = make_pair();
    s->friend = make_pair();
    s->stranger = make_pair();
    snprintf(s->folder, sizeof s->folder, "/tmp/voxpop-curve-XXXXXX");
    if (!mkdtemp(s->folder)) return 1;
    snprintf(s->list, sizeof s->list, "%s/allow", s->folder);
    write_list(s, s->friend.public, s->own.public);
    s->curve = make_curve(s->own.secret, s->list, false);
    if (vp_zap_start(&s->zap, s->zmq, s->curve, &why)) return 1;
    s->server = open_server(s, "tcp://127.0.0.1:*");
    return 0;
}

static int close_scene(void **state) {
    scene *s = *state;
    close_sockets(s);
    vp_zap_stop(&s->zap);
    zmq_ctx_term(s->zmq);
    zmq_ctx_term(s->far);
    vp_curve_destroy(&s->curve);
    unlink(s->list);
    rmdir(s->folder);
    free(s);
    return 0;
}

/* A client that says what it likes; NULL: without it. */
static void *open_client(scene *s, const char *server_key, const pair *keys) {
    int again = 20;
    void *socket = open_socket(s, s->far, ZMQ_DEALER);
    zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &again, sizeof again);
    if (keys) {
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, VP_CURVE_TEXT);
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->public, VP_CURVE_TEXT);
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->secret, VP_CURVE_TEXT);
    }
    assert_int_equal(zmq_connect(socket, s->endpoint), 0);
    return socket;
}

/* One message with this text comes in and is answered; anything else before it is a failure. */
static void serve_one(scene *s, const char *text, size_t size) {
    char peer[8], got[1200];
    int n = zmq_recv(s->server, peer, sizeof peer, 0);
    if (n < 0) fail_msg("%s: %s", text, zmq_strerror(errno));
    assert_int_equal(zmq_recv(s->server, got, sizeof got, 0), size);
    assert_memory_equal(got, text, size);
    assert_int_equal(zmq_send(s->server, peer, (size_t)n, ZMQ_SNDMORE), n);
    assert_int_equal(zmq_send(s->server, "yes", 3, 0), 3);
}

static void is_served(scene *s, void *client, const char *text) {
    char got[8];
    assert_int_equal(zmq_send(client, text, strlen(text), 0), strlen(text));
    serve_one(s, text, strlen(text));
    assert_int_equal(zmq_recv(client, got, sizeof got, 0), 3);
}

static void is_silent(scene *s) {
    int wait = SILENCE_MS, before = WAIT_MS;
    char got[8];
    zmq_setsockopt(s->server, ZMQ_RCVTIMEO, &wait, sizeof wait);
    assert_int_equal(zmq_recv(s->server, got, sizeof got, 0), -1);
    zmq_setsockopt(s->server, ZMQ_RCVTIMEO, &before, sizeof before);
}

static void lets_friends_in(void **state) {
    scene *s = *state;
    void *client = open_client(s, s->own.public, &s->friend);
    is_served(s, client, "hello");
}

static void keeps_strangers_out(void **state) {
    scene *s = *state;
    void *out[] = {open_client(s, s->own.public, &s->stranger), /* a key that nobody knows */
                   open_client(s, s->own.public, NULL),         /* none */
                   open_client(s, s->stranger.public, &s->friend) /* another server's */};
    for (size_t i = 0; i < COUNT(out); i++) zmq_send(out[i], "in", 2, 0);
    is_silent(s);
    void *client = open_client(s, s->own.public, &s->friend);
    is_served(s, client, "hello"); /* and nothing of the others before it */
}

/* Else a handler that is missing would let everybody in. */
static void lets_nobody_in_without_its_handler(void **state) {
    scene *s = *state;
    close_sockets(s);
    vp_zap_stop(&s->zap);
    s->server = open_server(s, "tcp://127.0.0.1:*");
    void *client = open_client(s, s->own.public, &s->friend);
    zmq_send(client, "in", 2, 0);
    is_silent(s);
}

static void has_one_handler(void **state) {
    scene *s = *state;
    vp_zap *second = NULL;
    vp_fault why = {""};
    assert_int_equal(vp_zap_start(&second, s->zmq, s->curve, &why), VP_ESYSTEM);
    assert_null(second);
}

/* The client is not even connected anew: it comes in when the list has its key. */
static void follows_its_list(void **state) {
    scene *s = *state;
    void *client = open_client(s, s->own.public, &s->stranger);
    zmq_send(client, "later", 5, 0);
    is_silent(s);
    write_list(s, s->stranger.public, "nonsense"); /* by half: nothing changes */
    const struct utimbuf old = {1, 1};
    utime(s->list, &old);
    void *friend = open_client(s, s->own.public, &s->friend);
    is_served(s, friend, "still");
    write_list(s, s->stranger.public, s->own.public);
    serve_one(s, "later", 5);
    is_served(s, friend, "on"); /* what is connected stays */
    void *gone = open_client(s, s->own.public, &s->friend);
    zmq_send(gone, "in", 2, 0);
    is_silent(s);
}

static void bounds_frames(void **state) {
    scene *s = *state;
    char *frame = vp_calloc(1, 5000), got[8];
    void *client = open_client(s, s->own.public, &s->friend);
    void *other = open_client(s, s->own.public, &s->friend);
    assert_int_equal(zmq_send(client, frame, 1000, 0), 1000); /* the most */
    serve_one(s, frame, 1000);
    assert_int_equal(zmq_recv(client, got, sizeof got, 0), 3);
    zmq_send(client, frame, 5000, 0);
    is_served(s, other, "hello"); /* and nothing of that */
    is_silent(s);
    free(frame);
}

/* One socket, two servers with keys of their own and one over ipc, as live has it. */
static void connects_to_several(void **state) {
    scene *s = *state;
    const pair second = make_pair();
    char list[3 * VP_CURVE_TEXT], path[120], endpoint[3][100];
    struct stat st;
    void *servers[3] = {s->server}, *dealer = open_socket(s, s->far, ZMQ_DEALER);
    snprintf(list, sizeof list, "%s,%s", s->own.public, second.public);
    snprintf(path, sizeof path, "ipc://%s/socket", s->folder);
    vp_curve *client = make_curve(s->friend.secret, list, false), *first = s->curve;
    vp_curve *other = make_curve(second.secret, s->list, false);
    memcpy(endpoint[0], s->endpoint, sizeof endpoint[0]);
    s->curve = other;
    servers[1] = open_server(s, "tcp://127.0.0.1:*");
    memcpy(endpoint[1], s->endpoint, sizeof endpoint[1]);
    servers[2] = open_server(s, path);
    memcpy(endpoint[2], s->endpoint, sizeof endpoint[2]);
    s->curve = first;
    assert_int_equal(stat(path + strlen("ipc://"), &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    const char *key[] = {s->own.public, second.public, ""};
    for (int i = 2; i >= 0; i--)
        assert_int_equal(vp_curve_connect(client, dealer, "it", endpoint[i], key[i]), VP_OK);
    assert_int_equal(vp_curve_connect(client, dealer, "it", endpoint[0], s->stranger.public),
                     VP_EDENIED);
    for (int i = 0; i < 3; i++) zmq_send(dealer, "hello", 5, 0); /* one to each, in turn */
    for (int i = 0; i < 3; i++) {
        s->server = servers[i];
        serve_one(s, "hello", 5);
    }
    vp_curve_destroy(&other);
    vp_curve_destroy(&client);
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, open_scene, close_scene)

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lists),
        cmocka_unit_test(bounds_lists),
        cmocka_unit_test(reads_zap_requests),
        cmocka_unit_test(refuses_bad_settings),
        cmocka_unit_test(keeps_plain_at_home),
        cmocka_unit_test(refuses_to_bind_plain),
        cmocka_unit_test(trusts_only_its_list),
        WITH_SCENE(lets_friends_in),
        WITH_SCENE(keeps_strangers_out),
        WITH_SCENE(lets_nobody_in_without_its_handler),
        WITH_SCENE(has_one_handler),
        WITH_SCENE(follows_its_list),
        WITH_SCENE(bounds_frames),
        WITH_SCENE(connects_to_several),
    };
    vp_log_init("test", VP_LOG_ERROR);
    return vp_seal_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
