/* registry.h - what an instance announces of itself in Redis, and how others read it.
 * Key instance:ID (JSON, lifetime VP_REGISTRY_LIFE_MS) and the sorted set `instances` (member: id,
 * score: last heartbeat in Redis milliseconds). The registry introduces; only silence on the wire
 * removes. A process that is there to be seen, but not to be called, announces no routes.
 * SPDX-License-Identifier: MIT */
#ifndef VP_REGISTRY_H
#define VP_REGISTRY_H

#include "json.h"
#include "ulid.h"

enum {
    VP_REGISTRY_LIFE_MS = 5000,
    VP_REGISTRY_BEAT_MS = 1000,
    VP_REGISTRY_INSTANCES = 256, /* more than this are not read */
    VP_REGISTRY_ROUTES = 96,     /* of one service */
    VP_REGISTRY_CURVE = 40,      /* characters of a key */
    VP_REGISTRY_NO_PROTOCOL = -1 /* of one without routes: nobody may connect to it */
};

/* Of the setting registry-url, which all processes have. */
#define VP_REGISTRY_URL_HELP "Redis with the registry and the site's key, for all; empty: redis-url"

typedef struct vp_registry_route {
    char method[8];
    char pattern[128];
    int64_t body_max;
} vp_registry_route;

typedef struct vp_registry_record vp_registry_record;
struct vp_registry_record {
    char service[24];
    char id[VP_ULID_LEN + 1]; /* identity: a restarted process is a new one */
    char version[24];
    char endpoint[192];                /* where to call */
    char publish[192];                 /* where states of topics come from; may be empty */
    char topics[64];                   /* prefixes of the topics it publishes: "poll" */
    char curve[VP_REGISTRY_CURVE + 1]; /* its public key; empty: it has none */
    int64_t started_ms, load;          /* load: calls in work at the last beat */
    bool draining;
    int protocol, n_routes;
    vp_registry_route *routes; /* owned */
};

void vp_registry_write(vp_buf *out, const vp_registry_record *r);
VP_CHECKED vp_err vp_registry_read(vp_str text, vp_registry_record *out, vp_fault *why);
void vp_registry_release(vp_registry_record *r);

/* One heartbeat, and the leave, as Redis commands: say is called for each. now_ms: Redis clock. */
typedef void vp_registry_say(void *user, int argc, const vp_str *argv);
void vp_registry_beat(const vp_registry_record *r, int64_t now_ms, vp_registry_say *say,
                      void *user);
void vp_registry_leave(const vp_registry_record *r, vp_registry_say *say, void *user);

#endif
