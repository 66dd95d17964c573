// Decimal text to doubles and back, held against strtod and printf of the C locale.
#include "base/decimal.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "cmocka_all.h"

// In units of the last place, apart.
static int64_t apart(double a, double b) {
    int64_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x > y ? x - y : y - x;
}

static void compare(const char *text, int64_t ulps) {
    double got = NAN, want = strtod(text, NULL);
    bool ok = p2_decimal_parse(text, &got);
    if (ok != isfinite(want)) fail_msg("%s: %d", text, ok);
    if (ok && apart(got, want) > ulps) fail_msg("%s: %.17g is not %.17g", text, got, want);
}

static void short_numbers_are_the_nearest(void **state) {
    (void)state;
    char text[64];
    for (int i = -2000; i <= 2000; i++) {
        snprintf(text, sizeof text, "%.3f", i / 1000.0);
        compare(text, 0);
    }
    static const char *const some[] = {"0",     "-0",    "+1",      "1.",     ".5",    "0.7",  "-9.81", "1e22",
                                       "1E-22", "1e+05", "00007.5", "1e0003", "3e-10", "0e99", "1e-999"};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) compare(some[i], 0);
}

static void any_number_is_within_one_place(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 7);
    char text[400];
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = p2_rng_next(&rng);
        double v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v)) continue;
        snprintf(text, sizeof text, "%.*g", 1 + i % 25, v);
        compare(text, 1);
        if (i % 100 == 0) {
            snprintf(text, sizeof text, "%.30f", v);
            if (strlen(text) < sizeof text - 1) compare(text, 1);
        }
    }
    static const char *const edges[] = {"1.7976931348623157e308",
                                        "1.7976931348623159e308",
                                        "1.8e308",
                                        "-1e309",
                                        "1e310",
                                        "2.2250738585072014e-308",
                                        "4.9406564584124654e-324",
                                        "2.2250738585072011e-308",
                                        "1e-330",
                                        "1e9999",
                                        "1e-99999",
                                        "99999999999999999999999",
                                        "0.00000000000000000000000000000001234567890123456789",
                                        "9007199254740993",
                                        "12345678901234567890e-5"};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) compare(edges[i], 1);
}

static void what_is_no_number_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"",   "+",   "-",   ".",   "e5",    "1e",    "1e+",   "--1", "1,5", "1 ",
                                        " 1", "nan", "inf", "0x1", "1.2.3", "1e5.0", "1e5e5", "+-1", "1f"};
    double v;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(p2_decimal_parse(wrong[i], &v));
}

static void every_locale_prints_a_point(void **state) {
    (void)state;
    char text[64] = "-0,75e+10", arabic[] = "1\xd9\xab"
                                            "5";
    p2_decimal_plain(text);
    assert_string_equal(text, "-0.75e+10");
    p2_decimal_plain(arabic);
    assert_string_equal(arabic, "1.5");
    static const char *const names[] = {"C", "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"}; // those that are there
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!setlocale(LC_ALL, names[i])) continue;
        struct p2_strbuf s;
        p2_strbuf_init(&s, text, sizeof text);
        p2_decimal_print(&s, "%g", 0.7);
        p2_decimal_print(&s, "%.2f", -3.0);
        assert_string_equal(text, "0.7-3.00");
        double v;
        assert_true(p2_decimal_parse("0.7", &v));
        assert_int_equal(apart(v, 0.7), 0);
    }
    setlocale(LC_ALL, "C");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_numbers_are_the_nearest),
        cmocka_unit_test(any_number_is_within_one_place),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(every_locale_prints_a_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
