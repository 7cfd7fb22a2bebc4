/* ticket_test.c - tickets for live streams. SPDX-License-Identifier: MIT */
#include "unit.h"

#include "ticket.h"

#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"

static const uint8_t key[VP_SEAL_KEY] = "a key of exactly thirty-two byte";
static const int64_t EXPIRES = 1795501251000;

static void write(vp_buf *b) {
    vp_buf_init(b, 200);
    vp_ticket_write(key, VP_STR(ID), EXPIRES, b);
    assert_int_equal(b->len, VP_TICKET_TEXT);
}

static void comes_back(void **state) {
    static const char *const ids[] = {"00000000000000000000000000", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
                                      ID};
    static const int64_t times[] = {1, 255, 1795501251000, INT64_MAX};
    for (size_t i = 0; i < COUNT(ids) * COUNT(times); i++) {
        char subject[VP_ULID_LEN + 1];
        int64_t expires, when = times[i % COUNT(times)];
        vp_buf b;
        vp_buf_init(&b, VP_TICKET_TEXT + 1);
        vp_ticket_write(key, vp_str_of(ids[i / COUNT(times)]), when, &b);
        CHECK_ROW(i, vp_ticket_read(key, vp_buf_str(&b), 0, subject, &expires) == VP_OK);
        CHECK_ROW(i, !strcmp(subject, ids[i / COUNT(times)]) && expires == when);
        vp_buf_release(&b);
    }
}

static void expires(void **state) {
    static const struct {
        int64_t now;
        vp_err rc;
    } rows[] = {
        {0, VP_OK},
        {EXPIRES - 1, VP_OK},
        {EXPIRES, VP_ESTALE},
        {EXPIRES + 1, VP_ESTALE},
        {INT64_MAX, VP_ESTALE},
    };
    vp_buf b;
    write(&b);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char subject[VP_ULID_LEN + 1];
        int64_t until;
        vp_err rc = vp_ticket_read(key, vp_buf_str(&b), rows[i].now, subject, &until);
        CHECK_ROW(i, rc == rows[i].rc && until == EXPIRES && !strcmp(subject, ID));
    }
    vp_buf_release(&b);
}

/* Every byte is changed to every other value, and every length is cut. */
static void refuses_tampering(void **state) {
    char subject[VP_ULID_LEN + 1] = "untouched";
    int64_t until = 7;
    vp_buf b;
    write(&b);
    for (size_t i = 0; i < b.len; i++) {
        char good = b.data[i];
        for (int c = 0; c < 256; c++) {
            b.data[i] = (char)c;
            if (b.data[i] == good) continue;
            assert_int_equal(vp_ticket_read(key, vp_buf_str(&b), 0, subject, &until), VP_EDENIED);
        }
        b.data[i] = good;
        assert_int_equal(vp_ticket_read(key, vp_str_n(b.data, i), 0, subject, &until), VP_EDENIED);
    }
    vp_buf_addc(&b, 'A');
    assert_int_equal(vp_ticket_read(key, vp_buf_str(&b), 0, subject, &until), VP_EDENIED);
    assert_int_equal(vp_ticket_read(key, (vp_str){NULL, 0}, 0, subject, &until), VP_EDENIED);
    assert_true(until == 7 && !strcmp(subject, "untouched"));
    vp_buf_release(&b);
}

static void refuses_other_keys(void **state) {
    uint8_t other[VP_SEAL_KEY];
    char subject[VP_ULID_LEN + 1];
    int64_t until;
    vp_buf b;
    write(&b);
    for (size_t i = 0; i < sizeof other; i++) {
        memcpy(other, key, sizeof other);
        other[i] ^= 0x80;
        assert_int_equal(vp_ticket_read(other, vp_buf_str(&b), 0, subject, &until), VP_EDENIED);
    }
    vp_buf_release(&b);
}

/* Signed with this key, and yet no ticket. */
static void refuses_other_payloads(void **state) {
    uint8_t payload[64] = {0};
    char subject[VP_ULID_LEN + 1];
    int64_t until;
    for (size_t n = 0; n <= sizeof payload; n++) {
        vp_buf b;
        vp_buf_init(&b, 200);
        vp_seal_sign(key, vp_str_n(payload, n), &b);
        vp_err rc = vp_ticket_read(key, vp_buf_str(&b), -1, subject, &until);
        CHECK_ROW(n, rc == (n == 24 ? VP_OK : VP_EDENIED));
        vp_buf_release(&b);
    }
    vp_buf b;
    vp_buf_init(&b, 200);
    payload[VP_ULID_BYTES] = 0x80; /* past any time */
    vp_seal_sign(key, vp_str_n(payload, 24), &b);
    assert_int_equal(vp_ticket_read(key, vp_buf_str(&b), 0, subject, &until), VP_EDENIED);
    vp_buf_release(&b);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(expires),
        cmocka_unit_test(refuses_tampering),
        cmocka_unit_test(refuses_other_keys),
        cmocka_unit_test(refuses_other_payloads),
    };
    if (vp_seal_init()) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
