/* mustache.c - see mustache.h.
 *
 * A template is its text and an array of nodes. A section's node knows where its body ends, so a
 * falsy one is skipped by a jump. Names stay where they stand in the text, which is our copy: the
 * dots and the byte behind the last part become NUL, so that each part is a C string at hand.
 *
 * A partial's tag names a slot of the set, made on first mention and filled when a template of
 * that name is added; hence the order of additions does not matter and rendering looks up nothing.
 *
 * Indentation is written while rendering, before each line that the partial's text begins, which
 * is the same as indenting its text first, and needs no second compilation. Lines inside values
 * are not indented. SPDX-License-Identifier: MIT */
#include "mustache.h"

#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

enum node_kind { NODE_TEXT, NODE_ESCAPED, NODE_RAW, NODE_SECTION, NODE_INVERTED, NODE_PARTIAL };

enum node_flag {
    STARTS_LINE = 1, /* text: its first byte (or, when empty, the tag behind it) begins a line */
    ENDS_LINE = 2,   /* text: the tag behind it begins a line */
    STANDALONE = 4   /* partial: indent its lines by the blanks before the tag */
};

struct node {
    uint8_t kind, flags;
    uint16_t parts;   /* of a name; 0 is the implicit iterator "." */
    uint32_t at, len; /* in the text: the text, the name, or a partial's indentation */
    uint32_t target;  /* section: node behind its end; partial: slot */
};

struct template {
    char *name;
    size_t name_len;
    char *text; /* NULL while only mentioned */
    struct node *nodes;
    uint32_t n_nodes;
};

struct vp_mustache_set {
    struct template *slots;
    uint32_t n_slots;
};

/* ---- compiling ---- */

struct tag {
    char kind;    /* the sigil; 0: none, a value to escape */
    vp_str inner; /* without sigil and surrounding white space, within the source */
    size_t open;  /* first byte of the tag */
    size_t line;  /* where its line begins, if it stands alone */
    size_t after; /* first byte behind it, or behind its line if it stands alone */
};

struct compiler {
    vp_mustache_set *set;
    vp_str name, src, open, close; /* src keeps the bytes that names overwrite in made.text */
    struct template made;
    uint32_t cap;
    struct {
        uint32_t node;
        size_t at;
    } sections[VP_MUSTACHE_MAX_SECTIONS];
    int n_sections;
    vp_fault *why;
};

/* Only failures ask for a line, so it is counted afresh. */
static size_t line_of(const struct compiler *c, size_t at) {
    size_t line = 1;
    for (size_t i = 0; i < at; i++) line += c->src.p[i] == '\n';
    return line;
}

static vp_err fail(const struct compiler *c, vp_err code, size_t at, const char *cause) {
    vp_fault_set(c->why, "%.*s:%zu: %s", (int)c->name.n, c->name.p, line_of(c, at), cause);
    return code;
}

static bool is_blank(char ch) {
    return ch == ' ' || ch == '\t';
}

static bool is_space(char ch) {
    return is_blank(ch) || ch == '\n' || ch == '\r';
}

static vp_str trim(vp_str s) {
    while (s.n && is_space(s.p[0])) s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1])) s.n--;
    return s;
}

/* A name may have any bytes but white space and control characters. */
static bool is_name(vp_str s) {
    if (s.n == 0 || s.n > VP_MUSTACHE_MAX_NAME) return false;
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f) return false;
    }
    return true;
}

/* False when the set is full. */
static bool slot_of(vp_mustache_set *set, vp_str name, uint32_t *slot) {
    for (uint32_t i = 0; i < set->n_slots; i++) {
        *slot = i;
        if (vp_str_eq(name, vp_str_n(set->slots[i].name, set->slots[i].name_len))) return true;
    }
    if (set->n_slots == VP_MUSTACHE_MAX_TEMPLATES) return false;
    *slot = set->n_slots++;
    set->slots[*slot] = (struct template){.name = vp_strndup(name.p, name.n), .name_len = name.n};
    return true;
}

static vp_err add_node(struct compiler *c, size_t at, struct node node) {
    if (c->made.n_nodes == c->cap) {
        if (c->cap == VP_MUSTACHE_MAX_NODES) return fail(c, VP_ETOOBIG, at, "too many tags");
        c->cap = c->cap ? c->cap * 2 : 16;
        c->made.nodes = vp_realloc(c->made.nodes, c->cap * sizeof *c->made.nodes);
    }
    c->made.nodes[c->made.n_nodes++] = node;
    return VP_OK;
}

