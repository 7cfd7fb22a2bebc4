/* text.c - see text.h. SPDX-License-Identifier: MIT */
#include "text.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "file.h"
#include "mem.h"

enum { SECRET_MAX = 4096 };

vp_err cli_secret_read(const char *path, char **out, vp_fault *why) {
    vp_buf text;
    *out = NULL;
    vp_err rc = vp_file_read(path, SECRET_MAX, &text, why);
    if (rc) return rc;
    vp_str secret = vp_str_trim(vp_buf_str(&text));
    if (cli_text_is_visible(secret)) {
        *out = vp_strndup(secret.p, secret.n);
    } else {
        vp_fault_set(why, "holds no secret of visible ASCII characters");
        rc = VP_EINVAL;
    }
    if (text.data) sodium_memzero(text.data, text.len);
    vp_buf_release(&text);
    return rc;
}

vp_err cli_number(const char *text, const char *flag, int64_t min, int64_t max, int64_t fallback,
                  int64_t *out, vp_fault *why) {
    *out = fallback;
    if (!text || !vp_str_int(vp_str_of(text), min, max, out)) return VP_OK;
    vp_fault_set(why, "%s must be a number from %lld to %lld", flag, (long long)min,
                 (long long)max);
    return VP_EINVAL;
}

bool cli_text_is_visible(vp_str text) {
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~') return false;
    return text.n > 0;
}

void cli_text_plain(char *text) {
    vp_utf8_scrub(text);
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        bool c1 = *p == 0xC2 && p[1] < 0xA0; /* U+0080 to U+009F */
        if (*p < ' ' || *p == 0x7F) *p = '?';
        if (c1) *p++ = '?', *p = '?';
    }
}

void cli_print(vp_str text) {
    char *copy = vp_strndup(text.n ? text.p : "", text.n);
    cli_text_plain(copy);
    fputs(copy, stdout);
    free(copy);
}

void cli_key_new(char out[CLI_KEY_LEN + 1]) {
    unsigned char bytes[CLI_KEY_LEN / 2];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(out, CLI_KEY_LEN + 1, bytes, sizeof bytes);
}

void cli_key_of(vp_str content, const char *place, char out[CLI_KEY_LEN + 1]) {
    unsigned char bytes[CLI_KEY_LEN / 2];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof bytes);
    /* The place goes with its NUL, so that no content can pass for place and content. */
    crypto_generichash_update(&state, (const unsigned char *)place, strlen(place) + 1);
    crypto_generichash_update(&state, (const unsigned char *)content.p, content.n);
    crypto_generichash_final(&state, bytes, sizeof bytes);
    sodium_bin2hex(out, CLI_KEY_LEN + 1, bytes, sizeof bytes);
}
