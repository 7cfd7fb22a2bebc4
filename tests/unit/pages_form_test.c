/* pages_form_test.c - SPDX-License-Identifier: MIT */
#include "unit.h"

#include "form.h"

static void test_values(void **state) {
    form f;
    form_init(&f,
              VP_STR("author_name=Zo%C3%AB+%26+co&body=a%0D%0Ab%0Dc%0Ad&empty=&twice=1&twice=2"));
    assert_true(form_readable(&f));
    assert_true(vp_str_eq(form_value(&f, "author_name"), VP_STR("Zo\xC3\xAB & co")));
    assert_true(vp_str_eq(form_value(&f, "body"), VP_STR("a\nb\nc\nd")));
    vp_str empty = form_value(&f, "empty");
    assert_true(empty.p && !empty.n);
    assert_true(vp_str_eq(form_value(&f, "twice"), VP_STR("1")));
    assert_null(form_value(&f, "absent").p);
    form_release(&f);
}

static void test_unreadable(void **state) {
    static const vp_str bodies[] = {VP_STR_INIT("a=%"),    VP_STR_INIT("a=%zz"),
                                    VP_STR_INIT("%f=1"),   VP_STR_INIT("a=%ff"),
                                    VP_STR_INIT("a=b%00"), VP_STR_INIT("ok=1&a=\xC3")};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        form f;
        form_init(&f, bodies[i]);
        CHECK_ROW(i, !form_readable(&f));
        CHECK_ROW(i, !form_value(&f, "a").p);
        form_release(&f);
    }
}

static void test_key(void **state) {
    static const struct {
        vp_str body;
        bool taken;
    } rows[] = {
        {VP_STR_INIT("idempotency_key=abc-1_Z"), true},
        {VP_STR_INIT("idempotency_key=a%20b"), false},
        {VP_STR_INIT("idempotency_key=a%0D%0Ab"), false},
        {VP_STR_INIT("idempotency_key=%C3%A9"), false},
        {VP_STR_INIT("idempotency_key="), false},
        {VP_STR_INIT("a=b"), false},
        {VP_STR_INIT("idempotency_key="
                     "0123456789012345678901234567890123456789012345678901234567890123456789"),
         false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        form f;
        form_init(&f, rows[i].body);
        CHECK_ROW(i, (form_key(&f).n > 0) == rows[i].taken);
        form_release(&f);
    }
}

static void test_type(void **state) {
    static const struct {
        vp_str type;
        bool ok;
    } rows[] = {
        {VP_STR_INIT("application/x-www-form-urlencoded"), true},
        {VP_STR_INIT("Application/X-WWW-Form-Urlencoded ; charset=UTF-8"), true},
        {VP_STR_INIT("application/json"), false},
        {VP_STR_INIT("application/x-www-form-urlencodedx"), false},
        {VP_STR_INIT(""), false},
        {{NULL, 0}, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) CHECK_ROW(i, form_type_ok(rows[i].type) == rows[i].ok);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_unreadable),
                                       cmocka_unit_test(test_key), cmocka_unit_test(test_type)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