/* line: does the text begin a line; tag: does a tag follow on the text's last line? */
static vp_err add_text(struct compiler *c, size_t from, size_t to, bool line, bool tag) {
    bool ends = to > from && c->src.p[to - 1] == '\n';
    if (to == from && !(line && tag)) return VP_OK;
    uint8_t flags = (uint8_t)((line ? STARTS_LINE : 0) | (ends && tag ? ENDS_LINE : 0));
    return add_node(
        c, from,
        (struct node){
            .kind = NODE_TEXT, .flags = flags, .at = (uint32_t)from, .len = (uint32_t)(to - from)});
}

/* A node with a dotted name, whose parts are made C strings. */
static vp_err add_named(struct compiler *c, const struct tag *tag, enum node_kind kind) {
    if (!is_name(tag->inner)) return fail(c, VP_ESYNTAX, tag->open, "a tag without a proper name");
    size_t at = (size_t)(tag->inner.p - c->src.p);
    struct node node = {.kind = (uint8_t)kind, .at = (uint32_t)at, .len = (uint32_t)tag->inner.n};
    if (!vp_str_eq(tag->inner, VP_STR("."))) {
        char *part = c->made.text + at, *end = part + tag->inner.n;
        *end = '\0'; /* a closing delimiter follows, so this is within the text */
        for (char *dot; part; part = dot ? dot + 1 : NULL, node.parts++) {
            dot = memchr(part, '.', (size_t)(end - part));
            if (dot) *dot = '\0';
            if (!*part) return fail(c, VP_ESYNTAX, tag->open, "a dotted name with an empty part");
        }
    }
    return add_node(c, tag->open, node);
}

static vp_err open_section(struct compiler *c, const struct tag *tag) {
    if (c->n_sections == VP_MUSTACHE_MAX_SECTIONS) {
        return fail(c, VP_ETOOBIG, tag->open, "sections nest too deep");
    }
    c->sections[c->n_sections].node = c->made.n_nodes;
    c->sections[c->n_sections++].at = tag->open;
    return add_named(c, tag, tag->kind == '#' ? NODE_SECTION : NODE_INVERTED);
}

static vp_err close_section(struct compiler *c, const struct tag *tag) {
    if (c->n_sections == 0) return fail(c, VP_ESYNTAX, tag->open, "this closes no section");
    size_t opened = c->sections[--c->n_sections].at;
    struct node *node = &c->made.nodes[c->sections[c->n_sections].node];
    vp_str name = {c->src.p + node->at, node->len};
    if (!vp_str_eq(name, tag->inner)) {
        vp_fault_set(c->why, "%.*s:%zu: section '%.*s' of line %zu is open here, not '%.*s'",
                     (int)c->name.n, c->name.p, line_of(c, tag->open), (int)name.n, name.p,
                     line_of(c, opened), (int)tag->inner.n, tag->inner.p);
        return VP_ESYNTAX;
    }
    node->target = c->made.n_nodes;
    return VP_OK;
}

static vp_err add_partial(struct compiler *c, const struct tag *tag, bool alone) {
    uint32_t slot;
    if (!is_name(tag->inner)) return fail(c, VP_ESYNTAX, tag->open, "a partial without a name");
    if (!slot_of(c->set, tag->inner, &slot)) {
        return fail(c, VP_ETOOBIG, tag->open, "too many partials");
    }
    return add_node(c, tag->open,
                    (struct node){.kind = NODE_PARTIAL,
                                  .flags = alone ? STANDALONE : 0,
                                  .at = (uint32_t)tag->line,
                                  .len = alone ? (uint32_t)(tag->open - tag->line) : 0,
                                  .target = slot});
}

static vp_err set_delimiters(struct compiler *c, const struct tag *tag) {
    vp_str first = tag->inner, last = tag->inner;
    size_t n = 0;
    while (n < first.n && !is_space(first.p[n])) n++;
    first.n = n;
    last = trim(vp_str_n(last.p + n, last.n - n));
    bool bad = !first.n || !last.n || first.n > VP_MUSTACHE_MAX_DELIM ||
               last.n > VP_MUSTACHE_MAX_DELIM || memchr(tag->inner.p, '=', tag->inner.n);
    for (size_t i = 0; i < last.n; i++) bad = bad || is_space(last.p[i]);
    if (bad) return fail(c, VP_ESYNTAX, tag->open, "these are not two delimiters");
    c->open = first;
    c->close = last;
    return VP_OK;
}

