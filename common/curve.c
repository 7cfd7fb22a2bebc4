/* curve.c - see curve.h. SPDX-License-Identifier: MIT */
#include "curve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zmq.h>

#include "clock.h"
#include "file.h"
#include "log.h"
#include "mem.h"
#include "registry.h"
#include "seal.h"
#include "zap.h"

#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93 /* a draft in zmq.h, but built into every libzmq since 4.3 */
#endif

enum {
    RECHECK_MS = 500,                /* the list's file is looked at so often at most */
    TOLD = 2 * VP_REGISTRY_INSTANCES /* refusals that are remembered as logged */
};

/* What tells that a file was changed or replaced. */
typedef struct stamp {
    uint64_t inode;
    int64_t size, s, ns;
} stamp;

struct vp_curve {
    char secret[VP_CURVE_TEXT + 1], public[VP_CURVE_TEXT + 1]; /* "" for none */
    bool allow_plain;
    char *path;           /* of the list; NULL: it does not change */
    pthread_mutex_t lock; /* of all that follows */
    int64_t looked_ms;
    stamp seen;
    vp_curve_list list;
    uint64_t told[TOLD]; /* a ring */
    unsigned n_told;
};

/* -- keys and lists ---------------------------------------------------------------------------- */

static bool decode_key(vp_str text, uint8_t out[VP_CURVE_KEY]) {
    char z85[VP_CURVE_TEXT + 1];
    if (text.n != VP_CURVE_TEXT) return false;
    memcpy(z85, text.p, VP_CURVE_TEXT);
    z85[VP_CURVE_TEXT] = '\0';
    return strlen(z85) == VP_CURVE_TEXT && zmq_z85_decode(out, z85) != NULL;
}

static size_t length_until(vp_str text, const char *ends) {
    size_t n = 0;
    while (n < text.n && !memchr(ends, text.p[n], strlen(ends))) n++;
    return n;
}

vp_err vp_curve_list_parse(vp_str text, bool commas, vp_curve_list *out, vp_fault *why) {
    out->n = 0;
    for (int at = 1; text.n; at++) {
        size_t n = length_until(text, commas ? "\n," : "\n"), end = n + (n < text.n);
        vp_str line = vp_str_trim(vp_str_n(text.p, n));
        text = vp_str_n(text.p + end, text.n - end);
        if (!line.n || line.p[0] == '#') continue;
        if (out->n == VP_CURVE_KEYS) {
            vp_fault_set(why, "more than %d keys", (int)VP_CURVE_KEYS);
            return VP_ETOOBIG;
        }
        line.n = length_until(line, " \t");
        if (!decode_key(line, out->key[out->n])) {
            vp_fault_set(why, "line %d is no public key of %d characters", at, (int)VP_CURVE_TEXT);
            return VP_EINVAL;
        }
        out->n++;
    }
    return VP_OK;
}

bool vp_curve_list_has(const vp_curve_list *list, const uint8_t key[VP_CURVE_KEY]) {
    bool found = false;
    for (int i = 0; i < list->n; i++)
        found |= vp_seal_equal(vp_str_n(list->key[i], VP_CURVE_KEY), vp_str_n(key, VP_CURVE_KEY));
    return found;
}

/* Keys may begin with these, too; in front of such a one a comma helps. */
static bool is_path(const char *allow) {
    return allow[0] == '/' || !strncmp(allow, "./", 2) || !strncmp(allow, "../", 3);
}

static bool take_stamp(const char *path, stamp *out) {
    struct stat s;
    if (stat(path, &s)) return false;
    *out = (stamp){
        .inode = s.st_ino, .size = s.st_size, .s = s.st_mtim.tv_sec, .ns = s.st_mtim.tv_nsec};
    return true;
}

static vp_err read_list(const char *path, vp_curve_list *out, vp_fault *why) {
    vp_buf text;
    vp_err rc = vp_file_read(path, VP_CURVE_LIST_MAX, &text, why);
    if (!rc) rc = vp_curve_list_parse(vp_buf_str(&text), false, out, why);
    vp_buf_release(&text);
    return rc;
}

/* Under the lock. What cannot be read changes nothing: half a file must not shut anybody out. */
static void refresh(vp_curve *c) {
    int64_t now = vp_clock_ms();
    stamp fresh;
    vp_fault why = {0};
    if (!c->path || now - c->looked_ms < RECHECK_MS) return;
    c->looked_ms = now;
    if (!take_stamp(c->path, &fresh) || !memcmp(&fresh, &c->seen, sizeof fresh)) return;
    c->seen = fresh;
    vp_curve_list *list = vp_alloc(sizeof *list);
    if (read_list(c->path, list, &why)) {
        vp_log(VP_LOG_WARN, NULL, "curve-allow stays as it was: %s", why.text);
    } else {
        c->list = *list;
        vp_log(VP_LOG_INFO, NULL, "curve-allow has changed: %d keys", c->list.n);
    }
    free(list);
}

