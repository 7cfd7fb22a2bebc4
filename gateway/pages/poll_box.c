/* poll_box.c - see poll_box.h. SPDX-License-Identifier: MIT */
#include "poll_box.h"

#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "mem.h"
#include "shares.h"
#include "view.h"

enum { PATH_BYTES = 2048, TEXT_MAX = 160, CHOSEN_MAX = 16 * 1024 };

/* Where a sentence about a ballot stands. */
typedef enum place { NOWHERE, THANKS, TOP, AT_CHOICES, AT_CODE } place;

static const struct outcome {
    vp_str word;
    place place;
    bool cast;        /* a ballot of this reader is counted: the form has nothing more to do */
    const char *text; /* of choices: before the hint */
} outcomes[] = {
    [POLL_NOT_VOTED] = {VP_STR_INIT(""), NOWHERE, false, NULL},
    [POLL_COUNTED] = {VP_STR_INIT("1"), THANKS, true, "Thank you. Your vote is counted."},
    [POLL_CHANGED] = {VP_STR_INIT("changed"), THANKS, true, "Thank you. Your vote is changed."},
    [POLL_REFUSED] = {VP_STR_INIT("already"), TOP, true, NULL},
    [POLL_CHANGING] = {VP_STR_INIT("change"), NOWHERE, false, NULL},
    [POLL_WITHDRAWN] = {VP_STR_INIT("withdrawn"), THANKS, false, "Your vote is withdrawn."},
    [POLL_NO_BALLOT] = {VP_STR_INIT("none"), TOP, false, "There is no vote of yours in this poll."},
    [POLL_NO_CHOICE] = {VP_STR_INIT("nothing"), AT_CHOICES, false, "Nothing was chosen."},
    [POLL_BAD_CHOICE] = {VP_STR_INIT("refused"), AT_CHOICES, false,
                         "That choice was not accepted."},
    [POLL_NO_CODE] = {VP_STR_INIT("nocode"), AT_CODE, false,
                      "Voting in this poll needs an invitation code."},
    [POLL_BAD_CODE] = {VP_STR_INIT("code"), AT_CODE, false, "This code is not one of this poll's."},
    [POLL_NO_ACCOUNT] = {VP_STR_INIT("account"), TOP, false,
                         "Only signed-in accounts can vote in this poll."},
    [POLL_TOO_MANY] = {VP_STR_INIT("many"), TOP, false,
                       "Too many votes came from your network today. Please vote tomorrow."},
    [POLL_NO_COOKIE] = {VP_STR_INIT("cookie"), TOP, false,
                        "Voting here needs a cookie, and your browser does not take it inside "
                        "another site. Please vote on the poll's own page."},
    [POLL_AWAY] = {VP_STR_INIT("away"), TOP, false,
                   "Your vote is not counted yet: the polls cannot be reached right now. Please "
                   "vote again in a minute."},
};
enum { OUTCOMES = sizeof outcomes / sizeof *outcomes };

poll_voted poll_voted_parse(vp_str word) {
    for (size_t i = 1; i < OUTCOMES; i++)
        if (vp_str_eq(word, outcomes[i].word)) return (poll_voted)i;
    return POLL_NOT_VOTED;
}

const char *poll_voted_word(poll_voted v) {
    return outcomes[v].word.p;
}

/* -- status and visibility -------------------------------------------------------------------- */

typedef enum poll_status { SCHEDULED, OPEN, CLOSED } poll_status;

static poll_status status_of(const json_t *poll) {
    vp_str word = vp_json_text(poll, "status");
    if (vp_str_eq(word, VP_STR("open"))) return OPEN;
    return vp_str_eq(word, VP_STR("scheduled")) ? SCHEDULED : CLOSED;
}

static const struct visibility {
    vp_str word;
    bool open, closed;              /* are the results public then? */
    const char *note, *note_closed; /* why there are none */
} visibilities[] = {
    {VP_STR_INIT("always"), true, true, NULL, NULL},
    {VP_STR_INIT("after_vote"), false, false, "Results appear after you have voted.",
     "Only those who voted see the results."},
    {VP_STR_INIT("after_close"), false, true, "Results appear when the poll closes.", NULL},
    {VP_STR_INIT("staff"), false, false, "The results are not public.",
     "The results are not public."},
};

/* A word that is not known yet hides, as the last row does. */
static const struct visibility *visibility_of(const json_t *poll) {
    vp_str word = vp_json_text(poll, "results_visibility");
    size_t i = 0, last = sizeof visibilities / sizeof *visibilities - 1;
    while (i < last && !vp_str_eq(word, visibilities[i].word)) i++;
    return &visibilities[i];
}

