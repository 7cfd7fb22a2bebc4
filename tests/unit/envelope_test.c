/* envelope_test.c - the wire format of calls. SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>

#include "envelope.h"

static const vp_envelope sample = {
    .kind = VP_KIND_CALL,
    .flags = VP_FLAG_DRAINING,
    .status = 503,
    .call_id = 0x0102030405060708,
    .not_after_ms = 1795507518077,
    .left_ms = 2000,
    .resend_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
};

static void comes_back(void **state) {
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_envelope e;
    vp_fault why = {""};
    vp_envelope_header(&sample, header);
    const vp_str frames[] = {vp_str_n(header, sizeof header), VP_STR("head"), VP_STR("context"),
                             VP_STR("body"), VP_STR("of a newer version")};
    assert_int_equal(vp_envelope_decode(frames, 5, &e, &why), VP_OK);
    assert_int_equal(e.version, VP_PROTOCOL);
    assert_int_equal(e.kind, sample.kind);
    assert_int_equal(e.flags, sample.flags);
    assert_int_equal(e.status, sample.status);
    assert_true(e.call_id == sample.call_id);
    assert_true(e.not_after_ms == sample.not_after_ms);
    assert_int_equal(e.left_ms, sample.left_ms);
    assert_memory_equal(e.resend_id, sample.resend_id, VP_ULID_BYTES);
    assert_true(vp_str_eq(e.head, VP_STR("head")));
    assert_true(vp_str_eq(e.context, VP_STR("context")));
    assert_true(vp_str_eq(e.body, VP_STR("body")));
}

static void trailing_frames_may_be_missing(void **state) {
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_envelope e;
    vp_fault why = {""};
    vp_envelope_header(&sample, header);
    for (size_t n = 1; n <= VP_ENVELOPE_FRAMES; n++) {
        const vp_str frames[] = {vp_str_n(header, sizeof header), VP_STR("h"), VP_STR("c"),
                                 VP_STR("b")};
        assert_int_equal(vp_envelope_decode(frames, n, &e, &why), VP_OK);
        assert_int_equal(e.head.n, n > 1);
        assert_int_equal(e.context.n, n > 2);
        assert_int_equal(e.body.n, n > 3);
    }
}

static void refuses_what_is_none(void **state) {
    static const struct {
        size_t at;
        uint8_t byte;
    } rows[] = {{0, 'v'}, {2, 0}, {3, 0}, {3, VP_PROTOCOL + 2}, {3, 255}, {4, 0}, {4, 5}, {4, 255}};
    vp_envelope e;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t header[VP_ENVELOPE_HEADER];
        vp_fault why = {""};
        vp_envelope_header(&sample, header);
        header[rows[i].at] = rows[i].byte;
        vp_str frame = vp_str_n(header, sizeof header);
        CHECK_ROW(i, vp_envelope_decode(&frame, 1, &e, &why) == VP_EPROTO);
        CHECK_ROW(i, why.text[0] != '\0');
    }
}

/* For each version that there may ever be, so also for those that are not there yet. */
static void neighbours_speak(void **state) {
    for (int ours = 1; ours < 255; ours++)
        for (int theirs = 0; theirs < 256; theirs++)
            assert_int_equal(vp_protocol_speaks(ours, theirs),
                             theirs > 0 && abs(theirs - ours) <= 1);
    assert_false(vp_protocol_speaks(1, -1)); /* of those who are not called */
}

static void takes_the_neighbour_versions(void **state) {
    for (int version = 0; version < 256; version++) {
        uint8_t header[VP_ENVELOPE_HEADER];
        vp_envelope e;
        vp_fault why = {""};
        vp_envelope_header(&sample, header);
        assert_int_equal(header[3], VP_PROTOCOL); /* whoever is spoken to */
        header[3] = (uint8_t)version;
        vp_str frame = vp_str_n(header, sizeof header);
        bool taken = !vp_envelope_decode(&frame, 1, &e, &why);
        assert_int_equal(taken, vp_protocol_speaks(VP_PROTOCOL, version));
        if (!taken) continue;
        assert_int_equal(e.version, version);
        assert_true(e.call_id == sample.call_id);
    }
}

/* A longer header, further flags, further frames, fields that are not known: what a later version
 * may add. */
static void ignores_what_a_later_version_adds(void **state) {
    static const uint8_t tags[] = {12, 19, 27, 39, 50, 63, 64, 200, 255};
    uint8_t header[VP_ENVELOPE_HEADER + 16];
    vp_envelope e;
    vp_fault why = {""};
    vp_str value[VP_FIELD_COUNT] = {{0}};
    vp_buf head;
    vp_buf_init(&head, VP_ENVELOPE_HEAD_MAX);
    memset(header, 0xab, sizeof header);
    vp_envelope_header(&sample, header);
    header[3] = VP_PROTOCOL + 1;
    header[5] = 0xff;
    memset(header + 28, 0xcd, 4); /* zero today */
    for (size_t i = 0; i < COUNT(tags); i++)
        vp_field_add(&head, (vp_field)tags[i], VP_STR("of a later version"));
    vp_field_add(&head, VP_F_PATH, VP_STR("/here"));
    const vp_str frames[] = {vp_str_n(header, sizeof header),
                             vp_buf_str(&head),
                             VP_STR(""),
                             VP_STR("body"),
                             VP_STR("more"),
                             VP_STR("and more")};
    assert_int_equal(vp_envelope_decode(frames, COUNT(frames), &e, &why), VP_OK);
    assert_true(e.flags & VP_FLAG_DRAINING);
    assert_true(e.call_id == sample.call_id);
    assert_memory_equal(e.resend_id, sample.resend_id, VP_ULID_BYTES);
    assert_true(vp_str_eq(e.body, VP_STR("body")));
    assert_int_equal(vp_fields_decode(e.head, value, &why), VP_OK);
    assert_true(vp_str_eq(value[VP_F_PATH], VP_STR("/here")));
    assert_null(value[VP_F_METHOD].p);
    vp_buf_release(&head);
}

