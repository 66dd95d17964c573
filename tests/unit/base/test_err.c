#include "base/err.h"

#include <ctype.h>
#include <string.h>

#include "cmocka_all.h"

static void names_are_camel_case_and_differ(void **state) {
    (void)state;
    unsigned listed = 0;
    for (unsigned i = 0; i < 200; i++) {
        const char *name = p2_err_name((enum p2_err)i);
        if (strcmp(name, "Unknown") == 0) continue;
        listed++;
        assert_true(isupper((unsigned char)name[0]));
        for (const char *c = name; *c; c++) assert_true(isalnum((unsigned char)*c));
        const char *sentence = p2_err_sentence((enum p2_err)i);
        assert_true(isupper((unsigned char)sentence[0]) && sentence[strlen(sentence) - 1] == '.');
        for (unsigned j = 0; j < i; j++) assert_string_not_equal(name, p2_err_name((enum p2_err)j));
    }
    assert_int_equal(listed, 42); // of err.h: whoever adds one adds its row and counts it here
    assert_string_equal(p2_err_name(P2_ERR_NOT_FOUND), "NotFound");
    assert_string_equal(p2_err_name((enum p2_err)UINT32_MAX), "Unknown");
    assert_non_null(p2_err_sentence((enum p2_err)12345));
    assert_false(p2_err_retryable((enum p2_err)12345));
}

static void numbers_from_the_wire(void **state) {
    (void)state;
    assert_int_equal(p2_err_from_wire(1), P2_ERR_BAD_MAGIC);
    assert_int_equal(p2_err_from_wire(65), P2_ERR_INTERNAL);
    assert_int_equal(p2_err_from_wire(66), P2_ERR_STATE_MISSING);
    assert_int_equal(p2_err_from_wire(44), P2_ERR_CONNECTION_LOST);
    const uint32_t refused[] = {0, 12, 19, 31, 45, 67, 80, 86, 87, UINT32_MAX, 1u << 31};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(p2_err_from_wire(refused[i]), P2_ERR_INTERNAL);
    }
}

static void who_may_try_again(void **state) {
    (void)state;
    assert_true(p2_err_retryable(P2_ERR_OVERLOADED));
    assert_true(p2_err_retryable(P2_ERR_NO_CAPABLE_PEER));
    assert_true(p2_err_retryable(P2_ERR_EXECUTION_FAILED));
    assert_false(p2_err_retryable(P2_ERR_BAD_PAYLOAD));
    assert_false(p2_err_retryable(P2_ERR_BAD_PARAMETER));
    assert_false(p2_err_retryable(P2_ERR_STATE_MISSING));
    assert_false(p2_err_retryable(P2_ERR_CANCELLED));
    assert_false(p2_err_retryable(P2_OK));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_camel_case_and_differ),
        cmocka_unit_test(numbers_from_the_wire),
        cmocka_unit_test(who_may_try_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
