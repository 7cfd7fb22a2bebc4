/* link.c - see link.h. SPDX-License-Identifier: MIT */
#include "link.h"

#include <stdlib.h>

#include "clock.h"
#include "mem.h"
#include "store_url.h"

struct vp_link {
    vp_store *store;
    vp_link_handler handler;
    uint64_t generation; /* of the store's connection that was told as up; 0: none */
    bool news, unsent;
    vp_link_asked owed[VP_LINK_OWED_MAX]; /* ring */
    unsigned head, tail;
    int64_t owed_since; /* the last reply came, or since it the first command went */
    int db;
};

vp_err vp_link_new(vp_link **out, const char *url, const vp_link_handler *handler, vp_fault *why) {
    vp_link *l = vp_calloc(1, sizeof *l);
    vp_store_url parts;
    l->handler = *handler;
    vp_err rc = vp_store_url_read(url, &parts, why);
    l->db = parts.db;
    explicit_bzero(&parts, sizeof parts);
    if (!rc) rc = vp_store_new(&l->store, url, why);
    *out = l;
    if (rc) vp_link_destroy(out);
    return rc;
}

static void tell_lost(vp_link *l) {
    while (vp_link_owes(l))
        l->handler.heard(l->handler.user, l->owed[l->head++ % VP_LINK_OWED_MAX], NULL);
}

void vp_link_destroy(vp_link **self_p) {
    vp_link *l = *self_p;
    if (!l) return;
    l->generation = 0;
    tell_lost(l);
    vp_store_destroy(&l->store);
    free(l);
    *self_p = NULL;
}

bool vp_link_ask(vp_link *l, vp_link_asked to, int argc, const vp_str *argv) {
    if (!l->generation || l->tail - l->head == VP_LINK_OWED_MAX) return false;
    if (vp_store_append(l->store, argc, argv)) return false;
    to.sent_ms = vp_clock_ms();
    if (!vp_link_owes(l)) l->owed_since = to.sent_ms;
    l->owed[l->tail++ % VP_LINK_OWED_MAX] = to;
    l->unsent = true;
    return true;
}

bool vp_link_up(const vp_link *l) {
    return l->generation && vp_store_up(l->store);
}

bool vp_link_owes(const vp_link *l) {
    return l->head != l->tail;
}

int vp_link_db(const vp_link *l) {
    return l->db;
}

int vp_link_fd(const vp_link *l) {
    return vp_store_fd(l->store);
}

bool vp_link_wants_write(const vp_link *l) {
    return vp_store_wants_write(l->store);
}

void vp_link_news(vp_link *l) {
    l->news = true;
}

static bool overdue(const vp_link *l) {
    return vp_link_owes(l) && vp_clock_ms() - l->owed_since > VP_LINK_OVERDUE_MS;
}

static void lost(vp_link *l, const char *why) {
    l->generation = 0;
    l->unsent = false;
    tell_lost(l);
    l->handler.lost(l->handler.user, why[0] ? why : "redis: away");
}

static void hear(vp_link *l) {
    for (redisReply *r; vp_link_owes(l) && (r = vp_store_reply(l->store));) {
        l->owed_since = vp_clock_ms();
        l->handler.heard(l->handler.user, l->owed[l->head++ % VP_LINK_OWED_MAX], r);
        freeReplyObject(r);
    }
}

void vp_link_turn(vp_link *l) {
    vp_fault why = {0};
    if (overdue(l)) {
        vp_fault_set(&why, "redis: no reply in time");
        vp_store_drop(l->store);
    }
    if (l->news || !vp_link_up(l)) {
        l->news = false;
        vp_err rc = vp_store_pump(l->store, &why);
        if (!rc) hear(l);
        /* Given up meanwhile, or by a drop: the next pump says so. */
        if (!rc && l->generation && !vp_store_up(l->store)) rc = vp_store_pump(l->store, &why);
        if (rc) lost(l, why.text);
        if (vp_store_up(l->store) && l->generation != vp_store_generation(l->store)) {
            l->generation = vp_store_generation(l->store);
            l->handler.up(l->handler.user);
        }
    }
    if (l->unsent) vp_store_flush(l->store);
    l->unsent = false;
}

void vp_link_drop(vp_link *l) {
    vp_store_drop(l->store);
}