bool vp_curve_allows(vp_curve *c, const uint8_t key[VP_CURVE_KEY]) {
    if (!c) return false;
    pthread_mutex_lock(&c->lock);
    refresh(c);
    bool yes = vp_curve_list_has(&c->list, key);
    pthread_mutex_unlock(&c->lock);
    return yes;
}

/* -- life -------------------------------------------------------------------------------------- */

static vp_err take_keys(vp_curve *c, const vp_curve_options *o, vp_fault *why) {
    uint8_t raw[VP_CURVE_KEY];
    vp_fault cause = {0};
    vp_err rc = VP_EINVAL;
    if (!o->secret_key[0]) {
        if (o->allow[0]) vp_fault_set(why, "curve-allow means nothing without curve-secret-key");
        return o->allow[0] ? VP_EINVAL : VP_OK;
    }
    if (!zmq_has("curve")) {
        vp_fault_set(why, "this libzmq has no CURVE");
        return VP_ESYSTEM;
    }
    bool good = decode_key(vp_str_of(o->secret_key), raw);
    sodium_memzero(raw, sizeof raw);
    if (!good || zmq_curve_public(c->public, o->secret_key)) {
        vp_fault_set(why, "curve-secret-key: no key of %d characters", (int)VP_CURVE_TEXT);
        return VP_EINVAL;
    }
    memcpy(c->secret, o->secret_key, sizeof c->secret);
    if (is_path(o->allow)) {
        c->path = vp_strndup(o->allow, strlen(o->allow));
        take_stamp(c->path, &c->seen); /* of before the reading: what changes meanwhile is seen */
        rc = read_list(c->path, &c->list, &cause);
    } else if (o->allow[0]) {
        rc = vp_curve_list_parse(vp_str_of(o->allow), true, &c->list, &cause);
    } else {
        vp_fault_set(&cause, "is needed with curve-secret-key");
    }
    if (rc) vp_fault_set(why, "curve-allow: %s", cause.text);
    return rc;
}

vp_err vp_curve_new(vp_curve **out, const vp_curve_options *o, vp_fault *why) {
    vp_curve *c = vp_calloc(1, sizeof *c);
    c->allow_plain = o->allow_plain;
    pthread_mutex_init(&c->lock, NULL);
    *out = c;
    vp_err rc = take_keys(c, o, why);
    if (rc) vp_curve_destroy(out);
    return rc;
}

void vp_curve_destroy(vp_curve **self_p) {
    vp_curve *c = *self_p;
    if (!c) return;
    pthread_mutex_destroy(&c->lock);
    sodium_memzero(c->secret, sizeof c->secret);
    free(c->path);
    free(c);
    *self_p = NULL;
}

const char *vp_curve_public(const vp_curve *c) {
    return c ? c->public : "";
}

/* -- sockets ----------------------------------------------------------------------------------- */

typedef enum place {
    WITHIN,  /* inproc, ipc: never CURVE */
    MACHINE, /* TCP on the loopback */
    BEYOND
} place;

