/* zap_fuzz.c - a question of ZAP as libzmq puts it, and a list of keys as a person writes it. The
 * input is frames, each with two bytes of length in front; and, as a whole, a list.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "zap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAMES = VP_ZAP_FRAMES + 2 };

/* Not assert: a fuzzer must find a broken rule in any build. */
static void must(bool holds) {
    if (!holds) abort();
}

static void check_request(const vp_str *frame, size_t n) {
    vp_zap_request r;
    vp_zap_status status = vp_zap_decode(frame, n, &r);
    must(status == VP_ZAP_OK || status == VP_ZAP_REFUSED || status == VP_ZAP_BROKEN);
    must((r.key != NULL) == (status == VP_ZAP_OK));
    must(!r.key ||
         (n == VP_ZAP_FRAMES && (const char *)r.key == frame[6].p && frame[6].n == VP_CURVE_KEY));
    must(!r.id.n ||
         (n > 1 && r.id.p == frame[1].p && r.id.n == frame[1].n && r.id.n <= VP_ZAP_FRAME_MAX));
}

static void check_list(vp_str text, bool commas) {
    static vp_curve_list list;
    vp_fault why = {""};
    if (vp_curve_list_parse(text, commas, &list, &why)) {
        must(why.text[0] != '\0');
        return;
    }
    must(list.n >= 0 && list.n <= VP_CURVE_KEYS && (size_t)list.n * VP_CURVE_TEXT <= text.n);
    for (int i = 0; i < list.n; i++) must(vp_curve_list_has(&list, list.key[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vp_str frame[FRAMES];
    size_t n = 0, at = 0;
    while (n < FRAMES && size - at >= 2) {
        size_t len = (size_t)data[at] << 8 | data[at + 1];
        at += 2;
        if (len > size - at) len = size - at;
        frame[n++] = vp_str_n(data + at, len);
        at += len;
    }
    check_request(frame, n);
    check_list(vp_str_n(data, size), false);
    check_list(vp_str_n(data, size), true);
    return 0;
}
