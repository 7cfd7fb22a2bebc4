/* edit.c - see edit.h.
 * The poll is read, the changes are worked out and checked against it, and the function makes them
 * if the poll still has that revision and all that the changes ask for holds. A call that is sent
 * again finds the poll changed, by itself: it goes to the function all the same, which remembers
 * its own answers. SPDX-License-Identifier: MIT */
#include "edit.h"

#include "amend.h"
#include "match.h"
#include "polls.h"
#include "reader.h"
#include "refusal.h"

enum { EDIT_TRIES = 4 }; /* of If-Match: *, when the poll changes again and again meanwhile */

typedef struct edit_state {
    json_t *body;
    int64_t match; /* VP_MATCH_ANY: whatever revision is read */
    int tries;
    enum { EDIT_READ, EDIT_DECIDED, EDIT_READ_BACK } waits_for;
    polls_asked asked;
} edit_state;

static bool read_match(vp_call *call, int64_t *revision) {
    vp_err rc = vp_match_read(call->field[VP_F_IF_MATCH], revision);
    if (rc == VP_ENEEDMATCH) vp_call_fail(call, rc, "Send the poll's ETag as If-Match.");
    if (rc == VP_ESTALE) vp_call_fail(call, rc, "If-Match names no revision of this poll.");
    return rc == VP_OK;
}

/* -- PATCH -------------------------------------------------------------------------------- */

static vp_step read_for_edit(vp_call *call, edit_state *e) {
    vp_str id = call->params.value[0];
    e->tries++;
    e->waits_for = EDIT_READ;
    polls_store_read(call, id, NULL, false);
    polls_store_history(call, id);
    return VP_STEP_WAIT;
}

vp_step polls_edit_prepare(vp_call *call) {
    edit_state *e = vp_call_state(call, sizeof *e);
    if (!vp_ulid_valid(call->params.value[0])) return polls_unknown(call);
    if (!read_match(call, &e->match)) return VP_STEP_DONE;
    if (!vp_call_json(call, polls_draft_rules, &e->body)) return VP_STEP_DONE;
    return read_for_edit(call, e);
}

static size_t history_of(const redisReply *reply, vp_str lines[POLLS_HISTORY_MAX]) {
    size_t n = 0;
    while (n < POLLS_HISTORY_MAX && polls_reply_at(reply, n)) {
        lines[n] = polls_reply_text(polls_reply_at(reply, n));
        n++;
    }
    return n;
}

/* Sends the amendment of this poll, or answers with the poll when nothing changes. */
static vp_step send_amendment(vp_call *call, edit_state *e, const polls_draft *before,
                              const polls_draft *after, int64_t revision) {
    vp_str id = call->params.value[0], history[POLLS_HISTORY_MAX];
    polls_amendment a;
    polls_editor by = {call->field[VP_F_ACTOR_LOGIN], vp_service_now(call->service)};
    size_t n = history_of(call->reply[1], history);
    bool changes = polls_amend(before, after, &by, history, n, &a);
    a.edit.revision = revision;
    e->asked = a.asked;
    e->waits_for = EDIT_DECIDED;
    if (changes) polls_store_edit(call, id, &a.edit);
    polls_amendment_release(&a);
    return changes ? VP_STEP_WAIT : polls_answer_written(call, 200, id);
}

static vp_step amend(vp_call *call, edit_state *e, const polls_record *r) {
    polls_draft before, after;
    json_t *source = NULL;
    vp_step step = VP_STEP_DONE;
    if (polls_draft_of(r, &source, &before)) {
        vp_call_fail(call, VP_ESYSTEM, "The poll cannot be read.");
    } else {
        int64_t now = vp_service_now(call->service);
        if (!polls_draft_read(e->body, &before, now, &after, &call->problem))
            step = send_amendment(call, e, &before, &after, r->tally.revision);
        polls_draft_release(&after);
    }
    json_decref(source);
    return step;
}

/* The poll is newer than what the client has; only the function knows whether that is because this
 * very call has been here before. */
static vp_step ask_whether_done(vp_call *call, edit_state *e) {
    polls_edit nothing = {.revision = e->match, .conditions = VP_STR("unarchived")};
    nothing.removed = nothing.new_ = VP_STR("");
    e->waits_for = EDIT_DECIDED;
    polls_store_edit(call, call->params.value[0], &nothing);
    return VP_STEP_WAIT;
}

static vp_step have_read(vp_call *call, edit_state *e) {
    polls_found found;
    if (!polls_found_one(call, call->params.value[0], &found)) return VP_STEP_DONE;
    if (!polls_may_change(call, &found.record)) return VP_STEP_DONE;
    int64_t revision = found.record.tally.revision;
    if (e->match != VP_MATCH_ANY && e->match < revision) return ask_whether_done(call, e);
    if (e->match > revision) return vp_call_fail(call, VP_ESTALE, "There is no such revision.");
    return amend(call, e, &found.record);
}

