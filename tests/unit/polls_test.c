/* polls_test.c - the pure parts of svc-polls: tallies and who sees them, ballots' choices, the body
 * that makes a poll, voters and their marks, and what an instance remembers.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>

#include "choices.h"
#include "codes.h"
#include "draft.h"
#include "memo.h"
#include "voters.h"

#define POLL "01K0000000000000000000000A"

enum { NOW = 1800000000 }; /* seconds; 2027-01-15T08:00:00Z */

static const int64_t now_ms = NOW * INT64_C(1000);

static polls_tally tally_of(const char *text) {
    polls_tally t;
    if (polls_tally_read(vp_str_of(text), &t)) fail_msg("not a tally: %s", text);
    return t;
}

static json_t *parse(const char *text) {
    json_t *body;
    vp_fault why = {{0}};
    if (vp_json_parse(vp_str_of(text), &body, &why)) fail_msg("%s: %s", why.text, text);
    return body;
}

/* -- tallies ------------------------------------------------------------------------------ */

static void tally_as_results(void **state) {
    static const struct {
        const char *text, *json;
    } rows[] = {
        {"open always 1 7 1 3 4 1 1 2 0 12 3",
         "{\"poll_id\":\"" POLL "\",\"version\":7,\"voters\":3,\"votes\":4,"
         "\"counts\":{\"1\":1,\"2\":0,\"12\":3},\"closed\":false}"},
        {"closed staff 2 9007199254740991 1 0 0",
         "{\"poll_id\":\"" POLL "\",\"version\":9007199254740991,\"voters\":0,\"votes\":0,"
         "\"counts\":{},\"closed\":true}"},
        {"archived after_close 2 2 1 0 0 1 0",
         "{\"poll_id\":\"" POLL "\",\"version\":2,\"voters\":0,\"votes\":0,"
         "\"counts\":{\"1\":0},\"closed\":true}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        polls_tally t = tally_of(rows[i].text);
        vp_buf out;
        vp_buf_init(&out, POLLS_TALLY_TEXT_MAX);
        polls_tally_write(&out, VP_STR(POLL), &t);
        assert_string_equal(out.data, rows[i].json);
        vp_buf_release(&out);
    }
}

static void tally_refuses(void **state) {
    static const char *rows[] = {
        "",
        "open",
        "ajar always 1 1 1 0 0",
        "open never 1 1 1 0 0",
        "open always 1 1 1 0",
        "open always 1 1 1 0 x",
        "open always 1 1 1 0 -1",
        "open always 1 1 1 0 0 1",
        "open always 1 1 1 0 0 x 1",
        "open always 1 1 1 0 0 0 1",
        "open always 1 1 1 0 0 1 99999999999999999999",
        "open always 1 1 1  0 0 1 1",
        ("open always 1 1 1 0 0 1 0 2 0 3 0 4 0 5 0 6 0 7 0 8 0 9 0 10 0 11 0 12 0 13 0 14 0 15 0 "
         "16 0 17 0 18 0 19 0 20 0 21 0 22 0 23 0 24 0 25 0"),
    };
    polls_tally t;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_ROW(i, polls_tally_read(vp_str_of(rows[i]), &t) == VP_EPROTO);
}

static void who_sees_results(void **state) {
    static const struct {
        const char *text;
        bool public, voter, staff;
    } rows[] = {
        {"open always 1 1 1 0 0", true, true, true},
        {"scheduled always 1 1 1 0 0", true, true, true},
        {"open after_vote 1 1 1 0 0", false, true, true},
        {"closed after_vote 1 1 1 0 0", false, true, true},
        {"open after_close 1 1 1 0 0", false, false, true},
        {"closed after_close 1 1 1 0 0", true, true, true},
        {"archived after_close 1 1 1 0 0", true, true, true},
        {"open staff 1 1 1 0 0", false, false, true},
        {"closed staff 1 1 1 0 0", false, false, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        polls_tally t = tally_of(rows[i].text);
        CHECK_ROW(i, polls_tally_public(&t) == rows[i].public);
        CHECK_ROW(i, polls_tally_visible(&t, false, false) == rows[i].public);
        CHECK_ROW(i, polls_tally_visible(&t, false, true) == rows[i].voter);
        CHECK_ROW(i, polls_tally_visible(&t, true, false) == rows[i].staff);
    }
}

static void hidden_state_has_no_numbers(void **state) {
    static const struct {
        const char *text, *event, *data;
        int64_t version;
    } rows[] = {
        {"open staff 1 55 1 44 44 1 33", "tally", "{\"topic\":\"poll:" POLL "\",\"closed\":false}",
         1},
        {"closed staff 1 55 2 44 44 1 33", "closed",
         "{\"topic\":\"poll:" POLL "\",\"closed\":true}", 2},
        {"closed after_close 1 55 2 44 44 1 33", "closed",
         "{\"topic\":\"poll:" POLL "\",\"poll_id\":\"" POLL "\",\"version\":55,\"voters\":44,"
         "\"votes\":44,\"counts\":{\"1\":33},\"closed\":true}",
         55},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        polls_tally t = tally_of(rows[i].text);
        vp_buf out;
        vp_buf_init(&out, 4096);
        polls_state_write(&out, VP_STR(POLL), &t, false);
        assert_string_equal(out.data, rows[i].data);
        assert_string_equal(polls_state_event(&t), rows[i].event);
        CHECK_ROW(i, polls_state_version(&t, false) == rows[i].version);
        vp_buf_release(&out);
    }
}

static void etags_differ(void **state) {
    char etag[POLLS_ETAG_MAX];
    polls_tally t = tally_of("open after_vote 3 12 12 5 5");
    polls_tally_etag(&t, true, etag);
    assert_string_equal(etag, "\"3.12\"");
    polls_tally_etag(&t, false, etag);
    assert_string_equal(etag, "\"3.012\"");
}

/* -- choices ------------------------------------------------------------------------------ */

static void choices_take_one_form(void **state) {
    static const struct {
        const char *body, *text, *pointer; /* no text: refused at pointer */
    } rows[] = {
        {"{\"choices\":[\"1\"]}", "1", NULL},
        {"{\"choices\":[\"24\",\"3\",\"11\"]}", "3,11,24", NULL},
        {"{\"choices\":[\"99\"]}", "99", NULL},
        {"{\"choices\":[\"1\",\"1\"]}", NULL, "/choices/1"},
        {"{\"choices\":[\"1\",2]}", NULL, "/choices/1"},
        {"{\"choices\":[\"0\"]}", NULL, "/choices/0"},
        {"{\"choices\":[\"01\"]}", NULL, "/choices/0"},
        {"{\"choices\":[\"100\"]}", NULL, "/choices/0"},
        {"{\"choices\":[\"-1\"]}", NULL, "/choices/0"},
        {"{\"choices\":[\"1 \"]}", NULL, "/choices/0"},
        {"{\"choices\":[\"\"]}", NULL, "/choices/0"},
        {"{\"choices\":[null]}", NULL, "/choices/0"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *body = parse(rows[i].body);
        vp_problem problem = {0};
        polls_choices c;
        vp_err rc = polls_choices_read(body, &c, &problem);
        CHECK_ROW(i, rc == (rows[i].text ? VP_OK : VP_EINVAL) && rc == problem.code);
        if (rows[i].text)
            CHECK_ROW(i, vp_str_eq(vp_str_n(c.text, c.text_n), vp_str_of(rows[i].text)));
        else
            assert_string_equal(problem.fields[0].pointer, rows[i].pointer);
        json_decref(body);
    }
}

static void most_choices_fit(void **state) {
    vp_buf b;
    polls_choices c;
    vp_problem problem = {0};
    vp_buf_init(&b, 4096);
    for (int i = 0; i < POLLS_OPTIONS_MAX; i++)
        vp_buf_addf(&b, "%s\"%d\"", i ? "," : "{\"choices\":[", 99 - i);
    vp_buf_adds(&b, "]}");
    json_t *body = parse(b.data);
    assert_int_equal(vp_json_check(body, polls_ballot_rules, "", &problem), VP_OK);
    assert_int_equal(polls_choices_read(body, &c, &problem), VP_OK);
    assert_int_equal(c.text_n, 3 * POLLS_OPTIONS_MAX - 1);
    json_decref(body);
    vp_buf_release(&b);
}

static void choices_against_a_poll(void **state) {
    static const struct {
        const char *allowed, *pointer, *detail;
    } rows[] = {
        {"1 1 1,2,3", "/choices", "must be exactly 1 of the options"},
        {"1 3 1,3", "/choices/0", "is no option of this poll"},
        {"3 12 1,2,11", "/choices", "must be 3 to 12 options"},
        {"1 3 2,", "/choices/1", "is no option of this poll"},
    };
    json_t *body = parse("{\"choices\":[\"2\",\"1\"]}");
    for (size_t i = 0; i < COUNT(rows); i++) {
        polls_choices c;
        vp_problem problem = {0};
        assert_int_equal(polls_choices_read(body, &c, &problem), VP_OK);
        polls_choices_refuse(&c, vp_str_of(rows[i].allowed), &problem);
        CHECK_ROW(i, problem.code == VP_EINVAL && problem.n_fields == 1);
        assert_string_equal(problem.fields[0].pointer, rows[i].pointer);
        assert_string_equal(problem.fields[0].detail, rows[i].detail);
    }
    json_decref(body);
}

/* -- a poll's body ------------------------------------------------------------------------ */

static vp_err draft_of(const json_t *body, polls_draft *out, vp_problem *problem) {
    *out = (polls_draft){0};
    vp_err rc = vp_json_check(body, polls_draft_rules, "", problem);
    return rc ? rc : polls_draft_read(body, NULL, now_ms, out, problem);
}

#define TWO    "\"options\":[{\"text\":\"a\"},{\"text\":\"b\"}]"
#define SINGLE "\"question\":\"q\",\"kind\":\"single\",\"results\":\"always\"," TWO
#define MANY   "\"question\":\"q\",\"kind\":\"multiple\",\"results\":\"staff\"," TWO
#define LIST   "\"question\":\"q\",\"kind\":\"single\",\"results\":\"always\",\"options\":"

static void draft_refuses(void **state) {
    static const struct {
        const char *body, *pointer;
    } rows[] = {
        {"{\"kind\":\"single\",\"results\":\"always\"," TWO "}", "/question"},
        {"{\"question\":\"  \",\"kind\":\"single\",\"results\":\"always\"," TWO "}", "/question"},
        {"{\"question\":\"q\",\"results\":\"always\"," TWO "}", "/kind"},
        {"{\"question\":\"q\",\"kind\":\"odd\",\"results\":\"always\"," TWO "}", "/kind"},
        {"{\"question\":\"q\",\"kind\":\"single\",\"results\":\"now\"," TWO "}", "/results"},
        {"{" LIST "[{\"text\":\"a\"}]}", "/options"},
        {"{" LIST "[{\"text\":\"a\"},{}]}", "/options/1/text"},
        {"{" LIST "[{\"text\":\"a\"},\"b\"]}", "/options/1"},
        {"{" LIST "[{\"text\":\"a\"},{\"text\":\" a \"}]}", "/options/1/text"},
        {"{" SINGLE ",\"max_choices\":2}", "/max_choices"},
        {"{" SINGLE ",\"min_choices\":0}", "/min_choices"},
        {"{" MANY ",\"max_choices\":3}", "/max_choices"},
        {"{" MANY ",\"min_choices\":2,\"max_choices\":1}", "/min_choices"},
        {"{" SINGLE ",\"opens_at\":\"soon\"}", "/opens_at"},
        {"{" SINGLE ",\"closes_at\":\"2027-01-15T07:59:59Z\"}", "/closes_at"},
        {"{" SINGLE ",\"closes_at\":\"1970-01-01T00:00:00Z\"}", "/closes_at"},
        {"{" SINGLE ",\"opens_at\":\"2028-01-01T00:00:00Z\",\"closes_at\":"
         "\"2028-01-01T00:00:00Z\"}",
         "/closes_at"},
        {"{" SINGLE ",\"opens_at\":\"2026-01-01T00:00:00Z\",\"closes_at\":"
         "\"2026-02-01T00:00:00Z\"}",
         "/closes_at"},
        {"{" SINGLE ",\"changeable\":1}", "/changeable"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *body = parse(rows[i].body);
        polls_draft d;
        vp_problem problem = {0};
        CHECK_ROW(i, draft_of(body, &d, &problem) == VP_EINVAL && problem.n_fields == 1);
        assert_string_equal(problem.fields[0].pointer, rows[i].pointer);
        polls_draft_release(&d);
        json_decref(body);
    }
}

static void draft_takes_one_form(void **state) {
    json_t *body = parse("{\"question\":\" Why <b>? \",\"kind\":\"multiple\",\"results\":"
                         "\"after_vote\",\"options\":[{\"text\":\"\\\"a\\\"\"},{\"text\":\" b\"},"
                         "{\"text\":\"\u00e4\"}],\"min_choices\":2,\"opens_at\":"
                         "\"2027-01-15T09:00:00+00:30\",\"changeable\":true}");
    polls_draft d;
    vp_problem problem = {0};
    assert_int_equal(draft_of(body, &d, &problem), VP_OK);
    assert_true(vp_str_eq(d.question, VP_STR("Why <b>?")));
    assert_string_equal(d.options.data, "[{\"id\":\"1\",\"text\":\"\\\"a\\\"\"},"
                                        "{\"id\":\"2\",\"text\":\"b\"},"
                                        "{\"id\":\"3\",\"text\":\"\u00e4\"}]");
    assert_string_equal(d.ids.data, "1,2,3");
    assert_int_equal(d.min, 2);
    assert_int_equal(d.max, 3);
    assert_true(d.opens_at == now_ms + 30 * 60 * 1000 && d.closes_at == 0 && d.changeable);
    polls_draft_release(&d);
    json_decref(body);
}

static void largest_draft(void **state) {
    vp_buf b;
    polls_draft d;
    vp_problem problem = {0};
    vp_buf_init(&b, 1 << 20);
    vp_buf_adds(&b, "{\"kind\":\"multiple\",\"results\":\"always\",\"question\":\"");
    for (int i = 0; i < 300; i++) vp_buf_adds(&b, "\U0001F5F3");
    vp_buf_adds(&b, "\",\"options\":[");
    for (int i = 0; i < POLLS_OPTIONS_MAX; i++) {
        vp_buf_addf(&b, "%s{\"text\":\"%03d", i ? "," : "", i);
        for (int k = 3; k < 200; k++) vp_buf_adds(&b, "<"); /* six bytes each when it is written */
        vp_buf_adds(&b, "\"}");
    }
    vp_buf_adds(&b, "]}");
    json_t *body = parse(b.data);
    assert_int_equal(draft_of(body, &d, &problem), VP_OK);
    assert_false(d.options.over || d.ids.over);
    assert_int_equal(d.max, POLLS_OPTIONS_MAX);
    polls_draft_release(&d);
    json_decref(body);
    vp_buf_release(&b);
}

/* -- voters ------------------------------------------------------------------------------- */

static polls_voter_keys some_keys(uint8_t seed) {
    polls_voter_keys keys = {{0}};
    uint8_t site[VP_SEAL_KEY];
    memset(site, seed, sizeof site);
    polls_voter_keys_from(&keys, site);
    return keys;
}

/* The token in "voxpop_voter=TOKEN; …". */
static vp_str token_in(const vp_buf *cookie) {
    const char *from = cookie->data + strlen("voxpop_voter=");
    return vp_str_n(from, strcspn(from, ";"));
}

/* What this bearer is told in a poll for all: VP_OK, and out is set; or why not. */
static vp_err voter_of(const polls_voter_keys *keys, vp_str cookie, vp_str key, polls_voter *out) {
    static const uint8_t poll_key[VP_SEAL_KEY] = {3};
    polls_bearer b = {.cookie = cookie, .idempotency_key = key};
    return polls_voter_of(keys, POLLS_FOR_ALL, poll_key, &b, out);
}

static void key_and_cookie_are_one_voter(void **state) {
    polls_voter_keys keys = some_keys(7), other = some_keys(8);
    polls_voter first, again;
    vp_str none = {NULL, 0}, key = VP_STR("k-1");
    vp_buf cookie;
    vp_buf_init(&cookie, POLLS_COOKIE_MAX);
    assert_int_equal(voter_of(&keys, none, none, &first), VP_EDENIED);
    assert_int_equal(voter_of(&keys, none, key, &first), VP_OK);
    assert_true(first.needs_cookie);
    polls_voter_cookie(&keys, &first, true, false, &cookie);
    assert_false(cookie.over);
    assert_non_null(strstr(cookie.data, "; HttpOnly; SameSite=Lax; Secure"));
    assert_int_equal(voter_of(&keys, token_in(&cookie), key, &again), VP_OK);
    assert_false(again.needs_cookie);
    assert_memory_equal(again.token, first.token, sizeof first.token);
    assert_int_equal(voter_of(&other, token_in(&cookie), none, &again), VP_EDENIED);
    assert_int_equal(voter_of(&keys, VP_STR("x.y"), none, &again), VP_EDENIED);
    assert_int_equal(voter_of(&keys, VP_STR("x.y"), key, &again), VP_OK);
    assert_true(again.needs_cookie);
    vp_buf_clear(&cookie);
    polls_voter_cookie(&keys, &first, false, true, &cookie);
    assert_false(cookie.over);
    assert_non_null(strstr(cookie.data, "voxpop_embed="));
    assert_non_null(strstr(cookie.data, "; SameSite=None; Secure; Partitioned"));
    vp_buf_release(&cookie);
}

static void accounts_vote_whatever_their_cookie(void **state) {
    polls_voter_keys keys = some_keys(7);
    static const uint8_t poll_key[VP_SEAL_KEY] = {3};
    polls_voter one, again, other;
    polls_bearer b = {.idempotency_key = VP_STR("k"), .account = VP_STR("A")};
    assert_int_equal(polls_voter_of(&keys, POLLS_BY_ACCOUNT, poll_key, &b, &one), VP_OK);
    assert_false(one.needs_cookie);
    b = (polls_bearer){.cookie = VP_STR("x.y"), .account = VP_STR("A")};
    assert_int_equal(polls_voter_of(&keys, POLLS_BY_ACCOUNT, poll_key, &b, &again), VP_OK);
    assert_memory_equal(one.token, again.token, sizeof one.token);
    b.account = VP_STR("B");
    assert_int_equal(polls_voter_of(&keys, POLLS_BY_ACCOUNT, poll_key, &b, &other), VP_OK);
    assert_memory_not_equal(one.token, other.token, sizeof one.token);
    b.account = (vp_str){NULL, 0};
    assert_int_equal(polls_voter_of(&keys, POLLS_BY_ACCOUNT, poll_key, &b, &other), VP_EAUTH);
}

/* -- codes -------------------------------------------------------------------------------- */

static void codes_come_back(void **state) {
    static const uint8_t poll_key[VP_SEAL_KEY] = {3}, other_key[VP_SEAL_KEY] = {4};
    static const uint32_t numbers[] = {1, 2, 31, 32, 1024, POLLS_CODES_MAX};
    polls_codes codes, others;
    char text[POLLS_CODE_LEN + 1];
    polls_codes_of(&codes, poll_key);
    polls_codes_of(&others, other_key);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        uint32_t n = 0;
        polls_code_write(&codes, numbers[i], text);
        assert_int_equal(strlen(text), POLLS_CODE_LEN);
        CHECK_ROW(i, !polls_code_read(&codes, vp_str_of(text), &n) && n == numbers[i]);
        CHECK_ROW(i, polls_code_read(&others, vp_str_of(text), &n) == VP_EDENIED);
        for (char *p = text; *p; p++)
            *p = *p >= 'A' ? (char)(*p - 'A' + 'a') : *p == '1' ? 'l' : *p;
        CHECK_ROW(i, !polls_code_read(&codes, vp_str_of(text), &n) && n == numbers[i]);
        text[POLLS_CODE_LEN - 1] = text[POLLS_CODE_LEN - 1] == '2' ? '3' : '2';
        CHECK_ROW(i, polls_code_read(&codes, vp_str_of(text), &n) == VP_EDENIED);
    }
}

static void codes_refuse(void **state) {
    static const uint8_t poll_key[VP_SEAL_KEY] = {3};
    static const char *rows[] = {"",
                                 "-",
                                 "0000-00000-00000",
                                 "ZZZZ-ZZZZZ-ZZZZZ",
                                 "0001",
                                 "0001-00000-00000-0",
                                 "0001-0000u-00000",
                                 "0001-\xff\xffZ00-00000"};
    polls_codes codes;
    polls_codes_of(&codes, poll_key);
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t n;
        CHECK_ROW(i, polls_code_read(&codes, vp_str_of(rows[i]), &n) == VP_EDENIED);
    }
}

static void a_code_is_one_voter(void **state) {
    polls_voter_keys keys = some_keys(7);
    static const uint8_t poll_key[VP_SEAL_KEY] = {3};
    polls_codes codes;
    char text[POLLS_CODE_LEN + 1];
    polls_voter one, other;
    polls_codes_of(&codes, poll_key);
    polls_code_write(&codes, 7, text);
    polls_bearer b = {.idempotency_key = VP_STR("k"), .code = vp_str_of(text)};
    assert_int_equal(polls_voter_of(&keys, POLLS_BY_CODE, poll_key, &b, &one), VP_OK);
    assert_false(one.needs_cookie);
    polls_code_voter(&codes, 8, &other);
    assert_memory_not_equal(one.token, other.token, sizeof one.token);
    b.code = (vp_str){NULL, 0};
    assert_int_equal(polls_voter_of(&keys, POLLS_BY_CODE, poll_key, &b, &one), VP_EINVAL);
    b.code = VP_STR("0001-00000-00000");
    assert_int_equal(polls_voter_of(&keys, POLLS_BY_CODE, poll_key, &b, &one), VP_EDENIED);
}

static void address_marks_are_of_a_day(void **state) {
    static const uint8_t poll_key[VP_SEAL_KEY] = {3}, other_key[VP_SEAL_KEY] = {4};
    uint8_t a[POLLS_ADDRESS_MARK], b[POLLS_ADDRESS_MARK];
    polls_address_mark(poll_key, VP_STR("hash"), now_ms, a);
    polls_address_mark(poll_key, VP_STR("hash"), now_ms + 1000, b);
    assert_memory_equal(a, b, sizeof a);
    polls_address_mark(poll_key, VP_STR("hash"), now_ms + INT64_C(86400000), b);
    assert_memory_not_equal(a, b, sizeof a);
    polls_address_mark(other_key, VP_STR("hash"), now_ms, b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void marks_tell_requests_apart(void **state) {
    uint8_t key[VP_SEAL_KEY] = {1}, other[VP_SEAL_KEY] = {2};
    polls_voter v = {.token = "0123456789abcde"};
    polls_marks a, b;
    vp_str one = VP_STR("1"), two = VP_STR("2"), none = {NULL, 0};
    polls_ballot_marks(key, &v, one, none, &a);
    polls_ballot_marks(key, &v, one, none, &b);
    assert_memory_equal(&a, &b, sizeof a);
    polls_ballot_marks(key, &v, two, none, &b);
    assert_memory_equal(a.voter, b.voter, sizeof a.voter);
    assert_memory_equal(a.ballot, b.ballot, sizeof a.ballot);
    assert_memory_not_equal(a.request, b.request, sizeof a.request);
    polls_ballot_marks(key, &v, one, VP_STR("k"), &b);
    assert_int_equal(a.request_n, POLLS_REQUEST_MARK);
    assert_int_equal(b.request_n, POLLS_REQUEST_MARK + 1);
    assert_memory_not_equal(a.request, b.request, sizeof a.request);
    polls_ballot_marks(other, &v, one, none, &b);
    assert_memory_not_equal(a.voter, b.voter, sizeof a.voter);
    assert_memory_not_equal(a.ballot, b.ballot, sizeof a.ballot);
}

static void ballot_ids_are_ulids_of_the_poll(void **state) {
    char id[VP_ULID_LEN + 1];
    uint8_t mark[POLLS_BALLOT_MARK];
    memset(mark, 0xFF, sizeof mark);
    polls_ballot_id(VP_STR(POLL), mark, id);
    assert_true(vp_ulid_valid(vp_str_of(id)));
    assert_true(vp_ulid_ms(vp_str_of(id)) == vp_ulid_ms(VP_STR(POLL)));
}

/* -- what is remembered ------------------------------------------------------------------- */

static void memo_keeps_and_forgets(void **state) {
    static polls_memo memo;
    uint8_t key[VP_SEAL_KEY] = {9};
    char id[VP_ULID_LEN + 1];
    assert_null(polls_memo_find(&memo, VP_STR(POLL)));
    polls_memo_row *row =
        polls_memo_keep(&memo, VP_STR(POLL), vp_str_n(key, sizeof key), POLLS_LIMITED);
    assert_int_equal(row->voting, POLLS_LIMITED);
    assert_ptr_equal(polls_memo_find(&memo, VP_STR(POLL)), row);
    assert_int_equal(polls_memo_update(row, VP_STR("open always 1 2 1 1 1 1 1")), VP_OK);
    assert_int_equal(row->tally.version, 2);
    assert_int_equal(polls_memo_update(row, VP_STR("open always 1 3 1 1 1 1 1")), VP_OK);
    assert_int_equal(row->tally.version, 3);
    assert_non_null(memmem(row->json, row->json_n, "\"version\":3,", 12));
    assert_int_equal(polls_memo_update(row, VP_STR("rubbish")), VP_EPROTO);
    assert_int_equal(row->text_n, 0);
    assert_true(row->has_key);
    for (int i = 0; i < POLLS_MEMO_SETS * POLLS_MEMO_WAYS * 40; i++) {
        vp_ulid_make(now_ms + i, id);
        assert_false(polls_memo_take(&memo, vp_str_of(id))->has_key);
    }
    assert_null(polls_memo_find(&memo, VP_STR(POLL)));
}

static void largest_tally_is_remembered(void **state) {
    static polls_memo memo;
    vp_buf text;
    vp_buf_init(&text, POLLS_TALLY_TEXT_MAX);
    vp_buf_adds(&text, "scheduled after_close 9007199254740991 9007199254740991 9007199254740991 "
                       "9007199254740991 9007199254740991");
    for (int i = 0; i < POLLS_OPTIONS_MAX; i++) vp_buf_addf(&text, " %d 9007199254740991", 76 + i);
    assert_false(text.over);
    polls_memo_row *row = polls_memo_take(&memo, VP_STR(POLL));
    assert_int_equal(polls_memo_update(row, vp_buf_str(&text)), VP_OK);
    assert_true(row->json_n > 0 && row->json[row->json_n - 1] == '}');
    vp_buf_release(&text);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tally_as_results),
        cmocka_unit_test(tally_refuses),
        cmocka_unit_test(who_sees_results),
        cmocka_unit_test(hidden_state_has_no_numbers),
        cmocka_unit_test(etags_differ),
        cmocka_unit_test(choices_take_one_form),
        cmocka_unit_test(most_choices_fit),
        cmocka_unit_test(choices_against_a_poll),
        cmocka_unit_test(draft_refuses),
        cmocka_unit_test(draft_takes_one_form),
        cmocka_unit_test(largest_draft),
        cmocka_unit_test(key_and_cookie_are_one_voter),
        cmocka_unit_test(accounts_vote_whatever_their_cookie),
        cmocka_unit_test(codes_come_back),
        cmocka_unit_test(codes_refuse),
        cmocka_unit_test(a_code_is_one_voter),
        cmocka_unit_test(address_marks_are_of_a_day),
        cmocka_unit_test(marks_tell_requests_apart),
        cmocka_unit_test(ballot_ids_are_ulids_of_the_poll),
        cmocka_unit_test(memo_keeps_and_forgets),
        cmocka_unit_test(largest_tally_is_remembered),
    };
    if (vp_seal_init()) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
