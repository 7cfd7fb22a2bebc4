/* markdown.c - see markdown.h. cmark-gfm parses; the tree is tamed before it is rendered, so what
 * is not allowed is gone rather than hidden. SPDX-License-Identifier: MIT */
#include "markdown.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm-extension_api.h>
#include <cmark-gfm.h>
#include <stdlib.h>

/* cmark-gfm takes time that grows with the square of some texts (a table's delimiter row is tried
 * against all of its paragraph, an address against all of its text), so these are weighed before.
 * A unit is about 100 ns. */
enum { TABLE_UNITS = 50 * 1000, ADDRESS_UNITS = 1000 * 1000, QUOTES_MAX = 32 };
static const size_t brackets_max[] = {[VP_MARKDOWN_ARTICLE] = 4000, [VP_MARKDOWN_COMMENT] = 500};

typedef struct weight {
    size_t brackets, quotes; /* quotes: most levels at the start of a line */
    size_t table, address;
    struct {
        size_t bytes, lines, pipes, ats;
        bool delimiter;
    } block; /* lines since a blank one; pipes: most in a line */
} weight;

static const vp_str schemes[] = {VP_STR_INIT("http"), VP_STR_INIT("https"), VP_STR_INIT("mailto")};
#define LINK_OPEN "<a href="
#define LINK_MARK "<a rel=\"nofollow ugc\" href="

static void weigh_block(weight *w) {
    if (w->block.delimiter) w->table += w->block.lines * (w->block.pipes + 10);
    w->address += w->block.ats * w->block.bytes;
    memset(&w->block, 0, sizeof w->block);
}

static void weigh_line(weight *w, vp_str line) {
    size_t pipes = 0, dashes = 0, quotes = 0, start = 0, others = 0;
    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        w->brackets += c == '[';
        w->block.ats += c == '@';
        pipes += c == '|';
        dashes += c == '-';
        quotes += c == '>' && i == start;
        start += i == start && (c == '>' || c == ' ' || c == '\t');
        others += !strchr("|:->\t\r ", c);
    }
    if (quotes > w->quotes) w->quotes = quotes;
    if (pipes > w->block.pipes) w->block.pipes = pipes;
    if (others == 0 && dashes > 0) { /* perhaps a delimiter row */
        w->block.delimiter = true;
        w->table += w->block.bytes;
    }
    w->block.lines++;
    w->block.bytes += line.n + 1;
    if (start == line.n) weigh_block(w);
}

static void weigh(weight *w, vp_str text) {
    memset(w, 0, sizeof *w);
    for (size_t at = 0, n; at < text.n; at += n + 1) {
        for (n = 0; at + n < text.n && text.p[at + n] != '\n' && text.p[at + n] != '\r';) n++;
        weigh_line(w, vp_str_n(text.p + at, n));
    }
    weigh_block(w);
}

static void extend(cmark_parser *parser, const char *extension) {
    cmark_parser_attach_syntax_extension(parser, cmark_find_syntax_extension(extension));
}

bool vp_markdown_url_ok(vp_str url) {
    size_t n = 0;
    while (n < url.n && !strchr(":/?#", url.p[n])) n++;
    if (n == url.n || url.p[n] != ':') return true; /* no scheme: a place on this site */
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (vp_str_eq_nocase((vp_str){url.p, n}, schemes[i])) return true;
    return false;
}

static bool is_ours(vp_str url) {
    size_t n = strcspn(url.p, ":/?#");
    return url.p[n] != ':' && !vp_str_starts(url, VP_STR("//")) && !strchr(url.p, '\\');
}

static bool within_link(cmark_node *node) {
    while ((node = cmark_node_parent(node)))
        if (cmark_node_get_type(node) == CMARK_NODE_LINK) return true;
    return false;
}

/* What stands in it stays, without it. */
static void dissolve(cmark_node *node) {
    for (cmark_node *child; (child = cmark_node_first_child(node));) {
        cmark_node_unlink(child);
        if (!cmark_node_insert_before(node, child)) cmark_node_free(child);
    }
    cmark_node_free(node);
}

static void picture_to_link(cmark_node *picture) {
    cmark_node *link = cmark_node_new(CMARK_NODE_LINK), *child = cmark_node_first_child(picture);
    cmark_node_set_url(link, cmark_node_get_url(picture));
    if (!child) {
        child = cmark_node_new(CMARK_NODE_TEXT);
        cmark_node_set_literal(child, cmark_node_get_url(picture));
        cmark_node_append_child(picture, child);
    }
    cmark_node_insert_before(picture, link);
    while ((child = cmark_node_first_child(picture))) {
        cmark_node_unlink(child);
        if (!cmark_node_append_child(link, child)) cmark_node_free(child);
    }
    cmark_node_free(picture);
}

/* Called when the node is left, so what stands in it is tame already. */
static void tame_link(cmark_node *node, vp_markdown_kind kind) {
    vp_str url = vp_str_of(cmark_node_get_url(node));
    bool picture = cmark_node_get_type(node) == CMARK_NODE_IMAGE;
    bool allowed = !picture || (kind == VP_MARKDOWN_ARTICLE && is_ours(url));
    if (!vp_markdown_url_ok(url) || (!allowed && within_link(node)))
        dissolve(node);
    else if (!allowed)
        picture_to_link(node);
}

