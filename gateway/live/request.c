/* request.c - see request.h. SPDX-License-Identifier: MIT */
#include "request.h"

#include <stdio.h>

#include "query.h"

enum { METHOD_MAX = 16, ID_MAX = 64 };

static const vp_str end_of_head = VP_STR_INIT("\r\n\r\n");

static live_head bad(vp_fault *why, const char *text) {
    vp_fault_set(why, "%s", text);
    return LIVE_HEAD_BAD;
}

/* RFC 9110 token characters. */
static bool is_token(vp_str s) {
    static const bool ok[256] = {
        ['a' ... 'z'] = true,  ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['!'] = true,
        ['#' ... '\''] = true, ['*'] = true,         ['+'] = true,         ['-'] = true,
        ['.'] = true,          ['^' ... '`'] = true, ['|'] = true,         ['~'] = true};
    for (size_t i = 0; i < s.n; i++)
        if (!ok[(unsigned char)s.p[i]]) return false;
    return s.n > 0;
}

/* No control characters; between words also no space. */
static bool is_text(vp_str s, unsigned char lowest) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < lowest && c != '\t') || c == 0x7F) return false;
        if (c == '\t' && lowest > ' ') return false;
    }
    return true;
}

/* Cuts off what stands before the separator; false when it is not there. */
static bool cut(vp_str *rest, char separator, vp_str *out) {
    const char *at = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    if (!at) return false;
    *out = vp_str_n(rest->p, (size_t)(at - rest->p));
    *rest = vp_str_n(at + 1, rest->n - out->n - 1);
    return true;
}

/* The next line without its CR LF; the bytes end with one. A lone CR or LF is no line's end. */
static bool next_line(vp_str *rest, vp_str *line) {
    if (!cut(rest, '\n', line) || line->n == 0 || line->p[line->n - 1] != '\r') return false;
    line->n--;
    return !line->n || !memchr(line->p, '\r', line->n);
}

static live_head read_request_line(vp_str line, live_request *out, bool *host_needed,
                                   vp_fault *why) {
    vp_str target;
    if (!cut(&line, ' ', &out->method) || !cut(&line, ' ', &target) || !is_token(out->method) ||
        out->method.n > METHOD_MAX)
        return bad(why, "This is not an HTTP request line.");
    *host_needed = vp_str_eq(line, VP_STR("HTTP/1.1"));
    if (!*host_needed && !vp_str_eq(line, VP_STR("HTTP/1.0")))
        return bad(why, "HTTP/1.1 is spoken here.");
    bool star = vp_str_eq(target, VP_STR("*")) && vp_str_eq(out->method, VP_STR("OPTIONS"));
    if (!star && (target.n == 0 || target.p[0] != '/'))
        return bad(why, "The request's target has to be a path.");
    if (!is_text(target, '!') || memchr(target.p, '#', target.n))
        return bad(why, "The request's target has characters that no target has.");
    out->query = target;
    if (!cut(&out->query, '?', &out->path)) {
        out->path = target;
        out->query = (vp_str){NULL, 0};
    }
    return LIVE_HEAD_WHOLE;
}

static void add_forwarded(live_request *out, vp_str value) {
    if (out->n_forwarded == LIVE_FORWARDED_MAX) {
        out->n_forwarded--;
        memmove(out->forwarded, out->forwarded + 1, out->n_forwarded * sizeof *out->forwarded);
    }
    out->forwarded[out->n_forwarded++] = value;
}

static live_head read_field(vp_str line, live_request *out, int *hosts, vp_fault *why) {
    vp_str name;
    if (!cut(&line, ':', &name) || !is_token(name) || !is_text(line, ' '))
        return bad(why, "A header field is malformed.");
    vp_str value = vp_str_trim(line);
    if (vp_str_eq_nocase(name, VP_STR("host"))) ++*hosts;
    if (vp_str_eq_nocase(name, VP_STR("last-event-id"))) out->last_event_id = value;
    if (vp_str_eq_nocase(name, VP_STR("x-forwarded-for"))) add_forwarded(out, value);
    return LIVE_HEAD_WHOLE;
}

