/* codes.c - see codes.h. SPDX-License-Identifier: MIT */
#include "codes.h"

#include <assert.h>

enum { LETTERS = 14, NUMBER_LETTERS = 4, BITS = 5, MAC_BYTES = 8 };

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void polls_codes_of(polls_codes *out, const uint8_t poll_key[VP_SEAL_KEY]) {
    vp_seal_derive(poll_key, "code", (vp_str){NULL, 0}, out->mac_key);
    vp_seal_derive(poll_key, "code-voter", (vp_str){NULL, 0}, out->voter_key);
}

static vp_str number_bytes(uint32_t number, uint8_t out[4]) {
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(number >> (8 * (3 - i)));
    return vp_str_n(out, 4);
}

/* The letters without hyphens. */
static void write_letters(const polls_codes *c, uint32_t number, char out[LETTERS]) {
    uint8_t bytes[4], mac[MAC_BYTES];
    uint64_t bits = 0;
    vp_seal_mac(c->mac_key, number_bytes(number, bytes), mac, sizeof mac);
    for (int i = 0; i < MAC_BYTES; i++) bits = bits << 8 | mac[i];
    for (int i = NUMBER_LETTERS - 1; i >= 0; i--, number >>= BITS) out[i] = alphabet[number & 31];
    for (int i = LETTERS - 1; i >= NUMBER_LETTERS; i--, bits >>= BITS) out[i] = alphabet[bits & 31];
}

void polls_code_write(const polls_codes *c, uint32_t number, char out[POLLS_CODE_LEN + 1]) {
    char letters[LETTERS], *p = out;
    assert(number >= 1 && number <= POLLS_CODES_MAX);
    write_letters(c, number, letters);
    for (int i = 0; i < LETTERS; i++) {
        if (i == 4 || i == 9) *p++ = '-';
        *p++ = letters[i];
    }
    *p = '\0';
}

/* The value of a letter, -1 of none. */
static int value_of(char c) {
    if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

vp_err polls_code_read(const polls_codes *c, vp_str text, uint32_t *number) {
    char given[LETTERS], real[LETTERS];
    uint32_t n = 0;
    int k = 0;
    for (size_t i = 0; i < text.n; i++) {
        int value = value_of(text.p[i]);
        if (text.p[i] == '-' || text.p[i] == ' ') continue;
        if (value < 0 || k == LETTERS) return VP_EDENIED;
        if (k < NUMBER_LETTERS) n = n << BITS | (uint32_t)value;
        given[k++] = alphabet[value];
    }
    if (k != LETTERS || n == 0 || n > POLLS_CODES_MAX) return VP_EDENIED;
    write_letters(c, n, real);
    if (!vp_seal_equal(vp_str_n(given, LETTERS), vp_str_n(real, LETTERS))) return VP_EDENIED;
    *number = n;
    return VP_OK;
}

void polls_code_voter(const polls_codes *c, uint32_t number, polls_voter *out) {
    uint8_t bytes[4];
    vp_seal_mac(c->voter_key, number_bytes(number, bytes), out->token, sizeof out->token);
    out->needs_cookie = false;
}
