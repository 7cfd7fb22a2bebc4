/* origin.c - see origin.h.
 * Every current browser sends Origin or Sec-Fetch-Site with an unsafe request, so one without both
 * is no browser, or an old one; that one always sends its cookies, or is held back by CORS unless
 * the content is of a form. SPDX-License-Identifier: MIT */
#include "origin.h"

static const vp_str safe_methods[] = {VP_STR_INIT("GET"), VP_STR_INIT("HEAD"),
                                      VP_STR_INIT("OPTIONS")};
static const vp_str own_sites[] = {VP_STR_INIT("same-origin"), VP_STR_INIT("none")};
static const vp_str form_types[] = {VP_STR_INIT("application/x-www-form-urlencoded"),
                                    VP_STR_INIT("multipart/form-data"), VP_STR_INIT("text/plain")};
static const vp_str schemes[] = {VP_STR_INIT("http://"), VP_STR_INIT("https://")};

static bool is_one_of(vp_str s, const vp_str *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (vp_str_eq_nocase(s, words[i])) return true;
    return false;
}
#define ONE_OF(s, words) is_one_of((s), (words), sizeof(words) / sizeof *(words))

/* scheme://host:port of a URL, without its path. */
static vp_str origin_of(vp_str url) {
    size_t slashes = 0, i = 0;
    for (; i < url.n; i++)
        if (url.p[i] == '/' && ++slashes == 3) break;
    return vp_str_n(url.p, i);
}

static bool is_ours(vp_str origin, vp_str host, vp_str public_url) {
    if (public_url.n) return vp_str_eq_nocase(origin, origin_of(public_url));
    if (!host.n) return false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = schemes[i].n;
        if (origin.n > n && vp_str_eq_nocase(vp_str_n(origin.p, n), schemes[i]) &&
            vp_str_eq_nocase(vp_str_n(origin.p + n, origin.n - n), host))
            return true;
    }
    return false;
}

static bool is_form(vp_str content_type) {
    const char *end = content_type.n ? memchr(content_type.p, ';', content_type.n) : NULL;
    if (end) content_type.n = (size_t)(end - content_type.p);
    return ONE_OF(vp_str_trim(content_type), form_types);
}

bool http_method_safe(vp_str method) {
    return ONE_OF(method, safe_methods);
}

bool http_origin_ok(const http_head *head, vp_str method, vp_str public_url) {
    vp_str origin = head->known[HTTP_ORIGIN], site = head->known[HTTP_SEC_FETCH_SITE];
    if (http_method_safe(method)) return true;
    if (origin.p && !is_ours(origin, head->known[HTTP_HOST], public_url)) return false;
    if (site.p && !ONE_OF(site, own_sites)) return false;
    if (origin.p || site.p) return true;
    return !head->known[HTTP_COOKIE].p && !is_form(head->known[HTTP_CONTENT_TYPE]);
}
