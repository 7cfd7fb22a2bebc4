/* list_page.c - see list_page.h. SPDX-License-Identifier: MIT */
#include "list_page.h"

#include <stdio.h>

void list_page_last(list_page *page, vp_str last) {
    size_t n = last.n < VP_CURSOR_KEY_MAX ? last.n : VP_CURSOR_KEY_MAX - 1;
    if (n) memcpy(page->last_text, last.p, n);
    page->last = vp_str_n(page->last_text, n);
    page->more = n > 0;
}

void list_page_take(list_page *page, const redisReply *reply, size_t first) {
    size_t n = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
    page->n = 0;
    for (size_t i = first; i < n && page->n < page->limit; i++) {
        const redisReply *r = reply->element[i];
        if (r->type != REDIS_REPLY_STRING || (size_t)r->len >= VP_CURSOR_KEY_MAX) continue;
        memcpy(page->text[page->n], r->str, r->len);
        page->member[page->n] = vp_str_n(page->text[page->n], r->len);
        page->n++;
    }
    if (page->n > 0) list_page_last(page, page->member[page->n - 1]);
    page->more = page->n > 0 && n > first + (size_t)page->limit;
}

vp_step list_page_answer(vp_call *call, const list_page *page, char tag, vp_str surrogate_key) {
    uint8_t hash[9];
    char text[16], etag[24];
    vp_buf_addc(&call->out, ']');
    vp_call_next(call, tag, page->more ? page->last : (vp_str){0});
    vp_buf_addc(&call->out, '}');
    vp_seal_hash(vp_buf_str(&call->out), hash, sizeof hash);
    vp_seal_base64(hash, sizeof hash, text);
    snprintf(etag, sizeof etag, "\"0.%s\"", text);
    vp_call_reply_field(call, VP_F_ETAG, vp_str_of(etag));
    vp_call_reply_field(call, VP_F_CACHE_CONTROL,
                        page->personal ? VP_STR("private, no-store")
                                       : VP_STR("public, max-age=0, s-maxage=10"));
    if (!page->personal) vp_call_reply_field(call, VP_F_SURROGATE_KEY, surrogate_key);
    return vp_call_answer(call, 200);
}
