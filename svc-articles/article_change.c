/* article_change.c - see article_change.h.
 * A call that is sent again finds the article changed, by itself: it goes to the function all the
 * same, which remembers its own answers. SPDX-License-Identifier: MIT */
#include "article_change.h"

#include <stdio.h>

#include "article_view.h"
#include "document.h"
#include "match.h"

enum { CHANGE_TRIES = 4 }; /* of If-Match: *, when the article changes again and again meanwhile */

static const struct {
    vp_str word;
    vp_err code;
    const char *pointer, *detail;
} refusals[] = {
    {VP_STR_INIT("missing"), VP_ENOTFOUND, NULL, "There is no such article."},
    {VP_STR_INIT("denied"), VP_EDENIED, NULL, "This article is somebody else's."},
    {VP_STR_INIT("no-edit"), VP_ECONFLICT, NULL, "This article has no pending edit."},
    {VP_STR_INIT("slug"), VP_ECONFLICT, "/slug", "is taken"},
    {VP_STR_INIT("group"), VP_ECONFLICT, "/translation_group", "has as many articles as may be"},
    {VP_STR_INIT("full"), VP_ECONFLICT, NULL,
     "Too many writers have text of this article unsaved."},
};

/* "contributor" goes with a place, "move" with the status that forbids it. */
static vp_step refuse_second(vp_call *call, vp_str word) {
    const redisReply *r = call->reply[0]->elements > 1 ? call->reply[0]->element[1] : NULL;
    int n = r ? (int)r->len : 0;
    const char *second = n ? r->str : "";
    if (vp_str_eq(word, VP_STR("contributor"))) {
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/contributors/%.*s", n, second);
        vp_problem_field(&call->problem, pointer, "is nobody");
        return vp_call_fail(call, VP_EINVAL, "There is no such contributor.");
    }
    if (!vp_str_eq(word, VP_STR("move")))
        return vp_call_fail(call, VP_ESYSTEM, "The operation has no outcome.");
    if (!strncmp(second, "deleted", (size_t)n))
        return vp_call_fail(call, VP_ECONFLICT, "The article is in the bin.");
    return vp_call_fail(call, VP_ECONFLICT, "That cannot be done to one that is %.*s.", n, second);
}

vp_step article_refuse(vp_call *call, vp_str word) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (!vp_str_eq(word, refusals[i].word)) continue;
        if (!refusals[i].pointer)
            return vp_call_fail(call, refusals[i].code, "%s", refusals[i].detail);
        call->problem.code = refusals[i].code;
        vp_problem_field(&call->problem, refusals[i].pointer, "%s", refusals[i].detail);
        return vp_call_fail(call, refusals[i].code, "A field is not acceptable.");
    }
    return refuse_second(call, word);
}

bool article_opened(vp_call *call, articles_opened *a) {
    if (!articles_store_opened(call->reply[0], a))
        article_absent(call);
    else if (!articles_store_mine(call, a->owner, a->handles))
        article_refuse(call, VP_STR("denied"));
    return !call->problem.code;
}

bool article_match(vp_call *call, char out[24], int64_t *revision) {
    vp_err rc = vp_match_read(call->field[VP_F_IF_MATCH], revision);
    if (rc == VP_ENEEDMATCH) vp_call_fail(call, rc, "Send the article's ETag as If-Match.");
    if (rc == VP_ESTALE) vp_call_fail(call, rc, "If-Match names no revision of this article.");
    if (*revision == VP_MATCH_ANY)
        snprintf(out, 24, "*");
    else
        snprintf(out, 24, "%lld", (long long)*revision);
    return rc == VP_OK;
}

/* -- fields ---------------------------------------------------------------------------------------
 */

typedef struct change_kind {
    const vp_json_rule *rules; /* of the body; NULL: none */
    const char *extra;         /* what else of the article is read */
    const char *what;          /* the revision's word; NULL: by its status */
    bool stash;                /* it becomes the pending edit */
    bool publish;              /* the pending edit is what it becomes */
    bool numbered;             /* the path names a revision */
} change_kind;

typedef struct change_state {
    const change_kind *kind;
    json_t *patch; /* borrowed from the call */
    int64_t match;
    int tries;
    char number[24];
    enum { CHANGE_OPEN, CHANGE_DECIDED, CHANGE_READ, CHANGE_STALE } waits_for;
    char id[VP_ULID_LEN + 1];
} change_state;

static const change_kind patch = {.rules = article_patch_rules, .extra = "plain"};
static const change_kind edit_put = {
    .rules = article_patch_rules, .extra = "edit", .what = "edit", .stash = true};
static const change_kind edit_publish = {.extra = "edit", .publish = true};
static const change_kind restore = {.extra = "revisions", .what = "restored", .numbered = true};

