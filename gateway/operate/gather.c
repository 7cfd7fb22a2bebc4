/* gather.c - see gather.h. A text is cut into families: a head of HELP and TYPE and the rows behind
 * it. SPDX-License-Identifier: MIT */
#include "gather.h"

#include <stdlib.h>

#include "mem.h"

typedef struct family {
    vp_str name, head, rows;
    const gather_part *part;
} family;

static vp_str take_line(vp_str *rest) {
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    size_t n = end ? (size_t)(end - rest->p) + 1 : rest->n;
    vp_str line = vp_str_n(rest->p, n);
    *rest = vp_str_n(rest->p + n, rest->n - n);
    return line;
}

/* Up to the first byte of ends. */
static vp_str word(vp_str s, const char *ends) {
    size_t n = 0;
    while (n < s.n && !strchr(ends, s.p[n])) n++;
    return vp_str_n(s.p, n);
}

/* The name in "# HELP name ..." or "# TYPE name ...": {NULL, 0} in other lines. */
static vp_str head_name(vp_str line) {
    if (!vp_str_starts(line, VP_STR("# HELP ")) && !vp_str_starts(line, VP_STR("# TYPE ")))
        return (vp_str){0};
    return word(vp_str_n(line.p + 7, line.n - 7), " \n");
}

/* Rows without a head before them belong to nothing and are left out. */
static int cut(const gather_part *part, family *out, int room) {
    int n = 0;
    vp_str rest = part->text;
    while (rest.n) {
        vp_str line = take_line(&rest), name = head_name(line);
        family *f = n ? &out[n - 1] : NULL;
        if (name.n && (!f || !vp_str_eq(f->name, name))) {
            if (n == room) break;
            out[n++] = (family){.name = name, .head = line, .part = part};
        } else if (name.n && !f->rows.n) {
            f->head.n += line.n;
        } else if (f && !name.n && line.p[0] != '#' && line.p[0] != '\n') {
            if (!f->rows.p) f->rows.p = line.p;
            f->rows.n = (size_t)(line.p + line.n - f->rows.p);
        }
    }
    return n;
}

static int by_name(const void *a_, const void *b_) {
    const family *a = a_, *b = b_;
    size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
    int order = memcmp(a->name.p, b->name.p, n);
    if (order) return order;
    if (a->name.n != b->name.n) return a->name.n < b->name.n ? -1 : 1;
    return a->part < b->part ? -1 : a->part > b->part;
}

static void add_label(vp_buf *out, const char *name, const char *value) {
    vp_buf_adds(out, name);
    vp_buf_adds(out, "=\"");
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\') vp_buf_addc(out, '\\');
        vp_buf_addc(out, *c == '\n' ? ' ' : *c);
    }
    vp_buf_addc(out, '"');
}

void gather_row(vp_buf *out, vp_str name, const gather_part *p, vp_str rest) {
    vp_buf_add_str(out, name);
    vp_buf_addc(out, '{');
    add_label(out, "service", p->service);
    add_label(out, ",instance", p->instance);
    vp_buf_add_str(out, rest);
}

static void write_rows(vp_buf *out, const family *f) {
    vp_str rest = f->rows;
    while (rest.n) {
        vp_str line = take_line(&rest), name = word(line, "{ \n");
        vp_str tail = vp_str_n(line.p + name.n, line.n - name.n);
        bool labelled = tail.n && tail.p[0] == '{';
        if (!name.n || line.p[0] == '#') continue;
        if (labelled) tail = vp_str_n(tail.p + 1, tail.n - 1);
        gather_row(out, name, f->part, labelled ? VP_STR(",") : VP_STR("}"));
        vp_buf_add_str(out, tail);
        if (line.p[line.n - 1] != '\n') vp_buf_addc(out, '\n');
    }
}

static int count_heads(vp_str text) {
    int n = 0;
    while (text.n) n += head_name(take_line(&text)).n > 0;
    return n;
}

void gather_write(vp_buf *out, const gather_part *parts, int n) {
    int room = 0, found = 0;
    for (int i = 0; i < n; i++) room += count_heads(parts[i].text);
    family *all = vp_calloc((size_t)room + 1, sizeof *all);
    for (int i = 0; i < n; i++) found += cut(&parts[i], all + found, room - found);
    qsort(all, (size_t)found, sizeof *all, by_name);
    for (int i = 0; i < found; i++) {
        if (i == 0 || !vp_str_eq(all[i].name, all[i - 1].name)) vp_buf_add_str(out, all[i].head);
        write_rows(out, &all[i]);
    }
    free(all);
}