/* The end of a tag that has a mark before its closing delimiter: {{{name}}} or {{=<% %>=}}. */
static const char *find_close(const struct compiler *c, const char *from, char mark, size_t *n) {
    char text[VP_MUSTACHE_MAX_DELIM + 1];
    size_t marks = mark ? 1 : 0;
    text[0] = mark;
    memcpy(text + marks, c->close.p, c->close.n);
    *n = c->close.n + marks;
    return memmem(from, (size_t)(c->src.p + c->src.n - from), text, *n);
}

/* The next tag from pos on; tag->open is the end of the source when there is none. */
static vp_err next_tag(const struct compiler *c, size_t pos, struct tag *tag) {
    const char *src = c->src.p, *end = src + c->src.n;
    *tag = (struct tag){.open = c->src.n, .after = c->src.n};
    const char *at = memmem(src + pos, c->src.n - pos, c->open.p, c->open.n);
    if (!at) return VP_OK;
    tag->open = (size_t)(at - src);
    at += c->open.n;
    if (at < end && *at && strchr("#^/>!&{=", *at)) tag->kind = *at++;
    size_t n = 0;
    char mark = tag->kind == '{' ? '}' : tag->kind == '=' ? '=' : '\0';
    const char *close = find_close(c, at, mark, &n);
    if (!close) return fail(c, VP_ESYNTAX, tag->open, "this tag is not closed");
    tag->inner = trim(vp_str_n(at, (size_t)(close - at)));
    tag->after = (size_t)(close - src) + n;
    return VP_OK;
}

/* Is the tag all that its line has? Then blanks and line end go with it. The text before it runs
 * from pos, which begins a line or not. */
static bool stands_alone(const struct compiler *c, size_t pos, bool line_starts, struct tag *tag) {
    const char *src = c->src.p;
    size_t line = tag->open, after = tag->after, n = c->src.n;
    if (!tag->kind || tag->kind == '&' || tag->kind == '{') return false;
    while (line > pos && is_blank(src[line - 1])) line--;
    if (line == pos ? !line_starts : src[line - 1] != '\n') return false;
    while (after < n && is_blank(src[after])) after++;
    if (after < n) {
        if (src[after] == '\r' && after + 1 < n) after++;
        if (src[after++] != '\n') return false;
    }
    tag->line = line;
    tag->after = after;
    return true;
}

static vp_err add_tag(struct compiler *c, const struct tag *tag, bool alone) {
    switch (tag->kind) {
    case '!': return VP_OK;
    case '=': return set_delimiters(c, tag);
    case '#':
    case '^': return open_section(c, tag);
    case '/': return close_section(c, tag);
    case '>': return add_partial(c, tag, alone);
    case '&':
    case '{': return add_named(c, tag, NODE_RAW);
    default: return add_named(c, tag, NODE_ESCAPED);
    }
}

static vp_err compile(struct compiler *c) {
    vp_err rc = VP_OK;
    bool line = true; /* pos begins a line */
    for (size_t pos = 0; pos < c->src.n;) {
        struct tag tag;
        if ((rc = next_tag(c, pos, &tag))) return rc;
        bool found = tag.open < c->src.n;
        bool alone = found && stands_alone(c, pos, line, &tag);
        if ((rc = add_text(c, pos, alone ? tag.line : tag.open, line, found && !alone))) return rc;
        if (found && (rc = add_tag(c, &tag, alone))) return rc;
        pos = tag.after;
        line = alone;
    }
    if (c->n_sections == 0) return VP_OK;
    return fail(c, VP_ESYNTAX, c->sections[c->n_sections - 1].at, "this section is not closed");
}

/* ---- the set ---- */

vp_err vp_mustache_set_new(vp_mustache_set **out) {
    vp_mustache_set *self = vp_calloc(1, sizeof *self);
    self->slots = vp_calloc(VP_MUSTACHE_MAX_TEMPLATES, sizeof *self->slots);
    *out = self;
    return VP_OK;
}

void vp_mustache_set_destroy(vp_mustache_set **self_p) {
    if (!self_p || !*self_p) return;
    vp_mustache_set *self = *self_p;
    for (uint32_t i = 0; i < self->n_slots; i++) {
        free(self->slots[i].name);
        free(self->slots[i].text);
        free(self->slots[i].nodes);
    }
    free(self->slots);
    free(self);
    *self_p = NULL;
}