static void refuses_truncation_at_every_byte(void **state) {
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_envelope e;
    vp_envelope_header(&sample, header);
    for (size_t n = 0; n < sizeof header; n++) {
        vp_fault why = {""};
        vp_str frame = vp_str_n(header, n);
        assert_int_equal(vp_envelope_decode(&frame, 1, &e, &why), VP_EPROTO);
    }
    vp_fault why = {""};
    assert_int_equal(vp_envelope_decode(NULL, 0, &e, &why), VP_EPROTO);
}

static void refuses_oversize(void **state) {
    static char big[VP_ENVELOPE_BODY_MAX + 1];
    static const size_t rows[][3] = {{VP_ENVELOPE_HEAD_MAX + 1, 0, 0},
                                     {0, VP_ENVELOPE_HEAD_MAX + 1, 0},
                                     {0, 0, VP_ENVELOPE_BODY_MAX + 1}};
    uint8_t header[VP_ENVELOPE_HEADER];
    vp_envelope e;
    vp_envelope_header(&sample, header);
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_fault why = {""};
        const vp_str frames[] = {vp_str_n(header, sizeof header), vp_str_n(big, rows[i][0]),
                                 vp_str_n(big, rows[i][1]), vp_str_n(big, rows[i][2])};
        CHECK_ROW(i, vp_envelope_decode(frames, 4, &e, &why) == VP_ETOOBIG);
    }
}

static void fields_come_back(void **state) {
    vp_str value[VP_FIELD_COUNT] = {{0}};
    vp_fault why = {""};
    vp_buf b;
    vp_buf_init(&b, VP_ENVELOPE_HEAD_MAX);
    vp_field_add(&b, VP_F_METHOD, VP_STR("GET"));
    vp_field_add(&b, VP_F_PATH, VP_STR("/a\0b"));
    vp_field_add(&b, VP_F_QUERY, VP_STR(""));
    vp_field_add(&b, (vp_field)200, VP_STR("of a newer version"));
    vp_field_add(&b, VP_F_METHOD, VP_STR("POST"));
    assert_int_equal(vp_fields_decode(vp_buf_str(&b), value, &why), VP_OK);
    assert_true(vp_str_eq(value[VP_F_METHOD], VP_STR("POST")));
    assert_true(vp_str_eq(value[VP_F_PATH], VP_STR("/a\0b")));
    assert_null(value[VP_F_QUERY].p);
    for (size_t cut = 1; cut < b.len; cut++) { /* whole fields remain whole, a cut one is refused */
        vp_str part[VP_FIELD_COUNT] = {{0}};
        vp_fault cause = {""};
        vp_err rc = vp_fields_decode(vp_str_n(b.data, cut), part, &cause);
        bool whole = cut == 6 || cut == 13 || cut == 34;
        assert_int_equal(rc, whole ? VP_OK : VP_EPROTO);
    }
    vp_buf_release(&b);
}

static void a_long_field_is_cut_to_its_cap(void **state) {
    static char big[VP_FIELD_MAX + 100];
    vp_str value[VP_FIELD_COUNT] = {{0}};
    vp_fault why = {""};
    vp_buf b;
    memset(big, 'x', sizeof big);
    vp_buf_init(&b, VP_ENVELOPE_HEAD_MAX);
    vp_field_add(&b, VP_F_QUERY, vp_str_n(big, sizeof big));
    assert_int_equal(vp_fields_decode(vp_buf_str(&b), value, &why), VP_OK);
    assert_int_equal(value[VP_F_QUERY].n, VP_FIELD_MAX);
    vp_buf_release(&b);
}

static void refuses_a_field_over_its_cap(void **state) {
    static char block[3 + VP_FIELD_MAX + 1];
    for (size_t n = VP_FIELD_MAX; n <= VP_FIELD_MAX + 1; n++) {
        vp_str value[VP_FIELD_COUNT] = {{0}};
        vp_fault why = {""};
        block[0] = VP_F_IDEMPOTENCY_KEY;
        block[1] = (char)(n >> 8);
        block[2] = (char)n;
        vp_err rc = vp_fields_decode(vp_str_n(block, 3 + n), value, &why);
        assert_int_equal(rc, n > VP_FIELD_MAX ? VP_EPROTO : VP_OK);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(trailing_frames_may_be_missing),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(neighbours_speak),
        cmocka_unit_test(takes_the_neighbour_versions),
        cmocka_unit_test(ignores_what_a_later_version_adds),
        cmocka_unit_test(refuses_truncation_at_every_byte),
        cmocka_unit_test(refuses_oversize),
        cmocka_unit_test(fields_come_back),
        cmocka_unit_test(a_long_field_is_cut_to_its_cap),
        cmocka_unit_test(refuses_a_field_over_its_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
