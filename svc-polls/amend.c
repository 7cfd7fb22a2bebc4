/* amend.c - see amend.h. SPDX-License-Identifier: MIT */
#include "amend.h"

#include <assert.h>
#include <stdio.h>

#include "clock.h"

enum { LINES_MAX = 256 * 1024 };

/* -- the poll as a draft ------------------------------------------------------------------ */

static vp_err read_option(const json_t *option, polls_option *out) {
    int64_t id;
    out->text = vp_json_text(option, "text");
    if (vp_str_int(vp_json_text(option, "id"), 1, POLLS_OPTION_ID_MAX, &id)) return VP_EPROTO;
    out->id = (int)id;
    return out->text.n ? VP_OK : VP_EPROTO;
}

vp_err polls_draft_of(const polls_record *r, json_t **source, polls_draft *out) {
    vp_fault why = {0};
    *out = (polls_draft){.question = r->question,
                         .kind = r->kind,
                         .results = vp_str_of(polls_shown_word(r->tally.shown)),
                         .article = r->article,
                         .voting = r->voting,
                         .cap = r->cap,
                         .min = r->min,
                         .max = r->max,
                         .opens_at = r->opens_at,
                         .closes_at = r->closes_at,
                         .changeable = r->changeable,
                         .last = (int)r->last};
    if (vp_json_parse(r->options, source, &why)) return VP_EPROTO;
    size_t n = json_array_size(*source);
    if (n > POLLS_OPTIONS_MAX) return VP_EPROTO;
    for (size_t i = 0; i < n; i++) {
        polls_option *o = &out->option[out->n++];
        if (read_option(json_array_get(*source, i), o)) return VP_EPROTO;
        if (o->id > out->last) out->last = o->id;
    }
    return VP_OK;
}

static const polls_option *find(const polls_draft *d, int id) {
    for (int i = 0; i < d->n; i++)
        if (d->option[i].id == id) return &d->option[i];
    return NULL;
}

/* -- the edit ----------------------------------------------------------------------------- */

static void ask(polls_amendment *a, const char *pointer, unsigned needs) {
    polls_asked *asked = &a->asked;
    assert(asked->n < POLLS_ASKED_MAX);
    snprintf(asked->row[asked->n].pointer, sizeof asked->row[0].pointer, "%s", pointer);
    asked->row[asked->n++].needs = needs;
}

static void set(polls_amendment *a, vp_str field, vp_str value) {
    polls_edit *e = &a->edit;
    assert(e->n_fields < POLLS_EDIT_FIELDS);
    e->field[2 * e->n_fields] = field;
    e->field[2 * e->n_fields++ + 1] = value.n ? value : VP_STR("");
}

static void set_number(polls_amendment *a, vp_str field, int64_t value) {
    char *text = a->number[a->n_numbers++];
    snprintf(text, sizeof a->number[0], "%lld", (long long)value);
    set(a, field, vp_str_of(text));
}

static void change_text(polls_amendment *a, const char *pointer, vp_str field, vp_str before,
                        vp_str after, unsigned needs) {
    if (vp_str_eq(before, after)) return;
    ask(a, pointer, needs);
    set(a, field, after);
}

static void change_number(polls_amendment *a, const char *pointer, vp_str field, int64_t before,
                          int64_t after, unsigned needs) {
    if (before == after) return;
    ask(a, pointer, needs);
    set_number(a, field, after);
}

/* A line of history ends with its line end, so that they can be told apart. */
static void add_line(polls_amendment *a, const polls_editor *by, int option, vp_str before,
                     vp_str after) {
    char at[VP_TIME_LEN + 1];
    vp_buf *out = &a->lines;
    vp_time_text(by->now, at);
    vp_buf_addf(out, "{\"at\":\"%s\",\"by\":", at);
    vp_buf_add_json(out, by->login);
    if (option)
        vp_buf_addf(out, ",\"what\":\"option\",\"option_id\":\"%d\",\"before\":", option);
    else
        vp_buf_adds(out, ",\"what\":\"question\",\"option_id\":null,\"before\":");
    vp_buf_add_json(out, before);
    vp_buf_adds(out, ",\"after\":");
    vp_buf_add_json(out, after);
    vp_buf_adds(out, "}\n");
}

