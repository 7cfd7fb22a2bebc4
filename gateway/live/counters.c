/* counters.c - see counters.h. SPDX-License-Identifier: MIT */
#include "counters.h"

vp_metric live_metric[LIVE_METRICS] = {
    [LIVE_M_WATCHERS] = {"voxpop_live_watchers", NULL, VP_GAUGE, "Open streams."},
    [LIVE_M_STREAMS] = {"voxpop_live_streams_total", NULL, VP_COUNTER, "Streams begun."},
    [LIVE_M_FRAMES] = {"voxpop_live_frames_total", NULL, VP_COUNTER, "Frames sent to watchers."},
    [LIVE_M_CONFLATED] = {"voxpop_live_conflated_total", NULL, VP_COUNTER,
                          "States that a slow watcher skipped for a newer one."},
    [LIVE_M_STUCK] = {"voxpop_live_stuck_total", NULL, VP_COUNTER,
                      "Streams closed because nothing was read from them."},
    [LIVE_M_REFUSED_HEAD] = {"voxpop_live_refused_total", "why=\"request\"", VP_COUNTER,
                             "Requests that got no stream."},
    [LIVE_M_REFUSED_ADDRESS] = {"voxpop_live_refused_total", "why=\"address\"", VP_COUNTER, NULL},
    [LIVE_M_REFUSED_FULL] = {"voxpop_live_refused_total", "why=\"full\"", VP_COUNTER, NULL},
    [LIVE_M_TICKETS_GOOD] = {"voxpop_live_tickets_total", "is=\"good\"", VP_COUNTER,
                             "Tickets that streams came with."},
    [LIVE_M_TICKETS_REFUSED] = {"voxpop_live_tickets_total", "is=\"refused\"", VP_COUNTER, NULL},
    [LIVE_M_TICKETS_UNCHECKED] = {"voxpop_live_tickets_total", "is=\"unchecked\"", VP_COUNTER,
                                  NULL},
    [LIVE_M_EXPIRED] = {"voxpop_live_expired_total", NULL, VP_COUNTER,
                        "Streams ended because a ticket of theirs had."},
    [LIVE_M_STATES] = {"voxpop_live_states_total", NULL, VP_COUNTER, "States from services."},
    [LIVE_M_STATES_BAD] = {"voxpop_live_states_bad_total", NULL, VP_COUNTER,
                           "Messages that were no state."},
    [LIVE_M_ASKED] = {"voxpop_live_asked_total", NULL, VP_COUNTER, "Questions to services."},
    [LIVE_M_ASK_FAILED] = {"voxpop_live_ask_failed_total", NULL, VP_COUNTER,
                           "Questions without an answer."},
};
