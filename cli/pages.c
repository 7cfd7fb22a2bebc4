/* pages.c - see pages.h. SPDX-License-Identifier: MIT */
#include "pages.h"

#include <stdint.h>
#include <string.h>

#include "table.h"

/* One page; *cursor is replaced, and NULL after the last one. */
static vp_err one_page(cli_run *run, const char *path, json_t **cursor, json_t **items,
                       vp_fault *why) {
    json_t *page = NULL;
    vp_buf url;
    const char *after = json_string_value(*cursor);
    vp_buf_init(&url, 4096);
    vp_buf_addf(&url, "%s%climit=100%s%s", path, strchr(path, '?') ? '&' : '?',
                after ? "&cursor=" : "", after ? after : "");
    vp_err rc = url.over ? VP_ETOOBIG : cli_http_get(run->http, url.data, &page, why);
    *items = json_incref(json_object_get(page, "items"));
    json_t *next = json_object_get(page, "next_cursor");
    json_decref(*cursor);
    *cursor = json_is_string(next) ? json_incref(next) : NULL;
    json_decref(page);
    vp_buf_release(&url);
    return rc;
}

vp_err cli_pages(cli_run *run, const char *path, size_t most, cli_take *take, void *user,
                 vp_fault *why) {
    json_t *cursor = NULL, *items, *item;
    size_t n = 0, i;
    vp_err rc;
    do {
        rc = one_page(run, path, &cursor, &items, why);
        json_array_foreach(items, i, item) {
            if (!rc && n < most) rc = take(item, user, why);
            n++;
        }
        json_decref(items);
    } while (!rc && cursor && n < most);
    json_decref(cursor);
    return rc;
}

static vp_err keep(const json_t *item, void *all, vp_fault *why) {
    (void)why;
    return json_array_append(all, (json_t *)(uintptr_t)item) ? VP_ESYSTEM : VP_OK;
}

vp_err cli_pages_all(cli_run *run, const char *path, json_t **out, vp_fault *why) {
    *out = json_array();
    return cli_pages(run, path, CLI_ROWS_MAX, keep, *out, why);
}
