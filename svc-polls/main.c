/* main.c - voxpop-polls: polls, ballots and results. SPDX-License-Identifier: MIT */
#include "audit.h"
#include "ballots.h"
#include "edit.h"
#include "embed.h"
#include "export.h"
#include "invitations.h"
#include "journal.h"
#include "keep.h"
#include "moves.h"
#include "placement.h"
#include "polls.h"
#include "recount.h"
#include "series.h"
#include "topics.h"

extern const vp_embedded polls_lua[];

static const vp_op ops[] = {
    {"polls.due", NULL, NULL, VP_MAY_INSIDE, POLLS_DUE_MS, polls_due_prepare, polls_due_finish},
    {"polls.sweep", NULL, NULL, VP_MAY_INSIDE, POLLS_SWEEP_MS, polls_sweep_prepare,
     polls_sweep_finish},
    {"polls.create", "POST", "/api/v1/polls", VP_MAY_AUTHOR, 64 * 1024, polls_create_prepare,
     polls_create_finish},
    {"polls.list", "GET", "/api/v1/polls", VP_MAY_ANYONE, 0, polls_list_prepare, polls_list_finish},
    {"polls.current", "GET", "/api/v1/polls/current", VP_MAY_ANYONE, 0, polls_current_prepare,
     polls_current_finish},
    {"polls.placement", "GET", "/api/v1/polls/placement", VP_MAY_ANYONE, 0, polls_placement_prepare,
     polls_placement_finish},
    {"polls.place", "PUT", "/api/v1/polls/placement", VP_MAY_EDITOR, 1024, polls_place_prepare,
     polls_place_finish},
    {"polls.get", "GET", "/api/v1/polls/{id}", VP_MAY_ANYONE, 0, polls_get_prepare,
     polls_get_finish},
    {"polls.edit", "PATCH", "/api/v1/polls/{id}", VP_MAY_AUTHOR, 64 * 1024, polls_edit_prepare,
     polls_edit_finish},
    {"polls.delete", "DELETE", "/api/v1/polls/{id}", VP_MAY_AUTHOR, 1024, polls_delete_prepare,
     polls_delete_finish},
    {"polls.history", "GET", "/api/v1/polls/{id}/history", VP_MAY_ANYONE, 0, polls_history_prepare,
     polls_history_finish},
    {"polls.close", "POST", "/api/v1/polls/{id}/close", VP_MAY_AUTHOR, 1024, polls_close_prepare,
     polls_close_finish},
    {"polls.reopen", "POST", "/api/v1/polls/{id}/reopen", VP_MAY_AUTHOR, 1024, polls_reopen_prepare,
     polls_reopen_finish},
    {"polls.archive", "POST", "/api/v1/polls/{id}/archive", VP_MAY_AUTHOR, 1024,
     polls_archive_prepare, polls_archive_finish},
    {"polls.results", "GET", "/api/v1/polls/{id}/results", VP_MAY_ANYONE, 0, polls_results_prepare,
     polls_results_finish},
    {"polls.series", "GET", "/api/v1/polls/{id}/series", VP_MAY_ANYONE, 0, polls_series_prepare,
     polls_series_finish},
    {"polls.export", "GET", "/api/v1/polls/{id}/export", VP_MAY_EDITOR, 0, polls_export_prepare,
     polls_export_finish},
    {"polls.journal", "GET", "/api/v1/polls/{id}/ballots", VP_MAY_EDITOR, 0, polls_journal_prepare,
     polls_journal_finish},
    {"polls.recount", "POST", "/api/v1/polls/{id}/recount", VP_MAY_EDITOR, 1024,
     polls_recount_prepare, polls_recount_finish},
    {"polls.issue", "POST", "/api/v1/polls/{id}/codes", VP_MAY_AUTHOR, 1024, polls_issue_prepare,
     polls_issue_finish},
    {"polls.codes", "GET", "/api/v1/polls/{id}/codes", VP_MAY_AUTHOR, 0, polls_codes_prepare,
     polls_codes_finish},
    {"polls.cast", "POST", "/api/v1/polls/{id}/ballots", VP_MAY_ANYONE, 16 * 1024,
     polls_cast_prepare, polls_cast_finish},
    {"polls.mine", "GET", "/api/v1/polls/{id}/ballots/mine", VP_MAY_ANYONE, 0, polls_mine_prepare,
     polls_mine_finish},
    {"polls.withdraw", "DELETE", "/api/v1/polls/{id}/ballots/mine", VP_MAY_ANYONE, 1024,
     polls_withdraw_prepare, polls_withdraw_finish},
    {"polls.topics", "SYNC", "/topics", VP_MAY_INSIDE, 64 * 1024, polls_topics_prepare,
     polls_topics_finish},
    {"polls.watchers", "SYNC", "/watchers", VP_MAY_INSIDE, 64 * 1024, polls_watchers_prepare,
     polls_watchers_finish},
    {"polls.ticket-key", "SYNC", "/ticket-key", VP_MAY_INSIDE, 0, polls_ticket_key_prepare, NULL},
    VP_AUDIT_OP("polls"),
    VP_KEEP_OPS("polls"),
    VP_VERIFY_OP("polls"),
    {NULL},
};

static polls_self self;

static const vp_schema schemas[] = {{"poll", 2, "polls:list:all"}, {NULL}};

int main(int argc, char **argv) {
    vp_service_def def = {.name = "polls",
                          .ops = ops,
                          .lua = polls_lua,
                          .topics = "poll",
                          .self = &self,
                          .schemas = schemas};
    return vp_service_main(&def, argc, argv);
}