static bool results_are_public(const json_t *poll) {
    const struct visibility *v = visibility_of(poll);
    return status_of(poll) == CLOSED ? v->closed : v->open;
}

static bool voting_is(const json_t *poll, vp_str word) {
    return vp_str_eq(vp_json_text(poll, "voting"), word);
}

static bool is_changeable(const json_t *poll) {
    return status_of(poll) == OPEN && vp_json_bool(poll, "changeable", false);
}

bool poll_keeps_ballots(const json_t *poll) {
    return is_changeable(poll) && !voting_is(poll, VP_STR("code"));
}

bool poll_is_personal(const json_t *poll, const poll_wish *wish) {
    return wish->voted != POLL_NOT_VOTED || (wish->results && !results_are_public(poll));
}

void poll_topic(const json_t *poll, vp_buf *topics) {
    if (status_of(poll) == CLOSED) return;
    vp_buf_adds(topics, topics->len ? " poll:" : "poll:");
    vp_buf_add_str(topics, vp_json_text(poll, "id"));
}

/* -- the form --------------------------------------------------------------------------------- */

static void describe_choice(const json_t *poll, char out[TEXT_MAX]) {
    long long min = vp_json_int(poll, "min_choices", 1), max = vp_json_int(poll, "max_choices", 1);
    if (max <= 1)
        snprintf(out, TEXT_MAX, "Choose one");
    else if (min == max)
        snprintf(out, TEXT_MAX, "Choose %lld", max);
    else if (min <= 1)
        snprintf(out, TEXT_MAX, "Choose up to %lld", max);
    else
        snprintf(out, TEXT_MAX, "Choose %lld to %lld", min, max);
}

static bool is_chosen(const json_t *mine, vp_str id) {
    const json_t *choices = json_object_get(mine, "choices");
    for (size_t i = 0; i < json_array_size(choices); i++) {
        const json_t *choice = json_array_get(choices, i);
        vp_str text = vp_str_n(json_string_value(choice), json_string_length(choice));
        if (vp_str_eq(text, id)) return true;
    }
    return false;
}

/* Also says what of them this voter has chosen. */
static void add_options(json_t *box, const json_t *poll, const poll_wish *wish,
                        const struct outcome *o, bool multiple) {
    const json_t *options = json_object_get(poll, "options");
    json_t *list = json_array();
    vp_buf chosen;
    vp_buf_init(&chosen, CHOSEN_MAX);
    for (size_t i = 0; i < json_array_size(options); i++) {
        const json_t *from = json_array_get(options, i);
        json_t *option = json_object();
        vp_str id = vp_json_text(from, "id"), text = vp_json_text(from, "text");
        bool checked = is_chosen(wish->mine, id);
        view_text(option, "id", id);
        view_text(option, "text", text);
        view_text(option, "input_type", multiple ? VP_STR("checkbox") : VP_STR("radio"));
        view_flag(option, "checked", checked);
        json_array_append_new(list, option);
        if (checked) vp_buf_adds(&chosen, chosen.len ? ", " : "");
        if (checked) vp_buf_add_str(&chosen, text);
    }
    view_set(box, "options", list);
    view_text(box, "mine_text", o->cast ? vp_buf_str(&chosen) : (vp_str){0});
    vp_buf_release(&chosen);
}

/* home?query#poll-ID, or /polls/ID?query of the poll's own page. */
static void add_link(json_t *box, const char *key, const poll_wish *wish, vp_str id,
                     const char *query) {
    vp_buf href;
    vp_buf_init(&href, PATH_BYTES);
    vp_buf_add_str(&href, wish->home.n ? wish->home : VP_STR("/polls/"));
    if (!wish->home.n) vp_buf_add_str(&href, id);
    vp_buf_adds(&href, query);
    vp_buf_adds(&href, "#poll-");
    vp_buf_add_str(&href, id);
    view_text(box, key, href.over ? (vp_str){0} : vp_buf_str(&href));
    vp_buf_release(&href);
}

/* What became of the ballot; of one that was in order and yet refused the poll tells why. */
static struct outcome outcome_of(const json_t *poll, const poll_wish *wish) {
    struct outcome o = outcomes[wish->voted];
    if (wish->voted != POLL_REFUSED) return o;
    poll_status status = status_of(poll);
    if (status == SCHEDULED) {
        o.text = "Voting has not begun yet.";
    } else if (status == CLOSED) {
        o.text = "This poll was closed before your vote came.";
    } else if (is_changeable(poll)) {
        o.text = "This vote has been changed too often to be changed again.";
    } else if (voting_is(poll, VP_STR("code"))) {
        o.text = "This invitation code has been used already.";
        o.place = AT_CODE;
        o.cast = false;
    } else {
        o.text = "You have already voted in this poll.";
    }
    return o;
}

