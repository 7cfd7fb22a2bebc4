/* guard.c - see guard.h.
 * That nothing was skipped or cut is seen by where CivetWeb's pointers lie: it parses in place,
 * writing NUL over each space, colon, CR and LF that it consumes, so in a request as it should be
 * every part begins right behind the end of the one before. SPDX-License-Identifier: MIT */
#include "guard.h"

#include <string.h>
#include <strings.h>

#include "request.h"

enum { NAME_MAX_KNOWN = 17, SAME_LENGTH = 3, HOST_MAX = 240, LENGTH_DIGITS = 15 };

static const struct {
    int status;
    const char *detail;
} refusals[HTTP_REFUSAL_COUNT] = {
    [HTTP_FINE] = {200, ""},
    [HTTP_BAD_SHAPE] = {400, "The request line or a header field is malformed."},
    [HTTP_BAD_METHOD] = {501, "This method is not known here."},
    [HTTP_BAD_TARGET] = {400, "The request target must be a path without control bytes."},
    [HTTP_MANY_FIELDS] = {431, "The request has too many header fields."},
    [HTTP_DOUBLE_FIELD] = {400, "A header field that may stand once is there twice."},
    [HTTP_BAD_HOST] = {400, "The request needs exactly one valid Host."},
    [HTTP_BAD_LENGTH] = {400, "Content-Length is not one plain number."},
    [HTTP_BAD_ENCODING] = {400, "Transfer-Encoding must be chunked, once, without Content-Length."},
    [HTTP_FORGED] = {403, "The request does not come from a page of this site."},
    [HTTP_UNREADABLE] = {400, "The request could not be read."},
    [HTTP_CROWDED] = {429, "Your address has too many connections open."},
    [HTTP_SILENT] = {408, "The request did not arrive in time."},
    [HTTP_FULL] = {503, "Too many requests are in work. Please try again in a moment."},
};

/* doubled: what a second one is refused as; HTTP_FINE where it may be repeated. */
static const struct {
    vp_str name;
    http_refusal doubled;
} fields[HTTP_KNOWN_COUNT] = {
    [HTTP_HOST] = {VP_STR_INIT("host"), HTTP_BAD_HOST},
    [HTTP_EXPECT] = {VP_STR_INIT("expect"), HTTP_FINE},
    [HTTP_COOKIE] = {VP_STR_INIT("cookie"), HTTP_FINE},
    [HTTP_ORIGIN] = {VP_STR_INIT("origin"), HTTP_DOUBLE_FIELD},
    [HTTP_CONNECTION] = {VP_STR_INIT("connection"), HTTP_FINE},
    [HTTP_CONTENT_TYPE] = {VP_STR_INIT("content-type"), HTTP_DOUBLE_FIELD},
    [HTTP_IF_NONE_MATCH] = {VP_STR_INIT("if-none-match"), HTTP_FINE},
    [HTTP_CONTENT_LENGTH] = {VP_STR_INIT("content-length"), HTTP_BAD_LENGTH},
    [HTTP_SEC_FETCH_SITE] = {VP_STR_INIT("sec-fetch-site"), HTTP_DOUBLE_FIELD},
    [HTTP_X_FORWARDED_FOR] = {VP_STR_INIT("x-forwarded-for"), HTTP_FINE},
    [HTTP_TRANSFER_ENCODING] = {VP_STR_INIT("transfer-encoding"), HTTP_BAD_ENCODING},
};

/* The fields of each length, plus one so that 0 ends a row. */
static const uint8_t by_length[NAME_MAX_KNOWN + 1][SAME_LENGTH] = {
    [4] = {HTTP_HOST + 1},
    [6] = {HTTP_EXPECT + 1, HTTP_COOKIE + 1, HTTP_ORIGIN + 1},
    [10] = {HTTP_CONNECTION + 1},
    [12] = {HTTP_CONTENT_TYPE + 1},
    [13] = {HTTP_IF_NONE_MATCH + 1},
    [14] = {HTTP_CONTENT_LENGTH + 1, HTTP_SEC_FETCH_SITE + 1},
    [15] = {HTTP_X_FORWARDED_FOR + 1},
    [17] = {HTTP_TRANSFER_ENCODING + 1},
};

static const vp_str methods[] = {VP_STR_INIT("GET"),    VP_STR_INIT("HEAD"),  VP_STR_INIT("POST"),
                                 VP_STR_INIT("PUT"),    VP_STR_INIT("PATCH"), VP_STR_INIT("DELETE"),
                                 VP_STR_INIT("OPTIONS")};

