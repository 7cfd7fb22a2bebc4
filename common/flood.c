/* flood.c - see flood.h. A descriptor that was given to a new connection meanwhile is seen by the
 * count of its bytes, which begins anew; until then it is judged by that of the old one, which is
 * milder. SPDX-License-Identifier: MIT */
#include "flood.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "log.h"
#include "mem.h"
#include "descriptors.h"

enum { FDS_MAX = 65536, FDS_STEP = 256 };

typedef struct source {
    int64_t base; /* bytes that belong to whole messages */
    bool heard;   /* a message of it was whole since the last look */
} source;

typedef struct watched_port {
    int port;
    bool heard;
} watched_port;

struct vp_flood {
    source *source; /* by descriptor */
    int room;
    watched_port ports[VP_FLOOD_PORTS];
    int n_ports;
    int64_t looked_ms;
    int64_t kept; /* at the last look, of all connections */
};

vp_flood *vp_flood_new(void) {
    return vp_calloc(1, sizeof(vp_flood));
}

void vp_flood_destroy(vp_flood **self_p) {
    vp_flood *f = *self_p;
    if (!f) return;
    free(f->source);
    free(f);
    *self_p = NULL;
}

void vp_flood_watch(vp_flood *f, const char *endpoint, bool heard) {
    const char *colon = strrchr(endpoint, ':');
    int64_t port;
    if (strncmp(endpoint, "tcp://", 6) != 0 || !colon || f->n_ports == VP_FLOOD_PORTS) return;
    if (vp_str_int(vp_str_of(colon + 1), 1, 65535, &port)) return;
    f->ports[f->n_ports++] = (watched_port){(int)port, heard};
}

/* NULL: a descriptor that nobody has. */
static source *source_of(vp_flood *f, int fd) {
    if (fd < 0 || fd >= FDS_MAX) return NULL;
    if (fd >= f->room) {
        int room = (fd / FDS_STEP + 1) * FDS_STEP;
        f->source = vp_realloc(f->source, (size_t)room * sizeof *f->source);
        memset(f->source + f->room, 0, (size_t)(room - f->room) * sizeof *f->source);
        f->room = room;
    }
    return &f->source[fd];
}

void vp_flood_heard(vp_flood *f, int fd) {
    source *s = source_of(f, fd);
    if (s) s->heard = true;
}

typedef struct look {
    vp_flood *f;
    bool heard;
    int64_t passed_ms, most, kept;
    int cut;
} look;

static void judge(int fd, bool listening, void *arg) {
    look *l = arg;
    source *s = listening ? NULL : source_of(l->f, fd);
    int64_t taken = s ? vp_descriptors_taken(fd) : -1;
    if (taken < 0) return;
    if (taken < s->base || s->heard) s->base = s->heard ? taken : 0;
    s->heard = false;
    if (!l->heard) {
        s->base += l->passed_ms * VP_FLOOD_RATE / 1000;
        if (s->base > taken) s->base = taken;
    }
    l->kept += taken - s->base;
    if (taken - s->base <= l->most) return;
    vp_log(VP_LOG_WARN, NULL, "cut a connection: %lld bytes without the end of a message",
           (long long)(taken - s->base));
    shutdown(fd, SHUT_RDWR);
    s->base = taken; /* told once */
    l->cut++;
}

int vp_flood_look(vp_flood *f, int64_t now_ms) {
    look l = {.f = f, .passed_ms = f->looked_ms ? now_ms - f->looked_ms : 0};
    if (f->looked_ms && l.passed_ms < VP_FLOOD_LOOK_MS) return 0;
    f->looked_ms = now_ms;
    for (int i = 0; i < f->n_ports; i++) {
        l.heard = f->ports[i].heard;
        l.most = !l.heard                 ? VP_FLOOD_UNHEARD
                 : f->kept > VP_FLOOD_ALL ? VP_FLOOD_LESS
                                          : VP_FLOOD_MAX;
        vp_descriptors_each(f->ports[i].port, judge, &l);
    }
    f->kept = l.kept;
    return l.cut;
}
