// When tasks are due, how long synthetic peers take, numbers as people write them, what payloads carry.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "loadtest/core/arrival.h"
#include "loadtest/core/dist.h"
#include "loadtest/core/quantity.h"
#include "loadtest/core/synthetic.h"

static uint64_t count(const struct arrival_phase *phases, uint32_t n, bool poisson, uint64_t seed, p2_ns from,
                      p2_ns to) {
    struct arrival a;
    uint64_t sum = 0;
    p2_ns last = 0;
    arrival_init(&a, phases, n, poisson, seed);
    for (p2_ns at = arrival_next(&a); at != P2_NEVER; at = arrival_next(&a)) {
        assert_true(at >= last && at <= arrival_span(phases, n));
        last = at;
        sum += at >= from && at < to;
    }
    assert_int_equal(arrival_next(&a), P2_NEVER); // and stays over
    return sum;
}

static void a_constant_rate_is_even(void **state) {
    (void)state;
    const struct arrival_phase p = {.rate = 1000, .rate_to = 1000, .duration_ns = 2 * P2_SEC};
    struct arrival a;
    arrival_init(&a, &p, 1, false, 1);
    for (int i = 0; i < 2000; i++) assert_true(llabs(arrival_next(&a) - i * P2_MS) <= 1);
    assert_int_equal(arrival_next(&a), P2_NEVER);
}

static void a_ramp_has_its_area(void **state) {
    (void)state;
    const struct arrival_phase p[] = {{.rate = 0, .rate_to = 1000, .duration_ns = 10 * P2_SEC},
                                      {.rate = 1000, .rate_to = 0, .duration_ns = 10 * P2_SEC}};
    assert_int_equal(count(p, 2, false, 1, 0, P2_NEVER), 10000);
    assert_true(llabs((int64_t)count(p, 2, false, 1, 0, 5 * P2_SEC) - 1250) <= 1);
    assert_true(llabs((int64_t)count(p, 2, false, 1, 15 * P2_SEC, P2_NEVER) - 1250) <= 1);
    assert_true(fabs(arrival_total(p, 2) - 10000) < 0.001);
}

static void a_burst_comes_at_once_and_beside_a_rate(void **state) {
    (void)state;
    const struct arrival_phase p[] = {{.rate = 10, .rate_to = 10, .duration_ns = P2_SEC},
                                      {.burst = 20000, .duration_ns = P2_SEC},
                                      {.burst = 5, .rate = 10, .rate_to = 10, .duration_ns = P2_SEC}};
    assert_int_equal(count(p, 3, false, 1, 0, P2_SEC), 10);
    assert_int_equal(count(p, 3, false, 1, P2_SEC, P2_SEC + 1), 20000);
    assert_int_equal(count(p, 3, false, 1, 2 * P2_SEC, P2_NEVER), 15);
}

static void random_gaps_are_the_seeds(void **state) {
    (void)state;
    const struct arrival_phase p = {.rate = 1000, .rate_to = 1000, .duration_ns = 100 * P2_SEC};
    uint64_t one = count(&p, 1, true, 1, 0, P2_NEVER), two = count(&p, 1, true, 2, 0, P2_NEVER);
    assert_int_equal(one, count(&p, 1, true, 1, 0, P2_NEVER));
    assert_int_not_equal(one, two);
    assert_true(one > 98500 && one < 101500); // 5 standard deviations
    struct arrival a;
    arrival_init(&a, &p, 1, true, 3);
    p2_ns last = 0;
    double squares = 0;
    for (int i = 0; i < 50000; i++) {
        p2_ns at = arrival_next(&a);
        double off = (double)(at - last) / (double)P2_MS - 1;
        squares += off * off;
        last = at;
    }
    assert_true(fabs(squares / 50000 - 1) < 0.1); // an exponential's deviation is its mean
}

static void a_scaled_schedule_has_as_many_more(void **state) {
    (void)state;
    struct arrival_phase p[] = {{.rate = 100, .rate_to = 300, .burst = 10, .duration_ns = P2_SEC}};
    arrival_scale(p, 1, 2.5);
    assert_int_equal(count(p, 1, false, 1, 0, P2_NEVER), 525);
}