enum { TOKEN = 1, HOST_BYTE = 2, HEX = 4 };
/* clang-format off */
static const uint8_t classes[256] = {
    ['0'] = 7, ['1'] = 7, ['2'] = 7, ['3'] = 7, ['4'] = 7, ['5'] = 7, ['6'] = 7, ['7'] = 7,
    ['8'] = 7, ['9'] = 7, ['a'] = 7, ['b'] = 7, ['c'] = 7, ['d'] = 7, ['e'] = 7, ['f'] = 7,
    ['g'] = 3, ['h'] = 3, ['i'] = 3, ['j'] = 3, ['k'] = 3, ['l'] = 3, ['m'] = 3, ['n'] = 3,
    ['o'] = 3, ['p'] = 3, ['q'] = 3, ['r'] = 3, ['s'] = 3, ['t'] = 3, ['u'] = 3, ['v'] = 3,
    ['w'] = 3, ['x'] = 3, ['y'] = 3, ['z'] = 3, ['A'] = 7, ['B'] = 7, ['C'] = 7, ['D'] = 7,
    ['E'] = 7, ['F'] = 7, ['G'] = 3, ['H'] = 3, ['I'] = 3, ['J'] = 3, ['K'] = 3, ['L'] = 3,
    ['M'] = 3, ['N'] = 3, ['O'] = 3, ['P'] = 3, ['Q'] = 3, ['R'] = 3, ['S'] = 3, ['T'] = 3,
    ['U'] = 3, ['V'] = 3, ['W'] = 3, ['X'] = 3, ['Y'] = 3, ['Z'] = 3, ['-'] = 3, ['.'] = 3,
    ['_'] = 3, ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1,
    ['+'] = 1, ['^'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1, [':'] = 2, ['['] = 2, [']'] = 2,
};
/* clang-format on */

static bool is(char c, uint8_t class) {
    return classes[(unsigned char)c] & class;
}

int http_refusal_status(http_refusal r) {
    return refusals[r].status;
}
const char *http_refusal_detail(http_refusal r) {
    return refusals[r].detail;
}

bool http_name_is(const char *field, vp_str name) {
    return strncasecmp(field, name.p, name.n) == 0 && field[name.n] == '\0';
}

bool http_list_has(vp_str list, vp_str token) {
    while (list.n) {
        const char *comma = memchr(list.p, ',', list.n);
        size_t n = comma ? (size_t)(comma - list.p) : list.n;
        if (vp_str_eq_nocase(vp_str_trim(vp_str_n(list.p, n)), token)) return true;
        if (!comma) break;
        list = vp_str_n(comma + 1, list.n - n - 1);
    }
    return false;
}

/* A target of visible ASCII; a path with whole escapes, none of them %00. */
static bool target_ok(const char *path, const char *query) {
    if (*path != '/') return false;
    for (const char *p = path; *p; p++) {
        if (*p <= ' ' || *p >= 0x7F || *p == '#') return false;
        if (*p != '%') continue;
        if (!is(p[1], HEX) || !is(p[2], HEX) || (p[1] == '0' && p[2] == '0')) return false;
    }
    for (const char *p = query ? query : ""; *p; p++) {
        if (*p <= ' ' || *p >= 0x7F || *p == '#') return false;
        if (*p == '%' && p[1] == '0' && p[2] == '0') return false;
    }
    return true;
}

static bool method_ok(vp_str method) {
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (vp_str_eq(method, methods[i])) return true;
    return false;
}

/* Method, target and version with one space between; *end is behind the line's CR LF. */
static http_refusal check_line(const struct mg_request_info *ri, const char **end) {
    const char *target = ri->query_string ? ri->query_string : ri->request_uri;
    size_t method_len = strlen(ri->request_method);
    if (ri->request_uri != ri->request_method + method_len + 1) return HTTP_BAD_SHAPE;
    if (ri->http_version != target + strlen(target) + 1 + strlen("HTTP/")) return HTTP_BAD_SHAPE;
    if (!method_ok(vp_str_n(ri->request_method, method_len))) return HTTP_BAD_METHOD;
    if (!target_ok(ri->request_uri, ri->query_string)) return HTTP_BAD_TARGET;
    *end = ri->http_version + strlen(ri->http_version) + 2;
    return HTTP_FINE;
}

static http_refusal take_known(http_head *head, const char *name, size_t len, vp_str value) {
    if (len > NAME_MAX_KNOWN) return HTTP_FINE;
    for (int i = 0; i < SAME_LENGTH && by_length[len][i]; i++) {
        int k = by_length[len][i] - 1;
        if (!vp_str_eq_nocase(vp_str_n(name, len), fields[k].name)) continue;
        if (head->known[k].p) return fields[k].doubled;
        head->known[k] = vp_str_trim(value);
        return HTTP_FINE;
    }
    return HTTP_FINE;
}

/* Each name right behind the line before, of token bytes, its colon next to it, the value ended by
 * CR LF; behind the last one the empty line, of which CivetWeb has overwritten the LF. */
static http_refusal check_fields(const struct mg_request_info *ri, const char *at,
                                 http_head *head) {
    for (int i = 0; i < ri->num_headers; i++) {
        const char *name = ri->http_headers[i].name, *value = ri->http_headers[i].value;
        size_t len = 0;
        if (name != at) return HTTP_BAD_SHAPE;
        while (is(name[len], TOKEN)) len++;
        if (len == 0 || name[len] != '\0') return HTTP_BAD_SHAPE;
        for (const char *p = name + len + 1; p < value; p++)
            if (*p == '\0') return HTTP_BAD_SHAPE;
        size_t n = strlen(value);
        if (value[n + 1] != '\0') return HTTP_BAD_SHAPE;
        http_refusal refusal = take_known(head, name, len, vp_str_n(value, n));
        if (refusal) return refusal;
        at = value + n + 2;
    }
    return at[0] == '\r' && at[1] == '\0' ? HTTP_FINE : HTTP_BAD_SHAPE;
}

static http_refusal check_host(const http_head *head) {
    vp_str host = head->known[HTTP_HOST];
    if (!host.p) return head->http_1_1 ? HTTP_BAD_HOST : HTTP_FINE;
    if (host.n == 0 || host.n > HOST_MAX) return HTTP_BAD_HOST;
    for (size_t i = 0; i < host.n; i++)
        if (!is(host.p[i], HOST_BYTE)) return HTTP_BAD_HOST;
    return HTTP_FINE;
}

/* How the body is framed: by a length or by chunks, never by both. */
static http_refusal check_framing(http_head *head) {
    vp_str length = head->known[HTTP_CONTENT_LENGTH];
    vp_str encoding = head->known[HTTP_TRANSFER_ENCODING];
    if (encoding.p) {
        if (length.p || !head->http_1_1 || !vp_str_eq_nocase(encoding, VP_STR("chunked")))
            return HTTP_BAD_ENCODING;
        head->chunked = true;
        return HTTP_FINE;
    }
    if (!length.p) return HTTP_FINE;
    if (length.n == 0 || length.n > LENGTH_DIGITS) return HTTP_BAD_LENGTH;
    for (size_t i = 0; i < length.n; i++) {
        if (length.p[i] < '0' || length.p[i] > '9') return HTTP_BAD_LENGTH;
        head->content_length = head->content_length * 10 + (length.p[i] - '0');
    }
    return HTTP_FINE;
}

/* As CivetWeb decides it, so that the answer says what will happen. */
static bool keeps_alive(const http_head *head) {
    vp_str connection = head->known[HTTP_CONNECTION];
    if (!connection.p) return head->http_1_1;
    return http_list_has(connection, VP_STR("keep-alive")) && !strcasestr(connection.p, "upgrade");
}

http_refusal http_guard(const struct mg_request_info *ri, http_head *head) {
    const char *at = NULL;
    http_refusal refusal;
    memset(head, 0, sizeof *head);
    if (ri->num_headers > HTTP_HEADERS_MAX) return HTTP_MANY_FIELDS;
    if ((refusal = check_line(ri, &at))) return refusal;
    head->http_1_1 = strcmp(ri->http_version, "1.1") == 0;
    if (ri->num_headers == 0) return HTTP_BAD_HOST; /* also of HTTP/1.0: its end cannot be seen */
    if ((refusal = check_fields(ri, at, head))) return refusal;
    if ((refusal = check_host(head))) return refusal;
    if ((refusal = check_framing(head))) return refusal;
    head->expects = head->http_1_1 && (head->chunked || head->content_length) &&
                    http_list_has(head->known[HTTP_EXPECT], VP_STR("100-continue"));
    head->keep_alive = keeps_alive(head);
    return HTTP_FINE;
}