static void add_message(json_t *box, const json_t *poll, const struct outcome *o) {
    const char *said = o->text;
    char hint[TEXT_MAX], text[2 * TEXT_MAX];
    describe_choice(poll, hint);
    snprintf(text, sizeof text, "%s %s.", said ? said : "", hint);
    view_text(box, "hint", vp_str_of(hint));
    view_text(box, "thanks", vp_str_of(o->place == THANKS ? said : NULL));
    view_text(box, "form_error", vp_str_of(o->place == TOP ? said : NULL));
    view_text(box, "choice_error", vp_str_of(o->place == AT_CHOICES ? text : NULL));
    view_text(box, "code_error", vp_str_of(o->place == AT_CODE ? said : NULL));
}

/* What the forms of this poll have beside its options. */
static void add_fields(json_t *box, const json_t *poll, const poll_wish *wish) {
    vp_str id = vp_json_text(poll, "id");
    bool again = is_changeable(poll) && wish->voted == POLL_CHANGING && wish->mine;
    view_href(box, "action", "/polls/", id, "/ballots");
    view_text(box, "submit_label", again ? VP_STR("Change my vote") : VP_STR("Vote"));
    view_text(box, "return_to", wish->home);
    view_flag(box, "embed", wish->embed);
    view_text(box, "idempotency_key", vp_str_of(wish->idempotency_key));
    view_flag(box, "code_field", voting_is(poll, VP_STR("code")));
    view_flag(box, "account_only", status_of(poll) != CLOSED && voting_is(poll, VP_STR("account")));
}

/* A vote that may be changed: how, for those who have voted and those who may have. */
static void add_change(json_t *box, const json_t *poll, const poll_wish *wish, bool cast,
                       bool form) {
    vp_str id = vp_json_text(poll, "id");
    bool may = is_changeable(poll);
    bool known = wish->mine || voting_is(poll, VP_STR("code"));
    bool changing = wish->voted == POLL_CHANGING && known;
    view_flag(box, "changeable", may);
    view_flag(box, "withdrawable", may && (cast || changing));
    view_href(box, "withdraw_action", "/polls/", id, "/ballots/withdraw");
    view_set(box, "change_href", NULL);
    if (may) add_link(box, "change_href", wish, id, "?voted=change");
    view_flag(box, "change_note", may && form && !changing);
    view_flag(box, "changing", changing);
}

/* -- the results ------------------------------------------------------------------------------ */

static json_t *result_row(const json_t *option, int64_t votes, int share, bool leading) {
    char percent[16];
    json_t *row = json_object();
    snprintf(percent, sizeof percent, "%d", share);
    view_text(row, "id", vp_json_text(option, "id"));
    view_text(row, "text", vp_json_text(option, "text"));
    view_count(row, "votes", votes, "votes_word", "vote", "votes");
    view_text(row, "percent", vp_str_of(percent));
    view_flag(row, "leading", leading);
    return row;
}

static json_t *result_rows(const json_t *options, const json_t *counts) {
    size_t n = json_array_size(options);
    int64_t most = 1, *votes = vp_calloc(n + 1, sizeof *votes);
    int *share = vp_calloc(n + 1, sizeof *share);
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++) {
        const char *id = json_string_value(json_object_get(json_array_get(options, i), "id"));
        votes[i] = id ? vp_json_int(counts, id, 0) : 0;
        if (votes[i] > most) most = votes[i];
    }
    vp_shares(votes, n, share);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            rows, result_row(json_array_get(options, i), votes[i], share[i], votes[i] == most));
    free(votes);
    free(share);
    return rows;
}

static json_t *results_of(const json_t *poll) {
    const json_t *from = json_object_get(poll, "results");
    if (!json_is_object(from)) return NULL;
    json_t *results = json_object();
    view_set(results, "version", json_incref(json_object_get(from, "version")));
    view_count(results, "voters", vp_json_int(from, "voters", 0), "voters_word", "voter", "voters");
    view_set(results, "rows",
             result_rows(json_object_get(poll, "options"), json_object_get(from, "counts")));
    return results;
}

/* -- the box ---------------------------------------------------------------------------------- */

