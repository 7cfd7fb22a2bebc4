/* view.c - see view.h. SPDX-License-Identifier: MIT */
#include "view.h"

#include <stdio.h>

#include "clock.h"
#include "json.h"
#include "query.h"
#include "route.h"

enum { HREF_MAX = 8 * 1024, LOCAL_PATH_MAX = 300 };

void view_set(json_t *o, const char *key, json_t *value) {
    json_object_set_new_nocheck(o, key, value ? value : json_null());
}

void view_text(json_t *o, const char *key, vp_str text) {
    view_set(o, key, text.n ? json_stringn(text.p, text.n) : NULL);
}

void view_flag(json_t *o, const char *key, bool flag) {
    view_set(o, key, json_boolean(flag));
}

void view_list(json_t *o, const char *has_key, const char *key, json_t *list) {
    view_flag(o, has_key, json_array_size(list) > 0);
    view_set(o, key, list);
}

void view_complete(json_t *o, const char *const *keys) {
    for (; *keys; keys++)
        if (!json_object_get(o, *keys)) view_set(o, *keys, NULL);
}

/* -- numbers ---------------------------------------------------------------------------------- */

void view_number(int64_t n, char out[VIEW_NUMBER_MAX]) {
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%lld", (long long)(n < 0 ? 0 : n)), at = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

void view_count(json_t *o, const char *key, int64_t n, const char *word_key, const char *one,
                const char *many) {
    char text[VIEW_NUMBER_MAX];
    view_number(n, text);
    view_text(o, key, vp_str_of(text));
    view_text(o, word_key, vp_str_of(n == 1 ? one : many));
}

/* -- times ------------------------------------------------------------------------------------ */

void view_date(vp_str time, view_clock clock, char out[VIEW_DATE_MAX]) {
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    char t[VP_TIME_LEN + 1]; /* 2026-11-24T06:20:51Z */
    int64_t ms;
    out[0] = '\0';
    if (vp_time_parse(time, &ms)) return;
    vp_time_text(ms, t);
    int month = (t[5] - '0') * 10 + t[6] - '0', day = (t[8] - '0') * 10 + t[9] - '0';
    int n = snprintf(out, VIEW_DATE_MAX, "%d %s %.4s", day, months[(month - 1) % 12], t);
    if (clock == VIEW_MINUTE) snprintf(out + n, VIEW_DATE_MAX - (size_t)n, ", %.5s UTC", t + 11);
}

void view_time(json_t *o, const json_t *from, const char *at_key, const char *shown_key,
               view_clock clock) {
    char text[VIEW_DATE_MAX] = "";
    vp_str time = vp_json_text(from, at_key);
    if (time.n) view_date(time, clock, text);
    if (o != from) view_text(o, at_key, time);
    view_text(o, shown_key, vp_str_of(text));
}

/* -- places ----------------------------------------------------------------------------------- */

void view_href(json_t *o, const char *key, const char *before, vp_str name, const char *after) {
    vp_buf href;
    vp_buf_init(&href, HREF_MAX);
    vp_buf_adds(&href, before);
    vp_query_encode(&href, name);
    vp_buf_adds(&href, after);
    view_text(o, key, href.over ? (vp_str){0} : vp_buf_str(&href));
    vp_buf_release(&href);
}

bool view_local_path(vp_str path) {
    if (path.n > LOCAL_PATH_MAX || !vp_route_path_ok(path)) return false;
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (c <= ' ' || c > '~' || strchr("\\\"<>?#", c)) return false;
    }
    return true;
}