static void cut_lines(polls_amendment *a) {
    vp_str rest = vp_buf_str(&a->lines);
    for (const char *end; rest.n && (end = memchr(rest.p, '\n', rest.n));) {
        size_t n = (size_t)(end - rest.p);
        assert(a->edit.n_lines < POLLS_EDIT_LINES);
        a->edit.line[a->edit.n_lines++] = vp_str_n(rest.p, n);
        rest = vp_str_n(end + 1, rest.n - n - 1);
    }
}

/* -- options ------------------------------------------------------------------------------ */

/* Does this line say that another option had the text? */
static bool had(vp_str line, int id, vp_str text) {
    json_t *entry;
    int64_t other;
    vp_fault why = {0};
    if (vp_json_parse(line, &entry, &why)) return false;
    bool yes = !vp_str_int(vp_json_text(entry, "option_id"), 1, POLLS_OPTION_ID_MAX, &other) &&
               other != id && vp_str_eq(vp_json_text(entry, "before"), text);
    json_decref(entry);
    return yes;
}

/* Has, or ever had, another option this text? Votes must not pass from one to the other by it. */
static bool is_taken(const polls_draft *before, const vp_str *history, size_t n_history, int id,
                     vp_str text) {
    for (int i = 0; i < before->n; i++)
        if (before->option[i].id != id && vp_str_eq(before->option[i].text, text)) return true;
    for (size_t i = 0; i < n_history; i++)
        if (had(history[i], id, text)) return true;
    return false;
}

static void add_id(char *list, int id) {
    size_t n = strlen(list);
    snprintf(list + n, POLLS_CHOICES_TEXT_MAX - n, "%s%d", n ? "," : "", id);
}

/* Options that were kept under other words, or are new. */
static void change_options(polls_amendment *a, const polls_draft *before, const polls_draft *after,
                           const polls_editor *by, const vp_str *history, size_t n_history) {
    for (int i = 0; i < after->n; i++) {
        char pointer[24];
        const polls_option *now = &after->option[i], *was = find(before, now->id);
        snprintf(pointer, sizeof pointer, "/options/%d/text", i);
        if (!was) {
            add_id(a->new_, now->id);
        } else if (!vp_str_eq(was->text, now->text)) {
            bool taken = is_taken(before, history, n_history, now->id, now->text);
            ask(a, pointer, taken ? POLLS_NEEDS_UNVOTED : 0);
            add_line(a, by, now->id, was->text, now->text);
        }
    }
    for (int i = 0; i < before->n; i++)
        if (!find(after, before->option[i].id)) add_id(a->removed, before->option[i].id);
    if (a->new_[0] || a->removed[0]) ask(a, "/options", POLLS_NEEDS_UNCLOSED);
}

static bool same_options(const polls_draft *a, const polls_draft *b) {
    bool same = a->n == b->n;
    for (int i = 0; same && i < a->n; i++)
        same =
            a->option[i].id == b->option[i].id && vp_str_eq(a->option[i].text, b->option[i].text);
    return same;
}

static void change_words(polls_amendment *a, const polls_draft *before, const polls_draft *after,
                         const polls_editor *by, const vp_str *history, size_t n_history) {
    bool question = !vp_str_eq(before->question, after->question);
    bool options = !same_options(before, after);
    change_text(a, "/question", VP_STR("question"), before->question, after->question, 0);
    if (question) add_line(a, by, 0, before->question, after->question);
    if (options) {
        change_options(a, before, after, by, history, n_history);
        set(a, VP_STR("options"), vp_buf_str(&after->options));
        set(a, VP_STR("ids"), vp_buf_str(&after->ids));
        set_number(a, VP_STR("last"), after->last);
    }
    if (question || options) set(a, VP_STR("folded"), vp_buf_str(&after->folded));
}

