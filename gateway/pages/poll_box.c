/* poll_box.c - see poll_box.h. SPDX-License-Identifier: MIT */
#include "poll_box.h"

#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "mem.h"
#include "view.h"

enum { PATH_BYTES = 2048, TEXT_MAX = 120 };

static const vp_str voted_words[] = {
    [POLL_NOT_VOTED] = VP_STR_INIT(""),         [POLL_COUNTED] = VP_STR_INIT("1"),
    [POLL_ALREADY] = VP_STR_INIT("already"),    [POLL_NO_CHOICE] = VP_STR_INIT("nothing"),
    [POLL_BAD_CHOICE] = VP_STR_INIT("refused"),
};

poll_voted poll_voted_parse(vp_str word) {
    for (size_t i = 1; i < sizeof voted_words / sizeof *voted_words; i++)
        if (vp_str_eq(word, voted_words[i])) return (poll_voted)i;
    return POLL_NOT_VOTED;
}

const char *poll_voted_word(poll_voted v) {
    return voted_words[v].p;
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

static void add_options(json_t *box, const json_t *poll, bool multiple) {
    const json_t *options = json_object_get(poll, "options");
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(options); i++) {
        const json_t *from = json_array_get(options, i);
        json_t *option = json_object();
        view_text(option, "id", vp_json_text(from, "id"));
        view_text(option, "text", vp_json_text(from, "text"));
        view_text(option, "input_type", multiple ? VP_STR("checkbox") : VP_STR("radio"));
        json_array_append_new(list, option);
    }
    view_set(box, "options", list);
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

static void add_message(json_t *box, const json_t *poll, const poll_wish *wish) {
    char hint[TEXT_MAX], text[2 * TEXT_MAX] = "";
    bool open = status_of(poll) == OPEN;
    describe_choice(poll, hint);
    view_text(box, "hint", vp_str_of(hint));
    if (wish->voted == POLL_ALREADY && open)
        snprintf(text, sizeof text, "You have already voted in this poll.");
    else if (wish->voted == POLL_NO_CHOICE && open)
        snprintf(text, sizeof text, "Nothing was chosen. %s, then vote.", hint);
    else if (wish->voted == POLL_BAD_CHOICE && open)
        snprintf(text, sizeof text, "That choice was not accepted. %s.", hint);
    view_text(box, "form_error", vp_str_of(text));
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
    view_shares(votes, n, share);
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
static void add_choice_of_views(json_t *box, const json_t *poll, const poll_wish *wish) {
    poll_status status = status_of(poll);
    const struct visibility *v = visibility_of(poll);
    bool cast = wish->voted == POLL_COUNTED || wish->voted == POLL_ALREADY;
    json_t *results = status == SCHEDULED ? NULL : results_of(poll);
    bool show = results && (wish->results || cast || status == CLOSED);
    bool form = status == OPEN && !show && !cast;
    vp_str id = vp_json_text(poll, "id");
    const char *note = status == CLOSED ? v->note_closed : v->note;
    view_flag(box, "show_form", form);
    view_flag(box, "show_results", show);
    view_text(box, "results_note", vp_str_of(results || status == SCHEDULED ? NULL : note));
    view_flag(box, "voted", wish->voted == POLL_COUNTED);
    view_set(box, "results_href", NULL);
    view_set(box, "vote_href", NULL);
    if (results && form) add_link(box, "results_href", wish, id, "?view=results");
    if (show && status == OPEN && !cast) add_link(box, "vote_href", wish, id, "");
    if (!show) json_decref(results);
    view_set(box, "results", show ? results : NULL);
}

json_t *poll_box(const json_t *poll, const poll_wish *wish) {
    json_t *box = json_object();
    poll_status status = status_of(poll);
    bool multiple = vp_str_eq(vp_json_text(poll, "kind"), VP_STR("multiple"));
    vp_str id = vp_json_text(poll, "id");
    view_text(box, "id", id);
    view_text(box, "heading", VP_STR("Have Your Say"));
    view_text(box, "question", vp_json_text(poll, "question"));
    view_flag(box, "multiple", multiple);
    add_options(box, poll, multiple);
    view_href(box, "action", "/polls/", id, "/ballots");
    view_text(box, "return_to", wish->home);
    view_flag(box, "status_open", status == OPEN);
    view_flag(box, "status_scheduled", status == SCHEDULED);
    view_flag(box, "status_closed", status == CLOSED);
    view_time(box, poll, "opens_at", "opens_display", VIEW_MINUTE);
    view_time(box, poll, "closes_at", "closes_display", VIEW_MINUTE);
    add_message(box, poll, wish);
    add_choice_of_views(box, poll, wish);
    return box;
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