vp_err vp_mustache_add(vp_mustache_set *self, vp_str name, vp_str text, vp_fault *why) {
    struct compiler c = {.set = self,
                         .name = name,
                         .src = text.n ? text : VP_STR(""),
                         .open = VP_STR("{{"),
                         .close = VP_STR("}}"),
                         .why = why};
    vp_err rc = VP_OK;
    uint32_t slot = 0;
    if (!is_name(name)) {
        vp_fault_set(why, "a template without a proper name");
        return VP_EINVAL;
    }
    if (text.n > VP_MUSTACHE_MAX_TEXT) return fail(&c, VP_ETOOBIG, 0, "the template is too long");
    if (!slot_of(self, name, &slot)) return fail(&c, VP_ETOOBIG, 0, "too many templates");
    if (self->slots[slot].text) return fail(&c, VP_ECONFLICT, 0, "a template of this name exists");
    c.made.text = vp_strndup(c.src.p, c.src.n);
    if ((rc = compile(&c))) {
        free(c.made.text);
        free(c.made.nodes);
        return rc;
    }
    self->slots[slot].text = c.made.text;
    self->slots[slot].nodes = c.made.nodes;
    self->slots[slot].n_nodes = c.made.n_nodes;
    return VP_OK;
}

/* ---- rendering ---- */

struct render {
    const vp_mustache_set *set;
    vp_buf *out;
    vp_fault *why;
    const json_t *contexts[VP_MUSTACHE_MAX_CONTEXTS + 1]; /* the data, then a value per section */
    int n_contexts, n_partials;
    uint32_t steps;
    char indent[VP_MUSTACHE_MAX_INDENT];
    size_t indent_from, indent_to; /* the part that counts here */
};

static vp_err render_nodes(struct render *r, const struct template *t, uint32_t i, uint32_t end);

static vp_err too_much(struct render *r, const struct template *t, const char *what) {
    vp_fault_set(r->why, "%.*s: %s", (int)t->name_len, t->name, what);
    return VP_ETOOBIG;
}

/* A dotted name's first part is sought from the innermost context outwards; the first one that
 * has it decides, even if the other parts then lead nowhere. */
static const json_t *look_up(struct render *r, const struct template *t, const struct node *node) {
    if (node->parts == 0) return r->contexts[r->n_contexts - 1];
    const char *part = t->text + node->at;
    const json_t *value = NULL;
    for (int i = r->n_contexts; i-- > 0 && !value; r->steps++) {
        value = json_object_get(r->contexts[i], part);
    }
    for (int i = 1; value && i < node->parts; i++, r->steps++) {
        part += strlen(part) + 1;
        value = json_object_get(value, part);
    }
    return value;
}

static bool is_true(const json_t *value) {
    if (!value) return false;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_TRUE: return true;
    case JSON_ARRAY: return json_array_size(value) > 0;
    case JSON_STRING: return json_string_length(value) > 0;
    case JSON_INTEGER: return json_integer_value(value) != 0;
    case JSON_REAL: return json_real_value(value) < 0 || json_real_value(value) > 0;
    default: return false;
    }
}

/* The fewest digits that give the same number when read again: 1.21, not 1.2099999999999999645. */
static void add_real(vp_buf *out, double value) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        double again = strtod(text, NULL);
        if (!(again < value || again > value)) break;
    }
    vp_buf_adds(out, text);
}

static void add_value(vp_buf *out, const json_t *value, bool raw) {
    if (!value) return;
    switch (json_typeof(value)) {
    case JSON_STRING: {
        vp_str text = {json_string_value(value), json_string_length(value)};
        if (raw)
            vp_buf_add_str(out, text);
        else
            vp_buf_add_html(out, text);
        break;
    }
    case JSON_INTEGER: vp_buf_add_int(out, json_integer_value(value)); break;
    case JSON_REAL: add_real(out, json_real_value(value)); break;
    case JSON_TRUE: vp_buf_adds(out, "true"); break;
    case JSON_FALSE: vp_buf_adds(out, "false"); break;
    default: break;
    }
}

static void add_indent(const struct render *r) {
    vp_buf_add(r->out, r->indent + r->indent_from, r->indent_to - r->indent_from);
}

static void render_text(const struct render *r, const char *text, const struct node *node) {
    if (r->indent_from == r->indent_to) {
        if (node->len) vp_buf_add(r->out, text, node->len);
        return;
    }
    const char *end = text + node->len;
    if (node->flags & STARTS_LINE) add_indent(r);
    while (text < end && !r->out->over) {
        const char *lf = memchr(text, '\n', (size_t)(end - text));
        const char *next = lf ? lf + 1 : end;
        vp_buf_add(r->out, text, (size_t)(next - text));
        if (lf && (next < end || node->flags & ENDS_LINE)) add_indent(r);
        text = next;
    }
}