static void tame_node(cmark_node *node, cmark_event_type event, vp_markdown_kind kind) {
    cmark_node_type type = cmark_node_get_type(node);
    if (type == CMARK_NODE_HTML_BLOCK || type == CMARK_NODE_HTML_INLINE)
        cmark_node_free(node);
    else if (event == CMARK_EVENT_EXIT && (type == CMARK_NODE_LINK || type == CMARK_NODE_IMAGE))
        tame_link(node, kind);
}

/* The iterator knows its next node already, so a leaf or a node being left may go. */
static void tame(cmark_node *root, vp_markdown_kind kind) {
    cmark_iter *iter = cmark_iter_new(root);
    cmark_event_type event;
    while ((event = cmark_iter_next(iter)) != CMARK_EVENT_DONE)
        tame_node(cmark_iter_get_node(iter), event, kind);
    cmark_iter_free(iter);
}

static void first_words(cmark_node *root, size_t chars, vp_buf *excerpt) {
    cmark_iter *iter = cmark_iter_new(root);
    cmark_event_type event;
    vp_buf plain;
    vp_buf_init(&plain, SIZE_MAX / 2);
    while ((event = cmark_iter_next(iter)) != CMARK_EVENT_DONE && plain.len < 8 * chars) {
        cmark_node *node = cmark_iter_get_node(iter);
        cmark_node_type type = cmark_node_get_type(node);
        const char *text = cmark_node_get_literal(node);
        if (event == CMARK_EVENT_ENTER && text) vp_buf_adds(&plain, text);
        bool gap = type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK ||
                   (type & CMARK_NODE_TYPE_MASK) == CMARK_NODE_TYPE_BLOCK;
        if (gap) vp_buf_addc(&plain, ' ');
    }
    vp_text_excerpt(vp_buf_str(&plain), chars, excerpt);
    vp_buf_release(&plain);
    cmark_iter_free(iter);
}

/* Safe because every '<' of text is written as &lt;, so "<a href=" is always a tag. */
static void add_marked(vp_buf *html, const char *rendered) {
    const char *at;
    while ((at = strstr(rendered, LINK_OPEN))) {
        vp_buf_add(html, rendered, (size_t)(at - rendered));
        vp_buf_adds(html, LINK_MARK);
        rendered = at + sizeof LINK_OPEN - 1;
    }
    vp_buf_adds(html, rendered);
}

vp_err vp_markdown_render(vp_str text, vp_markdown_kind kind, vp_buf *html, vp_buf *excerpt) {
    weight w;
    weigh(&w, text);
    if (w.brackets > brackets_max[kind] || w.quotes > QUOTES_MAX) return VP_ETOOBIG;
    cmark_gfm_core_extensions_ensure_registered();
    cmark_parser *parser = cmark_parser_new(CMARK_OPT_DEFAULT);
    extend(parser, "strikethrough");
    if (w.table <= TABLE_UNITS) extend(parser, "table");
    if (w.address <= ADDRESS_UNITS) extend(parser, "autolink");
    cmark_parser_feed(parser, text.n ? text.p : "", text.n);
    cmark_node *root = cmark_parser_finish(parser);
    tame(root, kind);
    char *rendered =
        cmark_render_html(root, CMARK_OPT_DEFAULT, cmark_parser_get_syntax_extensions(parser));
    if (kind == VP_MARKDOWN_COMMENT)
        add_marked(html, rendered);
    else
        vp_buf_adds(html, rendered);
    size_t chars = kind == VP_MARKDOWN_ARTICLE ? VP_ARTICLE_EXCERPT_CHARS : VP_EXCERPT_CHARS;
    if (excerpt) first_words(root, chars, excerpt);
    free(rendered);
    cmark_node_free(root);
    cmark_parser_free(parser);
    return html->over ? VP_ETOOBIG : VP_OK;
}

/* One character and its length; text is UTF-8. */
static uint32_t decode(vp_str s, size_t at, size_t *n) {
    unsigned char c = (unsigned char)s.p[at];
    *n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (*n > s.n - at) *n = s.n - at;
    uint32_t code = *n == 1 ? c : c & (0x7Fu >> *n);
    for (size_t i = 1; i < *n; i++) code = code << 6 | ((unsigned char)s.p[at + i] & 0x3Fu);
    return code;
}

static bool is_control(uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 ||
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

bool vp_text_is_line(vp_str text) {
    for (size_t at = 0, n; at < text.n; at += n)
        if (is_control(decode(text, at, &n))) return false;
    return true;
}

void vp_text_excerpt(vp_str text, size_t chars, vp_buf *out) {
    size_t start = out->len, keep = start, count = 0, last_word = start;
    bool gap = false;
    for (size_t at = 0, n; at < text.n; at += n) {
        uint32_t c = decode(text, at, &n);
        if (is_control(c) || c == ' ') {
            gap = out->len > start;
            continue;
        }
        if (gap && out->len <= keep) last_word = out->len; /* with room for the dots */
        if (count + gap + 1 > chars) { /* more than fits: back to a word's end, if one is near */
            if (keep > last_word && last_word - start > (keep - start) / 2) keep = last_word;
            out->len = keep;
            out->data[keep] = '\0';
            vp_buf_adds(out, "…");
            return;
        }
        if (gap) vp_buf_addc(out, ' ');
        vp_buf_add(out, text.p + at, n);
        count += (size_t)gap + 1;
        gap = false;
        if (count < chars) keep = out->len;
    }
}
