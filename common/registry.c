/* registry.c - see registry.h. SPDX-License-Identifier: MIT */
#include "registry.h"

#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

enum {
    RECORD_MAX = 16 * 1024,
    FORGET_LIVES = 12, /* an id without a heartbeat for so many lifetimes leaves the set */
    KEY_MAX = 48
};

static void member(vp_buf *out, const char *name, const char *value) {
    if (out->len > 1) vp_buf_addc(out, ',');
    vp_buf_addf(out, "\"%s\":", name);
    vp_buf_add_json(out, vp_str_of(value));
}

void vp_registry_write(vp_buf *out, const vp_registry_record *r) {
    vp_buf_addc(out, '{');
    member(out, "service", r->service);
    member(out, "id", r->id);
    member(out, "version", r->version);
    member(out, "endpoint", r->endpoint);
    member(out, "publish", r->publish);
    member(out, "topics", r->topics);
    member(out, "curve", r->curve);
    vp_buf_addf(out, ",\"protocol\":%d,\"started\":%lld,\"load\":%lld,\"draining\":%s,\"routes\":[",
                r->protocol, (long long)r->started_ms, (long long)r->load,
                r->draining ? "true" : "false");
    for (int i = 0; i < r->n_routes; i++) {
        vp_buf_adds(out, i ? ",[" : "[");
        vp_buf_add_json(out, vp_str_of(r->routes[i].method));
        vp_buf_addc(out, ',');
        vp_buf_add_json(out, vp_str_of(r->routes[i].pattern));
        vp_buf_addf(out, ",%lld]", (long long)r->routes[i].body_max);
    }
    vp_buf_adds(out, "]}");
}

/* A text that fits, without NUL inside; a missing one is empty. */
static bool copy(const json_t *o, const char *name, char *out, size_t size) {
    vp_str v = vp_json_text(o, name);
    if (v.n >= size) return false;
    if (v.n) memcpy(out, v.p, v.n);
    out[v.n] = '\0';
    return true;
}

static bool route_read(const json_t *row, vp_registry_route *out) {
    const char *method = json_string_value(json_array_get(row, 0));
    const char *pattern = json_string_value(json_array_get(row, 1));
    if (!method || !pattern || strlen(method) >= sizeof out->method ||
        strlen(pattern) >= sizeof out->pattern)
        return false;
    memcpy(out->method, method, strlen(method) + 1);
    memcpy(out->pattern, pattern, strlen(pattern) + 1);
    out->body_max = json_integer_value(json_array_get(row, 2));
    return out->body_max >= 0;
}

vp_err vp_registry_read(vp_str text, vp_registry_record *out, vp_fault *why) {
    json_t *o = NULL;
    *out = (vp_registry_record){0};
    vp_err rc = vp_json_parse(text, &o, why);
    if (rc) return rc;
    rc = VP_EPROTO;
    const json_t *routes = json_object_get(o, "routes");
    if (!copy(o, "service", out->service, sizeof out->service) ||
        !copy(o, "id", out->id, sizeof out->id) ||
        !copy(o, "version", out->version, sizeof out->version) ||
        !copy(o, "endpoint", out->endpoint, sizeof out->endpoint) ||
        !copy(o, "publish", out->publish, sizeof out->publish) ||
        !copy(o, "topics", out->topics, sizeof out->topics) ||
        !copy(o, "curve", out->curve, sizeof out->curve) || !out->service[0] || !out->endpoint[0] ||
        !vp_ulid_valid(vp_str_of(out->id)) || json_array_size(routes) > VP_REGISTRY_ROUTES)
        goto done;
    out->protocol = (int)vp_json_int(o, "protocol", 0);
    out->started_ms = vp_json_int(o, "started", 0);
    out->load = vp_json_int(o, "load", 0);
    out->draining = vp_json_bool(o, "draining", false);
    out->routes = vp_calloc(json_array_size(routes), sizeof *out->routes);
    for (size_t i = 0; i < json_array_size(routes); i++)
        if (!route_read(json_array_get(routes, i), &out->routes[out->n_routes++])) goto done;
    rc = VP_OK;
done:
    if (rc) {
        vp_fault_set(why, "not an instance's record");
        vp_registry_release(out);
    }
    json_decref(o);
    return rc;
}

void vp_registry_release(vp_registry_record *r) {
    free(r->routes);
    r->routes = NULL;
    r->n_routes = 0;
}

void vp_registry_beat(const vp_registry_record *r, int64_t now_ms, vp_registry_say *say,
                      void *user) {
    char key[KEY_MAX], score[24], old[24], life[16];
    vp_buf b;
    vp_buf_init(&b, RECORD_MAX);
    vp_registry_write(&b, r);
    snprintf(key, sizeof key, "instance:%s", r->id);
    snprintf(score, sizeof score, "%lld", (long long)now_ms);
    snprintf(old, sizeof old, "(%lld", (long long)(now_ms - FORGET_LIVES * VP_REGISTRY_LIFE_MS));
    snprintf(life, sizeof life, "%d", VP_REGISTRY_LIFE_MS);
    const vp_str id = vp_str_of(r->id), set = VP_STR("instances");
    const vp_str put[] = {VP_STR("SET"), vp_str_of(key), vp_buf_str(&b), VP_STR("PX"),
                          vp_str_of(life)};
    const vp_str list[] = {VP_STR("ZADD"), set, vp_str_of(score), id};
    const vp_str forget[] = {VP_STR("ZREMRANGEBYSCORE"), set, VP_STR("-inf"), vp_str_of(old)};
    say(user, 5, put);
    say(user, 4, list);
    say(user, 4, forget);
    vp_buf_release(&b);
}

void vp_registry_leave(const vp_registry_record *r, vp_registry_say *say, void *user) {
    char key[KEY_MAX];
    snprintf(key, sizeof key, "instance:%s", r->id);
    say(user, 2, (const vp_str[]){VP_STR("DEL"), vp_str_of(key)});
    say(user, 3, (const vp_str[]){VP_STR("ZREM"), VP_STR("instances"), vp_str_of(r->id)});
}
