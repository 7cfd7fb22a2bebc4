/* board.h - the newest state of each topic, and who watches it. No sockets and no clock in here.
 * The highest version wins, wherever it comes from. A state goes out as a frame: the first at
 * once, the next not sooner than BOARD_EVERY_MS after it, and then only the newest. A public
 * frame's sequence number is given when it goes out, so a watcher that has number N needs of each
 * public topic only a frame above N. Topics that nobody watches are kept for BOARD_IDLE_MS, for
 * those who come again. A sealed topic is a topic of its own beside its public twin; who may watch
 * it, the caller decides: nothing in here leads from one to the other but board_twin.
 * SPDX-License-Identifier: MIT */
#ifndef LIVE_BOARD_H
#define LIVE_BOARD_H

#include <sys/queue.h>

#include "frame.h"
#include "topic.h"

enum {
    BOARD_TOPICS = 65536,
    BOARD_EVERY_MS = 200,    /* five frames a second */
    BOARD_IDLE_MS = 60000,   /* an unwatched topic stays so long */
    BOARD_ABSENT_MS = 30000, /* one that its service does not know is asked for again so late */
    BOARD_EPOCH_LEN = 12,
};

struct live_stream;
typedef struct board board;
typedef struct board_topic board_topic;

/* One topic of one stream. */
typedef struct board_watch {
    TAILQ_ENTRY(board_watch) link;
    struct live_stream *stream;
    board_topic *topic; /* NULL: none */
    uint32_t bit;       /* of the stream's sets */
    bool heard, owed;   /* the number of watchers: it was told once; it has to be told */
} board_watch;

typedef enum board_phase {
    BOARD_NEW,   /* nothing is known yet */
    BOARD_KNOWN, /* frame is its newest state */
    BOARD_ABSENT /* frame is the problem */
} board_phase;

struct board_topic {
    TAILQ_HEAD(board_watches, board_watch) watches;
    TAILQ_ENTRY(board_topic) all, cooling, wanted, idle;
    board_topic *in_bucket;
    live_frame *frame; /* what went out last */
    struct {           /* what goes out next; data NULL: nothing */
        char event[VP_TOPIC_EVENT_MAX];
        size_t event_n, n;
        char *data;
    } held;
    uint64_t version; /* of held, or else of frame */
    int64_t made_ms, out_ms, idle_ms;
    int64_t ask_ms; /* not before this time its service is asked */
    board_phase phase;
    live_frame *number; /* of watchers of all hubs, as it was told last; NULL: not yet */
    int64_t watchers;   /* what number says */
    int n_watches;      /* here */
    int reported;       /* how many watchers here its service was told last */
    bool is_cooling, is_wanted, is_idle;
    bool asking;    /* a question is on its way */
    bool sealed;    /* for holders of tickets only */
    bool newcomers; /* since the number was told */
    uint8_t name_n;
    char name[VP_TOPIC_NAME_MAX + 1];
};

/* changed: t->frame is new. wanted: a topic needs to be asked for now. watched: the first watcher
 * has come, or the last one has gone. counted: some of t's watches are owed its number. */
typedef struct board_hooks {
    void (*changed)(void *user, board_topic *t);
    void (*wanted)(void *user);
    void (*watched)(void *user, const board_topic *t, bool on);
    void (*counted)(void *user, board_topic *t);
    void *user;
} board_hooks;

board *board_new(const board_hooks *hooks);
void board_destroy(board **self_p);
const char *board_epoch(const board *b); /* random, BOARD_EPOCH_LEN characters */
uint64_t board_seq(const board *b);      /* the highest number given */

board_topic *board_find(board *b, vp_str name);
/* Finds it or makes it; NULL: there is no room. name is valid, perhaps of a sealed topic. */
board_topic *board_enter(board *b, vp_str name, int64_t now);
void board_watch_add(board *b, board_topic *t, board_watch *w);
void board_watch_end(board *b, board_watch *w, int64_t now);

/* False: not newer than what is there. */
bool board_offer(board *b, board_topic *t, const vp_topic_state *s, int64_t now);
/* Its service does not know it; a topic that has a state is left alone. */
void board_absent(board *b, board_topic *t, int64_t now);
/* How many watch t at all hubs together: told to t's watchers when it is another number than
 * before, else to those who came since. */
void board_count(board *b, board_topic *t, int64_t watchers);
/* Lets out what was held back, and forgets idle topics. */
void board_tick(board *b, int64_t now);
int64_t board_next_ms(const board *b); /* when a held state may go out; -1: none is held */

/* The topics to ask for: the first that is wanted, or all in turn. */
void board_want(board *b, board_topic *t);
void board_unwant(board *b, board_topic *t);
board_topic *board_first_wanted(const board *b);
board_topic *board_first(const board *b);
static inline board_topic *board_next(const board_topic *t) {
    return TAILQ_NEXT(t, all);
}
board_topic *board_find_sealed(board *b, vp_str public_name);
/* The sealed topic of a public one, the public one of a sealed one; NULL: it is not here. */
board_topic *board_twin(board *b, const board_topic *t);
static inline vp_str board_name(const board_topic *t) {
    return vp_str_n(t->name, t->name_n);
}
/* As browsers know it: without the sign of a sealed one. */
static inline vp_str board_public_name(const board_topic *t) {
    return vp_str_n(t->name + t->sealed, (size_t)t->name_n - t->sealed);
}
/* Appends the event that tells a watcher why a topic gives nothing. */
void board_problem_write(vp_buf *out, vp_str name, vp_err code);

#endif
