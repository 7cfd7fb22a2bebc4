/* seal_test.c - MACs, tokens and base64. SPDX-License-Identifier: MIT */
#include "unit.h"

#include "seal.h"

static const uint8_t site_key[VP_SEAL_KEY] = "a key of exactly thirty-two byte";

static void hashes_as_blake2b(void **state) {
    /* BLAKE2b-256 of "abc" and of nothing, from b2sum -l 256. */
    static const uint8_t abc[] = {0xbd, 0xdd, 0x81, 0x3c, 0x63, 0x42, 0x39, 0x72,
                                  0x31, 0x71, 0xef, 0x3f, 0xee, 0x98, 0x57, 0x9b};
    static const uint8_t nothing[] = {0x0e, 0x57, 0x51, 0xc0, 0x26, 0xe5, 0x43, 0xb2};
    uint8_t out[32];
    vp_seal_hash(VP_STR("abc"), out, 16);
    assert_memory_equal(out, abc, 16);
    vp_seal_hash((vp_str){NULL, 0}, out, 8);
    assert_memory_equal(out, nothing, 8);
}

static void macs(void **state) {
    uint8_t a[32], b[32], other[VP_SEAL_KEY];
    memcpy(other, site_key, sizeof other);
    other[31] ^= 1;
    for (size_t n = 8; n <= 32; n++) {
        memset(a, 0xAA, sizeof a);
        vp_seal_mac(site_key, VP_STR("message"), a, n);
        for (size_t i = n; i < sizeof a; i++) assert_int_equal(a[i], 0xAA);
        vp_seal_mac(site_key, VP_STR("message"), b, 32);
        assert_memory_equal(a, b, n);
        vp_seal_mac(site_key, VP_STR("messagf"), b, 32);
        assert_memory_not_equal(a, b, n);
        vp_seal_mac(other, VP_STR("message"), b, 32);
        assert_memory_not_equal(a, b, n);
    }
}

static void keeps_purposes_apart(void **state) {
    static const struct {
        const char *purpose;
        vp_str subject;
    } rows[] = {
        {"voter", {NULL, 0}},         {"edit", {NULL, 0}},          {"", VP_STR_INIT("voter")},
        {"voter", VP_STR_INIT("1")},  {"voter1", {NULL, 0}},        {"voter", VP_STR_INIT("12")},
        {"voter1", VP_STR_INIT("2")}, {"", VP_STR_INIT("\0voter")},
    };
    uint8_t keys[COUNT(rows)][VP_SEAL_KEY], again[VP_SEAL_KEY];
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_seal_derive(site_key, rows[i].purpose, rows[i].subject, keys[i]);
        vp_seal_derive(site_key, rows[i].purpose, rows[i].subject, again);
        assert_memory_equal(keys[i], again, sizeof again);
        for (size_t k = 0; k < i; k++) assert_memory_not_equal(keys[i], keys[k], VP_SEAL_KEY);
    }
}

static void base64_comes_back(void **state) {
    for (size_t n = 0; n <= 64; n++) {
        uint8_t in[64], out[64];
        char text[90];
        size_t size = 99;
        vp_seal_random(in, sizeof in);
        vp_seal_base64(in, n, text);
        assert_int_equal(strlen(text), (n * 4 + 2) / 3);
        assert_int_equal(vp_seal_unbase64(vp_str_of(text), out, sizeof out, &size), VP_OK);
        assert_int_equal(size, n);
        assert_memory_equal(in, out, n);
        if (n) assert_int_equal(vp_seal_unbase64(vp_str_of(text), out, n - 1, &size), VP_EINVAL);
    }
    char text[VP_SEAL_TEXT + 1];
    vp_seal_base64((const uint8_t *)"\xFB\xFF\xFE", 3, text);
    assert_string_equal(text, "-__-");
}

/* Also bytes over 0x7F, some of which libsodium lets pass. */
static void base64_knows_its_alphabet(void **state) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (int at = 0; at < 4; at++) {
        for (int c = 0; c < 256; c++) {
            char text[4] = "AAAA";
            uint8_t out[3];
            size_t n;
            text[at] = (char)c;
            bool known = c && strchr(alphabet, c);
            vp_err rc = vp_seal_unbase64(vp_str_n(text, 4), out, sizeof out, &n);
            assert_int_equal(rc, known ? VP_OK : VP_EINVAL);
        }
    }
}