static vp_step open_it(vp_call *call, change_state *s) {
    vp_str n = vp_str_of(s->number);
    s->tries++;
    s->waits_for = CHANGE_OPEN;
    articles_store_open(call, call->params.value[0], s->kind->extra, n, n);
    return VP_STEP_WAIT;
}

static vp_step begin(vp_call *call, const change_kind *kind) {
    change_state *s = vp_call_state(call, sizeof *s);
    char expect[24];
    int64_t n = 0;
    s->kind = kind;
    if (!article_match(call, expect, &s->match)) return VP_STEP_DONE;
    if (kind->rules && !vp_call_json(call, kind->rules, &s->patch)) return VP_STEP_DONE;
    if (kind->numbered && vp_str_int(call->params.value[1], 1, INT64_MAX, &n))
        return vp_call_fail(call, VP_ENOTFOUND, "There is no such revision.");
    snprintf(s->number, sizeof s->number, "%lld", (long long)n);
    return open_it(call, s);
}

vp_step articles_patch_prepare(vp_call *call) {
    return begin(call, &patch);
}

vp_step articles_edit_put_prepare(vp_call *call) {
    return begin(call, &edit_put);
}

vp_step articles_edit_publish_prepare(vp_call *call) {
    return begin(call, &edit_publish);
}

vp_step articles_restore_prepare(vp_call *call) {
    return begin(call, &restore);
}

static json_t *unpack(vp_call *call, vp_str packed, const char *missing, vp_err code) {
    json_t *document = NULL;
    if (!packed.n)
        vp_call_fail(call, code, "%s", missing);
    else if (document_unpack(packed, &document))
        vp_call_fail(call, VP_ESYSTEM, "A revision cannot be read.");
    return document;
}

/* The fields as they are to be; NULL: the call has failed. */
static json_t *fields_of(vp_call *call, const change_state *s, const articles_opened *a,
                         const json_t *base) {
    const change_kind *kind = s->kind;
    if (kind->publish)
        return unpack(call, a->extra[0], "This article has no pending edit.", VP_ECONFLICT);
    if (kind->numbered) { /* its address is none of what was written: it stays */
        json_t *old = unpack(call, a->extra[0], "There is no such revision.", VP_ENOTFOUND);
        if (old) json_object_set(old, "slug", json_object_get(base, "slug"));
        return old;
    }
    json_t *edit = kind->stash && a->extra[0].n ? unpack(call, a->extra[0], "", VP_ESYSTEM) : NULL;
    if (call->problem.code) return NULL;
    json_t *fields = document_merge(edit ? edit : base, s->patch);
    json_decref(edit);
    return fields;
}

/* What the revision is called by what becomes of the status. */
static vp_str word_of(const change_kind *kind, vp_str before, vp_str after) {
    bool is = vp_str_eq(after, VP_STR("published")), was = vp_str_eq(before, VP_STR("published"));
    if (kind->what) return vp_str_of(kind->what);
    if (kind->publish || (is && !was)) return VP_STR("published");
    if (vp_str_eq(after, before)) return VP_STR("changed");
    if (vp_str_eq(after, VP_STR("draft"))) return VP_STR("unpublished");
    return after; /* scheduled, archived */
}

static void send(vp_call *call, change_state *s, const articles_opened *a, const json_t *base,
                 const article_form *form) {
    vp_buf before, packed;
    char expect[24];
    vp_buf_init(&before, 2 * DOCUMENT_MAX);
    vp_buf_init(&packed, 2 * DOCUMENT_MAX);
    bool fits = !article_form_pack(form, &packed);
    if (!a->live.n && document_pack(&before, base)) fits = false; /* schema 1 */
    snprintf(expect, sizeof expect, "%lld", (long long)a->revision);
    articles_save save = {.id = a->id,
                          .expect = vp_str_of(expect),
                          .what = word_of(s->kind, a->status, form->status),
                          .edit = s->kind->publish,
                          .before = vp_buf_str(&before),
                          .packed = vp_buf_str(&packed),
                          .form = form};
    s->waits_for = CHANGE_DECIDED;
    if (!fits)
        vp_call_fail(call, VP_EINVAL, "There is too much of it.");
    else if (s->kind->stash)
        articles_store_stash(call, &save);
    else
        articles_store_save(call, &save);
    vp_buf_release(&before);
    vp_buf_release(&packed);
}

static vp_step change(vp_call *call, change_state *s, const articles_opened *a) {
    json_t *base, *fields = NULL;
    article_form form;
    document_source source = {a->slug, a->head, a->tail, a->handles, a->group, a->markdown};
    article_was was = {a->status, a->slug, a->when, a->ends};
    const json_t *asked = s->kind->stash ? NULL : s->patch;
    if (document_read(&source, &base))
        return vp_call_fail(call, VP_ESYSTEM, "The article cannot be read.");
    fields = fields_of(call, s, a, base);
    if (fields) {
        if (article_form_read(&form, fields, asked, &was, vp_service_now(call->service),
                              &call->problem))
            send(call, s, a, base, &form);
        else
            vp_call_fail(call, VP_EINVAL, "Some fields are not acceptable.");
        article_form_release(&form);
    }
    json_decref(fields);
    json_decref(base);
    return call->problem.code ? VP_STEP_DONE : VP_STEP_WAIT;
}