/* -- all of it ---------------------------------------------------------------------------- */

/* Never more than there are options, so as many as there are is no change once some are gone. */
static void change_limits(polls_amendment *a, const polls_draft *before, const polls_draft *after) {
    bool all_left = after->max == after->n && before->max > after->n;
    change_number(a, "/min_choices", VP_STR("min"), before->min, after->min, POLLS_NEEDS_UNVOTED);
    change_number(a, "/max_choices", VP_STR("max"), before->max, after->max,
                  all_left ? 0 : POLLS_NEEDS_UNVOTED);
}

static void change_times(polls_amendment *a, const polls_draft *before, const polls_draft *after) {
    change_number(a, "/opens_at", VP_STR("opens_at"), before->opens_at, after->opens_at,
                  POLLS_NEEDS_UNOPENED);
    if (before->closes_at == after->closes_at) return;
    ask(a, "/closes_at", POLLS_NEEDS_UNCLOSED);
    if (after->closes_at)
        set_number(a, VP_STR("closes_at"), after->closes_at);
    else
        set(a, VP_STR("closes_at"), VP_STR(""));
}

static void change_rules(polls_amendment *a, const polls_draft *before, const polls_draft *after) {
    change_text(a, "/kind", VP_STR("kind"), before->kind, after->kind, POLLS_NEEDS_UNVOTED);
    change_text(a, "/results", VP_STR("results"), before->results, after->results,
                POLLS_NEEDS_SETTLED);
    change_text(a, "/voting", VP_STR("voting"), vp_str_of(polls_voting_word(before->voting)),
                vp_str_of(polls_voting_word(after->voting)), POLLS_NEEDS_UNVOTED);
    change_number(a, "/changeable", VP_STR("changeable"), before->changeable, after->changeable,
                  POLLS_NEEDS_UNVOTED);
    change_number(a, "/address_cap", VP_STR("cap"), before->cap, after->cap, POLLS_NEEDS_UNCLOSED);
    change_text(a, "/article_id", VP_STR("article"), before->article, after->article, 0);
}

/* In the order in which they are looked at, so that the plainest reason is told. */
static void write_conditions(polls_amendment *a) {
    static const struct {
        unsigned need;
        const char *word;
    } words[] = {
        {POLLS_NEEDS_UNCLOSED, ",unclosed"},
        {POLLS_NEEDS_UNOPENED, ",unopened"},
        {POLLS_NEEDS_UNVOTED, ",unvoted"},
        {POLLS_NEEDS_SETTLED, ",settled"},
    };
    unsigned needs = 0;
    int n = snprintf(a->conditions, sizeof a->conditions, "unarchived");
    for (int i = 0; i < a->asked.n; i++) needs |= a->asked.row[i].needs;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (needs & words[i].need)
            n += snprintf(a->conditions + n, sizeof a->conditions - (size_t)n, "%s", words[i].word);
}

bool polls_amend(const polls_draft *before, const polls_draft *after, const polls_editor *by,
                 const vp_str *history, size_t n_history, polls_amendment *out) {
    *out = (polls_amendment){0};
    vp_buf_init(&out->lines, LINES_MAX);
    change_words(out, before, after, by, history, n_history);
    change_limits(out, before, after);
    change_times(out, before, after);
    change_rules(out, before, after);
    write_conditions(out);
    cut_lines(out);
    out->edit.conditions = vp_str_of(out->conditions);
    out->edit.removed = vp_str_of(out->removed);
    out->edit.new_ = vp_str_of(out->new_);
    return out->edit.n_fields > 0;
}

void polls_amendment_release(polls_amendment *a) {
    vp_buf_release(&a->lines);
}
