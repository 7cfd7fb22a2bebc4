/* http_address_test.c - trusted proxies and the client behind them. SPDX-License-Identifier: MIT */
#include "unit.h"

#include "address.h"

static void networks_hold_their_addresses(void **state) {
    static const struct {
        const char *networks, *address;
        bool held;
    } rows[] = {
        {"", "127.0.0.1", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"10.0.0.0/8", "10.255.1.2", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"192.0.2.128/25", "192.0.2.129", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "203.0.113.9", true},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
        {" 192.0.2.1 , 10.0.0.0/8,", "10.1.1.1", true},
        {"10.0.0.0/8", "unix", false},
        {"10.0.0.0/8", "", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        http_networks n;
        CHECK_ROW(i, http_networks_parse(rows[i].networks, &n, NULL) == VP_OK);
        CHECK_ROW(i, http_networks_hold(&n, vp_str_of(rows[i].address)) == rows[i].held);
    }
}

static void refuses_what_is_no_network(void **state) {
    static const char *const rows[] = {"proxy",       "10.0.0.0/33", "10.0.0/8",    "::/129",
                                       "10.0.0.0/",   "10.0.0.0/+8", "10.0.0.0/-1", ",10.0.0.1",
                                       "10.0.0.1;::", "/8"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        http_networks n;
        vp_fault why = {""};
        CHECK_ROW(i, http_networks_parse(rows[i], &n, &why) == VP_EINVAL);
        CHECK_ROW(i, why.text[0]);
    }
}

static void refuses_too_many(void **state) {
    char text[8 * (HTTP_NETWORKS_MAX + 1) + 1] = "";
    http_networks n;
    vp_fault why = {""};
    for (size_t i = 0; i < sizeof text - 1; i += 8) memcpy(text + i, "1.2.3.4,", 8);
    assert_int_equal(http_networks_parse(text, &n, &why), VP_EINVAL);
    text[8 * HTTP_NETWORKS_MAX] = '\0';
    assert_int_equal(http_networks_parse(text, &n, NULL), VP_OK);
    assert_int_equal(n.n, HTTP_NETWORKS_MAX);
}

static void finds_the_client(void **state) {
    static const struct {
        const char *peer, *first, *second, *client;
    } rows[] = {
        {"198.51.100.1", "203.0.113.9", NULL, "198.51.100.1"}, /* the peer may say what it likes */
        {"10.0.0.1", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", "203.0.113.9", NULL, "203.0.113.9"},
        {"10.0.0.1", "6.6.6.6, 203.0.113.9", NULL, "203.0.113.9"}, /* the client's own claim */
        {"10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", NULL, "203.0.113.9"},
        {"10.0.0.1", "6.6.6.6", "203.0.113.9", "203.0.113.9"},
        {"10.0.0.1", "203.0.113.9", "10.0.0.2", "203.0.113.9"},
        {"10.0.0.1", "203.0.113.9:4711", NULL, "203.0.113.9"},
        {"10.0.0.1", "[2001:db8::7]:4711", NULL, "2001:db8::7"},
        {"10.0.0.1", "2001:DB8:0::7", NULL, "2001:db8::7"},
        {"10.0.0.1", "unknown", NULL, "10.0.0.1"},
        {"10.0.0.1", "6.6.6.6, unknown, 10.0.0.2", NULL, "10.0.0.2"},
        {"10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3"},
        {"10.0.0.1", "", NULL, "10.0.0.1"},
        {"10.0.0.1", ",", NULL, "10.0.0.1"},
        {"::ffff:10.0.0.1", "203.0.113.9", NULL, "203.0.113.9"},
        {"", "203.0.113.9", NULL, ""},
    };
    http_networks n;
    assert_int_equal(http_networks_parse("10.0.0.0/8", &n, NULL), VP_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        vp_str forwarded[] = {vp_str_of(rows[i].first), vp_str_of(rows[i].second)};
        size_t count = (rows[i].first != NULL) + (rows[i].second != NULL);
        char client[HTTP_ADDRESS_LEN];
        http_address_client(&n, rows[i].peer, forwarded, count, client);
        if (strcmp(client, rows[i].client) != 0) fail_msg("row %d: %s", (int)i, client);
    }
}

static void finds_the_network(void **state) {
    static const struct {
        const char *one, *other;
        bool same;
    } rows[] = {
        {"203.0.113.9", "203.0.113.250", true},
        {"203.0.113.9", "203.0.114.9", false},
        {"203.0.113.9", "::ffff:203.0.113.1", true},
        {"2001:db8:1::1", "2001:db8:1:ffff:2::3", true},
        {"2001:db8:1::1", "2001:db8:2::1", false},
        {"::1", "0.0.0.1", false},
    };
    uint8_t one[16], other[16];
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_ROW(i, http_address_prefix(vp_str_of(rows[i].one), one));
        CHECK_ROW(i, http_address_prefix(vp_str_of(rows[i].other), other));
        CHECK_ROW(i, !memcmp(one, other, sizeof one) == rows[i].same);
    }
    assert_false(http_address_prefix(VP_STR(""), one));
    assert_false(http_address_prefix(VP_STR("unix"), one));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_hold_their_addresses),
        cmocka_unit_test(refuses_what_is_no_network),
        cmocka_unit_test(refuses_too_many),
        cmocka_unit_test(finds_the_client),
        cmocka_unit_test(finds_the_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