/* Strict: whatever is not surely at home is beyond. */
static place place_of(const char *endpoint) {
    static const vp_str tcp = VP_STR_INIT("tcp://");
    char host[64];
    struct in_addr v4;
    struct in6_addr v6;
    vp_str text = vp_str_of(endpoint);
    if (vp_str_starts(text, VP_STR("inproc://")) || vp_str_starts(text, VP_STR("ipc://")))
        return WITHIN;
    /* With a semicolon there are two addresses, and the second is where it goes. */
    if (!vp_str_starts(text, tcp) || strchr(endpoint, ';')) return BEYOND;
    const char *colon = strrchr(endpoint, ':'), *start = endpoint + tcp.n;
    if (colon <= start) return BEYOND;
    if (*start == '[' && colon[-1] == ']') start++, colon--;
    snprintf(host, sizeof host, "%.*s", (int)(colon - start), start);
    bool home = !strcmp(host, "localhost") ||
                (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127) ||
                (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
    return home ? MACHINE : BEYOND;
}

typedef struct setting {
    int option;
    const void *value;
    size_t size;
} setting;

static bool apply(void *socket, const setting *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (zmq_setsockopt(socket, s[i].option, s[i].value, s[i].size)) return false;
    return true;
}

static const int yes = 1, no = 0, handshake_ms = VP_CURVE_HANDSHAKE_MS;

static bool be_server(const vp_curve *c, void *socket) {
    const setting settings[] = {
        {ZMQ_CURVE_SERVER, &yes, sizeof yes},
        {ZMQ_CURVE_SECRETKEY, c->secret, VP_CURVE_TEXT},
        {ZMQ_ZAP_DOMAIN, VP_ZAP_DOMAIN, strlen(VP_ZAP_DOMAIN)},
        /* Without this a socket whose handler is missing lets every key in. */
        {ZMQ_ZAP_ENFORCE_DOMAIN, &yes, sizeof yes},
    };
    return apply(socket, settings, sizeof settings / sizeof *settings);
}

vp_err vp_curve_bind(vp_curve *c, void *socket, const char *endpoint, vp_fault *why) {
    const setting common[] = {{ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof handshake_ms}};
    place where = place_of(endpoint);
    bool curve = where != WITHIN && *vp_curve_public(c);
    if (where == BEYOND && !curve && !(c && c->allow_plain)) {
        vp_fault_set(why,
                     "%.60s: TCP beyond this machine needs curve-secret-key and curve-allow, or "
                     "allow-plain-tcp",
                     endpoint);
        return VP_EINVAL;
    }
    mode_t before = umask(077); /* of a socket in the file system */
    bool ok =
        apply(socket, common, 1) && (!curve || be_server(c, socket)) && !zmq_bind(socket, endpoint);
    umask(before);
    if (ok) return VP_OK;
    vp_fault_set(why, "%s: %s", endpoint, zmq_strerror(errno));
    return VP_ESYSTEM;
}

/* Was this not yet told? */
static bool is_news(vp_curve *c, const char *endpoint, const char *key, const char *what) {
    char text[300];
    uint64_t hash;
    bool news = true;
    int n = snprintf(text, sizeof text, "%s %s %s", key, endpoint, what);
    vp_seal_hash(vp_str_n(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1),
                 (uint8_t *)&hash, sizeof hash);
    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < TOLD && i < c->n_told && news; i++) news = c->told[i] != hash;
    if (news) c->told[c->n_told++ % TOLD] = hash;
    pthread_mutex_unlock(&c->lock);
    return news;
}

/* Why not; NULL: it is trusted. */
static const char *objection(vp_curve *c, place where, const char *key) {
    uint8_t raw[VP_CURVE_KEY];
    if (where == WITHIN) return NULL;
    if (!*vp_curve_public(c)) {
        if (*key) return "it has a key, and we have none";
        if (where == BEYOND && !(c && c->allow_plain))
            return "it is beyond this machine, without keys";
        return NULL;
    }
    if (!*key) return "it has no key";
    if (!decode_key(vp_str_of(key), raw)) return "its key is none";
    return vp_curve_allows(c, raw) ? NULL : "its key is not in curve-allow";
}

bool vp_curve_trusts(vp_curve *c, const char *who, const char *endpoint, const char *key) {
    const char *what = objection(c, place_of(endpoint), key);
    if (what && (!c || is_news(c, endpoint, key, what)))
        vp_log(VP_LOG_WARN, NULL, "%s at %s is not used: %s", who, endpoint, what);
    return !what;
}

vp_err vp_curve_connect(vp_curve *c, void *socket, const char *who, const char *endpoint,
                        const char *key) {
    const setting plain[] = {{ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof handshake_ms},
                             {ZMQ_CURVE_SERVER, &no, sizeof no}};
    const setting secure[] = {{ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof handshake_ms},
                              {ZMQ_CURVE_SERVERKEY, key, VP_CURVE_TEXT},
                              {ZMQ_CURVE_PUBLICKEY, vp_curve_public(c), VP_CURVE_TEXT},
                              {ZMQ_CURVE_SECRETKEY, c ? c->secret : "", VP_CURVE_TEXT}};
    if (!vp_curve_trusts(c, who, endpoint, key)) return VP_EDENIED;
    bool has_key = *vp_curve_public(c);
    bool ok = has_key && place_of(endpoint) != WITHIN
                  ? apply(socket, secure, sizeof secure / sizeof *secure)
                  /* Without a key of ours it never was anything but plain. */
                  : apply(socket, plain, has_key ? 2 : 1);
    return ok && !zmq_connect(socket, endpoint) ? VP_OK : VP_ESYSTEM;
}