/* One round of the section at node i, with value as the innermost context. */
static vp_err render_round(struct render *r, const struct template *t, uint32_t i,
                           const json_t *value) {
    if (r->n_contexts > VP_MUSTACHE_MAX_CONTEXTS) return too_much(r, t, "sections nest too deep");
    if (++r->steps > VP_MUSTACHE_MAX_STEPS) return too_much(r, t, "rendering takes too long");
    r->contexts[r->n_contexts++] = value;
    vp_err rc = render_nodes(r, t, i + 1, t->nodes[i].target);
    r->n_contexts--;
    return rc;
}

static vp_err render_section(struct render *r, const struct template *t, uint32_t i) {
    const json_t *value = look_up(r, t, &t->nodes[i]);
    if (!is_true(value)) return VP_OK;
    if (!json_is_array(value)) return render_round(r, t, i, value);
    vp_err rc = VP_OK;
    size_t n = json_array_size(value);
    for (size_t k = 0; k < n && !rc; k++) rc = render_round(r, t, i, json_array_get(value, k));
    return rc;
}

/* Alone on its line, a partial adds the blanks before its tag to the indentation so far; within
 * a line it starts without any. */
static vp_err render_partial(struct render *r, const struct template *t, const struct node *node) {
    const struct template *partial = &r->set->slots[node->target];
    if (!partial->text) return VP_OK;
    if (r->n_partials == VP_MUSTACHE_MAX_PARTIALS) return too_much(r, t, "partials nest too deep");
    size_t from = r->indent_from, to = r->indent_to;
    if (node->len > sizeof r->indent - to) return too_much(r, t, "partials are indented too far");
    if (!(node->flags & STANDALONE)) r->indent_from = to;
    memcpy(r->indent + to, t->text + node->at, node->len);
    r->indent_to += node->len;
    r->n_partials++;
    vp_err rc = render_nodes(r, partial, 0, partial->n_nodes);
    r->n_partials--;
    r->indent_from = from;
    r->indent_to = to;
    return rc;
}

static vp_err render_nodes(struct render *r, const struct template *t, uint32_t i, uint32_t end) {
    for (vp_err rc = VP_OK; i < end && !rc;) {
        const struct node *node = &t->nodes[i];
        if (++r->steps > VP_MUSTACHE_MAX_STEPS) return too_much(r, t, "rendering takes too long");
        uint32_t next = i + 1;
        switch ((enum node_kind)node->kind) {
        case NODE_TEXT: render_text(r, t->text + node->at, node); break;
        case NODE_ESCAPED: add_value(r->out, look_up(r, t, node), false); break;
        case NODE_RAW: add_value(r->out, look_up(r, t, node), true); break;
        case NODE_SECTION:
            rc = render_section(r, t, i);
            next = node->target;
            break;
        case NODE_INVERTED: /* its body needs no context of its own: walk into it or over it */
            if (is_true(look_up(r, t, node))) next = node->target;
            break;
        case NODE_PARTIAL: rc = render_partial(r, t, node); break;
        }
        if (rc) return rc;
        if (r->out->over) return too_much(r, t, "the page is too long");
        i = next;
    }
    return VP_OK;
}

vp_err vp_mustache_render(const vp_mustache_set *self, vp_str name, const json_t *data, vp_buf *out,
                          vp_fault *why) {
    struct render r = {.set = self, .out = out, .why = why, .n_contexts = 1};
    const struct template *t = NULL;
    for (uint32_t i = 0; i < self->n_slots && !t; i++) {
        const struct template *slot = &self->slots[i];
        if (slot->text && vp_str_eq(name, vp_str_n(slot->name, slot->name_len))) t = slot;
    }
    if (!t) {
        vp_fault_set(why, "no template '%.*s'", (int)(name.n < 100 ? name.n : 100), name.p);
        return VP_ENOTFOUND;
    }
    size_t before = out->len;
    r.contexts[0] = data;
    vp_err rc = out->over ? too_much(&r, t, "the page is too long") : VP_OK;
    if (!rc) rc = render_nodes(&r, t, 0, t->n_nodes);
    if (rc && !out->over && out->data) {
        out->len = before;
        out->data[before] = '\0';
    }
    return rc;
}
