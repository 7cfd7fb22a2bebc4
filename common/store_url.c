/* store_url.c - see store_url.h. SPDX-License-Identifier: MIT */
#include "store_url.h"

#include "query.h"

enum { REDIS_PORT = 6379, SENTINEL_PORT = 26379, DB_MAX = 1023 };

/* What stands before the first `end`, which is passed over; all of it when there is none. */
static vp_str cut(vp_str *rest, char end) {
    const char *at = rest->n ? memchr(rest->p, end, rest->n) : NULL;
    vp_str part = {rest->p, at ? (size_t)(at - rest->p) : rest->n};
    size_t used = part.n + (at != NULL);
    *rest = vp_str_n(rest->p + used, rest->n - used);
    return part;
}

/* As text in an array; false when it is too long. */
static bool copy(vp_str s, char *out, size_t size) {
    if (s.n >= size || (s.n && memchr(s.p, '\0', s.n))) return false;
    if (s.n) memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

static bool decode(vp_str raw, char *out, size_t size) {
    vp_buf text;
    vp_buf_init(&text, size);
    bool good =
        !vp_query_decode(raw, false, &text) && !text.over && copy(vp_buf_str(&text), out, size);
    vp_buf_release(&text);
    return good;
}

/* USER:PASSWORD@ in front of the rest, if it is there. */
static bool read_user(vp_str *rest, vp_store_url *out) {
    const char *at = rest->n ? memrchr(rest->p, '@', rest->n) : NULL;
    if (!at) return true;
    vp_str pair = {rest->p, (size_t)(at - rest->p)};
    *rest = vp_str_n(at + 1, rest->n - pair.n - 1);
    vp_str user = cut(&pair, ':');
    return decode(user, out->user, sizeof out->user) &&
           decode(pair, out->password, sizeof out->password) && out->password[0];
}

/* HOST[:PORT], [ADDRESS][:PORT] */
static bool read_host(vp_str s, int port, vp_store_host *out) {
    vp_str name = s, number = {NULL, 0};
    int64_t value = port;
    const char *close = s.n && s.p[0] == '[' ? memchr(s.p, ']', s.n) : NULL;
    const char *colon = close ? close + 1 : s.n ? memchr(s.p, ':', s.n) : NULL;
    if (colon && colon < s.p + s.n) {
        if (*colon != ':') return false;
        number = vp_str_n(colon + 1, (size_t)(s.p + s.n - colon - 1));
        name.n = (size_t)(colon - s.p);
    }
    if (close) name = vp_str_n(s.p + 1, (size_t)(close - s.p) - 1);
    if (number.p && vp_str_int(number, 1, 65535, &value)) return false;
    out->port = (int)value;
    return name.n > 0 && copy(name, out->name, sizeof out->name);
}

static bool read_db(vp_str s, vp_store_url *out) {
    int64_t db = 0;
    if (s.n && vp_str_int(s, 0, DB_MAX, &db)) return false;
    out->db = (int)db;
    return true;
}

static bool read_tcp(vp_str rest, vp_store_url *out) {
    vp_str host = cut(&rest, '/');
    out->n_hosts = 1;
    return read_host(host, REDIS_PORT, &out->host[0]) && read_db(rest, out);
}

static bool read_sentinels(vp_str rest, vp_store_url *out) {
    vp_str hosts = cut(&rest, '/'), master = cut(&rest, '/');
    out->sentinel = true;
    while (hosts.n) {
        if (out->n_hosts == VP_STORE_HOSTS) return false;
        if (!read_host(cut(&hosts, ','), SENTINEL_PORT, &out->host[out->n_hosts++])) return false;
    }
    return out->n_hosts > 0 && master.n > 0 && copy(master, out->master, sizeof out->master) &&
           read_db(rest, out);
}

static bool read_path(vp_str rest, vp_store_url *out) {
    return rest.n > 1 && rest.p[0] == '/' && copy(rest, out->path, sizeof out->path);
}

static const struct {
    vp_str scheme;
    bool (*read)(vp_str rest, vp_store_url *out);
} schemes[] = {
    {VP_STR_INIT("redis://"), read_tcp},
    {VP_STR_INIT("redis+sentinel://"), read_sentinels},
    {VP_STR_INIT("unix://"), read_path},
};

vp_err vp_store_url_read(const char *text, vp_store_url *out, vp_fault *why) {
    vp_str all = vp_str_of(text);
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = schemes[i].scheme.n;
        if (!vp_str_starts(all, schemes[i].scheme)) continue;
        vp_str rest = vp_str_n(all.p + n, all.n - n);
        if (read_user(&rest, out) && schemes[i].read(rest, out)) return VP_OK;
    }
    vp_fault_set(why, "redis-url: redis://[user:password@]host[:port][/db], "
                      "redis+sentinel://host,host,host/master or unix:///path");
    return VP_EINVAL;
}
