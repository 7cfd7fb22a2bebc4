/* service_libraries.c - function libraries of versions that are gone. Each instance says every
 * SERVICE_LIBRARIES_MS, in the sorted set libraries:SERVICE beside the libraries themselves, that
 * it uses its own; one that nobody has said for a day is deleted. One that is not in the set, since
 * those who load it do not say so or a deletion was cut short, begins its day. Whoever takes a name
 * out of the set deletes the library, so it happens once. One that is deleted although somebody
 * uses it is loaded again by them, as after any loss. See service_loop.h. SPDX-License-Identifier:
 * MIT */
#include <stdio.h>

#include "log.h"
#include "service_loop.h"

enum {
    KEEP_MS = 24 * 3600 * 1000,
    AT_ONCE = VP_CALL_COMMANDS, /* libraries that one run has to do with; the next one goes on */
    SET_MAX = 256,              /* names that are read of the set */
    NAME_BYTES = 64
};

typedef struct libraries {
    char set[NAME_BYTES];
    char old[AT_ONCE][NAME_BYTES]; /* by command of this round: what is to be deleted, or "" */
    int n;
} libraries;

static vp_str text_at(const redisReply *row, size_t i) {
    if (!row || row->type != REDIS_REPLY_ARRAY || i >= row->elements ||
        row->element[i]->type != REDIS_REPLY_STRING)
        return (vp_str){NULL, 0};
    return vp_str_n(row->element[i]->str, row->element[i]->len);
}

/* The prefix of the functions without its last line. */
static vp_str own_name(const vp_service *s) {
    return vp_str_n(s->functions.prefix, strlen(s->functions.prefix) - 1);
}

vp_step service_libraries_prepare(vp_call *call) {
    vp_service *s = call->service;
    char now[24], pattern[NAME_BYTES], old[24], most[16];
    if (!s->functions.source) return vp_call_answer(call, 204);
    libraries *l = vp_call_state(call, sizeof *l);
    int64_t at = vp_service_now(s);
    snprintf(l->set, sizeof l->set, "libraries:%s", s->def->name);
    snprintf(now, sizeof now, "%lld", (long long)at);
    snprintf(old, sizeof old, "(%lld", (long long)at - 2 * (int64_t)KEEP_MS);
    snprintf(most, sizeof most, "%d", SET_MAX - 1);
    /* As vp_functions_init makes them. */
    snprintf(pattern, sizeof pattern, "%s_[0-9]*_????????", s->def->name);
    const vp_str set = vp_str_of(l->set);
    vp_call_command(call, 4, (vp_str[]){VP_STR("ZADD"), set, vp_str_of(now), own_name(s)});
    vp_call_command(call, 4,
                    (vp_str[]){VP_STR("ZREMRANGEBYSCORE"), set, VP_STR("-inf"),
                               vp_str_of(old)}); /* those whose library is not there */
    vp_call_command(
        call, 5,
        (vp_str[]){VP_STR("ZRANGE"), set, VP_STR("0"), vp_str_of(most), VP_STR("WITHSCORES")});
    vp_call_command(
        call, 4,
        (vp_str[]){VP_STR("FUNCTION"), VP_STR("LIST"), VP_STR("LIBRARYNAME"), vp_str_of(pattern)});
    return VP_STEP_WAIT;
}

/* When somebody last said that it is used; -1: not in the set. */
static int64_t said_at(const redisReply *set, vp_str name) {
    int64_t at;
    for (size_t i = 0; text_at(set, i + 1).n; i += 2)
        if (vp_str_eq(text_at(set, i), name))
            return vp_str_int(text_at(set, i + 1), 0, INT64_MAX, &at) ? 0 : at;
    return -1;
}

/* What one library needs, if anything: a first entry in the set, or to be taken out of it. */
static void look_at(vp_call *call, libraries *l, vp_str name, int64_t at) {
    int64_t now = vp_service_now(call->service);
    char text[24];
    if (at >= now - KEEP_MS || name.n >= NAME_BYTES) return;
    char *old = l->old[l->n++];
    old[0] = '\0';
    if (at < 0) {
        snprintf(text, sizeof text, "%lld", (long long)now);
        vp_call_command(
            call, 5,
            (vp_str[]){VP_STR("ZADD"), vp_str_of(l->set), VP_STR("NX"), vp_str_of(text), name});
    } else {
        snprintf(old, NAME_BYTES, "%.*s", (int)name.n, name.p);
        vp_call_command(call, 3, (vp_str[]){VP_STR("ZREM"), vp_str_of(l->set), name});
    }
}

/* reply: of FUNCTION LIST; an element is names and values in turn, the library's name among them.
 */
static vp_step look(vp_call *call, libraries *l, const redisReply *set, const redisReply *all) {
    size_t n = all->type == REDIS_REPLY_ARRAY ? all->elements : 0;
    for (size_t i = 0; i < n && l->n < AT_ONCE; i++) {
        const redisReply *one = all->element[i];
        vp_str name = {0};
        for (size_t k = 0; text_at(one, k).n && !name.n; k += 2)
            if (vp_str_eq(text_at(one, k), VP_STR("library_name"))) name = text_at(one, k + 1);
        if (name.n && !vp_str_eq(name, own_name(call->service)))
            look_at(call, l, name, said_at(set, name));
    }
    return l->n ? VP_STEP_WAIT : vp_call_answer(call, 204);
}

/* The replies are those to look_at's commands. */
static vp_step delete_old(vp_call *call, const libraries *l) {
    bool any = false;
    for (int i = 0; i < l->n; i++) {
        const redisReply *r = call->reply[i];
        if (!l->old[i][0] || r->type != REDIS_REPLY_INTEGER || r->integer != 1) continue;
        vp_log(VP_LOG_INFO, NULL, "nobody has used the functions %s for a day: they are deleted",
               l->old[i]);
        vp_call_command(call, 3,
                        (vp_str[]){VP_STR("FUNCTION"), VP_STR("DELETE"), vp_str_of(l->old[i])});
        any = true;
    }
    return any ? VP_STEP_WAIT : vp_call_answer(call, 204);
}

vp_step service_libraries_finish(vp_call *call) {
    libraries *l = call->state;
    if (call->round == 1) return look(call, l, call->reply[2], call->reply[3]);
    if (call->round == 2) return delete_old(call, l);
    return vp_call_answer(call, 204);
}
