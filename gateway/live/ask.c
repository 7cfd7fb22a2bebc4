/* ask.c - see ask.h. SPDX-License-Identifier: MIT */
#include "ask.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "counters.h"
#include "mem.h"

enum { HEAD_MAX = 128 };

struct asker {
    bus *bus;
    struct event *wake;
    int fd;
    ask *_Atomic done; /* pushed by the dispatcher's thread */
};

/* On the dispatcher's thread. */
static void on_done(bus_call *call) {
    ask *a = call->user;
    asker *home = a->home;
    uint64_t one = 1;
    ask *head = atomic_load(&home->done);
    do a->next = head;
    while (!atomic_compare_exchange_weak(&home->done, &head, a));
    ssize_t n = write(home->fd, &one, sizeof one); /* a full counter wakes just as well */
    (void)n;
}

void ask_init(ask *a, vp_str path, size_t body_max) {
    *a = (ask){0};
    vp_buf_init(&a->head, HEAD_MAX);
    vp_buf_init(&a->body, body_max);
    vp_field_add(&a->head, VP_F_METHOD, VP_STR("SYNC"));
    vp_field_add(&a->head, VP_F_PATH, path);
}

void ask_submit(asker *home, ask *a, const char *service) {
    a->home = home;
    bus_call_init(&a->call, service, ASK_MS);
    a->call.head = vp_buf_str(&a->head);
    a->call.body = vp_buf_str(&a->body);
    a->call.done = on_done;
    a->call.user = a;
    vp_ulid_fast(vp_clock_wall(), a->call.resend_id);
    live_count(LIVE_M_ASKED, 1);
    bus_submit(home->bus, &a->call);
}

int ask_status(const ask *a) {
    return a->call.err ? vp_err_status(a->call.err) : a->call.reply.status;
}

void ask_release(ask *a) {
    bus_call_release(&a->call);
    vp_buf_release(&a->head);
    vp_buf_release(&a->body);
}

static void hand_back(asker *s) {
    for (ask *a = atomic_exchange(&s->done, NULL), *next; a; a = next) {
        next = a->next;
        a->answered(a);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg) {
    uint64_t count;
    (void)what;
    ssize_t n = read(fd, &count, sizeof count);
    (void)n;
    hand_back(arg);
}

vp_err asker_new(asker **out, struct event_base *base, bus *bus_, vp_fault *why) {
    asker *s = vp_calloc(1, sizeof *s);
    *out = s;
    s->bus = bus_;
    s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->fd >= 0) s->wake = event_new(base, s->fd, EV_READ | EV_PERSIST, on_wake, s);
    if (s->wake && !event_add(s->wake, NULL)) return VP_OK;
    vp_fault_set(why, "questions: libevent gives no event");
    asker_destroy(out);
    return VP_ESYSTEM;
}

void asker_destroy(asker **self_p) {
    asker *s = *self_p;
    if (!s) return;
    hand_back(s);
    if (s->wake) event_free(s->wake);
    if (s->fd >= 0) close(s->fd);
    free(s);
    *self_p = NULL;
}