/* What the function can refuse, and the need that it is about. */
static const struct {
    polls_refusal refusal;
    unsigned need;
    const char *field; /* what is told of each member that has this need */
} reasons[] = {
    {{VP_STR_INIT("full"), VP_ECONFLICT, "The wording of this poll was changed too often."},
     0,
     NULL},
    {{VP_STR_INIT("removed"), VP_ECONFLICT, "An option that has votes cannot be taken out."},
     0,
     NULL},
    {{VP_STR_INIT("voted"), VP_ECONFLICT, "There are votes already."},
     POLLS_NEEDS_UNVOTED,
     "cannot change any more, because there are votes"},
    {{VP_STR_INIT("shut"), VP_ECONFLICT, "The poll is closed."},
     POLLS_NEEDS_UNCLOSED,
     "cannot change in a closed poll"},
    {{VP_STR_INIT("opened"), VP_ECONFLICT, "The poll has opened already."},
     POLLS_NEEDS_UNOPENED,
     "cannot change any more, because the poll has opened"},
    {{VP_STR_INIT("unsettled"), VP_ECONFLICT, "People are voting."},
     POLLS_NEEDS_SETTLED,
     "changes before the first vote, or once the poll is closed"},
};

static vp_step refuse(vp_call *call, const edit_state *e, vp_str word) {
    static const polls_refusal none = {{NULL, 0}, VP_OK, NULL};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        const polls_refusal *r = &reasons[i].refusal;
        if (!vp_str_eq(word, r->word)) continue;
        vp_call_fail(call, r->code, "%s", r->detail);
        for (int k = 0; k < e->asked.n; k++)
            if (e->asked.row[k].needs & reasons[i].need)
                vp_problem_field(&call->problem, e->asked.row[k].pointer, "%s", reasons[i].field);
        return VP_STEP_DONE;
    }
    return polls_refuse(call, word, &none);
}

static vp_step decided(vp_call *call, edit_state *e) {
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    bool again = vp_str_eq(word, VP_STR("stale")) && e->match == VP_MATCH_ANY;
    if (again && e->tries < EDIT_TRIES) return read_for_edit(call, e);
    if (!vp_str_eq(word, VP_STR("edited"))) return refuse(call, e, word);
    e->waits_for = EDIT_READ_BACK;
    polls_store_read(call, call->params.value[0], NULL, false);
    return VP_STEP_WAIT;
}

vp_step polls_edit_finish(vp_call *call) {
    edit_state *e = call->state;
    if (e->waits_for == EDIT_READ) return have_read(call, e);
    if (e->waits_for == EDIT_DECIDED) return decided(call, e);
    return polls_answer_written(call, 200, call->params.value[0]);
}

/* -- DELETE ------------------------------------------------------------------------------- */

typedef struct delete_state {
    int64_t match;
    int tries;
    bool sent;
} delete_state;

static vp_step send_delete(vp_call *call, delete_state *d, int64_t revision) {
    d->sent = true;
    polls_store_delete(call, call->params.value[0], revision);
    return VP_STEP_WAIT;
}

static vp_step read_for_delete(vp_call *call, delete_state *d) {
    d->tries++;
    d->sent = false;
    polls_store_read(call, call->params.value[0], NULL, false);
    return VP_STEP_WAIT;
}

vp_step polls_delete_prepare(vp_call *call) {
    delete_state *d = vp_call_state(call, sizeof *d);
    if (!vp_ulid_valid(call->params.value[0])) return polls_unknown(call);
    if (!read_match(call, &d->match)) return VP_STEP_DONE;
    return d->match == VP_MATCH_ANY ? read_for_delete(call, d) : send_delete(call, d, d->match);
}

/* A poll that is gone may be gone by this very call, which the function remembers. */
static vp_step delete_any(vp_call *call, delete_state *d) {
    polls_found found;
    vp_err rc = polls_store_found(call->reply[0], call->params.value[0], &found);
    if (rc && rc != VP_ENOTFOUND) return vp_call_fail(call, VP_ESYSTEM, "The poll is unreadable.");
    return send_delete(call, d, rc ? 1 : found.record.tally.revision);
}

vp_step polls_delete_finish(vp_call *call) {
    static const polls_refusal refusals[] = {
        {VP_STR_INIT("voted"), VP_ECONFLICT,
         "People have voted in this poll: close and archive it first."},
        {{NULL, 0}},
    };
    delete_state *d = call->state;
    if (!d->sent) return delete_any(call, d);
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    bool again = vp_str_eq(word, VP_STR("stale")) && d->match == VP_MATCH_ANY;
    if (again && d->tries < EDIT_TRIES) return read_for_delete(call, d);
    if (!vp_str_eq(word, VP_STR("deleted"))) return polls_refuse(call, word, refusals);
    return vp_call_answer(call, 204);
}

/* -- GET …/history ------------------------------------------------------------------------ */

vp_step polls_history_prepare(vp_call *call) {
    vp_str id = call->params.value[0];
    if (!vp_ulid_valid(id)) return polls_unknown(call);
    polls_store_read(call, id, NULL, false);
    polls_store_history(call, id);
    return VP_STEP_WAIT;
}

vp_step polls_history_finish(vp_call *call) {
    polls_found found;
    char surrogate[64];
    vp_str lines[POLLS_HISTORY_MAX], id = call->params.value[0];
    if (!polls_found_one(call, id, &found)) return VP_STEP_DONE;
    size_t n = history_of(call->reply[1], lines);
    vp_buf_adds(&call->out, "{\"items\":[");
    for (size_t i = 0; i < n; i++) {
        if (i) vp_buf_addc(&call->out, ',');
        vp_buf_add_str(&call->out, lines[i]);
    }
    vp_buf_adds(&call->out, "]}");
    polls_body_etag(call);
    polls_cache_fields(call, polls_surrogate(id, surrogate));
    return vp_call_answer(call, 200);
}