static void distributions_have_their_shape(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double mean, p50, p99; // ms
    } all[] = {{"5ms", 5, 5, 5},
               {"uniform 1ms 9ms", 5, 5, 8.92},
               {"exponential 5ms", 5, 3.466, 23.03},
               {"lognormal 5ms 20ms", 5.97, 5, 20}};
    enum { N = 40001 };
    double *got = malloc(N * sizeof *got);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct dist d;
        struct p2_rng r;
        double sum = 0;
        uint32_t below50 = 0, below99 = 0;
        assert_true(dist_parse(all[i].text, &d));
        p2_rng_init(&r, 11);
        for (int k = 0; k < N; k++) {
            double ms = (double)dist_sample(&d, &r) / 1e6;
            sum += ms;
            below50 += ms <= all[i].p50;
            below99 += ms <= all[i].p99;
        }
        assert_true(fabs(sum / N - all[i].mean) < 0.03 * all[i].mean);
        assert_true(fabs((double)dist_mean(&d) / 1e6 - all[i].mean) < 0.01 * all[i].mean);
        if (i == 0) continue;
        assert_true(fabs(below50 / (double)N - 0.5) < 0.02);
        assert_true(fabs(below99 / (double)N - 0.99) < 0.005);
    }
    free(got);
}

static void what_is_no_distribution_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "5",
                                        "-5ms",
                                        "uniform 5ms",
                                        "uniform 9ms 1ms",
                                        "lognormal 0 5ms",
                                        "gauss 1ms 2ms",
                                        "5ms 6ms",
                                        "uniform 1ms 2ms 3ms",
                                        "exponential 601s",
                                        "exponential aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    struct dist d = {DIST_CONSTANT, 17, 0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(dist_parse(wrong[i], &d));
        assert_int_equal(d.a, 17);
    }
}

static void quantities(void **state) {
    (void)state;
    p2_ns t;
    uint64_t n;
    double d;
    assert_true(quantity_span("1.5s", &t) && t == 1500 * P2_MS);
    assert_true(quantity_span("250us", &t) && t == 250 * P2_US);
    assert_true(quantity_span("2m", &t) && t == 120 * P2_SEC);
    assert_true(quantity_span("0", &t) && t == 0);
    assert_true(quantity_bytes("64KiB", &n) && n == 65536);
    assert_true(quantity_bytes("1KB", &n) && n == 1000);
    assert_true(quantity_bytes("0.5KiB", &n) && n == 512);
    assert_true(quantity_share("5%", &d) && fabs(d - 0.05) < 1e-12);
    assert_true(quantity_number("1000", &d) && d == 1000);
    static const char *const wrong[] = {"",     "x",     "-1s", "1 s",   "1e400s", "nan",
                                        "infs", "0x10s", "5",   "1e15s", "+1s",    " 1s"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(quantity_span(wrong[i], &t));
    assert_false(quantity_bytes("1.5", &n));
    assert_false(quantity_bytes("1TiB", &n));
    assert_false(quantity_share("101%", &d));
    assert_false(quantity_number("5ms", &d));
}

static void payloads_say_what_they_are(void **state) {
    (void)state;
    const struct synthetic s = {.task = 3, .result_bytes = 70000, .content = 0xfffffff0};
    struct synthetic back;
    uint8_t bytes[SYNTHETIC_HEADER];
    synthetic_put(&s, bytes);
    assert_true(synthetic_get(bytes, &back));
    assert_memory_equal(&s, &back, sizeof s);
    bytes[0] ^= 1;
    assert_false(synthetic_get(bytes, &back));
    uint8_t whole[1000], part[1000];
    synthetic_fill(5, false, 0, whole, sizeof whole);
    for (uint32_t at = 0, n; at < sizeof part; at += n) {
        n = at % 13 + 1 < sizeof part - at ? at % 13 + 1 : (uint32_t)sizeof part - at;
        synthetic_fill(5, false, at, part + at, n);
    }
    assert_memory_equal(whole, part, sizeof whole);
    synthetic_fill(6, false, 0, part, sizeof part);
    assert_memory_not_equal(whole, part, sizeof whole);
    uint32_t zeros = 0;
    synthetic_fill(5, true, 0, part, sizeof part);
    for (uint32_t i = 0; i < sizeof part; i++) zeros += part[i] == 0;
    assert_in_range(zeros, 480, 520);
    assert_memory_equal(whole, part, 64);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_rate_is_even),
        cmocka_unit_test(a_ramp_has_its_area),
        cmocka_unit_test(a_burst_comes_at_once_and_beside_a_rate),
        cmocka_unit_test(random_gaps_are_the_seeds),
        cmocka_unit_test(a_scaled_schedule_has_as_many_more),
        cmocka_unit_test(distributions_have_their_shape),
        cmocka_unit_test(what_is_no_distribution_is_refused),
        cmocka_unit_test(quantities),
        cmocka_unit_test(payloads_say_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