/* The article is newer than what the client has; only the function knows whether that is because
 * this very call has been here before. */
static vp_step ask_whether_done(vp_call *call, change_state *s, vp_str id) {
    char expect[24];
    snprintf(expect, sizeof expect, "%lld", (long long)s->match);
    articles_save save = {.id = id, .expect = vp_str_of(expect), .what = VP_STR("")};
    s->waits_for = CHANGE_DECIDED;
    if (s->kind->stash)
        articles_store_stash(call, &save);
    else
        articles_store_save(call, &save);
    return VP_STEP_WAIT;
}

static vp_step opened(vp_call *call, change_state *s) {
    articles_opened a;
    if (!article_opened(call, &a)) return VP_STEP_DONE;
    snprintf(s->id, sizeof s->id, "%.*s", (int)a.id.n, a.id.p);
    if (s->match != VP_MATCH_ANY && s->match != a.revision) return ask_whether_done(call, s, a.id);
    if (vp_str_eq(a.status, VP_STR("deleted")))
        return vp_call_fail(call, VP_ECONFLICT, "The article is in the bin.");
    return change(call, s, &a);
}

static vp_step decided(vp_call *call, change_state *s) {
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return VP_STEP_DONE;
    bool stale = vp_str_eq(word, VP_STR("stale"));
    if (stale && s->match == VP_MATCH_ANY && s->tries < CHANGE_TRIES) return open_it(call, s);
    if (!stale && !vp_str_eq(word, VP_STR("saved"))) return article_refuse(call, word);
    s->waits_for = stale ? CHANGE_STALE : CHANGE_READ;
    article_view_read(call, vp_str_of(s->id));
    return VP_STEP_WAIT;
}

vp_step articles_change_finish(vp_call *call) {
    change_state *s = call->state;
    if (s->waits_for == CHANGE_OPEN) return opened(call, s);
    if (s->waits_for == CHANGE_DECIDED) return decided(call, s);
    return s->waits_for == CHANGE_STALE ? article_view_stale(call) : article_view_answer(call, 200);
}

/* -- the bin --------------------------------------------------------------------------------------
 */

typedef struct move_state {
    enum { MOVE_DECIDED, MOVE_READ, MOVE_STALE } waits_for;
} move_state;

static vp_step move(vp_call *call, const char *what) {
    char expect[24] = "*";
    int64_t match;
    bool undelete = strcmp(what, "undeleted") == 0; /* nothing can be lost by it */
    vp_call_state(call, sizeof(move_state));
    if (!undelete && !article_match(call, expect, &match)) return VP_STEP_DONE;
    articles_store_move(call, call->params.value[0], vp_str_of(expect), what);
    return VP_STEP_WAIT;
}

/* Answers when the article has been read back; until then *step is what to do. */
static bool moved(vp_call *call, vp_step *step) {
    move_state *s = call->state;
    *step = VP_STEP_DONE;
    if (s->waits_for == MOVE_STALE) article_view_stale(call);
    if (s->waits_for != MOVE_DECIDED) return s->waits_for == MOVE_READ;
    vp_str word = vp_call_outcome(call, call->reply[0]);
    if (!word.n) return false;
    bool stale = vp_str_eq(word, VP_STR("stale")),
         done = vp_str_eq(word, VP_STR("moved")) || vp_str_eq(word, VP_STR("same"));
    const redisReply *id = call->reply[0]->elements > 1 ? call->reply[0]->element[1] : NULL;
    if ((!stale && !done) || !id) {
        article_refuse(call, word);
        return false;
    }
    s->waits_for = stale ? MOVE_STALE : MOVE_READ;
    article_view_read(call, vp_str_n(id->str, id->len));
    *step = VP_STEP_WAIT;
    return false;
}

vp_step articles_delete_prepare(vp_call *call) {
    return move(call, "deleted");
}

vp_step articles_delete_finish(vp_call *call) {
    vp_step step;
    return moved(call, &step) ? vp_call_answer(call, 204) : step;
}

vp_step articles_undelete_prepare(vp_call *call) {
    return move(call, "undeleted");
}

vp_step articles_undelete_finish(vp_call *call) {
    vp_step step;
    return moved(call, &step) ? article_view_answer(call, 200) : step;
}

vp_step articles_edit_delete_prepare(vp_call *call) {
    return move(call, "discarded");
}

vp_step articles_edit_delete_finish(vp_call *call) {
    vp_step step;
    return moved(call, &step) ? vp_call_answer(call, 204) : step;
}