static void opens_what_it_signed(void **state) {
    for (size_t n = 0; n <= 64; n++) {
        uint8_t in[64], out[64];
        size_t size = 99;
        vp_buf b;
        vp_seal_random(in, sizeof in);
        vp_buf_init(&b, 200);
        vp_seal_sign(site_key, vp_str_n(in, n), &b);
        assert_int_equal(vp_seal_open(site_key, vp_buf_str(&b), out, &size), VP_OK);
        assert_int_equal(size, n);
        assert_memory_equal(in, out, n);
        vp_buf_release(&b);
    }
}

/* Every byte of a token is changed to every other value, and every length is cut. */
static void refuses_tampering(void **state) {
    uint8_t out[64] = "untouched";
    size_t size = 99;
    vp_buf b;
    vp_buf_init(&b, 200);
    vp_seal_sign(site_key, VP_STR("voter 12345"), &b);
    for (size_t i = 0; i < b.len; i++) {
        char good = b.data[i];
        for (int c = 0; c < 256; c++) {
            b.data[i] = (char)c;
            if (b.data[i] == good) continue;
            assert_int_equal(vp_seal_open(site_key, vp_buf_str(&b), out, &size), VP_EDENIED);
        }
        b.data[i] = good;
        assert_int_equal(vp_seal_open(site_key, vp_str_n(b.data, i), out, &size), VP_EDENIED);
    }
    assert_string_equal((const char *)out, "untouched");
    assert_int_equal(size, 99);
    assert_int_equal(vp_seal_open(site_key, vp_buf_str(&b), out, &size), VP_OK);
    vp_buf_addc(&b, 'A');
    assert_int_equal(vp_seal_open(site_key, vp_buf_str(&b), out, &size), VP_EDENIED);
    vp_buf_release(&b);
}

static void refuses_foreign_tokens(void **state) {
    static const vp_str rows[] = {
        VP_STR_INIT(""),
        VP_STR_INIT("."),
        VP_STR_INIT(".."),
        VP_STR_INIT("AA"),
        VP_STR_INIT("AA.AA"),
        VP_STR_INIT("AA.AAAAAAAAAAAAAAAAAAAAAA"),
        VP_STR_INIT("AA.AAAAAAAAAAAAAAAAAAAAAA.AA"),
    };
    uint8_t out[64], key[VP_SEAL_KEY];
    size_t n;
    char longest[200];
    vp_buf b;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_ROW(i, vp_seal_open(site_key, rows[i], out, &n) == VP_EDENIED);
    assert_int_equal(vp_seal_open(site_key, (vp_str){NULL, 0}, out, &n), VP_EDENIED);
    memset(longest, 'A', sizeof longest);
    longest[177] = '.';
    assert_int_equal(vp_seal_open(site_key, vp_str_n(longest, 200), out, &n), VP_EDENIED);
    vp_buf_init(&b, 200);
    vp_seal_sign(site_key, VP_STR("x"), &b);
    vp_seal_derive(site_key, "edit", (vp_str){NULL, 0}, key);
    assert_int_equal(vp_seal_open(key, vp_buf_str(&b), out, &n), VP_EDENIED);
    vp_buf_release(&b);
}

static void equals(void **state) {
    assert_true(vp_seal_equal(VP_STR("abc"), VP_STR("abc")));
    assert_true(vp_seal_equal((vp_str){NULL, 0}, VP_STR("")));
    assert_false(vp_seal_equal(VP_STR("abc"), VP_STR("abd")));
    assert_false(vp_seal_equal(VP_STR("abc"), VP_STR("abcd")));
    assert_false(vp_seal_equal(VP_STR("abc"), (vp_str){NULL, 0}));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_as_blake2b),
        cmocka_unit_test(macs),
        cmocka_unit_test(keeps_purposes_apart),
        cmocka_unit_test(base64_comes_back),
        cmocka_unit_test(base64_knows_its_alphabet),
        cmocka_unit_test(opens_what_it_signed),
        cmocka_unit_test(refuses_tampering),
        cmocka_unit_test(refuses_foreign_tokens),
        cmocka_unit_test(equals),
    };
    if (vp_seal_init()) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