/* What is seen of the poll: its form, its results, or a note about them. */
static void add_choice_of_views(json_t *box, const json_t *poll, const poll_wish *wish, bool cast) {
    poll_status status = status_of(poll);
    const struct visibility *v = visibility_of(poll);
    bool changing = wish->voted == POLL_CHANGING;
    json_t *results = status == SCHEDULED ? NULL : results_of(poll);
    bool show = results && ((wish->results && !changing) || cast || status == CLOSED);
    bool form = status == OPEN && !show && !cast;
    vp_str id = vp_json_text(poll, "id");
    const char *note = status == CLOSED ? v->note_closed : v->note;
    view_flag(box, "show_form", form);
    view_flag(box, "show_results", show);
    view_flag(box, "hidden_results", status == OPEN && !v->open);
    view_text(box, "results_note", vp_str_of(results || status == SCHEDULED ? NULL : note));
    view_set(box, "results_href", NULL);
    view_set(box, "vote_href", NULL);
    if (results && form) add_link(box, "results_href", wish, id, "?view=results");
    if (show && status == OPEN && !cast) add_link(box, "vote_href", wish, id, "");
    if (!show) json_decref(results);
    view_set(box, "results", show ? results : NULL);
    add_change(box, poll, wish, cast, form);
}

json_t *poll_box(const json_t *poll, const poll_wish *wish) {
    json_t *box = json_object();
    struct outcome o = outcome_of(poll, wish);
    poll_status status = status_of(poll);
    bool multiple = vp_str_eq(vp_json_text(poll, "kind"), VP_STR("multiple"));
    vp_str id = vp_json_text(poll, "id");
    view_text(box, "id", id);
    view_text(box, "heading", VP_STR("Have Your Say"));
    view_text(box, "question", vp_json_text(poll, "question"));
    view_flag(box, "multiple", multiple);
    add_options(box, poll, wish, &o, multiple);
    add_fields(box, poll, wish);
    view_flag(box, "status_open", status == OPEN);
    view_flag(box, "status_scheduled", status == SCHEDULED);
    view_flag(box, "status_closed", status == CLOSED);
    view_time(box, poll, "opens_at", "opens_display", VIEW_MINUTE);
    view_time(box, poll, "closes_at", "closes_display", VIEW_MINUTE);
    view_set(box, "history_href", NULL);
    if (vp_json_bool(poll, "edited", false))
        view_href(box, "history_href", "/polls/", id, "#history");
    add_message(box, poll, &o);
    add_choice_of_views(box, poll, wish, o.cast);
    return box;
}

/* -- what was changed -------------------------------------------------------------------------- */

json_t *poll_history(const json_t *history) {
    const json_t *items = json_object_get(history, "items");
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *from = json_array_get(items, i);
        json_t *change = json_object();
        bool question = vp_str_eq(vp_json_text(from, "what"), VP_STR("question"));
        view_time(change, from, "at", "at_display", VIEW_MINUTE);
        view_text(change, "what", question ? VP_STR("Question") : VP_STR("Option"));
        view_text(change, "before", vp_json_text(from, "before"));
        view_text(change, "after", vp_json_text(from, "after"));
        json_array_append_new(list, change);
    }
    if (json_array_size(list)) return list;
    json_decref(list);
    return NULL;
}

/* -- a list of polls -------------------------------------------------------------------------- */

static const struct {
    const char *at, *dated, *plain; /* dated: with the day of `at` behind it */
} states[] = {
    [SCHEDULED] = {"opens_at", "Opens on ", "Not open yet"},
    [OPEN] = {"closes_at", "Open until ", "Open"},
    [CLOSED] = {"closes_at", "Closed on ", "Closed"},
};

json_t *poll_line(const json_t *poll) {
    json_t *line = json_object();
    char day[VIEW_DATE_MAX] = "", text[TEXT_MAX], number[VIEW_NUMBER_MAX];
    poll_status status = status_of(poll);
    const json_t *results = json_object_get(poll, "results");
    int64_t voters = vp_json_int(results, "voters", 0);
    view_date(vp_json_text(poll, states[status].at), VIEW_DAY, day);
    snprintf(text, sizeof text, "%s%s", *day ? states[status].dated : states[status].plain, day);
    view_text(line, "id", vp_json_text(poll, "id"));
    view_text(line, "question", vp_json_text(poll, "question"));
    view_text(line, "state", vp_str_of(text));
    view_number(voters, number);
    snprintf(text, sizeof text, "%s voter%s", number, voters == 1 ? "" : "s");
    bool told = status != SCHEDULED && json_is_object(results);
    view_text(line, "voters_text", vp_str_of(told ? text : NULL));
    return line;
}
