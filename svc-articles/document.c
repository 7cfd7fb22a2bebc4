/* document.c - see document.h. Packed it is four bytes of its length, big-endian, and zlib's
 * stream. SPDX-License-Identifier: MIT */
#include "document.h"

#include <assert.h>
#include <zlib.h>

enum { LENGTH = 4, LEVEL = 4 };

const char *const document_fields[DOCUMENT_FIELDS] = {"title",
                                                      "slug",
                                                      "summary",
                                                      "section",
                                                      "tags",
                                                      "contributors",
                                                      "hero",
                                                      "language",
                                                      "comments_policy",
                                                      "comments_days",
                                                      "translation_group",
                                                      "poll_id",
                                                      "body_markdown"};

/* "a b" as ["a","b"]. */
static void add_handles(vp_buf *out, vp_str handles) {
    vp_buf_adds(out, ",\"contributors\":[");
    for (size_t at = 0, n; at < handles.n; at += n + 1) {
        const char *end = memchr(handles.p + at, ' ', handles.n - at);
        n = end ? (size_t)(end - handles.p) - at : handles.n - at;
        if (at) vp_buf_addc(out, ',');
        vp_buf_add_json(out, vp_str_n(handles.p + at, n));
    }
    vp_buf_addc(out, ']');
}

static void add_text(vp_buf *out, const char *name, vp_str text) {
    vp_buf_addf(out, ",\"%s\":", name);
    if (text.n)
        vp_buf_add_json(out, text);
    else
        vp_buf_adds(out, "null");
}

vp_err document_read(const document_source *source, json_t **out) {
    vp_buf text;
    vp_fault why = {0};
    json_t *all;
    *out = NULL;
    vp_buf_init(&text, DOCUMENT_MAX);
    vp_buf_adds(&text, "{\"slug\":");
    vp_buf_add_json(&text, source->slug);
    vp_buf_add_str(&text, source->head);
    add_handles(&text, source->handles);
    vp_buf_add_str(&text, source->tail);
    add_text(&text, "translation_group", source->group);
    add_text(&text, "body_markdown", source->markdown);
    vp_buf_addc(&text, '}');
    vp_err rc = text.over ? VP_EPROTO : vp_json_parse(vp_buf_str(&text), &all, &why);
    vp_buf_release(&text);
    if (rc) return VP_EPROTO;
    *out = document_merge(NULL, all);
    json_decref(all);
    return VP_OK;
}

/* comments_open, as older clients say it, is a policy. */
static void take_open(json_t *out, const json_t *patch) {
    const json_t *open = json_object_get(patch, "comments_open");
    if (!json_is_boolean(open) || json_object_get(patch, "comments_policy")) return;
    json_object_set_new(out, "comments_policy",
                        json_string(json_is_true(open) ? "open" : "closed"));
    json_object_del(out, "comments_days");
}

/* What a client put into it besides is not kept. */
static void keep_hero(json_t *out) {
    const json_t *hero = json_object_get(out, "hero");
    if (!json_is_object(hero)) return;
    json_t *kept = json_object();
    json_object_set(kept, "url", json_object_get(hero, "url"));
    json_object_set(kept, "alt", json_object_get(hero, "alt"));
    json_object_set_new(out, "hero", kept);
}

json_t *document_merge(const json_t *base, const json_t *patch) {
    json_t *out = json_object();
    for (int i = 0; i < DOCUMENT_FIELDS; i++) {
        const char *name = document_fields[i];
        json_t *value = json_object_get(patch, name);
        if (!value) value = json_object_get(base, name);
        if (value && !json_is_null(value)) json_object_set(out, name, value);
    }
    keep_hero(out);
    take_open(out, patch);
    return out;
}

void document_write(vp_buf *out, const json_t *document) {
    for (int i = 0; i < DOCUMENT_FIELDS; i++) {
        const json_t *value = json_object_get(document, document_fields[i]);
        vp_buf_addf(out, "%s\"%s\":", i ? "," : "{", document_fields[i]);
        if (value)
            vp_json_write(out, value);
        else
            vp_buf_adds(out, "null");
    }
    vp_buf_addc(out, '}');
}

vp_err document_pack(vp_buf *out, const json_t *document) {
    vp_buf text;
    vp_buf_init(&text, DOCUMENT_MAX);
    document_write(&text, document);
    if (text.over) {
        vp_buf_release(&text);
        return VP_ETOOBIG;
    }
    uLongf n = compressBound((uLong)text.len);
    char *room = vp_buf_room(out, LENGTH + n);
    assert(room);
    for (int i = 0; i < LENGTH; i++) room[i] = (char)(text.len >> (8 * (LENGTH - 1 - i)));
    int rc =
        compress2((Bytef *)room + LENGTH, &n, (const Bytef *)text.data, (uLong)text.len, LEVEL);
    assert(rc == Z_OK); /* there is room for the worst */
    (void)rc;
    vp_buf_grew(out, LENGTH + n);
    vp_buf_release(&text);
    return VP_OK;
}

vp_err document_unpack(vp_str packed, json_t **out) {
    vp_buf text;
    vp_fault why = {0};
    size_t length = 0;
    *out = NULL;
    if (packed.n <= LENGTH) return VP_EPROTO;
    for (int i = 0; i < LENGTH; i++) length = length << 8 | (unsigned char)packed.p[i];
    if (length == 0 || length > DOCUMENT_MAX) return VP_EPROTO;
    vp_buf_init(&text, DOCUMENT_MAX);
    uLongf n = (uLongf)length;
    char *room = vp_buf_room(&text, length);
    int rc = room ? uncompress((Bytef *)room, &n, (const Bytef *)packed.p + LENGTH,
                               (uLong)(packed.n - LENGTH))
                  : Z_BUF_ERROR;
    if (rc == Z_OK) vp_buf_grew(&text, n);
    vp_err err = rc != Z_OK || n != length || vp_json_parse(vp_buf_str(&text), out, &why) ||
                         !json_is_object(*out)
                     ? VP_EPROTO
                     : VP_OK;
    if (err) {
        json_decref(*out);
        *out = NULL;
    }
    vp_buf_release(&text);
    return err;
}
