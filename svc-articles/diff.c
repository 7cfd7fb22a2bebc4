/* diff.c - see diff.h. SPDX-License-Identifier: MIT */
#include "diff.h"

#include <assert.h>
#include <stdlib.h>

#include "mem.h"

static size_t count_lines(vp_str text) {
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) n += text.p[i] == '\n';
    return n + (text.n > 0 && text.p[text.n - 1] != '\n');
}

static vp_str *cut(vp_str text, size_t *n) {
    *n = count_lines(text);
    vp_str *line = vp_calloc(*n + 1, sizeof *line);
    for (size_t i = 0, at = 0; i < *n; i++) {
        const char *end = memchr(text.p + at, '\n', text.n - at);
        size_t length = end ? (size_t)(end - text.p) - at : text.n - at;
        line[i] = vp_str_n(text.p + at, length);
        at += length + 1;
    }
    return line;
}

/* The part in which the texts differ, and Myers' way through it: for each number of edits d, how
 * far each diagonal k came. */
typedef struct search {
    const vp_str *a, *b;
    int n, m;
    int *row[DIFF_EDITS_MAX + 1]; /* 2d + 1 values; row[d][d + k] */
    int steps;
} search;

static int far_of(const search *s, int d, int k) {
    bool down = k == -d || (k != d && s->row[d - 1][d - 1 + k - 1] < s->row[d - 1][d - 1 + k + 1]);
    return down ? s->row[d - 1][d - 1 + k + 1] : s->row[d - 1][d - 1 + k - 1] + 1;
}

/* With d edits. True: the ends of both are reached. */
static bool advance(search *s, int d) {
    s->row[d] = vp_calloc((size_t)(2 * d + 1), sizeof(int));
    for (int k = -d; k <= d; k += 2) {
        int x = d == 0 ? 0 : far_of(s, d, k), y = x - k;
        while (x < s->n && y >= 0 && y < s->m && vp_str_eq(s->a[x], s->b[y])) {
            x++;
            y++;
            s->steps++;
        }
        s->steps++;
        s->row[d][d + k] = x;
        if (x >= s->n && y >= s->m) return true;
    }
    return false;
}

static void add(diff *d, diff_op op, size_t before, size_t after, size_t n) {
    diff_block *last = d->n ? &d->block[d->n - 1] : NULL;
    assert(d->block);
    if (n == 0) return;
    if (last && last->op == op) {
        last->n += n;
        return;
    }
    d->block[d->n++] = (diff_block){op, before, after, n};
}

/* An edit of the way: its place, and whether it takes out a line of `before`. */
typedef struct edit {
    int x, y;
    bool removed;
} edit;

/* Back along the way that was found with d edits, into edits in order. */
static void trace(const search *s, int d, edit out[DIFF_EDITS_MAX]) {
    int k = s->n - s->m;
    for (; d > 0; d--) {
        bool down =
            k == -d || (k != d && s->row[d - 1][d - 1 + k - 1] < s->row[d - 1][d - 1 + k + 1]);
        int before = down ? k + 1 : k - 1;
        int x = s->row[d - 1][d - 1 + before];
        out[d - 1] = (edit){x, x - before, !down};
        k = before;
    }
}

static void add_edits(diff *d, size_t first, const edit *edits, int n, size_t n_a, size_t n_b) {
    size_t a = 0, b = 0;
    for (int i = 0; i < n; i++) {
        size_t x = (size_t)edits[i].x, y = (size_t)edits[i].y;
        add(d, DIFF_SAME, first + a, first + b, x - a);
        add(d, edits[i].removed ? DIFF_REMOVED : DIFF_ADDED, first + x, first + y, 1);
        a = x + edits[i].removed;
        b = y + !edits[i].removed;
    }
    assert(n_a - a == n_b - b);
    add(d, DIFF_SAME, first + a, first + b, n_a - a);
}

/* Lines [first, first + n_a) against [first, first + n_b). */
static void compare(diff *d, size_t first, size_t n_a, size_t n_b) {
    search s = {.a = d->before + first, .b = d->after + first, .n = (int)n_a, .m = (int)n_b};
    edit *edits = vp_calloc(DIFF_EDITS_MAX, sizeof *edits);
    int most = n_a + n_b < DIFF_EDITS_MAX ? (int)(n_a + n_b) : DIFF_EDITS_MAX, found = -1, i = 0;
    for (; i <= most && found < 0 && s.steps < DIFF_STEPS_MAX; i++)
        if (advance(&s, i)) found = i;
    if (found >= 0) {
        trace(&s, found, edits);
        add_edits(d, first, edits, found, n_a, n_b);
    } else {
        d->exact = false;
        add(d, DIFF_REMOVED, first, first, n_a);
        add(d, DIFF_ADDED, first + n_a, first, n_b);
    }
    while (i > 0) free(s.row[--i]);
    free(edits);
}

void diff_make(diff *d, vp_str before, vp_str after) {
    size_t first = 0, last = 0;
    *d = (diff){.exact = true};
    d->before = cut(before, &d->n_before);
    d->after = cut(after, &d->n_after);
    size_t least = d->n_before < d->n_after ? d->n_before : d->n_after;
    while (first < least && vp_str_eq(d->before[first], d->after[first])) first++;
    while (last < least - first &&
           vp_str_eq(d->before[d->n_before - 1 - last], d->after[d->n_after - 1 - last]))
        last++;
    d->block = vp_calloc(2 * DIFF_EDITS_MAX + 4, sizeof *d->block);
    add(d, DIFF_SAME, 0, 0, first);
    if (d->n_before > first + last || d->n_after > first + last)
        compare(d, first, d->n_before - first - last, d->n_after - first - last);
    add(d, DIFF_SAME, d->n_before - last, d->n_after - last, last);
}

void diff_release(diff *d) {
    free(d->before);
    free(d->after);
    free(d->block);
    *d = (diff){0};
}