live_head request_read(vp_str bytes, live_request *out, vp_fault *why) {
    *out = (live_request){0};
    const char *end = bytes.n ? memmem(bytes.p, bytes.n, end_of_head.p, end_of_head.n) : NULL;
    if (!end && bytes.n && memmem(bytes.p, bytes.n, "\n\n", 2))
        return bad(why, "Lines of a request end with CR LF.");
    if (!end) return LIVE_HEAD_MORE;
    vp_str rest = vp_str_n(bytes.p, (size_t)(end - bytes.p) + 2), line;
    bool host_needed = false;
    int hosts = 0, fields = 0;
    live_head rc = next_line(&rest, &line) ? read_request_line(line, out, &host_needed, why)
                                           : bad(why, "Lines of a request end with CR LF.");
    while (rc == LIVE_HEAD_WHOLE && rest.n) {
        if (++fields > LIVE_FIELDS_MAX) return bad(why, "The request has too many header fields.");
        rc = next_line(&rest, &line) ? read_field(line, out, &hosts, why)
                                     : bad(why, "Lines of a request end with CR LF.");
    }
    if (rc == LIVE_HEAD_WHOLE && (hosts > 1 || (host_needed && !hosts)))
        return bad(why, "The request needs one Host field.");
    return rc;
}

/* A name that is no topic's, cut at a character's end. */
static void keep_cut(char *out, size_t size, vp_str name) {
    size_t n = name.n < size - 1 ? name.n : size - 1;
    while (n < name.n && n > 0 && ((unsigned char)name.p[n] & 0xC0) == 0x80) n--;
    memcpy(out, name.p, n);
    out[n] = '\0';
}

static vp_err add_topic(live_topics *out, vp_str name, vp_fault *why) {
    char kept[VP_TOPIC_NAME_MAX + 1];
    keep_cut(kept, sizeof kept, name);
    for (int i = 0; i < out->n; i++)
        if (!strcmp(out->item[i].name, kept)) return VP_OK;
    if (out->n == LIVE_TOPICS_MAX) {
        vp_fault_set(why, "A stream carries at most %d topics.", LIVE_TOPICS_MAX);
        return VP_ESYNTAX;
    }
    memcpy(out->item[out->n].name, kept, sizeof kept);
    out->item[out->n++].valid = vp_topic_valid(name);
    return VP_OK;
}

vp_err request_topics(vp_str query, live_topics *out, vp_fault *why) {
    vp_str name, raw;
    vp_err rc = VP_OK;
    vp_buf value;
    out->n = 0;
    vp_buf_init(&value, LIVE_HEAD_MAX);
    while (!rc && vp_query_next(&query, &name, &raw)) {
        if (!vp_str_eq(name, VP_STR("topic"))) continue;
        vp_buf_clear(&value);
        rc = vp_query_decode(raw, true, &value);
        if (rc)
            vp_fault_set(why, "A topic is not readable.");
        else
            rc = add_topic(out, value.len ? vp_buf_str(&value) : VP_STR(""), why);
    }
    if (!rc && out->n == 0) {
        vp_fault_set(why, "At least one topic is needed: ?topic=poll:ID");
        rc = VP_ESYNTAX;
    }
    vp_buf_release(&value);
    return rc;
}

vp_err request_tickets(vp_str query, live_tickets *out, vp_fault *why) {
    vp_str name, raw;
    vp_buf value;
    out->n = 0;
    vp_buf_init(&value, LIVE_HEAD_MAX);
    while (vp_query_next(&query, &name, &raw)) {
        if (!vp_str_eq(name, VP_STR("ticket"))) continue;
        if (out->n == LIVE_TICKETS_MAX) {
            vp_fault_set(why, "A stream carries at most %d tickets.", LIVE_TICKETS_MAX);
            vp_buf_release(&value);
            return VP_ESYNTAX;
        }
        char *text = out->text[out->n++];
        vp_buf_clear(&value);
        bool whole = !vp_query_decode(raw, true, &value) && value.len == VP_TICKET_TEXT;
        if (whole) memcpy(text, value.data, VP_TICKET_TEXT);
        text[whole ? VP_TICKET_TEXT : 0] = '\0';
    }
    vp_buf_release(&value);
    return VP_OK;
}

static live_since read_id(vp_str id, const char *epoch, uint64_t *seq) {
    vp_str mine = vp_str_of(epoch);
    int64_t n;
    *seq = 0;
    if (id.n == 0) return LIVE_SINCE_START;
    if (id.n > ID_MAX || id.n < mine.n + 2 || !vp_str_starts(id, mine) || id.p[mine.n] != '-' ||
        vp_str_int(vp_str_n(id.p + mine.n + 1, id.n - mine.n - 1), 0, INT64_MAX, &n))
        return LIVE_SINCE_ELSEWHERE;
    *seq = (uint64_t)n;
    return LIVE_SINCE_SEQ;
}

live_since request_since(const live_request *r, const char *epoch, uint64_t *seq) {
    vp_str id = r->last_event_id;
    vp_buf value;
    vp_buf_init(&value, LIVE_HEAD_MAX);
    if (!id.n && vp_query_get(r->query, "last_event_id", &value, &id))
        id = VP_STR("?"); /* unreadable: of nobody */
    live_since since = read_id(id, epoch, seq);
    vp_buf_release(&value);
    return since;
}
